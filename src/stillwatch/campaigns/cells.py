"""Cells: the exchanges of one unit under one key, summed up. Streams are unions of cells.

Cells are to streams what profiles are to accounts.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt

from stillwatch.fingerprint.markers import MARKERS
from stillwatch.profiles.index import Ints, rows_of


@dataclass(frozen=True, slots=True)
class Cells:
    """Sums of the exchanges of one unit under one key. Shapes: (n_cells,) int64 unless said; sorted by key, then unit.

    key: number of the key, in 0..n_keys-1; key_hash (n_keys,); is_template (n_keys,) bool.
    n, n_single, n_distinct (prompts), n_trajectories (agent loops and chats counted once), log_out and n_out,
    n_reasoned, log_words, first_at, last_at: as in profiles.
    n_tooled: exchanges that offer tools.  markers (n_cells, n_markers) int32: exchanges that show each marker.
    """

    key: Ints
    unit: Ints
    n: Ints
    n_single: Ints
    n_distinct: Ints
    n_trajectories: Ints
    n_out: Ints
    log_out: Ints
    n_reasoned: Ints
    n_tooled: Ints
    log_words: Ints
    first_at: Ints
    last_at: Ints
    markers: npt.NDArray[np.int32]
    key_hash: Ints
    is_template: npt.NDArray[np.bool_]

    @property
    def n_keys(self) -> int:
        """Distinct keys."""
        return len(self.key_hash)


@dataclass(frozen=True, slots=True)
class CellsOfUnits:
    """Where the cells of each unit are, so that a network's are found without looking at everybody's.

    Shapes: unit (n_cells,) sorted; row (n_cells,) of the cells; n (n_units,) exchanges.
    """

    unit: Ints
    row: Ints
    n: Ints

    @classmethod
    def of(cls, cells: Cells) -> CellsOfUnits:
        """The index of some cells."""
        row = np.argsort(cells.unit, kind="stable")
        return cls(cells.unit[row], row, np.bincount(cells.unit, cells.n).astype(np.int64))

    def rows(self, units: npt.NDArray[np.int32]) -> Ints:
        """The cells of some units, ascending. Shape: units (k,) distinct."""
        return np.sort(self.row[rows_of(self.unit, units)])


def make_cells(connection: duckdb.DuckDBPyConnection) -> Cells:
    """Cells of the exchanges of `keyed`, by its keys."""
    marks = "(coalesce(markers, 0) | coalesce(system_markers, 0))"
    sums = ", ".join(f"sum(({marks} >> {bit}) & 1)::int as m{bit}" for bit in range(len(MARKERS)))
    table = connection.sql(
        f"""
        select key, is_template, unit, count(*) as n,
            count(*) filter (coalesce(turns, 0) = 0) as n_single,
            count(distinct prompt_hash) as n_distinct,
            count(distinct trajectory) as n_trajectories,
            count(output_tokens) as n_out,
            coalesce(sum(round(1000 * ln(1 + greatest(output_tokens, 0)))::bigint), 0)::bigint as log_out,
            count(*) filter (reasoned) as n_reasoned,
            count(*) filter (n_tools > 0) as n_tooled,
            coalesce(sum(round(1000 * ln(1 + prompt_words))::bigint), 0)::bigint as log_words,
            min(epoch_us(requested_at)) as first_at, max(epoch_us(requested_at)) as last_at, {sums}
        from keyed group by all order by key, unit
        """
    ).to_arrow_table()
    # Column by column, since all of them twice would be the most that a scan holds.
    markers = np.empty((len(table), len(MARKERS)), np.int32)
    for bit in range(len(MARKERS)):
        markers[:, bit] = table[f"m{bit}"].to_numpy()
    table = table.drop([f"m{bit}" for bit in range(len(MARKERS))])
    key_hash, first, key = np.unique(table["key"].to_numpy(), return_index=True, return_inverse=True)
    named = (
        "unit",
        "n",
        "n_single",
        "n_distinct",
        "n_trajectories",
        "n_out",
        "log_out",
        "n_reasoned",
        "n_tooled",
        "log_words",
        "first_at",
        "last_at",
    )
    return Cells(
        key=key.astype(np.int64),
        markers=markers,
        key_hash=key_hash,
        is_template=table["is_template"].to_numpy()[first].astype(bool),
        **{name: table[name].to_numpy().astype(np.int64, copy=False) for name in named},
    )
