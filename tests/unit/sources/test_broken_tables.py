"""Parquet and CSV that are damaged, or whose columns are not what they should be."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from log_samples import (
    GOOD,
    IDS,
    as_table,
    exchange,
    exchanges,
    read,
    write_csv,
    write_lines,
    write_parquet,
)

from stillwatch.errors import InputError


class TestParquet:
    """Parquet that is cut, damaged, or of other types."""

    def test_a_cut_off_file(self, tmp_path: Path) -> None:
        """Parquet keeps its index at its end: without that nothing can be had, and the mend is said."""
        path = write_parquet(tmp_path / "log.parquet", GOOD)
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(InputError, match=r"cut off or damaged Parquet: copy it again"):
            read(path)

    def test_a_damaged_row_group(self, tmp_path: Path) -> None:
        """Rows of the damaged group are in quarantine one by one; the other groups are read."""
        path = write_parquet(tmp_path / "log.parquet", GOOD, row_group_size=100)
        data = bytearray(path.read_bytes())
        column = pq.ParquetFile(path).metadata.row_group(1).column(0)
        start = column.dictionary_page_offset or column.data_page_offset
        data[start : start + 60] = b"\xff" * 60
        path.write_bytes(bytes(data))
        outcome = read(path)
        assert outcome.ids == IDS[:100] + IDS[200:]
        assert [line for line, _ in outcome.reasons] == list(range(101, 201))
        assert outcome.n_read == 400

    def test_json_under_a_parquet_name(self, tmp_path: Path) -> None:
        """A file is what it holds: JSON called .parquet is read as JSON."""
        path = write_lines(tmp_path / "log.parquet", GOOD)
        assert read(path).ids == IDS

    def test_prose_under_a_parquet_name(self, tmp_path: Path) -> None:
        """What is called .parquet and is nothing that is read is refused by that name."""
        path = tmp_path / "log.parquet"
        path.write_text("hello, this is no Parquet\n")
        with pytest.raises(InputError, match="named as Parquet, but is none"):
            read(path)

    def test_a_table_without_rows(self, tmp_path: Path) -> None:
        """It is named empty."""
        pq.write_table(as_table([]), tmp_path / "log.parquet")
        with pytest.raises(InputError, match="empty"):
            read(tmp_path / "log.parquet")

    @pytest.mark.parametrize(
        ("name", "column", "n_bad"),
        [
            ("input_tokens", pa.array(["x"] + ["5"] * 19), 1),
            ("input_tokens", pa.array([float("nan"), 1e300] + [5.0] * 18), 1),
            ("prompt", pa.array([b"\xff"] + [b"a"] * 19), 1),
            ("prompt", pa.nulls(20), 0),
            ("ip", pa.nulls(20, pa.int64()), 0),
            ("account_id", pa.array([f"a{i % 3}" for i in range(20)]).dictionary_encode(), 0),
            ("account_id", pa.array(range(20)), 0),
            ("account_id", pa.array([f"a{i}" for i in range(20)], pa.large_string()), 0),
            ("account_id", pa.array([None] * 5 + ["a"] * 15), 5),
            ("requested_at", pa.array([1_777_600_000_000 + i for i in range(20)]), 0),
            ("requested_at", pa.array(["2026-05-01T00:00:00Z"] * 19 + ["soon"]), 1),
            ("requested_at", pa.array([1_777_600_000_000_000_000] * 20, pa.timestamp("ns")), 0),
            ("tools", pa.array([["a", None]] * 20), 0),
            ("tools", pa.array(['["a"]'] * 20), 0),
            ("status", pa.array([True] * 20), 20),
        ],
        ids=[
            "text-counts", "nan-counts", "not-utf8", "nulls", "typed-nulls", "dictionary", "number-ids", "large-text",
            "null-ids", "millis", "text-times", "nanos", "null-tools", "text-tools", "boolean-status",
        ],
    )  # fmt: skip
    def test_columns_of_other_types(self, tmp_path: Path, name: str, column: pa.Array, n_bad: int) -> None:
        """A column of another type is converted; only rows whose value cannot be are put aside."""
        table = as_table(exchanges(20))
        table = table.set_column(table.schema.get_field_index(name), name, column)
        path = tmp_path / "log.parquet"
        pq.write_table(table, path)
        if n_bad == 20:
            with pytest.raises(InputError, match=name):
                read(path)
            return
        outcome = read(path)
        assert outcome.bad.num_rows == n_bad
        assert outcome.n_read == 20

    @pytest.mark.parametrize("mapped", [False, True], ids=["canonical", "by-mapping"])
    def test_times_beyond_every_calendar(self, tmp_path: Path, mapped: bool) -> None:
        """A time in the year 200,000 puts its row aside, and nanoseconds do no harm, in a table of any format."""
        table = as_table(exchanges(20))
        at = table.schema.get_field_index("requested_at")
        times = table["requested_at"].cast(pa.int64()).to_pylist()
        times[7] = 6_249_222_720_000_000_000
        table = table.set_column(at, "requested_at", pa.array(times, pa.timestamp("us", "UTC")))
        nanos = pa.array([1_777_600_000_000_000_123] * 20, pa.timestamp("ns"))
        table = table.append_column("nested", pa.StructArray.from_arrays([nanos], ["at"])).append_column("nanos", nanos)
        names = ("exchange_id", "requested_at", "account_id", "model")
        mapping = tmp_path / "mapping.toml"
        mapping.write_text("[columns]\n" + "".join(f'{name} = "{name}"\n' for name in names))
        pq.write_table(table, tmp_path / "log.parquet")
        outcome = read(tmp_path / "log.parquet", **({"mapping": mapping} if mapped else {}))
        assert outcome.ids == [f"x{i}" for i in range(20) if i != 7]
        assert [line for line, _ in outcome.reasons] == [8]

    def test_uuids_are_text(self, tmp_path: Path) -> None:
        """Databases keep UUIDs as 16 bytes, which are no text: ids of such columns are read as people write them."""
        path = tmp_path / "log.parquet"
        duckdb.sql(
            "copy (select uuid() as exchange_id, timestamp '2026-05-01' as requested_at, 'm' as model, "
            f"'00000000-0000-4000-8000-00000000000a'::uuid as account_id from range(9)) to '{path}'"
        )
        outcome = read(path)
        assert len(set(outcome.ids)) == 9
        assert set(outcome.table["account_id"].to_pylist()) == {"00000000-0000-4000-8000-00000000000a"}
        mapping = tmp_path / "mapping.toml"
        names = ("exchange_id", "requested_at", "account_id", "model")
        mapping.write_text("[columns]\n" + "".join(f'{name} = "{name}"\n' for name in names))
        assert read(path, mapping=mapping).table["exchange_id"].equals(outcome.table["exchange_id"])

    def test_two_columns_of_one_name(self, tmp_path: Path) -> None:
        """Nobody knows which is meant: the message names them."""
        table = as_table(GOOD)
        path = tmp_path / "log.parquet"
        pq.write_table(pa.Table.from_arrays([*table.columns, table["model"]], [*table.column_names, "model"]), path)
        with pytest.raises(InputError, match="two columns of one name: model"):
            read(path)

    def test_columns_in_capitals_are_named(self, tmp_path: Path) -> None:
        """Some warehouses write names in capitals: the message says to rename them."""
        table = as_table(GOOD)
        pq.write_table(table.rename_columns([one.upper() for one in table.column_names]), tmp_path / "log.parquet")
        with pytest.raises(InputError, match="not in lower case: rename them"):
            read(tmp_path / "log.parquet")

    @pytest.mark.parametrize(
        ("name", "column", "said"),
        [
            ("requested_at", pa.array([1] * 20, pa.time64("us")), "requested_at is a time of day, not a time"),
            ("requested_at", pa.array([1] * 20, pa.duration("s")), "requested_at is a duration, not a time"),
            ("prompt", pa.array([["a"]] * 20), "prompt is a list, not text"),
            ("status", pa.array(["success"] * 20), "status is no number"),
        ],
        ids=["time-of-day", "duration", "list", "word"],
    )
    def test_a_column_that_is_of_no_use(self, tmp_path: Path, name: str, column: pa.Array, said: str) -> None:
        """Where no row can be read for one column, the message names it, what it is, and the mend."""
        table = as_table(exchanges(20))
        path = tmp_path / "log.parquet"
        pq.write_table(table.set_column(table.schema.get_field_index(name), name, column), path)
        with pytest.raises(InputError, match=said) as raised:
            read(path)
        assert "--mapping" in str(raised.value)

    def test_a_table_without_a_required_column(self, tmp_path: Path) -> None:
        """The message names the column."""
        path = tmp_path / "log.parquet"
        pq.write_table(as_table(GOOD).drop_columns(["model"]), path)
        with pytest.raises(InputError, match="lacks model"):
            read(path)


class TestCsv:
    """CSV: a bad row is one record, and only that."""

    @staticmethod
    def rows(tmp_path: Path, n: int = 60) -> list[bytes]:
        """The lines of a good file, the header first."""
        return write_csv(tmp_path / "good.csv", exchanges(n)).read_bytes().splitlines(keepends=True)

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda line: line.replace(b'"large-1"', b'"large-1', 1), "cells, not 10|quote"),
            (lambda line: line.replace(b'"large-1"', b'large"1', 1), None),
            (lambda line: line.replace(b",200\n", b',"200\n'), "a quote in it is not closed"),
            (lambda line: line.replace(b",200\n", b',"2"00\n'), "a quote in it is not closed"),
            (lambda line: line.replace(b"\n", b",7\n"), "has 11 cells, not 10"),
            (lambda line: b"abc\n", "has 1 cells, not 10"),
            (lambda line: line.replace(b"capital", b"c\xffpital"), "prompt is not UTF-8"),
            (lambda line: line.replace(b",200\n", b",ok\n"), "status is no number"),
        ],
        ids=["stray", "inner-quote", "open-last", "text-after-quote", "extra", "few", "not-utf8", "wrong-type"],
    )
    def test_a_bad_row(self, tmp_path: Path, change: Callable[[bytes], bytes], reason: str | None) -> None:
        """Only that row is put aside, by its line; a quote that is not closed does not swallow what follows."""
        rows = self.rows(tmp_path)
        rows[30] = change(rows[30])
        path = tmp_path / "log.csv"
        path.write_bytes(b"".join(rows))
        outcome = read(path)
        if reason is None:
            assert outcome.bad.num_rows == 0
            return
        assert outcome.ids == [f"x{i}" for i in range(60) if i != 29]
        ((line, why),) = outcome.reasons
        assert line == 31
        assert any(part in why for part in reason.split("|"))

    def test_line_ends_in_quotes(self, tmp_path: Path) -> None:
        """A prompt of several lines is one row, and rows after it stand where a person finds them."""
        path = write_csv(
            tmp_path / "log.csv",
            [exchange(0, prompt='a\r\n"b",\n\nc'), exchange(1), exchange(2, status=-7, input_tokens=-1)],
        )
        outcome = read(path)
        assert outcome.ids == ["x0", "x1"]
        assert outcome.row("x0")["prompt"] == 'a\r\n"b",\n\nc'
        assert [line for line, _ in outcome.reasons] == [7]

    @pytest.mark.parametrize("separator", [b";", b"\t", b"|"], ids=["semicolon", "tab", "bar"])
    def test_other_separators(self, tmp_path: Path, separator: bytes) -> None:
        """The separator is told by the header."""
        path = tmp_path / "log.csv"
        path.write_bytes(b"".join(self.rows(tmp_path)).replace(b",", separator))
        assert read(path).table.num_rows == 60

    def test_line_ends_of_windows_and_a_byte_order_mark(self, tmp_path: Path) -> None:
        """They change nothing."""
        path = tmp_path / "log.csv"
        path.write_bytes(b"\xef\xbb\xbf" + b"".join(self.rows(tmp_path)).replace(b"\n", b"\r\n"))
        outcome = read(path)
        assert outcome.table.num_rows == 60
        assert outcome.bad.num_rows == 0

    def test_a_cut_off_last_row(self, tmp_path: Path) -> None:
        """It is put aside as cut off."""
        path = tmp_path / "log.csv"
        path.write_bytes(b"".join(self.rows(tmp_path))[:-30])
        outcome = read(path)
        assert outcome.table.num_rows == 59
        assert outcome.reasons[0][0] == 61
        assert outcome.reasons[0][1].startswith("is cut off")

    def test_a_cut_off_gzip(self, tmp_path: Path) -> None:
        """Rows before the cut are read, and what is left of the last is put aside."""
        packed = gzip.compress(b"".join(self.rows(tmp_path)))
        path = tmp_path / "log.csv.gz"
        path.write_bytes(packed[: len(packed) // 2])
        outcome = read(path)
        assert outcome.ids == [f"x{i}" for i in range(len(outcome.ids))]
        assert len(outcome.ids) > 10
        assert [line for line, _ in outcome.reasons] == [len(outcome.ids) + 2]
        assert "cut off" in outcome.reasons[0][1]

    @pytest.mark.parametrize(
        ("header", "message"),
        [
            (lambda head: head.replace(b"account_id", b"acct"), "lacks account_id"),
            (lambda head: head.replace(b"api_key_id", b"account_id"), "two columns of one name: account_id"),
            (lambda head: b"", "--format"),
        ],
        ids=["missing", "twice", "none"],
    )
    def test_a_header_that_does_not_serve(self, tmp_path: Path, header: Callable[[bytes], bytes], message: str) -> None:
        """The message names the column that is missing or stands there twice."""
        rows = self.rows(tmp_path)
        path = tmp_path / "log.csv"
        path.write_bytes(header(rows[0]) + b"".join(rows[1:]))
        with pytest.raises(InputError, match=message):
            read(path)

    def test_a_header_without_rows(self, tmp_path: Path) -> None:
        """The logs hold no exchange."""
        path = tmp_path / "log.csv"
        path.write_bytes(self.rows(tmp_path)[0])
        with pytest.raises(InputError, match="no exchange"):
            read(path)
