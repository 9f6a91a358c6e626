"""The windowed kernel two-sample test: does a window of traffic come from where benign traffic came from?

Source: Liu, Guo, Dong, An embarrassingly simple detector for model extraction attacks in large language model API
traffic, arXiv 2606.05725, section 3; Gretton et al., A kernel two-sample test, JMLR 2012, lemma 6 (the unbiased
estimate). Gaussian kernels at 0.5, 1, 2 and 4 times the median distance, averaged. The paper compares a window with
twenty benign samples of its size and takes the mean; here it is compared with one larger sample, the same in
expectation and of less variance, to the test's advantage. Their encoder is a trained sentence model; here it is the
embedder that all peers share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.peers.window import Floats, Window

FACTORS = (0.5, 1.0, 2.0, 4.0)
"""Of the median distance; each twice the one before, which is what makes powers of one exponential enough."""

REFERENCE = 2_000
"""Benign queries that a window is compared with; the paper takes as many as the window has, 1,500 at the most."""

MEDIAN_OF = 1_000
"""Benign queries whose pairs the median is taken from."""

_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Mmd:
    """The test, fitted. sample: (REFERENCE, d) benign queries; own: their mean kernel with each other."""

    sample: Floats
    widest: float
    own: float

    def across(self, vectors: Floats) -> Floats:
        """The mean kernel of each query with the benign sample. Shapes: (n, d) to (n,)."""
        parts = [vectors[at : at + _AT_ONCE] for at in range(0, len(vectors), _AT_ONCE)]
        return np.concatenate([kernel(part @ self.sample.T, self.widest).mean(axis=1) for part in parts])

    def __call__(self, window: Window) -> float:
        """The unbiased squared MMD between a window and the benign sample."""
        m = len(window)
        if m < 2:
            return 0.0
        within = (float(kernel(window.products, self.widest).sum(dtype=np.float64)) - m) / (m * (m - 1))
        across = self.across(window.vectors) if window.across is None else window.across
        return within + self.own - 2.0 * float(across.mean(dtype=np.float64))


def fit_mmd(benign: Floats, rng: np.random.Generator) -> Mmd:
    """The test against a sample of benign queries."""
    chosen = benign[rng.permutation(len(benign))[:REFERENCE]]
    some = chosen[:MEDIAN_OF]
    squared = 2.0 - 2.0 * (some @ some.T)[np.triu_indices(len(some), 1)]
    widest = FACTORS[-1] ** 2 * float(np.median(squared[squared > 1e-6]))
    n = len(chosen)
    own = (float(kernel(chosen @ chosen.T, widest).sum(dtype=np.float64)) - n) / (n * (n - 1))
    return Mmd(chosen, widest, own)


def kernel(products: Floats, widest: float) -> Floats:
    """Mean of the Gaussian kernels for unit vectors with these inner products. widest: its squared width."""
    power: Floats = np.exp((products - 1.0) / widest)
    out = power.copy()
    for _ in FACTORS[1:]:
        power = power * power
        power *= power
        out += power
    return np.asarray(out / len(FACTORS), np.float32)
