"""PRADA: distances to the nearest other query are normal in honest use, and not in a query set that was made.

Source: Juuti, Szyller, Marchal, Asokan, PRADA: protecting against DNN model stealing attacks, EuroS&P 2019, section V:
the smallest distance of each query to those before it, values beyond three standard deviations left out, and the
Shapiro-Wilk statistic W of the rest; an alarm where W falls below a threshold. The paper keeps a set for each class
that the model answers with; a language model has no classes, so the stream is one set, as arXiv 2606.05725 takes it.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import shapiro

from benchmarks.peers.window import Window

LEAST = 10
"""Distances without which W says nothing."""


def prada(window: Window) -> float:
    """1 - W of the distances to the nearest other query: 0 where they are normal. 0 as well below `LEAST` queries.

    In a pooled window the order of arrival means nothing, so the nearest is sought among all of it.
    """
    if len(window) < LEAST:
        return 0.0
    products = window.products.copy()
    np.fill_diagonal(products, -1.0)
    distances = np.sqrt(np.maximum(2.0 - 2.0 * products.max(axis=1), 0.0)).astype(np.float64)
    spread = float(distances.std())
    if spread < 1e-9:
        return 1.0
    kept = distances[np.abs(distances - distances.mean()) <= 3.0 * spread]
    if len(kept) < LEAST or float(np.ptp(kept)) < 1e-9:
        return 1.0
    return 1.0 - float(shapiro(kept).statistic)
