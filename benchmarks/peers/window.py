"""What a test of pooled queries is given, and what it says: one number for a window of embedded queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(slots=True)
class Window:
    """Queries taken together. vectors: (n, d) unit vectors; their inner products are worked out once, for all tests.

    across: (n,) mean kernel of each query with the benign sample (`mmd`), where that was worked out beforehand.
    """

    vectors: Floats
    across: Floats | None = None
    _products: Floats | None = None

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def products(self) -> Floats:
        """Cosines of all pairs. Shapes: (n, n)."""
        if self._products is None:
            self._products = self.vectors @ self.vectors.T
        return self._products

    @property
    def pairs(self) -> Floats:
        """Cosines of each pair once. Shapes: (n (n - 1) / 2,)."""
        return self.products[np.triu_indices(len(self), 1)]


Statistic = Callable[[Window], float]
"""The larger, the more suspicious; a test that suspects both tails is centred by `two_sided`."""


def two_sided(statistic: Statistic, benign: list[float]) -> Statistic:
    """How far a statistic lies from what is usual in benign windows, to either side, in spreads of that side.

    Spread: from the median of benign values to their 90th or 10th percentile.
    """
    low, middle, high = (float(x) for x in np.percentile(benign, [10, 50, 90]))

    def score(window: Window) -> float:
        value = statistic(window)
        spread = high - middle if value > middle else middle - low
        return float(abs(value - middle) / max(spread, 1e-12))

    return score
