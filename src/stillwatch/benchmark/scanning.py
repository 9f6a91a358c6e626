"""A whole scan, in a process of its own: seconds, exchanges a second and peak memory of each step, and the bars.

Beside it, one pass of DuckDB over the same log: a machine twice as fast makes both faster, and leaves the ratio. Of
NDJSON it reads the same columns; of Parquet it hashes system prompts and prompts, which is the least that anybody who
looks at every text can do. Ratios are given of wall time and of the processor's time: what else a machine does falls on
the first and hardly on the second.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from stillwatch.benchmark.measured import Column, Measured, Row
from stillwatch.benchmark.reading import THREADS, by_duckdb
from stillwatch.errors import StillwatchError

ROUNDS = 5

READING, TEMPLATES = "reading, fingerprinting", "templates"
"""Steps that have a bar of their own, as `run.json` names them."""

FINGERPRINT_BAR, TEMPLATES_BAR, PARQUET_BAR, NDJSON_BAR, START_BAR = 3.0, 2.0, 6.0, 3.0, 0.3
"""At most so many times the plain pass, the fingerprints' time, the plain pass, read_json; at most so many seconds."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """How long something took: on the wall, and of the processor."""

    wall: float
    processor: float


def measure_scan(world: Path, log: Path) -> tuple[Measured, Measured]:
    """Time and memory of each step of scans of a world, and how far each is from its bar. log: as canonical NDJSON.

    Raises: StillwatchError where the scan fails.
    """
    registry = next(world.glob("accounts.*"))
    with tempfile.TemporaryDirectory(prefix="stillwatch-") as folder:
        of_lines, summary = _scanned([log], registry, Path(folder) / "ndjson")
        table = Path(folder) / "exchanges.parquet"
        _as_parquet(log, table)
        of_table, _ = _scanned([table], registry, Path(folder) / "parquet")
        lines = _best(lambda: by_duckdb(log))
        plain, all_columns = _best(lambda: _plain_pass(table)), _best(lambda: _plain_pass(table, whole=True))
    n = summary["exchanges"]
    rows = []
    for name, steps, theirs in (("NDJSON", of_lines, lines), ("Parquet", of_table, plain)):
        rows += [
            _row(f"{step['step']}, {name} in", _seconds([step]), n, step["peak_memory_mb"], theirs) for step in steps
        ]
        rows.append(_row(f"the whole scan, {name} in", _seconds(steps), n, _peak(steps), theirs))
    rows.append(_row("DuckDB read_json of the NDJSON", lines, n, None, lines))
    rows.append(_row("DuckDB's plain pass over the Parquet", plain, n, None, plain))
    size = f"{log.stat().st_size / 1e6:.1f} MB of NDJSON, {THREADS} threads"
    return (
        Measured(
            "scan",
            f"scanning a world: {n:,} exchanges of {summary['accounts']:,} accounts, {size}",
            (
                Column("seconds", "seconds", "{:,.2f}"),
                Column("processor", "processor s", "{:,.2f}"),
                Column("per_second", "exchanges/s", "{:,.0f}"),
                Column("peak_memory_mb", "peak MB", "{:,.0f}"),
                Column("times", "of DuckDB's time", "{:,.3g} x"),
            ),
            tuple(rows),
        ),
        _bars(n, of_lines, of_table, lines, plain, all_columns),
    )


def _bars(
    n: int,
    of_lines: list[dict[str, Any]],
    of_table: list[dict[str, Any]],
    lines: Seconds,
    plain: Seconds,
    all_columns: Seconds,
) -> Measured:
    """Every ratio beside the most that it may be."""
    fingerprints, templates = (
        _seconds([step for step in of_table if step["step"] == name]) for name in (READING, TEMPLATES)
    )
    pairs: list[tuple[str, Seconds, Seconds, float | None]] = [
        ("fingerprints, of DuckDB's plain pass", fingerprints, plain, FINGERPRINT_BAR),
        ("fingerprints, of DuckDB hashing every column", fingerprints, all_columns, None),
        ("templates, of fingerprints", templates, fingerprints, TEMPLATES_BAR),
        ("the whole scan, Parquet in, of the plain pass", _seconds(of_table), plain, PARQUET_BAR),
        ("the whole scan, NDJSON in, of read_json", _seconds(of_lines), lines, NDJSON_BAR),
    ]
    rows = [
        Row(
            name,
            {
                "wall": ours.wall / max(theirs.wall, 1e-3),
                "processor": ours.processor / max(theirs.processor, 1e-3),
                "bar": bar,
            },
        )
        for name, ours, theirs, bar in pairs
    ]
    start = _start()
    rows.append(Row("stillwatch --help, seconds", {"wall": start.wall, "processor": None, "bar": START_BAR}))
    return Measured(
        "bars",
        f"what may be at most: {n:,} exchanges",
        (
            Column("wall", "wall time", "{:,.3g}"),
            Column("processor", "processor's time", "{:,.3g}"),
            Column("bar", "bar", "{:,.3g}"),
        ),
        tuple(rows),
        ("a scan has a fixed cost (start, kernels, the null): `--scale` says what of a ratio is that",),
    )


def _best(work: Callable[[], object]) -> Seconds:
    """The least of some rounds, of each kind of time."""
    found = []
    for _ in range(ROUNDS):
        begin, processor = time.perf_counter(), time.process_time()
        work()
        found.append((time.perf_counter() - begin, time.process_time() - processor))
    return Seconds(min(wall for wall, _ in found), min(processor for _, processor in found))


def _start() -> Seconds:
    """How long `stillwatch --help` takes, the median of some rounds."""
    found = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-m", "stillwatch", "--help"], capture_output=True, check=True)
        found.append(time.perf_counter() - begin)
    return Seconds(statistics.median(found), 0.0)


def _seconds(steps: list[dict[str, Any]]) -> Seconds:
    return Seconds(sum(step["seconds"] for step in steps), sum(step["processor_seconds"] for step in steps))


def _peak(steps: list[dict[str, Any]]) -> float:
    return float(max(step["peak_memory_mb"] for step in steps))


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


def _plain_pass(table: Path, *, whole: bool = False) -> None:
    columns = pq.read_schema(table).names if whole else ["system_prompt", "prompt"]
    with duckdb.connect(config={"threads": THREADS}) as connection:
        query = f"select {', '.join(f'sum(hash({name}))' for name in columns)} from read_parquet($table)"
        connection.sql(query, params={"table": str(table)}).fetchall()


def _row(name: str, seconds: Seconds, n: int, peak: float | None, theirs: Seconds) -> Row:
    wall = seconds.wall
    figures = {"seconds": wall, "processor": seconds.processor, "per_second": n / max(wall, 1e-3)}
    return Row(name, {**figures, "peak_memory_mb": peak, "times": wall / max(theirs.wall, 1e-3)})
