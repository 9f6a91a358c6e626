"""Delta and Iceberg tables in object storage, read from a server that speaks S3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lake_tables import catalog, exchanges, ids, read
from stopped_reading import options

from stillwatch.errors import MissingSource
from stillwatch.scan.signature import input_signature

NAMES = [f"x{i}" for i in range(5)]
pytestmark = pytest.mark.usefixtures("lake")


def delta(url: str, address: str) -> None:
    """A partitioned table of five rows, with a row and a file that are no longer in it."""
    from deltalake import DeltaTable, write_deltalake

    storage = {"AWS_ENDPOINT_URL": address, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1"}
    write_deltalake(url, exchanges("old", 3), partition_by=["model"], storage_options=storage)
    write_deltalake(url, exchanges("x", 6), mode="overwrite", storage_options=storage)
    DeltaTable(url, storage_options=storage).delete("exchange_id = 'x5'")


def test_a_delta_table_is_read_by_its_log(bucket: tuple[str, Any], s3_address: str, tmp_path: Path) -> None:
    """By its prefix, by a prefix of a partition, by a pattern, and among other logs: what is in the table today."""
    name, put = bucket
    delta(f"s3://{name}/lake/table", s3_address)
    rows, said, quarantine = read(f"s3://{name}/lake/table/")
    assert quarantine.n == 0
    assert [(row["exchange_id"], row["model"]) for row in rows] == [(one, "m") for one in NAMES]
    assert said[0] == f"s3://{name}/lake/table: the Delta table, version 2: 1 files"
    for part in ("lake/table/model=m/", "lake/table/mod", "lake/table/*/*.parquet", "lake/ta*", "lake/"):
        assert ids(f"s3a://{name}/{part}") == NAMES
    with pytest.raises(MissingSource, match="no file that is in this table"):
        read(f"s3://{name}/lake/table/model=n/")
    put("lake/plain.ndjson", b'{"exchange_id":"y0","requested_at":"2026-03-01","account_id":"a","model":"m"}\n')
    assert ids(f"s3://{name}/lake/") == [*NAMES, "y0"]
    assert input_signature([f"s3://{name}/lake/"], options(tmp_path / "out")) is not None


def test_an_iceberg_table_is_read_by_its_metadata(bucket: tuple[str, Any], s3_address: str, tmp_path: Path) -> None:
    """Its current snapshot, by its prefix or by its metadata file."""
    name, _ = bucket
    storage = {"s3.endpoint": s3_address, "s3.region": "us-east-1"}
    tables = catalog(tmp_path / "catalog", f"s3://{name}/lake", **storage)
    table = tables.create_table("logs.exchanges", schema=exchanges("x", 0).schema)
    table.append(exchanges("x", 6))
    table.delete("exchange_id = 'x5'")
    assert ids(table.location()) == NAMES
    assert ids(table.metadata_location) == NAMES
    assert ids(f"s3://{name}/lake/") == NAMES
