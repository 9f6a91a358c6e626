"""A world on disk: its logs, registry and truth agree to the row, and the same seed gives the same bytes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stillwatch import schema
from stillwatch.cli import run
from stillwatch.errors import OutputError, UsageError
from stillwatch.traffic_range.population import populations
from stillwatch.traffic_range.stage import HOUR
from stillwatch.traffic_range.worlds import WORLDS, world_named
from stillwatch.traffic_range.write import write_world

pytestmark = pytest.mark.slow


def truth(world: Path, name: str) -> pa.Table:
    """A table of the truth."""
    return pq.read_table(world / "truth" / f"{name}.parquet")


def test_truth_and_logs_agree_to_the_row(demo: Path) -> None:
    """Every exchange of the logs is in the truth, once, in the same order; the description counts them."""
    logs, known = pq.read_table(demo / "logs.parquet"), truth(demo, "exchanges")
    assert logs.schema.equals(schema.EXCHANGE)
    assert logs["exchange_id"].to_pylist() == known["exchange_id"].to_pylist()
    assert pc.count_distinct(logs["exchange_id"]).as_py() == len(logs)
    described = json.loads((demo / "world.json").read_text())
    assert described["exchanges"] == len(logs)
    assert sum(one["exchanges"] for one in described["populations"]) == len(logs)


def test_accounts_agree(demo: Path) -> None:
    """Registry and truth hold the same accounts, and no log has another."""
    registry, known = pq.read_table(demo / "accounts.parquet"), truth(demo, "accounts")
    assert registry.schema.equals(schema.ACCOUNT)
    assert registry["account_id"].to_pylist() == known["account_id"].to_pylist()
    logs = pq.read_table(demo / "logs.parquet", columns=["account_id"])
    assert set(logs["account_id"].to_pylist()) <= set(known["account_id"].to_pylist())


def test_campaigns_are_whole(demo: Path) -> None:
    """Each campaign has drivers, a network, an operator, targets and exchanges; only its drivers carry these."""
    campaigns = truth(demo, "campaigns")
    roles, runs = truth(demo, "account_campaign"), truth(demo, "campaign_network")
    known = truth(demo, "exchanges")
    logs = pq.read_table(demo / "logs.parquet", columns=["exchange_id", "account_id"])
    account = dict(zip(logs["exchange_id"].to_pylist(), logs["account_id"].to_pylist(), strict=True))
    assert len(campaigns) == 3
    for one in campaigns.to_pylist():
        mine = roles.filter(pc.equal(roles["campaign"], one["campaign"]))
        drivers = set(mine.filter(pc.equal(mine["role"], "driver"))["account_id"].to_pylist())
        own = known.filter(pc.equal(known["campaign"], one["campaign"]))
        assert one["operator"]
        assert one["targets"]
        assert one["campaign"] in runs["campaign"].to_pylist()
        assert {account[exchange] for exchange in own["exchange_id"].to_pylist()} <= drivers
        assert set(own["label"].to_pylist()) <= {"driven", "harvested_relay"}
    others = known.filter(pc.is_null(known["campaign"]))
    assert set(others["label"].to_pylist()) == {"honest", "cover"}


def test_logs_are_in_order_of_time(demo: Path) -> None:
    """As a log is; and nobody sends before his account was opened or after it was closed, retries aside."""
    logs = pq.read_table(demo / "logs.parquet", columns=["requested_at", "account_id"])
    at = logs["requested_at"].cast(pa.int64()).to_numpy()
    assert (np.diff(at) >= 0).all()
    registry = pq.read_table(demo / "accounts.parquet").to_pylist()
    opened = {row["account_id"]: row["created_at"] for row in registry}
    late = {row["account_id"]: row["closed_at"] for row in registry if row["closed_at"]}
    for row in logs.to_pylist():
        assert row["requested_at"] > opened[row["account_id"]]
        if row["account_id"] in late:
            assert (row["requested_at"] - late[row["account_id"]]).total_seconds() < 3600


def test_the_same_seed_gives_the_same_bytes(demo: Path, tmp_path: Path) -> None:
    """Written again, every file is the same; another seed is another world."""
    write_world(WORLDS["demo"], tmp_path / "again", seed=7, scale=0.1)
    files = sorted(path.relative_to(demo) for path in demo.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path / "again") for path in (tmp_path / "again").rglob("*.*"))
    for file in files:
        assert (demo / file).read_bytes() == (tmp_path / "again" / file).read_bytes(), file
    write_world(WORLDS["demo"], tmp_path / "other", seed=8, scale=0.01)
    assert not set(truth(demo, "accounts")["account_id"].to_pylist()) & set(
        truth(tmp_path / "other", "accounts")["account_id"].to_pylist()
    )


def test_a_population_is_the_same_whatever_else_is_there(demo: Path, tmp_path: Path) -> None:
    """Each has dice of its own: taken out of the world, the others' accounts and prompts stay."""
    alone = replace(WORLDS["demo"], cast=tuple(c for c in WORLDS["demo"].cast if c.population == "agency"))
    write_world(alone, tmp_path / "alone", seed=7, scale=0.1)
    mine = pq.read_table(tmp_path / "alone" / "logs.parquet", columns=["account_id", "prompt"]).to_pylist()
    everybody = pq.read_table(demo / "logs.parquet", columns=["account_id", "prompt"]).to_pylist()
    accounts = {row["account_id"] for row in mine}
    assert mine
    assert mine == [row for row in everybody if row["account_id"] in accounts]


def test_no_two_honest_accounts_send_one_text_by_accident(demo: Path) -> None:
    """Only what is published is sent by several, and by one population: benchmarks, a tutorial's examples."""
    logs = pq.read_table(demo / "logs.parquet", columns=["account_id", "prompt"])
    table = logs.append_column("population", truth(demo, "exchanges")["population"])
    senders = table.group_by(["prompt", "population", "account_id"]).aggregate([]).group_by("prompt")
    shared = senders.aggregate([("account_id", "count_distinct"), ("population", "min"), ("population", "max")])
    shared = shared.filter(pc.greater(shared["account_id_count_distinct"], 1))
    assert shared["population_min"].equals(shared["population_max"])
    assert set(shared["population_min"].to_pylist()) <= {"evaluators", "tutorial_readers"}


def test_campaigns_move_within_a_day_and_others_take_their_time(demo: Path) -> None:
    """A day after the release most of the campaigns' traffic is on the new models, and little of anybody else's."""
    logs = pq.read_table(demo / "logs.parquet", columns=["requested_at", "model"])
    at = logs["requested_at"].cast(pa.int64()).to_numpy()
    new = np.array([model.startswith("halcyon-5") for model in logs["model"].to_pylist()])
    driven = np.asarray(truth(demo, "exchanges")["campaign"].is_valid())
    release = WORLDS["demo"].calendar.release
    after = (at > release + 24 * HOUR) & (at < release + 48 * HOUR)
    assert not new[at < release].any()
    assert new[after & driven].mean() > 0.5
    assert new[after & ~driven].mean() < 0.4


def test_an_outage_fails_everybody(demo: Path) -> None:
    """Within it most requests fail; elsewhere hardly any."""
    logs = pq.read_table(demo / "logs.parquet", columns=["requested_at", "status"])
    at, status = (logs["requested_at"].cast(pa.int64()).to_numpy(), logs["status"].to_numpy())
    ((begin, end),) = WORLDS["demo"].calendar.outages
    inside = (at >= begin) & (at < end)
    assert (status[inside] != 200).mean() > 0.3
    assert (status[~inside] != 200).mean() < 0.03


def test_later_turns_carry_their_history(demo: Path) -> None:
    """The second turn's digests begin with those of the first, and its first message is the first one's prompt."""
    names = ["account_id", "session_id", "turns", "prompt", "first_user", "message_digests", "history_digest", "status"]
    rows = [row for row in pq.read_table(demo / "logs.parquet", columns=names).to_pylist() if row["session_id"]]
    first = {row["session_id"]: row for row in rows if row["turns"] == 0 and row["status"] == 200}
    second = [row for row in rows if row["turns"] == 2 and row["session_id"] in first]
    assert len(second) > 100
    for row in second:
        before = first[row["session_id"]]
        assert row["first_user"] == before["prompt"]
        assert row["message_digests"][0] == before["message_digests"][0]
        assert len(row["message_digests"]) == 3
        assert row["history_digest"]


def test_quiet_has_no_campaign(tmp_path: Path) -> None:
    """The same honest traffic, and nothing planted."""
    write_world(WORLDS["quiet"], tmp_path / "quiet", scale=0.02)
    assert set(truth(tmp_path / "quiet", "exchanges")["label"].to_pylist()) == {"honest"}
    assert len(truth(tmp_path / "quiet", "campaigns")) == 0


@pytest.mark.parametrize("format", ["canonical-ndjson", "litellm", "openai", "anthropic", "bedrock"])
def test_logs_of_other_formats_read_back(tmp_path: Path, format: str) -> None:
    """Every exchange comes back under its id and account; nothing is quarantined."""
    from stillwatch.sources.quarantine import Quarantine
    from stillwatch.sources.reading import ReadOptions, read_logs

    world = tmp_path / "world"
    assert run(["range", "demo", "--out", str(world), "--scale", "0.01", "--format", format, "--quiet"]) == 0
    quarantine = Quarantine()
    options = ReadOptions(now=datetime(2026, 6, 1, tzinfo=UTC))
    said: list[str] = []
    parts = read_logs([str(world)], format=None, registry=None, options=options, quarantine=quarantine, say=said.append)
    ids = [one for rows in parts for one in rows.batch.column("exchange_id").to_pylist()]
    assert (quarantine.n, quarantine.by_reason()[:1]) == (0, [])
    assert sorted(ids) == sorted(truth(world, "exchanges")["exchange_id"].to_pylist())


def test_every_population_plays_in_a_world() -> None:
    """None is left over, and none is missing."""
    played = {cast.population for world in WORLDS.values() for cast in world.cast}
    assert played == set(populations())


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    """Nothing of a user's is written over."""
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="no world's"):
        write_world(WORLDS["demo"], tmp_path, scale=0.01)
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["atlantis"], "demo, quiet"),
        (["demo", "--format", "smoke"], "litellm"),
        (["demo", "--scale", "0"], "--scale"),
    ],
)
def test_what_cannot_be_made_is_told(
    arguments: list[str], word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong usage is exit status 2, with what would be right."""
    assert run(["range", *arguments, "--out", str(tmp_path / "world")]) == 2
    assert word in capsys.readouterr().err


def test_an_unknown_world_is_named() -> None:
    """The message lists the worlds that are there."""
    with pytest.raises(UsageError, match="atlantis"):
        world_named("atlantis")
