"""Whether a network is one: what hangs together by a thread, or by one family only, is several networks.

Members are scored one by one, so pairs of fail-over accounts, or agencies that use one popular tool, can each look tied
to "the group" by what they share with each other alone, and two fleets that bought one mould, or rent at one host, to
each other. A network is one where no cut through it is thin, and where its parts stay connected when any single family
is left out, or something that hardly anybody else has runs through them.
"""

from __future__ import annotations

from collections import Counter
from heapq import heapify, heappop, heappush

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from stillwatch.links.kinds import FAMILIES
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
    for number, tie in enumerate(ties):
        sharers = links.members(int(tie))
        at = np.searchsorted(members, sharers)
        mine = at[members[np.minimum(at, len(members) - 1)] == sharers]
        outside = (len(sharers) - len(mine) + 1) / (links.n_units - len(members) + 1)
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
    links = scorer.links
    shows: dict[frozenset[int], int] = {}
    for indicator in indicators:
        sharers = links.members(int(indicator))
        rows = np.searchsorted(members, sharers)
        known = (rows < len(members)) & (members[np.minimum(rows, len(members) - 1)] == sharers)
        mine = frozenset(rows[known].tolist())
        shows[mine] = shows.get(mine, 0) + 1
    parts: dict[int, set[int]] = {}
    of_member: dict[int, set[int]] = {}
    for number, mine in enumerate(shows):
        parts[number] = set(mine)
        for row in mine:
            of_member.setdefault(row, set()).add(number)
    home = list(range(len(parts)))
    grown = [0] * len(parts)
    queue = [(len(part), number, 0) for number, part in parts.items()]
    heapify(queue)
    while queue:
        size, number, then = heappop(queue)
        if number not in parts or grown[number] != then:
            continue
        common = Counter(other for row in parts[number] for other in of_member[row] if other != number)
        if not common:
            continue
        best = min(common.items(), key=lambda pair: (-pair[1], -len(parts[pair[0]]), pair[0]))
        # What is larger takes in all that is smaller and belongs to it at one go, and is not looked at for each.
        smaller = sorted(pair for pair in common.items() if len(parts[pair[0]]) < size)
        joining = [other for other, n in [best, *smaller] if n >= max(1.0, BRIDGE * min(size, len(parts[other])))]
        if not joining:
            continue
        whole = min(dict.fromkeys([number, *joining]), key=lambda at: (-len(parts[at]), at))
        for at in dict.fromkeys([number, *joining]):
            if at == whole:
                continue
            for row in parts.pop(at):
                of_member[row].discard(at)
                of_member[row].add(whole)
                parts[whole].add(row)
            home[at] = whole
        grown[whole] += 1
        heappush(queue, (len(parts[whole]), whole, grown[whole]))
    votes: dict[int, Counter[int]] = {}
    for number, (mine, n) in enumerate(shows.items()):
        at = number
        while home[at] != at:
            home[at] = home[home[at]]
            at = home[at]
        for row in mine:
            votes.setdefault(row, Counter())[at] += n
    labels = len(home) + np.arange(len(members), dtype=np.int64)
    for row, counts in votes.items():
        labels[row] = min(counts.items(), key=lambda pair: (-pair[1], pair[0]))[0]
    return labels
