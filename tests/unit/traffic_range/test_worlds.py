"""Ready worlds: each is a list that can be played at any scale, and its truth agrees with its logs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stillwatch.errors import UsageError
from stillwatch.traffic_range.evasions import DIALS
from stillwatch.traffic_range.population import populations
from stillwatch.traffic_range.stage import DAY, Stage
from stillwatch.traffic_range.worlds import WORLDS, World
from stillwatch.traffic_range.write import write_world

pytestmark = pytest.mark.slow


def small(world: World) -> World:
    """The world with networks that may be small."""
    cast = tuple(
        replace(one, least=12 if one.population == "proxy_network" else min(one.least, 6)) for one in world.cast
    )
    return replace(world, cast=cast)


Played = tuple[World, Path, set[tuple[str, str]]]


@pytest.fixture(scope="module", params=sorted(WORLDS))
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Each world, at hardly any size, and the options that its populations asked for."""
    world = small(WORLDS[request.param])
    out = tmp_path_factory.mktemp("worlds") / world.name
    largest = max(one.accounts for one in world.cast)
    asked: set[tuple[str, str]] = set()
    option = Stage.option

    def noted(stage: Stage, name: str, default: float) -> float:
        asked.add((stage.name, name))
        return option(stage, name, default)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stage, "option", noted)
        write_world(world, out, seed=2, scale=min(0.01, 40 / largest))
    return world, out, asked


def test_every_option_is_one(written: Played) -> None:
    """What a world sets, its populations ask for: a misspelt option would go unnoticed."""
    world, _, asked = written
    assert {(one.called, name) for one in world.cast for name in one.options} <= asked


def test_truth_reconciles(written: Played) -> None:
    """To the row: exchanges, accounts, campaigns, networks, operators, and the description's counts."""
    world, out, _ = written
    logs = pq.read_table(out / "logs.parquet", columns=["exchange_id", "account_id"])
    known = pq.read_table(out / "truth" / "exchanges.parquet")
    assert logs["exchange_id"].equals(known["exchange_id"])
    accounts = set(pq.read_table(out / "truth" / "accounts.parquet")["account_id"].to_pylist())
    registry = pq.read_table(out / "accounts.parquet")["account_id"].to_pylist()
    assert accounts == set(registry)
    assert len(accounts) == len(registry)
    assert set(logs["account_id"].to_pylist()) <= accounts

    campaigns = {one["campaign"]: one for one in pq.read_table(out / "truth" / "campaigns.parquet").to_pylist()}
    planted = {one.called: one.campaign for one in world.cast if one.campaign}
    assert {name: (one["operator"], tuple(one["targets"])) for name, one in campaigns.items()} == {
        name: (one.operator, one.targets) for name, one in planted.items()
    }
    roles = pq.read_table(out / "truth" / "account_campaign.parquet")
    runs = pq.read_table(out / "truth" / "campaign_network.parquet")
    networks = set(pq.read_table(out / "truth" / "account_network.parquet")["network"].to_pylist())
    assert set(runs["network"].to_pylist()) <= networks
    senders = logs.append_column("campaign", known["campaign"])
    for name in planted:
        assert name in runs["campaign"].to_pylist()
        carry = roles.filter(pc.and_(pc.equal(roles["campaign"], name), pc.not_equal(roles["role"], "carrier")))
        own = senders.filter(pc.equal(senders["campaign"], name))
        assert len(own)
        assert set(own["account_id"].to_pylist()) <= set(carry["account_id"].to_pylist())

    described = json.loads((out / "world.json").read_text())
    assert described["exchanges"] == len(logs) == sum(one["exchanges"] for one in described["populations"])
    assert described["accounts"] == len(accounts)
    assert [one["name"] for one in described["populations"]] == [one.called for one in world.cast]


@pytest.mark.parametrize("world", WORLDS.values(), ids=lambda world: world.name)
def test_names_resolve(world: World) -> None:
    """Every entry's name is its own; its population, dials and network are there."""
    names = [one.called for one in world.cast]
    assert len(names) == len(set(names))
    for place, one in enumerate(world.cast):
        assert one.population in populations()
        assert set(one.dials) <= set(DIALS)
        if one.on:
            host = world.entry(one.on)
            assert world.cast.index(host) < place
            assert host.campaign is None
            assert one.accounts <= host.accounts


def test_an_entry_that_is_not_there_is_named() -> None:
    """A guest's network that nobody opened is a mistake of the list."""
    with pytest.raises(UsageError, match="atlantis"):
        WORLDS["demo"].entry("atlantis")


def test_sizes_are_those_of_the_reports() -> None:
    """February: 24,000 accounts of three labs. September: a relay of 5,380. Lookalikes and quiet: no campaign."""
    planted = {name: [one for one in world.cast if one.campaign] for name, world in WORLDS.items()}
    assert [one.accounts for one in planted["february"]] == [1000, 3000, 20_000]
    assert max(one.accounts for one in planted["september"]) == 5380
    assert not planted["quiet"]
    assert not planted["lookalikes"]
    assert len(planted["demo"]) == 3
    for name in ("quiet", "lookalikes"):
        assert sum(one.accounts for one in WORLDS[name].cast) >= 10_000
    assert sum(one.accounts for one in WORLDS["demo"].cast) >= 5000


def test_months_are_months() -> None:
    """A campaign that is slow and low needs ninety days at least."""
    calendar = WORLDS["slow"].calendar
    assert (calendar.end - calendar.start) // DAY >= 90


def test_networks_keep_a_least_size(tmp_path: Path) -> None:
    """At a small scale a campaign does not shrink to a handful of accounts."""
    alone = replace(WORLDS["february"], cast=tuple(one for one in WORLDS["february"].cast if one.called == "lab_a"))
    assert write_world(alone, tmp_path / "world", scale=0.0001).accounts == 40


def test_dials_are_set_on_campaigns_and_their_networks() -> None:
    """Honest populations never evade."""
    evading = WORLDS["september"].evading({"cover": 0.5})
    for one in evading.cast:
        assert one.dials == ({"cover": 0.5} if one.campaign or one.called == "two_tenants" else {})
