"""FRAUDAR: the densest block of accounts and things, with common things counting less, found by greedy peeling.

Source: Hooi, Song, Beutel, Shah, Shin, Faloutsos, FRAUDAR: bounding graph fraud in the face of camouflage, KDD 2016,
algorithm 1 with column weights 1 / log(degree + 5) (section 4.2); further blocks as in its section 5, by taking the
block's links away and searching again.
"""

from __future__ import annotations

import heapq

import numpy as np
from numba import njit
from numpy.typing import NDArray

from benchmarks.peers.world import INDICATORS, World

Floats = NDArray[np.float64]

BLOCKS = 12
"""Blocks sought, from the densest down."""


def fraudar(world: World, names: tuple[str, ...] = INDICATORS) -> Floats:
    """The density of the first block that holds an account, 0 for those in none. Shapes: (n_accounts,)."""
    account, thing, n_things = world.links(names)
    weight = 1.0 / np.log(np.bincount(thing, minlength=n_things) + 5.0)
    n = world.n_units + n_things
    alive = np.ones(len(account), np.bool_)
    out = np.zeros(world.n_units)
    for _ in range(BLOCKS):
        a, t = account[alive], thing[alive] + world.n_units
        if not len(a):
            break
        ends = np.concatenate([a, t])
        others = np.concatenate([t, a])
        order = np.argsort(ends, kind="stable")
        offsets = np.searchsorted(ends[order], np.arange(n + 1))
        values = np.concatenate([weight[thing[alive]]] * 2)[order]
        left, density = _peel(offsets, others[order], values, n)
        block = np.zeros(n, np.bool_)
        block[left] = True
        out = np.where((out == 0) & block[: world.n_units], density, out)
        alive &= ~(block[account] & block[thing + world.n_units])
    return out[world.unit]


@njit(cache=True)
def _peel(offsets, others, values, n):  # type: ignore[no-untyped-def]
    """The nodes of the densest block on the way of taking away the node of least weight, and its mean weight."""
    degree = np.zeros(n)
    total = 0.0
    for node in range(n):
        for i in range(offsets[node], offsets[node + 1]):
            degree[node] += values[i]
        total += degree[node] / 2.0
    heap = [(degree[node], node) for node in range(n)]
    heapq.heapify(heap)
    gone = np.zeros(n, np.bool_)
    taken = np.empty(n, np.int64)
    best, best_at = total / n, 0
    for step in range(n - 1):
        while True:
            least, node = heapq.heappop(heap)
            if not gone[node] and least <= degree[node] + 1e-12:
                break
        gone[node] = True
        taken[step] = node
        total -= degree[node]
        for i in range(offsets[node], offsets[node + 1]):
            other = others[i]
            if not gone[other]:
                degree[other] -= values[i]
                heapq.heappush(heap, (degree[other], other))
        density = total / (n - step - 1)
        if density > best:
            best, best_at = density, step + 1
    left = np.ones(n, np.bool_)
    for step in range(best_at):
        left[taken[step]] = False
    return np.flatnonzero(left), best
