"""Scores of a scan against a truth that is small enough to count by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch import schema
from stillwatch.cli import run
from stillwatch.evaluate.scores import Scores, score


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Campaign A of 4 accounts and 8 exchanges, B of 2 and 4; one owner of a stolen key; three honest accounts."""
    truth = tmp_path / "world" / "truth"
    truth.mkdir(parents=True)
    kinds = {"a1": "A", "a2": "A", "a3": "A", "a4": "A", "b1": "B", "b2": "B", "v": "owner"}
    kinds |= dict.fromkeys(("h1", "h2", "h3"), "chatter")
    pq.write_table(pa.table({"account_id": list(kinds), "kind": list(kinds.values())}), truth / "accounts.parquet")
    rows = [(f"a{i}", "A", "driver") for i in range(1, 5)] + [("b1", "B", "driver"), ("b2", "B", "driver")]
    rows.append(("v", "B", "stolen"))
    columns = dict(zip(("account_id", "campaign", "role"), zip(*rows, strict=True), strict=True))
    pq.write_table(pa.table({k: list(v) for k, v in columns.items()}), truth / "account_campaign.parquet")
    ids = [f"A{i}" for i in range(8)] + [f"B{i}" for i in range(4)] + [f"C{i}" for i in range(4)]
    labels = ["driven"] * 10 + ["harvested_relay"] * 2 + ["cover"] * 4
    campaigns = ["A"] * 8 + ["B"] * 4 + [None] * 4
    table = pa.table({"exchange_id": ids, "label": labels, "campaign": campaigns})
    pq.write_table(table, truth / "exchanges.parquet")
    return tmp_path / "world"


def scan(folder: Path, found: dict[str, tuple[str, list[str], list[str]]]) -> Path:
    """A scan with findings: id -> verdict, drivers, exchanges."""
    out = folder / "scan"
    out.mkdir()
    listed = [{"finding_id": f, "verdict": verdict} for f, (verdict, _, _) in found.items()]
    (out / "findings.json").write_text(json.dumps({"findings": listed}))
    accounts = [(f, a, "driver", 9.0) for f, (_, drivers, _) in found.items() for a in drivers]
    exchanges = [(f, x, "s", 1.0) for f, (_, _, claimed) in found.items() for x in claimed]
    for name, kind, rows in (
        ("finding_accounts", schema.FINDING_ACCOUNTS, accounts),
        ("finding_exchanges", schema.FINDING_EXCHANGES, exchanges),
    ):
        columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in kind]
        pq.write_table(pa.table(columns, schema=kind), out / f"{name}.parquet")
    return out


def scored(tmp_path: Path, world: Path, found: dict[str, tuple[str, list[str], list[str]]]) -> Scores:
    """Scores of such a scan."""
    return score(scan(tmp_path, found), world)


def test_a_campaign_is_found_with_its_shares(tmp_path: Path, world: Path) -> None:
    """Three of four accounts and a stranger; six of eight exchanges and two of cover."""
    found = {"F": ("campaign", ["a1", "a2", "a3", "h1"], [f"A{i}" for i in range(6)] + ["C0", "C1"])}
    scores = scored(tmp_path, world, found)
    a, b = scores.campaigns
    assert (a.campaign, a.finding_id) == ("A", "F")
    assert (a.account_recall, a.account_precision) == (0.75, 0.75)
    assert (a.exchange_recall, a.exchange_precision) == (0.75, 0.75)
    assert (b.finding_id, b.accounts, b.exchanges) == (None, 2, 4)
    assert (scores.found, scores.accused, scores.false_campaigns) == (1, {"chatter": 1}, [])
    assert scores.honest_accounts == 4


def test_less_than_half_is_not_found(tmp_path: Path, world: Path) -> None:
    """Three of eight exchanges are no find, and the finding is no false one either: it is the campaign's."""
    scores = scored(tmp_path, world, {"F": ("campaign", ["a1"], ["A0", "A1", "A2"])})
    assert (scores.found, scores.false_campaigns, scores.split_campaigns) == (0, [], ["F"])


def test_a_finding_of_strangers_is_false(tmp_path: Path, world: Path) -> None:
    """Cover traffic called a campaign is a false one, told with the kinds of its accounts."""
    scores = scored(tmp_path, world, {"F": ("campaign", ["h1", "v"], ["C0", "C1"])})
    assert scores.false_campaigns == [{"finding_id": "F", "exchanges": 2, "kinds": {"chatter": 1, "owner": 1}}]
    assert (scores.victims_accused, scores.accused) == (1, {"chatter": 1, "owner": 1})


def test_one_finding_finds_one_campaign(tmp_path: Path, world: Path) -> None:
    """Two campaigns thrown together are one find at most."""
    everything = [f"A{i}" for i in range(8)] + [f"B{i}" for i in range(4)]
    scores = scored(tmp_path, world, {"F": ("campaign", [], everything)})
    assert [one.finding_id for one in scores.campaigns] == ["F", None]


def test_networks_accuse_nobody(tmp_path: Path, world: Path) -> None:
    """The accounts of a network are not accused, whoever they are."""
    scores = scored(tmp_path, world, {"N": ("network", ["h1", "h2"], [])})
    assert (scores.networks, scores.accused, scores.found) == (1, {}, 0)


def test_what_is_no_scan_is_told(tmp_path: Path, world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without findings is named, with what to do."""
    assert run(["evaluate", str(tmp_path / "nothing"), str(world)]) == 1
    said = capsys.readouterr().err
    assert "findings.json" in said
    assert "Traceback" not in said


def test_the_command_prints_what_the_function_says(
    tmp_path: Path, world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`evaluate --json` is the scores, and the number found."""
    folder = scan(tmp_path, {"F": ("campaign", ["b1", "b2"], [f"B{i}" for i in range(4)])})
    assert run(["evaluate", str(folder), str(world), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["found"] == 1
    assert printed["campaigns"][1]["exchange_recall"] == 1.0
    assert run(["evaluate", str(folder), str(world)]) == 0
    assert "1 of 2 campaigns found" in capsys.readouterr().out
