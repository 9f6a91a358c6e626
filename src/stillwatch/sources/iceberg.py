"""The files that are in an Iceberg table: those of its current snapshot, by PyIceberg, with the rows deleted since."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch.errors import InputError
from stillwatch.sources.lake_files import NONE_DELETED, LakeColumn, LakeFile
from stillwatch.sources.lakes import LakeTable, Listed, address, cannot_be_read, not_installed, place_of

_REWRITE = (
    "write its files again: CALL system.rewrite_data_files(table => ..., options => map('delete-file-threshold', '1'))"
)


def iceberg_files(table: LakeTable) -> tuple[list[Listed], str]:
    """The files of an Iceberg table as of its current snapshot, and when that was made."""
    try:
        from pyiceberg.exceptions import ValidationError
        from pyiceberg.table import StaticTable
    except ImportError:
        not_installed(table)
    try:
        iceberg = StaticTable.from_metadata(address(table.kind, table.metadata), _storage())
    except (ValidationError, OSError, ValueError, KeyError) as error:
        cannot_be_read(table, error, "check that the file is whole, and who may read it")
    snapshot = iceberg.current_snapshot()
    if snapshot is None:
        return [], "no snapshot yet"
    try:
        tasks = list(iceberg.scan().plan_files())
        deleted = _Deleted(iceberg.io, table)
        columns = _columns(iceberg)
        listed = [_listed(one, iceberg, columns, deleted, table) for one in tasks]
    except FileNotFoundError as error:
        cannot_be_read(
            table,
            error,
            f"its files are named in full, as they were where it was written: {iceberg.location()}",
        )
    except (ValidationError, NotImplementedError, OSError, ValueError) as error:
        cannot_be_read(
            table, error, _REWRITE if "equality" in str(error) else "check its metadata, and who may read it"
        )
    at = datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC)
    return sorted(listed, key=lambda one: one.path), f"snapshot of {at:%Y-%m-%d %H:%M:%S} UTC"


def _storage() -> dict[str, str]:
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    options = {} if region is None else {"s3.region": region}
    return options | {"s3.endpoint": endpoint, "s3.region": region or "us-east-1"} if endpoint else options


def _listed(task: Any, iceberg: Any, columns: tuple[LakeColumn, ...], deleted: _Deleted, table: LakeTable) -> Listed:
    file = task.file
    if file.file_format.value != "PARQUET":
        raise InputError(
            f"is an Iceberg table with files in {file.file_format.value}, of which only Parquet is read",
            source=table.shown,
            hint="set write.format.default to parquet, and write its files again with rewrite_data_files",
        )
    kind, path = place_of(file.file_path, table)
    gone = [deleted.of(one, file.file_path) for one in sorted(task.delete_files, key=lambda one: one.file_path)]
    rows = np.unique(np.concatenate(gone)) if gone else NONE_DELETED
    return Listed(kind, path, file.file_size_in_bytes, LakeFile(table.shown, columns, _filled(file, iceberg), rows))


def _columns(iceberg: Any) -> tuple[LakeColumn, ...]:
    mapping = iceberg.name_mapping()
    return tuple(_column(one, mapping.root if mapping is not None else ()) for one in iceberg.schema().fields)


def _column(field: Any, mapped: Any) -> LakeColumn:
    mine = next((one for one in mapped if one.field_id == field.field_id), None)
    names, below = ((), ()) if mine is None else (tuple(mine.names), mine.fields)
    kind = field.field_type
    if kind.is_struct:
        inner = kind.fields
    elif hasattr(kind, "element_field"):
        inner = (kind.element_field,)
    elif hasattr(kind, "key_field"):
        inner = (kind.key_field, kind.value_field)
    else:
        inner = ()
    return LakeColumn(field.name, field.field_id, names, tuple(_column(one, below) for one in inner))


def _filled(file: Any, iceberg: Any) -> dict[str, pa.Scalar]:
    """Values of columns for a file that lacks them: of its partition, else what the column began with."""
    from pyiceberg.io.pyarrow import schema_to_pyarrow
    from pyiceberg.transforms import IdentityTransform

    values: dict[int, Any] = {}
    for at, part in enumerate(iceberg.specs()[file.spec_id].fields):
        if isinstance(part.transform, IdentityTransform):
            values[part.source_id] = file.partition[at]
    out: dict[str, pa.Scalar] = {}
    for field in iceberg.schema().fields:
        value = values.get(field.field_id, getattr(field, "initial_default", None))
        if value is not None:
            out[field.name] = _scalar(value, schema_to_pyarrow(field.field_type))
    return out


def _scalar(value: Any, kind: pa.DataType) -> pa.Scalar:
    if isinstance(value, int) and pa.types.is_temporal(kind):
        # Days or microseconds since 1970, as the table keeps them.
        return pa.scalar(value, pa.int32() if pa.types.is_date32(kind) else pa.int64()).cast(kind)
    return pa.scalar(value, kind)


class _Deleted:
    """Rows that delete files name, each file read once."""

    def __init__(self, io: Any, table: LakeTable) -> None:
        self._io, self._table = io, table
        self._read: dict[str, dict[str, npt.NDArray[np.int64]]] = {}

    def of(self, deletes: Any, path: str) -> npt.NDArray[np.int64]:
        """The rows of a data file that a delete file names, from 1."""
        if deletes.file_path not in self._read:
            self._read[deletes.file_path] = self._rows(deletes)
        return self._read[deletes.file_path].get(path, NONE_DELETED)

    def _rows(self, deletes: Any) -> dict[str, npt.NDArray[np.int64]]:
        kind = deletes.file_format.value
        with self._io.new_input(deletes.file_path).open() as file:
            if kind == "PUFFIN":
                from pyiceberg.table.deletion_vector import deletion_vectors_from_puffin_file
                from pyiceberg.table.puffin import PuffinFile

                vectors = deletion_vectors_from_puffin_file(PuffinFile(file.read()))
                return {one.referenced_data_file: _numbers(one.to_vector()) for one in vectors}
            if kind != "PARQUET":
                raise InputError(
                    f"is an Iceberg table with deleted rows named in {kind}, which is not read",
                    source=self._table.shown,
                    hint=_REWRITE,
                )
            named = pq.read_table(file, columns=["file_path", "pos"])
        paths = named["file_path"]
        return {one: _numbers(named.filter(pc.equal(paths, one))["pos"]) for one in pc.unique(paths).to_pylist()}


def _numbers(positions: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    return np.sort(positions.cast(pa.int64()).to_numpy()) + 1
