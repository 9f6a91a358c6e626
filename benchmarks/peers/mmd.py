"""The windowed kernel two-sample test: does a window of traffic come from where benign traffic came from?

Source: Liu, Guo, Dong, An embarrassingly simple detector for model extraction attacks in large language model API
traffic, arXiv 2606.05725, section 3; Gretton et al., A kernel two-sample test, JMLR 2012, lemma 6 (the unbiased
estimate). Gaussian kernels at 0.5, 1, 2 and 4 times the median distance, averaged. The paper compares a window with
twenty benign samples of its size and takes the mean; here it is compared with one larger sample, the same in
expectation and of less variance, to the test's advantage. Their encoder is a trained sentence model; here it is the
embedder that all peers share.
"""

from __future__ import annotations

import numpy as np

from benchmarks.peers.window import Floats, Statistic, Window

FACTORS = (0.5, 1.0, 2.0, 4.0)
"""Of the median distance; each twice the one before, which is what makes powers of one exponential enough."""

REFERENCE = 4_000
"""Benign queries that a window is compared with."""

MEDIAN_OF = 1_000


def fit_mmd(benign: Floats, rng: np.random.Generator) -> Statistic:
    """The unbiased squared MMD between a window and a benign sample."""
    chosen = benign[rng.permutation(len(benign))[:REFERENCE]]
    some = chosen[:MEDIAN_OF]
    squared = 2.0 - 2.0 * (some @ some.T)[np.triu_indices(len(some), 1)]
    widest = FACTORS[-1] ** 2 * float(np.median(squared[squared > 1e-6]))
    n = len(chosen)
    own = (float(kernel(chosen @ chosen.T, widest).sum(dtype=np.float64)) - n) / (n * (n - 1))

    def mmd(window: Window) -> float:
        m = len(window)
        if m < 2:
            return 0.0
        within = (float(kernel(window.products, widest).sum(dtype=np.float64)) - m) / (m * (m - 1))
        across = float(kernel(window.vectors @ chosen.T, widest).mean(dtype=np.float64))
        return within + own - 2.0 * across

    return mmd


def kernel(products: Floats, widest: float) -> Floats:
    """Mean of the Gaussian kernels for unit vectors with these inner products. widest: its squared width."""
    power: Floats = np.exp((products - 1.0) / widest)
    out = power.copy()
    for _ in FACTORS[1:]:
        power = power * power
        power *= power
        out += power
    return np.asarray(out / len(FACTORS), np.float32)
