"""SynchroTrap: accounts that do the same things within the same hours, clustered by single linkage.

Source: Cao, Yang, Yu, Palow, SynchroTrap: uncovering large groups of active malicious accounts in online social
networks, CCS 2014, sections 3 and 4: an action is an account, a constraint object (an address, an app) and a time; two
actions match if object and time window agree; the likeness of two accounts is the Jaccard index of their actions;
single-linkage clusters above a size are malicious.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import coo_matrix

from benchmarks.peers.world import World

Floats = NDArray[np.float64]

WINDOW_US = 3_600_000_000
"""Actions of one hour match: the window that the paper uses for most applications."""

BUSIEST = 2_000
"""Accounts of one object in one hour above which it is left out, as the paper leaves out its most popular objects."""


def synchrotrap(world: World, constraint: str, smallest: int) -> Floats:
    """The likeness at which each account comes to stand in a cluster of this size, from 1 down to 0.

    constraint: one of `world.INDICATORS`; `hour`: no object, the hour alone (global likeness over all that it does).
    """
    hour = world.at_us // WINDOW_US
    thing = np.zeros(len(hour), np.int64) if constraint == "hour" else world.shared[constraint]
    has = thing >= 0
    _, action = np.unique((thing * (int(hour.max()) + 1) + hour)[has], return_inverse=True)
    n_actions = int(action.max()) + 1
    pairs = np.unique(world.unit[world.account[has]] * n_actions + action)
    account, action = pairs // n_actions, pairs % n_actions
    sizes = np.bincount(account, minlength=world.n_units)
    holders = np.bincount(action, minlength=n_actions)
    kept = (holders[action] > 1) & (holders[action] <= BUSIEST)
    table = coo_matrix(
        (np.ones(kept.sum(), np.float32), (account[kept], action[kept])), (world.n_units, n_actions)
    ).tocsr()
    both = (table @ table.T).tocoo()
    upper = both.row < both.col
    first, second, common = both.row[upper], both.col[upper], both.data[upper]
    alike = common / (sizes[first] + sizes[second] - common)
    enough = (common >= 2) & (alike > 0.01)
    order = np.argsort(-alike[enough], kind="stable")
    joined = _linkage(
        first[enough][order].astype(np.int64),
        second[enough][order].astype(np.int64),
        alike[enough][order].astype(np.float64),
        world.n_units,
        smallest,
    )
    return np.asarray(joined[world.unit])


@njit(cache=True)
def _linkage(first, second, alike, n, smallest):  # type: ignore[no-untyped-def]
    """Join pairs from the most alike down; each account gets the likeness at which its cluster reached the size."""
    parent, size = np.arange(n), np.ones(n, np.int64)
    following, last = np.full(n, -1), np.arange(n)
    out = np.zeros(n)
    for i in range(first.shape[0]):
        a, b = first[i], second[i]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        if a == b:
            continue
        if size[a] < size[b]:
            a, b = b, a
        for root, other in ((a, b), (b, a)):
            if size[root] < smallest <= size[root] + size[other]:
                member = root
                while member >= 0:
                    out[member] = alike[i]
                    member = following[member]
        parent[b] = a
        size[a] += size[b]
        following[last[a]] = b
        last[a] = last[b]
    return out
