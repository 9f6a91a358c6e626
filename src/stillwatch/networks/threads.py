"""Compiled loops over groups, in threads: each group by itself, so that their number changes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

THREADS = min(8, os.cpu_count() or 1)
"""Threads at most."""

MANY = 100_000
"""Units to look at from which more than one thread is worth its scratch space."""


def in_threads(task: Callable[[int, int], object], work: npt.NDArray[np.int64]) -> None:
    """Call task(first, last) for ranges that cover all groups, with about the same work in each.

    Shapes: work (n,) units to look at, of each group.
    """
    done = np.concatenate([[0], np.cumsum(work)])
    n_ranges = THREADS if done[-1] >= MANY else 1
    bounds = np.searchsorted(done, np.linspace(0, done[-1], n_ranges + 1)[1:-1]).tolist()
    first, last = [0, *bounds], [*bounds, len(work)]
    if n_ranges == 1:
        task(0, len(work))
        return
    with ThreadPoolExecutor(n_ranges) as pool:
        list(pool.map(task, first, last))
