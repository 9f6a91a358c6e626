"""An audit from end to end: drawn at random, judged blind, and what the answers say."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_world import exchanges, write

from stillwatch.audit.draw import commitment, opened
from stillwatch.cli import run


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scan of a campaign among four hundred strangers."""
    folder = tmp_path_factory.mktemp("scan")
    rows = [{**row, "system_prompt": None} for row in exchanges(strangers=400, colluders=60, each=25)]
    log = write(folder / "log.ndjson", sorted(rows, key=lambda row: str(row["requested_at"])))
    assert run(["scan", str(log), "--out", str(folder / "out"), "--quiet"]) == 0
    return folder / "out"


@pytest.fixture
def drawn(scanned: Path, tmp_path: Path) -> Path:
    """An audit's folder."""
    assert run(["audit", "--from", str(scanned), "--out", str(tmp_path / "audit"), "--size", "40"]) == 0
    return tmp_path / "audit"


def fill(folder: Path, judge: dict[str, tuple[str, str]], default: tuple[str, str]) -> Path:
    """The file with every answer, by item."""
    path = folder / "answers.csv"
    rows = list(csv.DictReader(path.open()))
    for row in rows:
        row["act_as_one"], row["collect_training_data"] = judge.get(row["item"], default)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_every_tested_group_is_in_the_frame(scanned: Path) -> None:
    """Findings, near misses and clear groups: as many as findings.json counts; and parties that are in none."""
    table = pq.read_table(scanned / "tested.parquet").to_pylist()
    tested = json.loads((scanned / "findings.json").read_text())["tested"]
    groups = [one for one in table if one["entry"].startswith("g")]
    assert len(groups) == len(tested)
    assert {one["finding_id"] for one in groups} == {one["finding_id"] for one in tested}
    inside = {account for one in groups for account in one["accounts"]}
    alone = [one for one in table if one["stratum"] == "nobody's"]
    assert all(not inside & set(one["accounts"]) for one in alone)
    accounts = set(pq.read_table(scanned / "accounts.parquet")["account_id"].to_pylist())
    assert alone[0]["of"] == len(accounts - inside)


def test_the_sheet_shows_nothing_of_what_the_scan_thinks(scanned: Path, drawn: Path) -> None:
    """No verdict, no bits, no finding's id, no account's id, no entry; the file to fill in has names only."""
    page = (drawn / "sheet.html").read_text()
    shown = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    shown = re.sub(r'class="[^"]*"', "", shown)
    shown = re.sub(r"<header.*?</header>", "", shown, flags=re.DOTALL)
    table = pq.read_table(scanned / "tested.parquet").to_pylist()
    secret = {one["finding_id"] for one in table if one["finding_id"]} | {one["entry"] for one in table}
    secret |= {account for one in table for account in one["accounts"]}
    secret |= {"campaign", "network", "harvest", "near miss", " bits", "nobody"}
    assert {one for one in secret if one in shown.replace("network prefix", "")} == set()
    assert "://" not in shown.replace("http://www.w3.org/2000/svg", "")
    assert set(next(csv.DictReader((drawn / "answers.csv").open())).values()) - {""} <= set(re.findall(r"\w{10}", page))


def test_the_order_says_nothing(scanned: Path, drawn: Path) -> None:
    """Items stand in random order: the findings neither first nor last, and names do not sort by stratum."""
    key = opened(drawn / "key.sealed")
    strata = [one.stratum for one in key.items]
    assert strata != sorted(strata)
    by_name = [one.stratum for one in sorted(key.items, key=lambda one: one.item)]
    assert by_name != sorted(by_name)
    assert [row["item"] for row in csv.DictReader((drawn / "answers.csv").open())] == [one.item for one in key.items]


def test_texts_are_shown_of_groups_that_stayed_clear_too(scanned: Path, tmp_path: Path) -> None:
    """A text that only findings had would give them away: dismissed, the same group shows the same."""
    reviews = tmp_path / "reviews.ndjson"
    run(["review", "C1", "--from", str(scanned), "--dismiss", "--why", "w", "--by", "a", "--into", str(reviews)])
    log = str(scanned.parent / "log.ndjson")
    assert run(["scan", log, "--out", str(tmp_path / "out"), "--reviews", str(reviews), "--quiet"]) == 0
    before = {one["stratum"]: one for one in pq.read_table(scanned / "tested.parquet").to_pylist()}
    after = {one["stratum"]: one for one in pq.read_table(tmp_path / "out" / "tested.parquet").to_pylist()}
    assert after["near misses"]["facts"] == before["campaigns"]["facts"]
    assert json.loads(before["campaigns"]["facts"])["moulds"][0]["example"]


def test_the_key_vouches_for_itself(drawn: Path) -> None:
    """The sheet names the seal of the key that was drawn with it, and the eye cannot read it by accident."""
    data = (drawn / "key.sealed").read_bytes()
    assert commitment(data) in (drawn / "sheet.html").read_text()
    assert b"campaign" not in data.split(b"\n", 1)[1]
    for stratum in opened(drawn / "key.sealed").strata:
        assert 0 <= stratum.probability <= 1


def test_the_same_seed_draws_the_same(scanned: Path, tmp_path: Path) -> None:
    """And another seed another sample."""
    for name, seed in (("one", "3"), ("two", "3"), ("other", "4")):
        arguments = ["audit", "--from", str(scanned), "--out", str(tmp_path / name), "--size", "40", "--seed", seed]
        assert run(arguments) == 0
    for file in ("sheet.html", "answers.csv", "key.sealed"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
        assert (tmp_path / "one" / file).read_bytes() != (tmp_path / "other" / file).read_bytes()


def test_answers_that_agree_with_the_scan(scanned: Path, drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The finding holds, nothing was missed in the sample, and how much may have been is said."""
    key = opened(drawn / "key.sealed")
    right = {one.item: ("yes", "yes") for one in key.items if one.stratum == "campaigns"}
    right |= {one.item: ("yes", "no") for one in key.items if one.stratum == "networks"}
    path = fill(drawn, right, ("no", "no"))
    capsys.readouterr()
    assert run(["audit", "--from", str(scanned), "--answers", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    lines = {one["stratum"]: one for one in said["lines"]}
    assert (lines["campaigns"]["low"], lines["campaigns"]["high"]) == (1.0, 1.0)
    assert lines["nobody's"]["n"] == 0
    assert 2 / lines["nobody's"]["answered"] < lines["nobody's"]["at_most"] < 3.1 / lines["nobody's"]["answered"]
    assert said["missed"]["accounts"] == 0
    assert said["missed"]["at_most"] > 0


def test_answers_that_differ_from_the_scan(scanned: Path, drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A finding that a reviewer calls honest is an error; a party that he calls a campaign's was missed."""
    key = opened(drawn / "key.sealed")
    missed = next(one.item for one in key.items if one.stratum == "nobody's")
    path = fill(drawn, {missed: ("yes", "yes")}, ("no", "no"))
    capsys.readouterr()
    assert run(["audit", "--from", str(scanned), "--answers", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    lines = {one["stratum"]: one for one in said["lines"]}
    assert lines["campaigns"]["high"] == 0.0
    drawn_of = next(one for one in key.strata if one.name == "nobody's")
    assert said["missed"]["accounts"] == pytest.approx(drawn_of.of / drawn_of.drawn)


def test_answers_as_the_sheet_saves_them(scanned: Path, drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """NDJSON says the same as CSV; reviewers who differ leave it open; items without an answer are left out."""
    key = opened(drawn / "key.sealed")
    found = next(one.item for one in key.items if one.stratum == "campaigns")
    rows = [{"item": found, "act_as_one": "yes", "collect_training_data": word} for word in ("yes", "no")]
    path = drawn / "answers.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    capsys.readouterr()
    assert run(["audit", "--from", str(scanned), "--answers", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["disagreed"] == 1
    assert said["unanswered"] == len(key.items) - 1
    line = next(one for one in said["lines"] if one["stratum"] == "campaigns")
    assert (line["unsure"], line["low"], line["high"]) == (1, 0.0, 1.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("item,act_as_one,collect_training_data\nzzz,yes,yes\n", "answers.csv:2: zzz is no item"),
        ("item,act_as_one\n", "lacks the column collect_training_data"),
        ("item,act_as_one,collect_training_data\n{item},maybe,yes\n", "act_as_one is 'maybe'"),
    ],
)
def test_answers_that_are_none_are_told_with_their_line(
    scanned: Path, drawn: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    """Another sheet's, another file, another word."""
    item = opened(drawn / "key.sealed").items[0].item
    (drawn / "answers.csv").write_text(text.replace("{item}", item))
    assert run(["audit", "--from", str(scanned), "--answers", str(drawn / "answers.csv")]) == 1
    assert said in capsys.readouterr().err


def test_an_audit_is_never_drawn_over(scanned: Path, drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Answers must not be lost to a new draw."""
    assert run(["audit", "--from", str(scanned), "--out", str(drawn)]) == 1
    assert "holds files already" in capsys.readouterr().err


def test_a_key_of_another_scan_is_refused(
    scanned: Path, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answers would be weighed by another traffic's numbers."""
    log = write(tmp_path / "log.ndjson", exchanges(strangers=20, colluders=10, each=10))
    assert run(["scan", str(log), "--out", str(tmp_path / "other"), "--quiet"]) == 0
    path = fill(drawn, {}, ("no", "no"))
    assert run(["audit", "--from", str(tmp_path / "other"), "--answers", str(path)]) == 1
    assert "another scan" in capsys.readouterr().err
