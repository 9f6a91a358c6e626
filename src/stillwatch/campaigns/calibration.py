"""From numbers to bits: how rare a number is among honest ones, and never more than that sample can show."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def rank_bits(value: float, null: Floats, *, high: bool = True) -> float:
    """log2 of (n + 1) over (1 + null values as extreme): at most log2(n + 1), at least 0; 0 for NaN.

    Assumes: null values are exchangeable with the value if there is nothing to find.
    Source: Davison and Hinkley, Bootstrap Methods and their Application, 4.2 (Monte Carlo p-values).
    """
    if np.isnan(value):
        return 0.0
    sample = null[~np.isnan(null)]
    as_extreme = int((sample >= value).sum() if high else (sample <= value).sum())
    return float(np.log2((len(sample) + 1) / (as_extreme + 1)))


def rank_bits_in(value: float, null: Floats) -> float:
    """`rank_bits` of a number, neither being NaN, against a null that is sorted: for many numbers, one at a time."""
    return float(np.log2((len(null) + 1) / (len(null) - int(np.searchsorted(null, value)) + 1)))


def rank_bits_of_all(values: Floats, null: Floats, *, high: bool = True) -> Floats:
    """`rank_bits` of many values against one null; values that are in the null count themselves."""
    sample = np.sort(null[~np.isnan(null)])
    n = len(sample)
    if high:
        as_extreme = n - np.searchsorted(sample, values, side="left")
    else:
        as_extreme = np.searchsorted(sample, values, side="right")
    bits = np.log2((n + 1) / (as_extreme + 1))
    return np.where(np.isnan(values), 0.0, bits)
