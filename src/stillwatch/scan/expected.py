"""How many rows a scan has before it, as far as that is known before it reads: for the time that is left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.errors import StillwatchError
from stillwatch.sources.places import expand

LOOKED_AT = 1 << 18
"""Bytes of a file of lines from which the length of its lines is estimated."""

_LINES = (".ndjson", ".jsonl", ".csv")
_TABLES = (".parquet", ".pq")


def expected_rows(logs: Sequence[str]) -> int | None:
    """Rows of the logs, exact for Parquet and estimated for files of lines; None where one file cannot be estimated.

    What is wrong with the logs is no matter here: reading says it, with its place.
    """
    total = 0
    try:
        for place in expand(logs, lambda _: None):
            rows = _rows(Path(place.path)) if place.kind == "file" else None
            if rows is None:
                return None
            total += rows
    except (StillwatchError, OSError, pa.ArrowException):
        return None
    return total or None


def _rows(path: Path) -> int | None:
    suffix = path.suffix.lower()
    if suffix in _TABLES:
        return int(pq.read_metadata(path).num_rows)
    if suffix not in _LINES:
        return None
    with path.open("rb") as file:
        begin = file.read(LOOKED_AT)
    lines = begin.count(b"\n")
    whole = begin.rfind(b"\n") + 1
    return round(path.stat().st_size * lines / whole) if lines else None
