"""Probes and relays in numbers: days of refused tests before the work, and endings that follow-ups bring along."""

from __future__ import annotations

import duckdb
import numpy as np

from stillwatch.campaigns.calibration import Floats

LEAST_OF_DAY = 20
"""Different first messages that a day must have for a share of refused ones."""

LEAST_FOLLOW_UPS = 20

LEAST_ENDINGS = 10
"""Follow-ups, all different, that must begin or end alike for that to be put around them; and conversations that must
be gone on with in the same words."""


def probed(connection: duckdb.DuckDBPyConnection, n: int) -> Floats:
    """By how much the share of refused first messages was higher on one day than on all days after it; the largest.

    Who tests what passes is refused until he knows, and then works; who is refused for what he does is so every day.
    Shape (n,); NaN where no day has `LEAST_OF_DAY` different ones and as many after it.
    The connection holds `grouped` and what was counted.
    """
    table = connection.sql(
        f"""
        with repeated as (
            select g.grp, a.day, a.prompt_hash, bool_or(a.refused) as refused
            from grouped g join again a using (cell) where a.tested group by all
        ), d as (
            select grp, day, sum(n)::bigint as n, sum(refused)::bigint as refused from (
                select g.grp, t.day, t.n, t.refused from grouped g join tests t using (cell)
                union all
                select grp, day, count(*) as n, count(*) filter (refused) as refused from repeated group by all
            ) group by all
        ), later as (
            select grp, n, refused, coalesce(sum(n) over w, 0) as n_later, coalesce(sum(refused) over w, 0) as r_later
            from d window w as (partition by grp order by day rows between 1 following and unbounded following)
        )
        select grp, max(refused::double / n - r_later::double / n_later) as more
        from later where n >= {LEAST_OF_DAY} and n_later >= n group by grp order by grp
        """
    ).to_arrow_table()
    out = np.full(n, np.nan)
    out[table["grp"].to_numpy()] = np.maximum(table["more"].to_numpy(), 0.0)
    return out


def wrapped(connection: duckdb.DuckDBPyConnection, n: int) -> Floats:
    """Share of each group's follow-ups that begin or end as other, different ones do, or repeat them. Shape (n,).

    People do not repeat an instruction in every turn, or ask one and the same long question in conversation after
    conversation; what stands between them and the model does. Results of tools are left out. NaN for fewer than
    `LEAST_FOLLOW_UPS`. The connection holds `grouped` and what was counted.
    """
    table = connection.sql(
        f"""
        with f as (
            select g.grp, u.conversation, u.prompt_hash, u.head_hash, u.tail_hash
            from grouped g join follow_ups u using (cell)
        ), tails as (
            select grp, tail_hash from f where tail_hash is not null
            group by all having count(distinct head_hash) >= {LEAST_ENDINGS}
        ), heads as (
            select grp, head_hash from f where head_hash is not null
            group by all having count(distinct tail_hash) >= {LEAST_ENDINGS}
        ), wholes as (
            select grp, prompt_hash from f group by all having count(distinct conversation) >= {LEAST_ENDINGS}
        )
        select f.grp, count(*)::bigint as n,
            count(*) filter (
                t.tail_hash is not null or h.head_hash is not null or w.prompt_hash is not null
            )::bigint as wrapped
        from f left join tails t on t.grp = f.grp and t.tail_hash = f.tail_hash
            left join heads h on h.grp = f.grp and h.head_hash = f.head_hash
            left join wholes w on w.grp = f.grp and w.prompt_hash = f.prompt_hash
        group by f.grp having count(*) >= {LEAST_FOLLOW_UPS} order by f.grp
        """
    ).to_arrow_table()
    out = np.full(n, np.nan)
    out[table["grp"].to_numpy()] = table["wrapped"].to_numpy() / table["n"].to_numpy()
    return out
