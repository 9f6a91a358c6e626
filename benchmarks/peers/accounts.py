"""Tests of windows of embedded queries, put to each account's own queries: the use their papers describe first."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.embedding import Embedder
from benchmarks.peers.window import Statistic, Window
from benchmarks.peers.world import World

Floats = NDArray[np.float64]

WINDOW = 1_500
"""Queries of an account that are looked at: the window of arXiv 2606.05725."""

LEAST = 20
"""Queries without which no test says anything; such an account is never accused."""

SIZES = (20, 50, 100, 200, 500, 1_500)
"""Sizes that chance is worked out for; an account is compared with the next smaller."""


def by_account(
    world: World, embedder: Embedder, statistics: dict[str, Statistic]
) -> tuple[dict[str, Floats], dict[str, float]]:
    """What each test says of each account's first `WINDOW` queries, and the seconds it took, embedding included.

    Shapes: (n_accounts,) each, -inf below `LEAST` queries.
    """
    order, offsets = world.by_account()
    out = {name: np.full(world.n, -np.inf) for name in statistics}
    seconds = dict.fromkeys(statistics, 0.0)
    chosen = [order[offsets[a] : offsets[a + 1]][:WINDOW] for a in range(world.n)]
    looked_at = [a for a in range(world.n) if len(chosen[a]) >= LEAST]
    start = time.perf_counter()
    vectors = embedder([world.prompts[row] for a in looked_at for row in chosen[a]])
    embedding = time.perf_counter() - start
    first = 0
    for account in looked_at:
        n = len(chosen[account])
        window = Window(vectors[first : first + n])
        first += n
        for name, statistic in statistics.items():
            start = time.perf_counter()
            out[name][account] = statistic(window)
            seconds[name] += time.perf_counter() - start
    return out, {name: took + embedding for name, took in seconds.items()}


def beyond_chance(statistic: Statistic, benign: NDArray[np.float32], rng: np.random.Generator) -> Statistic:
    """A statistic in spreads of what samples of benign traffic of that size give: no advantage to large accounts."""
    chance = {}
    for size in SIZES:
        drawn = [statistic(Window(benign[rng.permutation(len(benign))[:size]])) for _ in range(30)]
        chance[size] = (float(np.mean(drawn)), float(np.std(drawn)) + 1e-12)

    def score(window: Window) -> float:
        mean, spread = chance[max(size for size in SIZES if size <= max(len(window), SIZES[0]))]
        return (statistic(window) - mean) / spread

    return score


def honest_sample(worlds: Sequence[World], n: int, rng: np.random.Generator) -> list[str]:
    """Prompts of honest accounts, drawn from all worlds alike: the benign history that these tests start from."""
    out: list[str] = []
    for world in worlds:
        rows = np.flatnonzero(world.honest[world.account])
        out += [world.prompts[row] for row in rng.permutation(rows)[: n // len(worlds)]]
    return out
