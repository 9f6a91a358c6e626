"""Tests of windows of embedded queries, put to each account's own queries: the use their papers describe first."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.embedding import Embedder
from benchmarks.peers.window import Statistic, Window
from benchmarks.peers.world import Ints, World

Floats = NDArray[np.float64]

Setting = Callable[[Floats, Ints], Floats]
"""What is made of a statistic's values, given how many queries each account has."""

WINDOW = 1_500
"""Queries of an account that are looked at: the window of arXiv 2606.05725."""

LEAST = 20
"""Queries without which no test says anything; such an account is never accused."""

SIZES = (20, 50, 100, 200, 500, 1_500)
"""Sizes that chance is worked out for; an account is compared with the next smaller."""


def by_account(
    world: World, embedder: Embedder, statistics: dict[str, Statistic]
) -> tuple[dict[str, Floats], Ints, dict[str, float]]:
    """What each test says of each account's first `WINDOW` queries, how many those are, and processor seconds.

    Shapes: (n_accounts,) each, -inf below `LEAST` queries. The embedding's seconds are in each test's.
    """
    order, offsets = world.by_account()
    out = {name: np.full(world.n, -np.inf) for name in statistics}
    seconds = dict.fromkeys(statistics, 0.0)
    chosen = [order[offsets[a] : offsets[a + 1]][:WINDOW] for a in range(world.n)]
    looked_at = [a for a in range(world.n) if len(chosen[a]) >= LEAST]
    start = time.process_time()
    vectors = embedder([world.prompts[row] for a in looked_at for row in chosen[a]])
    embedding = time.process_time() - start
    first = 0
    for account in looked_at:
        n = len(chosen[account])
        window = Window(vectors[first : first + n])
        first += n
        for name, statistic in statistics.items():
            start = time.process_time()
            out[name][account] = statistic(window)
            seconds[name] += time.process_time() - start
    queries = np.array([len(rows) for rows in chosen], np.int64)
    return out, queries, {name: took + embedding for name, took in seconds.items()}


def beyond_chance(statistic: Statistic, benign: NDArray[np.float32], rng: np.random.Generator) -> Setting:
    """A statistic in spreads of what samples of benign traffic of that size give: no advantage to large accounts."""
    mean, spread = [], []
    for size in SIZES:
        drawn = [statistic(Window(benign[rng.permutation(len(benign))[:size]])) for _ in range(20)]
        mean.append(float(np.mean(drawn)))
        spread.append(float(np.std(drawn)) + 1e-12)

    def scored(values: Floats, queries: Ints) -> Floats:
        at = np.maximum(np.searchsorted(SIZES, queries, side="right") - 1, 0)
        return np.asarray((values - np.array(mean)[at]) / np.array(spread)[at])

    return scored


def both_tails(benign: Sequence[float]) -> Setting:
    """How far a statistic lies from its benign values, to either side, as `window.two_sided`."""
    low, middle, high = np.percentile(benign, [10, 50, 90])

    def scored(values: Floats, queries: Ints) -> Floats:
        known = np.isfinite(values)
        spread = np.where(values > middle, high - middle, middle - low)
        return np.where(known, np.abs(np.where(known, values, middle) - middle) / np.maximum(spread, 1e-12), -np.inf)

    return scored


def as_it_is(values: Floats, queries: Ints) -> Floats:
    """The statistic itself."""
    return values


def honest_sample(world: World, n: int, rng: np.random.Generator) -> list[str]:
    """Prompts of honest accounts: the benign history that these tests start from."""
    rows = np.flatnonzero(world.honest[world.account])
    return [world.prompts[row] for row in rng.permutation(rows)[:n]]
