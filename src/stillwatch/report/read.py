"""A scan's folder, read back: findings, summary and tables, with a clear word on what is damaged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch import schema
from stillwatch.campaigns.finding import Findings
from stillwatch.errors import InputError, MissingSource
from stillwatch.report.summary import ScanSummary

T = TypeVar("T")

_AGAIN = "scan the logs again, or name the folder of a finished scan with --from"


@dataclass(frozen=True, slots=True)
class ScanFolder:
    """What a scan wrote. accounts: `schema.ACCOUNTS`; members: `schema.FINDING_ACCOUNTS`; links: `FINDING_LINKS`."""

    path: Path
    findings: Findings
    summary: ScanSummary
    accounts: pa.Table
    members: pa.Table
    links: pa.Table


def read_scan(folder: Path) -> ScanFolder:
    """The scan in a folder.

    Raises: MissingSource where the folder or one of its files is not there; InputError where a file is damaged or of
    another version.
    """
    if not folder.is_dir():
        raise MissingSource("is no folder", source=str(folder), hint=_AGAIN)
    found = _decode(folder / "findings.json", Findings)
    if found.schema_version != schema.FINDINGS_VERSION:
        raise InputError(
            f"findings of version {found.schema_version}; this Stillwatch reads version {schema.FINDINGS_VERSION}",
            source=str(folder / "findings.json"),
            hint="scan the logs again with this version, or explain with the version that scanned them",
        )
    return ScanFolder(
        path=folder,
        findings=found,
        summary=_decode(folder / "scan.json", ScanSummary),
        accounts=_table(folder / "accounts.parquet", schema.ACCOUNTS),
        members=_table(folder / "finding_accounts.parquet", schema.FINDING_ACCOUNTS),
        links=_table(folder / "finding_links.parquet", schema.FINDING_LINKS),
    )


def _decode(path: Path, kind: type[T]) -> T:
    data = _read(path)
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"is damaged: {error}", source=str(path), hint=_AGAIN) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise MissingSource("is not there", source=str(path), hint=_AGAIN) from error
    except OSError as error:
        raise MissingSource(f"cannot be read: {error.strerror}", source=str(path), hint=_AGAIN) from error


def _table(path: Path, expected: pa.Schema) -> pa.Table:
    data = _read(path)
    try:
        table = pq.read_table(pa.BufferReader(data))
    except pa.ArrowException as error:
        raise InputError(f"is damaged: {error}", source=str(path), hint=_AGAIN) from error
    lacking = [name for name in expected.names if name not in table.column_names]
    if lacking:
        raise InputError(f"lacks the column {', '.join(lacking)}", source=str(path), hint=_AGAIN)
    try:
        return table.select(expected.names).cast(expected)
    except (pa.ArrowException, ValueError) as error:
        raise InputError(f"has columns of other types: {error}", source=str(path), hint=_AGAIN) from error
