"""Streams: what comes from one driver is one, and what many customers send through the same hands is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from traffic_by_hand import DAY, HOUR, Traffic, marks

from stillwatch.campaigns.cells import Cells, make_cells
from stillwatch.campaigns.keys import UNPOURED, is_pooled, key_exchanges
from stillwatch.campaigns.rhythms import QUEUE_TRAJECTORIES
from stillwatch.campaigns.streams import Stream, split_streams
from stillwatch.links.kinds import KINDS
from stillwatch.links.links import assemble
from stillwatch.networks.group import Scorer

Ints = np.ndarray

N_UNITS = 220
MEMBERS = np.arange(20, dtype=np.int32)
STRANGERS = np.arange(20, N_UNITS)
DAYS = 14
SPELLS = DAYS * 4
RARE = marks("reasoning", "given_answer")
QUESTION = marks("question")
PREFIX = next(number for number, kind in enumerate(KINDS) if kind.name == "prefix")


def world(rng: np.random.Generator) -> Traffic:
    """Two hundred strangers at any time, each with a mould of its own for five of six exchanges."""
    traffic = Traffic()
    units = np.repeat(STRANGERS, 25)
    traffic.add(units, rng.integers(0, DAYS * DAY, len(units)), template=1000 + units)
    units = np.repeat(STRANGERS, 5)
    traffic.add(units, rng.integers(0, DAYS * DAY, len(units)), markers=QUESTION)
    return traffic


def split(traffic: Traffic) -> tuple[Cells, list[Stream]]:
    """The streams of the members' network, who share nothing else that is known."""
    connection = traffic.connection()
    key_exchanges(connection, [MEMBERS])
    cells = make_cells(connection)
    rng = np.random.default_rng(5)
    everybody = np.arange(N_UNITS)
    one = np.ones(N_UNITS, np.int64)
    links = assemble(everybody, PREFIX * one, rng.integers(0, 60, N_UNITS), one, N_UNITS)
    (streams,) = split_streams(connection, cells, Scorer.of(links), [MEMBERS], np.zeros(N_UNITS, bool))
    return cells, streams


def moulds(cells: Cells, streams: list[Stream]) -> list[set[int]]:
    """The keys of each stream."""
    return [set(cells.key_hash[stream.keys].tolist()) for stream in streams]


def spells(rng: np.random.Generator, weight: Ints, n: int) -> Ints:
    """n moments in spells of six hours, in proportion to the weight of each."""
    spell = rng.choice(len(weight), n, p=weight / weight.sum())
    at: Ints = spell * 6 * HOUR + rng.integers(0, 6 * HOUR, n)
    return at


@pytest.mark.parametrize("text", [True, False])
def test_no_stream_is_made_of_parameters_alone(text: bool) -> None:
    """A network that sends everything with limits that nobody else has, and has nothing else in common, has none."""
    rng = np.random.default_rng(1)
    traffic = world(rng)
    units = np.repeat(MEMBERS, 60)
    words: dict[str, Any] = {"markers": QUESTION} if text else {}
    traffic.add(units, spells(rng, np.ones(SPELLS), len(units)), text=text, max_tokens=3333, temperature=0.3, **words)
    cells, streams = split(traffic)
    assert UNPOURED in cells.key_hash
    assert streams == []


@pytest.mark.parametrize("text", [True, False])
def test_a_system_prompt_makes_a_stream_with_them(text: bool) -> None:
    """The same exchanges with a system prompt of their own are one stream of all accounts."""
    rng = np.random.default_rng(1)
    traffic = world(rng)
    units = np.repeat(MEMBERS, 60)
    at = spells(rng, np.ones(SPELLS), len(units))
    traffic.add(units, at, text=text, max_tokens=3333, temperature=0.3, system_hash=7)
    cells, (stream,) = split(traffic)
    assert int(cells.n[stream.cells].sum()) == len(units)
    assert cells.unit[stream.cells].tolist() == MEMBERS.tolist()


def test_a_driver_that_words_every_request_anew_is_one_stream() -> None:
    """What all of its accounts ask for is a stream, without the cover that they send."""
    rng = np.random.default_rng(2)
    traffic = world(rng)
    units = np.repeat(MEMBERS, 30)
    driven = traffic.add(units, spells(rng, np.ones(SPELLS), len(units)), markers=RARE)
    traffic.add(units[:300], spells(rng, np.ones(SPELLS), 300), markers=QUESTION)
    cells, (stream,) = split(traffic)
    assert is_pooled(cells.key_hash[stream.keys]).all()
    assert int(cells.n[stream.cells].sum()) == len(driven)
    assert len(np.unique(cells.unit[stream.cells])) == len(MEMBERS)


@pytest.mark.parametrize("words", [False, True])
def test_a_pool_is_joined_with_nothing_by_its_hands(words: bool) -> None:
    """Two moulds on the same accounts in the same weeks are one stream, but words of their own, and a mould, are two.

    Their times are neither those of one queue nor plainly apart.
    """
    rng = np.random.default_rng(3)
    traffic = world(rng)
    units = np.repeat(MEMBERS, 60)
    lean = np.resize([1.0, -1.0, -1.0, 1.0, 1.0, 1.0, -1.0, -1.0, 1.0, -1.0], SPELLS) * 0.22
    for number, weight in enumerate((1 + lean, 1 - lean)):
        mould: dict[str, Any] = {"template": 5 + number} if number == 0 or not words else {}
        traffic.add(units, spells(rng, weight, len(units)), markers=RARE, **mould)
    cells, streams = split(traffic)
    assert [len(keys) for keys in moulds(cells, streams)] == ([1, 1] if words else [2])


def customers(rng: np.random.Generator, *, each: int, one_driver: bool) -> Traffic:
    """Twelve moulds, mixed over all members: of customers who are busy now and then, or of one driver who is."""
    traffic = world(rng)
    busy = rng.random((12, SPELLS)) < 0.3
    for number in range(12):
        weight = busy[0 if one_driver else number].astype(float)
        traffic.add(rng.choice(MEMBERS, each), spells(rng, weight, each), template=10 + number, max_tokens=500)
    return traffic


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_many_small_customers_are_taken_apart_by_their_times_together(seed: int) -> None:
    """Of twelve of a proxy's customers no two have enough to be told apart, but all together are plainly no one's."""
    assert QUEUE_TRAJECTORIES > 60
    cells, streams = split(customers(np.random.default_rng(seed), each=60, one_driver=False))
    assert sorted(map(sorted, moulds(cells, streams))) == [[10 + number] for number in range(12)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_many_small_moulds_of_one_driver_stay_one_stream(seed: int) -> None:
    """The same hands in the same spells are one driver, however many moulds it has."""
    cells, streams = split(customers(np.random.default_rng(seed), each=60, one_driver=True))
    assert moulds(cells, streams) == [{10 + number for number in range(12)}]


@pytest.mark.parametrize("own", [False, True])
def test_one_queue_is_a_part_only_where_the_rest_has_other_hours(own: bool) -> None:
    """Three moulds with everybody's days and nights are a part each, and one part where the rest is busy elsewhere."""
    rng = np.random.default_rng(6)
    traffic = world(rng)
    day = np.resize([0.5, 1.5, 1.5, 0.5], SPELLS)
    for number in range(3):
        at = spells(rng, day, 600)
        traffic.add(rng.choice(MEMBERS, 600), at, template=10 + number, max_tokens=500)
    rest = np.resize([1.0, 0.0, 0.2, 2.0], SPELLS) if own else day
    traffic.add(rng.choice(MEMBERS, 3000), spells(rng, rest, 3000), markers=QUESTION)
    cells, streams = split(traffic)
    (stream,) = (one for one in streams if 10 in cells.key_hash[one.keys])
    assert sorted(cells.key_hash[stream.keys].tolist()) == [10, 11, 12]
    assert len(np.unique(stream.parts)) == (1 if own else 3)
