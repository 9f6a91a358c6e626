"""What a person sees while a scan runs."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.scan.expected import expected_rows
from stillwatch.scan.progress import Progress, under_way


@pytest.mark.parametrize(
    ("n", "rate", "expected", "said"),
    [
        (0, 0.0, 1_000, "reading                    10.0 s"),
        (500, 0.0, 1_000, "reading                    10.0 s  500 rows"),
        (500, 50.0, None, "reading                    10.0 s  500 rows, 50 a second"),
        (500, 50.0, 1_000, "reading                    10.0 s  500 rows, 50 a second, 10 s left"),
        (500, 50.0, 100_000, "reading                    10.0 s  500 rows, 50 a second, 33 min left"),
        (500, 50.0, 1_000_000, "reading                    10.0 s  500 rows, 50 a second, 5.6 h left"),
        (500, 50.0, 400, "reading                    10.0 s  500 rows, 50 a second"),
    ],
)
def test_a_step_says_its_rate_and_the_time_left(n: int, rate: float, expected: int | None, said: str) -> None:
    """Before there is a rate none is said, and an estimate that was too small is dropped."""
    assert said == under_way("reading", 10.0, n, rate=rate, expected=expected)


def test_parquet_is_counted_and_lines_are_estimated(tmp_path: Path) -> None:
    """What can be known before reading is known; a compressed file makes the whole unknown, as does a missing one."""
    pq.write_table(pa.table({"a": range(1_000)}), tmp_path / "a.parquet")
    (tmp_path / "b.ndjson").write_text('{"a": 1}\n' * 100_000)
    assert expected_rows([str(tmp_path / "a.parquet")]) == 1_000
    assert expected_rows([str(tmp_path)]) == pytest.approx(101_000, rel=0.01)
    (tmp_path / "c.jsonl.gz").write_bytes(b"")
    assert expected_rows([str(tmp_path)]) is None
    assert expected_rows([str(tmp_path / "none.parquet")]) is None
    assert expected_rows(["-"]) is None


def test_a_live_line_is_redrawn_while_a_step_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that tells nothing still shows its time, in no more than the terminal's width, and leaves one line."""
    screen = io.StringIO()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "30")
    progress = Progress(live=True)
    with progress.step("campaigns"):
        time.sleep(0.6)
    drawn = screen.getvalue().split("\r\x1b[2K")
    assert len([line for line in drawn if line.startswith("campaigns")]) >= 3
    assert all(len(line) <= 29 for line in drawn[:-1])
    assert drawn[-1].startswith("campaigns  ")
    assert drawn[-1].endswith(" s\n")


def test_a_quiet_scan_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Steps are timed all the same."""
    progress = Progress(quiet=True, live=True)
    with progress.step("links"):
        progress.say("something")
        progress.count(5)
    assert capsys.readouterr() == ("", "")
    assert [row["step"] for row in progress.rows] == ["links"]


def test_a_step_that_fails_stops_the_line() -> None:
    """The error goes on its way, and nothing draws over it."""
    progress = Progress(live=True)
    with pytest.raises(ValueError, match="broken"), progress.step("links"):
        raise ValueError("broken")
    assert progress.rows == []
