"""Intervals of what was counted: shares, and events that happen now and then."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import beta, chi2, t

CONFIDENCE = 0.95


def share_interval(successes: int, n: int) -> tuple[float, float]:
    """The share of successes, between which bounds: Clopper and Pearson 1934, at `CONFIDENCE`; 0 to 1 for none of 0."""
    tail = (1.0 - CONFIDENCE) / 2.0
    low = float(beta.ppf(tail, successes, n - successes + 1)) if successes else 0.0
    high = float(beta.ppf(1.0 - tail, successes + 1, n - successes)) if successes < n else 1.0
    return low, high


def at_most(events: int) -> float:
    """How many events are expected at most where so many were seen: one-sided, at `CONFIDENCE`; 3.0 where none was.

    Source: Garwood, Fiducial limits for the Poisson distribution, Biometrika 1936.
    """
    return float(chi2.ppf(CONFIDENCE, 2 * (events + 1)) / 2.0)


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """(mean, low, high) of shares by Student's t over seeds, within 0 and 1; one value says nothing of its spread."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, 0.0, 1.0
    half = float(t.ppf(0.5 + CONFIDENCE / 2, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return mean, max(mean - half, 0.0), min(mean + half, 1.0)
