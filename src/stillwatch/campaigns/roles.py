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
    """The part of every unit that a campaign's stream runs through, and its own evidence.

    Shapes: first_seen, created (n_units,) UTC microseconds; created is 0 where nobody knows.
    An account that was long at work before the stream came, and goes on with work of its own, has an owner: its key is
    stolen. One whose own evidence does not come from two families is near, and not accused.
    """
    in_network = subject.network.members
    units = subject.units
    bits = by_family(scorer.by_group(in_network, units))
    in_stream = np.zeros(int(cells.unit.max()) + 1, np.int64)
    all_of = np.bincount(cells.unit, cells.n, len(in_stream))
    np.add.at(in_stream, cells.unit[subject.cells], cells.n[subject.cells])
    begin = np.full(len(in_stream), np.iinfo(np.int64).max)
    np.minimum.at(begin, cells.unit[subject.cells], cells.first_at[subject.cells])
    out = []
    for row, unit in enumerate(units):
        share_own = 1.0 - in_stream[unit] / max(all_of[unit], 1.0)
        lead = (begin[unit] - first_seen[unit]) / 1e6
        if lead >= STOLEN_LEAD_SECONDS and share_own >= STOLEN_OWN_SHARE:
            role = "stolen"
        elif not speaks_for_itself(bits[row]):
            role = "adjacent"
        else:
            role = "driver"
        out.append(Role(int(unit), role, float(bits[row].sum())))
    return out


def members(subject: Assessed, scorer: Scorer) -> list[Role]:
    """Every unit of a network, as a carrier, with its own evidence."""
    bits = by_family(scorer.by_group(subject.network.members)).sum(axis=1)
    return [Role(int(unit), "carrier", float(b)) for unit, b in zip(subject.network.members, bits, strict=True)]


def speaks_for_itself(bits: Floats) -> bool:
    """Whether an account's own evidence comes from two families at least."""
    return int((bits >= FAMILY_BITS).sum()) >= 2
