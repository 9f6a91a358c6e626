"""Exchanges as campaigns look at them, made column by column: who sent what, when, and from which mould."""

from __future__ import annotations

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.fingerprint.markers import MARKERS
from stillwatch.schema import PROJECTION_DIMS

HOUR = 3_600_000_000
DAY = 24 * HOUR

_INTS = (
    "position", "unit", "exchange", "session", "prompt_hash", "first_user_hash", "system_hash", "tools_hash", "n_tools",
    "markers", "system_markers", "turns", "max_tokens", "output_tokens", "reasoning_tokens", "prompt_words", "template",
    "model", "finish", "head_hash", "tail_hash", "address_kinds", "account", "ip_prefix", "client", "country",
)  # fmt: skip
_OTHERS = {
    "reasoning_out": pa.list_(pa.int64()),
    "from_tool": pa.bool_(),
    "projection": pa.binary(PROJECTION_DIMS),
}
_REGISTRY = pa.schema([("unit", pa.int64()), ("closed_us", pa.int64())])


def marks(*names: str) -> int:
    """The bit set of some markers."""
    return sum(1 << MARKERS[name] for name in names)


class Traffic:
    """Exchanges under construction. Every one that is added begins a conversation, and has words of its own."""

    def __init__(self) -> None:
        self.parts: list[pa.Table] = []
        self.n = 0

    def add(
        self,
        unit: npt.ArrayLike,
        at: npt.ArrayLike = 0,
        *,
        text: bool = True,
        temperature: float | None = None,
        **columns: npt.ArrayLike,
    ) -> npt.NDArray[np.int64]:
        """Add exchanges of units at microseconds; their positions. Columns that are not given are null.

        text: whether what was asked is known: its hash and its markers.
        """
        unit = np.atleast_1d(np.asarray(unit, np.int64))
        n = len(unit)
        position = self.n + np.arange(n)
        self.n += n
        columns = {"position": position, "unit": unit, "exchange": position, "turns": 0, **columns}
        if text:
            columns = {"prompt_hash": 10**12 + position, "markers": 0, "prompt_words": 30, **columns}
        made: dict[str, pa.Array] = {
            name: pa.array(np.broadcast_to(np.asarray(columns[name], np.int64), n)) if name in columns else _nulls(n)
            for name in _INTS
        }
        made["requested_at"] = pa.array(np.broadcast_to(np.asarray(at, np.int64), n), pa.timestamp("us", tz="UTC"))
        made["temperature"] = pa.array([temperature] * n, pa.float32())
        made |= {name: pa.nulls(n, kind) for name, kind in _OTHERS.items()}
        self.parts.append(pa.table(made))
        return position

    def connection(self) -> duckdb.DuckDBPyConnection:
        """A connection that holds `exchanges`, `exchange_template` and an empty `registry`."""
        table = pa.concat_tables(self.parts)
        connection = duckdb.connect()
        connection.register("exchanges", table.drop_columns(["template"]))
        moulded = table.select(["position", "template"]).filter(pc.is_valid(table["template"]))
        connection.register("exchange_template", moulded)
        connection.register("registry", _REGISTRY.empty_table())
        return connection


def _nulls(n: int) -> pa.Array:
    return pa.nulls(n, pa.int64())
