"""CSV as blocks of whole records, with a broken record kept from spoiling those after it.

A quote that is not closed makes everything up to the next quote one cell. So records are told here, by the number of
cells that the header has: where none of that shape begins, the line is broken, and reading goes on at the next line.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

BLOCK_BYTES = 8 << 20
RECORD_BYTES = 64 << 20
"""The longest record: a quote that is not closed is looked for this far."""

_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Header:
    """The first record. columns: names as they stand; n_bytes, n_lines: what it takes up, blank lines before it too."""

    columns: list[str]
    delimiter: str
    n_bytes: int
    n_lines: int


@dataclass(frozen=True, slots=True)
class Records:
    """Whole records, or one broken line.

    lines: int64, the line of the file on which each begins.  data: their bytes.  error: why the line is broken.
    """

    lines: npt.NDArray[np.int64]
    data: bytes
    error: str | None = None


def read_header(head: bytes) -> Header:
    """The header in the first bytes of a file; its most frequent separator is taken for the file's."""
    start = len(head) - len(head.lstrip(b"\r\n"))
    first = head[start : _line_end(head, start)]
    delimiter = max(_DELIMITERS, key=lambda one: (first.count(one.encode()), -_DELIMITERS.index(one)))
    patterns = _patterns(delimiter, None)
    match = patterns.record.match(head, start)
    end = match.end() if match else start + len(first)
    text = head[start:end].decode("utf-8", "replace").rstrip("\r\n")
    names = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    return Header([name.strip() for name in names], delimiter, end, _count_lines(head[:end]))


def csv_records(read: Callable[[int], bytes], header: Header) -> Iterator[Records]:
    """Blocks of whole records after the header, and broken lines by themselves, in the order of the file.

    Where the stream breaks off, the last thing is a broken line that says so.   Cost: a pass with a compiled pattern.
    """
    patterns = _patterns(header.delimiter, len(header.columns))
    data, line, skip = b"", 1 + header.n_lines, header.n_bytes
    ended, broken = False, None
    while not ended:
        try:
            chunk = read(BLOCK_BYTES)
        except OSError as error:
            chunk, broken = b"", f"is cut off or damaged here: {error}"
        ended = not chunk
        chunk, skip = chunk[skip:], max(0, skip - len(chunk))
        data += chunk
        start = position = 0
        lines: list[int] = []
        while position < len(data):
            match = patterns.record.match(data, position)
            if match is not None and match.end() == len(data) and data[-1:] not in (b"\n", b"\r") and broken:
                match = None
            if match is not None and (match.end() < len(data) or ended):
                if data[position] not in b"\r\n":
                    lines.append(line)
                end = match.end()
            else:
                end = _line_end(data, position)
                unfinished = match is not None or patterns.beginning.match(data, position) is not None
                if (unfinished or end == len(data)) and not ended and len(data) - position < RECORD_BYTES:
                    break
                if lines:
                    yield Records(np.array(lines, np.int64), data[start:position])
                    lines = []
                start = end
                bad = data[position:end].rstrip(b"\r\n")
                if bad:
                    is_last = ended and end == len(data)
                    reason = broken if is_last and broken else _why_broken(bad, header, is_last)
                    yield Records(np.array([line], np.int64), bad, reason)
                    broken = None if is_last else broken
            line += _count_lines(data[position:end])
            position = end
        if lines:
            yield Records(np.array(lines, np.int64), data[start:position])
        data = data[position:]
    if broken:
        yield Records(np.array([line], np.int64), b"", broken)


def as_table(records: Records, header: Header) -> pa.Table:
    """The records as a table of bytes, empty cells null, a row a record.

    Raises: pa.ArrowInvalid where their number does not come out.
    """
    table = pyarrow.csv.read_csv(
        pa.BufferReader(records.data),
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False, block_size=len(records.data) + 1, column_names=header.columns
        ),
        parse_options=pyarrow.csv.ParseOptions(delimiter=header.delimiter, newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(header.columns, pa.binary()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        ),
    )
    if table.num_rows != len(records.lines):
        raise pa.ArrowInvalid(f"{len(records.lines)} records were read as {table.num_rows}")
    return table


@dataclass(frozen=True, slots=True)
class _Patterns:
    """record: a whole one, its line end included.  beginning: one that may go on after the bytes at hand."""

    record: re.Pattern[bytes]
    beginning: re.Pattern[bytes]


def _patterns(delimiter: str, n_cells: int | None) -> _Patterns:
    separator = re.escape(delimiter.encode())
    plain = rb'[^"%b\r\n][^%b\r\n]*+' % (separator, separator)
    cell = rb'(?>"[^"]*+(?:""[^"]*+)*+"|%b|)' % plain
    more = b"*+" if n_cells is None else b"{%d}" % (n_cells - 1)
    up_to = b"*" if n_cells is None else b"{0,%d}" % (n_cells - 1)
    return _Patterns(
        re.compile(rb"%b(?:%b%b)%b(?:\r\n|\n|\r|\Z)" % (cell, separator, cell, more)),
        re.compile(rb'(?:%b%b)%b(?:"[^"]*+(?:""[^"]*+)*+"?+|%b|)\Z' % (cell, separator, up_to, plain)),
    )


def _why_broken(line: bytes, header: Header, is_last: bool) -> str:
    text = line.decode("utf-8", "replace")
    try:
        n_cells = len(next(csv.reader(io.StringIO(text, newline=""), delimiter=header.delimiter), []))
    except csv.Error:
        n_cells = len(header.columns)
    if n_cells == len(header.columns):
        return "a quote in it is not closed, or stands where none may stand"
    if is_last and n_cells < len(header.columns):
        return f"is cut off: it has {n_cells} of {len(header.columns)} cells"
    return f"has {n_cells} cells, not {len(header.columns)}: a separator or a quote is wrong"


def _line_end(data: bytes, position: int) -> int:
    """Where the line at a position ends, its line end included."""
    feed = data.find(b"\n", position) + 1 or len(data)
    carriage = data.find(b"\r", position, feed) + 1
    crlf = carriage == feed - 1 and data[feed - 1 : feed] == b"\n"
    return feed if not carriage or crlf else carriage


def _count_lines(data: bytes) -> int:
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
