"""Links: which unit shows which indicator, as two compressed sparse matrices that share their entries.

Everything after this step lives on these: it grows with (unit, indicator) pairs, never with pairs of accounts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.engine.queries import Queries
from stillwatch.links.kinds import FAMILIES, GROUPS, KINDS, Kind
from stillwatch.links.rhythm import BIN_SECONDS, rhythm_bands
from stillwatch.profiles.index import AccountIndex, Ints

MAX_VALUES = 48
"""Values of one kind kept of a unit: those in most of its exchanges. Bounds the work, and proxies rotate addresses."""


@dataclass(frozen=True, slots=True)
class Links:
    """The sparse matrix units x indicators, both ways round.

    Shapes: unit_offsets (n_units + 1,), unit_indicators (n_links,) int32, unit_counts (n_links,) int64: indicators by
    unit, and in how many of its exchanges.  indicator_offsets (n_indicators + 1,), indicator_units (n_links,) int32:
    units by indicator.  kind (n_indicators,) int8: number in `KINDS`.  group, family (n_indicators,) int8: numbers in
    `GROUPS`, `FAMILIES`.  value (n_indicators,) int64.  log_values (n_units, n_groups) float32: log2 of the number of
    shared values that the unit shows of each group of kinds.
    """

    unit_offsets: Ints
    unit_indicators: npt.NDArray[np.int32]
    unit_counts: Ints
    indicator_offsets: Ints
    indicator_units: npt.NDArray[np.int32]
    kind: npt.NDArray[np.int8]
    group: npt.NDArray[np.int8]
    family: npt.NDArray[np.int8]
    value: Ints
    log_values: npt.NDArray[np.float32]

    @property
    def n_units(self) -> int:
        """All units, linked or not."""
        return len(self.unit_offsets) - 1

    @property
    def n_indicators(self) -> int:
        """Values that two units or more show."""
        return len(self.value)

    def members(self, indicator: int) -> npt.NDArray[np.int32]:
        """Units that show an indicator, ascending."""
        return self.indicator_units[self.indicator_offsets[indicator] : self.indicator_offsets[indicator + 1]]

    def degree(self) -> Ints:
        """Units of each indicator."""
        return np.diff(self.indicator_offsets)


_TRIM = """
with shown as (
    select unit, value, n from (
        select unit, value, n, row_number() over (partition by unit order by n desc, value) as place from ({sql})
    ) where place <= {most}
)
select unit, value, n from shown semi join (select value from shown group by value having count(*) >= 2) using (value)
order by value, unit
"""


def make_links(connection: Queries, index: AccountIndex) -> Links:
    """Links of every kind that the traffic supports.

    The connection holds the views `exchanges` (fingerprints and unit), `exchange_template`, `template`, `registry`.
    """
    units, values, counts, kinds = [], [], [], []
    for number, kind in enumerate(KINDS):
        unit, value, n = _rhythm(connection, index) if kind.name == "rhythm" else _shared(connection, kind)
        units.append(unit)
        values.append(value)
        counts.append(n)
        kinds.append(np.full(len(unit), number, np.int64))
    return assemble(
        np.concatenate(units), np.concatenate(kinds), np.concatenate(values), np.concatenate(counts), index.n_units
    )


def assemble(unit: Ints, kind: Ints, value: Ints, n: Ints, n_units: int) -> Links:
    """Links from their entries, in any order; entries whose indicator has one unit only are left out."""
    order = np.lexsort((unit, value, kind))
    unit, kind, value, n = unit[order], kind[order], value[order], n[order]
    new = np.ones(len(unit), bool)
    new[1:] = (kind[1:] != kind[:-1]) | (value[1:] != value[:-1])
    starts = np.flatnonzero(new)
    sizes = np.diff(np.append(starts, len(unit)))
    keep = np.repeat(sizes >= 2, sizes)
    unit, n = unit[keep], n[keep]
    starts, sizes = starts[sizes >= 2], sizes[sizes >= 2]
    kind_of = kind[starts] if len(starts) else np.zeros(0, np.int64)
    # starts index the unfiltered arrays for kind and value; offsets index the filtered ones
    value_of = value[starts] if len(starts) else np.zeros(0, np.int64)
    indicator = np.repeat(np.arange(len(starts)), sizes)
    by_unit = np.lexsort((indicator, unit))
    group_of_kind = np.array([GROUPS.index(k.group) for k in KINDS], np.int8)
    family_of_kind = np.array([FAMILIES.index(k.family) for k in KINDS], np.int8)
    shows = unit * len(GROUPS) + group_of_kind[kind_of][indicator]
    n_values = np.bincount(shows, minlength=n_units * len(GROUPS)).reshape(n_units, len(GROUPS))
    return Links(
        unit_offsets=np.concatenate([[0], np.cumsum(np.bincount(unit, minlength=n_units))]).astype(np.int64),
        unit_indicators=indicator[by_unit].astype(np.int32),
        unit_counts=n[by_unit],
        indicator_offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        indicator_units=unit.astype(np.int32),
        kind=kind_of.astype(np.int8),
        group=group_of_kind[kind_of],
        family=family_of_kind[kind_of],
        value=value_of,
        log_values=np.log2(np.maximum(n_values, 1)).astype(np.float32),
    )


def _shared(connection: Queries, kind: Kind) -> tuple[Ints, Ints, Ints]:
    table = connection.sql(_TRIM.format(sql=kind.sql, most=MAX_VALUES)).to_arrow_table()
    return _ints(table, "unit"), _ints(table, "value"), _ints(table, "n")


def _rhythm(connection: Queries, index: AccountIndex) -> tuple[Ints, Ints, Ints]:
    table = connection.sql(
        f"""
        with b as (select unit, epoch_us(requested_at) // {BIN_SECONDS * 1_000_000} as bin from exchanges),
             f as (select min(bin) as low from b)
        select distinct unit, bin - low as bin from b, f order by unit, bin
        """
    ).to_arrow_table()
    unit, bin_ = _ints(table, "unit"), _ints(table, "bin")
    units, values = rhythm_bands(unit, bin_, index.n_units)
    return units, values, np.ones(len(units), np.int64)


def _ints(table: pa.Table, name: str) -> Ints:
    out: Ints = table[name].to_numpy().astype(np.int64)
    return out
