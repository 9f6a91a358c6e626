"""CatchSync: accounts whose targets are all alike, and unlike what others turn to.

Source: Jiang, Cui, Beutel, Faloutsos, Yang, CatchSync: catching synchronized behavior in large directed graphs, KDD
2014, sections 3 and 4: each target lies at (in-degree, authority) in a grid of log bins; an account's synchronicity is
the chance that two of its targets fall into one cell, its normality that one of its own and one of anybody's do; for a
given normality synchronicity has a lower bound, a parabola (theorem 1), and what lies far above it is suspicious.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix

from benchmarks.peers.world import INDICATORS, World

Floats = NDArray[np.float64]

LEAST = 3
"""Targets without which an account has no behaviour to be synchronised."""

STEPS = 30
"""Of the power iteration for HITS' authorities."""


def catchsync(world: World, names: tuple[str, ...] = INDICATORS) -> Floats:
    """How far each account's synchronicity lies above the bound at its normality; -inf below `LEAST` targets."""
    account, thing, n_things = world.links(names)
    table = coo_matrix((np.ones(len(account)), (account, thing)), (world.n_units, n_things)).tocsr()
    authority = np.ones(n_things)
    for _ in range(STEPS):
        authority = table.T @ (table @ authority)
        authority /= np.linalg.norm(authority)
    cell = np.floor(np.log2(np.bincount(thing, minlength=n_things) + 1.0)) * 1000
    cell += np.floor(np.log2(np.maximum(authority, 1e-12)))
    _, cell_of = np.unique(cell, return_inverse=True)
    n_cells = int(cell_of.max()) + 1
    spread = coo_matrix((np.ones(len(account)), (account, cell_of[thing])), (world.n_units, n_cells)).toarray()
    targets = spread.sum(axis=1)
    own = spread / np.maximum(targets, 1.0)[:, None]
    everybody = spread.sum(axis=0) / spread.sum()
    synchronicity, normality = (own**2).sum(axis=1), own @ everybody
    background = float(everybody @ everybody)
    bound = (-n_cells * normality**2 + 2.0 * normality - background) / (1.0 - n_cells * background)
    return np.where(targets >= LEAST, synchronicity - bound, -np.inf)[world.unit]
