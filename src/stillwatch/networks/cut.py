"""The thinnest place of a network: two networks that a few values connect come apart there.

Members and what ties them are a bipartite graph; each value deals its bits out to its sharers. Of the ways to cut it in
two, the one with the least conductance is wanted: bits that cross, over the bits of the smaller side. It is looked for
along the leading singular vectors of the normalised graph.

Source: Shi and Malik, Normalized cuts and image segmentation, IEEE PAMI 2000; Dhillon, Co-clustering documents and
words using bipartite spectral graph partitioning, KDD 2001; the sweep: Chung, Spectral graph theory, 1997.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import svds

from stillwatch.networks.group import Floats

LEAST_SIDE = 4
"""Members of the smaller side at least: fewer are no network."""

N_VECTORS = 3
"""Singular vectors after the first that are swept along."""


def thinnest_cut(shows: csr_array) -> tuple[float, npt.NDArray[np.bool_]]:
    """The least conductance found, and which members lie on one side; infinite where there is nothing to cut.

    Shapes: shows (n_members, n_values) bits of each value that a member shows; result (n_members,).
    """
    nowhere = float("inf"), np.zeros(shows.shape[0], bool)
    weight = np.asarray(shows.sum(axis=1)).ravel()
    tied = np.flatnonzero(weight > 0)
    if len(tied) < 2 * LEAST_SIDE or shows.shape[1] < N_VECTORS + 2:
        return nowhere
    graph, weight = shows[tied], weight[tied]
    total = np.asarray(graph.sum(axis=0)).ravel()
    scaled = diags_array(weight**-0.5) @ graph @ diags_array(np.where(total > 0, total, 1.0) ** -0.5)
    wanted = min(N_VECTORS + 1, min(scaled.shape) - 1)
    left, strength, _ = svds(scaled, k=wanted, v0=np.ones(min(scaled.shape)), solver="arpack")
    best, side = nowhere
    for column in np.argsort(-strength, kind="stable")[1:]:
        order = np.argsort(left[:, column] / np.sqrt(weight), kind="stable")
        conductance, size = _sweep(graph[order], weight[order], total)
        if conductance < best:
            best, side = conductance, np.zeros(shows.shape[0], bool)
            side[tied[order[:size]]] = True
    return best, side


def _sweep(graph: csr_array, weight: Floats, total: Floats) -> tuple[float, int]:
    """The least conductance of any first part of some rows, and how many rows are in it.

    Of a value that both sides show, what crosses is the product of their bits over the sum.
    """
    inside, crossing = np.zeros(len(total)), 0.0
    below, whole = np.cumsum(weight), float(weight.sum())
    best, size = float("inf"), 0
    for row in range(len(weight) - LEAST_SIDE):
        mine = slice(graph.indptr[row], graph.indptr[row + 1])
        at, bits = graph.indices[mine], graph.data[mine]
        crossing += float((bits * (total[at] - 2.0 * inside[at] - bits) / total[at]).sum())
        inside[at] += bits
        if row + 1 < LEAST_SIDE:
            continue
        conductance = crossing / min(below[row], whole - below[row])
        if conductance < best:
            best, size = float(conductance), row + 1
    return best, size
