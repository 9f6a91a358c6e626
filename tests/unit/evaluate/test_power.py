"""Dials turned up on worlds, and what the runs come to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from evaluated_worlds import exchange, write_scan, write_world

from stillwatch.errors import UsageError
from stillwatch.evaluate import power
from stillwatch.evaluate.playing import Played, played, scale_for
from stillwatch.traffic_range.worlds import World, world_named


def test_a_dial_turns_campaigns_alone() -> None:
    """Campaigns, and networks that carry them, get the dial; honest populations stay."""
    turned = power.turned(world_named("demo"), "cover", 0.5)
    assert {cast.called for cast in turned.cast if cast.dials} == {
        "reasoning_campaign",
        "agentic_campaign",
        "hydra_campaign",
    }


def test_size_is_a_factor_on_campaigns_and_their_hosts() -> None:
    """Half the campaigns' accounts, honest ones as they were; a host shrinks with its guests."""
    world = world_named("september")
    before, after = ({cast.called: cast.accounts for cast in w.cast} for w in (world, power.turned(world, "size", 0.5)))
    assert after["chatters"] == before["chatters"]
    assert after["two_tenants"] == before["two_tenants"] / 2
    assert after["replay"] == before["replay"] / 2


@pytest.mark.parametrize(("dial", "value"), [("cover", 1.5), ("cover", -0.1), ("size", 0.0)])
def test_values_that_cannot_be_are_refused(dial: str, value: float) -> None:
    """Evasions go from 0 to 1, sizes above 0."""
    with pytest.raises(UsageError):
        power.turned(world_named("demo"), dial, value)


def test_dials_and_worlds_that_cannot_be_are_refused() -> None:
    """A dial that is none, and a world without a campaign."""
    with pytest.raises(UsageError, match="no dial"):
        power.power_curve(world_named("demo"), "louder", [1.0], [1])
    with pytest.raises(UsageError, match="no campaign"):
        power.power_curve(world_named("quiet"), "cover", [1.0], [1])


def test_a_curve_is_recall_over_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found with the dial at 0 and missed at 1: means over seeds, and all campaigns together by exchanges."""

    def fake(worlds: list[World], seeds: list[int], **options: Any) -> Iterator[Played]:
        (world,) = worlds
        evades = any(cast.dials.get("cover") for cast in world.cast)
        for seed in seeds:
            folder = tmp_path / f"{evades}{seed}"
            rows = [exchange(n, f"a{n % 3}", "A") for n in range(6)] + [exchange(9 + n, "b", "B") for n in range(2)]
            claimed = [f"x{n:05d}" for n in range(6)]
            scan = write_scan(folder / "scan", [{"finding_id": "F", "verdict": "network" if evades else "campaign",
                                                 "extraction_bits": 9.0, "explanations": []}],
                              claimed={"F": claimed})  # fmt: skip
            yield played(scan, write_world(folder / "world", rows), oracle=False)

    monkeypatch.setattr(power, "play", fake)
    points = power.power_curve(world_named("demo"), "cover", [1.0, 0.0], [1, 2])
    told = {(one.campaign, one.value): one for one in points}
    assert [one.campaign for one in points[:2]] == ["all", "all"]
    assert (told["A", 0.0].recall, told["A", 0.0].found, told["A", 0.0].runs) == (1.0, 2, 2)
    assert (told["A", 1.0].recall, told["A", 1.0].found) == (0.0, 0)
    assert told["all", 0.0].recall == pytest.approx(0.75)
    assert (told["all", 0.0].found, told["all", 0.0].runs) == (2, 4)


def test_a_size_in_accounts_is_a_scale() -> None:
    """The scale at which a world has about so many accounts; none is refused."""
    world = world_named("demo")
    assert scale_for(world, 2 * sum(cast.accounts for cast in world.cast)) == pytest.approx(2.0)
    with pytest.raises(UsageError, match="--accounts"):
        scale_for(world, 0)
