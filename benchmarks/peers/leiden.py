"""Leiden communities of the plain graph of accounts and what they share, at modularity's usual resolution.

Source: Traag, Waltman, van Eck, From Louvain to Leiden: guaranteeing well-connected communities, Scientific Reports
2019: local moving of nodes through a queue, refinement inside each community, aggregation by the refined parts.
A community says nothing of guilt, so communities are ranked by a measure of their links.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix

from benchmarks.peers.world import INDICATORS, Ints, World

Floats = NDArray[np.float64]

ROUNDS = 20
"""Rounds at the most; it stops when no two nodes are joined any more."""

SMALLEST = 5
"""Accounts of a community that is ranked at all."""


def leiden(world: World, measure: str, names: tuple[str, ...] = INDICATORS) -> Floats:
    """The measure of each account's community; 0 for those of fewer than `SMALLEST` accounts. Shapes: (n_accounts,).

    measure: `density`, links over possible links inside; `cohesion`, share of its members' links that stay inside;
    `size`, its accounts; `links`, links inside for each account.
    """
    account, thing, n_things = world.links(names)
    n = world.n_units + n_things
    ends, others = np.concatenate([account, thing + world.n_units]), np.concatenate([thing + world.n_units, account])
    graph = coo_matrix((np.ones(len(ends)), (ends, others)), (n, n)).tocsr()
    community = communities(graph)
    k = int(community.max()) + 1
    own, theirs = community[account], community[thing + world.n_units]
    inside = np.bincount(own[own == theirs], minlength=k).astype(np.float64)
    touching = np.bincount(own, minlength=k) + np.bincount(theirs[own != theirs], minlength=k)
    accounts = np.bincount(community[: world.n_units], minlength=k)
    things = np.bincount(community[world.n_units :], minlength=k)
    value = {
        "density": inside / np.maximum(accounts * things, 1),
        "cohesion": inside / np.maximum(touching, 1),
        "size": accounts.astype(np.float64),
        "links": inside / np.maximum(accounts, 1),
    }[measure]
    return np.where(accounts >= SMALLEST, value, 0.0)[community[: world.n_units]][world.unit]


def communities(graph: csr_matrix) -> Ints:
    """The community of each node, numbered from 0. The graph is symmetric; a diagonal counts as links inside."""
    member = np.arange(graph.shape[0])
    start = np.arange(graph.shape[0])
    for _ in range(ROUNDS):
        degree = np.asarray(graph.sum(axis=1)).ravel()
        indptr, indices = graph.indptr.astype(np.int64), graph.indices.astype(np.int64)
        moved = _move(indptr, indices, graph.data, degree, start.copy())
        refined = _refine(indptr, indices, graph.data, degree, moved)
        _, part = np.unique(refined, return_inverse=True)
        k = int(part.max()) + 1
        if k == graph.shape[0]:
            break
        member = part[member]
        share = coo_matrix((np.ones(len(part)), (np.arange(len(part)), part)), (len(part), k)).tocsr()
        graph = (share.T @ graph @ share).tocsr()
        of_part = np.zeros(k, np.int64)
        of_part[part] = moved
        _, start = np.unique(of_part, return_inverse=True)
    _, last = np.unique(moved, return_inverse=True)
    return np.asarray(last[member], np.int64)


@njit(cache=True)
def _move(indptr, indices, weights, degree, community):  # type: ignore[no-untyped-def]
    """Move nodes to the neighbouring community of most gain until none gains; a queue of those to be looked at."""
    n = degree.shape[0]
    total = degree.sum()
    volume = np.zeros(n)
    for node in range(n):
        volume[community[node]] += degree[node]
    queue, waiting = np.arange(n), np.ones(n, np.bool_)
    head, length = 0, n
    to = np.zeros(n)
    while length > 0:
        node = queue[head]
        head = (head + 1) % n
        length -= 1
        waiting[node] = False
        own = community[node]
        volume[own] -= degree[node]
        for i in range(indptr[node], indptr[node + 1]):
            if indices[i] != node:
                to[community[indices[i]]] += weights[i]
        best, gain = own, to[own] - degree[node] * volume[own] / total
        for i in range(indptr[node], indptr[node + 1]):
            c = community[indices[i]]
            this = to[c] - degree[node] * volume[c] / total
            if this > gain + 1e-12:
                best, gain = c, this
        for i in range(indptr[node], indptr[node + 1]):
            to[community[indices[i]]] = 0.0
        volume[best] += degree[node]
        community[node] = best
        if best != own:
            for i in range(indptr[node], indptr[node + 1]):
                other = indices[i]
                if community[other] != best and not waiting[other]:
                    queue[(head + length) % n] = other
                    length += 1
                    waiting[other] = True
    return community


@njit(cache=True)
def _refine(indptr, indices, weights, degree, community):  # type: ignore[no-untyped-def]
    """Well-connected parts of each community: nodes alone at first, each joined once where that gains most."""
    n = degree.shape[0]
    total = degree.sum()
    part, volume, alone = np.arange(n), degree.copy(), np.ones(n, np.bool_)
    to = np.zeros(n)
    for node in range(n):
        if not alone[node]:
            continue
        for i in range(indptr[node], indptr[node + 1]):
            if indices[i] != node and community[indices[i]] == community[node]:
                to[part[indices[i]]] += weights[i]
        best, gain = node, 0.0
        for i in range(indptr[node], indptr[node + 1]):
            c = part[indices[i]]
            if c != node and to[c] > 0.0:
                this = to[c] - degree[node] * volume[c] / total
                if this > gain + 1e-12:
                    best, gain = c, this
        for i in range(indptr[node], indptr[node + 1]):
            to[part[indices[i]]] = 0.0
        if best != node:
            part[node] = best
            volume[best] += degree[node]
            volume[node] -= degree[node]
            alone[node] = False
            alone[best] = False
    return part
