"""Groups that share one thing and little else stay whole, and nobody stays in them who does not belong."""

from __future__ import annotations

import numpy as np
import pytest
from links_by_hand import Made, N, campaign

from stillwatch.networks.group import Scorer
from stillwatch.networks.search import Network, refine

MOULD = 900_000
CARDS = 910_000
TOOL = 920_000
HOURS = 80


def whole(made: Made, units: np.ndarray) -> Network | None:
    """What is left of some units, taken as a core."""
    return refine(Scorer.of(made.links()), np.sort(units).astype(np.int32))


def of_one_mould(seed: int, n: int, tied: int) -> tuple[Made, np.ndarray]:
    """n accounts that alone have a mould, of which the first share cards four by four, and the others nothing else."""
    made = Made(seed)
    units = made.take(n)
    made.add(units, "template", MOULD)
    made.add(units[:tied], "payment", CARDS + np.arange(tied) // 4)
    return made, units


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_family_is_enough_where_two_speak_for_half(seed: int) -> None:
    """Of sixty with a mould of their own thirty-six share cards: nobody is lost whom hardly anything else ties."""
    made, units = of_one_mould(seed, 60, 36)
    network = whole(made, units)
    assert network is not None
    assert network.members.tolist() == units.tolist()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_family_is_not_enough_where_two_speak_for_a_third(seed: int) -> None:
    """Of sixty users of one tool a third share cards: they are no ground to take the tool's other users in."""
    made, units = of_one_mould(seed, 60, 20)
    network = whole(made, units)
    assert network is not None
    assert np.isin(units[:20], network.members).all()
    assert np.isin(units[20:], network.members).mean() <= 0.2


def test_a_ring_that_uses_a_popular_tool_takes_none_of_its_users_in() -> None:
    """Twenty who share cards and exits use a tool that two hundred others use, and stay by themselves."""
    made = Made(4)
    ring, users = made.take(20), made.take(200)
    made.add(ring, "payment", CARDS + np.arange(20) // 5)
    made.add(ring, "prefix", CARDS + np.arange(20) % 4)
    for kind in ("template", "tools", "client"):
        made.add(np.union1d(ring, users), kind, TOOL)
    network = whole(made, ring)
    assert network is not None
    assert network.members.tolist() == ring.tolist()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_users_of_an_honest_tool_that_some_of_a_group_use_do_not_stay(seed: int) -> None:
    """A quarter of a group uses a tool that sixty others use and nobody else: these share one family only, and go."""
    made = Made(seed)
    units, users = campaign(made, 100, mould=MOULD, accounts_a_card=4, exits=10), made.take(60)
    made.add(np.union1d(units[:25], users), "tools", TOOL)
    network = whole(made, np.union1d(units, users))
    assert network is not None
    assert np.isin(units, network.members).all()
    assert np.isin(users, network.members).mean() <= 0.1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_few_tied_twice_among_many_are_no_ground_for_one_family(seed: int) -> None:
    """Thirty with cards, twenty with their mould alone and sixty users of a tool: two families speak for the thirty."""
    made, units = of_one_mould(seed, 50, 30)
    users = made.take(60)
    made.add(users, "tools", TOOL)
    network = whole(made, np.union1d(units, users))
    assert network is not None
    assert np.isin(units[:30], network.members).all()
    assert np.isin(units[30:], network.members).mean() <= 0.2
    assert not np.isin(users, network.members).any()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_core_that_grows_first_loses_nobody(seed: int) -> None:
    """Fifty of sixty, of whom twenty have the mould alone, are whole only where the others come in before these go."""
    made = Made(seed)
    units = made.take(60)
    made.add(units, "template", MOULD)
    made.add(units[:40], "payment", CARDS + np.arange(40) % 10)
    scorer, core = Scorer.of(made.links()), np.sort(units[10:]).astype(np.int32)
    grown, shrunk = refine(scorer, core, grow=True), refine(scorer, core)
    assert grown is not None
    assert shrunk is not None
    assert grown.members.tolist() == units.tolist()
    assert shrunk.size <= 45


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_few_of_a_group_have_draws_nobody_in(seed: int) -> None:
    """A stranger behind the exit of thirty of two hundred shares one thing with a few of them, and stays out."""
    made = Made(seed)
    units = campaign(made, 200, mould=MOULD, accounts_a_card=5, exits=20)
    (stranger,) = made.take(1)
    made.add(np.sort(np.append(units[:30], stranger)), "end-user", 999_999)
    network = whole(made, units)
    assert network is not None
    assert np.isin(units, network.members).all()
    assert stranger not in network.members


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_sharers_stand_as_a_whole_where_a_part_falls_apart(seed: int) -> None:
    """A mould's eighty accounts, of which a third share cards and the others sign up in some of everybody's hours.

    By itself the third has cards four by four and a mould that most of whom it shares it with are strangers to it.
    """
    made = Made(seed)
    units = made.take(80)
    made.add(units, "template", MOULD)
    made.add(units[:26], "payment", CARDS + np.arange(26) // 4)
    hour = made.rng.integers(0, HOURS, N)
    hour[units[26:]] = np.arange(54) // 7
    hour[units[:26]] = HOURS - 1 - np.arange(26)
    made.add(np.arange(N), "signup-hour", hour)
    best = made.find()[0]
    assert np.isin(units, best.members).all()
    assert best.size <= 82


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_who_does_not_belong_to_a_part_is_dropped_from_it(seed: int) -> None:
    """Two fleets with one bought mould are parted, and hangers-on of both, who belong to neither, go with none."""
    made = Made(seed)
    fleets = []
    for n, mould in ((30, 910_000), (130, 820_000)):
        units = campaign(made, n, mould=mould, accounts_a_card=4, exits=max(3, n // 10))
        for number in range(14):
            made.add(made.rng.choice(units, 2 * n // 3, replace=False), "template", mould + 1 + number)
        fleets.append(units)
    hangers, strangers = made.take(6), made.take(40)
    made.add(np.concatenate([*fleets, hangers]), "template", 700_000)
    some = made.rng.choice(fleets[0], 6, replace=False)
    made.add(np.concatenate([some, hangers, strangers]), "end-user", 600_000)
    found = made.find()
    for units in fleets:
        best = max(found, key=lambda network: len(np.intersect1d(network.members, units)))
        assert best.members.tolist() == units.tolist()
    assert not any(np.isin(hangers, network.members).any() for network in found if network.size > 10)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_party_that_only_its_own_cards_and_work_tie_is_left_out(seed: int) -> None:
    """Four who pay with one card and go on with each other's work use a tool that a group and many use: none of it."""
    made = Made(seed)
    units, party = campaign(made, 120, mould=MOULD, accounts_a_card=4, exits=12), made.take(4)
    made.add(np.concatenate([units, party, made.take(200)]), "tools", TOOL)
    made.add(party, "payment", 930_000)
    for number in range(3):
        made.add(party, "handoff", 940_000 + number)
    scorer = Scorer.of(made.links())
    glued = refine(scorer, np.union1d(units, party).astype(np.int32))
    assert glued is not None
    assert np.isin(party, glued.members).all()
    held = [one for one in made.find() if np.isin(units, one.members).mean() > 0.5]
    assert len(held) == 1
    assert np.isin(units, held[0].members).all()
    assert not np.isin(party, held[0].members).any()
