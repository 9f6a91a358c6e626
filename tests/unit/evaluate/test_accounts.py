"""What accounts are against what a scan calls them, on worlds that are counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from evaluated_worlds import exchange, write_scan, write_world

from stillwatch.evaluate.scores import Scores, score


@pytest.fixture
def scores(tmp_path: Path) -> Scores:
    """Campaigns A and B of one operator; a carrier, a victim, a maker of data, a class, people."""
    rows = [exchange(n, f"a{n % 3}", "A") for n in range(6)]
    rows += [exchange(n, f"b{n % 2}", "B") for n in range(10, 14)]
    rows += [exchange(20, "c1", None, population="A", label="cover"), exchange(21, "v1", population="owners")]
    rows += [exchange(22, "d1", population="data_makers"), exchange(23, "s1", population="class_of_students")]
    rows += [exchange(24 + n, f"h{n}") for n in range(4)]
    world = write_world(
        tmp_path / "world",
        rows,
        operators={"A": "one", "B": "one"},
        roles={("c1", "A"): "carrier", ("v1", "B"): "stolen"},
        networks={"ring": ["a0", "a1", "a2", "c1"], "class": ["s1", "h3"], "alone": ["h2"]},
        runs_on={"A": "ring"},
        told={"h0": {"language": "zh", "zone": 8, "vpn": True}, "v1": {"language": "zh", "zone": -6}},
        registry={"h0": {"plan": "free"}},
    )
    findings = [
        {"finding_id": "FA", "verdict": "campaign", "targets": {"reasoning elicitation": 0.4, "vision": 0.1},
         "operators": [{"findings": ["FA", "FB"], "bits": 9.0, "sentence": "one"}]},
        {"finding_id": "FB", "verdict": "campaign", "targets": {}},
        {"finding_id": "FX", "verdict": "campaign"},
        {"finding_id": "N", "verdict": "network"},
    ]  # fmt: skip
    scan = write_scan(
        tmp_path / "scan",
        findings,
        parts={
            "FA": {"driver": ["a0", "a1", "c1"], "carrier": ["a2"]},
            "FB": {"driver": ["b0", "b1", "v1"]},
            "FX": {"driver": ["h0"]},
            "N": {"carrier": ["a0", "a1", "c1"]},
        },
        claimed={"FA": [f"x{n:05d}" for n in (*range(6), 20)], "FB": ["x00010", "x00011", "x00012"], "FX": ["x00024"]},
        accounts={
            **dict.fromkeys(("a0", "a1", "b0", "b1", "c1", "v1", "h0"), ("campaign", 20.0, 9.0)),
            "a2": ("network", 20.0, 3.0), "s1": ("clear", 12.0, 0.0), "d1": ("harvest", 1.0, 8.0),
            **{f"h{n}": ("clear", 0.0, 0.0) for n in (1, 2, 3)},
        },
    )  # fmt: skip
    return score(scan, world)


def test_accounts_are_told_on_two_axes(scores: Scores) -> None:
    """Drivers, members of networks, makers of data and the others, each against its verdict."""
    assert scores.verdicts == {
        "campaign": {"campaign": 4, "network": 1},
        "network": {"campaign": 1, "clear": 3},
        "harvest": {"harvest": 1},
        "clear": {"campaign": 2, "clear": 1},
    }


def test_roles_are_told(scores: Scores) -> None:
    """A carrier called driver, a victim called driver, a driver called carrier, and people."""
    assert scores.roles["driver"] == {"carrier": 1, "driver": 4}
    assert scores.roles["carrier"] == {"driver": 1}
    assert scores.roles["stolen"] == {"driver": 1}
    assert scores.roles["honest"] == {"driver": 1, "none": 5}
    assert scores.victims_accused == 1


def test_populations_say_whose_exchanges_are_claimed(scores: Scores) -> None:
    """Accused accounts and claimed exchanges are told by population, honest ones apart."""
    by_name = {one.population: one for one in scores.populations}
    assert (by_name["A"].campaign, by_name["A"].claimed, by_name["A"].exchanges, by_name["A"].accused) == (
        True, 7, 7, 3,
    )  # fmt: skip
    assert (by_name["chatters"].campaign, by_name["chatters"].accused, by_name["chatters"].claimed) == (False, 1, 1)
    assert by_name["owners"].called == {"campaign": 1}
    assert scores.labels == {"driven": 9, "cover": 1, "honest": 1}


def test_false_findings_fall_on_groups(scores: Scores) -> None:
    """The false campaign is a Chinese-speaking VPN user's on the free plan; the others are not drawn into it."""
    groups = {(one.by, one.value): one for one in scores.groups}
    assert (groups["language", "zh"].honest, groups["language", "zh"].accused) == (2, 2)
    assert [one.value for one in scores.groups if one.false_findings] == ["zh", "Asia and Oceania", "free", "VPN"]
    assert groups["vpn", "no VPN"].accused == 2


def test_targets_and_operators_are_held_against_the_truth(scores: Scores) -> None:
    """What a finding names is told beside what the campaign is after; a right hypothesis joins the one pair."""
    one, other = scores.campaigns
    assert one.targets == ["reasoning elicitation", "tool use"]
    assert one.named == ["reasoning elicitation", "vision"]
    assert other.named == []
    assert (scores.operators.same, scores.operators.joined, scores.operators.wrongly) == (1, 1, 0)


def test_networks_of_the_truth_are_found_or_missed(scores: Scores) -> None:
    """A ring of which a finding has three of four accounts is found; a network of one account is none."""
    ring, other = sorted(scores.true_networks, key=lambda one: one.network, reverse=True)
    assert (ring.network, ring.outcome, ring.recall, ring.precision, ring.campaigns) == (
        "ring",
        "found",
        0.75,
        1.0,
        ["A"],
    )
    assert (other.network, other.outcome, other.recall) == ("class", "missed", None)
