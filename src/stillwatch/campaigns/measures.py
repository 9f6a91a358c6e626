"""Measures of groups of cells: what a stream looks like, computed alike for candidates and for honest reference groups.

Each measure is one number a group. Evidence compares a candidate's number with those of the reference groups, so that
whatever everybody's traffic does (days, outages, releases, tools) is in the comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from hashlib import blake2b
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.campaigns.cells import Cells
from stillwatch.campaigns.counts import buckets_looked_at, count_traffic
from stillwatch.campaigns.focus import everybodys_mean, focus
from stillwatch.campaigns.location import elsewhere, hiding
from stillwatch.campaigns.moves import outside_busiest_week, pivot, succession
from stillwatch.campaigns.probes import probed, wrapped
from stillwatch.campaigns.replays import replayed
from stillwatch.campaigns.sameness import between_accounts, chosen_pairs
from stillwatch.fingerprint.markers import MARKERS
from stillwatch.profiles.index import Ints

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measures:
    """One row a group. Shapes: (n_groups,) float64 unless said; NaN where the logs could not support it.

    units, exchanges: how many.  unevenness: coefficient of variation of exchanges a unit.
    overlap: share of the group's prompts, counted once a unit, that another unit of it sent too.
    sync: log2 of coincidences of different units in the same ten minutes over those that everybody's rhythm explains.
    single: share without messages before.  distinct: share of prompts that no unit of the group had sent before.
    log_out, log_words: mean ln(1 + tokens out), ln(1 + words).  reasoned: share with reasoning.
    mould: share under templates.  tooled: share that offer tools.
    markers (n_groups, n_markers): share of exchanges with each.
    outside: share of exchanges outside its busiest week; NaN where the logs last no longer.
    focus, pivot, succession, hiding, elsewhere, probed, wrapped: see the functions of these names.
    apart: see `sameness.between_accounts`.  replayed: see `replays`.
    """

    units: Floats
    exchanges: Floats
    unevenness: Floats
    overlap: Floats
    sync: Floats
    single: Floats
    distinct: Floats
    log_out: Floats
    log_words: Floats
    reasoned: Floats
    mould: Floats
    tooled: Floats
    markers: Floats
    outside: Floats
    focus: Floats
    pivot: Floats
    succession: Floats
    hiding: Floats
    elsewhere: Floats
    probed: Floats
    wrapped: Floats
    apart: Floats
    replayed: Floats


def joined(one: Measures, other: Measures) -> Measures:
    """The groups of both."""
    columns = {
        field.name: np.concatenate([getattr(one, field.name), getattr(other, field.name)]) for field in fields(Measures)
    }
    return Measures(**columns)


def chosen(measures: Measures, rows: npt.NDArray[np.bool_]) -> Measures:
    """Some of the groups. Shape: rows (n_groups,)."""
    return Measures(**{field.name: getattr(measures, field.name)[rows] for field in fields(Measures)})


def per_account(measures: Measures) -> Measures:
    """The groups with as many exchanges as one of their accounts has on average."""
    return replace(measures, exchanges=measures.exchanges / np.maximum(measures.units, 1.0))


class Measuring:
    """Measures groups of cells; a group that it was asked for before is not measured again.

    The traffic is counted when it is made: the connection holds `exchanges`, `keyed` and `registry`, and nobody else
    changes what `counts.count_traffic` makes, in `folder` or in memory.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, cells: Cells, folder: Path | None = None) -> None:
        self._connection, self._cells = connection, cells
        self._rows: dict[bytes, int] = {}
        self._measured: Measures | None = None
        count_traffic(connection, cells, folder)
        self._mean = everybodys_mean(connection)

    def measure(self, groups: Sequence[Ints]) -> Measures:
        """Measures of groups, each given as row numbers of the cells, ascending."""
        names = [blake2b(rows.astype(np.int64).tobytes(), digest_size=16).digest() for rows in groups]
        new = {name: rows for name, rows in zip(names, groups, strict=True) if name not in self._rows}
        if new or self._measured is None:
            found = _measure(self._connection, self._cells, list(new.values()), self._mean)
            first = len(self._rows)
            self._rows |= {name: first + at for at, name in enumerate(new)}
            self._measured = found if self._measured is None else joined(self._measured, found)
        at = np.array([self._rows[name] for name in names], np.int64)
        return Measures(**{field.name: getattr(self._measured, field.name)[at] for field in fields(Measures)})


def _measure(connection: duckdb.DuckDBPyConnection, cells: Cells, groups: Sequence[Ints], mean: Floats) -> Measures:
    n = len(groups)
    group = np.repeat(np.arange(n), [len(g) for g in groups]).astype(np.int64)
    rows = np.concatenate(groups).astype(np.int64) if n else np.zeros(0, np.int64)

    def total(column: Ints | npt.NDArray[np.int32]) -> Floats:
        sums: Floats = np.bincount(group, column[rows], n).astype(np.float64)
        return sums

    # exchanges of each unit of each group
    pair = group * (int(cells.unit.max()) + 1 if len(cells.unit) else 1) + cells.unit[rows]
    pairs, inverse = np.unique(pair, return_inverse=True)
    load = np.bincount(inverse, cells.n[rows], len(pairs))
    owner = np.zeros(len(pairs), np.int64)
    owner[inverse] = group
    units = np.bincount(owner, minlength=n).astype(np.float64)
    usual = np.bincount(owner, load, n) / np.maximum(units, 1)
    spread = np.bincount(owner, load**2, n) / np.maximum(units, 1) - usual**2
    exchanges = total(cells.n)
    mapping = {"grp": group, "cell": rows, "key": cells.key_hash[cells.key[rows]], "unit": cells.unit[rows]}
    # What a group is sampled by stands beside its cells: a join by what is less than a limit has no good plan.
    number = chosen_pairs(owner, n)
    mapping |= {"number": number[inverse]}
    mapping |= {"alone": units[group] == 1, "most": buckets_looked_at(exchanges)[group]}
    connection.register("grouping", pa.table(mapping))
    connection.execute("create or replace temp table grouped as select * from grouping")
    connection.unregister("grouping")
    (overlap, distinct), sync = _prompts(connection, n), _sync(connection, n)
    alike, apart = focus(connection, n, mean), between_accounts(connection, owner, number, n)
    moved, followed, outside = pivot(connection, n), succession(connection, n), outside_busiest_week(connection, n)
    tests, around = probed(connection, n), wrapped(connection, n)
    hidden, abroad = hiding(connection, n), elsewhere(connection, n)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Measures(
            units=units,
            exchanges=exchanges,
            unevenness=np.sqrt(np.maximum(spread, 0.0)) / usual,
            overlap=overlap,
            sync=sync,
            single=total(cells.n_single) / exchanges,
            distinct=distinct,
            log_out=total(cells.log_out) / total(cells.n_out) / 1000,
            log_words=np.where(np.isnan(distinct), np.nan, total(cells.log_words) / exchanges / 1000),
            reasoned=total(cells.n_reasoned) / exchanges,
            mould=np.bincount(group, np.where(cells.is_template[cells.key[rows]], cells.n[rows], 0), n) / exchanges,
            tooled=total(cells.n_tooled) / exchanges,
            markers=np.stack([total(cells.markers[:, m]) for m in range(len(MARKERS))], axis=1) / exchanges[:, None],
            outside=outside,
            focus=alike,
            pivot=moved,
            succession=followed,
            hiding=hidden,
            elsewhere=abroad,
            probed=tests,
            wrapped=around,
            apart=apart,
            replayed=replayed(connection, n, exchanges),
        )


def _prompts(connection: duckdb.DuckDBPyConnection, n: int) -> tuple[Floats, Floats]:
    """Share of a group's (unit, prompt) pairs whose prompt another unit sent too; its distinct prompts an exchange."""
    table = connection.sql(
        """
        with p as (
            select g.grp, g.unit, a.prompt_hash, sum(a.n) as n from grouped g join again a using (cell) group by all
        ), c as (select grp, prompt_hash, count(*) as units, sum(n) as n from p group by all), r as (
            select grp, sum(units) as pairs, coalesce(sum(units) filter (units > 1), 0) as shared,
                count(*) as prompts, sum(n) as n
            from c group by grp
            union all
            select g.grp, sum(o.n), 0, sum(o.n), sum(o.n) from grouped g join once o using (cell) group by grp
        )
        select grp, sum(pairs)::bigint as pairs, sum(shared)::bigint as shared, sum(prompts)::bigint as prompts,
            sum(n)::bigint as n
        from r group by grp
        """
    ).to_arrow_table()
    overlap, distinct = np.full(n, np.nan), np.full(n, np.nan)
    at = table["grp"].to_numpy()
    overlap[at] = table["shared"].to_numpy() / table["pairs"].to_numpy()
    distinct[at] = table["prompts"].to_numpy() / table["n"].to_numpy()
    return overlap, distinct


def _sync(connection: duckdb.DuckDBPyConnection, n: int) -> Floats:
    """log2 of coincidences between different units over those that everybody's rhythm explains, bins of ten minutes.

    What is of one unit alone coincides with nobody, and none is expected: 0.
    """
    table = connection.sql(
        """
        with b as (
            select g.grp, g.unit, b.bin, least(sum(b.n), 8)::bigint as x
            from grouped g join bins b using (cell) where not g.alone group by all
        ), binned as (select grp, bin, sum(x) as x, sum(x * x) as own from b group by all),
        own as (select grp, unit, sum(x) as x from b group by all),
        expected as (select grp, (sum(x) ** 2 - sum(x * x))::double as pairs from own group by grp)
        select grp, sum(x * x - own)::double as seen, any_value(pairs) * any_value(p2) as chance
        from binned join expected using (grp), rhythm group by grp order by grp
        """
    ).to_arrow_table()
    out = np.zeros(n)
    seen, chance = table["seen"].to_numpy(), table["chance"].to_numpy()
    out[table["grp"].to_numpy()] = np.log2((seen + 1.0) / (chance + 1.0))
    return out
