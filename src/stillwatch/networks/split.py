"""Whether a network is one: what hangs together by a thread, or by one family only, is several networks.

Members are scored one by one, so pairs of fail-over accounts, or agencies that use one popular tool, can each look tied
to "the group" by what they share with each other alone, and two fleets that bought one mould, or rent at one host, to
each other. A network is one where no cut through it is thin, and where its parts stay connected when any single family
is left out, or something that hardly anybody else has runs through them.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from stillwatch.links.kinds import FAMILIES
from stillwatch.networks.clumps import elect, join_clumps
from stillwatch.networks.cut import thinnest_cut
from stillwatch.networks.group import Scorer, Units

TIE_BITS = 4.0
"""An indicator ties members together where it is sixteen times as frequent among them as elsewhere."""

TIED = 3
"""And where three of them show it: chance pairs make a chain through everybody."""

BRIDGE = 0.1
"""Share of the smaller of two parts that must belong to both for them to be one: a chance member joins nothing."""

THIN = 0.14
"""Conductance below which a cut parts two networks: between two it is 0.11 at most, through one 0.19 at least."""

MOST_BITS = 12.0
"""What one value says at most."""

PRIVATE_SHARE = 0.8
"""An indicator of whose sharers this part are members is the network's own, whatever its family."""


def split(scorer: Scorer, members: Units) -> list[Units]:
    """The parts of a network, largest first; one part where it is one."""
    parts = [part for whole in _cut(scorer, members) for part in _connected(scorer, whole)]
    return sorted(parts, key=lambda part: (-len(part), part.tobytes()))


def _cut(scorer: Scorer, members: Units) -> list[Units]:
    """A network cut wherever it is thin."""
    conductance, side = thinnest_cut(_shown(scorer, members))
    if conductance >= THIN:
        return [members]
    return [part for half in (members[side], members[~side]) for part in _cut(scorer, half)]


def _shown(scorer: Scorer, members: Units) -> csr_array:
    """(n_members, n_ties) bits of what ties members together, where they show it."""
    links = scorer.links
    ties, _ = _ties(scorer, members)
    rows, columns, bits = [], [], []
    for number, (mine, degree) in enumerate(zip(scorer.sharers(members, ties), scorer.degree[ties], strict=True)):
        outside = (degree - len(mine) + 1) / (links.n_units - len(members) + 1)
        rows.append(mine)
        columns.append(np.full(len(mine), number))
        bits.append(np.full(len(mine), min(float(np.log2(len(mine) / len(members) / outside)), MOST_BITS)))
    if not rows:
        return csr_array((len(members), 0))
    where = (np.concatenate(rows), np.concatenate(columns))
    return csr_array((np.concatenate(bits), where), shape=(len(members), len(ties)))


def _connected(scorer: Scorer, members: Units) -> list[Units]:
    """The parts that stay connected whichever family is left out."""
    ties, private = _ties(scorer, members)
    family = scorer.links.family[ties]
    label = np.zeros(len(members), np.int64)
    for left_out in np.unique(family):
        part = _parts(scorer, members, ties[private | (family != left_out)])
        _, label = np.unique(label * len(members) + part, return_inverse=True)
    return [members[label == number] for number in np.unique(label)]


def parts_without(scorer: Scorer, members: Units, family: str) -> npt.NDArray[np.int64]:
    """(n,) the part of each member where one family is left out, whatever is private; -1 for who is in none."""
    ties, _ = _ties(scorer, members)
    label = _parts(scorer, members, ties[scorer.links.family[ties] != FAMILIES.index(family)])
    _, number, size = np.unique(label, return_inverse=True, return_counts=True)
    return np.where(size[number] >= TIED, number, -1)


def _ties(scorer: Scorer, members: Units) -> tuple[Units, npt.NDArray[np.bool_]]:
    """Indicators that tie members together, and which of them are private."""
    links = scorer.links
    shared, inside, degree = scorer.shared(members)
    outside = (degree - inside + 1) / (links.n_units - len(members) + 1)
    bits = np.log2(inside / len(members) / outside)
    tie = (bits >= TIE_BITS) & (inside >= TIED)
    return shared[tie], (inside >= PRIVATE_SHARE * degree)[tie]


def _parts(scorer: Scorer, members: Units, indicators: Units) -> npt.NDArray[np.int64]:
    """Label of each member: of the part in which it shows most indicators; those that show none stand alone.

    Each indicator's sharers are a part to begin with. From the smallest on, a part joins the one with which it has the
    largest share of its members in common, if that is enough: thin sharing grows together card by card, but two clumps
    that a stranger connects, who shows something of both, stay two.
    """
    shows = Counter(rows.tobytes() for rows in scorer.sharers(members, indicators))
    clumps = [np.frombuffer(mine, np.int64) for mine in shows]
    home = np.arange(len(clumps))
    labels = len(home) + np.arange(len(members), dtype=np.int64)
    if clumps:
        sizes = np.array([len(rows) for rows in clumps])
        rows = np.concatenate(clumps)
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        by_row = np.argsort(rows, kind="stable")
        of_row = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(members)))])
        clump_of = np.repeat(np.arange(len(clumps)), sizes)[by_row]
        join_clumps(offsets, rows, of_row, clump_of, BRIDGE, home)
        elect(of_row, clump_of, np.array(list(shows.values())), home, labels)
    return labels
