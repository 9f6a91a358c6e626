"""Who and what is in the findings that a store remembers: two tables beside the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.engine.parts import write_table

ACCOUNTS = pa.schema([("finding_id", pa.string()), ("account_id", pa.string()), ("role", pa.string())])
EXCHANGES = pa.schema([("finding_id", pa.string()), ("exchange", pa.int64())])


@dataclass(frozen=True, slots=True)
class Members:
    """As `ACCOUNTS`, and as `EXCHANGES` (hashes of ids); exchanges of the findings of the last scan alone."""

    accounts: pa.Table
    exchanges: pa.Table


def read_members(store: Path, begin: str | None) -> Members:
    """The members that a catalogue names; none where it names none."""
    if begin is None:
        return Members(ACCOUNTS.empty_table(), EXCHANGES.empty_table())
    return Members(
        pq.read_table(store / f"{begin}-accounts.parquet", schema=ACCOUNTS),
        pq.read_table(store / f"{begin}-exchanges.parquet", schema=EXCHANGES),
    )


def write_members(store: Path, begin: str, members: Members) -> list[Path]:
    """Write members under names that begin so; returns the files."""
    paths = [store / f"{begin}-accounts.parquet", store / f"{begin}-exchanges.parquet"]
    paths[0].parent.mkdir(exist_ok=True)
    for path, table in zip(paths, (members.accounts, members.exchanges), strict=True):
        write_table(table, path)
    return paths
