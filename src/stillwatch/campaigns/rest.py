"""Whether accounts rest: people sleep, and programs that work a list off do not."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.campaigns.cells import Cells
from stillwatch.profiles.index import Ints

BINS_AN_HOUR = 6
"""Bins of `counts.BIN_US`."""

NIGHT_HOURS = 8
"""Hours in a row in which an account sends least: every account has a night of its own."""

LEAST_EXCHANGES = 20
"""An account with fewer has hours without any by chance."""

LEAST_KNOWN = 0.5
"""Share of a group's accounts that have so many, below which nothing is said."""


def at_night(connection: duckdb.DuckDBPyConnection, cells: Cells, groups: Sequence[Ints]) -> npt.NDArray[np.float64]:
    """Share of exchanges in the eight hours in which each account sends least, as a mean over a group's accounts.

    NaN where too few of them send enough. Shapes: groups of row numbers of `cells`; result (n_groups,).
    The connection holds what was counted (`counts.count_traffic`).
    """
    rows = np.concatenate(groups).astype(np.int64) if groups else np.zeros(0, np.int64)
    number = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    connection.register("resting", pa.table({"cell": rows, "grp": number, "unit": cells.unit[rows].astype(np.int64)}))
    table = connection.sql(
        f"""
        select r.grp, r.unit, (b.bin // {BINS_AN_HOUR}) % 24 as hour, sum(b.n)::bigint as n
        from resting r join bins b using (cell) group by all
        """
    ).to_arrow_table()
    connection.unregister("resting")
    grp, unit, hour, n = (table[name].to_numpy().astype(np.int64) for name in ("grp", "unit", "hour", "n"))
    pairs, which = np.unique(np.stack([grp, unit]), axis=1, return_inverse=True)
    hours = np.zeros((pairs.shape[1], 24))
    hours[which.ravel(), hour] = n
    total = hours.sum(axis=1)
    round_the_clock = np.cumsum(np.concatenate([np.zeros((len(hours), 1)), hours, hours], axis=1), axis=1)
    nights = round_the_clock[:, NIGHT_HOURS : NIGHT_HOURS + 24] - round_the_clock[:, :24]
    enough = total >= LEAST_EXCHANGES
    share = nights[enough].min(axis=1) / total[enough] if enough.any() else np.zeros(0)
    accounts = np.bincount(pairs[0], minlength=len(groups))
    known = np.bincount(pairs[0][enough], minlength=len(groups))
    sums = np.bincount(pairs[0][enough], share, len(groups))
    return np.where(known >= np.maximum(LEAST_KNOWN * accounts, 1.0), sums / np.maximum(known, 1), np.nan)
