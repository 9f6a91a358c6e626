"""The canonical table: exchanges under our own names, as Parquet, NDJSON or CSV. See `schema.EXCHANGE`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from stillwatch import schema
from stillwatch.sources.registry import Document, Format, Row, register

_NAMES = frozenset(schema.EXCHANGE.names) | {"messages"}
_REQUIRED = ("exchange_id", "requested_at", "account_id", "model")


def parse(document: Document) -> Iterator[Row]:
    """The document's own columns. It may bring `messages` in place of the conversation columns."""
    yield {name: value for name, value in document.items() if name in _NAMES}


def sniff(document: Document) -> float:
    """The share of the required columns that are there."""
    return sum(name in document for name in _REQUIRED) / len(_REQUIRED)


def write(rows: Iterable[Row]) -> Iterator[Document]:
    """Rows as documents: times as ISO 8601, absent columns left out."""
    for row in rows:
        yield {name: _plain(row[name]) for name in schema.EXCHANGE.names if row.get(name) is not None}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


CANONICAL = register(
    Format(
        name="canonical",
        title="Stillwatch's own table (Parquet, NDJSON, CSV)",
        fills={name: f"column {name}" for name in schema.EXCHANGE.names},
        parse=parse,
        sniff=sniff,
        write=write,
    )
)
