"""Tables of one place to parts: Parquet, CSV and PostgreSQL, batch by batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from stillwatch import schema
from stillwatch.errors import InputError, MissingSource
from stillwatch.sources.columns import adapt
from stillwatch.sources.guess import DOCUMENTS, is_canonical, is_registry
from stillwatch.sources.records import Part, Reader, read_documents
from stillwatch.sources.registry import formats
from stillwatch.sources.streams import Stream
from stillwatch.sources.validation import TEXTS

BATCH_ROWS = 65_536
BATCH_BYTES = 64 << 20
CSV_BLOCK_BYTES = 64 << 20
"""The longest row that CSV may have."""

SPEND_TABLE = "LiteLLM_SpendLogs"

Batches = Iterable[tuple[pa.RecordBatch, np.ndarray[Any, np.dtype[np.int64]]]]


def read_parquet(reader: Reader, file: pa.NativeFile) -> Iterator[Part]:
    """The parts of a Parquet file; of the canonical one only our columns are read."""
    name = reader.place.name
    try:
        parquet = pq.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20)
        columns = parquet.schema_arrow.names
    except (pa.ArrowException, OSError) as error:
        reader.quarantine.add(name, 0, f"is cut off or damaged Parquet: {_first_line(error)}")
        return
    if parquet.metadata.num_rows == 0:
        reader.quarantine.add(name, 0, "is empty: a table without rows")
        return

    def batches(wanted: list[str] | None) -> Iterator[tuple[pa.RecordBatch, Any]]:
        row = 1
        stream = parquet.iter_batches(batch_size=_rows_at_once(parquet.metadata), columns=wanted, use_threads=True)
        while True:
            try:
                batch = next(stream, None)
            except (pa.ArrowException, OSError) as error:
                reader.quarantine.add(name, row, f"is damaged from this row on: {_first_line(error)}")
                return
            if batch is None:
                return
            yield batch, np.arange(row, row + batch.num_rows, dtype=np.int64)
            row += batch.num_rows

    yield from _read_table(reader, columns, batches)


def read_csv(reader: Reader, stream: Stream) -> Iterator[Part]:
    """The parts of a CSV file: quotes and line ends in quotes as RFC 4180 has them, empty cells absent.

    Lines are rows here, the header being row 1.
    """
    name = reader.place.name
    header = stream.head.split(b"\n", 1)[0].decode("utf-8", "replace").strip()
    columns = [cell.strip().strip('"') for cell in header.split(",")]
    bad: list[int] = []

    def skip(row: Any) -> str:
        bad.append(row.number)
        reason = f"has {row.actual_columns} cells, not {row.expected_columns}: a comma or a quote is wrong"
        reader.quarantine.add(name, row.number, reason, row.text)
        return "skip"

    def batches(wanted: list[str] | None) -> Iterator[tuple[pa.RecordBatch, Any]]:
        row = 2
        rows = None
        while True:
            try:
                if rows is None:
                    rows = pyarrow.csv.open_csv(
                        pa.PythonFile(stream, mode="r"),
                        read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=CSV_BLOCK_BYTES),
                        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
                        convert_options=pyarrow.csv.ConvertOptions(
                            column_types={column: pa.binary() for column in columns},
                            strings_can_be_null=True,
                            quoted_strings_can_be_null=False,
                            null_values=[""],
                        ),
                    )
                batch = next(rows, None)
            except (pa.ArrowException, OSError) as error:
                reader.quarantine.add(name, row, f"cannot be read from this row on: {_first_line(error)}")
                return
            if batch is None:
                return
            # Rows that were skipped have numbers too.
            numbers = np.arange(row, row + batch.num_rows + len(bad), dtype=np.int64)
            numbers = numbers[~np.isin(numbers, np.array(bad, np.int64))][: batch.num_rows]
            row = int(numbers[-1]) + 1 if len(numbers) else row
            yield batch, numbers

    yield from _read_table(reader, columns, batches)


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

        def batches(wanted: list[str] | None) -> Iterator[tuple[pa.RecordBatch, Any]]:
            row = 1
            for batch in stream:
                yield batch, np.arange(row, row + batch.num_rows, dtype=np.int64)
                row += batch.num_rows

        yield from _read_table(reader, stream.schema.names, batches)


def _read_table(reader: Reader, columns: list[str], batches: Callable[[list[str] | None], Batches]) -> Iterator[Part]:
    name = reader.place.name
    if reader.place.from_folder and is_registry(columns):
        reader.say(f"{name}: an account registry, left aside (name it with --accounts)")
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
    for batch, rows in batches:
        adapted, faults = adapt(batch, schema.EXCHANGE)
        yield Part(adapted, rows, faults, lambda row, batch=adapted: _row_text(batch, row))  # type: ignore[misc]


def _document_parts(reader: Reader, batches: Batches) -> Iterator[Part]:
    """Rows of a table as documents, for formats that are made of them."""
    settled = False
    for batch, rows in batches:
        for start in range(0, batch.num_rows, 4_096):
            piece = _decoded(batch.slice(start, 4_096))
            documents = piece.to_pylist()
            if not settled:
                if reader.settle_documents(documents[:DOCUMENTS]) is None:
                    return
                settled = True
            yield from read_documents(reader, zip(rows[start : start + 4_096].tolist(), documents, strict=True))


def _decoded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Bytes and extension types as text, where they are text."""
    arrays: list[pa.Array] = []
    for array in batch.columns:
        if isinstance(array, pa.ExtensionArray):
            array = array.storage
        if pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type):
            try:
                array = array.cast(pa.string() if pa.types.is_binary(array.type) else pa.large_string())
            except pa.ArrowInvalid:
                texts = [None if one is None else one.decode("utf-8", "replace") for one in array.to_pylist()]
                array = pa.array(texts, pa.string())
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _row_text(batch: pa.RecordBatch, row: int) -> bytes:
    values: dict[str, Any] = {}
    for one in batch.schema:
        value = None if one.name in TEXTS else batch.column(one.name)[row].as_py()
        if value is not None:
            values[one.name] = value[:100] if isinstance(value, str) else value
    return json.dumps(values, default=str).encode()


def _rows_at_once(metadata: Any) -> int:
    n_bytes: int = max(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    n_rows: int = max(metadata.row_group(i).num_rows for i in range(metadata.num_row_groups))
    return max(256, min(BATCH_ROWS, BATCH_BYTES * n_rows // max(1, n_bytes)))


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
