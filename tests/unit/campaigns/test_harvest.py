"""Two facts of one customer together weigh what they can, and what hangs together among honest ones weighs less.

Accounts that act as one and do not hide it are one customer, which is told once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import norm
from traffic_by_hand import DAY, Traffic, marks

from stillwatch.campaigns.assess import Assessed, Assessment, Bench
from stillwatch.campaigns.cells import Cells, make_cells
from stillwatch.campaigns.finding import OPENLY_ONE, UNNAMED, Evidence
from stillwatch.campaigns.harvest import Harvest, find_harvests, together_bits
from stillwatch.campaigns.keys import key_exchanges
from stillwatch.campaigns.measures import Measuring
from stillwatch.campaigns.streams import Stream
from stillwatch.campaigns.verdicts import Thresholds
from stillwatch.networks.search import Network

MEMBERS = np.arange(12, dtype=np.int32)
SHOPS = np.arange(12, 212)
MOULD, ORDERS = 5, 6
REASONS, GRADES = marks("reasoning", "given_answer"), marks("grading", "rubric")
LIMITS = Thresholds(coordination=8.0, campaign=6.0, decoy=50.0, n_hypotheses=100, n_streams=1, n_honest=1.0, days=14.0)


@pytest.mark.parametrize("bits", [0.0, 3.0, 8.0])
def test_two_independent_facts_are_fishers_sum(bits: float) -> None:
    """Of independent facts the sum t weighs t less what either could have been: t - log2(1 + t ln 2)."""
    total = 2 * bits
    expected = total - np.log2(1 + total * np.log(2))
    np.testing.assert_allclose(together_bits(np.array([[bits], [bits]]), 0.0), [expected], atol=1e-9)


def test_what_hangs_together_weighs_less() -> None:
    """The more two facts hang together, the fewer bits they are; one fact seen twice is hardly more than once."""
    seen = [float(together_bits(np.full((2, 1), 6.0), r)[0]) for r in (0.0, 0.3, 0.6, 1.0)]
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] == pytest.approx(6.0, abs=0.1)


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.6])
def test_honest_numbers_come_at_the_stated_rate(correlation: float) -> None:
    """Of correlated normals, b bits or more come at a rate of about 2^-b, never twice as often."""
    rng = np.random.default_rng(7)
    both = rng.multivariate_normal((0, 0), ((1, correlation), (correlation, 1)), 400_000).T
    bits = together_bits(-norm.logsf(both) / np.log(2), correlation)
    for level in (3, 6, 9):
        assert (bits >= level).mean() <= 2.0 * 2.0**-level


def shops(rng: np.random.Generator) -> Traffic:
    """Two hundred honest customers, each with some forty questions: half of them people, half applications."""
    traffic = Traffic()
    units = np.repeat(SHOPS, rng.integers(30, 50, len(SHOPS)))
    usual = rng.choice([0, marks("question"), marks("summary"), marks("translation"), REASONS], len(units))
    at, out = rng.integers(0, 14 * DAY, len(units)), rng.integers(50, 300, len(units))
    poured = units % 2 == 0
    for which, mould in ((~poured, {}), (poured, {"template": 1000 + units[poured]})):
        traffic.add(
            units[which], at[which], markers=usual[which], output_tokens=out[which], reasoning_tokens=0, **mould
        )
    return traffic


def collect(traffic: Traffic, rng: np.random.Generator, units: npt.NDArray[Any], **columns: Any) -> npt.NDArray[Any]:
    """These units ask for long answers with reasoning, and for grades; returns the positions."""
    shown = {
        "markers": np.resize([REASONS, GRADES], len(units)),
        "template": MOULD,
        "output_tokens": 1200,
        "reasoning_tokens": 600,
        **columns,
    }
    return traffic.add(units, rng.integers(0, 14 * DAY, len(units)), **shown)


def serve(traffic: Traffic, rng: np.random.Generator, units: npt.NDArray[Any]) -> None:
    """These units ask for short answers to their own customers, from a mould."""
    at = rng.integers(0, 14 * DAY, len(units))
    traffic.add(units, at, template=ORDERS, markers=marks("summary"), output_tokens=150, reasoning_tokens=0)


def subject(
    cells: Cells, key: int, *, strangers: float, families: Sequence[str] = ("text", "time"), unnamed: bool = False
) -> Assessed:
    """What the members send under a key, whose accounts these families say act as one."""
    number = int(np.searchsorted(cells.key_hash, key))
    rows = np.flatnonzero((cells.key == number) & np.isin(cells.unit, MEMBERS))
    evidence = [
        Evidence(
            family=family,
            axis="coordination",
            name=f"shared-{family}",
            bits=5.0,
            observed=1.0,
            expected=0.0,
            sentence="",
        )
        for family in families
    ]
    of_stream: dict[str, Any] = {field.name: np.zeros(1, np.int64) for field in fields(Stream)}
    of_stream |= {"keys": np.array([number]), "cells": rows, "imitated": np.zeros(0, np.int32)}
    told: dict[str, Any] = {
        "network_number": 0,
        "network": Network(MEMBERS, np.full((len(MEMBERS), 4), 5.0), 1),
        "stream": Stream(**of_stream),
        "cells": rows,
        "units": np.unique(cells.unit[rows]).astype(np.int32),
        "evidence": evidence,
        "explanations": [],
        "sharing": None,
        "strangers": strangers,
        "unnamed": unnamed,
        "n_exchanges": int(cells.n[rows].sum()),
        "row": 0,
    }
    return Assessed(**told)


def harvests(
    traffic: Traffic, *, key: int = MOULD, also: Sequence[int] = (), verdict: str = "clear", **said: Any
) -> list[Harvest]:
    """Who was tested, the strongest first, the members being a network with a stream a key, of which that is said."""
    connection = traffic.connection()
    key_exchanges(connection, [MEMBERS])
    cells = make_cells(connection)
    known: dict[str, Any] = {field.name: None for field in fields(Bench)} | {"connection": connection, "cells": cells}
    known["measuring"] = Measuring(connection, cells)
    subjects = [subject(cells, one, **said) for one in (key, *also)]
    told: dict[str, Any] = {"subjects": subjects, "candidates": None, "bench": Bench(**known)}
    return find_harvests(Assessment(**told), [verdict] * len(subjects), LIMITS, 14.0).tested


def found(tested: Sequence[Harvest]) -> list[Harvest]:
    """Who is a finding."""
    return [one for one in tested if one.found]


def test_accounts_that_act_as_one_openly_are_one_party() -> None:
    """Twelve accounts of which none collected much are one harvest; that they are one is said, and adds no bits."""
    rng = np.random.default_rng(1)
    traffic = shops(rng)
    collect(traffic, rng, np.repeat(MEMBERS, 110))
    (party,) = harvests(traffic, strangers=0.0)
    assert party.found
    assert party.units.tolist() == MEMBERS.tolist()
    assert party.n_exchanges == 12 * 110
    (openly,) = [one for one in party.evidence if one.name == OPENLY_ONE]
    assert (openly.bits, openly.observed) == (0.0, 1.0)
    assert openly.axis == "coordination"
    assert party.coordination_bits == 0.0


def test_what_a_party_collects_in_two_streams_it_collects_together() -> None:
    """It is one party, with the exchanges of both."""
    rng = np.random.default_rng(1)
    traffic = shops(rng)
    for mould in (MOULD, MOULD + 1):
        collect(traffic, rng, np.repeat(MEMBERS, 90), template=mould)
    (party,) = harvests(traffic, also=[MOULD + 1], strangers=0.0)
    assert party.found
    assert party.n_exchanges == 12 * 180


def test_of_accounts_that_a_log_does_not_name_it_is_said() -> None:
    """They act as one, and nothing tells whether they are one customer's: no openness is claimed."""
    rng = np.random.default_rng(1)
    traffic = shops(rng)
    collect(traffic, rng, np.repeat(MEMBERS, 110))
    (party,) = harvests(traffic, strangers=float("nan"), unnamed=True)
    assert party.found
    assert [one.name for one in party.evidence if one.axis == "coordination"] == [UNNAMED]


@pytest.mark.parametrize(
    "said",
    [
        {"strangers": 0.9},
        {"strangers": 0.6},
        {"strangers": float("nan")},
        {"strangers": 0.0, "families": ("text",)},
        {"strangers": 0.0, "verdict": "network"},
    ],
)
def test_strangers_are_no_party(said: dict[str, Any]) -> None:
    """Accounts that hide that they belong together, or may, or do not act as one, or are found already, are none."""
    rng = np.random.default_rng(1)
    traffic = shops(rng)
    collect(traffic, rng, np.repeat(MEMBERS, 110))
    assert harvests(traffic, **said) == []


def test_an_agency_that_asks_for_much_of_nothing_special_is_not_found() -> None:
    """As many accounts with as many exchanges as a harvest, in the open, that serve their customers."""
    rng = np.random.default_rng(2)
    traffic = shops(rng)
    serve(traffic, rng, np.repeat(MEMBERS, 110))
    (party,) = harvests(traffic, key=ORDERS, strangers=0.0)
    assert party.units.tolist() == MEMBERS.tolist()
    assert not party.found


def test_a_member_of_a_party_that_was_found_is_not_told_again() -> None:
    """One of its accounts collected enough for a finding by itself, and is told with the others."""
    rng = np.random.default_rng(3)
    traffic = shops(rng)
    collect(traffic, rng, np.concatenate([np.repeat(MEMBERS, 40), np.repeat(MEMBERS[:1], 1200)]))
    (party,) = harvests(traffic, strangers=0.0)
    assert party.found
    assert len(party.units) == len(MEMBERS)


def test_a_member_of_a_party_that_was_not_found_is_told_by_itself() -> None:
    """An agency's one account that collects data is found, and the agency is not."""
    rng = np.random.default_rng(4)
    traffic = shops(rng)
    serve(traffic, rng, np.repeat(MEMBERS, 210))
    collect(traffic, rng, np.repeat(MEMBERS[:1], 1500))
    tested = harvests(traffic, key=ORDERS, strangers=0.0)
    assert len(tested) == 2
    assert [one.units.tolist() for one in found(tested)] == [[0]]


@pytest.mark.parametrize("public", [False, True])
def test_a_partys_own_prompts_on_several_of_its_accounts_are_nobody_elses(public: bool) -> None:
    """Each prompt goes to two of its accounts: it is its own all the same, unless somebody else sent it too."""
    rng = np.random.default_rng(5)
    traffic = shops(rng)
    prompts = np.resize(np.arange(660), 1320)
    collect(traffic, rng, np.resize(MEMBERS, 1320), prompt_hash=prompts)
    if public:
        traffic.add(np.resize(SHOPS, 660), rng.integers(0, 14 * DAY, 660), prompt_hash=prompts[:660])
    (party,) = harvests(traffic, strangers=0.0)
    assert party.found != public
    evaluator = next(one for one in party.explanations if one.name == "evaluator")
    assert any("somebody else" in one for one in evaluator.for_) == public
