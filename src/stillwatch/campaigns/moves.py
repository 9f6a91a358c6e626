"""Moves: to a new model, from closed accounts to others, and out of the week in which a group was busiest."""

from __future__ import annotations

import duckdb
import numpy as np

from stillwatch.campaigns.calibration import Floats
from stillwatch.campaigns.counts import DAY_US

LEAST_EXCHANGES = 20
"""Exchanges that a group must have before a release and on its day."""

WEEK_DAYS = 7

LEAST_CLOSED = 3
"""Accounts of a group that must have been closed."""


def pivot(connection: duckdb.DuckDBPyConnection, n: int) -> Floats:
    """Share of each group's exchanges of a release's first day that went to the new model: the largest over releases.

    Shape (n,); NaN where no release fell into the group's time. The connection holds `grouped` and what was counted.
    """
    table = connection.sql(
        """
        select g.grp, m.release, sum(m.before)::bigint as before, sum(m.during)::bigint as during,
            sum(m.moved)::bigint as moved
        from grouped g join moved m using (cell) group by all
        """
    ).to_arrow_table()
    out = np.full(n, np.nan)
    before, during, moved = (table[name].to_numpy() for name in ("before", "during", "moved"))
    fit = (before >= LEAST_EXCHANGES) & (during >= LEAST_EXCHANGES)
    np.fmax.at(out, table["grp"].to_numpy()[fit], moved[fit] / during[fit])
    return out


def succession(connection: duckdb.DuckDBPyConnection, n: int) -> Floats:
    """log2 of how often an account of a group begins within a day after another was closed, over chance.

    Shape (n,); NaN where fewer than `LEAST_CLOSED` of its accounts were closed in the time of the logs.
    Chance: the group's beginnings, spread over the time of the logs. The connection holds `registry` besides.
    """
    table = connection.sql(
        f"""
        with units as (select distinct grp, unit from grouped), closed as (
            select u.grp, u.unit, r.closed_us as at from units u join registry r using (unit), span
            where r.closed_us > span.low and r.closed_us < span.high
        ), begins as (
            select u.grp, u.unit, b.at from units u join begun b using (unit), span where b.at > span.low + {DAY_US}
        ), counts as (
            select c.grp, count(*)::bigint as n_closed, any_value(b.n)::bigint as n_begins
            from closed c join (select grp, count(*) as n from begins group by grp) b using (grp) group by c.grp
        ), matched as (
            select c.grp, count(*)::bigint as n from closed c join begins b
            on b.grp = c.grp and b.unit <> c.unit and b.at >= c.at and b.at < c.at + {DAY_US} group by c.grp
        )
        select c.grp, c.n_closed, coalesce(m.n, 0)::double as seen,
            c.n_closed * c.n_begins * {DAY_US}::double / (span.high - span.low) as chance
        from counts c left join matched m using (grp), span
        """
    ).to_arrow_table()
    out = np.full(n, np.nan)
    fit = table["n_closed"].to_numpy() >= LEAST_CLOSED
    seen, chance = table["seen"].to_numpy()[fit], table["chance"].to_numpy()[fit]
    out[table["grp"].to_numpy()[fit]] = np.log2((seen + 1.0) / (chance + 1.0))
    return out


def outside_busiest_week(connection: duckdb.DuckDBPyConnection, n: int) -> Floats:
    """Share of each group's exchanges that lie outside the seven days in which it sent most.

    Shape (n,); NaN where the logs last no longer than such a week and a day. The connection holds `grouped` and what
    was counted.
    """
    table = connection.sql(
        f"""
        select g.grp, d.day, sum(d.n)::bigint as n from grouped g join days d using (cell), span
        where span.high - span.low > {WEEK_DAYS + 1} * {DAY_US}
        group by all
        """
    ).to_arrow_table()
    out = np.full(n, np.nan)
    if table.num_rows == 0:
        return out
    group, day, count = (table[name].to_numpy() for name in ("grp", "day", "n"))
    days = np.zeros((n, int(day.max()) + WEEK_DAYS + 1))
    days[group, day + WEEK_DAYS] = count
    sums = np.cumsum(days, axis=1)
    seen = np.unique(group)
    total = sums[seen, -1]
    busiest = (sums[seen, WEEK_DAYS:] - sums[seen, :-WEEK_DAYS]).max(axis=1)
    out[seen] = 1.0 - busiest / total
    return out
