"""A bounded sample of full texts, for showing what a template looks like; gone when the scan ends, however it ends.

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

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

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
    """The sample, in one file of at most `limit_bytes` that has no name from the start: no texts outlive the process.

    Assumes: every position is offered once.
    """

    def __init__(self, path: Path, limit_bytes: int = 256 << 20) -> None:
        self.path, self.limit_bytes = path, limit_bytes
        self._threshold = 2**64
        self._by_key: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self._kept: dict[int, _Kept] = {}
        self._live_bytes = 0
        self._end = 0
        self._cursor = 0
        try:
            self._file: BinaryIO = path.open("x+b", buffering=BUFFER_BYTES)
            path.unlink()
        except OSError as error:
            raise OutputError(f"cannot keep examples: {error.strerror}", source=str(path)) from None

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go, and its texts with it."""
        self._file.close()

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
        """Show a batch of exchanges and its fingerprints to the sample, row by row in their order."""
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
            raise OutputError(
                f"cannot keep examples: {error.strerror}",
                source=str(self.path),
                hint="free some space, or use --exemplars none",
            ) from None

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
        """Move what is kept to the front of the file; it only ever moves down."""
        end = 0
        for kept in sorted(self._kept.values(), key=lambda kept: kept.at):
            content = self._read(kept)
            self._write(end, content)
            kept.at = end
            end += len(content)
        self._end = end
        self._file.flush()
        os.ftruncate(self._file.fileno(), end)


def _cut(value: pa.Scalar) -> bytes | None:
    return value.as_buffer().to_pybytes()[:TEXT_BYTES] if value.is_valid else None


def _text(content: bytes) -> str:
    # A cut may fall inside a character; its first bytes are left away.
    return content.decode("utf-8", "ignore")
