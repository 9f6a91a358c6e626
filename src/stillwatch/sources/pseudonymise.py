"""Identifiers replaced by keyed hashes on the way in, for log and registry alike, so that they still join."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from stillwatch.errors import InputError, MissingSource
from stillwatch.sources.addresses import pseudonym_address
from stillwatch.sources.messages import keyed

IDS = (
    "exchange_id", "account_id", "org_id", "api_key_id", "payment_id", "email_domain", "session_id", "end_user_id",
)  # fmt: skip
ADDRESSES = ("ip", "signup_ip")
KEY_BYTES = 16
"""A shorter key could be found by trying."""

Columns = TypeVar("Columns", pa.RecordBatch, pa.Table)


def read_key(path: Path) -> bytes:
    """The secret in a key file, without the line end.

    Raises: MissingSource where it cannot be read; InputError where it is shorter than 16 bytes.
    """
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise MissingSource(f"the key cannot be read: {error.strerror}", source=str(path)) from None
    if len(key) < KEY_BYTES:
        raise InputError(
            f"the key has {len(key)} bytes, and needs at least {KEY_BYTES}",
            source=str(path),
            hint="make one: head -c 32 /dev/urandom | base64 > keyfile",
        )
    return key


def pseudonymise(columns: Columns, key: bytes) -> Columns:
    """The same batch or table, its ids as keyed hashes, its addresses as addresses that keep common prefixes.

    An id gets the same pseudonym in every column of that name, in log and registry. Cost: a hash a distinct value.
    """
    short = _shortened(key)

    def hash_id(name: str) -> Callable[[str], str]:
        return lambda value: _hashed(value, short, name)

    for name in IDS:
        columns = _replace(columns, name, hash_id(name))
    for name in ADDRESSES:
        columns = _replace(columns, name, lambda value: pseudonym_address(value, short))
    return columns


def pseudonym(name: str, value: str, key: bytes) -> str:
    """The pseudonym that `pseudonymise` gives one value of a column of `IDS`."""
    return _hashed(value, _shortened(key), name)


def _shortened(key: bytes) -> bytes:
    return keyed(key, b"", b"pseudonyms")


def _hashed(value: str, short: bytes, name: str) -> str:
    return keyed(value.encode("utf-8", "surrogatepass"), short, name.encode()).hex()


def _replace(columns: Columns, name: str, change: Callable[[str], str]) -> Columns:
    index = columns.schema.get_field_index(name)
    if index < 0 or columns.column(index).null_count == columns.num_rows:
        return columns
    column = columns.column(index)
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    coded = column.dictionary_encode()
    values = pa.array([change(value) for value in coded.dictionary.to_pylist()], pa.string())
    changed = pa.DictionaryArray.from_arrays(coded.indices, values).cast(pa.string())
    return columns.set_column(index, columns.schema.field(index), changed)
