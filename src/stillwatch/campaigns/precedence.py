"""Who had the mould before: a customer whose prompts and exits a campaign imitates is no part of it.

A campaign that wants to be taken for somebody else's application pours its prompts from that customer's mould. What it
cannot imitate is time: the customer used the mould before the campaign began, and nothing that identifies a customer
(payments, domains, hours of sign-up) joins the two.
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


def had_before(cells: Cells, rows: Ints, scorer: Scorer) -> npt.NDArray[np.int32]:
    """Units that used a stream's keys before it began, and that nothing which identifies a customer joins to it.

    A stream begins after the last gap of `LEAD_US` in which no account joined it, if that was early enough.
    Shapes: rows (n,) of `cells`; result (k,) sorted.  Needs ten other units: a beginning of fewer is none.
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
    early = order[: gaps[-1] + 1]
    candidates = np.sort(units[early]).astype(np.int32)
    others = np.setdiff1d(units, candidates).astype(np.int32)
    ties = scorer.by_group(others, candidates)[:, _IDENTIFY].sum(axis=1)
    untied: npt.NDArray[np.int32] = candidates[ties < TIED_BITS]
    return untied
