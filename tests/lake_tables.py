"""Tables of lakes for tests, and changes to them that the libraries read and cannot write."""

from __future__ import annotations

import json
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.sources.quarantine import Quarantine
from stillwatch.sources.reading import ReadOptions, read_logs

NOW = datetime(2026, 4, 1, tzinfo=UTC)
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"


def exchanges(prefix: str, n: int, **more: Any) -> pa.Table:
    """So many exchanges of one account, an hour apart."""
    return pa.Table.from_pylist(
        [
            {
                "exchange_id": f"{prefix}{i}",
                "requested_at": AT + timedelta(hours=i),
                "account_id": "a",
                "model": "m",
                "prompt": f"ask {i}",
                **more,
            }
            for i in range(n)
        ],
        schema=pa.schema(
            [
                ("exchange_id", pa.string()),
                ("requested_at", pa.timestamp("us", "UTC")),
                *((name, pa.string()) for name in ("account_id", "model", "prompt", *more)),
            ]
        ),
    )


def read(log: str, **options: Any) -> tuple[list[dict[str, Any]], list[str], Quarantine]:
    """Exchanges ordered by id, with their columns that are not null, what was said, and the quarantine."""
    said: list[str] = []
    quarantine = Quarantine()
    rows: list[dict[str, Any]] = []
    how = ReadOptions(now=NOW, **options)
    format = None if how.mapping is None else "mapping"
    for some in read_logs([log], format=format, registry=None, options=how, quarantine=quarantine, say=said.append):
        rows += some.batch.to_pylist()
    rows.sort(key=lambda row: str(row["exchange_id"]))
    return [{name: one for name, one in row.items() if one is not None} for row in rows], said, quarantine


def ids(log: str) -> list[str]:
    """The ids of the exchanges of a log, in order, where all of it can be read."""
    rows, _, quarantine = read(log)
    assert quarantine.n == 0
    return [row["exchange_id"] for row in rows]


def bitmap(rows: list[int]) -> bytes:
    """Rows from 0 as both products keep them: one bitmap for each four billion, here for the first."""
    import pyroaring

    body: bytes = pyroaring.BitMap(rows).serialize()
    return struct.pack("<qi", 1, 0) + body


def delete_by_vector(table: Path, rows: dict[str, list[int]]) -> None:
    """Commit deletion vectors to a Delta table: a part of a file's path -> rows from 0. delta-rs writes none itself."""
    from deltalake import DeltaTable

    log = table / "_delta_log"
    adds = [json.loads(line)["add"] for one in sorted(log.glob("*.json")) for line in one.open() if '"add"' in line[:8]]
    features = {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
    actions: list[dict[str, Any]] = [{"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **features}}]
    for part, deleted in rows.items():
        add = next(one for one in adds if part in one["path"])
        body = struct.pack("<i", 1681511377) + bitmap(deleted)
        padded = body + bytes(-len(body) % 4)
        vector = {"storageType": "i", "pathOrInlineDv": _z85(padded), "sizeInBytes": len(padded)}
        actions.append({"remove": {"path": add["path"], "deletionTimestamp": 1, "dataChange": True}})
        actions.append({"add": {**add, "deletionVector": {**vector, "cardinality": len(deleted)}}})
    number = DeltaTable(table.as_uri()).version() + 1
    (log / f"{number:020d}.json").write_text("".join(json.dumps(one) + "\n" for one in actions))


def catalog(folder: Path, warehouse: str | None = None, **properties: str) -> Any:
    """A catalog of Iceberg tables in a folder, with the namespace `logs`."""
    from pyiceberg.catalog import load_catalog

    folder.mkdir(parents=True, exist_ok=True)
    where = {"uri": f"sqlite:///{folder}/catalog.db", "warehouse": warehouse or f"file://{folder}"}
    made = load_catalog("tests", type="sql", **where, **properties)
    made.create_namespace("logs")
    return made


def delete_by_file(table: Any, folder: Path, kind: str, rows: dict[str, list[int]]) -> None:
    """Commit a file of deletes to an Iceberg table: path of a data file -> rows from 0. PyIceberg writes none itself.

    kind: POSITION_DELETES, PUFFIN for the same as bitmaps, or EQUALITY_DELETES.
    """
    from pyiceberg.io.pyarrow import PyArrowFileIO
    from pyiceberg.manifest import (
        DataFile,
        DataFileContent,
        FileFormat,
        ManifestContent,
        ManifestEntry,
        ManifestEntryStatus,
        ManifestWriterV2,
    )
    from pyiceberg.table.snapshots import Operation
    from pyiceberg.table.update.snapshot import _FastAppendFiles
    from pyiceberg.typedef import Record

    where = folder / f"deletes-{table.metadata.last_sequence_number}.{'puffin' if kind == 'PUFFIN' else 'parquet'}"
    if kind == "PUFFIN":
        where.write_bytes(_puffin(rows))
    else:
        named = [(path, row) for path, some in sorted(rows.items()) for row in some]
        columns = {"file_path": [path for path, _ in named], "pos": [row for _, row in named]}
        pq.write_table(pa.table(columns), where)

    class Writer(ManifestWriterV2):
        def content(self) -> ManifestContent:
            return ManifestContent.DELETES

        @property
        def _meta(self) -> dict[str, str]:
            return {**super()._meta, "content": "deletes"}

    class Deletes(_FastAppendFiles):
        def _existing_manifests(self) -> Any:
            output = PyArrowFileIO().new_output(f"{where}.avro")
            metadata = self._transaction.table_metadata
            with Writer(metadata.spec(), metadata.schema(), output, self._snapshot_id, "deflate") as writer:
                file = DataFile.from_args(
                    content=DataFileContent["POSITION_DELETES" if kind == "PUFFIN" else kind],
                    file_path=str(where),
                    file_format=FileFormat("PUFFIN" if kind == "PUFFIN" else "PARQUET"),
                    partition=Record(),
                    record_count=sum(map(len, rows.values())),
                    file_size_in_bytes=where.stat().st_size,
                    equality_ids=[1] if kind == "EQUALITY_DELETES" else None,
                )
                file.spec_id = metadata.default_spec_id
                added = ManifestEntryStatus.ADDED
                writer.add(ManifestEntry.from_args(status=added, snapshot_id=self._snapshot_id, data_file=file))
            return [*super()._existing_manifests(), writer.to_manifest_file()]

    with table.transaction() as transaction:
        Deletes(Operation.OVERWRITE, transaction, table.io).commit()


def _puffin(rows: dict[str, list[int]]) -> bytes:
    magic = b"PFA1"
    out, blobs = magic, []
    for path, some in rows.items():
        vector = b"\xd1\xd3\x39\x64" + bitmap(some)
        blob = struct.pack(">i", len(vector)) + vector + bytes(4)
        place = {"offset": len(out), "length": len(blob), "snapshot-id": -1, "sequence-number": -1}
        named = {"referenced-data-file": path, "cardinality": str(len(some))}
        blobs.append({"type": "deletion-vector-v1", "fields": [2147483645], "properties": named, **place})
        out += blob
    footer = json.dumps({"blobs": blobs}).encode()
    return out + magic + footer + struct.pack("<i", len(footer)) + bytes(4) + magic


def _z85(data: bytes) -> str:
    out = ""
    for at in range(0, len(data), 4):
        value, digits = int.from_bytes(data[at : at + 4], "big"), ""
        for _ in range(5):
            value, digit = divmod(value, 85)
            digits = _Z85[digit] + digits
        out += digits
    return out
