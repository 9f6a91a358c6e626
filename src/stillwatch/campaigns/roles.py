"""Who is what in a finding: drivers, carriers, owners of stolen keys, and the merely near."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillwatch.campaigns.assess import Assessed
from stillwatch.campaigns.cells import Cells
from stillwatch.networks.group import Floats, Scorer, by_family
from stillwatch.networks.search import FAMILY_BITS
from stillwatch.profiles.index import Ints

STOLEN_LEAD_SECONDS = 3 * 86_400
"""An owner's traffic runs at least this long before the campaign's begins on his account."""

STOLEN_OWN_SHARE = 0.3
"""And goes on beside it: at least this share of the account's exchanges is its own."""


@dataclass(frozen=True, slots=True)
class Role:
    """A unit's part in a finding, and its own evidence for it in bits."""

    unit: int
    role: str
    bits: float


def roles(subject: Assessed, cells: Cells, scorer: Scorer, first_seen: Ints, created: Ints) -> list[Role]:
    """The role of every unit of a campaign's network.

    Shapes: first_seen, created (n_units,) UTC microseconds; created is 0 where nobody knows.
    """
    members = subject.network.members
    bits = by_family(scorer.by_group(members))
    mine = np.isin(members, subject.units)
    in_stream = np.zeros(int(cells.unit.max()) + 1, np.int64)
    all_of = np.bincount(cells.unit, cells.n, len(in_stream))
    np.add.at(in_stream, cells.unit[subject.cells], cells.n[subject.cells])
    begin = np.full(len(in_stream), np.iinfo(np.int64).max)
    np.minimum.at(begin, cells.unit[subject.cells], cells.first_at[subject.cells])
    out = []
    for row, unit in enumerate(members):
        own = float(bits[row].sum())
        if not mine[row]:
            out.append(Role(int(unit), "carrier", own))
            continue
        share_own = 1.0 - in_stream[unit] / max(all_of[unit], 1.0)
        lead = (begin[unit] - first_seen[unit]) / 1e6
        role = "stolen" if lead >= STOLEN_LEAD_SECONDS and share_own >= STOLEN_OWN_SHARE else "driver"
        out.append(Role(int(unit), role, own))
    return out


def speaks_for_itself(bits: Floats) -> bool:
    """Whether an account's own evidence comes from two families at least."""
    return int((bits >= FAMILY_BITS).sum()) >= 2
