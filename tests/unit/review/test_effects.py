"""What reviews and declared uses change of the next scan, and what they do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from small_world import exchanges, write

from stillwatch.cli import run

pytestmark = pytest.mark.slow

Rows = list[dict[str, object]]


def world(colluders: int = 60) -> Rows:
    """Four hundred strangers without a mould, and a campaign's accounts."""
    rows = exchanges(strangers=400, colluders=colluders, each=25)
    rows = [{**row, "system_prompt": None} for row in rows]
    return sorted(rows, key=lambda row: str(row["requested_at"]))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its log."""
    return write(tmp_path_factory.mktemp("log") / "log.ndjson", world())


@pytest.fixture(scope="module")
def plain(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its scan, with nothing declared."""
    return scan(log, tmp_path_factory.mktemp("plain") / "out")


def scan(log: Path, out: Path, *options: object) -> Path:
    """A scan's folder."""
    assert run(["scan", str(log), "--out", str(out), "--quiet", *map(str, options)]) == 0
    return out


def read(out: Path) -> dict[str, Any]:
    """findings.json."""
    found: dict[str, Any] = json.loads((out / "findings.json").read_text())
    return found


def campaigns(out: Path) -> list[dict[str, Any]]:
    """Findings of that verdict."""
    return [one for one in read(out)["findings"] if one["verdict"] == "campaign"]


def drivers(out: Path) -> set[str]:
    """Accounts that drive a campaign."""
    table = pq.read_table(out / "finding_accounts.parquet").to_pylist()
    return {one["account_id"] for one in table if one["finding_id"].startswith("C") and one["role"] == "driver"}


def declare(path: Path, **more: object) -> Path:
    """A file with one declared use."""
    entry = {"use": "training data with permission", "owner": "jane", "until": "2026-12-31", **more}
    path.write_text(json.dumps([entry]))
    return path


def test_a_dismissed_finding_is_spared_and_said(log: Path, plain: Path, tmp_path: Path) -> None:
    """It is no campaign any more; the declared use stands in the findings with its owner, its end and its bits."""
    assert len(campaigns(plain)) == 1
    reviews = tmp_path / "reviews.ndjson"
    arguments = ["review", "C1", "--from", str(plain), "--dismiss", "--why", "our red team", "--by", "ana"]
    assert run([*arguments, "--use", "red team", "--until", "2026-12-31", "--into", str(reviews)]) == 0
    out = scan(log, tmp_path / "out", "--reviews", reviews)
    assert campaigns(out) == []
    (one,) = read(out)["declared"]
    assert (one["source"], one["use"], one["owner"], one["until"]) == ("review", "red team", "ana", "2026-12-31")
    (spared,) = one["spared"]
    assert spared["exchanges"] == campaigns(plain)[0]["exchanges"]
    assert spared["extraction_bits"] == campaigns(plain)[0]["extraction_bits"]
    page = (out / "report.html").read_text()
    assert 'id="declared"' in page
    assert "not called a campaign" in page
    assert json.loads((out / "scan.json").read_text())["reviews"]["groups_spared"] == 1


def test_the_same_logs_and_reviews_give_the_same_bytes(log: Path, plain: Path, tmp_path: Path) -> None:
    """A review's effect does not depend on when or where it is scanned."""
    reviews = tmp_path / "reviews.ndjson"
    run(["review", "C1", "--from", str(plain), "--dismiss", "--why", "w", "--by", "a", "--into", str(reviews)])
    one, other = scan(log, tmp_path / "one", "--reviews", reviews), scan(log, tmp_path / "two", "--reviews", reviews)
    for path in sorted(one.iterdir()):
        if path.name != "run.json":
            assert path.read_bytes() == (other / path.name).read_bytes(), path.name


def test_a_dismissed_finding_that_has_grown_comes_back_and_says_so(plain: Path, tmp_path: Path) -> None:
    """Half as many accounts again are no longer what was dismissed."""
    reviews = tmp_path / "reviews.ndjson"
    run(["review", "C1", "--from", str(plain), "--dismiss", "--why", "w", "--by", "a", "--into", str(reviews)])
    grown = write(tmp_path / "log.ndjson", world(colluders=90))
    out = scan(grown, tmp_path / "out", "--reviews", reviews)
    (found,) = campaigns(out)
    assert any("has grown: 33% of its accounts were not in it then" in said for said in found["reviews"])
    assert [one["status"] for one in read(out)["declared"]] == ["outgrown"]
    slightly = write(tmp_path / "slightly.ndjson", world(colluders=66))
    assert campaigns(scan(slightly, tmp_path / "same", "--reviews", reviews)) == []


def test_a_dismissal_that_has_ended_has_no_effect(log: Path, plain: Path, tmp_path: Path) -> None:
    """The end is judged by the logs' last day, and it is said."""
    reviews = tmp_path / "reviews.ndjson"
    arguments = ["review", "C1", "--from", str(plain), "--dismiss", "--why", "w", "--by", "a", "--until", "2026-03-10"]
    assert run([*arguments, "--into", str(reviews)]) == 0
    out = scan(log, tmp_path / "out", "--reviews", reviews)
    assert len(campaigns(out)) == 1
    assert [one["status"] for one in read(out)["declared"]] == ["expired"]


def test_a_confirmed_finding_is_no_honest_sample_and_is_told_again(log: Path, plain: Path, tmp_path: Path) -> None:
    """Its accounts are out of the null, and the finding says who confirmed it."""
    reviews = tmp_path / "reviews.ndjson"
    run(["review", "C1", "--from", str(plain), "--confirm", "--why", "saw it", "--by", "ana", "--into", str(reviews)])
    out = scan(log, tmp_path / "out", "--reviews", reviews)
    summary = json.loads((out / "scan.json").read_text())
    assert summary["reviews"]["units_out_of_the_null"] == 60
    (found,) = campaigns(out)
    assert any("confirmed by ana" in said and "saw it" in said for said in found["reviews"])


def test_a_later_verdict_counts(log: Path, plain: Path, tmp_path: Path) -> None:
    """Dismissed and then confirmed is confirmed."""
    reviews = tmp_path / "reviews.ndjson"
    for decision in ("--dismiss", "--confirm"):
        run(["review", "C1", "--from", str(plain), decision, "--why", "w", "--by", "a", "--into", str(reviews)])
    out = scan(log, tmp_path / "out", "--reviews", reviews)
    assert len(campaigns(out)) == 1
    assert read(out)["declared"] == []


def test_declared_accounts_are_protected_and_only_they(log: Path, plain: Path, tmp_path: Path) -> None:
    """Twenty declared accounts are taken out of the campaign; the forty others are still accused, and it is said."""
    protected = sorted(drivers(plain))[:20]
    out = scan(log, tmp_path / "out", "--declared", declare(tmp_path / "d.json", account_id=protected))
    assert drivers(out) == drivers(plain) - set(protected)
    (found,) = campaigns(out)
    assert any("20 accounts with" in said and "left out" in said for said in found["reviews"])
    (one,) = read(out)["declared"]
    assert [group["whole"] for group in one["spared"]] == [False]
    said = pq.read_table(out / "accounts.parquet").to_pylist()
    assert {one["verdict"] for one in said if one["account_id"] in protected} <= {"network", "clear"}


def test_a_campaign_whose_accounts_are_all_declared_is_listed_and_no_finding(
    log: Path, plain: Path, tmp_path: Path
) -> None:
    """A declared use never hides: its bits and exchanges are counted beside it."""
    everybody = sorted(drivers(plain))
    out = scan(log, tmp_path / "out", "--declared", declare(tmp_path / "d.json", account_id=everybody))
    assert campaigns(out) == []
    (one,) = read(out)["declared"]
    assert one["spared"][0]["exchanges"] == campaigns(plain)[0]["exchanges"]


def test_an_ended_declared_use_protects_nobody(log: Path, plain: Path, tmp_path: Path) -> None:
    """And is said to have ended."""
    path = declare(tmp_path / "d.json", account_id=sorted(drivers(plain)), until="2026-03-01")
    out = scan(log, tmp_path / "out", "--declared", path)
    assert drivers(out) == drivers(plain)
    assert "It ended on 2026-03-01" in (out / "report.html").read_text()


def test_whoever_imitates_a_declared_customers_mould_is_found(log: Path, plain: Path, tmp_path: Path) -> None:
    """A declared mould protects nobody: without its bits the rest of the evidence still stands."""
    mould = campaigns(plain)[0]["templates"][0]["id"]
    out = scan(log, tmp_path / "out", "--declared", declare(tmp_path / "d.json", template=mould))
    (found,) = campaigns(out)
    assert drivers(out) == drivers(plain)
    assert "shared-template" not in {one["name"] for one in found["evidence"]}
    assert found["coordination_bits"] < campaigns(plain)[0]["coordination_bits"]


def test_declared_ids_are_known_by_their_pseudonyms(log: Path, plain: Path, tmp_path: Path) -> None:
    """A declared use names true ids; a scan with pseudonyms knows whom it means."""
    key = tmp_path / "key"
    key.write_text("0123456789abcdef0123456789abcdef")
    path = declare(tmp_path / "d.json", account_id=sorted(drivers(plain)))
    out = scan(log, tmp_path / "out", "--declared", path, "--pseudonymise", key)
    assert campaigns(out) == []
    assert read(out)["declared"][0]["accounts"] == 60
    assert "c001" not in (out / "findings.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["C1", "--why", "w"], "either --confirm or --dismiss"),
        (["C1", "--confirm", "--dismiss", "--why", "w"], "either --confirm or --dismiss"),
        (["C1", "--confirm"], "say why"),
        (["C1", "--confirm", "--why", "w", "--until", "2026-12-31"], "of a dismissal"),
        (["C9", "--confirm", "--why", "w"], "has no finding C9"),
        (["C1", "--dismiss", "--why", "w", "--until", "soon"], "no day"),
    ],
)
def test_a_verdict_that_says_too_little_is_refused(
    plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """Nothing is written then."""
    reviews = tmp_path / "reviews.ndjson"
    assert run(["review", *arguments, "--from", str(plain), "--into", str(reviews)]) != 0
    assert said in capsys.readouterr().err
    assert not reviews.exists()


def test_a_log_can_be_replayed(plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every verdict in its order, and what is in force."""
    reviews = tmp_path / "reviews.ndjson"
    for decision in ("--dismiss", "--confirm"):
        run(["review", "C1", "--from", str(plain), decision, "--why", "w", "--by", "a", "--into", str(reviews)])
    capsys.readouterr()
    assert run(["review", "--replay", "--into", str(reviews)]) == 0
    said = capsys.readouterr().out
    assert "a later verdict" in said
    assert "In force: 1 confirmed, 0 dismissed." in said


def test_a_wrong_file_is_told_before_anything_is_read(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is read for minutes first, and no output is left."""
    path = tmp_path / "d.json"
    path.write_text("[{}]")
    assert run(["scan", str(log), "--out", str(tmp_path / "out"), "--declared", str(path)]) == 1
    said = capsys.readouterr().err
    assert "entry 1" in said
    assert "reading" not in said
    assert not (tmp_path / "out").exists()
