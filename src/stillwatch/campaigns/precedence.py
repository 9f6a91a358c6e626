"""Who is imitated: a customer whose prompts and exits a campaign copies is no part of it.

A campaign that wants to be taken for somebody else's application pours its prompts from that customer's mould. What it
cannot imitate is time: the customer used the mould before the campaign began, and nothing that identifies a customer
(payments, domains, hours of sign-up) joins the two. Nor can it be the organisation that the customer declares to be.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stillwatch.campaigns.cells import Cells
from stillwatch.links.kinds import GROUPS
from stillwatch.networks.group import Scorer
from stillwatch.profiles.index import Ints

LEAD_US = 2 * 86_400_000_000
"""By how much the customer was there first."""

MOST = 1 / 3
"""Of a stream's accounts at most this share was there first: what most of them did is how it began."""

TIED_BITS = 2.0
"""What payments, domains and sign-ups must say at most of a customer who is imitated."""

LEAST_UNITS = 10

_IDENTIFY = [GROUPS.index(group) for group in ("payment", "email", "signup")]


def imitated(cells: Cells, rows: Ints, scorer: Scorer, declared: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """Units whose mould a stream imitates: that had it before, or are declared organisations, and are not joined to it.

    Joined are those that a payment, a domain or an hour of sign-up ties to the others: what identifies a customer.
    Shapes: rows (n,) of `cells`; declared (n_units,); result (k,) sorted.
    """
    units = np.unique(cells.unit[rows])
    candidates = np.union1d(units[declared[units]], _had_before(cells, rows)).astype(np.int32)
    others = np.setdiff1d(units, candidates).astype(np.int32)
    if len(candidates) == 0 or len(others) == 0:
        return np.zeros(0, np.int32)
    ties = scorer.by_group(others, candidates)[:, _IDENTIFY].sum(axis=1)
    untied: npt.NDArray[np.int32] = candidates[ties < TIED_BITS]
    return untied


def _had_before(cells: Cells, rows: Ints) -> npt.NDArray[np.int32]:
    """Units that used a stream's keys before it began: before the last gap of `LEAD_US` in which no account joined it.

    Needs ten other units: a beginning of fewer is none.
    """
    none = np.zeros(0, np.int32)
    units, at = np.unique(cells.unit[rows], return_inverse=True)
    begin = np.full(len(units), np.iinfo(np.int64).max)
    np.minimum.at(begin, at, cells.first_at[rows])
    order = np.argsort(begin, kind="stable")
    most = min(int(MOST * len(units)), len(units) - LEAST_UNITS)
    gaps = np.flatnonzero(np.diff(begin[order])[: max(most, 0)] >= LEAD_US)
    if len(gaps) == 0:
        return none
    return units[order[: gaps[-1] + 1]].astype(np.int32)
