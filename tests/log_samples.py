"""Good logs to break, and one call that reads logs and holds everything that came out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from stillwatch import schema
from stillwatch.fingerprint.hashing import hash_strings
from stillwatch.sources.columns import from_rows
from stillwatch.sources.duplicates import duplicate_positions
from stillwatch.sources.quarantine import Quarantine
from stillwatch.sources.reading import ReadOptions, read_logs

NOW = datetime(2026, 6, 1, tzinfo=UTC)
"""The clock of every test that reads."""

START = datetime(2026, 5, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out of reading. table: valid exchanges, duplicates among them; bad: the quarantine."""

    table: pa.Table
    bad: pa.Table
    said: list[str]
    n_duplicates: int
    formats: list[str | None]

    @property
    def ids(self) -> list[str]:
        """Ids of the valid exchanges, in order."""
        return list(self.table["exchange_id"].to_pylist())

    @property
    def reasons(self) -> list[tuple[int, str]]:
        """Line and reason of everything in quarantine."""
        return list(zip(self.bad["line"].to_pylist(), self.bad["reason"].to_pylist(), strict=True))

    @property
    def n_read(self) -> int:
        """Records, as the counts have them: kept, quarantined and duplicates."""
        return self.table.num_rows + self.bad.num_rows

    def row(self, exchange_id: str) -> dict[str, Any]:
        """The one exchange of that id."""
        (row,) = [one for one in self.table.to_pylist() if one["exchange_id"] == exchange_id]
        return dict(row)


def exchange(number: int, **columns: Any) -> dict[str, Any]:
    """A good exchange; columns replace or add, None leaves out."""
    row: dict[str, Any] = {
        "exchange_id": f"x{number}",
        "requested_at": (START + timedelta(seconds=10 * number)).isoformat(),
        "account_id": f"account-{number % 7}",
        "api_key_id": f"key-{number % 9}",
        "ip": f"192.0.2.{number % 250}",
        "model": "large-1",
        "prompt": f"What is the capital of country number {number}?",
        "input_tokens": 10 + number % 50,
        "output_tokens": 100 + number % 50,
        "status": 200,
    }
    return {name: value for name, value in (row | columns).items() if value is not None}


def exchanges(n: int, first: int = 0) -> list[dict[str, Any]]:
    """Good exchanges in order of time."""
    return [exchange(first + i) for i in range(n)]


def lines(rows: Iterable[dict[str, Any]]) -> bytes:
    """Exchanges as NDJSON."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """An NDJSON file of exchanges."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lines(rows))
    return path


def as_table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Exchanges as the canonical table."""
    batch, faults = from_rows(rows, schema.EXCHANGE)
    if faults:
        raise ValueError(str(faults))
    return pa.Table.from_batches([batch])


def write_parquet(path: Path, rows: Sequence[dict[str, Any]], **options: Any) -> Path:
    """A Parquet file of exchanges."""
    pq.write_table(as_table(rows), path, **options)
    return path


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """A CSV file of exchanges, with the columns that they have."""
    table = pa.Table.from_pylist(list(rows))
    pyarrow.csv.write_csv(table, path)
    return path


def read(
    *logs: str | Path,
    format: str | None = None,
    registry: pa.Table | None = None,
    now: datetime = NOW,
    exemplars: bool = True,
    **options: Any,
) -> Outcome:
    """Read logs as a scan does."""
    pseudonyms = options.get("pseudonymise") is not None
    quarantine = Quarantine(exemplars=exemplars, pseudonyms=pseudonyms)
    said: list[str] = []
    batches, positions = [], []
    formats: list[str | None] = []
    stream = read_logs(
        [str(log) for log in logs],
        format=format,
        registry=registry,
        options=ReadOptions(now=now, exemplars=exemplars, **options),
        quarantine=quarantine,
        say=said.append,
    )
    for rows in stream:
        rows.batch.validate(full=True)
        batches.append(rows.batch)
        positions += rows.positions.tolist()
        formats = rows.sources.formats
    table = pa.Table.from_batches(batches, schema=schema.EXCHANGE)
    if len(set(positions)) != len(positions):
        raise AssertionError("two exchanges stand at one position")
    hashes = hash_strings(table["exchange_id"]).to_numpy()
    dropped = duplicate_positions(hashes, pa.array(positions, pa.int64()).to_numpy())
    return Outcome(table, quarantine.table(), said, len(dropped), formats)


def zstd(data: bytes) -> bytes:
    """The data as one zstd frame."""
    return bytes(pa.Codec("zstd").compress(data, asbytes=True))


GOOD = exchanges(400)
"""A log that is whole, to be broken."""

IDS = [row["exchange_id"] for row in GOOD]
