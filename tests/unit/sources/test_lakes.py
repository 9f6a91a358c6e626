"""Folders of tables of lakes, whose files are not all part of the table, without the libraries that read them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from stillwatch.errors import InputError
from stillwatch.sources.lake_files import LakeColumn, LakeFile, Projection
from stillwatch.sources.places import expand


@pytest.mark.parametrize(
    ("beside", "library"),
    [("_delta_log/00000000000000000000.json", "deltalake"), ("metadata/v1.metadata.json", "pyiceberg.table")],
)
@pytest.mark.parametrize("named", ["table", "table/data", "table/data/part-0.parquet", "table/data/*.parquet", "."])
def test_without_its_library_no_file_of_a_table_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: str, library: str, named: str
) -> None:
    """Deleted rows still lie in such a folder: however a part of it is named, the message says what to install."""
    (tmp_path / "table" / "data").mkdir(parents=True)
    (tmp_path / "table" / "data" / "part-0.parquet").write_bytes(b"PAR1")
    log = tmp_path / "table" / beside
    log.parent.mkdir()
    log.write_text("{}\n")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=r"pip install 'stillwatch\[lake\]'"):
        expand([str(tmp_path / named)], lambda _: None)


def test_a_hudi_table_is_refused(tmp_path: Path) -> None:
    """No library for it is used here, and its files alone would be read wrongly."""
    (tmp_path / ".hoodie").mkdir()
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="Hudi"):
        expand([str(tmp_path)], lambda _: None)


def column(name: str, number: int, *parts: LakeColumn) -> LakeColumn:
    """A column that files know by a number."""
    return LakeColumn(name, number, (), parts)


def numbered(field: pa.Field, number: int) -> pa.Field:
    """A field as a file bears it."""
    return field.with_metadata({"PARQUET:field_id": str(number)})


def test_fields_within_a_struct_are_called_as_today() -> None:
    """Renamed ones have their new name and dropped ones are gone; a missing struct stays missing."""
    inner = pa.struct([numbered(pa.field("was", pa.string()), 2), numbered(pa.field("gone", pa.string()), 3)])
    stored = pa.schema([numbered(pa.field("s", inner), 1)])
    table = (column("s", 1, column("now", 2), column("later", 4)),)
    projection = Projection(LakeFile("t", table), stored, "f")
    batch = pa.RecordBatch.from_arrays([pa.array([{"was": "a", "gone": "x"}, None], inner)], schema=stored)
    out, rows = projection.project(batch, np.array([1, 2]), None)
    assert out.to_pylist() == [{"s": {"now": "a"}}, {"s": None}]
    assert rows.tolist() == [1, 2]


def test_fields_within_a_list_are_called_as_today() -> None:
    """Empty lists stay empty and missing ones missing, also in the middle of an array."""
    inner = pa.struct([numbered(pa.field("was", pa.string()), 3), numbered(pa.field("gone", pa.string()), 5)])
    stored = pa.schema([numbered(pa.field("l", pa.list_(numbered(pa.field("element", inner), 2))), 1)])
    one = {"was": "a", "gone": "x"}
    lists = pa.array([[one], None, [], [one, None, {"was": "b", "gone": "y"}], [one]], stored.field(0).type)
    element = column("element", 2, column("now", 3), column("later", 4))
    projection = Projection(LakeFile("t", (column("l", 1, element),)), stored, "f")
    for begin in (0, 1):
        batch = pa.RecordBatch.from_arrays([lists.slice(begin, 4)], schema=stored)
        out, _ = projection.project(batch, np.arange(1, 5), None)
        told = [[{"now": "a"}], None, [], [{"now": "a"}, None, {"now": "b"}], [{"now": "a"}]]
        assert out["l"].to_pylist() == told[begin : begin + 4]


def test_fields_renamed_within_a_map_are_refused() -> None:
    """Maps are not made anew, so the error names the column and the mend; one that only lacks a field is read."""
    inner = pa.struct([numbered(pa.field("was", pa.string()), 4)])
    kind = pa.map_(numbered(pa.field("key", pa.string(), nullable=False), 2), numbered(pa.field("value", inner), 3))
    stored = pa.schema([numbered(pa.field("m", kind), 1)])
    batch = pa.RecordBatch.from_arrays([pa.array([[("k", {"was": "a"})]], kind)], schema=stored)
    for name, known in (("was", True), ("now", False)):
        value = column("value", 3, column(name, 4), column("later", 5))
        projection = Projection(LakeFile("t", (column("m", 1, column("key", 2), value),)), stored, "f")
        if known:
            assert projection.project(batch, np.array([1]), None)[0].to_pylist() == [{"m": [("k", {"was": "a"})]}]
        else:
            with pytest.raises(InputError, match=r"t: f: fields within column m[\s\S]*REORG TABLE"):
                projection.project(batch, np.array([1]), None)


def test_deleted_rows_are_left_out_wherever_a_batch_begins() -> None:
    """Rows are numbered in the file, from 1; those that stay keep their numbers."""
    table = LakeFile("t", (LakeColumn("a", None, ("a",)),), deleted=np.array([2, 5, 9]))
    projection = Projection(table, pa.schema([("a", pa.int64())]), "f")
    batch = pa.record_batch({"a": [4, 5, 6]})
    out, rows = projection.project(batch, np.array([4, 5, 6]), None)
    assert (out["a"].to_pylist(), rows.tolist()) == ([4, 6], [4, 6])
    assert [row for row in range(1, 11) if projection.is_deleted(row)] == [2, 5, 9]
