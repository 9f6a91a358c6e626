"""Compiled sums over exchanges, account by account: integers only, so that no order of adding changes them."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def add_projections(account, projection, use, sums, squares, counts):  # type: ignore[no-untyped-def]
    """Add each used row's projection (int8) to its account's sum, and its squared length to `squares`.

    Shapes: account (n,) int64; projection (n, dims) int8; use (n,) bool; sums (n_accounts, dims) int64;
    squares, counts (n_accounts,) int64.
    """
    dims = projection.shape[1]
    for row in range(account.shape[0]):
        if not use[row]:
            continue
        a = account[row]
        counts[a] += 1
        total = np.int64(0)
        for d in range(dims):
            value = np.int64(projection[row, d])
            sums[a, d] += value
            total += value * value
        squares[a] += total


@njit(cache=True, nogil=True)
def add_markers(account, markers, counts):  # type: ignore[no-untyped-def]
    """Count each marker bit by account. Shapes: account, markers (n,) int64; counts (n_accounts, n_bits) int64."""
    bits = counts.shape[1]
    for row in range(account.shape[0]):
        value = markers[row]
        for bit in range(bits):
            if (value >> bit) & 1:
                counts[account[row], bit] += 1


@njit(cache=True, nogil=True)
def add_hours(account, hour, counts):  # type: ignore[no-untyped-def]
    """Count exchanges by account and hour of the day. Shapes: account, hour (n,); counts (n_accounts, 24) int64."""
    for row in range(account.shape[0]):
        counts[account[row], hour[row]] += 1
