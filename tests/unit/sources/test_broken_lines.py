"""A bad line or element ends in quarantine with its number and a reason, and costs no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from log_samples import (
    GOOD,
    IDS,
    exchange,
    lines,
    read,
    write_lines,
)

from stillwatch.errors import InputError


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
