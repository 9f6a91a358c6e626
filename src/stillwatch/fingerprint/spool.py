"""A bounded sample of full texts, for showing what a template looks like; gone when the scan has ended.

Whether an exchange is in the sample is decided by hashes and by what came before it, never by how the rows were split
into batches: of every head, tail and system prompt, the exchanges with the smallest hashes are kept. When the texts
outgrow half the limit, only exchanges whose hash is below a threshold stay, and the threshold halves each time:
common templates keep their examples, what was sent once or twice makes room.
"""

from __future__ import annotations

import os
from bisect import insort
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numba import njit
from numpy.typing import NDArray

from stillwatch.engine.copying import copy_text
from stillwatch.engine.parts import write_table
from stillwatch.errors import OutputError
from stillwatch.fingerprint.choosing import PER_KEY, Choice, Holdings, Ints
from stillwatch.fingerprint.hashing import texts_of

TEXT_BYTES = 8192
"""Of each of the two texts."""

READ_BYTES = 8 << 20
"""Of the file in one go, where texts are moved or given back."""

PLACE_BYTES = 1024
"""What an exchange counts beside its texts, for its place in memory: tiny texts must not fill that instead."""

KEYS = ("head_hash", "tail_hash", "system_hash")

SAMPLE = pa.schema([("position", pa.int64()), ("system", pa.string()), ("prompt", pa.string())])
"""The sampled texts, from which examples are made."""

_INDEX = pa.schema(
    [
        ("kind", pa.int8()),
        ("key", pa.int64()),
        ("hash", pa.uint64()),
        ("position", pa.int64()),
        ("at", pa.int64()),
        ("system_bytes", pa.int64()),
        ("prompt_bytes", pa.int64()),
    ]
)
"""A saved sample without its texts: a row for each key that holds an exchange."""


class Saved(msgspec.Struct, frozen=True):
    """What a sample was when it was saved, beside its index.

    file: name of the file of texts.  end: how far it went.  halvings: of the threshold.
    """

    file: str
    end: int
    halvings: int


CANDIDATES = pa.schema(
    [
        pa.field("position", pa.int64(), nullable=False),
        pa.field("exchange", pa.int64(), nullable=False),
        *(pa.field(name, pa.int64()) for name in KEYS),
        pa.field("system_prompt", pa.string()),
        pa.field("prompt", pa.string()),
    ]
)
"""What a sample has to be shown of a batch; texts cut as the sample cuts them."""


@njit(cache=True, nogil=True)
def _cut_lengths(data, offsets, valid, out):  # type: ignore[no-untyped-def]
    """Bytes kept of each text: at most TEXT_BYTES, and of no character only a part; -1: there is no such text."""
    for row in range(out.shape[0]):
        if not valid[row]:
            out[row] = -1
            continue
        length = offsets[row + 1] - offsets[row]
        if length > TEXT_BYTES:
            length = TEXT_BYTES
            while length > TEXT_BYTES - 4 and data[offsets[row] + length] & 0xC0 == 0x80:
                length -= 1
        out[row] = length


@njit(cache=True, nogil=True)
def _copy(source, source_at, lengths, target, target_at):  # type: ignore[no-untyped-def]
    for i in range(lengths.shape[0]):
        copy_text(source, source_at[i], target, target_at[i], lengths[i])


class _Column:
    """A column of texts as the sample takes them."""

    def __init__(self, array: pa.Array) -> None:
        self._texts = texts_of(array)
        self.lengths = np.empty(len(array), np.int64)
        _cut_lengths(self._texts.data, self._texts.offsets, self._texts.valid, self.lengths)

    def copy(self, rows: Ints, target: NDArray[np.uint8], at: Ints) -> None:
        """Put the texts of some rows where they belong."""
        _copy(self._texts.data, self._texts.offsets[rows], self.lengths[rows], target, at)

    def take(self, rows: Ints) -> pa.StringArray:
        """The texts of some rows."""
        lengths = self.lengths[rows]
        offsets = _offsets(lengths)
        content = np.empty(int(offsets[-1]), np.uint8)
        self.copy(rows, content, offsets)
        return _strings(content, offsets, lengths >= 0)


class Candidates:
    """Chooses, of a stretch of exchanges, those that a sample of more than that stretch might take.

    A sample that is offered these alone, in their order, comes out as if it had been offered all.
    """

    def __init__(self) -> None:
        self._by_key: dict[tuple[int, int], list[int]] = {}

    def of(self, batch: pa.RecordBatch, fingerprints: pa.RecordBatch) -> pa.Table:
        """The candidates of the next batch, as `CANDIDATES`."""
        hashes = fingerprints.column("exchange").to_numpy().view(np.uint64).tolist()
        chosen = np.zeros(len(hashes), np.bool_)
        for kind, name in enumerate(KEYS):
            for row, key in enumerate(fingerprints.column(name).to_pylist()):
                if key is None:
                    continue
                # Equal hashes are of one id; which of them stays is for the sample to say.
                held = self._by_key.setdefault((kind, key), [])
                if len(held) < PER_KEY or hashes[row] <= held[-1]:
                    insort(held, hashes[row])
                    del held[PER_KEY:]
                    chosen[row] = True
        rows = np.flatnonzero(chosen)
        some = pa.array(rows)
        columns = [fingerprints.column(name).take(some) for name in ("position", "exchange", *KEYS)]
        columns += [_Column(batch.column(name)).take(rows) for name in ("system_prompt", "prompt")]
        return pa.Table.from_arrays(columns, schema=CANDIDATES)


class Spool:
    """The sample, in one file of at most `limit_bytes`.

    named False: the file has no name from the start, and no text outlives the process. True: it stays beside `path`,
    readable for its owner only, so that another process can go on from what `save` wrote; whoever made it removes it.
    Assumes: every position is offered once.
    """

    def __init__(self, path: Path, limit_bytes: int = 256 << 20, *, named: bool = False) -> None:
        self.path, self.limit_bytes, self.named = path, limit_bytes, named
        self._choice = Choice(limit_bytes)
        self._end = 0
        self._generation = 0
        self._saved: Path | None = None
        self._file = self._new_file()

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go, and its texts with it."""
        self._file.close()

    @property
    def texts_path(self) -> Path:
        """The file of texts; it is there only where the sample is named."""
        return self.path.with_name(f"{self.path.name}-{self._generation}.bin") if self.named else self.path

    def save(self, index: Path) -> Saved:
        """Write down what `restored` needs to go on from here; the file of texts stays until `forget` is called.

        Raises: OutputError where the disk is full.
        """
        choice, held = self._choice, self._choice.holdings()
        arrays = [held.kind, held.key.view(np.int64), choice.hashes[held.entry], choice.positions[held.entry]]
        arrays += list(choice.places[held.entry].T)
        write_table(pa.table([pa.array(one) for one in arrays], schema=_INDEX), index)
        self._saved = self.texts_path
        return Saved(self.texts_path.name, self._end, choice.halvings)

    def forget(self) -> None:
        """Remove the texts of samples that were saved before the last one."""
        for path in self.path.parent.glob(f"{self.path.name}-*.bin"):
            if path not in (self._saved, self.texts_path):
                path.unlink()

    @classmethod
    def restored(cls, path: Path, saved: Saved, index: Path, limit_bytes: int = 256 << 20) -> Spool:
        """The sample as it was when it was saved.

        Raises: ValueError or OSError where it is not there whole.
        """
        table = pq.read_table(index, schema=_INDEX)
        kind, key, hashes, positions, *places = (table[name].to_numpy() for name in _INDEX.names)
        spool = cls.__new__(cls)
        spool.path, spool.limit_bytes, spool.named = path, limit_bytes, True
        spool._end = saved.end
        spool._generation = int(saved.file.removeprefix(f"{path.name}-").removesuffix(".bin"))
        spool._saved = spool.texts_path
        _, first, entry = np.unique(positions, return_index=True, return_inverse=True)
        at = np.stack(places, axis=1)[first]
        spool._choice = Choice(limit_bytes, saved.halvings)
        spool._choice.restore(
            hashes[first], positions[first], _sizes(at), at, Holdings(kind, key.view(np.uint64), entry.astype(np.int64))
        )
        if spool.texts_path.stat().st_size < saved.end:
            raise ValueError("the sampled texts are cut off")
        spool._file = spool.texts_path.open("r+b", buffering=0)
        spool._file.truncate(saved.end)
        spool.forget()
        return spool

    def positions(self) -> Ints:
        """Positions of the exchanges in the sample, ascending."""
        return np.sort(self._choice.positions[self._choice.live()])

    def table(self) -> pa.Table:
        """Position, system prompt and prompt of all that is in the sample, by position, as `SAMPLE`."""
        choice = self._choice
        entries = choice.live()
        entries = entries[np.argsort(choice.positions[entries])]
        at, n_system, n_prompt = choice.places[entries].T
        in_system, in_prompt = _offsets(n_system), _offsets(n_prompt)
        systems, prompts = np.empty(int(in_system[-1]), np.uint8), np.empty(int(in_prompt[-1]), np.uint8)
        for some, begin, content in self._pieces(at, np.maximum(n_system, 0) + np.maximum(n_prompt, 0)):
            _copy(content, at[some] - begin, n_system[some], systems, in_system[some])
            _copy(content, at[some] - begin + np.maximum(n_system[some], 0), n_prompt[some], prompts, in_prompt[some])
        columns = [pa.array(choice.positions[entries])]
        columns += [_strings(systems, in_system, n_system >= 0), _strings(prompts, in_prompt, n_prompt >= 0)]
        return pa.Table.from_arrays(columns, schema=SAMPLE)

    def offer(self, batch: pa.RecordBatch, fingerprints: pa.RecordBatch) -> None:
        """Show a batch of exchanges and its fingerprints to the sample, row by row in their order.

        A batch of `CANDIDATES` is both.
        """
        columns = [fingerprints.column(name) for name in KEYS]
        has_key = np.stack([column.is_valid().to_numpy(zero_copy_only=False) for column in columns], axis=1)
        if not has_key.any():
            return
        keys = np.stack([column.fill_null(0).to_numpy().view(np.uint64) for column in columns], axis=1)
        system, prompt = _Column(batch.column("system_prompt")), _Column(batch.column("prompt"))
        choice = self._choice
        places = np.stack([np.zeros_like(system.lengths), system.lengths, prompt.lengths], axis=1)
        hashes = fingerprints.column("exchange").to_numpy().view(np.uint64)
        positions = fingerprints.column("position").to_numpy()
        new, rows = choice.consider(hashes, positions, keys, has_key, _sizes(places))
        choice.places[new] = places[rows]
        n_system, n_prompt = np.maximum(system.lengths[rows], 0), np.maximum(prompt.lengths[rows], 0)
        at = _offsets(n_system + n_prompt)
        content = np.empty(int(at[-1]), np.uint8)
        system.copy(rows, content, at)
        prompt.copy(rows, content, at[:-1] + n_system)
        if self._end + len(content) > self.limit_bytes:
            live = choice.live()
            self._compact(np.setdiff1d(live, new, assume_unique=True))
        self._write(self._file, self._end, content)
        choice.places[new, 0] = self._end + at[:-1]
        self._end += len(content)

    def _pieces(self, at: Ints, lengths: Ints) -> Iterator[tuple[Ints, int, NDArray[np.uint8]]]:
        """Stretches of the file that hold texts: which of them, where it begins, and its bytes."""
        order = np.argsort(at, kind="stable")
        ends = np.maximum.accumulate((at + lengths)[order]) if len(order) else at
        first = 0
        while first < len(order):
            begin = int(at[order[first]])
            last = max(first + 1, int(np.searchsorted(ends, begin + READ_BYTES, "right")))
            content = np.frombuffer(os.pread(self._file.fileno(), int(ends[last - 1]) - begin, begin), np.uint8)
            yield order[first:last], begin, content
            first = last

    def _write(self, file: BinaryIO, at: int, content: NDArray[np.uint8]) -> None:
        left = memoryview(content.data)
        try:
            while len(left):
                n = os.pwrite(file.fileno(), left, at)
                left, at = left[n:], at + n
        except OSError as error:
            raise self._cannot(error) from None

    def _cannot(self, error: OSError) -> OutputError:
        hint = "free some space, or use --exemplars none"
        return OutputError(f"cannot keep examples: {error.strerror}", source=str(self.path), hint=hint)

    def _new_file(self) -> BinaryIO:
        path = self.texts_path
        try:
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b", buffering=0)
            if not self.named:
                path.unlink()
        except OSError as error:
            raise self._cannot(error) from None
        return file

    def _compact(self, entries: Ints) -> None:
        """Copy what is kept into a new file: a saved sample still needs the old one."""
        old, old_path = self._file, self.texts_path
        places = self._choice.places
        lengths = np.maximum(places[entries, 1:], 0).sum(axis=1)
        self._generation += 1
        new = self._new_file()
        end = 0
        try:
            for some, begin, content in self._pieces(places[entries, 0], lengths):
                at = _offsets(lengths[some])
                moved = np.empty(int(at[-1]), np.uint8)
                _copy(content, places[entries[some], 0] - begin, lengths[some], moved, at)
                self._write(new, end, moved)
                places[entries[some], 0] = end + at[:-1]
                end += len(moved)
        except OutputError:
            new.close()
            raise
        old.close()
        if self.named and old_path != self._saved:
            old_path.unlink()
        self._file, self._end = new, end


def _sizes(places: Ints) -> Ints:
    sizes: Ints = np.maximum(places[:, 1:], 0).sum(axis=1) + PLACE_BYTES
    return sizes


def _offsets(lengths: Ints) -> Ints:
    """Where texts of such lengths lie one behind the other, and where the last one ends."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(np.maximum(lengths, 0), out=offsets[1:])
    return offsets


def _strings(content: NDArray[np.uint8], offsets: Ints, valid: NDArray[np.bool_]) -> pa.StringArray:
    present = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    buffers = [present, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(content)]
    return pa.StringArray.from_buffers(len(valid), buffers[1], buffers[2], buffers[0])
