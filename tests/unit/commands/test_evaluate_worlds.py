"""`stillwatch evaluate --worlds`: worlds made, scanned and scored, summed up with intervals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from evaluated_worlds import exchange, write_scan, write_world

from stillwatch.cli import run


@pytest.mark.slow
def test_worlds_of_many_seeds_are_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    """Each world and seed is scanned; the tables count the runs, and the JSON holds every score."""
    command = ["evaluate", "--worlds", "quiet", "--seeds", "1-2", "--scale", "0.03"]
    assert run(command) == 0
    table = capsys.readouterr().out
    assert "| quiet | 2 | 42 |" in table
    assert run([*command[:-4], "--seeds", "2", "--scale", "0.03", "--json"]) == 0
    played = json.loads(capsys.readouterr().out)
    assert [(one["world"], one["seed"], one["scores"]["false_campaigns"]) for one in played] == [("quiet", 2, [])]


@pytest.mark.parametrize(
    "arguments", [["--seeds", "one"], ["--worlds", "quiet", "--seeds", "1-"], ["scan", "world", "--worlds", "quiet"]]
)
def test_what_cannot_be_meant_is_said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Seeds that are no numbers, and a scan beside worlds, are wrong usage."""
    assert run(["evaluate", *arguments]) == 2
    assert "stillwatch:" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["--power", "cover"], ["--worlds", "demo", "--power", "cover", "--values", "much"],
     ["--worlds", "demo", "--accounts", "100", "--scale", "2"], ["--daily", "w", "--worlds", "demo"],
        ["--worlds", "demo", "--power", "cover", "--corpus", "c"], []],
)  # fmt: skip
def test_options_that_do_not_go_together_are_said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A dial needs worlds, sizes are stated once, days and worlds are two questions, and one must be asked."""
    assert run(["evaluate", *arguments]) == 2
    assert "stillwatch:" in capsys.readouterr().err


def test_a_page_and_a_document_are_left_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--out` writes both, and `--against` holds a later evaluation against the earlier one."""
    rows = [exchange(n, f"a{n % 3}", "A") for n in range(6)] + [exchange(9 + n, f"h{n % 4}") for n in range(8)]
    world = write_world(tmp_path / "world", rows)
    told = {"finding_id": "F", "verdict": "campaign", "extraction_bits": 9.0, "explanations": []}
    claimed = {"F": [f"x{n:05d}" for n in range(6)]}
    missed = write_scan(tmp_path / "missed", [])
    found = write_scan(tmp_path / "found", [told], claimed=claimed)
    first, second = tmp_path / "first", tmp_path / "second"
    assert run(["evaluate", str(missed), str(world), "--out", str(first)]) == 0
    capsys.readouterr()
    document = str(first / "evaluation.json")
    assert run(["evaluate", str(found), str(world), "--out", str(second), "--against", document]) == 0
    said = capsys.readouterr().out
    assert "better: by_hand, A: share of runs in which it was found: 0 before, 1 now" in said
    assert "What changed" in (second / "evaluation.html").read_text()
    assert run(["evaluate", str(found), str(world), "--against", document, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["found"], printed["world"], printed["without"]) == (1, "by_hand", [])


@pytest.mark.slow
def test_a_world_is_evaluated_day_by_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--daily` says when each campaign was found, or that it never was."""
    assert run(["range", "demo", "--scale", "0.03", "--out", str(tmp_path / "world"), "--quiet"]) == 0
    capsys.readouterr()
    assert run(["evaluate", "--daily", str(tmp_path / "world"), "--every", "11"]) == 0
    told = capsys.readouterr().out
    assert "demo, scanned every 11 d" in told
    assert "| reasoning_campaign | 2026-02-05 | never |" in told
