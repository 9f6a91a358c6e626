"""The logs of a world and the exchanges' truth, written piece by piece in the order of time."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from stillwatch import schema
from stillwatch.errors import UsageError
from stillwatch.sources.registry import Format, formats
from stillwatch.traffic_range.exchanges import TRUTH
from stillwatch.traffic_range.row_groups import Encoded, RowGroups, encoded

ROWS = 10_000
"""Exchanges that are made documents of at once."""

_REPEATED = [
    "account_id", "org_id", "api_key_id", "ip", "asn", "country", "client", "client_fingerprint", "platform", "model",
    "system_prompt", "prompt_source", "tools.list.element", "max_tokens", "temperature", "finish_reason", "status",
    "session_id", "sdk", "turns", "history_length",
]  # fmt: skip
"""Columns whose values come again and again: the others are not worth a dictionary."""


def _leaves(columns: pa.Schema) -> list[str]:
    """The columns as Parquet names them: of a list, its elements."""
    return [f"{one.name}.list.element" if pa.types.is_list(one.type) else one.name for one in columns]


_UNSEARCHED = {
    "system_prompt", "prompt", "first_user", "response", "history_digest", "message_digests.list.element",
    "reasoning_in.list.element", "reasoning_out.list.element",
}  # fmt: skip
"""Columns of which no reader wants the least and the greatest value: texts and digests."""

_LOGS: dict[str, Any] = {
    "compression": "zstd",
    "use_dictionary": _REPEATED,
    "write_statistics": [one for one in _leaves(schema.EXCHANGE) if one not in _UNSEARCHED],
}

_TRUTH: dict[str, Any] = {"use_dictionary": ["label", "campaign", "population"]}

_TRUTH_SCHEMA = pa.schema([schema.EXCHANGE.field("exchange_id"), *TRUTH])


class Piece(NamedTuple):
    """A piece of a world, ready to be written. logs: as Parquet, or as lines."""

    n: int
    truth: Encoded
    logs: Encoded | bytes


class Logs:
    """The logs and the exchanges' truth, written piece by piece. writer: of documents; Parquet without one."""

    def __init__(self, out: Path, writer: Format | None):
        self._writer = writer
        self._truth = RowGroups(out / "truth" / "exchanges.parquet", _TRUTH_SCHEMA, **_TRUTH)
        self._parquet = None if writer else RowGroups(out / "logs.parquet", schema.EXCHANGE, **_LOGS)
        self._lines = (out / "logs.ndjson").open("wb") if writer else None

    def __enter__(self) -> Logs:
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._truth, self._parquet, self._lines):
            if one is not None:
                one.close()

    def ready(self, piece: pa.Table) -> Piece:
        """A piece, with ids, ready to be written. May be called by several threads."""
        truth = encoded(piece.select(_TRUTH_SCHEMA.names), **_TRUTH)
        log = piece.select(schema.EXCHANGE.names)
        if self._writer is None or self._writer.write is None:
            return Piece(len(piece), truth, encoded(log, **_LOGS))
        log = log.cast(schema.EXCHANGE)
        encode = msgspec.json.Encoder().encode
        documents = self._writer.write
        lines = [encode(one) for batch in log.to_batches(ROWS) for one in documents(batch.to_pylist())]
        return Piece(len(piece), truth, b"".join(line + b"\n" for line in lines))

    def write(self, piece: Piece) -> None:
        """Write the next piece."""
        self._truth.add(piece.truth)
        if self._parquet is not None and not isinstance(piece.logs, bytes):
            self._parquet.add(piece.logs)
        if self._lines is not None and isinstance(piece.logs, bytes):
            self._lines.write(piece.logs)


def format_named(name: str) -> Format | None:
    """The format to write documents of; None for the canonical table as Parquet."""
    if name == "canonical":
        return None
    if name == "canonical-ndjson":
        return formats()["canonical"]
    known = {key: one for key, one in formats().items() if one.write is not None}
    if name not in known:
        names = ", ".join(sorted({*known, "canonical-ndjson"}))
        raise UsageError(f"no format {name!r} can be written", hint=f"formats that can be: {names}")
    return known[name]
