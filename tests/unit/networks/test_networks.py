"""Networks on links made by hand: colluders are found, hubs are not, and decoys are empty."""

from __future__ import annotations

import numpy as np
import pytest
from links_by_hand import Made, N, campaign

from stillwatch.networks.group import Scorer
from stillwatch.networks.null import Strata, best_of_decoys, decoy_networks, random_family_bits
from stillwatch.networks.search import Network
from stillwatch.networks.split import parts_without, split

HANDFUL = 5
"""Candidates of so few accounts come about by chance; they are weighed, and not found."""


def sizes(networks: list[Network]) -> list[int]:
    """Sizes of the candidates that are more than a handful."""
    return [network.size for network in networks if network.size > HANDFUL]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_colluders_of_two_sizes_are_found_whole_and_pure(seed: int) -> None:
    """A campaign of 200 accounts and one of 20 come out as two networks, without strangers."""
    made = Made(seed)
    planted = [
        campaign(made, 200, mould=900_000, accounts_a_card=5, exits=20),
        campaign(made, 20, mould=800_000, accounts_a_card=4, exits=3),
    ]
    found = made.find()
    for units in planted:
        best = max(found, key=lambda network: len(np.intersect1d(network.members, units)))
        hits = len(np.intersect1d(best.members, units))
        assert hits >= 0.95 * len(units)
        assert hits >= 0.95 * best.size


def test_a_campus_is_no_network_however_dense() -> None:
    """Sixty students behind one address, each with work of his own, share one fact and are left alone."""
    made = Made(4)
    students = made.take(60)
    made.add(students, "prefix", 999_999)
    made.add(students, "email-domain", 999_999)
    assert sizes(made.find()) == []


def test_users_of_a_popular_tool_are_no_network() -> None:
    """Five hundred users of one tool share its mould, its tools and its client, which is one fact."""
    made = Made(5)
    users = made.take(500)
    for kind in ("template", "tools", "client"):
        made.add(users, kind, 999_999)
    assert sizes(made.find()) == []


def test_a_mould_keeps_its_weight_however_many_share_it() -> None:
    """A third of all accounts collude: their mould is no hub."""
    made = Made(6)
    units = campaign(made, N // 3, mould=900_000, accounts_a_card=5, exits=60)
    found = made.find()
    hits = [len(np.intersect1d(network.members, units)) for network in found]
    assert max(hits) >= 0.95 * len(units)


def test_pairs_that_use_one_tool_are_not_tied_to_each_other() -> None:
    """Fail-over pairs share cards two by two; a tool that they all use makes no network of them."""
    made = Made(7)
    pairs = made.take(40)
    made.add(pairs, "payment", 999_000 + np.arange(40) // 2)
    made.add(pairs, "prefix", 999_000 + np.arange(40) // 2)
    everybody = np.arange(0, N, 10)
    made.add(np.union1d(pairs, everybody), "tools", 999_999)
    assert sizes(made.find()) == []


def test_decoys_of_a_world_with_a_campaign_hold_none() -> None:
    """Dealing each family to other accounts of like volume leaves nothing to find."""
    made = Made(8)
    campaign(made, 200, mould=900_000, accounts_a_card=5, exits=20)
    volume = made.rng.lognormal(3, 1, N).astype(np.int64)
    worlds = decoy_networks(made.links(), volume, made.rng, 3)
    assert [size for networks in worlds for size in sizes(networks)] == []


def test_the_same_links_and_seed_give_the_same_networks() -> None:
    """Nothing but the links and the seed decides."""

    def once() -> list[bytes]:
        made = Made(9)
        campaign(made, 100, mould=900_000, accounts_a_card=5, exits=10)
        return [network.members.tobytes() for network in made.find()]

    assert once() == once()


def test_random_groups_share_little() -> None:
    """The null of sharing: groups drawn by volume say less than a bit a member."""
    made = Made(10)
    volume = made.rng.lognormal(3, 1, N).astype(np.int64)
    like = np.arange(50, dtype=np.int32)
    bits = random_family_bits(made.links(), like, Strata.by(volume), made.rng, 64)
    assert bits.shape == (64, 4)
    assert bits.max() < 3
    assert np.median(bits) < 1


def test_two_clumps_that_one_stranger_connects_stay_two() -> None:
    """A ring and a class on one common mould, and one account that shows something of both, are two networks."""
    made = Made(9)
    ring = campaign(made, 60, mould=900_000, accounts_a_card=4, exits=6)
    others = campaign(made, 80, mould=800_000, accounts_a_card=80, exits=1)
    everybody = np.arange(0, N, 20)
    made.add(np.union1d(np.union1d(ring, others), everybody), "template", 700_000)
    between = np.sort(np.append(made.rng.choice(others, 3), ring[0]))
    made.add(np.unique(between), "rhythm", 600_000)
    members = np.sort(np.concatenate([ring, others])).astype(np.int32)
    parts = split(Scorer.of(made.links()), members)
    assert sorted(len(part) for part in parts if len(part) > HANDFUL) == [60, 80]


def test_two_fleets_that_bought_one_mould_are_two_networks() -> None:
    """A mould that nobody else has, and a host that both rent at, do not make one network of two fleets."""
    made = Made(11)
    fleets = [campaign(made, 80, mould=mould, accounts_a_card=4, exits=8) for mould in (900_000, 800_000)]
    for units, first in zip(fleets, (910_000, 810_000), strict=True):
        for _ in range(6):
            made.add(made.rng.choice(units, 40, replace=False), "template", first)
            first += 1
    members = np.sort(np.concatenate(fleets)).astype(np.int32)
    made.add(members, "template", 700_000)
    made.add(made.rng.choice(members, 6, replace=False), "prefix", 701_000)
    parts = split(Scorer.of(made.links()), members)
    assert sorted(len(part) for part in parts if len(part) > HANDFUL) == [80, 80]


def test_one_fleet_at_two_hosts_is_one_network() -> None:
    """Halves with cards and exits of their own stay one where all of their moulds are dealt to both."""
    made = Made(12)
    halves = [campaign(made, 80, mould=900_000, accounts_a_card=4, exits=8) for _ in range(2)]
    members = np.sort(np.concatenate(halves)).astype(np.int32)
    for number in range(4):
        made.add(made.rng.choice(members, 80, replace=False), "template", 910_000 + number)
    assert len(split(Scorer.of(made.links()), members)[0]) == 160


def test_a_large_fleet_under_suspicion_makes_no_decoy() -> None:
    """Half of a stratum of volume in one fleet meets itself in decoys, unless it is left out of them."""
    made = Made(13)
    units = campaign(made, 600, mould=900_000, accounts_a_card=5, exits=20)
    volume = made.rng.lognormal(3, 1, N).astype(np.int64)
    volume[units] = 10_000
    links = made.links()
    met = best_of_decoys(links, volume, made.rng, np.zeros(0, np.int32))
    assert max(met) > 10 * max(1.0, *best_of_decoys(links, volume, made.rng, units.astype(np.int32)))


def test_what_shares_thinly_grows_together_card_by_card() -> None:
    """Cards of four and exits of three, dealt independently, are one network of two hundred."""
    made = Made(10)
    units = made.take(200)
    made.add(units, "template", 900_000)
    made.add(units, "payment", 901_000 + np.arange(200) // 4)
    made.add(units, "prefix", 902_000 + made.rng.permutation(200) // 3)
    made.add(units, "rhythm", 903_000 + made.rng.permutation(200) // 4)
    parts = split(Scorer.of(made.links()), units.astype(np.int32))
    assert max(len(part) for part in parts) >= 190


def test_parts_without_what_they_ask() -> None:
    """Three laboratories that run one benchmark of their own are one by what they ask, and three without it."""
    made = Made(11)
    units = made.take(18)
    made.add(units, "template", 900_000)
    made.add(units, "email-domain", 901_000 + np.arange(18) // 6)
    made.add(units, "prefix", 902_000 + np.arange(18) // 6)
    scorer, members = Scorer.of(made.links()), units.astype(np.int32)
    assert len(split(scorer, members)) == 1
    order = np.argsort(np.argsort(units))
    assert len(np.unique(parts_without(scorer, np.sort(members), "text"))) == 3
    assert (parts_without(scorer, np.sort(members), "identity") >= 0).all()
    assert len(np.unique(parts_without(scorer, np.sort(members), "text")[order][:6])) == 1
