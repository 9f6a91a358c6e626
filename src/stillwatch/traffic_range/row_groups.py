"""One Parquet file of row groups that several threads encode: Arrow's own writer takes one row group at a time.

Each table is encoded as a Parquet file of its own, in memory. Its column chunks are put behind those of the file
before, as they are, and the places in its footer are moved; at the end one footer tells of all of them. A footer is a
struct of Thrift's compact protocol (parquet.thrift of the Parquet format names the fields); what is not understood
stays as it is.
"""

from __future__ import annotations

from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

MAGIC = b"PAR1"

WRITTEN = 131_072
"""Bytes that are written at once: far larger writes cost Linux more than they save."""

# Types of the compact protocol.
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)

# Fields of FileMetaData, RowGroup, ColumnChunk and ColumnMetaData.
_ROWS, _GROUPS = 3, 4
_COLUMNS, _GROUP_OFFSET, _ORDINAL = 1, 5, 7
_CHUNK_OFFSET, _META = 2, 3
_PAGES = (9, 10, 11)


def write_all(file: FileIO, data: bytes | memoryview) -> None:
    """Write bytes to an unbuffered file, which may take fewer of them than it is given."""
    left = memoryview(data)
    while left:
        left = left[file.write(left[:WRITTEN]) :]


class Encoded(NamedTuple):
    """A table as Parquet: its column chunks, and the footer that tells of them."""

    chunks: memoryview
    footer: bytes


def encoded(table: pa.Table, **options: Any) -> Encoded:
    """A table as row groups. options: as of `pyarrow.parquet.ParquetWriter`. May be called by several threads."""
    out = pa.BufferOutputStream()
    pq.write_table(table, out, row_group_size=max(len(table), 1), **options)
    content = memoryview(out.getvalue())
    length = int.from_bytes(content[-8:-4], "little")
    return Encoded(content[len(MAGIC) : -8 - length], bytes(content[-8 - length : -8]))


class RowGroups:
    """A Parquet file to which encoded tables are added, all of one schema and with the same options."""

    def __init__(self, path: Path, schema: pa.Schema, **options: Any):
        self._file = path.open("wb", buffering=0)
        write_all(self._file, MAGIC)
        self._at = len(MAGIC)
        self._footer = _Reader(encoded(schema.empty_table(), **options).footer).struct()
        self._groups: list[bytes] = []
        self._rows = 0

    def add(self, table: Encoded) -> None:
        """Put a table behind the others."""
        footer = dict(_Reader(table.footer).struct())
        moved = self._at - len(MAGIC)
        for group in footer[_GROUPS][1][1]:
            if dict(group)[_ROWS][1]:
                self._groups.append(_moved(group, moved, len(self._groups)))
        self._rows += footer[_ROWS][1]
        write_all(self._file, table.chunks)
        self._at += len(table.chunks)

    def close(self) -> None:
        """Write the footer."""
        out = bytearray()
        replaced = {_ROWS: (_I64, self._rows), _GROUPS: (_LIST, (_STRUCT, self._groups))}
        _write_struct(out, [(number, replaced.get(number, value)) for number, value in self._footer])
        write_all(self._file, bytes(out) + len(out).to_bytes(4, "little") + MAGIC)
        self._file.close()


def _moved(group: _Struct, by: int, ordinal: int) -> bytes:
    """A row group, as written, with all places in the file moved."""
    columns = []
    for chunk in dict(group)[_COLUMNS][1][1]:
        fields = []
        for number, (kind, value) in chunk:
            if number == _META:
                value = [(n, (t, v + by if n in _PAGES else v)) for n, (t, v) in value]
            elif number == _CHUNK_OFFSET and value:
                value += by
            fields.append((number, (kind, value)))
        columns.append(fields)
    out = bytearray()
    fields = []
    for number, (kind, value) in group:
        if number == _COLUMNS:
            value = (_STRUCT, columns)
        elif number == _GROUP_OFFSET:
            value += by
        elif number == _ORDINAL:
            # A short, which very many row groups don't fit in: readers do without.
            if ordinal > 0x7FFF:
                continue
            value = ordinal
        fields.append((number, (kind, value)))
    _write_struct(out, fields)
    return bytes(out)


_Value = tuple[int, Any]
"""A type of the protocol, and a value: a number, bytes, a list's (type, values), or a struct."""

_Struct = list[tuple[int, _Value]]
"""Numbers of fields, and what is in them."""


class _Reader:
    """Reads what the compact protocol wrote."""

    def __init__(self, data: bytes):
        self._data = data
        self._at = 0

    def struct(self) -> _Struct:
        """The fields of a struct, in order."""
        out: _Struct = []
        number = 0
        while head := self._byte():
            kind = head & 0x0F
            number = number + (head >> 4) if head >> 4 else _unzigzag(self._varint())
            out.append((number, (kind, kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind))))
        return out

    def _value(self, kind: int) -> Any:
        if kind in (_I16, _I32, _I64):
            return _unzigzag(self._varint())
        if kind == _BINARY:
            return self._take(self._varint())
        if kind == _STRUCT:
            return self.struct()
        if kind in (_LIST, _SET):
            head = self._byte()
            size, of = head >> 4, head & 0x0F
            size = self._varint() if size == 15 else size
            return of, [self._value(of) for _ in range(size)]
        if kind in (_BYTE, _TRUE, _FALSE):
            return self._byte()
        if kind == _DOUBLE:
            return self._take(8)
        raise ValueError(f"a footer with a field of type {kind}")

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _take(self, n: int) -> bytes:
        self._at += n
        return self._data[self._at - n : self._at]

    def _varint(self) -> int:
        out = shift = 0
        while True:
            byte = self._byte()
            out |= (byte & 0x7F) << shift
            if byte < 0x80:
                return out
            shift += 7


def _write_struct(out: bytearray, struct: _Struct) -> None:
    before = 0
    for number, (kind, value) in struct:
        if kind in (_TRUE, _FALSE):
            kind = _TRUE if value else _FALSE
        if 0 < number - before <= 15:
            out.append((number - before) << 4 | kind)
        else:
            out.append(kind)
            _write_varint(out, _zigzag(number))
        if kind not in (_TRUE, _FALSE):
            _write_value(out, kind, value)
        before = number
    out.append(0)


def _write_value(out: bytearray, kind: int, value: Any) -> None:
    if isinstance(value, bytes) and kind == _STRUCT:
        out += value
    elif kind in (_I16, _I32, _I64):
        _write_varint(out, _zigzag(value))
    elif kind == _BINARY:
        _write_varint(out, len(value))
        out += value
    elif kind == _STRUCT:
        _write_struct(out, value)
    elif kind in (_LIST, _SET):
        of, values = value
        if len(values) < 15:
            out.append(len(values) << 4 | of)
        else:
            out.append(0xF0 | of)
            _write_varint(out, len(values))
        for one in values:
            _write_value(out, of, one)
    elif kind in (_BYTE, _TRUE, _FALSE):
        out.append(value)
    else:
        out += value


def _write_varint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _unzigzag(value: int) -> int:
    return value >> 1 ^ -(value & 1)
