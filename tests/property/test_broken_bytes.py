"""Random damage to a good log: reading ends in what could be read, or in an error of ours, and in nothing else."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from log_samples import Outcome, exchanges, lines, read, write_csv, write_parquet

from stillwatch.errors import StillwatchError
from stillwatch.sources.csv_records import as_table, csv_records, read_header
from stillwatch.sources.documents import element_pieces, line_blocks, line_pieces

pytestmark = pytest.mark.slow

ROWS = exchanges(40)
NDJSON = lines(ROWS)
STARTS = [0] + [i + 1 for i, byte in enumerate(NDJSON) if byte == 10]
SETTINGS = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))

flips = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8)
cuts = st.one_of(st.just(1.0), st.floats(0, 1))


def damaged(data: bytes, changes: list[tuple[float, int]], cut: float) -> tuple[bytes, list[int]]:
    """The data with some bytes replaced and its end cut off, and the places that were touched."""
    out = bytearray(data)
    touched = []
    for share, byte in changes:
        at = int(share * len(out))
        if out[at] != byte:
            out[at] = byte
            touched.append(at)
    end = int(cut * len(out))
    return bytes(out[:end]), [*touched, *([end] if end < len(out) else [])]


def read_bytes(data: bytes, name: str, format: str | None = None) -> Outcome | None:
    """What comes out of a file with these bytes; None where reading ended in an error of ours."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        try:
            return read(path, format=format)
        except StillwatchError as error:
            assert str(error).strip()
            return None


@SETTINGS
@given(flips, cuts)
@example([(0.0, ord("["))], 1.0)
@example([(0.0, ord("\n"))], 1.0)
@example([(0.5, ord('"'))], 1.0)
def test_an_untouched_line_of_ndjson_is_never_lost(changes: list[tuple[float, int]], cut: float) -> None:
    """Each line that no damage touched, its neighbours' line ends included, comes out as it was."""
    data, touched = damaged(NDJSON, changes, cut)
    outcome = read_bytes(data, "log.ndjson", "canonical")
    whole = [
        row
        for i, row in enumerate(ROWS)
        if STARTS[i + 1] <= len(data) and not any(STARTS[i] - 1 <= at < STARTS[i + 1] for at in touched)
    ]
    if outcome is None:
        assert whole == []
        return
    came = Counter((row["exchange_id"], row["prompt"], row["ip"]) for row in outcome.table.to_pylist())
    for row in whole:
        assert came[row["exchange_id"], row["prompt"], row["ip"]] >= 1


@SETTINGS
@given(flips, cuts)
@example([(0.359375, 128)], 1.0)
@example([(0.1798742641963731, 4)], 1.0)
def test_damaged_parquet_raises_nothing_else(changes: list[tuple[float, int]], cut: float) -> None:
    """Parquet with wrong bytes is read as far as it goes, or refused with a message."""
    with tempfile.TemporaryDirectory() as folder:
        good = write_parquet(Path(folder) / "a.parquet", ROWS, row_group_size=10).read_bytes()
    data, _ = damaged(good, changes, cut)
    read_bytes(data, "log.parquet")


@SETTINGS
@given(flips, cuts)
def test_damaged_csv_raises_nothing_else(changes: list[tuple[float, int]], cut: float) -> None:
    """CSV with wrong bytes is read as far as it goes, or refused with a message."""
    with tempfile.TemporaryDirectory() as folder:
        good = write_csv(Path(folder) / "a.csv", ROWS).read_bytes()
    data, _ = damaged(good, changes, cut)
    read_bytes(data, "log.csv")


@SETTINGS
@given(flips, cuts, st.sampled_from(["gzip", "zstd"]))
def test_damaged_packing_raises_nothing_else(changes: list[tuple[float, int]], cut: float, kind: str) -> None:
    """gzip and zstd with wrong bytes give lines of the log, or end in a message."""
    good = gzip.compress(NDJSON) if kind == "gzip" else pa.Codec("zstd").compress(NDJSON, asbytes=True)
    data, _ = damaged(bytes(good), changes, cut)
    read_bytes(data, "log.ndjson")


@SETTINGS
@given(st.binary(max_size=400), st.sampled_from(["log", "log.json", "log.csv", "log.parquet", "log.gz"]))
def test_any_bytes_under_any_name(data: bytes, name: str) -> None:
    """No bytes whatever end in an error that is not ours."""
    read_bytes(data, name)


cells = st.text(st.sampled_from('ab ,;"\r\n\té\0'), max_size=12)


@SETTINGS
@given(
    st.lists(st.lists(cells, min_size=3, max_size=3), max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.integers(1, 40),
)
def test_well_made_csv_comes_back_whole(rows: list[list[str]], end: str, quote_all: bool, step: int) -> None:
    """Whatever Python's writer quotes comes back cell by cell, however the stream is cut into reads."""
    if not quote_all:
        # Python's writer leaves a lone carriage return unquoted.
        rows = [[cell.replace("\r", "") for cell in row] for row in rows]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL)
    writer.writerows([["one", "two", "three"], *rows])
    data = text.getvalue().encode()
    header = read_header(data)
    stream = io.BytesIO(data)
    out = []
    for records in csv_records(lambda size: stream.read(step), header):
        assert records.error is None
        for row in as_table(records, header).to_pylist():
            out.append([(row[name] or b"").decode() for name in ("one", "two", "three")])
    assert out == rows


@SETTINGS
@given(st.binary(max_size=300), st.integers(1, 50))
@example(b",,\x00", 1)
def test_csv_records_hold_every_line_once(data: bytes, step: int) -> None:
    """Whole records and broken lines together are the file, blank lines left out, in order, with their line numbers."""
    data = b"one,two\n" + data
    header = read_header(data)
    stream = io.BytesIO(data)
    pieces = list(csv_records(lambda size: stream.read(step), header))
    numbers = np.concatenate([one.lines for one in pieces]) if pieces else np.zeros(0, np.int64)
    assert (np.diff(numbers) > 0).all()
    kept = b"".join(one.data for one in pieces)
    assert kept.translate(None, b"\r\n") == data[header.n_bytes :].translate(None, b"\r\n")
    for one in pieces:
        if one.error is None:
            assert as_table(one, header).num_rows == len(one.lines)


BITS = [b'{"a":1}', b'{"b":"x\\"{"}', b"{", b'"', b"]", b"[", b",", b"\n", b" ", b"}"]


@SETTINGS
@given(st.lists(st.sampled_from(BITS), max_size=30), st.integers(1, 20))
def test_pieces_do_not_depend_on_how_the_stream_is_read(parts: list[bytes], step: int) -> None:
    """Lines and elements come out the same whether bytes come one by one or all at once."""
    data = b"".join(parts)

    def reader(n_bytes: int) -> tuple[list[tuple[int, bytes]], list[tuple[int, bytes]]]:
        stream, other = io.BytesIO(data), io.BytesIO(data)
        by_line = [p for block in line_blocks(lambda size: stream.read(n_bytes)) for p in line_pieces(*block)]
        elements = list(element_pieces(lambda size: other.read(n_bytes)))
        return [(p.line, p.data) for p in by_line], [(p.line, p.data) for p in elements]

    assert reader(step) == reader(1 << 20)
