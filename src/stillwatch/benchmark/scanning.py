"""A whole scan, in a process of its own: seconds, exchanges a second and peak memory of each step.

Beside it, one pass of DuckDB over the same log: a machine twice as fast makes both faster, and leaves the ratio. Of
NDJSON it reads the same columns; of Parquet it hashes system prompts and prompts, which is the least that anybody who
looks at every text can do.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb

from stillwatch.benchmark.measured import Column, Measured, Row, best_seconds
from stillwatch.benchmark.reading import THREADS, by_duckdb
from stillwatch.errors import StillwatchError

ROUNDS = 5


def measure_scan(world: Path, log: Path) -> Measured:
    """Time and memory of each step of a scan of a world. log: the world's, as canonical NDJSON.

    Raises: StillwatchError where the scan fails.
    """
    registry = next(world.glob("accounts.*"))
    with tempfile.TemporaryDirectory(prefix="stillwatch-") as folder:
        steps, summary = _scanned([log], registry, Path(folder) / "ndjson")
        table = Path(folder) / "exchanges.parquet"
        _as_parquet(log, table)
        of_table, _ = _scanned([table], registry, Path(folder) / "parquet")
        one_pass, plain = best_seconds([lambda: by_duckdb(log), lambda: _plain_pass(table)], ROUNDS)
    n = summary["exchanges"]
    rows = [_row(step["step"], step["seconds"], n, step["peak_memory_mb"], one_pass) for step in steps]
    for name, found, theirs in (("NDJSON", steps, one_pass), ("Parquet", of_table, plain)):
        total, peak = sum(step["seconds"] for step in found), max(step["peak_memory_mb"] for step in found)
        rows.append(_row(f"the whole scan, {name} in", total, n, peak, theirs))
    rows.append(_row("DuckDB read_json of the NDJSON", one_pass, n, None, one_pass))
    rows.append(_row("DuckDB's plain pass over the Parquet", plain, n, None, plain))
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


def _scanned(logs: list[Path], registry: Path, out: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The steps of a scan in a process of its own, and what it says of itself."""
    command = [sys.executable, "-m", "stillwatch", "scan", *map(str, logs), "--accounts", str(registry)]
    command += ["--out", str(out), "--quiet", "--threads", str(THREADS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8")
    if done.returncode:
        raise StillwatchError(f"the scan failed: {done.stderr.strip()}", source=str(logs[0]))
    return json.loads((out / "run.json").read_text())["steps"], json.loads((out / "scan.json").read_text())


def _as_parquet(log: Path, table: Path) -> None:
    with duckdb.connect() as connection:
        query = "copy (select * from read_json($log, format = 'newline_delimited', sample_size = -1)) to "
        connection.execute(f"{query} '{table}' (format parquet, compression zstd)", {"log": str(log)})


def _plain_pass(table: Path) -> None:
    with duckdb.connect(config={"threads": THREADS}) as connection:
        query = "select sum(hash(system_prompt)), sum(hash(prompt)) from read_parquet($table)"
        connection.sql(query, params={"table": str(table)}).fetchall()


def _row(name: str, seconds: float, n: int, peak: float | None, one_pass: float) -> Row:
    figures = {"seconds": seconds, "per_second": n / max(seconds, 1e-3), "peak_memory_mb": peak}
    return Row(name, {**figures, "times": seconds / one_pass})
