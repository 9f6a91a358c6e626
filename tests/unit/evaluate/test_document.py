"""The whole document: summed up over runs, written, read, compared and shown."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from evaluated_worlds import exchange, write_scan, write_world

from stillwatch.errors import InputError
from stillwatch.evaluate.against import asked_alike, changes
from stillwatch.evaluate.document import Evaluation, evaluation, read_json, write_json
from stillwatch.evaluate.playing import Played, played
from stillwatch.evaluate.summary import headline, said, summary
from stillwatch.evaluate.write import render


def run(folder: Path, *, found: bool, name: str = "A", false: bool = False) -> Played:
    """A scan of a world with one campaign, found or not; false: it invents one of people."""
    rows = [exchange(n, f"a{n % 3}", name) for n in range(6)] + [exchange(9 + n, f"h{n % 4}") for n in range(8)]
    world = write_world(folder / "world", rows)
    findings = [{"finding_id": "F", "verdict": "campaign", "extraction_bits": 9.0, "explanations": []}] if found else []
    findings += [{"finding_id": "X", "verdict": "campaign", "extraction_bits": 9.0, "explanations": []}] * false
    scan = write_scan(
        folder / "scan",
        findings,
        parts={"F": {"driver": ["a0", "a1"]}} | ({"X": {"driver": ["h0"]}} if false else {}),
        claimed=({"F": [f"x{n:05d}" for n in range(4)]} if found else {}) | ({"X": ["x00009"]} if false else {}),
        accounts={"a0": ("campaign", 20.0, 9.0), "h0": ("clear", 2.0, 0.5)},
    )
    return played(scan, world, oracle=False)


@pytest.fixture
def both(tmp_path: Path) -> Evaluation:
    """Two runs: found in the first, missed in the second, which invents one besides."""
    return evaluation("by hand", [run(tmp_path / "1", found=True), run(tmp_path / "2", found=False, false=True)])


def test_runs_are_summed_up(both: Evaluation) -> None:
    """Found in one of two runs, with its interval; false ones beside what was promised; groups over both."""
    (one,) = both.campaigns
    assert (one.found, one.runs, one.outcomes) == (1, 2, {"found": 1, "missed": 1})
    assert one.recall == pytest.approx((4 / 6 + 0) / 2)
    assert one.account_recall == pytest.approx(2 / 3)
    assert both.honest is not None
    assert (both.honest.days, both.honest.promised) == (60.0, pytest.approx(0.1))
    assert (both.honest.false_findings, both.honest.causes) == (1, {"chatters": 1})
    assert both.honest.accused_per_million == pytest.approx(1e6 / 8)
    english = next(one for one in both.honest.groups if one.value == "en")
    assert (english.accounts, english.accused, english.false_findings) == (8, 1, 1)
    # One false campaign seen leaves room for 4.74; these are all the honest accounts of two months.
    assert english.false_at_most == pytest.approx(4.744 / 2, abs=1e-3)


def test_it_is_read_as_it_was_written(both: Evaluation, tmp_path: Path) -> None:
    """The JSON holds all of it; what is no evaluation is said to be none."""
    write_json(both, tmp_path / "evaluation.json")
    assert read_json(tmp_path / "evaluation.json") == both
    (tmp_path / "other.json").write_text('{"findings": []}')
    with pytest.raises(InputError, match="no evaluation"):
        read_json(tmp_path / "other.json")


def test_what_changed_is_told_worse_first(both: Evaluation, tmp_path: Path) -> None:
    """A campaign found more often is better, an accused account more is worse; what is alike is not told."""
    better = evaluation("by hand", [run(tmp_path / "3", found=True), run(tmp_path / "4", found=True)])
    told = {one.what: one.better for one in changes(both, better)}
    assert told["by_hand, A: share of runs in which it was found"]
    assert told["false campaigns"]
    assert not any(one.better for one in changes(better, both))
    assert changes(both, both) == []
    assert asked_alike(both, better)
    assert not asked_alike(both, evaluation("by hand", better.runs[:1]))


def test_tables_and_sentences_say_the_same(both: Evaluation) -> None:
    """The terminal's tables hold the counts, the sentences what they come to."""
    assert "| by_hand | A | 1 of 2 |" in "\n".join(summary(both))
    assert "1 of 2 campaigns were found." in said(both)
    assert headline(both)[0].startswith("At 7 accounts: 1 of 2 campaigns")


def test_the_page_needs_nothing_else_and_shows_names_as_text(tmp_path: Path) -> None:
    """One file without scripts and links out; a campaign's name is text, whatever it holds."""
    hostile = evaluation("x", [run(tmp_path / "1", found=False, name="<img src=x onerror=y>")])
    page = render(hostile, [])
    assert "<img" not in page
    assert "&lt;img" in page
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace('http-equiv="', "")
    assert "Nothing got better or worse" in page


def test_nothing_is_an_evaluation_too() -> None:
    """Without runs, days and dials the page still says so."""
    empty = evaluation("nothing", [])
    assert summary(empty) == []
    assert "Nothing was asked" in render(empty)
    assert msgspec.json.decode(msgspec.json.encode(empty), type=Evaluation) == empty
