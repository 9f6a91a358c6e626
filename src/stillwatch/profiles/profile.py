"""One profile an account: volume, rhythm, focus and appetite, as integer sums from which any group's are added up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch import schema
from stillwatch.engine.parts import read_parts
from stillwatch.engine.queries import Queries
from stillwatch.profiles.index import AccountIndex, Ints
from stillwatch.profiles.kernels import add_hours, add_markers, add_projections
from stillwatch.sources.address_lists import HIDING, KINDS

N_MARKERS = 40
"""Marker bits that are counted; `fingerprint.markers` declares fewer."""

MILLI = 1000
"""Logarithms are summed as thousandths, so that sums are exact whatever their order."""

_HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Profiles:
    """Sums an account. Shapes: (n_accounts,) int64 unless said.

    n: exchanges kept.  n_single: those with no message before the last.  n_tool: whose last message is a tool's result.
    n_text: with a prompt.  n_distinct: distinct prompts.  n_trajectories: agent loops and chats counted once.
    n_reasoned: with reasoning tokens, or a reasoning block given out.  n_failed: status 400 and over.
    tokens_out; n_out: with a count of them.  log_out: sum of 1000 ln(1 + tokens out).  log_words: of prompt words.
    n_located: exchanges of whose address a database tells what kind it is; n_hosting, n_hiding: of these, those from
    hosting, and those through a VPN, a proxy or Tor.
    n_limit: exchanges that set max_tokens; log_limit.  n_cold: temperature set.  first_at, last_at: UTC microseconds.
    hours (n_accounts, 24).  markers (n_accounts, N_MARKERS).  projection (n_accounts, 64), squares, n_projected: over
    first messages only.  span_hours: active hours.  models: distinct models.
    """

    n: Ints
    n_single: Ints
    n_tool: Ints
    n_text: Ints
    n_distinct: Ints
    n_trajectories: Ints
    n_reasoned: Ints
    n_failed: Ints
    tokens_out: Ints
    n_out: Ints
    log_out: Ints
    log_words: Ints
    first_at: Ints
    last_at: Ints
    models: Ints
    n_located: Ints
    n_hosting: Ints
    n_hiding: Ints
    hours: Ints
    markers: Ints
    projection: Ints
    squares: Ints
    n_projected: Ints

    def pooled(self, members: Ints) -> dict[str, Any]:
        """The sums over some accounts, by column name."""
        out: dict[str, Any] = {}
        for name in self.__slots__:
            column = getattr(self, name)[members]
            out[name] = (
                column.min() if name == "first_at" else column.max() if name == "last_at" else column.sum(axis=0)
            )
        return out


_SUMS = f"""
select account,
    count(*) as n,
    count(*) filter (coalesce(turns, 0) = 0) as n_single,
    count(*) filter (from_tool) as n_tool,
    count(prompt_hash) as n_text,
    count(distinct prompt_hash) as n_distinct,
    count(distinct coalesce(session, first_user_hash, prompt_hash, exchange)) as n_trajectories,
    count(*) filter (coalesce(reasoning_tokens, 0) > 0 or len(reasoning_out) > 0) as n_reasoned,
    count(*) filter (status >= 400) as n_failed,
    coalesce(sum(output_tokens), 0)::bigint as tokens_out,
    count(output_tokens) as n_out,
    coalesce(sum(round(1000 * ln(1 + greatest(output_tokens, 0)))::bigint), 0)::bigint as log_out,
    coalesce(sum(round(1000 * ln(1 + prompt_words))::bigint), 0)::bigint as log_words,
    min(epoch_us(requested_at)) as first_at,
    max(epoch_us(requested_at)) as last_at,
    count(distinct model) as models,
    count(address_kinds) as n_located,
    count(*) filter (address_kinds & {KINDS["hosting"]} <> 0) as n_hosting,
    count(*) filter (address_kinds & {HIDING} <> 0) as n_hiding
from fingerprint group by account order by account
"""


def make_profiles(connection: Queries, fingerprints: Path, index: AccountIndex) -> Profiles:
    """Profiles of all accounts of the view `fingerprint`, whose parts lie in a folder."""
    table = connection.sql(_SUMS).to_arrow_table()
    columns: dict[str, Ints] = {
        name: table[name].to_numpy().astype(np.int64) for name in table.column_names if name != "account"
    }
    n = index.n_accounts
    hours = np.zeros((n, 24), np.int64)
    markers = np.zeros((n, N_MARKERS), np.int64)
    projection = np.zeros((n, schema.PROJECTION_DIMS), np.int64)
    squares, n_projected = np.zeros(n, np.int64), np.zeros(n, np.int64)
    wanted = ["account", "requested_at", "markers", "projection", "turns", "from_tool"]
    for part in read_parts(fingerprints, wanted):
        account = index.codes(part["account"].to_numpy())
        at = pc.cast(part["requested_at"], pa.int64()).to_numpy()
        add_hours(account, (at // _HOUR_US) % 24, hours)
        add_markers(account, filled(part["markers"], 0), markers)
        first = (filled(part["turns"], 0) == 0) & ~filled(part["from_tool"], False)
        vectors, present = matrix(part["projection"], np.int8)
        add_projections(account, vectors, first & present, projection, squares, n_projected)
    return Profiles(
        **columns, hours=hours, markers=markers, projection=projection, squares=squares, n_projected=n_projected
    )


def filled(column: pa.ChunkedArray, value: object) -> npt.NDArray[Any]:
    """A column as numpy, nulls replaced."""
    values: npt.NDArray[Any] = pc.fill_null(column, pa.scalar(value, column.type)).to_numpy()
    return values


def matrix(column: pa.ChunkedArray, kind: type) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """A fixed-size binary column as a matrix (n, width), zeros where null, and which rows are present."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks else pa.array([], array.type)
    width = array.type.byte_width
    data = array.buffers()[1]
    present = array.is_valid().to_numpy(zero_copy_only=False)
    if data is None:
        return np.zeros((len(array), width // np.dtype(kind).itemsize), kind), present
    raw = np.frombuffer(data, np.uint8)[array.offset * width : (array.offset + len(array)) * width]
    out: npt.NDArray[Any] = raw.reshape(len(array), width).view(kind)
    if not present.all():
        out = np.where(present[:, None], out, np.zeros(1, kind))
    return out, present
