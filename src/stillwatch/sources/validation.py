"""Which rows of a batch are no exchange that a scan could use, and why; whole columns at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.sources.columns import Faults
from stillwatch.sources.values import microseconds

EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
"""No LLM API is older; a time before it is a broken clock or a wrong unit."""

LATEST_AHEAD = timedelta(days=2)
"""Clocks and time zones may be wrong by this much; what lies further in the future is broken."""

ID_BYTES = 1_024
"""Longer ids are text in the wrong column."""

TEXT_BYTES = 16 << 20
"""Longer than any context window's text: broken, or an attack on the reader."""

REQUIRED = ("exchange_id", "requested_at", "account_id", "model")
IDS = (
    "exchange_id", "account_id", "org_id", "api_key_id", "payment_id", "email_domain", "ip", "client_fingerprint",
    "model", "session_id", "end_user_id",
)  # fmt: skip
CHOSEN_BY_CALLERS = frozenset(IDS) - frozenset(REQUIRED) | {"client", "sdk", "temperature", "max_tokens", "tools"}
"""Columns of which a caller may send what he likes. An odd value is left out and its exchange is kept: otherwise a
caller would keep his traffic out of a scan by sending a user id of 2 kB."""

TEXTS = ("system_prompt", "prompt", "first_user", "response")
COUNTS = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "turns", "history_length")


def find_faults(batch: pa.RecordBatch, now: datetime) -> Faults:
    """Rows that must not go on, with the first reason of each.  Odd values of optional ids: `without_odd_ids`.

    Assumes: the batch has the columns of `schema.EXCHANGE`, in its types.
    """
    faults: Faults = {}

    def note(bad: pa.Array, reason: str) -> None:
        for row in np.flatnonzero(bad.fill_null(False).to_numpy(zero_copy_only=False)):
            faults.setdefault(int(row), reason)

    for name in REQUIRED:
        column = batch.column(name)
        if column.null_count:
            note(column.is_null(), f"lacks {name}")
        if pa.types.is_string(column.type):
            shortest = pc.min(pc.binary_length(column)).as_py()
            if shortest == 0:
                note(pc.equal(pc.binary_length(column), 0), f"lacks {name}")
    times = batch.column("requested_at").cast(pa.int64())
    low, high = microseconds(EARLIEST), microseconds(now + LATEST_AHEAD)
    bounds = pc.min_max(times).as_py()
    if bounds["min"] is not None and bounds["min"] < low:
        note(pc.less(times, low), "requested_at is before 2015: wrong clock, or wrong unit of time")
    if bounds["max"] is not None and bounds["max"] > high:
        note(pc.greater(times, high), "requested_at is more than two days in the future: wrong clock, or wrong unit")
    for name in REQUIRED:
        column = batch.column(name)
        if pa.types.is_string(column.type) and column.null_count < len(column):
            for bad, reason in _odd_ids(column):
                note(bad, f"{name} {reason}")
    for name in TEXTS:
        column = batch.column(name)
        if column.null_count < len(column) and pc.max(pc.binary_length(column)).as_py() > TEXT_BYTES:
            note(pc.greater(pc.binary_length(column), TEXT_BYTES), f"{name} is longer than 16 MB")
    for name in COUNTS:
        column = batch.column(name)
        if column.null_count < len(column) and pc.min(column).as_py() < 0:
            note(pc.less(column, 0), f"{name} is negative")
    return faults


def without_odd_ids(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, dict[str, int]]:
    """The batch with odd values of optional ids left out, and how many of each column they were."""
    left_out: dict[str, int] = {}
    for name in IDS:
        column = batch.column(name)
        if name in REQUIRED or column.null_count == len(column):
            continue
        for bad, reason in _odd_ids(column):
            n_bad = pc.sum(bad).as_py() or 0
            if n_bad:
                left_out[f"{name} {reason}"] = n_bad
                column = pc.if_else(bad.fill_null(False), pa.scalar(None, pa.string()), column)
                batch = batch.set_column(batch.schema.get_field_index(name), batch.schema.field(name), column)
    return batch, left_out


def _odd_ids(column: pa.StringArray) -> Iterator[tuple[pa.BooleanArray, str]]:
    """Which ids are odd, and why; nothing where none is."""
    longest = pc.max(pc.binary_length(column)).as_py()
    if longest is not None and longest > ID_BYTES:
        yield pc.greater(pc.binary_length(column), ID_BYTES), "is longer than 1,024 bytes"
    if _holds_nul(column):
        yield pc.match_substring(column, "\0"), "holds a NUL byte"


def _holds_nul(column: pa.StringArray) -> bool:
    _, offsets, data = column.buffers()
    if data is None:
        return False
    edges = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    return bool((np.frombuffer(data, np.uint8)[edges[0] : edges[-1]] == 0).any())
