"""DuckDB in process: one connection a scan, bounded memory, spilling beside the work folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb


@contextmanager
def database(work: Path, *, memory_mb: int = 2048, threads: int = 2) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection whose temporary files live under `work` and are gone afterwards.

    Order is never the engine's: every query that feeds a decision orders its rows or sums integers.
    """
    spill = work / "spill"
    spill.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{memory_mb}MB",
            "threads": threads,
            "temp_directory": str(spill),
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "TimeZone": "UTC",
        },
    )
    try:
        yield connection
    finally:
        connection.close()
        shutil.rmtree(spill, ignore_errors=True)
