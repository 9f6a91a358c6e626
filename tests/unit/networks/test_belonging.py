"""Who belongs to a group, and whom an indicator's sharers are tied by: the quick ways say what the plain ones say."""

from __future__ import annotations

import numpy as np
import pytest
from links_by_hand import Made, N, campaign

from stillwatch.links.kinds import FAMILIES, GROUPS
from stillwatch.links.links import Links
from stillwatch.networks.cores import MIN_COVER_BITS, find_cores
from stillwatch.networks.group import Scorer, by_family
from stillwatch.networks.search import COMMON, FAMILY_BITS, MEMBER_BITS, TIED_TWICE

MOULD = 900_000
CHANCE = 950_000


def traffic(seed: int) -> tuple[Made, np.ndarray]:
    """A campaign, and strangers of whom each shares thirty things with one or two others, by chance."""
    made = Made(seed)
    units = campaign(made, 60, mould=MOULD, accounts_a_card=4, exits=12)
    everybody = np.repeat(np.arange(N), 10)
    for kind in ("item", "payment", "rhythm"):
        made.add(everybody, kind, CHANCE + made.rng.integers(0, 5 * N, len(everybody)))
    return made, units


def plainly(links: Links, members: np.ndarray, needed: float) -> np.ndarray:
    """Whoever belongs to a group, asked one by one."""
    scorer, size = Scorer.of(links), len(members)
    shared, inside, degree = scorer.shared(members, 1)
    elsewhere = (degree - inside + 1) / (links.n_units - size + 1)
    lift = np.log2((inside + elsewhere) / ((size + 1) * elsewhere))
    for group in range(len(GROUPS)):
        mine = links.group[shared] == group
        seen = np.bincount(inside[mine], minlength=6)
        for r in range(1, 5):
            lift[mine & (inside == r)] += min(np.log2(((r + 1) * seen[r + 1] + r) / (r * seen[r] + r)), 0.0)
    telling = shared[(inside >= 2) & (inside >= 4 * elsewhere * size) & (lift >= needed / len(FAMILIES))]
    if len(telling) == 0:
        return np.zeros(0, np.int32)
    asked = np.union1d(members, np.concatenate([links.members(int(one)) for one in telling])).astype(np.int32)
    bits = by_family(scorer.by_group(members, asked))
    outweighs = bits.sum(axis=1) >= needed
    belongs = outweighs & ((bits >= FAMILY_BITS).sum(axis=1) >= 2)
    if belongs.sum() >= TIED_TWICE * outweighs.sum():
        strict = asked[belongs]
        shown, within, degree = scorer.shared(strict, max(2, int(np.ceil(COMMON * len(strict)))))
        common = shown[within >= TIED_TWICE * degree]
        belongs |= by_family(scorer.by_group(members, asked, only=common)).sum(axis=1) >= needed
    return asked[belongs]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_lists_rule_out_only_who_cannot_belong(seed: int) -> None:
    """The same units belong as where everybody is asked who shows anything telling, for groups of all kinds."""
    made, units = traffic(seed)
    links = made.links()
    scorer = Scorer.of(links)
    mixed = np.union1d(units[:20], made.take(15))
    groups = [units, units[:12], mixed, *(np.sort(made.rng.choice(N, n, replace=False)) for n in (4, 30, 400))]
    found = []
    for group in groups:
        for needed in (np.log2(N / len(group)) + MEMBER_BITS, 4.0):
            members = group.astype(np.int32)
            ours = scorer.belonging(members, needed, FAMILY_BITS, COMMON, TIED_TWICE)
            assert ours.tolist() == plainly(links, members, needed).tolist()
            found.append(len(ours))
    assert max(found) >= 55 and min(found) == 0


@pytest.mark.parametrize(("accounts_a_card", "least", "most"), [(1, 0.0, 1.0), (2, 4.0, 6.0)])
def test_what_is_seen_once_says_little_where_nothing_is_seen_twice(
    accounts_a_card: int, least: float, most: float
) -> None:
    """A member's card speaks for an outsider where members share cards, and not where each has one of his own."""
    made = Made(5)
    units, outsiders = made.take(40), made.take(40)
    for mine in (units, outsiders):
        made.add(mine, "payment", MOULD + np.arange(40) // accounts_a_card)
    made.add(units[:1], "payment", CHANCE)
    made.add(outsiders[:1], "payment", CHANCE)
    scorer = Scorer.of(made.links())
    said = by_family(scorer.by_group(units.astype(np.int32), outsiders[:1].astype(np.int32)))[0]
    assert least <= said[FAMILIES.index("identity")] <= most


def test_sharers_are_screened_alike_in_small_groups_and_large_ones() -> None:
    """Cores are the sharers whom other families tie, whether these are four or a thousand."""
    made, units = traffic(4)
    made.add(np.union1d(units, made.take(700)), "tools", MOULD)
    links = made.links()
    scorer = Scorer.of(links)
    cores, whole = find_cores(links, np.random.default_rng(0))
    assert cores and whole
    known = {core.tobytes() for core in cores}
    sizes = []
    for indicator in np.flatnonzero(links.degree() >= 3):
        members = links.members(int(indicator))
        if members.tobytes() in {group.tobytes() for group in whole} or members.tobytes() in known:
            bits = by_family(scorer.by_group(members))
            bits[:, links.family[indicator]] = 0.0
            core = members[bits.sum(axis=1) >= MIN_COVER_BITS]
            if core.tobytes() in known:
                sizes.append(len(members))
    assert min(sizes) <= 8 and max(sizes) >= 50


@pytest.mark.parametrize("seed", [1, 2])
def test_who_shows_what_is_found_from_the_members_side_too(seed: int) -> None:
    """The rows of the members in each indicator's own list, in any order of indicators, and twice alike."""
    made, units = traffic(seed)
    links = made.links()
    scorer, members = Scorer.of(links), np.union1d(units, np.arange(0, N, 7)).astype(np.int32)
    asked = made.rng.permutation(np.unique(links.unit_indicators))[:500]
    for _ in range(2):
        found = scorer.sharers(members, asked)
        assert len(found) == len(asked)
        for indicator, rows in zip(asked, found, strict=True):
            assert rows.tolist() == np.flatnonzero(np.isin(members, links.members(int(indicator)))).tolist()
    assert scorer.sharers(members, asked[:0]) == []
