"""Its own speed, at a hundredth of the size: every figure is there, and what is wrong is seen beside what is fast."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.benchmark import measured
from stillwatch.cli import run

pytestmark = pytest.mark.slow

TINY = ("--scale", "0.01", "--quiet")


def _measured(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, dict[str, float | None]]]:
    """Measurement -> method -> figures, as `--json` prints them."""
    assert run(["bench", *arguments, *TINY, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["machine"]["cores"] >= 1
    return {one["name"]: {row.pop("method"): row for row in one["rows"]} for one in document["measured"]}


def test_sketches_have_an_error_and_a_ratio_to_one_pass(capsys: pytest.CaptureFixture[str]) -> None:
    """The sketch's error is that of 128 bins, a record holds the same sketch, and one pass over the bytes is faster."""
    rows = _measured(capsys, "sketch")["sketch"]
    alone, record, one_pass = (rows[name] for name in list(rows)[:3])
    assert 0.01 < (alone["error"] or 0) < 0.035
    assert record["error"] == alone["error"]
    assert one_pass["error"] is None
    assert alone["times"] == 1
    assert 0 < (one_pass["times"] or 0) < 1 < (record["times"] or 0)


def test_reading_and_grouping(capsys: pytest.CaptureFixture[str]) -> None:
    """Several measurements in one run, in order: a log's rows beside DuckDB's, and groups beside the moulds."""
    found = _measured(capsys, "grouping", "reading")
    assert list(found) == ["reading", "grouping"]
    assert [*found["reading"]] == ["stillwatch", "DuckDB read_json"]
    assert all((row["rows_per_second"] or 0) > 0 for row in found["reading"].values())
    ours = found["grouping"]["stillwatch"]
    assert (ours["purity"] or 0) > 0.95
    assert (ours["completeness"] or 0) > (found["grouping"]["sketch buckets"]["completeness"] or 0)


def test_networks_are_measured_against_what_was_planted(capsys: pytest.CaptureFixture[str]) -> None:
    """Three sizes of links, each with the share of planted accounts that was found, and that was right."""
    found = _measured(capsys, "networks")["networks"]
    assert [row["links"] for row in found.values()] == sorted(row["links"] or 0 for row in found.values())
    assert len(found) == 3
    for row in found.values():
        assert 0 <= (row["recall"] or 0) <= 1
        assert (row["times"] or 0) > 0


def test_growth_is_told_against_n_log_n(capsys: pytest.CaptureFixture[str]) -> None:
    """Four sizes, of which the first is what the others are measured by."""
    found = _measured(capsys, "growth")["growth"]
    assert [*found] == ["1 x", "4 x", "16 x", "32 x"]
    sizes = [row["exchanges"] or 0 for row in found.values()]
    assert sizes == sorted(sizes)
    assert found["1 x"]["of_n_log_n"] == 1
    assert all((row["processor"] or 0) > 0 for row in found.values())


def test_what_is_missing_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that is not there is named, with how to get it, and nothing of it is shown."""
    monkeypatch.setattr(measured.importlib.util, "find_spec", lambda name: None)
    assert run(["bench", "grouping", *TINY]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "not installed: drain3" in said
    assert "make bench" in said


def test_prompts_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder's prompts are sketched in place of the range's; a folder without any is an error that says so."""
    assert run(["bench", "sketch", "--corpus", str(tmp_path), *TINY]) == 1
    assert "no prompts" in capsys.readouterr().err
    texts = [" ".join(f"word{chr(97 + (i * j) % 26)}" for j in range(60)) for i in range(40)]
    pq.write_table(pa.table({"prompt": texts}), tmp_path / "prompts.parquet")
    rows = _measured(capsys, "sketch", "--corpus", str(tmp_path))["sketch"]
    assert all((row["mb_per_second"] or 0) > 0 for row in rows.values())


@pytest.mark.parametrize("wrong", [["--scale", "0"], ["speed"]])
def test_wrong_usage(wrong: list[str]) -> None:
    """A size of nothing and a measurement that is none are wrong usage."""
    assert run(["bench", *wrong]) == 2


def test_a_scan_by_its_steps(capsys: pytest.CaptureFixture[str]) -> None:
    """Every step of a scan has seconds and a peak of memory, and the whole is their sum."""
    assert run(["bench", "scan", "--scale", "0.2", "--quiet", "--json"]) == 0
    scan, bars = json.loads(capsys.readouterr().out)["measured"]
    rows = scan["rows"]
    for form in ("NDJSON", "Parquet"):
        steps = [one for one in rows if one["method"].endswith(f"{form} in") and "the whole" not in one["method"]]
        (whole,) = (row for row in rows if row["method"] == f"the whole scan, {form} in")
        names = {row["method"].removesuffix(f", {form} in") for row in steps}
        assert {"reading, fingerprinting", "templates", "campaigns"} <= names
        assert whole["seconds"] == pytest.approx(sum(row["seconds"] for row in steps))
        assert whole["processor"] == pytest.approx(sum(row["processor"] for row in steps))
        assert 0 < whole["seconds"] < whole["times"]
        assert all(0 < row["peak_memory_mb"] <= whole["peak_memory_mb"] for row in steps)
    assert [row["bar"] for row in bars["rows"]] == [3.0, None, 2.0, 6.0, 3.0, 0.3]
    assert all(row["wall"] > 0 for row in bars["rows"])


def test_days_in_a_store(capsys: pytest.CaptureFixture[str]) -> None:
    """Every stretch of days brings its exchanges, and in the end the store holds what one scan of all holds."""
    rows = _measured(capsys, "store")["store"]
    once = rows.pop("all, no store")
    assert sum(row["new"] or 0 for row in rows.values()) == once["new"] == list(rows.values())[-1]["held"]
