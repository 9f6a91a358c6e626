"""The files that are in a Delta table: its log replayed by delta-rs, deletion vectors and renamed columns included."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.errors import InputError
from stillwatch.sources.lake_files import NONE_DELETED, LakeColumn, LakeFile
from stillwatch.sources.lakes import LakeTable, Listed, address, cannot_be_read, not_installed, place_of, plain_path

_READ = {
    "columnMapping", "deletionVectors", "timestampNtz", "typeWidening", "typeWidening-preview", "v2Checkpoint",
    "vacuumProtocolCheck",
}  # fmt: skip
"""What a table may need of its readers: the rest changes what its files mean in ways that are not known here."""


def delta_files(table: LakeTable) -> tuple[list[Listed], str]:
    """The files of a Delta table as of its last commit, and the number of that."""
    try:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError
    except ImportError:
        not_installed(table)
    # As an address: a path is taken for one, with %20 for a space.
    where = address("s3", table.root) if table.kind == "s3" else Path(table.root).as_uri()
    try:
        delta = DeltaTable(where, storage_options=_storage() if table.kind == "s3" else None)
        columns, partitioned = _columns(delta, table)
        actions = pa.table(delta.get_add_actions(flatten=False))
        deleted = _deleted(delta)
    except (DeltaError, OSError, ValueError) as error:
        cannot_be_read(table, error, "check that its _delta_log is whole, and who may read it")
    taken = set()
    listed: list[Listed] = []
    partition = actions["partition"].combine_chunks() if partitioned and "partition" in actions.column_names else None
    sizes = actions["size_bytes"].to_pylist()
    for row, url in enumerate(actions["path"].to_pylist()):
        kind, path = _place(url, table)
        filled = {}
        for name in partitioned:
            if partition is None or partition.type.get_field_index(name) < 0:
                raise InputError(
                    f"is a Delta table whose log does not tell its partitions by {name}", source=table.shown
                )
            filled[name] = partition.field(name)[row]
        gone = deleted.get(path, NONE_DELETED)
        taken.add(path)
        listed.append(Listed(kind, path, int(sizes[row]), LakeFile(table.shown, columns, filled, gone)))
    unknown = sorted(set(deleted) - taken)
    if unknown:
        raise InputError(f"has deleted rows in a file that it does not name: {unknown[0]}", source=table.shown)
    return sorted(listed, key=lambda one: one.path), f"version {delta.version()}"


def _storage() -> dict[str, str]:
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    options = {} if region is None else {"AWS_REGION": region}
    if endpoint:
        options |= {"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": region or "us-east-1"}
        options["AWS_ALLOW_HTTP"] = str(endpoint.startswith("http://")).lower()
    return options


def _columns(delta: Any, table: LakeTable) -> tuple[tuple[LakeColumn, ...], list[str]]:
    """The table's columns, and the names of those by which it is partitioned."""
    unknown = sorted(set(delta.protocol().reader_features or ()) - _READ)
    if unknown:
        raise InputError(
            f"is a Delta table that uses what is not read here: {', '.join(unknown)}",
            source=table.shown,
            hint="write it as Parquet, or as a Delta table without that, by what wrote it",
        )
    metadata = delta.metadata()
    mode = metadata.configuration.get("delta.columnMapping.mode", "none")
    fields = json.loads(delta.schema().to_json())["fields"]
    return tuple(_column(one, mode) for one in fields), list(metadata.partition_columns)


def _column(field: dict[str, Any], mode: str) -> LakeColumn:
    told = field.get("metadata") or {}
    name = field["name"]
    parts = _parts(field["type"], mode)
    if mode == "id":
        return LakeColumn(name, int(told["delta.columnMapping.id"]), (), parts)
    stored = told.get("delta.columnMapping.physicalName", name) if mode == "name" else name
    return LakeColumn(name, None, (stored,), parts)


def _parts(kind: Any, mode: str) -> tuple[LakeColumn, ...]:
    if not isinstance(kind, dict):
        return ()
    if kind["type"] == "struct":
        return tuple(_column(one, mode) for one in kind["fields"])
    inner = ("elementType",) if kind["type"] == "array" else ("keyType", "valueType")
    return tuple(LakeColumn(name, None, (), _parts(kind.get(name), mode)) for name in inner)


def _deleted(delta: Any) -> dict[str, npt.NDArray[np.int64]]:
    """By path of a file, its rows that were deleted."""
    out: dict[str, npt.NDArray[np.int64]] = {}
    if "deletionVectors" not in (delta.protocol().reader_features or ()):
        return out
    for batch in pa.RecordBatchReader.from_stream(delta.deletion_vectors()):
        keep = batch.column("selection_vector")
        for row, url in enumerate(batch.column("filepath").to_pylist()):
            kept = keep[row].values.to_numpy(zero_copy_only=False)
            out[plain_path(url)] = np.flatnonzero(~kept).astype(np.int64) + 1
    return out


def _place(url: str, table: LakeTable) -> tuple[str, str]:
    if ":" in url.partition("/")[0] and urlsplit(url).scheme:
        # A file of another table, of which this one is a shallow copy.
        kind, path = place_of(url, table)
        return kind, unquote(path)
    return table.kind, f"{table.root}/{unquote(url)}"
