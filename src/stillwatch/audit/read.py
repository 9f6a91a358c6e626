"""The frame of a scan's folder, read back."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch import schema
from stillwatch.errors import InputError, MissingSource

FRAME = "tested.parquet"

_AGAIN = "scan the logs again with this version, or name the folder of a finished scan with --from"


def read_frame(folder: Path) -> tuple[pa.Table, str]:
    """The frame of the scan in a folder, as `schema.TESTED`, and a digest of it.

    Raises: MissingSource where the scan has none; InputError where it is damaged.
    """
    path = folder / FRAME
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MissingSource(f"cannot be read: {error.strerror}", source=str(path), hint=_AGAIN) from error
    try:
        table = pq.read_table(pa.BufferReader(data)).select(schema.TESTED.names).cast(schema.TESTED)
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise InputError(f"is damaged: {error}", source=str(path), hint=_AGAIN) from error
    return table, blake2b(data, digest_size=16).hexdigest()
