"""The table of bars: runs are kept and not made twice, and what was not run is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bars import runs
from benchmarks.bars.__main__ import table
from benchmarks.bars.rows import ROWS, Row, _accuses_nobody, _found
from benchmarks.bars.runs import Run, kept_result, result


def test_what_was_not_run_is_said(tmp_path: Path) -> None:
    """A row without runs has no figure."""
    lines = list(table(list(ROWS), [1], tmp_path))
    assert len(lines) == len(ROWS) + 2
    assert all("not run" in line for line in lines[2:])


def test_runs_of_other_code_are_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A result is of the code that made it."""
    before = Run("demo", 1).name
    assert before != Run("demo", 2).name
    assert before != Run("demo", 1, dials={"cover": 0.5}).name
    monkeypatch.setattr(runs, "_code", [b"other"])
    assert before != Run("demo", 1).name


@pytest.mark.slow
def test_a_run_is_made_once_and_read_off(tmp_path: Path) -> None:
    """Its figures stand in the table; asked again, nothing is said of making it."""
    row = Row(
        "tiny",
        lambda seed: Run("demo", seed, scale=0.04, without=("payments",)),
        lambda kept: (f for told in (_found(("hydra_campaign",), "-"), _accuses_nobody("tiny")) for f in told(kept)),
    )
    said: list[str] = []
    first = result(row.run(1), tmp_path, said.append)
    assert len(said) == 1
    assert result(row.run(1), tmp_path, said.append) == first == kept_result(row.run(1), tmp_path)
    assert len(said) == 1
    lines = list(table([row], [1, 2], tmp_path))
    assert any(line.startswith("| hydra_campaign: found | - | all |") for line in lines)
    assert any("honest accounts accused" in line and line.endswith("| 1 | open |") for line in lines)
    (unknown,) = _found(("nobody",), "-")([first])
    assert unknown.met is False, "a campaign that no world has is not found"
