"""Blocks of canonical NDJSON as our columns by compiled code, where every line of a block is plain."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch import schema
from stillwatch.sources import line_kernels
from stillwatch.sources.validation import REQUIRED

_KINDS = {
    pa.string(): line_kernels.TEXT,
    pa.int64(): line_kernels.WHOLE,
    pa.float64(): line_kernels.DECIMAL,
    schema.TIME: line_kernels.MOMENT,
    pa.list_(pa.string()): line_kernels.TEXTS,
}

_HELD = threading.local()

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int32]


def read_plain(block: bytes) -> pa.RecordBatch | None:
    """The rows of a block as `schema.EXCHANGE`, a line each; None where a line is not plain, as `line_kernels` has it.

    Cost: two passes over the bytes.
    """
    fields = list(schema.EXCHANGE)
    n_rows, n = block.count(b"\n") + (not block.endswith(b"\n")), len(block)
    if n >= line_kernels.ESCAPED:
        return None
    data = _padded(block)
    names, lengths = _names()
    kinds = np.array([*(_KINDS[field.type] for field in fields), line_kernels.UNKNOWN], np.int8)
    shape = (len(kinds), n_rows)
    begins, sizes = np.empty(shape, np.int32), np.full(shape, -1, np.int32)
    numbers = np.empty(shape, np.int64)
    first, count = np.empty(shape, np.int32), np.full(shape, -1, np.int32)
    items = np.empty((2, n // 3 + 1), np.int32)
    found, n_unknown = line_kernels.find_values(
        data, n, names, lengths, kinds, begins, sizes, numbers, first, count, items[0], items[1]
    )
    if found != n_rows or (n_unknown and not _is_utf8(block)):
        return None
    arrays: list[pa.Array] = []
    for column, field in enumerate(fields):
        if kinds[column] == line_kernels.TEXT:
            array = _texts(data, begins[column], sizes[column])
        elif kinds[column] == line_kernels.TEXTS:
            array = _lists(data, first[column], count[column], items)
        else:
            array = _numbers(numbers[column], sizes[column] >= 0, field.type)
        if array is None or (field.name in REQUIRED and array.null_count):
            return None
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, schema=schema.EXCHANGE)


def _padded(block: bytes) -> Bytes:
    """The block with room behind it, in memory that the next block of this thread gets again: new memory is dear."""
    room = len(block) + line_kernels.PADDING
    held: Bytes | None = getattr(_HELD, "data", None)
    if held is None or len(held) < room:
        held = _HELD.data = np.empty(room + room // 4, np.uint8)
    held[: len(block)] = np.frombuffer(block, np.uint8)
    held[len(block) : room] = 0
    return held[:room]


def _names() -> tuple[Bytes, npt.NDArray[np.int64]]:
    names = np.zeros((len(schema.EXCHANGE) + 1, line_kernels.NAME_BYTES), np.uint8)
    lengths = np.full(len(schema.EXCHANGE) + 1, -1, np.int64)
    for column, name in enumerate(schema.EXCHANGE.names):
        names[column, : len(name)] = np.frombuffer(name.encode(), np.uint8)
        lengths[column] = len(name)
    return names, lengths


def _is_utf8(block: bytes) -> bool:
    """Of what is nobody's column too: a line that is not UTF-8 is no document."""
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def _present(valid: npt.NDArray[np.bool_]) -> pa.Buffer | None:
    return None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))


def _texts(data: Bytes, begins: Places, sizes: Places) -> pa.StringArray | None:
    """The strings; None where they are no UTF-8, or a backslash means nothing."""
    valid = sizes >= 0
    if not valid.any():
        return pa.nulls(len(sizes), pa.string())
    room = int((sizes[valid] & ~line_kernels.ESCAPED).sum())
    out, offsets = np.empty(max(room, 1), np.uint8), np.empty(len(sizes) + 1, np.int32)
    if not line_kernels.put_together(data, begins, sizes, offsets, out):
        return None
    array = pa.StringArray.from_buffers(len(sizes), pa.py_buffer(offsets), pa.py_buffer(out), _present(valid))
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return None
    return array


def _lists(data: Bytes, first: Places, count: Places, items: Places) -> pa.ListArray | None:
    valid = count >= 0
    if not valid.any():
        return pa.nulls(len(count), pa.list_(pa.string()))
    n = int(count[valid].sum())
    begins, sizes, offsets = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(len(count) + 1, np.int32)
    line_kernels.list_items(first, count, items[0], items[1], offsets, begins, sizes)
    values = _texts(data, begins, sizes)
    if values is None:
        return None
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=None if valid.all() else pa.array(~valid))


def _numbers(values: npt.NDArray[np.int64], valid: npt.NDArray[np.bool_], kind: pa.DataType) -> pa.Array:
    buffers = [_present(valid), pa.py_buffer(values)]
    return pa.Array.from_buffers(kind, len(values), buffers)
