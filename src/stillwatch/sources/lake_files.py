"""What a table of a lake says of one of its files, and a file's batches as the table has them.

A file of a Delta or Iceberg table is Parquet, but not all that it holds is the table's, nor does it hold all: columns
were renamed since, values of partitions stand in the table alone, rows were deleted without writing the file again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.errors import InputError

NONE_DELETED: npt.NDArray[np.int64] = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class LakeColumn:
    """A column of a table.

    name: in the table today.  field_id: the number by which its files bear it; None where they go by names.
    stored: the names by which files bear it that have no numbers.
    parts: the fields of a struct; the element of a list; the key and the value of a map.
    """

    name: str
    field_id: int | None
    stored: tuple[str, ...]
    parts: tuple[LakeColumn, ...] = ()


@dataclass(frozen=True, slots=True)
class LakeFile:
    """What a table says of one of its files.

    table: as the user named it.  columns: the table's today.  filled: values of columns that a file lacks.
    deleted: rows of the file that are none of the table, from 1, ascending.
    """

    table: str
    columns: tuple[LakeColumn, ...]
    filled: dict[str, pa.Scalar] = field(default_factory=dict)
    deleted: npt.NDArray[np.int64] = field(default_factory=lambda: NONE_DELETED)

    def digest(self) -> str:
        """What changes when the table says something else of the file."""
        filled = sorted((name, str(one.type), str(one)) for name, one in self.filled.items())
        told = blake2b(repr((self.columns, filled)).encode(), digest_size=8)
        told.update(self.deleted.tobytes())
        return told.hexdigest()


class Projection:
    """A file's columns as a table has them; those of a file that is in no table are as they are.

    columns: the names of what it gives.
    Raises: InputError where a file does not say which of its columns are which of the table.
    """

    def __init__(self, lake: LakeFile | None, stored: pa.Schema, source: str) -> None:
        self._lake, self._fields, self._source = lake, list(stored), source
        self._at: dict[str, int] = {}
        self.columns: list[str] = list(stored.names)
        if lake is None:
            return
        numbered = any(_field_id(one) is not None for one in self._fields)
        if not numbered and not any(column.stored for column in lake.columns):
            raise InputError(
                "a file of this table has no field ids, and the table has no name mapping for it",
                source=f"{lake.table}: {source}",
                hint="set schema.name-mapping.default on the table, as it is done for files that were added to it",
            )
        for column in lake.columns:
            at = _find(column, self._fields)
            if at is not None:
                self._at[column.name] = at
        self.columns = [one.name for one in lake.columns if one.name in self._at or one.name in lake.filled]

    def stored(self, wanted: list[str] | None) -> list[str] | None:
        """The names in the file of these columns, all where None."""
        if self._lake is None:
            return wanted
        return [self._fields[at].name for name, at in self._at.items() if wanted is None or name in wanted]

    def project(
        self, batch: pa.RecordBatch, rows: npt.NDArray[np.int64], wanted: list[str] | None
    ) -> tuple[pa.RecordBatch, npt.NDArray[np.int64]]:
        """What the table has of a batch, and of the rows that it stands in.

        Assumes: the batch has the columns of `stored`; rows grow by one.
        """
        if self._lake is None:
            return batch, rows
        arrays: dict[str, pa.Array] = {}
        for column in self._lake.columns:
            if wanted is not None and column.name not in wanted:
                continue
            at = self._at.get(column.name)
            if at is not None:
                stored = self._fields[at]
                arrays[column.name] = self._as_today(batch.column(stored.name), stored, column)
            elif column.name in self._lake.filled:
                arrays[column.name] = pa.repeat(self._lake.filled[column.name], batch.num_rows)
        batch = pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))
        begin, end = np.searchsorted(self._lake.deleted, [rows[0], rows[-1] + 1]) if len(rows) else (0, 0)
        if end > begin:
            keep = np.ones(len(rows), bool)
            keep[self._lake.deleted[begin:end] - rows[0]] = False
            batch, rows = batch.filter(pa.array(keep)), rows[keep]
        return batch, rows

    def is_deleted(self, row: int) -> bool:
        """Whether a row of the file is none of the table."""
        if self._lake is None:
            return False
        at = int(np.searchsorted(self._lake.deleted, row))
        return at < len(self._lake.deleted) and int(self._lake.deleted[at]) == row

    def _as_today(self, array: pa.Array, stored: pa.Field, column: LakeColumn) -> pa.Array:
        """A column with the names that its fields have today, without those that were dropped."""
        if _alike(stored.type, column):
            return array
        if pa.types.is_list(stored.type) or pa.types.is_large_list(stored.type):
            values = self._as_today(array.flatten(), stored.type.value_field, column.parts[0])
            return _listed(array, values)
        if not pa.types.is_struct(stored.type):
            table = "" if self._lake is None else self._lake.table
            raise InputError(
                f"fields within column {column.name} were renamed or dropped in a map after a file was written",
                source=f"{table}: {self._source}",
                hint="write its files again (Iceberg: rewrite_data_files; Delta: REORG TABLE ... APPLY (PURGE))",
            )
        fields = list(stored.type)
        arrays: list[pa.Array] = []
        names: list[str] = []
        for part in column.parts:
            at = _find(part, fields)
            if at is not None:
                arrays.append(self._as_today(array.field(at), fields[at], part))
                names.append(part.name)
        if not names:
            return pa.nulls(len(array))
        return pa.StructArray.from_arrays(arrays, names=names, mask=array.is_null())


def _listed(array: pa.Array, values: pa.Array) -> pa.Array:
    """Other values in the lists that an array has, nulls where it has nulls."""
    ends = np.cumsum(pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False), dtype=np.int64)
    missing = np.append(array.is_null().to_numpy(zero_copy_only=False), False)
    if pa.types.is_large_list(array.type):
        return pa.LargeListArray.from_arrays(pa.array(np.append(0, ends), pa.int64(), mask=missing), values)
    return pa.ListArray.from_arrays(pa.array(np.append(0, ends), pa.int32(), mask=missing), values)


def _alike(kind: pa.DataType, column: LakeColumn) -> bool:
    """Whether a file has a column as the table does. What it lacks of a struct is absent, and no difference."""
    if not column.parts:
        return True
    if pa.types.is_struct(kind):
        found = {}
        for part in column.parts:
            at = _find(part, list(kind))
            if at is not None:
                found[at] = part
        return len(found) == kind.num_fields and all(
            kind.field(at).name == part.name and _alike(kind.field(at).type, part) for at, part in found.items()
        )
    if pa.types.is_map(kind):
        return _alike(kind.key_type, column.parts[0]) and _alike(kind.item_type, column.parts[-1])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _alike(kind.value_type, column.parts[0])
    return True


def _find(column: LakeColumn, fields: Sequence[pa.Field]) -> int | None:
    ids = [_field_id(one) for one in fields]
    if column.field_id is not None and any(one is not None for one in ids):
        return ids.index(column.field_id) if column.field_id in ids else None
    return next((at for at, one in enumerate(fields) if one.name in column.stored), None)


def _field_id(stored: pa.Field) -> int | None:
    told = (stored.metadata or {}).get(b"PARQUET:field_id")
    # Arrow counts fields that have none from -1 down in some versions.
    return int(told) if told is not None and int(told) >= 0 else None
