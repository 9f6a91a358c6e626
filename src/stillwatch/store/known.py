"""Which of some new exchanges a store holds already: told by the hashes of their ids."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from numba import njit

from stillwatch.profiles.index import Ints


def already_known(hashes: Ints, files: Iterable[Path]) -> npt.NDArray[np.bool_]:
    """Which hashes are among the column `exchange` of some fingerprints.

    Shapes: hashes (n,) distinct; returns (n,).
    Cost: 8 bytes read and one place looked up for each exchange in the files; memory for the new ones alone.
    """
    met = np.zeros(len(hashes), np.bool_)
    if len(hashes) == 0:
        return met
    table = np.full(1 << int(4 * len(hashes)).bit_length(), -1, np.int64)
    _place(hashes.view(np.uint64), table)
    for path in files:
        for batch in pq.ParquetFile(path).iter_batches(1 << 20, columns=["exchange"]):
            _mark(batch.column(0).to_numpy().view(np.uint64), hashes.view(np.uint64), table, met)
    return met


@njit(cache=True, nogil=True)
def _place(hashes, table):  # type: ignore[no-untyped-def]
    """Put the rows of hashes into an open table of a power of two slots, -1 where there is none."""
    slots = np.uint64(table.shape[0] - 1)
    for i in range(hashes.shape[0]):
        slot = (hashes[i] ^ (hashes[i] >> np.uint64(32))) & slots
        while table[slot] >= 0:
            slot = (slot + np.uint64(1)) & slots
        table[slot] = i


@njit(cache=True, nogil=True)
def _mark(old, hashes, table, met):  # type: ignore[no-untyped-def]
    """Mark which of the placed hashes are among the old ones."""
    slots = np.uint64(table.shape[0] - 1)
    for i in range(old.shape[0]):
        h = old[i]
        slot = (h ^ (h >> np.uint64(32))) & slots
        while table[slot] >= 0:
            if hashes[table[slot]] == h:
                met[table[slot]] = True
                break
            slot = (slot + np.uint64(1)) & slots
