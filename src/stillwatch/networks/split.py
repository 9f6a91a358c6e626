"""Whether a network is one: accounts that only one family ties together, each clump by itself, are several networks.

Members are scored one by one, so pairs of fail-over accounts, or agencies that use one popular tool, can each look tied
to "the group" by what they share with each other alone. A network is one where its parts stay connected when any single
family is left out, or where something that hardly anybody else has runs through them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stillwatch.networks.group import Scorer, Units

TIE_BITS = 4.0
"""An indicator ties members together where it is sixteen times as frequent among them as elsewhere."""

TIED = 3
"""And where three of them show it: chance pairs make a chain through everybody."""

PRIVATE_SHARE = 0.8
"""An indicator of whose sharers this part are members is the network's own, whatever its family."""


def split(scorer: Scorer, members: Units) -> list[Units]:
    """The parts of a network, largest first; one part where it is one."""
    links = scorer.links
    shared, inside, degree = scorer.shared(members)
    outside = (degree - inside + 1) / (links.n_units - len(members) + 1)
    bits = np.log2(inside / len(members) / outside)
    tie = (bits >= TIE_BITS) & (inside >= TIED)
    private = tie & (inside >= PRIVATE_SHARE * degree)
    family = links.family[shared]
    label = np.zeros(len(members), np.int64)
    for left_out in np.unique(family[tie]):
        kept = private | (tie & (family != left_out))
        part = _parts(scorer, members, shared[kept])
        _, label = np.unique(label * len(members) + part, return_inverse=True)
    parts = [members[label == number] for number in np.unique(label)]
    return sorted(parts, key=lambda part: (-len(part), part.tobytes()))


def _parts(scorer: Scorer, members: Units, indicators: Units) -> npt.NDArray[np.int64]:
    """Label of each member: members that indicators connect, through others too, share one."""
    links = scorer.links
    pieces = [links.members(int(i)) for i in indicators]
    if not pieces:
        return np.arange(len(members))
    column = np.repeat(np.arange(len(pieces)), [len(p) for p in pieces])
    unit = np.concatenate(pieces)
    row = np.searchsorted(members, unit)
    known = (row < len(members)) & (members[np.minimum(row, len(members) - 1)] == unit)
    row, column = row[known], column[known] + len(members)
    n = len(members) + len(pieces)
    graph = coo_array((np.ones(len(row), np.int8), (row, column)), shape=(n, n))
    labels: npt.NDArray[np.int64] = connected_components(graph, directed=False)[1][: len(members)].astype(np.int64)
    return labels
