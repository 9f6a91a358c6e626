"""Delta tables, written by delta-rs, read as logs."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lake_tables import NOW, delete_by_vector, exchanges, ids, read
from stopped_reading import options, read_all, read_until

from stillwatch.errors import InputError, MissingSource, NoExchange
from stillwatch.scan.signature import input_signature
from stillwatch.sources.accounts import open_registry
from stillwatch.sources.quarantine import Quarantine

NAMES = [f"x{i}" for i in range(5)]


@pytest.fixture
def write(lake: None) -> Any:
    """Writes to a Delta table."""
    from deltalake import write_deltalake

    return write_deltalake


def test_only_what_is_in_the_table_today_is_read(write: Any, tmp_path: Path) -> None:
    """Rows that were deleted, and files that were replaced, lie in the folder and are not read; the state is said."""
    from deltalake import DeltaTable

    table = str(tmp_path / "table")
    write(table, exchanges("old", 3))
    write(table, exchanges("x", 5), mode="overwrite")
    write(table, exchanges("y", 3), mode="append")
    DeltaTable(table).delete("exchange_id = 'y1'")
    assert len(list(Path(table).glob("*.parquet"))) == 4
    rows, said, quarantine = read(table)
    assert [row["exchange_id"] for row in rows] == [*NAMES, "y0", "y2"]
    assert quarantine.n == 0
    assert said[0] == f"{table}: the Delta table, version 3: 2 files"


def test_partitions_are_filled_in_and_columns_may_be_added(write: Any, tmp_path: Path) -> None:
    """Values that stand in paths alone are read, odd ones and none too; a column that older files lack is absent."""
    table = tmp_path / "a table, é odd"
    write(
        table.as_uri(), exchanges("a", 1, org_id="x y/ü%:=").drop_columns(["prompt"]), partition_by=["model", "org_id"]
    )
    later = exchanges("b", 1, org_id=None).set_column(3, "model", pa.array(["n"]))
    write(table.as_uri(), later, mode="append", schema_mode="merge")
    rows, _, quarantine = read(str(table))
    assert quarantine.n == 0
    told = [{name: row.get(name) for name in ("exchange_id", "model", "org_id", "prompt")} for row in rows]
    assert told == [
        {"exchange_id": "a0", "model": "m", "org_id": "x y/ü%:=", "prompt": None},
        {"exchange_id": "b0", "model": "n", "org_id": None, "prompt": "ask 0"},
    ]


def test_deletion_vectors_are_kept_to(write: Any, tmp_path: Path) -> None:
    """Rows deleted by a vector are not read, whatever the file is called; rows stand where they stand in the file."""
    table = tmp_path / "table"
    write(table.as_uri(), exchanges("x", 5, org_id="é %"), partition_by=["org_id"])
    delete_by_vector(table, {"org_id": [0, 3]})
    assert ids(str(table)) == ["x1", "x2", "x4"]


def test_renamed_columns_are_read_by_what_files_call_them(write: Any, tmp_path: Path) -> None:
    """With column mapping, by name or by id, files bear other names than the table; so do a struct's fields."""
    for mode in ("name", "id"):
        table = tmp_path / mode
        write(table, exchanges("x", 5), partition_by=["model"], configuration={"delta.columnMapping.mode": mode})
        stored = pq.read_schema(next(table.rglob("*.parquet"))).names
        assert "exchange_id" not in stored
        rows, _, quarantine = read(str(table))
        assert quarantine.n == 0
        assert [row["exchange_id"] for row in rows] == NAMES
        assert {(row["model"], row["account_id"]) for row in rows} == {("m", "a")}


def test_rows_of_a_product_are_read_from_a_table(write: Any, tmp_path: Path) -> None:
    """A table that is no canonical one is read by its format, and a struct's fields by the names that it has today."""
    spend = pa.table(
        {
            "request_id": ["r1", "r2"],
            "startTime": pa.array([1_772_366_400_000_000] * 2, pa.timestamp("us", "UTC")),
            "call_type": ["acompletion"] * 2,
            "api_key": ["k" * 64] * 2,
            "user": ["u1", "u2"],
            "model": ["gpt"] * 2,
            "spend": [0.1, 0.2],
            "messages": [[{"role": "user", "content": "hello"}]] * 2,
            "metadata": pa.array([{"user_api_key_team_id": "t"}] * 2),
            "day": pa.array([date(2026, 3, 1), date(2026, 3, 2)]),
        }
    )
    table = tmp_path / "spend"
    write(table, spend, partition_by=["day"], configuration={"delta.columnMapping.mode": "name"})
    rows, said, quarantine = read(str(table))
    assert quarantine.n == 0
    assert [(row["exchange_id"], row["account_id"], row["prompt"]) for row in rows] == [
        ("r1", "u1", "hello"),
        ("r2", "u2", "hello"),
    ]
    assert any("litellm-spend" in one for one in said)


def test_a_part_of_a_table_is_what_is_in_the_table_of_it(write: Any, tmp_path: Path) -> None:
    """A partition's folder, a file and a pattern stand for the table's files there; others are no part of it."""
    table = tmp_path / "table"
    write(table, pa.concat_tables([exchanges("x", 5), exchanges("y", 2).set_column(3, "model", pa.array(["n"] * 2))]),
          partition_by=["model"])  # fmt: skip
    old = next((table / "model=n").glob("*.parquet"))
    write(table, exchanges("z", 1).set_column(3, "model", pa.array(["n"])), mode="overwrite", predicate="model = 'n'")
    new = next(one for one in (table / "model=n").glob("*.parquet") if one != old)
    assert ids(str(table / "model=m")) == NAMES
    assert ids(str(table / "model=n")) == ["z0"]
    assert ids(str(table / "*" / "*.parquet")) == [*NAMES, "z0"]
    assert ids(str(new)) == ["z0"]
    with pytest.raises(MissingSource, match="no file that is in this table today"):
        read(str(old))


def test_tables_in_a_folder_are_read_beside_other_logs(write: Any, tmp_path: Path) -> None:
    """A folder may hold tables and files; a table without rows among them is said."""
    write(tmp_path / "in" / "table", exchanges("x", 5))
    write(tmp_path / "in" / "none", exchanges("n", 0))
    pq.write_table(exchanges("y", 1), tmp_path / "in" / "plain.parquet")
    rows, said, _ = read(str(tmp_path / "in"))
    assert [row["exchange_id"] for row in rows] == [*NAMES, "y0"]
    assert any("none: the Delta table, version 0, has no files there" in one for one in said)
    with pytest.raises(NoExchange, match="without rows"):
        read(str(tmp_path / "in" / "none"))


def test_what_is_not_read_rightly_is_refused(write: Any, tmp_path: Path) -> None:
    """A table that needs more of its readers than is known here, and a damaged log, end in an error that names it."""
    table = tmp_path / "table"
    write(table, exchanges("x", 5))
    features = {"readerFeatures": ["variantType"], "writerFeatures": ["variantType"]}
    needs = {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **features}}
    (table / "_delta_log" / f"{1:020d}.json").write_text(json.dumps(needs) + "\n")
    with pytest.raises(InputError, match=r"table: is a Delta table that .*variantType"):
        read(str(table))
    (table / "_delta_log" / f"{1:020d}.json").write_text("{broken\n")
    with pytest.raises(InputError, match="is a Delta table that cannot be read"):
        read(str(table))


def test_a_killed_scan_goes_on_unless_the_table_changed(write: Any, tmp_path: Path) -> None:
    """Checkpoints hold within a table's files; a commit, also one that only deletes rows, is another input."""
    table = tmp_path / "table"
    write(table, pa.concat_tables([exchanges("x", 200, response="r" * 3000), exchanges("y", 100, response="r")]))
    logs, how = [str(table)], options(tmp_path / "out")
    assert read_until(logs, how, 60)
    said: list[str] = []
    assert read_all(logs, how, said).counts["kept"] == 300
    assert said[0].startswith("goes on after")
    signature = input_signature(logs, how)
    delete_by_vector(table, {"parquet": [0]})
    assert input_signature(logs, how) not in (signature, None)


def test_a_registry_may_be_a_table(write: Any, tmp_path: Path) -> None:
    """Accounts are read as the table has them: partitions filled in, deleted ones not there."""
    table = tmp_path / "accounts"
    accounts = pa.table({"account_id": ["a", "b", "c"], "payment_id": ["1", "2", "3"], "plan": ["free"] * 3})
    write(table, accounts, partition_by=["plan"])
    delete_by_vector(table, {"plan": [1]})
    registry = open_registry(str(table), [], as_of=NOW, quarantine=Quarantine(), say=lambda _: None)
    assert registry is not None
    assert sorted(zip(registry["account_id"].to_pylist(), registry["plan"].to_pylist(), strict=True)) == [
        ("a", "free"),
        ("c", "free"),
    ]
