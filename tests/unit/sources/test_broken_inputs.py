"""Broken input ends in a clear message or in quarantine with a reason; nothing else is lost, and counts add up."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from log_samples import (
    NOW,
    as_table,
    exchange,
    exchanges,
    lines,
    read,
    write_csv,
    write_lines,
    write_parquet,
)

from stillwatch.commands.check import check
from stillwatch.errors import InputError, MissingColumn, MissingSource, StillwatchError, UnknownFormat

GOOD = exchanges(400)
IDS = [row["exchange_id"] for row in GOOD]


def zstd(data: bytes) -> bytes:
    """The data as one zstd frame."""
    return bytes(pa.Codec("zstd").compress(data, asbytes=True))


class TestCompression:
    """Packed files: what can be had of them, and what is said of the rest."""

    def test_a_cut_off_gzip_gives_everything_before_the_cut(self, tmp_path: Path) -> None:
        """Of a gzip file without its end, each whole line is read, and the cut is one record in quarantine."""
        path = tmp_path / "log.ndjson.gz"
        path.write_bytes(gzip.compress(lines(GOOD))[:-9])
        outcome = read(path)
        assert outcome.ids == IDS[: len(outcome.ids)]
        assert len(outcome.ids) >= 399
        assert outcome.n_read == len(outcome.ids) + 1
        assert "cut off" in outcome.reasons[0][1]
        assert outcome.reasons[0][0] == len(outcome.ids) + 1

    @pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
    def test_a_gzip_cut_in_the_middle_loses_nothing_before(self, tmp_path: Path, share: float) -> None:
        """What zlib gives byte by byte is what reading gives: no buffer's worth is lost at the cut."""
        import zlib

        packed = gzip.compress(lines(GOOD))
        packed = packed[: int(len(packed) * share)]
        path = tmp_path / "log.gz"
        path.write_bytes(packed)
        expected = zlib.decompressobj(31).decompress(packed).count(b"\n")
        assert len(read(path).ids) == expected

    def test_a_damaged_gzip_gives_everything_before_the_damage(self, tmp_path: Path) -> None:
        """Bytes that are wrong in the middle end the file there, and the reason says damaged."""
        packed = bytearray(gzip.compress(lines(GOOD)))
        middle = len(packed) // 2
        packed[middle : middle + 40] = b"\xff" * 40
        path = tmp_path / "log.gz"
        path.write_bytes(bytes(packed))
        outcome = read(path)
        assert len(outcome.ids) > 50
        assert outcome.ids == IDS[: len(outcome.ids)]
        assert outcome.bad.num_rows >= 1

    def test_members_put_together_and_padding_are_read(self, tmp_path: Path) -> None:
        """Log shippers append gzip members and pad them with zeros: all of it is read."""
        path = tmp_path / "log.gz"
        path.write_bytes(gzip.compress(lines(GOOD[:100])) + gzip.compress(lines(GOOD[100:])) + b"\0" * 512)
        outcome = read(path)
        assert outcome.ids == IDS
        assert outcome.bad.num_rows == 0

    def test_a_cut_off_zstd_gives_what_was_whole(self, tmp_path: Path) -> None:
        """Of a zstd file without its end, the blocks before are read."""
        rows = exchanges(3000)
        packed = zstd(lines(rows))
        path = tmp_path / "log.zst"
        path.write_bytes(packed[:-3])
        outcome = read(path)
        assert outcome.ids == [row["exchange_id"] for row in rows][: len(outcome.ids)]
        assert len(outcome.ids) > 1000
        assert [line for line, _ in outcome.reasons] == [len(outcome.ids) + 1]

    @pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
    def test_a_file_cut_in_its_first_bytes_says_so(self, tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
        """Nothing can be had of it, and the message says that it is damaged."""
        path = tmp_path / "log.bin"
        path.write_bytes(pack(lines(GOOD))[:9])
        with pytest.raises(InputError, match=r"damaged|cut off"):
            read(path)

    def test_a_name_is_no_codec(self, tmp_path: Path) -> None:
        """A plain file called .gz and a gzip file without an ending are read as what they are."""
        (tmp_path / "plain.ndjson.gz").write_bytes(lines(GOOD[:200]))
        (tmp_path / "packed.ndjson").write_bytes(gzip.compress(lines(GOOD[200:])))
        assert sorted(read(tmp_path).ids) == sorted(IDS)

    @pytest.mark.parametrize(
        ("head", "word"),
        [(b"PK\x03\x04", "zip"), (b"BZh9", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"SQLite format 3\0", "SQLite")],
        ids=["zip", "bzip2", "xz", "sqlite"],
    )
    def test_what_is_not_unpacked_is_named(self, tmp_path: Path, head: bytes, word: str) -> None:
        """A file in a packing that is not read is called by its name, with the mend."""
        path = tmp_path / "log.json"
        path.write_bytes(head + b"\x01\x02" * 300)
        with pytest.raises(InputError, match=word):
            read(path)

    @pytest.mark.parametrize("outer", [gzip.compress, zstd], ids=["gzip", "zstd"])
    @pytest.mark.parametrize("inner", [gzip.compress, zstd], ids=["of-gzip", "of-zstd"])
    def test_packed_twice_is_named(
        self, tmp_path: Path, outer: Callable[[bytes], bytes], inner: Callable[[bytes], bytes]
    ) -> None:
        """What a shipper packed that was packed already is refused with the mend, and not read as garbage."""
        path = tmp_path / "log.ndjson.gz.gz"
        path.write_bytes(outer(inner(lines(GOOD))))
        with pytest.raises(InputError, match="is compressed twice: unpack it once"):
            read(path)


class TestLines:
    """NDJSON: a bad line is one record, and only that."""

    def test_a_cut_off_last_line(self, tmp_path: Path) -> None:
        """Only the last line is lost, and its reason says that it is cut off."""
        path = tmp_path / "log.ndjson"
        path.write_bytes(lines(GOOD)[:-30])
        outcome = read(path)
        assert outcome.ids == IDS[:-1]
        assert outcome.reasons == [(400, "is cut off: the last line ends in the middle of a document")]

    def test_a_last_line_without_its_line_end_is_whole(self, tmp_path: Path) -> None:
        """A missing line end at the end is no fault."""
        path = tmp_path / "log.ndjson"
        path.write_bytes(lines(GOOD)[:-1])
        outcome = read(path)
        assert outcome.ids == IDS
        assert outcome.bad.num_rows == 0

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (b'{"exchange_id": "\xff\xfe"}', "is not UTF-8 (byte 18)"),
            (b"nonsense", "is no JSON (column 1)"),
            (b"{'exchange_id': 'a'}", "is no JSON: it has single quotes, as Python shows it (column 2)"),
            (b"\0" * 40, "is nothing but NUL bytes: the file was cut while it was written"),
            (b'{"exchange_id": "a",}', "is no JSON"),
            (b"5", "is no JSON object"),
            (b'"text"', "is no JSON object"),
            (b"null", "is no JSON object"),
            (b"[7]", "is no JSON object"),
            (b'{"exchange_id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "is nested too deeply"),
            (b'{"a": ' * 100_000, "is nested too deeply"),
            (b"{}", "lacks exchange_id"),
            (b'{"hello": "world"}', "lacks exchange_id"),
            (b'{"exchange_id": ""}', "lacks"),
        ],
        ids=[
            "not-utf8", "no-json", "python", "nul-bytes", "trailing-comma",
            "number", "string", "null", "list", "deep-id", "deep-open",
            "empty-object", "foreign-object", "empty-id",
        ],
    )  # fmt: skip
    def test_a_bad_line_is_put_aside_by_its_number(self, tmp_path: Path, line: bytes, reason: str) -> None:
        """The line goes to quarantine with its number and reason; the lines round it are read."""
        good = lines(GOOD).splitlines(keepends=True)
        path = tmp_path / "log.ndjson"
        path.write_bytes(b"".join(good[:200]) + line + b"\n" + b"".join(good[200:]))
        outcome = read(path)
        assert outcome.ids == IDS
        ((number, why),) = outcome.reasons
        assert number == 201
        assert why.startswith(reason) or reason in why
        assert outcome.n_read == 401

    @pytest.mark.parametrize("format", [None, "canonical"])
    def test_many_broken_lines_first(self, tmp_path: Path, format: str | None) -> None:
        """However many lines are broken before the first good one, the good ones are read."""
        path = tmp_path / "log.ndjson"
        path.write_bytes(b"{broken\n" * 5000 + lines(GOOD))
        outcome = read(path, format=format)
        assert outcome.ids == IDS
        assert [line for line, _ in outcome.reasons] == list(range(1, 5001))

    def test_deep_nesting_where_nobody_looks_is_passed_over(self, tmp_path: Path) -> None:
        """A column that is none of ours may hold anything, three million brackets deep."""
        deep = json.dumps(exchange(1))[:-1].encode() + b', "other": ' + b"[" * 3_000_000 + b"]" * 3_000_000 + b"}\n"
        path = tmp_path / "log.ndjson"
        path.write_bytes(lines([exchange(0)]) + deep + lines([exchange(2)]))
        outcome = read(path)
        assert [one for one in outcome.ids if one != "x1"] == ["x0", "x2"]
        assert outcome.n_read == 3

    @pytest.mark.parametrize(
        "encode",
        [
            lambda data: b"\xef\xbb\xbf" + data,
            lambda data: data.replace(b"\n", b"\r\n"),
            lambda data: data.replace(b"\n", b"\n\n  \n"),
            lambda data: (
                b"\xef\xbb\xbf" + data.replace(b'{"exchange_id": "x200"', b'\xef\xbb\xbf{"exchange_id": "x200"')
            ),
            lambda data: data.replace(b"What is", b"What\tis"),
            lambda data: b"\0" * 5_000 + data,
            lambda data: data.replace(b'{"exchange_id": "x200"', b"\0" * 300_000 + b'{"exchange_id": "x200"'),
        ],
        ids=["byte-order-mark", "crlf", "blank-lines", "files-joined", "bare-tabs", "hole-first", "hole-inside"],
    )
    def test_what_editors_and_rotation_do_is_no_fault(self, tmp_path: Path, encode: Callable[[bytes], bytes]) -> None:
        """Byte order marks, line ends of Windows, blank lines, bare tabs, and holes left by rotation change nothing."""
        path = tmp_path / "log.ndjson"
        path.write_bytes(encode(lines(GOOD)))
        outcome = read(path)
        assert outcome.ids == IDS
        assert outcome.bad.num_rows == 0

    def test_another_encoding_is_named(self, tmp_path: Path) -> None:
        """Of a file in Latin-1 nothing can be read, and the message says how to convert it."""
        path = tmp_path / "log.ndjson"
        path.write_bytes(lines(GOOD).replace(b"capital", b"c\xe9pitale"))
        with pytest.raises(InputError, match=r"is not UTF-8 \(400 times\)") as raised:
            read(path)
        assert "iconv" in str(raised.value)

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
    def test_utf16_is_named(self, tmp_path: Path, encoding: str) -> None:
        """A file of UTF-16 is refused by name, with a byte order mark and without."""
        path = tmp_path / "log.ndjson"
        path.write_bytes(lines(GOOD).decode().encode(encoding))
        with pytest.raises(InputError, match="UTF-16"):
            read(path)

    @pytest.mark.parametrize(
        ("columns", "reason"),
        [
            ({"exchange_id": "i" * 10_240}, "exchange_id is longer than 1,024 bytes"),
            ({"account_id": "a" * 10_240}, "account_id is longer than 1,024 bytes"),
            ({"account_id": "a\0b"}, "account_id holds a NUL byte"),
            ({"exchange_id": "\0"}, "exchange_id holds a NUL byte"),
            ({"prompt": "word " * 10_000_000}, "prompt is longer than 16 MB"),
            ({"requested_at": "1970-01-01T00:00:00Z"}, "requested_at is before 2015"),
            ({"requested_at": 0}, "requested_at is before 2015"),
            ({"requested_at": "9999-12-31T23:59:59Z"}, "requested_at is more than two days in the future"),
            ({"requested_at": 4_102_444_800}, "requested_at is more than two days in the future"),
            ({"requested_at": 4_102_444_800_000}, "requested_at is more than two days in the future"),
            ({"requested_at": 10**400}, "requested_at is out of range"),
            ({"requested_at": "yesterday"}, "requested_at is no time"),
            ({"requested_at": None}, "lacks requested_at"),
            ({"account_id": None}, "lacks account_id"),
            ({"model": ""}, "lacks model"),
            ({"model": {"name": "a"}}, "model is an object, not text"),
            ({"input_tokens": -1}, "input_tokens is negative"),
            ({"input_tokens": 2**70}, "input_tokens is out of range"),
            ({"input_tokens": "many"}, "input_tokens is no number"),
        ],
        ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
    )
    def test_a_value_that_cannot_be_is_put_aside(self, tmp_path: Path, columns: dict[str, object], reason: str) -> None:
        """The exchange goes to quarantine with the column and what is wrong; its neighbours are read."""
        path = write_lines(tmp_path / "log.ndjson", [exchange(0), exchange(1, **columns), exchange(2)])
        outcome = read(path)
        assert outcome.ids == ["x0", "x2"]
        ((line, why),) = outcome.reasons
        assert line == 2
        assert why.startswith(reason)

    @pytest.mark.parametrize(
        ("columns", "reason"),
        [
            ({"end_user_id": "u" * 2000}, "end_user_id is longer than 1,024 bytes"),
            ({"end_user_id": "a\0b"}, "end_user_id holds a NUL byte"),
            ({"end_user_id": {"name": "a"}}, "end_user_id is an object, not text"),
            ({"session_id": ["a"]}, "session_id is a list, not text"),
            ({"ip": "1" * 2000}, "ip is longer than 1,024 bytes"),
            ({"tools": {"a": 1}}, "tools is an object, not a list"),
            ({"temperature": "hot"}, "temperature is no number"),
            ({"max_tokens": "all"}, "max_tokens is no number"),
        ],
        ids=["long", "nul", "object", "list", "address", "tools", "temperature", "limit"],
    )
    def test_what_a_caller_may_choose_hides_nothing(
        self, tmp_path: Path, columns: dict[str, object], reason: str
    ) -> None:
        """Nobody keeps his exchanges out of a scan by an odd user id: the value is left out, and it is said."""
        (name,) = columns
        path = write_lines(tmp_path / "log.ndjson", [exchange(0), exchange(1, **columns), exchange(2)])
        outcome = read(path)
        assert outcome.ids == ["x0", "x1", "x2"]
        assert outcome.bad.num_rows == 0
        assert outcome.row("x1")[name] is None
        assert f"{reason} in 1 row: the value is left out there, the exchange is kept" in outcome.said

    @pytest.mark.parametrize(
        ("columns", "name", "value"),
        [
            ({"input_tokens": float("nan")}, "input_tokens", None),
            ({"temperature": float("inf")}, "temperature", None),
            ({"input_tokens": "12"}, "input_tokens", 12),
            ({"input_tokens": 12.0}, "input_tokens", 12),
            ({"prompt": "a\0b"}, "prompt", "a\0b"),
            ({"exchange_id": 17}, "exchange_id", "17"),
            ({"prompt": "\ud800 half"}, "prompt", "? half"),
            ({"requested_at": 1_777_593_600}, "account_id", "account-1"),
            ({"requested_at": 1_777_593_600_000_000_000}, "account_id", "account-1"),
        ],
        ids=["nan", "inf", "number-as-text", "whole-float", "nul-prompt", "number-id", "half-pair", "seconds", "nanos"],
    )
    def test_an_odd_value_is_read(self, tmp_path: Path, columns: dict[str, object], name: str, value: object) -> None:
        """What writers leave behind is no fault: NaN is absent, numbers may be text, prompts may hold any character."""
        path = write_lines(tmp_path / "log.ndjson", [exchange(0), exchange(1, **columns), exchange(2)])
        outcome = read(path)
        assert outcome.bad.num_rows == 0
        assert outcome.table.to_pylist()[1][name] == value

    def test_a_50_mb_line_of_one_array_does_not_stop_the_rest(self, tmp_path: Path) -> None:
        """A 50 MB prompt in an array is put aside by its number, and the elements after it are read."""
        path = tmp_path / "log.json"
        path.write_text(json.dumps([exchange(0), exchange(1, prompt="a b " * 12_500_000), exchange(2)]))
        outcome = read(path)
        assert outcome.ids == ["x0", "x2"]
        assert outcome.reasons == [(2, "prompt is longer than 16 MB")]


class TestArrays:
    """Documents in an array."""

    def test_an_array_that_is_not_closed(self, tmp_path: Path) -> None:
        """Every element is read, and the missing bracket is said."""
        path = tmp_path / "log.json"
        path.write_text(json.dumps(GOOD)[:-1])
        outcome = read(path)
        assert outcome.ids == IDS
        assert outcome.reasons == [(401, "is cut off: the array is not closed")]

    def test_an_array_cut_in_an_element(self, tmp_path: Path) -> None:
        """The elements before it are read."""
        path = tmp_path / "log.json"
        path.write_text(json.dumps(GOOD)[:-20])
        outcome = read(path)
        assert outcome.ids == IDS[:-1]
        assert outcome.n_read == 400

    def test_an_element_whose_quote_does_not_close(self, tmp_path: Path) -> None:
        """In an array written over lines, reading goes on at the next element."""
        text = json.dumps(GOOD, indent=1).replace(
            '"large-1",\n  "prompt": "What is the capital of country number 7?"', '"large-1', 1
        )
        path = tmp_path / "log.json"
        path.write_text(text)
        outcome = read(path)
        assert outcome.ids == [one for one in IDS if one != "x7"]
        assert outcome.bad.num_rows == 1

    @pytest.mark.parametrize("data", [b"5", b'"a"', b"null", b"true", b"[[[", b"[" * 1_000_000, b'{"a":' * 500_000])
    def test_json_that_holds_no_object_is_refused(self, tmp_path: Path, data: bytes) -> None:
        """A scalar, or brackets that never end, are refused with a message."""
        path = tmp_path / "log.json"
        path.write_bytes(data)
        with pytest.raises(InputError):
            read(path)


class TestFormats:
    """Formats that are wrong, foreign or mixed."""

    def test_a_format_that_does_not_exist(self, tmp_path: Path) -> None:
        """The message lists the formats there are."""
        path = write_lines(tmp_path / "log.ndjson", GOOD)
        with pytest.raises(UnknownFormat, match=r"(?s)'lite'.*canonical, litellm"):
            read(path, format="lite")

    def test_the_wrong_format_named(self, tmp_path: Path) -> None:
        """The message says which format the file has."""
        path = write_lines(tmp_path / "log.ndjson", GOOD)
        with pytest.raises(
            InputError, match=r"(?s)in format canonical, in a file of format litellm.*leave --format out"
        ):
            read(path, format="litellm")

    def test_a_format_that_cannot_be_told(self, tmp_path: Path) -> None:
        """The message says to name it or to describe it."""
        path = tmp_path / "log.ndjson"
        path.write_text('{"a": 1}\n{"b": 2}\n')
        with pytest.raises(InputError, match=r"--format.*--mapping"):
            read(path)

    def test_text_that_is_no_log(self, tmp_path: Path) -> None:
        """Prose is refused as what it is."""
        path = tmp_path / "log.txt"
        path.write_text("Dear all,\nplease find the log attached.\n")
        with pytest.raises(InputError, match="neither JSON nor CSV nor Parquet"):
            read(path)

    def test_mixed_formats_in_a_folder(self, tmp_path: Path) -> None:
        """Each file is read as what it is; one that is nothing is in quarantine, and takes nothing else with it."""
        write_lines(tmp_path / "a.ndjson", GOOD[:100])
        write_csv(tmp_path / "b.csv", GOOD[100:200])
        write_parquet(tmp_path / "c.parquet", GOOD[200:300])
        (tmp_path / "d.json").write_text(json.dumps(GOOD[300:]))
        (tmp_path / "e.json").write_text('{"name": "config"}')
        (tmp_path / "f.log").write_text("starting up\n")
        outcome = read(tmp_path)
        assert outcome.ids == IDS
        assert len(outcome.reasons) == 2
        assert all(line == 0 for line, _ in outcome.reasons)

    def test_documents_of_another_format_in_a_file(self, tmp_path: Path) -> None:
        """A line of another format is put aside under that format's name."""
        foreign = {
            "id": "a", "startTime": 1.0, "endTime": 2.0, "model": "m", "messages": [], "response": {}, "metadata": {},
            "call_type": "acompletion", "status": "success", "response_cost": 0.1, "hidden_params": {},
            "model_parameters": {}, "trace_id": "t",
        }  # fmt: skip
        path = tmp_path / "log.ndjson"
        path.write_bytes(lines(GOOD) + json.dumps(foreign).encode() + b"\n")
        outcome = read(path)
        assert outcome.ids == IDS
        assert outcome.reasons == [(401, "is in format litellm, in a file of format canonical")]

    @pytest.mark.parametrize("suffix", ["ndjson", "json", "csv", "parquet"])
    def test_a_format_that_was_named_is_known_as_such(self, tmp_path: Path, suffix: str) -> None:
        """The format of each source is known afterwards, whether it was named or guessed."""
        path = tmp_path / f"log.{suffix}"
        if suffix == "json":
            path.write_text(json.dumps(GOOD))
        else:
            {"ndjson": write_lines, "csv": write_csv, "parquet": write_parquet}[suffix](path, GOOD)
        assert read(path).formats == read(path, format="canonical").formats == ["canonical"]

    def test_a_required_column_that_is_nowhere(self, tmp_path: Path) -> None:
        """The message names the column, and says what an exchange needs."""
        path = write_lines(tmp_path / "log.ndjson", [exchange(i, account_id=None) for i in range(5)])
        with pytest.raises(MissingColumn, match=r"(?s)lacks account_id.*--mapping"):
            read(path)


class TestPlaces:
    """Files, folders, globs and standard input."""

    def test_empty_files(self, tmp_path: Path) -> None:
        """An empty file, and one of blank lines, are named empty."""
        for content in ("", "\n\n \n"):
            path = tmp_path / "log.ndjson"
            path.write_text(content)
            with pytest.raises(InputError, match="is empty"):
                read(path)

    def test_an_empty_file_beside_others_is_counted(self, tmp_path: Path) -> None:
        """It takes nothing with it, and is in quarantine as a whole."""
        write_lines(tmp_path / "a.ndjson", GOOD)
        (tmp_path / "b.ndjson").write_text("")
        outcome = read(tmp_path)
        assert outcome.ids == IDS
        assert outcome.reasons == [(0, "is empty")]

    def test_a_folder_without_logs(self, tmp_path: Path) -> None:
        """The message says how logs are called."""
        (tmp_path / "picture.png").write_bytes(b"\x89PNG")
        with pytest.raises(InputError, match=r"(?s)no logs in this folder.*\.ndjson"):
            read(tmp_path)

    @pytest.mark.parametrize("name", ["nothing.ndjson", "no/such/folder", "x" * 5000], ids=["file", "folder", "long"])
    def test_a_missing_file(self, tmp_path: Path, name: str) -> None:
        """The message names the path."""
        with pytest.raises(MissingSource, match=r"is not there|cannot be opened"):
            read(tmp_path / name)

    def test_a_glob_without_a_match(self, tmp_path: Path) -> None:
        """The message says that no file matches."""
        with pytest.raises(MissingSource, match="no file matches"):
            read(f"{tmp_path}/*.ndjson")

    def test_an_address_of_another_kind(self) -> None:
        """The message lists the kinds that are read."""
        with pytest.raises(InputError, match="s3://"):
            read("gopher://logs")

    def test_a_file_that_links_to_itself(self, tmp_path: Path) -> None:
        """A loop of links is named by the system's words."""
        (tmp_path / "log.ndjson").symlink_to("log.ndjson")
        with pytest.raises(MissingSource, match="symbolic links"):
            read(tmp_path / "log.ndjson")

    def test_folders_that_link_in_a_circle(self, tmp_path: Path) -> None:
        """Linked folders are read, each once, though they hold each other."""
        write_lines(tmp_path / "logs" / "a.ndjson", GOOD[:200])
        write_lines(tmp_path / "elsewhere" / "b.ndjson", GOOD[200:])
        (tmp_path / "logs" / "linked").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "logs")
        (tmp_path / "logs" / "self").symlink_to(tmp_path / "logs")
        outcome = read(tmp_path / "logs")
        assert sorted(outcome.ids) == sorted(IDS)
        assert outcome.bad.num_rows == 0

    def test_a_link_to_nowhere_is_counted(self, tmp_path: Path) -> None:
        """A dangling link in a folder is in quarantine, by name."""
        write_lines(tmp_path / "a.ndjson", GOOD)
        (tmp_path / "b.ndjson").symlink_to("gone.ndjson")
        outcome = read(tmp_path)
        assert outcome.ids == IDS
        assert outcome.reasons == [(0, "cannot be read: No such file or directory")]

    def test_a_file_named_twice_is_read_once(self, tmp_path: Path) -> None:
        """By name, through its folder and through a link, a file's exchanges come once, and it is said."""
        path = write_lines(tmp_path / "a.ndjson", GOOD)
        (tmp_path / "z.ndjson").symlink_to(path)
        outcome = read(path, tmp_path)
        assert outcome.ids == IDS
        assert sum("named twice" in one for one in outcome.said) == 2

    def test_standard_input_that_is_empty(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """`-` with nothing in it is named empty."""
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
        with pytest.raises(InputError, match=r"standard input: .*is empty"):
            read("-")

    @pytest.mark.parametrize("kind", ["lines", "gzip", "zstd", "parquet", "csv", "cut"])
    def test_standard_input_of_any_kind(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
        """`-` takes what files may hold, broken ones too."""
        data = {
            "lines": lines(GOOD),
            "gzip": gzip.compress(lines(GOOD)),
            "zstd": zstd(lines(GOOD)),
            "parquet": write_parquet(tmp_path / "a", GOOD).read_bytes(),
            "csv": write_csv(tmp_path / "b", GOOD).read_bytes(),
            "cut": lines(GOOD)[:-20],
        }[kind]
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        outcome = read("-")
        assert outcome.ids == (IDS[:-1] if kind == "cut" else IDS)
        assert outcome.n_read == 400


@pytest.fixture
def nobody(tmp_path: Path) -> Callable[[Callable[[], object]], object]:
    """Calls a function as a user who is not root, since root may read everything."""
    if os.geteuid() != 0:
        return lambda function: function()
    folder = tmp_path
    while folder != folder.parent:
        if folder.stat().st_uid == 0 and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
        folder = folder.parent

    def call(function: Callable[[], object]) -> object:
        os.seteuid(65_534)
        try:
            return function()
        finally:
            os.seteuid(0)

    return call


class TestPermission:
    """What may not be read."""

    def test_a_file_that_may_not_be_read(
        self, tmp_path: Path, nobody: Callable[[Callable[[], object]], object]
    ) -> None:
        """The message is the system's: permission denied."""
        path = write_lines(tmp_path / "log.ndjson", GOOD)
        path.chmod(0)
        with pytest.raises(MissingSource, match="Permission denied"):
            nobody(lambda: read(path))

    def test_a_file_in_a_folder_that_may_not_be_opened(
        self, tmp_path: Path, nobody: Callable[[Callable[[], object]], object]
    ) -> None:
        """The path, the folder and a glob in it are refused with the system's words."""
        path = write_lines(tmp_path / "closed" / "log.ndjson", GOOD)
        path.parent.chmod(0)
        try:
            for name in (path, path.parent, f"{path.parent}/*.ndjson"):
                with pytest.raises(MissingSource, match="Permission denied"):
                    nobody(lambda name=name: read(name))  # type: ignore[misc]
        finally:
            path.parent.chmod(0o755)

    def test_what_may_be_read_beside_it_is_read(
        self, tmp_path: Path, nobody: Callable[[Callable[[], object]], object]
    ) -> None:
        """A closed file and a closed folder are in quarantine, and the rest is read."""
        logs = tmp_path / "logs"
        write_lines(logs / "open.ndjson", GOOD)
        write_lines(logs / "shut.ndjson", GOOD).chmod(0)
        write_lines(logs / "closed" / "a.ndjson", GOOD).parent.chmod(0)
        try:
            outcome = nobody(lambda: read(logs))
        finally:
            (logs / "closed").chmod(0o755)
        assert outcome.ids == IDS
        assert outcome.reasons == [(0, "cannot be read: Permission denied")] * 2


class TestDuplicates:
    """Exchanges that come more than once."""

    def test_within_and_across_files(self, tmp_path: Path) -> None:
        """Ids that come again are counted once as kept, whichever file they stand in."""
        write_lines(tmp_path / "a.ndjson", [*GOOD[:100], *GOOD[:10]])
        write_parquet(tmp_path / "b.parquet", GOOD[90:])
        outcome = read(tmp_path)
        assert outcome.n_duplicates == 20
        assert outcome.table.num_rows - outcome.n_duplicates == 400
        assert outcome.n_read == 420


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


class TestWorlds:
    """Folders of the project's own."""

    def test_only_the_logs_of_a_world_are_read(self, tmp_path: Path) -> None:
        """Truth, hidden files, registries, scan outputs and the world's own files are left aside, and it is said."""
        write_lines(tmp_path / "logs.ndjson", GOOD)
        (tmp_path / "world.json").write_text("{}")
        for name in ("truth/exchanges.parquet", "out/accounts.parquet", ".cache/x.parquet"):
            (tmp_path / name).parent.mkdir()
            write_parquet(tmp_path / name, exchanges(5, 1000))
        (tmp_path / "out" / "scan.json").write_text("{}")
        write_lines(tmp_path / ".hidden.ndjson", exchanges(5, 1000))
        registry = pa.table({"account_id": ["account-1"], "payment_id": ["card"], "plan": ["free"]})
        pq.write_table(registry, tmp_path / "accounts.parquet")
        pq.write_table(registry, tmp_path / "customers.parquet")
        (tmp_path / "customers.ndjson").write_text('{"account_id": "account-1", "plan": "free"}\n')
        outcome = read(tmp_path)
        assert outcome.ids == IDS
        assert outcome.bad.num_rows == 0
        said = " ".join(outcome.said)
        assert "a scan's output, left aside" in said
        assert said.count("an account registry, left aside") == 2

    def test_a_glob_over_a_world_is_no_way_in(self, tmp_path: Path) -> None:
        """A pattern leaves out hidden files and the project's own, too."""
        write_lines(tmp_path / "logs.ndjson", GOOD)
        (tmp_path / "world.json").write_text("{}")
        write_lines(tmp_path / ".hidden.ndjson", exchanges(5, 1000))
        assert read(f"{tmp_path}/*").ids == IDS


class TestCommand:
    """The same through the command functions."""

    def test_check_prints_counts_that_add_up(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """`check --json` on a broken folder: read is kept, quarantined and duplicates together."""
        path = tmp_path / "log.ndjson"
        path.write_bytes(lines([*GOOD, *GOOD[:7]]) + b"nonsense\n5\n" + lines(exchanges(3, 500))[:-9])
        (tmp_path / "empty.csv").write_text("")
        assert check([str(tmp_path)], json=True) == 0
        result = json.loads(capsys.readouterr().out)
        assert (result["read"], result["kept"], result["quarantined"], result["duplicates"]) == (413, 402, 4, 7)

    def test_check_raises_what_a_person_can_read(self, tmp_path: Path) -> None:
        """Where nothing can be read the command ends in a message of ours."""
        (tmp_path / "log.ndjson").write_text("{")
        with pytest.raises(StillwatchError) as caught:
            check([str(tmp_path / "log.ndjson")])
        assert str(tmp_path / "log.ndjson") in str(caught.value)

    @pytest.mark.parametrize("name", ["log.ndjson", "log.parquet", "log.csv", "log.gz"])
    def test_the_command_line_shows_no_traceback(
        self, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Garbage under any name ends in exit status 1 and one message on standard error."""
        from stillwatch.cli import run

        (tmp_path / name).write_bytes(bytes(range(1, 256)) * 40)
        assert run(["check", str(tmp_path / name)]) == 1
        shown = capsys.readouterr().err
        assert shown.startswith("stillwatch: ")
        assert "Traceback" not in shown

    @pytest.mark.parametrize("name", ["-", "/dev/stdin"])
    @pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
    def test_standard_input_is_named_by_a_hyphen(self, name: str, packed: bool) -> None:
        """`check -` reads a pipe, which no argument parser takes for an option."""
        data = gzip.compress(lines(GOOD)) if packed else lines(GOOD)
        command = [sys.executable, "-m", "stillwatch", "check", name, "--json"]
        done = subprocess.run(command, input=data, capture_output=True, check=True)
        result = json.loads(done.stdout)
        assert (result["kept"], list(result["sources"])) == (400, ["standard input"])

    def test_a_scan_says_why_rows_are_in_quarantine(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Below the counts stand the most frequent reasons, and how many rows the others have."""
        from stillwatch.cli import run

        bad = b"broken\n" * 5 + b"7\n" * 4 + b"{}\n" * 3 + b"'\n" + lines([exchange(900, model="")] * 2)
        (tmp_path / "log.ndjson").write_bytes(lines(GOOD[:60]) + bad)
        assert run(["scan", str(tmp_path / "log.ndjson"), "--out", str(tmp_path / "out")]) == 0
        shown = capsys.readouterr().out
        for part in ("6 in quarantine: is no JSON", "4 in quarantine: is no JSON object", "3 in quarantine: lacks"):
            assert part in shown
        assert "2 for 1 other reasons" in shown

    def test_a_folder_of_which_nothing_can_be_read_says_it_file_by_file(self, tmp_path: Path) -> None:
        """The first files are named with what is wrong with each, and how many more there are."""
        for name, content in (("a.json", "prose"), ("b.json", ""), ("c.parquet", "PAR1xx"), ("d.csv", "x\n")):
            (tmp_path / name).write_text(content)
        with pytest.raises(InputError, match="could be read") as caught:
            read(tmp_path)
        for part in ("a.json is no JSON", "b.json is empty", "c.parquet is cut off or damaged", "and 1 more"):
            assert part in str(caught.value)


def test_the_clock_is_an_argument(tmp_path: Path) -> None:
    """What lies in the future is told by the clock that is given, not by the machine's."""
    path = write_lines(tmp_path / "log.ndjson", [exchange(0), exchange(1, requested_at="2027-01-01T00:00:00Z")])
    assert read(path).bad.num_rows == 1
    assert read(path, now=NOW.replace(year=2027)).bad.num_rows == 0
