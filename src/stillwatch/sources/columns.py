"""Columns of any table as columns of ours: casts of whole arrays, and single values only where an array is odd.

A column that is not there, or holds nothing but nulls, is absent: typed nulls. What cannot be converted is a fault of
its row: (row, reason), and null in the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.sources.values import convert_value

Faults = dict[int, str]
"""Row of a batch -> why it cannot be read; the first reason found."""


def adapt(batch: pa.RecordBatch, target: pa.Schema) -> tuple[pa.RecordBatch, Faults]:
    """The batch with exactly the target's columns, and the rows that could not be converted."""
    faults: Faults = {}
    arrays = []
    for field in target:
        index = batch.schema.get_field_index(field.name)
        if index < 0:
            arrays.append(pa.nulls(batch.num_rows, field.type))
            continue
        array, bad = _convert(batch.column(index), field)
        for row, reason in bad.items():
            faults.setdefault(row, reason)
        arrays.append(array)
    return _batch(arrays, target), faults


def from_rows(rows: Sequence[Mapping[str, Any]], target: pa.Schema) -> tuple[pa.RecordBatch, Faults]:
    """Rows as dicts to a batch, and the rows that could not be converted."""
    faults: Faults = {}
    arrays = []
    for field in target:
        name = field.name
        values = [row.get(name) for row in rows]
        array, bad = _from_values(values, field)
        for row, reason in bad.items():
            faults.setdefault(row, reason)
        arrays.append(array)
    return _batch(arrays, target), faults


def _batch(arrays: list[pa.Array], target: pa.Schema) -> pa.RecordBatch:
    # Required columns may hold nulls until validation has put those rows aside.
    return pa.RecordBatch.from_arrays(arrays, schema=target)


def _from_values(values: list[Any], field: pa.Field) -> tuple[pa.Array, Faults]:
    kind = field.type
    if pa.types.is_string(kind) or pa.types.is_list(kind):
        try:
            return pa.array(values, kind), {}
        except (pa.ArrowException, TypeError, UnicodeError):
            return _one_by_one(values, field)
    if not any(value is not None for value in values):
        return pa.nulls(len(values), kind), {}
    if pa.types.is_integer(kind) and all(type(value) is int or value is None for value in values):
        try:
            return pa.array(values, kind), {}
        except (pa.ArrowException, OverflowError):
            return _one_by_one(values, field)
    return _one_by_one(values, field)


def _one_by_one(values: list[Any], field: pa.Field) -> tuple[pa.Array, Faults]:
    faults: Faults = {}
    out: list[Any] = []
    for row, value in enumerate(values):
        try:
            out.append(convert_value(value, field))
        except ValueError as error:
            out.append(None)
            faults[row] = str(error)
    if pa.types.is_timestamp(field.type):
        return pa.array(out, pa.int64()).cast(field.type), faults
    return pa.array(out, field.type), faults


def without_extension(array: pa.Array) -> pa.Array:
    """The array as what it is stored as; UUIDs, which databases keep as 16 bytes, as text."""
    if not isinstance(array, pa.ExtensionArray):
        return array
    if array.type.extension_name == "arrow.uuid":
        texts = [None if one is None else str(UUID(bytes=one)) for one in array.storage.to_pylist()]
        return pa.array(texts, pa.string())
    return array.storage


def _convert(array: pa.Array, field: pa.Field) -> tuple[pa.Array, Faults]:
    array = without_extension(array)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_null(array.type) or array.null_count == len(array):
        return pa.nulls(len(array), field.type), {}
    converted = _cast(array, field.type)
    if converted is not None:
        return converted, {}
    return _one_by_one(_values(array), field)


def _values(array: pa.Array) -> list[Any]:
    if pa.types.is_string(array.type):
        return list(array.cast(pa.binary()).to_pylist())
    if pa.types.is_large_string(array.type) or pa.types.is_string_view(array.type):
        return list(array.cast(pa.large_binary()).to_pylist())
    return list(array.to_pylist())


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """The array as the type; None where a value needs a look of its own."""
    source = array.type
    try:
        if pa.types.is_timestamp(kind):
            return _times(array, kind)
        if pa.types.is_string(kind):
            if pa.types.is_nested(source) or pa.types.is_floating(source) or pa.types.is_boolean(source):
                return None
            result = array if source == kind else array.cast(kind)
            result.validate(full=True)
            return result
        if pa.types.is_floating(source):
            array = pc.if_else(pc.is_finite(array), array, pa.scalar(None, source))
        if _is_text(source) and not pa.types.is_list(kind):
            if pa.types.is_boolean(kind):
                return None
            trimmed = pc.utf8_trim_whitespace(array.cast(pa.string()))
            array = pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)
        if pa.types.is_boolean(source) != pa.types.is_boolean(kind):
            return None
        if pa.types.is_list(kind) and not (pa.types.is_list(source) or pa.types.is_large_list(source)):
            return None
        result = array.cast(kind)
        if pa.types.is_list(kind):
            result.validate(full=True)
            if result.values.null_count:
                return None
        return result
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeError):
        return None


def _times(array: pa.Array, kind: pa.TimestampType) -> pa.Array | None:
    source = array.type
    naive = pa.timestamp("us")
    if pa.types.is_timestamp(source):
        # Nanoseconds are cut; a second that overflows microseconds raises, and is looked at by itself.
        return array.cast(kind, safe=source.unit != "ns")
    if pa.types.is_date(source):
        return array.cast(naive).cast(kind)
    if _is_text(source):
        text = array.cast(pa.string())
        try:
            return text.cast(kind)
        except pa.ArrowInvalid:
            return text.cast(naive).cast(kind)
    if pa.types.is_integer(source):
        size = pc.max(pc.abs(array.cast(pa.int64()))).as_py()
        smallest = pc.min(pc.abs(array.cast(pa.int64()))).as_py()
        for low, high, unit in ((0, 10**11, "s"), (10**11, 10**14, "ms"), (10**14, 10**17, "us")):
            if low <= smallest and size < high:
                return array.cast(pa.int64()).cast(pa.timestamp(unit)).cast(kind)
        return None
    return None


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )
