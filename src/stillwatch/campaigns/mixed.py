"""Keys that are no driver's: mixed over a whole network, as its customers are, where the driver keeps to a part of it.

A customer's small moulds come out beside a driver's where their hours go together, since few requests show no rate of
their own. Whose they are shows in the accounts: what a proxy mixes goes to all of its accounts by what they send.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr

from stillwatch.campaigns.cells import Cells
from stillwatch.profiles.index import Ints

AGAINST_BITS = 6.0
"""Bits by which a key's accounts speak for the network's mixing, and against those of the stream's other keys."""

CARRIES = 0.3
"""Share of a network's trajectories that are others' than a stream's, from which it may be a proxy's."""

ANYWHERE = 0.05
"""Share of requests, a driver's as well as a network's, that may go to any account."""

MIXED_OVER = 0.85
"""Of the accounts that mixing would use, a mixed key uses at least so many: what is dealt out to some uses fewer."""

SELDOM = 0.05
"""And it is on the stream's accounts about as often as mixing has it: less often so by chance in one case of twenty."""


Floats = npt.NDArray[np.float64]


def mixed_in(cells: Cells, rows: Ints, telling: Ints, labels: Ints) -> npt.NDArray[np.bool_]:
    """Which keys of streams are mixed over the whole network; the largest key of a stream is the driver's.

    Keys of a label are taken largest first, each beside what was kept of the label before. Two hypotheses say where a
    key's trajectories go: to accounts in proportion to what the label's other keys send there, or in proportion to what
    the network sends besides. Keys that keep to accounts of their own fit neither and are left.
    Shapes: rows (m,) the network's rows of `cells`; telling, labels (k,); result (k,).
    """
    units, unit = np.unique(cells.unit[rows], return_inverse=True)
    load = cells.n_trajectories[rows].astype(np.float64)
    whole = np.bincount(unit, load, len(units))
    position = np.full(cells.n_keys, -1, np.int64)
    position[telling] = np.arange(len(telling))
    at = position[cells.key[rows]]
    order = np.argsort(at, kind="stable")
    bounds = np.searchsorted(at[order], np.arange(len(telling) + 1))
    size = np.bincount(at[at >= 0], load[at >= 0], len(telling))
    out = np.zeros(len(telling), bool)
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        if len(mine) == 1:
            continue
        mine = mine[np.argsort(-size[mine], kind="stable")]
        own = [order[bounds[k] : bounds[k + 1]] for k in mine]
        together = np.concatenate(own)
        besides = whole - np.bincount(unit[together], load[together], len(units))
        if besides.sum() < CARRIES * whole.sum():
            continue
        besides = (1.0 - ANYWHERE) * besides / besides.sum() + ANYWHERE / len(units)
        theirs = np.zeros(len(units))
        # A key has a row an account, so that only the accounts that it uses are looked at.
        for k, its in zip(mine, own, strict=True):
            out[k] = theirs.any() and _is_mixed(unit[its], load[its], theirs, besides)
            if not out[k]:
                theirs[unit[its]] += load[its]
    return out


def _is_mixed(used: Ints, sent: Floats, theirs: Floats, besides: Floats) -> bool:
    """Whether one key's trajectories go by `besides`, and not by `theirs`.

    Shapes: used, sent (k,) its accounts and its trajectories on each; theirs, besides (n_accounts,) trajectories of the
    label's other keys, and shares of what the network sends besides.
    """
    driven = (1.0 - ANYWHERE) * theirs[used] / theirs.sum() + ANYWHERE * besides[used]
    if float((sent * np.log2(driven / besides[used])).sum()) > -AGAINST_BITS:
        return False
    n = float(sent.sum())
    mixed = -np.expm1(n * np.log1p(-besides))
    if len(used) < MIXED_OVER * mixed.sum():
        return False
    there = theirs > 0
    return bool(bdtr(np.floor(sent[there[used]].sum()), round(n), float(besides[there].sum())) >= SELDOM)
