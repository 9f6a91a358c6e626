"""Which exchanges came more than once: told by 64-bit hashes of their ids, in bounded memory."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

MEMORY_ROWS = 32_000_000
"""Rows held before they go to disk: 16 bytes each, half a gigabyte."""

_PARTITIONS = 64

Int64s = npt.NDArray[np.int64]


def duplicate_positions(hashes: Int64s, positions: Int64s) -> Int64s:
    """Positions of all but the first exchange of each hash, sorted; the first is the one at the lowest position.

    Assumes: no two ids share a hash by chance: among 100 million ids, one chance in 3,700.   Cost: O(n log n).
    """
    # Hashes alone are sorted several times faster than pairs, and hardly any comes twice.
    ordered = np.sort(hashes)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(twice):
        return np.zeros(0, np.int64)
    rows = np.flatnonzero(np.isin(hashes, twice))
    rows = rows[np.lexsort((positions[rows], hashes[rows]))]
    again = hashes[rows[1:]] == hashes[rows[:-1]]
    return np.sort(positions[rows[1:]][again])


class Duplicates:
    """Collects (hash of the exchange's id, position) of a whole run, and says which positions to drop.

    Past `memory_rows` rows they go to files in `folder` (a temporary one by default), divided by hash, so that equal
    hashes meet in one file.
    """

    def __init__(self, folder: Path | None = None, memory_rows: int = MEMORY_ROWS) -> None:
        self._folder = folder
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._memory_rows = memory_rows
        self._held: list[tuple[Int64s, Int64s]] = []
        self._n_held = 0
        self._spilled = False
        self.n_rows = 0

    def __enter__(self) -> Duplicates:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, hashes: Int64s, positions: Int64s) -> None:
        """Take in some exchanges."""
        if len(hashes) != len(positions):
            raise ValueError(f"{len(hashes)} hashes for {len(positions)} positions")
        self._held.append((hashes.astype(np.int64), positions.astype(np.int64)))
        self._n_held += len(hashes)
        self.n_rows += len(hashes)
        if self._n_held > self._memory_rows:
            self._spill()

    def to_drop(self) -> Int64s:
        """Positions of exchanges that came before, sorted."""
        if not self._spilled:
            return duplicate_positions(*self._joined()) if self._held else np.zeros(0, np.int64)
        self._spill()
        dropped = []
        for i in range(_PARTITIONS):
            path = self._path(i)
            if path.exists():
                pairs = np.fromfile(path, np.int64).reshape(-1, 2)
                dropped.append(duplicate_positions(pairs[:, 0], pairs[:, 1]))
        return np.sort(np.concatenate(dropped)) if dropped else np.zeros(0, np.int64)

    def close(self) -> None:
        """Remove the files."""
        self._held = []
        if self._spilled:
            for i in range(_PARTITIONS):
                self._path(i).unlink(missing_ok=True)
        if self._temporary is not None:
            self._temporary.cleanup()

    def _joined(self) -> tuple[Int64s, Int64s]:
        return np.concatenate([one for one, _ in self._held]), np.concatenate([one for _, one in self._held])

    def _path(self, partition: int) -> Path:
        if self._folder is None:
            self._temporary = self._temporary or tempfile.TemporaryDirectory(prefix="stillwatch-")
            return Path(self._temporary.name) / f"ids-{partition:02}.bin"
        return self._folder / f"ids-{partition:02}.bin"

    def _spill(self) -> None:
        if not self._held:
            return
        hashes, positions = self._joined()
        part = (hashes.view(np.uint64) >> np.uint64(58)).astype(np.int64)
        for i in np.unique(part):
            mine = part == i
            with self._path(int(i)).open("ab") as file:
                np.stack((hashes[mine], positions[mine]), axis=1).tofile(file)
        self._held, self._n_held, self._spilled = [], 0, True
