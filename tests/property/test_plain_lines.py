"""Blocks of plain JSON lines: what the compiled reader reads is what decoding line by line gives, or it says no."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stillwatch import schema
from stillwatch.sources.columns import from_rows
from stillwatch.sources.documents import decode
from stillwatch.sources.line_kernels import PADDING, moment
from stillwatch.sources.plain_lines import read_plain
from stillwatch.sources.validation import REQUIRED

pytestmark = pytest.mark.slow

TEXT = st.text(max_size=90)
VALUES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.string(): TEXT | st.sampled_from(["", "a" * 63, "a" * 64 + "\n", "\U0001f600" * 20, "\\" * 70, "\0"]),
    pa.int64(): st.integers(-(2**53) + 1, 2**53 - 1),
    pa.float64(): st.sampled_from([0.0, 0.7, 1, 1.5, 0.1, 2, 0.30000000000000004])
    | st.integers(0, 10**9).map(lambda n: n / 1000),
    schema.TIME: st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(lambda t: t.isoformat() + "Z")
    | st.datetimes(timezones=st.just(UTC)).map(str),
    pa.list_(pa.string()): st.lists(TEXT, max_size=4),
}
KNOWN = [(field.name, VALUES[field.type]) for field in schema.EXCHANGE]
ROW = st.fixed_dictionaries(
    {name: values for name, values in KNOWN if name in REQUIRED},
    optional={name: st.none() | values for name, values in KNOWN if name not in REQUIRED}
    | {"other": st.none() | st.booleans() | TEXT | st.integers() | st.lists(TEXT, max_size=2), "é": TEXT},
)
FORM = st.tuples(st.booleans(), st.sampled_from([(",", ":"), (", ", ": ")]), st.sampled_from(["\n", "\r\n"]))


def written(rows: list[dict[str, Any]], form: tuple[bool, tuple[str, str], str], end: bool) -> bytes:
    """The rows as lines, the last one with or without its end."""
    ascii_only, separators, newline = form
    lines = [json.dumps(row, ensure_ascii=ascii_only, separators=separators) for row in rows]
    return (newline.join(lines) + newline * end).encode("utf-8", "surrogatepass")


def plainly(block: bytes) -> pa.RecordBatch | None:
    """What decoding line by line gives; None where a line is no document, or has a fault."""
    try:
        rows = [decode(line) for line in block.removesuffix(b"\n").split(b"\n")]
    except ValueError:
        return None
    if not all(isinstance(row, dict) for row in rows):
        return None
    batch, faults = from_rows(rows, schema.EXCHANGE)
    return None if faults or any(batch[name].null_count for name in REQUIRED) else batch


@settings(max_examples=300, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=5), FORM, st.booleans())
def test_what_is_plain_is_read(rows: list[dict[str, Any]], form: tuple[bool, tuple[str, str], str], end: bool) -> None:
    """Any strings, numbers, times and lists, escaped or not, spaced or not, come out as line by line."""
    block = written(rows, form, end)
    found, expected = read_plain(block), plainly(block)
    if found is None:
        # Numbers of more digits than are counted exactly are for others, and so are names with a backslash.
        assert b"\\u00e9" in block or any(
            len(repr(value)) > 17 for row in rows for value in row.values() if isinstance(value, int | float)
        )
        return
    found.validate(full=True)
    assert expected is not None
    assert found.equals(expected)


@settings(max_examples=500, deadline=None)
@given(
    st.lists(ROW, min_size=1, max_size=3),
    FORM,
    st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=2), st.integers(0, 2)), min_size=1, max_size=3),
)
@example([{}], (True, (",", ":"), "\n"), [(1, b"\\", 0)])
def test_what_is_damaged_is_never_misread(
    rows: list[dict[str, Any]],
    form: tuple[bool, tuple[str, str], str],
    damage: list[tuple[int, bytes, int]],
) -> None:
    """Bytes put in, taken out or replaced: either others have to look, or what comes out is what they would read."""
    block = written(rows, form, True)
    for at, put, taken in damage:
        at %= len(block) + 1
        block = block[:at] + put + block[at + taken :]
    found = read_plain(block) if block else None
    if found is not None:
        expected = plainly(block)
        assert expected is not None
        assert found.equals(expected)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{}",
        "[]",
        '{"model":"m","model":"n"}',
        '{"model":1}',
        '{"turns":1.5}',
        '{"turns":"1"}',
        '{"turns":01}',
        '{"turns":-0}',
        '{"turns":1e3}',
        '{"turns":9007199254740993}',
        '{"model":"\\x"}',
        '{"model":"\\ud800"}',
        '{"model":"\t"}',
        '{"tools":["a",]}',
        '{"tools":[null]}',
        '{"other":{"a":1}}',
        '{"model":"m"} {}',
        '{"model":"m",}',
        '{"requested_at":"2026-02-29T00:00:00Z"}',
        '{"requested_at":"2026-02-02T00:00:00"}',
    ],
)
def test_what_is_odd_is_left_to_others(line: str) -> None:
    """A line that is broken, or that another reader has rules for, is not read here."""
    whole = {"exchange_id": "e", "requested_at": "2026-01-01T00:00:00Z", "account_id": "a", "model": "m"}
    assert read_plain((json.dumps(whole) + "\n").encode()) is not None
    rest = {name: value for name, value in whole.items() if f'"{name}"' not in line}
    odd = line if line[:1] != "{" or line == "{}" else json.dumps(rest)[:-1] + "," + line[1:]
    assert read_plain((json.dumps(whole) + "\n" + odd + "\n").encode()) is None


@settings(deadline=None)
@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)), st.integers(-1439, 1439), st.sampled_from(["T", " "]))
def test_moments_are_those_of_the_calendar(when: datetime, minutes: int, between: str) -> None:
    """Every day and zone of the calendar, to the microsecond."""
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    text = f"{when.isoformat(between)}{sign}{size // 60:02}:{size % 60:02}".encode()
    data = np.frombuffer(text + bytes(PADDING), np.uint8)
    expected = (when - datetime(1970, 1, 1) - timedelta(minutes=minutes)) // timedelta(microseconds=1)
    assert moment(data, 0, len(text)) == (True, expected)
