"""`stillwatch evaluate --worlds`: worlds made, scanned and scored, summed up with intervals."""

from __future__ import annotations

import json

import pytest

from stillwatch.cli import run


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
