"""Parquet files of row groups that were encoded one by one: as Arrow itself would have written them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.traffic_range.row_groups import RowGroups, encoded

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("at", pa.timestamp("us", "UTC")),
        pa.field("share", pa.float64()),
        pa.field("tools", pa.list_(pa.string())),
    ]
)

OPTIONS: dict[str, Any] = {"compression": "zstd", "use_dictionary": ["id"], "write_statistics": ["at"]}


def table(first: int, n: int) -> pa.Table:
    """Some rows of every type, nulls among them."""
    rows = range(first, first + n)
    columns = [
        [f"id_{row % 7}" for row in rows],
        [row * 1_000_000 for row in rows],
        [None if row % 3 == 0 else row / 7 for row in rows],
        [None if row % 5 == 0 else ["read", f"tool_{row % 4}"] * (row % 3) for row in rows],
    ]
    return pa.table([pa.array(one, kind) for one, kind in zip(columns, SCHEMA.types, strict=True)], schema=SCHEMA)


@pytest.mark.parametrize("sizes", [(), (0,), (1,), (300, 1, 0, 40), (5,) * 40], ids=str)
def test_what_was_added_is_read_back(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    """All rows, in order, by Arrow and by DuckDB, schema and statistics included; a group a table that holds any."""
    tables = [table(100 * k, n) for k, n in enumerate(sizes)]
    file = RowGroups(tmp_path / "some.parquet", SCHEMA, **OPTIONS)
    for one in tables:
        file.add(encoded(one, **OPTIONS))
    file.close()
    read = pq.ParquetFile(tmp_path / "some.parquet")
    whole = pa.concat_tables([SCHEMA.empty_table(), *tables])
    assert read.schema_arrow.equals(SCHEMA)
    assert read.read().equals(whole)
    assert [read.metadata.row_group(k).num_rows for k in range(read.num_row_groups)] == [n for n in sizes if n]
    with duckdb.connect() as connection:
        ids = connection.sql(f"select id from '{tmp_path}/some.parquet'").fetchall()
    assert [row[0] for row in ids] == whole["id"].to_pylist()
    at = [read.metadata.row_group(k).column(1).statistics.max for k in range(read.num_row_groups)]
    assert at == [one["at"][-1].as_py() for one in tables if len(one)]


def test_one_table_is_what_arrow_writes(tmp_path: Path) -> None:
    """To the byte, but for the ordinal of the group and the like: the same column chunks and the same rows."""
    one = table(0, 500)
    file = RowGroups(tmp_path / "ours.parquet", SCHEMA, **OPTIONS)
    file.add(encoded(one, **OPTIONS))
    file.close()
    pq.write_table(one, tmp_path / "arrows.parquet", **OPTIONS)
    ours, arrows = ((tmp_path / f"{name}.parquet").read_bytes() for name in ("ours", "arrows"))
    assert ours == arrows
