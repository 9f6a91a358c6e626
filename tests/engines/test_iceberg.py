"""Iceberg tables, written by PyIceberg, read as logs."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lake_tables import catalog, delete_by_file, exchanges, ids, read

from stillwatch.errors import InputError, NoExchange

NAMES = [f"x{i}" for i in range(5)]
pytestmark = pytest.mark.usefixtures("lake")


def folder_of(table: Any) -> str:
    """The folder of a table."""
    location: str = table.location()
    return location.removeprefix("file://")


def make(tmp_path: Path, first: pa.Table, **how: Any) -> Any:
    """A table with these rows."""
    table = catalog(tmp_path / "lake").create_table("logs.exchanges", schema=first.schema, **how)
    if first.num_rows:
        table.append(first)
    return table


def test_only_the_current_snapshot_is_read(tmp_path: Path) -> None:
    """Rows that were deleted or replaced lie in the folder and are not read; the snapshot is said."""
    table = make(tmp_path, exchanges("old", 3))
    table.overwrite(exchanges("x", 5))
    table.append(exchanges("y", 3))
    table.delete("exchange_id = 'y1'")
    rows, said, quarantine = read(folder_of(table))
    assert [row["exchange_id"] for row in rows] == [*NAMES, "y0", "y2"]
    assert quarantine.n == 0
    assert said[0].startswith(f"{folder_of(table)}: the Iceberg table, snapshot of 20")


def test_a_metadata_file_stands_for_its_table_as_of_then(tmp_path: Path) -> None:
    """Named by itself, it is read as of its snapshot; where two are the newest, the folder is not enough."""
    table = make(tmp_path, exchanges("x", 5))
    then = table.metadata_location.removeprefix("file://")
    table.append(exchanges("y", 1))
    assert ids(folder_of(table)) == [*NAMES, "y0"]
    assert ids(then) == NAMES
    newest = Path(table.metadata_location.removeprefix("file://"))
    shutil.copy(newest, newest.with_name("00002-another.metadata.json"))
    with pytest.raises(InputError, match="only its catalog knows"):
        read(folder_of(table))
    assert ids(str(newest)) == [*NAMES, "y0"]


def test_columns_are_found_by_their_ids(tmp_path: Path) -> None:
    """Renamed, added and dropped columns: old files are read by ids, and a name that came back is another column."""
    from pyiceberg.types import StringType

    first = exchanges("x", 1, who="a", country="old").drop_columns(["account_id"])
    table = make(tmp_path, first)
    with table.update_schema() as update:
        update.rename_column("who", "account_id")
        update.delete_column("country")
    with table.update_schema() as update:
        update.add_column("country", StringType())
    table.append(exchanges("y", 1, country="DE").select(table.schema().as_arrow().names))
    rows, _, quarantine = read(folder_of(table))
    assert quarantine.n == 0
    assert [(row["account_id"], row.get("country")) for row in rows] == [("a", None), ("a", "DE")]


@pytest.mark.parametrize("kind", ["POSITION_DELETES", "PUFFIN"])
def test_rows_deleted_by_position_are_not_read(tmp_path: Path, kind: str) -> None:
    """Deletes that stand in files of their own, as tables or bitmaps, are kept to, and only in the files they name."""
    table = make(tmp_path, exchanges("x", 5))
    table.append(exchanges("y", 2))
    path = next(one.file.file_path for one in table.scan().plan_files() if one.file.record_count == 5)
    delete_by_file(table, tmp_path, kind, {path: [0, 3]})
    table.append(exchanges("z", 1))
    kept = ["x1", "x2", "x4", "y0", "y1", "z0"]
    assert sorted(table.scan().to_arrow()["exchange_id"].to_pylist()) == kept
    assert ids(folder_of(table)) == kept


def test_equality_deletes_are_refused(tmp_path: Path) -> None:
    """What nobody here applies is no table to read: the error names the table and the mend."""
    table = make(tmp_path, exchanges("x", 5))
    delete_by_file(table, tmp_path, "EQUALITY_DELETES", {"x": [0]})
    with pytest.raises(InputError, match=r"exchanges: is an Iceberg table .*equality[\s\S]*rewrite_data_files"):
        read(folder_of(table))


def test_files_that_were_added_are_read_by_names_and_partitions(tmp_path: Path) -> None:
    """A file that another program wrote has no ids: its names are mapped, and what stands in its path is filled in."""
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.transforms import IdentityTransform
    from pyiceberg.types import DateType, NestedField, StringType, TimestamptzType

    names = ("exchange_id", "account_id", "model")
    fields = [NestedField(at, name, StringType()) for at, name in enumerate(names, 1)]
    schema = Schema(*fields, NestedField(4, "requested_at", TimestamptzType()), NestedField(5, "day", DateType()))
    spec = PartitionSpec(
        PartitionField(5, 1000, IdentityTransform(), "day"), PartitionField(3, 1001, IdentityTransform(), "model")
    )
    table = catalog(tmp_path / "lake").create_table("logs.exchanges", schema=schema, partition_spec=spec)
    plain = exchanges("x", 5).drop_columns(["prompt"]).append_column("day", pa.array([date(2026, 3, 1)] * 5))
    where = tmp_path / "day=2026-03-01.parquet"
    pq.write_table(plain, where)
    table.add_files([str(where)])
    # As files of Hive are: what stands in the path is not in the file.
    pq.write_table(plain.drop_columns(["day", "model"]), where)
    rows, _, quarantine = read(folder_of(table))
    assert quarantine.n == 0
    assert [(row["exchange_id"], row["model"]) for row in rows] == [(name, "m") for name in NAMES]
    with table.transaction() as transaction:
        transaction.remove_properties("schema.name-mapping.default")
    with pytest.raises(InputError, match="no field ids"):
        read(folder_of(table))


def test_a_mapping_reads_any_table(tmp_path: Path) -> None:
    """Columns by other names are mapped, and fields of a struct are called as the table calls them today."""
    at = pa.array([1_772_366_400_000_000] * 2, pa.timestamp("us", "UTC"))
    asked = pa.array([{"txt": "hello", "gone": "secret"}, {"txt": "again", "gone": "secret"}])
    first = pa.table({"rid": ["r1", "r2"], "at": at, "who": ["u1", "u2"], "llm": ["m", "m"], "q": asked})
    table = make(tmp_path, first)
    with table.update_schema() as update:
        update.rename_column("q.txt", "text")
        update.delete_column("q.gone")
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(
        '[columns]\nexchange_id = "rid"\nrequested_at = "at"\naccount_id = "who"\nmodel = "llm"\n'
        'prompt = "q.text"\nresponse = "q.gone"\n'
    )
    rows, _, quarantine = read(folder_of(table), mapping=mapping)
    assert quarantine.n == 0
    assert [(row["account_id"], row["prompt"], row.get("response")) for row in rows] == [
        ("u1", "hello", None),
        ("u2", "again", None),
    ]


def test_a_table_elsewhere_or_without_rows_is_told(tmp_path: Path) -> None:
    """An Iceberg table that was moved says where it was written; one without a snapshot, that it has no rows."""
    table = make(tmp_path, exchanges("x", 5))
    shutil.move(tmp_path / "lake", tmp_path / "moved")
    with pytest.raises(InputError, match=r"cannot be read[\s\S]*where it was written: file:///"):
        read(folder_of(table).replace("/lake/", "/moved/"))
    none = catalog(tmp_path / "other").create_table("logs.none", schema=exchanges("x", 0).schema)
    with pytest.raises(NoExchange, match="without rows"):
        read(folder_of(none))
