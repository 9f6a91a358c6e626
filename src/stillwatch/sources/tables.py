"""Tables of one place to parts: Parquet, CSV and PostgreSQL, batch by batch."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch import schema
from stillwatch.errors import InputError, MissingSource
from stillwatch.sources.columns import adapt, without_extension
from stillwatch.sources.csv_records import as_table, csv_records, read_header
from stillwatch.sources.guess import DOCUMENTS, is_canonical, is_registry
from stillwatch.sources.lake_files import Projection
from stillwatch.sources.quarantine import RAW_BYTES
from stillwatch.sources.records import Part, Reader, read_documents
from stillwatch.sources.registry import formats
from stillwatch.sources.resuming import Point
from stillwatch.sources.streams import Stream
from stillwatch.sources.time_range import TimeRange
from stillwatch.sources.validation import TEXTS

BATCH_BYTES = 32 << 20
LOST_ROWS = 100_000_000
"""Rows of a damaged part that are counted one by one: no writer makes larger groups."""

SPEND_TABLE = "LiteLLM_SpendLogs"

Batches = Iterable[tuple[pa.RecordBatch, np.ndarray[Any, np.dtype[np.int64]], Point | None]]
"""Rows, where each stands, and from where a later run can come to them, as `Part` has it."""


def read_parquet(reader: Reader, file: pa.NativeFile) -> Iterator[Part]:
    """The parts of a Parquet file; of the canonical one only our columns are read."""
    name = reader.place.name
    try:
        parquet = pq.ParquetFile(
            file,
            pre_buffer=False,
            buffer_size=1 << 20,
            page_checksum_verification=True,
            # So that UUIDs are known as such, whoever wrote them.
            arrow_extensions_enabled=True,
        )
        stored = parquet.schema_arrow
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        reader.quarantine.add(name, 0, "is cut off or damaged Parquet: copy it again from where it came")
        return
    if _has_twice(reader, stored.names):
        return
    if parquet.metadata.num_rows == 0:
        if reader.place.lake is None:
            reader.quarantine.add(name, 0, "is empty: a table without rows")
        return
    projection = Projection(reader.place.lake, stored, name)

    n_rows, begin = _rows_at_once(parquet.metadata, reader.batch_rows), 1 if reader.begin is None else reader.begin.line
    damage = (pa.ArrowException, OSError, UnicodeDecodeError)

    def batches(wanted: list[str] | None) -> Batches:
        # Only of a canonical table it is known which column is the time.
        time = next(iter(projection.stored(["requested_at"]) or ()), "") if wanted is not None else ""
        for batch, rows, point in of_file(projection.stored(wanted), time):
            batch, rows = projection.project(batch, rows, wanted)
            if batch.num_rows:
                yield batch, rows, point

    def of_file(wanted: list[str] | None, time: str) -> Batches:
        unwanted = _unwanted(parquet.metadata, time, reader.times)
        for groups, row in _stretches(parquet.metadata, n_rows, begin, reader.end, unwanted):
            together = None
            if len(groups) > 1:
                with suppress(*damage):
                    together = list(parquet.iter_batches(n_rows, row_groups=groups, columns=wanted, use_threads=True))
            if together is None:
                for group in groups:
                    for batch, rows, point in of_group(group, row, wanted):
                        # A run that begins within such a stretch would read other groups together.
                        yield batch, rows, point if len(groups) == 1 else None
                    row += parquet.metadata.row_group(group).num_rows
            for batch in together or ():
                yield batch, np.arange(row, row + batch.num_rows, dtype=np.int64), Point(row)
                row += batch.num_rows

    def of_group(group: int, row: int, wanted: list[str] | None) -> Batches:
        end = row + parquet.metadata.row_group(group).num_rows
        try:
            for batch in parquet.iter_batches(n_rows, row_groups=[group], columns=wanted, use_threads=True):
                if row >= begin:
                    yield batch, np.arange(row, row + batch.num_rows, dtype=np.int64), Point(row)
                row += batch.num_rows
        except damage:
            # A group that is damaged says nothing of the next one; one of too many rows is damaged in their number.
            for lost in range(row, end if end - row <= LOST_ROWS else row + 1):
                if not projection.is_deleted(lost):
                    reader.quarantine.add(name, lost, "stands in a damaged part of the file: copy the file again")

    yield from _read_table(reader, projection.columns, batches)


def read_csv(reader: Reader, stream: Stream) -> Iterator[Part]:
    """The parts of a CSV file: quotes and line ends in quotes as RFC 4180 has them, empty cells absent.

    A row stands where its line begins. A broken one goes to quarantine, and those after it are read.
    """
    name = reader.place.name
    header = read_header(stream.head)
    if _has_twice(reader, header.columns):
        return

    def batches(wanted: list[str] | None) -> Batches:
        for records in csv_records(stream.read, header):
            if records.error is not None:
                reader.quarantine.add(name, int(records.lines[0]), records.error, records.data[: RAW_BYTES * 2])
                continue
            table = as_table(records, header).combine_chunks()
            # A CSV file is no table whose rows could be gone to.
            yield table.to_batches()[0], records.lines, None

    yield from _read_table(reader, header.columns, batches)


def read_postgres(reader: Reader) -> Iterator[Part]:
    """The parts of LiteLLM's table of spend, straight from its database; `#Table` in the address names another table.

    Raises: InputError where the driver is not installed; MissingSource where the database does not answer.
    """
    try:
        import adbc_driver_postgresql.dbapi as adbc
    except ImportError:
        raise InputError(
            "reading from PostgreSQL needs a driver that is not installed",
            source=reader.place.name,
            hint="pip install 'stillwatch[postgres]', or export the table as CSV",
        ) from None
    if reader.fmt is None:
        reader.fmt = formats()["litellm-spend"]
    address, _, table = reader.place.path.partition("#")
    query = f'SELECT * FROM "{(table or SPEND_TABLE).replace(chr(34), chr(34) * 2)}"'
    if reader.times and reader.fmt.name == "litellm-spend":
        query += " WHERE " + " AND ".join(reader.times.conditions('"startTime"', "'%s+00'"))
    try:
        connection = adbc.connect(address)
    except adbc.Error as error:
        raise MissingSource(f"the database does not answer: {_first_line(error)}", source=reader.place.name) from None
    with connection, connection.cursor() as cursor:
        try:
            cursor.execute(query)
            stream = cursor.fetch_record_batch()
        except adbc.Error as error:
            hint = f"the address names a database that has the table {table or SPEND_TABLE}"
            raise MissingSource(f"cannot be read: {_first_line(error)}", source=reader.place.name, hint=hint) from None

        def batches(wanted: list[str] | None) -> Batches:
            row = 1
            for batch in stream:
                yield batch, np.arange(row, row + batch.num_rows, dtype=np.int64), None
                row += batch.num_rows

        yield from _read_table(reader, stream.schema.names, batches)


def _has_twice(reader: Reader, columns: list[str]) -> bool:
    """Whether two columns bear one name, so that nobody knows which is meant; the place is put aside then."""
    twice = sorted(column for column, count in Counter(columns).items() if count > 1 and column)
    if twice:
        reader.quarantine.add(reader.place.name, 0, f"has two columns of one name: {', '.join(twice)}")
    return bool(twice)


def _read_table(reader: Reader, columns: list[str], batches: Callable[[list[str] | None], Batches]) -> Iterator[Part]:
    name = reader.place.name
    if reader.place.from_folder and is_registry(columns):
        reader.say(f"{name}: an account registry, left aside (name it with --accounts)")
        return
    if reader.fmt is None and not is_canonical(columns) and is_canonical(map(str.lower, columns)):
        # Warehouses shout. As some other format it would be read as nothing.
        reader.quarantine.add(name, 0, "has the canonical columns, but not in lower case: rename them")
        return
    if reader.fmt is None and is_canonical(columns):
        reader.fmt = formats()["canonical"]
        reader.settle(reader.fmt, True)
    elif reader.fmt is not None and reader.fmt.name == "canonical":
        missing = sorted({"exchange_id", "requested_at", "account_id", "model"} - set(columns))
        if missing:
            reader.quarantine.add(name, 0, f"is no canonical table: it lacks {', '.join(missing)}")
            return
        reader.settle(reader.fmt, False)
    if reader.fmt is not None and reader.fmt.name == "canonical" and "messages" not in columns:
        reader.say_unknown(columns)
        yield from _canonical_parts(batches([one for one in columns if one in schema.EXCHANGE.names]))
        return
    yield from _document_parts(reader, batches(None))


def _canonical_parts(batches: Batches) -> Iterator[Part]:
    for batch, rows, point in batches:
        adapted, faults = adapt(batch, schema.EXCHANGE)
        yield Part(adapted, rows, faults, partial(row_text, adapted), point)


def _document_parts(reader: Reader, batches: Batches) -> Iterator[Part]:
    """Rows of a table as documents, for formats that are made of them."""
    settled = False
    for batch, rows, _ in batches:
        for start in range(0, batch.num_rows, 4_096):
            piece = _decoded(batch.slice(start, 4_096))
            documents = _documents(reader, piece, rows[start : start + 4_096].tolist())
            if documents and not settled:
                if reader.settle_documents([document for _, document in documents[:DOCUMENTS]]) is None:
                    return
                settled = True
            yield from read_documents(reader, documents)


def _documents(reader: Reader, piece: pa.RecordBatch, rows: list[int]) -> list[tuple[int, dict[str, Any]]]:
    """Row numbers and rows as dicts; what Python cannot hold goes to quarantine."""
    try:
        return list(zip(rows, piece.to_pylist(), strict=True))
    except (ValueError, OverflowError):
        documents = []
        for i, row in enumerate(rows):
            try:
                documents.append((row, piece.slice(i, 1).to_pylist()[0]))
            except UnicodeDecodeError:
                reader.quarantine.add(reader.place.name, row, "is not UTF-8")
            except (ValueError, OverflowError):
                reader.quarantine.add(reader.place.name, row, "holds a time that is in no calendar")
        return documents


def _decoded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Bytes and extension types as text, where they are text; times in microseconds, since Python has no finer ones."""
    arrays: list[pa.Array] = []
    for array in batch.columns:
        array = without_extension(array)
        if pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type):
            try:
                array = array.cast(pa.string() if pa.types.is_binary(array.type) else pa.large_string())
            except pa.ArrowInvalid:
                texts = [None if one is None else one.decode("utf-8", "replace") for one in array.to_pylist()]
                array = pa.array(texts, pa.string())
        kind = _without_nanoseconds(array.type)
        arrays.append(array if kind == array.type else array.cast(kind, safe=False))
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _without_nanoseconds(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return pa.timestamp("us", kind.tz)
    if pa.types.is_list(kind):
        return pa.list_(_without_nanoseconds(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([one.with_type(_without_nanoseconds(one.type)) for one in kind])
    return kind


def row_text(batch: pa.RecordBatch, row: int) -> bytes:
    """What a row of a table looks like, for the quarantine: its short columns as JSON, times in microseconds."""
    values: dict[str, Any] = {}
    for one in batch.schema:
        if one.name in TEXTS:
            continue
        scalar = batch.column(one.name)[row]
        # A time beyond the year 9999 is none that Python could show.
        value = scalar.value if pa.types.is_timestamp(one.type) else scalar.as_py()
        if value is not None:
            values[one.name] = value[:100] if isinstance(value, str) else value
    return json.dumps(values, default=str).encode()


def _rows_at_once(metadata: Any, most: int) -> int:
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    n_bytes: int = max((group.total_byte_size for group in groups), default=1)
    n_rows: int = max((group.num_rows for group in groups), default=1)
    # In a damaged file these may be anything.
    return max(16, min(most, BATCH_BYTES * n_rows // max(1, n_bytes)))


def _unwanted(metadata: Any, time: str, times: TimeRange) -> frozenset[int]:
    """Row groups that hold no wanted exchange, as far as the file says; rows without a time are wanted, to be told."""
    out = set()
    for group in range(metadata.num_row_groups if times and time else 0):
        columns = [metadata.row_group(group).column(at) for at in range(metadata.num_columns)]
        told = next((one.statistics for one in columns if one.path_in_schema == time and one.is_stats_set), None)
        if told is None or not told.has_min_max or not told.has_null_count or told.null_count:
            continue
        try:
            first, last = told.min, told.max
        except (ValueError, OverflowError, pa.ArrowException):
            # Times that Python does not have.
            continue
        if times.misses(first, last):
            out.add(group)
    return frozenset(out)


def _stretches(
    metadata: Any, n_rows: int, begin: int, last: int | None, unwanted: frozenset[int]
) -> Iterator[tuple[list[int], int]]:
    """Row groups to read together, with their first row: one that is large, or as many small ones as make `n_rows`.

    Many writers make small groups, and a batch for each of them costs more than reading it.
    begin: a row of the first group that is wanted.  last: the row behind which none begins; all where None.
    unwanted: groups that are passed over.
    """
    groups: list[int] = []
    first = row = 1
    for group in range(metadata.num_row_groups):
        end = row + metadata.row_group(group).num_rows
        if last is not None and row > last:
            break
        if groups and (group in unwanted or end - first > n_rows):
            yield groups, first
            groups = []
        if end > begin and group not in unwanted:
            if not groups:
                first = row
            groups.append(group)
        row = end
    if groups:
        yield groups, first


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
