"""Marginal Mahalanobis: queries far from the centre of benign traffic, as one Gaussian without classes.

Source: Podolskiy et al., Revisiting Mahalanobis distance for transformer-based out-of-domain detection, AAAI 2021,
the marginal form; a window's score is the mean over its queries, as arXiv 2606.05725 takes it.
"""

from __future__ import annotations

import numpy as np

from benchmarks.peers.window import Floats, Statistic, Window

RIDGE = 1e-6
"""Added to each variance, as the comparison of arXiv 2606.05725 does."""


def fit_mahalanobis(benign: Floats) -> Statistic:
    """The mean squared Mahalanobis distance of a window's queries from benign ones."""
    mean = benign.mean(axis=0)
    centred = (benign - mean).astype(np.float64)
    covariance = centred.T @ centred / len(centred) + RIDGE * np.eye(benign.shape[1])
    root = np.linalg.cholesky(np.linalg.inv(covariance)).astype(np.float32)

    def mahalanobis(window: Window) -> float:
        return float((((window.vectors - mean) @ root) ** 2).sum(axis=1).mean())

    return mahalanobis
