"""The thinnest cut through a network, on graphs made by hand."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from stillwatch.networks.cut import thinnest_cut


def shown(sides: list[int], crossing: int, seed: int) -> csr_array:
    """Members of some sides, each with eight of its side's twelve values; everybody has the crossing ones."""
    rng = np.random.default_rng(seed)
    blocks = []
    for number, n in enumerate(sides):
        block = np.zeros((n, 12 * len(sides) + crossing))
        for row in range(n):
            block[row, 12 * number + rng.choice(12, 8, replace=False)] = 5.0
        block[:, 12 * len(sides) :] = 5.0
        blocks.append(block)
    return csr_array(np.concatenate(blocks))


def test_a_cut_runs_between_two_clumps_whatever_their_sizes() -> None:
    """Thirty members and two hundred with one value in common are cut just there."""
    conductance, side = thinnest_cut(shown([30, 200], 1, 1))
    assert conductance < 0.1
    assert {int(side[:30].sum()), int(side[30:].sum())} in ({30, 0}, {0, 200})


def test_one_clump_has_no_thin_place() -> None:
    """Members that draw on the same values are tied to each other everywhere."""
    conductance, _ = thinnest_cut(shown([120], 1, 2))
    assert conductance > 0.2


def test_nothing_is_cut_where_nobody_is_tied() -> None:
    """Too few members, or none with a value, leave nothing to cut."""
    assert thinnest_cut(csr_array((40, 20)))[0] == float("inf")
    assert thinnest_cut(shown([5], 1, 3))[0] == float("inf")
