"""CAP: who extracts a model has to cover the space of queries, more widely than honest users do.

Source: the coverage-aware defence of Stealing and defending the ends of LLMs (2025), whose detection half arXiv
2606.05725 compares itself with: queries fall into buckets of a random hyperplane hash; how many buckets a caller has
reached, how often a query opens a new one, and how far queries spread make up a cost. Both tails are suspect, as there.
"""

from __future__ import annotations

import numpy as np

from benchmarks.peers.window import Floats, Statistic, Window

BITS = 12
"""Hyperplanes: 4,096 buckets."""


def fit_cap(benign: Floats, rng: np.random.Generator) -> Statistic:
    """Reach of a window: share of queries that open a bucket, plus their spread about their mean."""
    planes = rng.standard_normal((benign.shape[1], BITS)).astype(np.float32)
    powers = 1 << np.arange(BITS)
    centre = benign.mean(axis=0)

    def cap(window: Window) -> float:
        buckets = ((window.vectors - centre) @ planes >= 0) @ powers
        mean = window.vectors.mean(axis=0)
        spread = 1.0 - float(mean @ mean)
        return len(np.unique(buckets)) / len(window) + spread

    return cap
