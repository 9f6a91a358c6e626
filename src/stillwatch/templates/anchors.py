"""Pours and the anchors that many of them show: what the fingerprints leave for finding moulds, in bounded memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.engine.parts import read_parts
from stillwatch.schema import N_CHUNKS
from stillwatch.templates import kernels

Words = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]

SORTED_KEYS = 1 << 13
"""Keys that are sorted at a time: with what they need they stay in the nearest cache."""

_ENDS = ("head_hash", "tail_hash", "system_hash")


@dataclass(frozen=True, slots=True)
class Index:
    """Ascending, evenly spread keys, found by their top bits."""

    keys: Words
    starts: Ints
    shift: np.uint64

    @classmethod
    def of(cls, keys: Words) -> Index:
        """The index of ascending keys."""
        bits = max(1, len(keys).bit_length() - 1)
        starts = np.zeros((1 << bits) + 1, np.int64)
        shift = np.uint64(64 - bits)
        kernels.index_keys(keys, shift, starts)
        return cls(keys, starts, shift)


@dataclass(frozen=True, slots=True)
class Pours:
    """Distinct pairs of system prompt and prompt, numbered by their keys, with the frequent anchors they show.

    Shapes: n pours: start (n,) int64, count (n,) uint8: its anchors are anchors[start : start + count]; limits (n, 3)
    uint16, n_kept (n, 3) uint8: of the three regions' chunks (`kernels.place_anchors`); words (n,) uint16.
    m anchors: key (m,) uint64 ascending; shown (m,) int64: pours that show it; text (m,) uint64: equal for the same
    chunk in another region; kind (m,) int8; level (m,) uint16: a chunk's top bits.
    """

    index: Index
    start: Ints
    count: npt.NDArray[np.uint8]
    anchors: npt.NDArray[np.int32]
    limits: npt.NDArray[np.uint16]
    n_kept: npt.NDArray[np.uint8]
    words: npt.NDArray[np.uint16]
    key: Words
    shown: Ints
    text: Words
    kind: npt.NDArray[np.int8]

    @property
    def n(self) -> int:
        """How many pours there are."""
        return len(self.start)

    @property
    def n_anchors(self) -> int:
        """How many anchors are frequent."""
        return len(self.key)

    @property
    def level(self) -> npt.NDArray[np.uint16]:
        """Top bits of each anchor's chunk."""
        return (self.text >> np.uint64(48)).astype(np.uint16)


def over_ranges(work: Callable[[int, int], object], n: int, threads: int, block: int) -> None:
    """Do [0, n) in blocks, side by side; each block writes only its own part of the result."""
    ranges = [(first, min(n, first + block)) for first in range(0, n, block)]
    if threads < 2 or len(ranges) < 2:
        for first, last in ranges:
            work(first, last)
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, first, last) for first, last in ranges]:
            done.result()


def hashes_of(part: pa.Table, name: str) -> tuple[Words, npt.NDArray[np.bool_]]:
    """A column of hashes as unsigned numbers, 0 where null, and where it is present."""
    column = part[name]
    values = pc.fill_null(column, 0).to_numpy().astype(np.int64).view(np.uint64)
    return values, column.is_valid().to_numpy()


def keys_of(part: pa.Table) -> Words:
    """The key of each exchange's pour, 0 without text."""
    prompts, has_prompt = hashes_of(part, "prompt_hash")
    systems, has_system = hashes_of(part, "system_hash")
    out = np.empty(len(prompts), np.uint64)
    kernels.pour_keys(prompts, has_prompt, systems, has_system, out)
    return out


def pours_of(part: pa.Table, index: Index) -> Ints:
    """The number of each exchange's pour, -1 without text."""
    keys = keys_of(part)
    out = np.empty(len(keys), np.int64)
    kernels.find_pours(keys, index.keys, index.starts, index.shift, out)
    return out


def gather_pours(fingerprints: Path, scratch: Path, least: int, *, memory_mb: int) -> Pours:
    """All pours of the fingerprints, with the anchors that at least `least` of them show.

    Reads the parts three times, so that only what is frequent is ever held; keys of anchors are sorted in pieces.
    Cost: n log n in exchanges; memory about 40 bytes a pour and 25 a frequent anchor, beside `memory_mb` / 8.
    """
    found = [_distinct(keys_of(part)) for part in read_parts(fingerprints, ("prompt_hash", "system_hash"))]
    keys = _distinct(np.concatenate(found)) if found else np.zeros(0, np.uint64)
    index = Index.of(keys[keys > 0])
    n = len(index.keys)
    del found, keys
    key, shown = _frequent(fingerprints, scratch, index, least, memory_mb)
    lookup = Index.of(key)
    start, count = np.zeros(n, np.int64), np.zeros(n, np.uint8)
    anchors = np.empty(int(shown.sum()), np.int32)
    limits, n_kept = np.zeros((n, 3), np.uint16), np.zeros((n, 3), np.uint8)
    words = np.zeros(n, np.uint16)
    text, kind = np.zeros(len(key), np.uint64), np.zeros(len(key), np.int8)
    at = 0
    for rows, pours, part in _first_rows(fingerprints, index):
        prompt_words = pc.fill_null(part["prompt_words"], 0).to_numpy()
        at = kernels.place_anchors(
            rows, pours, *_texts(part), prompt_words, lookup.keys, lookup.starts, lookup.shift, at,
            text, kind, start, count, anchors, limits, n_kept, words,
        )  # fmt: skip
    return Pours(index, start, count, anchors, limits, n_kept, words, key, shown, text, kind)


def _distinct(values: Words) -> Words:
    """The values once each, ascending. Sorted in place: numpy's own way, by hashing, takes four times as long."""
    values.sort()
    return values[np.concatenate([[True], values[1:] != values[:-1]])] if len(values) else values


def _first_rows(fingerprints: Path, index: Index) -> Iterator[tuple[Ints, Ints, pa.Table]]:
    """Each part with its rows that show a pour for the first time, and every row's pour."""
    seen = np.zeros(len(index.keys) // 8 + 1, np.uint8)
    for part in read_parts(fingerprints, ("prompt_hash", "chunks", "prompt_words", *_ENDS)):
        pours = pours_of(part, index)
        rows = np.empty(len(pours), np.int64)
        yield rows[: kernels.first_rows(pours, seen, rows)], pours, part


def _texts(part: pa.Table) -> tuple[Words, Words, npt.NDArray[np.bool_]]:
    """Chunks (n, 16), hashes of head, tail and system prompt (n, 3), and which of these there are."""
    ends, present = zip(*(hashes_of(part, name) for name in _ENDS), strict=True)
    array = part["chunks"].combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks else pa.array([], array.type)
    chunks = np.zeros((len(array), N_CHUNKS), np.uint64)
    content = array.buffers()[1]
    if content is not None and len(array):
        stored = np.frombuffer(content, np.uint64, len(array) * N_CHUNKS, array.offset * N_CHUNKS * 8)
        present_rows = array.is_valid().to_numpy(zero_copy_only=False)
        chunks[present_rows] = stored.reshape(-1, N_CHUNKS)[present_rows]
    return chunks, np.stack(ends, axis=1), np.stack(present, axis=1)


def _frequent(fingerprints: Path, scratch: Path, index: Index, least: int, memory_mb: int) -> tuple[Words, Ints]:
    """Keys of the anchors that enough pours show, ascending, and how many pours those are."""
    piece_bytes = max(1 << 20, memory_mb << 16)
    n_pieces = max(1, -(-len(index.keys) * kernels.PER_POUR * 8 // piece_bytes))
    keys: list[Words] = [np.zeros(0, np.uint64)]
    counts: list[Ints] = [np.zeros(0, np.int64)]
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        paths = [Path(folder) / str(i) for i in range(n_pieces)]
        for rows, _, part in _first_rows(fingerprints, index):
            out = np.empty(len(rows) * kernels.PER_POUR, np.uint64)
            listed = out[: kernels.list_anchors(rows, *_texts(part), out)]
            dealt, ends = np.empty(len(listed), np.uint64), np.zeros(n_pieces, np.int64)
            kernels.deal_out(listed, n_pieces, ends, dealt)
            for path, piece in zip(paths, np.split(dealt, ends[:-1]), strict=True):
                with path.open("ab") as file:
                    file.write(piece.data)
        for path in paths:
            listed = np.fromfile(path, np.uint64) if path.exists() else np.zeros(0, np.uint64)
            path.unlink(missing_ok=True)
            dealt, ends = np.empty_like(listed), np.zeros(n_pieces * (1 + len(listed) // SORTED_KEYS), np.int64)
            kernels.deal_out(listed, len(ends), ends, dealt)
            for piece in np.split(dealt, ends[:-1]):
                piece.sort()
            listed = dealt
            starts = (
                np.flatnonzero(np.concatenate([[True], listed[1:] != listed[:-1]]))
                if len(listed)
                else np.zeros(0, np.int64)
            )
            sizes = np.diff(np.append(starts, len(listed)))
            keep = sizes >= least
            keys.append(listed[starts[keep]])
            counts.append(sizes[keep])
    return np.concatenate(keys), np.concatenate(counts)
