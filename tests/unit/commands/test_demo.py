"""The demo, whole: a world, its scan, the scores and the report."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillwatch.cli import run


@pytest.mark.slow
def test_the_demo_leaves_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It writes world, scan and report, says what was planted and found, and can be run again in the same place."""
    out = tmp_path / "demo"
    assert run(["demo", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert (out / "report.html").read_bytes() == (out / "scan" / "report.html").read_bytes()
    assert (out / "world" / "truth" / "exchanges.parquet").exists()
    for word in ("Planted", "reasoning_campaign", "of 3 campaigns found", "report.html", "stillwatch scan"):
        assert word in said
    assert run(["demo", "--out", str(out), "--seed", "2"]) == 0
