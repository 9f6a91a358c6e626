"""The logs of a world and the exchanges' truth, written piece by piece in the order of time."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch import schema
from stillwatch.errors import UsageError
from stillwatch.sources.registry import Format, formats
from stillwatch.traffic_range.exchanges import TRUTH

ROWS = 50_000
"""Rows of a Parquet row group, and documents held at once."""

_REPEATED = [
    "account_id", "org_id", "api_key_id", "ip", "asn", "country", "client", "client_fingerprint", "platform", "model",
    "system_prompt", "prompt_source", "tools.list.element", "max_tokens", "temperature", "finish_reason", "status",
    "session_id", "sdk", "turns", "history_length",
]  # fmt: skip
"""Columns whose values come again and again: the others are not worth a dictionary."""


class Logs:
    """The logs and the exchanges' truth, written piece by piece. writer: of documents; Parquet without one."""

    def __init__(self, out: Path, writer: Format | None):
        self._writer = writer
        self._truth = pq.ParquetWriter(
            out / "truth" / "exchanges.parquet",
            pa.schema([schema.EXCHANGE.field("exchange_id"), *TRUTH]),
            use_dictionary=["label", "campaign", "population"],
        )
        self._parquet = (
            None
            if writer
            else pq.ParquetWriter(out / "logs.parquet", schema.EXCHANGE, compression="zstd", use_dictionary=_REPEATED)
        )
        self._lines = (out / "logs.ndjson").open("wb") if writer else None

    def __enter__(self) -> Logs:
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._truth, self._parquet, self._lines):
            if one is not None:
                one.close()

    def write_truth(self, piece: pa.Table) -> None:
        """Write the next piece's truth."""
        self._truth.write_table(piece.select(["exchange_id", *TRUTH.names]), row_group_size=ROWS)

    def write(self, piece: pa.Table) -> None:
        """Write the next piece's logs."""
        log = piece.select(schema.EXCHANGE.names).cast(schema.EXCHANGE)
        if self._parquet is not None:
            self._parquet.write_table(log, row_group_size=ROWS)
        if self._writer is not None and self._writer.write is not None and self._lines is not None:
            encode = msgspec.json.Encoder().encode
            for batch in log.to_batches(ROWS):
                self._lines.writelines(encode(one) + b"\n" for one in self._writer.write(batch.to_pylist()))


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
