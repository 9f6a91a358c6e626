"""Networks: groups of units that share, in at least two families, what strangers would not.

1. Every indicator is a hypothesis: its sharers act as one. It survives where the *other* families tie its sharers to
   each other far beyond what they are tied in random groups of that size. A hub (a campus, a VPN exit, a popular
   tool) fails however many share it; a mould of 20,000 colluders passes, since nothing is cut by its degree.
2. Surviving cores that overlap grow together, strongest first.
3. Membership is refined both ways: a unit belongs where its own indicators, the unit itself left out, speak for it in
   two families at least and outweigh the odds against a random unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stillwatch.links.kinds import FAMILIES, GROUPS
from stillwatch.links.links import Links
from stillwatch.networks.belonging import count_held
from stillwatch.networks.cores import MAX_SHARE, find_cores
from stillwatch.networks.group import FAMILY_OF_GROUP, MEMBER_CAP_BITS, Floats, Scorer, Units, by_family
from stillwatch.networks.split import TIE_BITS, split
from stillwatch.networks.threads import in_threads
from stillwatch.networks.widening import widened

MIN_UNITS = 4
"""Fewer accounts are a family or a fail-over pair far oftener than a campaign."""

FAMILY_BITS = 2.0
"""What a family must say of an account to count as speaking for it."""

OF_THE_USUAL = 0.5
"""A member with less than this of the bits of half of a group has one thing or another in common with it, as those few
of very many strangers have whom chance brought nearest."""

COMMON = 0.2
TIED_TWICE = 0.5
"""Where two families speak for half of those for whom any evidence outweighs the odds, one is enough for the others, as
far as it is what a fifth of these have, and what they have and hardly others: a group is not to lose whom it shares
little else with, one after the other, and with each the more of what ties the rest."""

MEMBER_BITS = 3.0
"""By how much an account's own evidence must outweigh the odds against a random account."""

GROWS_BY = 0.2
"""A core may enlarge a network where so much of it is in it already, and where it adds so much."""

STAYS = 0.9
"""And where so many of the members stay, and each is tied more closely than before: a network that another takes over
is another network, and so is one that strangers dilute."""

REPEATED = 0.8
"""Share of its members in another network above which a network is only a part of that one."""

JOINS_A_PARTY = [GROUPS.index(name) for name in ("payment", "handoff", "replay")]
"""Kinds by which accounts are one party, whatever else they are: who pays, and who goes on with whose work."""

ROUNDS = 6

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Network:
    """A candidate network. Shapes: members (n,) sorted units; bits (n, n_families) each member's own evidence."""

    members: Units
    bits: Floats
    seeds: int

    @property
    def size(self) -> int:
        """Units in it."""
        return len(self.members)

    @property
    def total_bits(self) -> float:
        """Bits of all members together: what a network is worth."""
        return float(self.bits.sum())

    def family_bits(self) -> Floats:
        """Mean bits a member, by family."""
        return self.bits.mean(axis=0) if len(self.bits) else np.zeros(len(FAMILIES))


def find_networks(links: Links, rng: np.random.Generator) -> list[Network]:
    """All candidate networks, strongest first.

    Cost: O(sum over units of links^2) for screening, then a few passes over the links of the members.
    """
    scorer = Scorer.of(links)
    cores, whole = (_holding(scorer, groups) for groups in find_cores(links, rng))
    networks: list[Network] = []
    taken = np.full(links.n_units, -1, np.int64)
    for core in cores:
        owners = taken[core]
        owners = owners[owners >= 0]
        if len(owners):
            number = int(np.bincount(owners).argmax())
            grown = _grown(scorer, networks[number], core)
            if grown is not None:
                networks[number] = grown
                taken[grown.members] = number
                continue
        if len(owners) * 2 >= len(core):
            # mostly inside networks that stand already: refinement there has had its chance to take the rest
            continue
        network = refine(scorer, core)
        if network is None:
            continue
        networks.append(network)
        taken[network.members] = len(networks) - 1
    networks = _gathered(scorer, networks, whole)
    parts = [_held(scorer, part) for network in _merge(scorer, networks) for part in split(scorer, network.members)]
    most = int(MAX_SHARE * links.n_units)
    wider = [widened(scorer, part, MEMBER_BITS, FAMILY_BITS, most) for part in parts if len(part) >= MIN_UNITS]
    kept = [_without_strays(scorer, part) for part in _distinct(wider, links.n_units)]
    found = [Network(part, by_family(scorer.by_group(part)), 1) for part in kept]
    return sorted(found, key=lambda n: (-n.total_bits, n.members.tobytes()))


def _without_strays(scorer: Scorer, members: Units) -> Units:
    """A group without those who have far less in common with it than its usual member has."""
    bits = by_family(scorer.by_group(members)).sum(axis=1)
    kept = members[bits >= OF_THE_USUAL * np.median(bits)] if len(members) else members
    return kept if len(kept) >= MIN_UNITS else members


def _holding(scorer: Scorer, groups: Sequence[Units]) -> list[Units]:
    """The groups of which at least half of the members belong to the others; what begins with less falls apart."""
    links = scorer.links
    held = np.zeros(len(groups), np.int64)
    if not groups:
        return []
    size = np.array([len(group) for group in groups])
    units, offsets = np.concatenate(groups), np.concatenate([[0], np.cumsum(size)])
    needed = np.array([_odds(links.n_units, n) for n in size]) + MEMBER_BITS
    degree = links.degree()

    def count(first: int, last: int) -> None:
        count_held(
            first,
            last,
            units,
            offsets,
            needed,
            FAMILY_BITS,
            MEMBER_CAP_BITS,
            links.unit_offsets,
            links.unit_indicators,
            degree,
            links.group,
            FAMILY_OF_GROUP,
            links.log_values,
            links.n_units,
            held,
        )

    in_threads(count, size)
    return [group for group, n in zip(groups, held, strict=True) if 2 * n >= len(group)]


def _gathered(scorer: Scorer, networks: list[Network], whole: Sequence[Units]) -> list[Network]:
    """The networks, and those that only stand as a whole, in place of what was found of these.

    whole: all sharers of each telling indicator; those stand already of whom nearly all are in one network as large.
    Where little else is shared, a part of a group falls apart that stands as a whole, since what it has in common with
    the rest of the group counts as common among strangers.
    """
    mark = np.zeros(scorer.links.n_units, np.bool_)
    for sharers in whole:
        mark[sharers] = True
        mine = np.array([mark[network.members].sum() for network in networks], np.int64)
        mark[sharers] = False
        size = np.array([network.size for network in networks], np.int64)
        near = [networks[at].members for at in np.flatnonzero(mine >= GROWS_BY * size)]
        inside = np.isin(sharers, np.concatenate(near)).sum() if near else 0
        stands = mine[size >= len(sharers)].max(initial=0)
        if 2 * inside >= len(sharers) or stands >= STAYS * len(sharers):
            continue
        for seed in [np.unique(np.concatenate([sharers, *near])), sharers] if near else [sharers]:
            if not _stands(scorer, seed):
                continue
            larger = refine(scorer, seed, grow=True)
            if larger is None:
                continue
            stays = [np.isin(one.members, larger.members, assume_unique=True).mean() for one in networks]
            within = [one for one, share in zip(networks, stays, strict=True) if share >= 0.5]
            if all(_takes_in(larger, one, scorer.links.n_units) for one in within):
                networks = [*(one for one, share in zip(networks, stays, strict=True) if share < 0.5), larger]
                break
    return networks


def _stands(scorer: Scorer, members: Units) -> bool:
    """Whether the evidence of most of a group outweighs the odds; one that begins with less loses the rest as well."""
    outweighs = by_family(scorer.by_group(members)).sum(axis=1) >= _odds(scorer.links.n_units, len(members))
    return bool(2 * outweighs.sum() >= len(members))


def _takes_in(larger: Network, network: Network, n_units: int) -> bool:
    """Whether those who lie mostly within a larger network belong to it more surely than to their own.

    More surely: their evidence outweighs the odds against a random unit by more. Of a network that is no splinter all
    have to stay, and the whole to be tied more closely than it was.
    """
    common = np.isin(larger.members, network.members, assume_unique=True)
    surely = _mean_bits(larger.bits[common]) - _odds(n_units, larger.size)
    if surely <= _mean_bits(network.bits) - _odds(n_units, network.size):
        return False
    stays = common.sum() >= STAYS * network.size
    return 2 * network.size <= larger.size or bool(stays and _mean_bits(larger.bits) > _mean_bits(network.bits))


def _mean_bits(bits: Floats) -> float:
    return float(bits.sum(axis=1).mean())


def _odds(n_units: int, size: int) -> float:
    """log2 of the odds against a random unit's being one of so many."""
    return float(np.log2(max(n_units - size, 1) / size))


def _distinct(parts: Sequence[Units], n_units: int) -> list[Units]:
    """The parts that are no repetition of another: largest first, each with a fifth of its members in no larger one."""
    kept: list[Units] = []
    inside = np.zeros(n_units, bool)
    for part in sorted(parts, key=lambda part: (-len(part), part.tobytes())):
        if len(part) < MIN_UNITS:
            continue
        for other in kept:
            inside[other] = True
            repeated = inside[part].sum() > REPEATED * len(part)
            inside[other] = False
            if repeated:
                break
        else:
            kept.append(part)
    return kept


def refine(scorer: Scorer, core: Units, *, grow: bool = False) -> Network | None:
    """The network that a core belongs to, or None where it falls apart.

    grow: before it loses anybody, have it take in all who belong.
    Each round scores everybody who shares anything telling with the members, and keeps those whose own evidence
    holds; it stops when nothing changes.
    """
    members = np.sort(core).astype(np.int32)
    for _ in range(ROUNDS if grow else 0):
        fresh = np.union1d(members, _belonging(scorer, members)).astype(np.int32)
        if len(fresh) == len(members) or len(fresh) > MAX_SHARE * scorer.links.n_units:
            break
        members = fresh
    for _ in range(ROUNDS):
        fresh = _belonging(scorer, members)
        if len(fresh) < 3 or len(fresh) > MAX_SHARE * scorer.links.n_units:
            return None
        if np.array_equal(fresh, members):
            break
        members = fresh
    if len(members) < MIN_UNITS:
        return None
    scores = by_family(scorer.by_group(members))
    return Network(members, scores, 1)


def _belonging(scorer: Scorer, members: Units) -> Units:
    """Whoever belongs to the members by evidence of its own, members or not."""
    needed = _odds(scorer.links.n_units, len(members)) + MEMBER_BITS
    return scorer.belonging(members, needed, FAMILY_BITS, COMMON, TIED_TWICE)


def _held(scorer: Scorer, members: Units) -> Units:
    """The members without those that do not belong to them: what came together from several refined ones has such.

    Nor do accounts that one party pays for, or that hand their work to each other, where all that they have in common
    with anybody is with each other: each of them is tied to the members by the others alone.
    """
    if len(members) < MIN_UNITS:
        return members
    members = members[np.isin(members, _belonging(scorer, members))]
    if len(members) < MIN_UNITS:
        return members
    party = parties(scorer, members)
    _, party, size = np.unique(party, return_inverse=True, return_counts=True)
    bits = np.bincount(party, by_family(scorer.apart(members, party)).sum(axis=1), len(size)) / size
    own = (size > 1) & (2 * size <= len(members)) & (bits < _odds(scorer.links.n_units, len(members)) + MEMBER_BITS)
    held: Units = members[~own[party]]
    return held


def parties(scorer: Scorer, members: Units, joins: Sequence[int] = tuple(JOINS_A_PARTY)) -> npt.NDArray[np.int64]:
    """(n,) a number of each member, the same where payments or handed-over work, or what `joins` says, join them."""
    links = scorer.links
    shared, inside, degree = scorer.shared(members)
    outside = (degree - inside + 1) / (links.n_units - len(members) + 1)
    ties = shared[np.isin(links.group[shared], joins) & (inside >= 2.0**TIE_BITS * outside * len(members))]
    rows = scorer.sharers(members, ties)
    number = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    at = np.concatenate(rows) if rows else np.zeros(0, np.int64)
    graph = coo_array((np.ones(len(at)), (at, len(members) + number)), shape=(len(members) + len(rows),) * 2)
    labels: npt.NDArray[np.int64] = connected_components(graph, directed=False)[1][: len(members)].astype(np.int64)
    return labels


def _grown(scorer: Scorer, network: Network, core: Units) -> Network | None:
    """The larger network that a network and a core make together, where that holds; None where it does not.

    What refinement ends with depends on where it began: from one mould's sharers it may stop at the part of a fleet
    that has that mould, since what the others share counts for little among these.
    """
    common = np.intersect1d(network.members, core, assume_unique=True)
    new = len(core) - len(common)
    if len(common) < GROWS_BY * len(core) or new < GROWS_BY * network.size:
        return None
    larger = refine(scorer, np.union1d(network.members, core).astype(np.int32))
    if larger is None or larger.size < network.size + new / 2:
        return None
    kept = np.isin(network.members, larger.members, assume_unique=True).mean()
    closer = larger.total_bits * network.size > network.total_bits * larger.size
    return larger if kept >= STAYS and closer else None


def _merge(scorer: Scorer, networks: list[Network]) -> list[Network]:
    """Networks of which one lies mostly within another become one."""
    networks = sorted(networks, key=lambda n: (-n.size, n.members.tobytes()))
    kept: list[Network] = []
    for network in networks:
        for number, other in enumerate(kept):
            common = np.intersect1d(network.members, other.members, assume_unique=True)
            if len(common) * 2 >= network.size:
                union = np.union1d(network.members, other.members).astype(np.int32)
                kept[number] = Network(union, by_family(scorer.by_group(union)), other.seeds + network.seeds)
                break
        else:
            kept.append(network)
    return sorted(kept, key=lambda n: (-n.total_bits, n.members.tobytes()))
