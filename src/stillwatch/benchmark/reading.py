"""Reading a log: canonical NDJSON beside DuckDB's read_json of the same file into the same columns.

Both use two threads. Reading here does more: it validates each row, keeps its line number, and puts aside what is
broken.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from stillwatch import schema
from stillwatch.benchmark.measured import Column, Measured, Row, best_seconds
from stillwatch.errors import StillwatchError
from stillwatch.sources.quarantine import Quarantine
from stillwatch.sources.reading import ReadOptions, read_logs

THREADS = 2
ROUNDS = 3
BATCH_ROWS = 65_536

_NOW = datetime(2027, 1, 1, tzinfo=UTC)
_TYPES = {pa.string(): "varchar", pa.int64(): "bigint", pa.float64(): "double", schema.TIME: "timestamptz"}


def by_stillwatch(log: Path) -> int:
    """Rows that Stillwatch reads."""
    stream = read_logs(
        [str(log)],
        format="canonical",
        registry=None,
        options=ReadOptions(now=_NOW),
        quarantine=Quarantine(),
        say=lambda text: None,
    )
    return sum(rows.batch.num_rows for rows in stream)


def by_duckdb(log: Path) -> int:
    """Rows that DuckDB reads, batch by batch."""
    columns = ", ".join(f"{one.name}: '{_TYPES.get(one.type, 'varchar[]')}'" for one in schema.EXCHANGE)
    with duckdb.connect(config={"threads": THREADS}) as connection:
        query = f"select * from read_json($log, format = 'newline_delimited', columns = {{{columns}}})"
        reader = connection.sql(query, params={"log": str(log)}).to_arrow_reader(BATCH_ROWS)
        return sum(batch.num_rows for batch in reader)


def measure_reading(log: Path) -> Measured:
    """Rates of both on one log, best of three by turns.

    Raises: StillwatchError where the two do not read the same number of rows.
    """
    n_rows, n_theirs = by_stillwatch(log), by_duckdb(log)
    if n_rows != n_theirs:
        raise StillwatchError(f"read {n_rows:,} rows where DuckDB reads {n_theirs:,}", source=str(log))
    size = log.stat().st_size / 1e6
    seconds = best_seconds([lambda: by_stillwatch(log), lambda: by_duckdb(log)], ROUNDS)
    rows = [
        Row(name, {"mb_per_second": size / one, "rows_per_second": n_rows / one, "times": one / seconds[0]})
        for name, one in zip(("stillwatch", "DuckDB read_json"), seconds, strict=True)
    ]
    return Measured(
        "reading",
        f"reading canonical NDJSON: {n_rows:,} rows, {size:.1f} MB, {THREADS} threads",
        (
            Column("mb_per_second", "MB/s", "{:,.0f}"),
            Column("rows_per_second", "rows/s", "{:,.0f}"),
            Column("times", "ours is faster", "{:,.3g} x"),
        ),
        tuple(rows),
        ("reading here also validates each row, keeps its line number and puts aside what is broken",),
    )
