"""Rhythms as indicators: accounts that are active in the same ten minutes far oftener than chance allows.

Each unit's active bins are MinHashed after bins in which everybody is active were weighted down, and neighbouring
hashes become band values. Units that share a band are proposed as synchronous; whether they are is tested later on
the group. No pair of units is ever held.   Source: SynchroTrap (Cao et al., CCS 2014), with bands for pairs.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from stillwatch.profiles.index import Ints

BIN_SECONDS = 600
"""Fine enough that ordinary people rarely share many bins, coarse enough for a queue's delay."""

N_BANDS = 12
ROWS = 2
MIN_BINS = 8
"""Units with fewer active bins have no rhythm to speak of."""


@njit(cache=True, nogil=True)
def _mix(x):  # type: ignore[no-untyped-def]
    x ^= x >> np.uint64(33)
    x *= np.uint64(0xFF51AFD7ED558CCD)
    x ^= x >> np.uint64(33)
    x *= np.uint64(0xC4CEB9FE1A85EC53)
    return x ^ (x >> np.uint64(33))


@njit(cache=True, nogil=True)
def _signatures(offsets, bins, weight, out):  # type: ignore[no-untyped-def]
    """Weighted MinHash (exponential race) of each unit's bins. Shapes: out (n_units, n_hashes) int64."""
    n_hashes = out.shape[1]
    for unit in range(offsets.shape[0] - 1):
        for h in range(n_hashes):
            best = np.inf
            chosen = np.int64(-1)
            for at in range(offsets[unit], offsets[unit + 1]):
                bin_ = bins[at]
                if weight[bin_] <= 0:
                    continue
                mixed = _mix(
                    np.uint64(bin_) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(h + 1) * np.uint64(0xD6E8FEB86659FD93)
                )
                u = (np.float64(mixed >> np.uint64(11)) + 1.0) / 9007199254740993.0
                score = -np.log(u) / weight[bin_]
                if score < best:
                    best = score
                    chosen = bin_
            out[unit, h] = chosen


def rhythm_bands(unit: Ints, bin_: Ints, n_units: int) -> tuple[Ints, Ints]:
    """Units and band values, one pair a unit and band.

    Shapes: unit, bin_ (n_pairs,) distinct pairs, sorted by unit; bins count from 0.   Cost: O(n_pairs).
    """
    if len(unit) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    counts = np.bincount(unit, minlength=n_units)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    users = np.bincount(bin_).astype(np.float64)
    weight = np.where(users > 1, np.log2(n_units / np.maximum(users, 1.0)), 0.0)
    signatures = np.full((n_units, N_BANDS * ROWS), -1, np.int64)
    _signatures(offsets, bin_, np.maximum(weight, 0.0) ** 2, signatures)
    fit = counts >= MIN_BINS
    units, values = [], []
    for band in range(N_BANDS):
        columns = signatures[:, band * ROWS : (band + 1) * ROWS]
        ok = fit & (columns >= 0).all(axis=1) & (columns[:, 0] != columns[:, 1])
        rows = np.flatnonzero(ok)
        units.append(rows)
        key = (columns[rows, 0] << 22) ^ columns[rows, 1] ^ (np.int64(band) << 50)
        values.append(key)
    return np.concatenate(units), np.concatenate(values)
