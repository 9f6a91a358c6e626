"""A whole scan, in a process of its own: seconds, exchanges a second and peak memory of each step.

Beside it, one pass of DuckDB over the same log: a machine twice as fast makes both faster, and leaves the ratio.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from stillwatch.benchmark.measured import Column, Measured, Row, best_seconds
from stillwatch.benchmark.reading import THREADS, by_duckdb
from stillwatch.errors import StillwatchError

ROUNDS = 5


def measure_scan(world: Path, log: Path) -> Measured:
    """Time and memory of each step of a scan of a world. log: the world's, as canonical NDJSON.

    Raises: StillwatchError where the scan fails.
    """
    with tempfile.TemporaryDirectory(prefix="stillwatch-") as folder:
        out = Path(folder) / "scan"
        command = [sys.executable, "-m", "stillwatch", "scan", str(world), "--out", str(out), "--quiet"]
        done = subprocess.run(
            [*command, "--threads", str(THREADS)], capture_output=True, text=True, check=False, encoding="utf-8"
        )
        if done.returncode:
            raise StillwatchError(f"the scan failed: {done.stderr.strip()}", source=str(world))
        steps = json.loads((out / "run.json").read_text())["steps"]
        summary = json.loads((out / "scan.json").read_text())
    n = summary["exchanges"]
    (one_pass,) = best_seconds([lambda: by_duckdb(log)], ROUNDS)
    rows = [_row(step["step"], step["seconds"], n, step["peak_memory_mb"], one_pass) for step in steps]
    total = sum(step["seconds"] for step in steps)
    rows.append(_row("the whole scan", total, n, max(step["peak_memory_mb"] for step in steps), one_pass))
    rows.append(_row("DuckDB read_json", one_pass, n, None, one_pass))
    return Measured(
        "scan",
        f"scanning a world: {n:,} exchanges of {summary['accounts']:,} accounts,"
        f" {log.stat().st_size / 1e6:.1f} MB of NDJSON, {THREADS} threads",
        (
            Column("seconds", "seconds", "{:,.2f}"),
            Column("per_second", "exchanges/s", "{:,.0f}"),
            Column("peak_memory_mb", "peak MB", "{:,.0f}"),
            Column("times", "of DuckDB's time", "{:,.3g} x"),
        ),
        tuple(rows),
    )


def _row(name: str, seconds: float, n: int, peak: float | None, one_pass: float) -> Row:
    figures = {"seconds": seconds, "per_second": n / max(seconds, 1e-3), "peak_memory_mb": peak}
    return Row(name, {**figures, "times": seconds / one_pass})
