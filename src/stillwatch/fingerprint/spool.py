"""A bounded sample of full texts, for showing what a template looks like; gone when the scan has ended.

Whether an exchange is in the sample is decided by hashes and by what came before it, never by how the rows were split
into batches: of every head, tail and system prompt, the exchanges with the smallest hashes are kept. When the texts
outgrow half the limit, only exchanges whose hash is below a threshold stay, and the threshold halves each time:
common templates keep their examples, what was sent once or twice makes room.
"""

from __future__ import annotations

import os
from bisect import insort
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stillwatch.engine.parts import write_table
from stillwatch.errors import OutputError

PER_KEY = 8
"""Exchanges kept of one head, one tail, or one system prompt."""

TEXT_BYTES = 8192
"""Of each of the two texts."""

BUFFER_BYTES = 1 << 20
"""Of the file, so that texts are written many at a time."""

PLACE_BYTES = 1024
"""What an exchange counts beside its texts, for its place in memory: tiny texts must not fill that instead."""

KEYS = ("head_hash", "tail_hash", "system_hash")

_FIRST_THRESHOLD = 2**64

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
        pa.field("system_prompt", pa.binary()),
        pa.field("prompt", pa.binary()),
    ]
)
"""What a sample has to be shown of a batch; texts cut to `TEXT_BYTES`, and so perhaps inside a character."""


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
        for name in ("system_prompt", "prompt"):
            texts = batch.column(name)
            columns.append(pa.array([_cut(texts[row]) for row in rows.tolist()], pa.binary()))
        return pa.Table.from_arrays(columns, schema=CANDIDATES)


@dataclass(slots=True)
class _Kept:
    """Where an exchange's texts lie in the file, and how many keys hold them; -1: there is no such text."""

    at: int
    system_bytes: int
    prompt_bytes: int
    holders: int = 0

    @property
    def size(self) -> int:
        return max(0, self.system_bytes) + max(0, self.prompt_bytes)


class Spool:
    """The sample, in one file of at most `limit_bytes`.

    named False: the file has no name from the start, and no text outlives the process. True: it stays beside `path`,
    readable for its owner only, so that another process can go on from what `save` wrote; whoever made it removes it.
    Assumes: every position is offered once.
    """

    def __init__(self, path: Path, limit_bytes: int = 256 << 20, *, named: bool = False) -> None:
        self.path, self.limit_bytes, self.named = path, limit_bytes, named
        self._threshold = _FIRST_THRESHOLD
        self._by_key: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self._kept: dict[int, _Kept] = {}
        self._live_bytes = 0
        self._end = 0
        self._cursor = 0
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
        rows = [
            (kind, key, hashed, position, kept.at, kept.system_bytes, kept.prompt_bytes)
            for (kind, key), held in self._by_key.items()
            for hashed, position in held
            for kept in (self._kept[position],)
        ]
        columns = list(zip(*rows, strict=True)) or [()] * len(_INDEX)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, _INDEX, strict=True)]
        write_table(pa.table(arrays, schema=_INDEX), index)
        try:
            self._file.flush()
        except OSError as error:
            raise self._cannot(error) from None
        halvings = _FIRST_THRESHOLD.bit_length() - self._threshold.bit_length()
        self._saved = self.texts_path
        return Saved(self.texts_path.name, self._end, halvings)

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
        spool = cls.__new__(cls)
        spool.path, spool.limit_bytes, spool.named = path, limit_bytes, True
        spool._threshold = _FIRST_THRESHOLD >> saved.halvings
        spool._by_key, spool._kept, spool._live_bytes = {}, {}, 0
        spool._end = spool._cursor = saved.end
        spool._generation = int(saved.file.removeprefix(f"{path.name}-").removesuffix(".bin"))
        spool._saved = spool.texts_path
        for kind, key, hashed, position, at, n_system, n_prompt in zip(*table.to_pydict().values(), strict=True):
            spool._by_key.setdefault((kind, key), []).append((hashed, position))
            kept = spool._kept.get(position)
            if kept is None:
                kept = spool._kept[position] = _Kept(at, n_system, n_prompt)
                spool._live_bytes += kept.size + PLACE_BYTES
            kept.holders += 1
        if spool.texts_path.stat().st_size < saved.end:
            raise ValueError("the sampled texts are cut off")
        spool._file = spool.texts_path.open("r+b", buffering=BUFFER_BYTES)
        spool._file.truncate(saved.end)
        spool._file.seek(saved.end)
        spool.forget()
        return spool

    def positions(self) -> NDArray[np.int64]:
        """Positions of the exchanges in the sample, ascending."""
        return np.array(sorted(self._kept), np.int64)

    def texts(self, positions: NDArray[np.int64]) -> dict[int, tuple[str | None, str | None]]:
        """System prompt and prompt of those of the positions that are in the sample, each cut to `TEXT_BYTES`."""
        found: dict[int, tuple[str | None, str | None]] = {}
        for position in positions.tolist():
            kept = self._kept.get(position)
            if kept is not None:
                content = self._read(kept)
                cut = max(0, kept.system_bytes)
                found[position] = (
                    _text(content[:cut]) if kept.system_bytes >= 0 else None,
                    _text(content[cut:]) if kept.prompt_bytes >= 0 else None,
                )
        return found

    def offer(self, batch: pa.RecordBatch, fingerprints: pa.RecordBatch) -> None:
        """Show a batch of exchanges and its fingerprints to the sample, row by row in their order.

        A batch of `CANDIDATES` is both.
        """
        hashes = fingerprints.column("exchange").to_numpy().view(np.uint64)
        keys = [fingerprints.column(name) for name in KEYS]
        holds_text = np.zeros(len(hashes), np.bool_)
        for column in keys:
            holds_text |= column.is_valid().to_numpy(zero_copy_only=False)
        if self._threshold < 2**64:
            holds_text &= hashes < np.uint64(self._threshold)
        rows = np.flatnonzero(holds_text)
        if not len(rows):
            return
        chosen = pa.array(rows)
        columns = [column.take(chosen).to_pylist() for column in keys]
        positions = fingerprints.column("position").take(chosen).to_pylist()
        systems, prompts = batch.column("system_prompt"), batch.column("prompt")
        for i, row in enumerate(rows.tolist()):
            self._consider(row, positions[i], int(hashes[row]), [column[i] for column in columns], systems, prompts)

    def _consider(
        self, row: int, position: int, hashed: int, keys: list[int | None], systems: pa.Array, prompts: pa.Array
    ) -> None:
        if hashed >= self._threshold:
            return
        entry = (hashed, position)
        holders = []
        for kind, key in enumerate(keys):
            if key is not None:
                held = self._by_key.setdefault((kind, key), [])
                if len(held) < PER_KEY or entry < held[-1]:
                    holders.append(held)
        if not holders:
            return
        self._append(position, _cut(systems[row]), _cut(prompts[row]))
        for held in holders:
            insort(held, entry)
            self._kept[position].holders += 1
            if len(held) > PER_KEY:
                self._release(held.pop()[1])
        while self._live_bytes * 2 > self.limit_bytes:
            self._raise_threshold()

    def _append(self, position: int, system: bytes | None, prompt: bytes | None) -> None:
        content = (system or b"") + (prompt or b"")
        if self._end + len(content) > self.limit_bytes:
            self._compact()
        self._write(self._end, content)
        self._kept[position] = _Kept(
            self._end, -1 if system is None else len(system), -1 if prompt is None else len(prompt)
        )
        self._end += len(content)
        self._live_bytes += len(content) + PLACE_BYTES

    def _read(self, kept: _Kept) -> bytes:
        self._cursor = kept.at + kept.size
        self._file.seek(kept.at)
        return self._file.read(kept.size)

    def _write(self, at: int, content: bytes) -> None:
        try:
            # A seek empties the buffer: one for every text would be one write to the disk for every text.
            if at != self._cursor:
                self._file.seek(at)
            self._cursor = at + len(content)
            self._file.write(content)
        except OSError as error:
            raise self._cannot(error) from None

    def _cannot(self, error: OSError) -> OutputError:
        hint = "free some space, or use --exemplars none"
        return OutputError(f"cannot keep examples: {error.strerror}", source=str(self.path), hint=hint)

    def _new_file(self) -> BinaryIO:
        path = self.texts_path
        try:
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b", buffering=BUFFER_BYTES)
            if not self.named:
                path.unlink()
        except OSError as error:
            raise self._cannot(error) from None
        return file

    def _release(self, position: int) -> None:
        kept = self._kept[position]
        kept.holders -= 1
        if not kept.holders:
            self._live_bytes -= kept.size + PLACE_BYTES
            del self._kept[position]

    def _raise_threshold(self) -> None:
        self._threshold //= 2
        for key in list(self._by_key):
            held = self._by_key[key]
            while held and held[-1][0] >= self._threshold:
                self._release(held.pop()[1])
            if not held:
                del self._by_key[key]

    def _compact(self) -> None:
        """Copy what is kept into a new file: a saved sample still needs the old one."""
        kept_in_order = sorted(self._kept.values(), key=lambda kept: kept.at)
        old, old_path = self._file, self.texts_path
        self._generation += 1
        new = self._new_file()
        end = 0
        try:
            for kept in kept_in_order:
                content = self._read(kept)
                new.write(content)
                kept.at = end
                end += len(content)
        except OSError as error:
            new.close()
            raise self._cannot(error) from None
        old.close()
        if self.named and old_path != self._saved:
            old_path.unlink()
        self._file, self._end, self._cursor = new, end, end


def _cut(value: pa.Scalar) -> bytes | None:
    return value.as_buffer().to_pybytes()[:TEXT_BYTES] if value.is_valid else None


def _text(content: bytes) -> str:
    # A cut may fall inside a character; its first bytes are left away.
    return content.decode("utf-8", "ignore")
