"""Replays: opaque reasoning blocks handed in where they were not given out: so reasoning is got out of them."""

from __future__ import annotations

import duckdb
import numpy as np

from stillwatch.campaigns.calibration import Floats
from stillwatch.links.kinds import MAX_HOLDERS

PUBLIC_DOMAIN = 20
"""Accounts with one mail domain from which it is a mail provider's, and makes nobody kin."""


def find_replays(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table `replayed`: cell, n, exchanges that hand in a block which a stranger was given, out of its place.

    Strangers have neither payment nor domain in common, as far as the registry knows; those who have fail over, or
    share a session. Out of its place: none of the messages before it is one of those before the answer that it came
    from, so that it goes on with no conversation; a proxy that mixes its customers goes on with theirs on any account.
    Where digests of messages are not known, nothing is said. Blocks that many hold were published.
    The connection holds `exchanges`, `keyed`, `of_cells` and `registry`.
    """
    columns = {name for name, *_ in connection.sql("select * from exchanges limit 0").description}
    if not columns >= {"reasoning_in", "reasoning_out", "messages"}:
        connection.execute("create or replace temp table replayed (cell integer, n bigint)")
        return
    connection.execute(
        f"""
        create or replace temp table replayed as
        with given as (
            select unnest(reasoning_out) as block, unit, messages from exchanges where len(reasoning_out) > 0
        ), handed as (
            select unnest(reasoning_in) as block, position, unit, messages from exchanges where len(reasoning_in) > 0
        ), held as (
            select block from (select block, unit from given union select block, unit from handed)
            group by block having count(*) <= {MAX_HOLDERS}
        ), own as (
            select block, min(unit) as unit, flatten(list(messages)) as messages
            from given where len(messages) > 0 group by block having count(distinct unit) = 1
        ), moved as (
            select h.position, h.unit, o.unit as giver
            from handed h join own o using (block) semi join held using (block)
            where h.unit <> o.unit and len(h.messages) > 0 and not list_has_any(h.messages, o.messages)
        ), faces as (
            select unit, payment as face from registry where payment_id is not null
            union select unit, email from registry where email_domain is not null and email in (
                select email from registry where email_domain is not null group by email
                having count(distinct unit) <= {PUBLIC_DOMAIN}
            )
        ), kin as (
            select distinct m.unit, m.giver from (select distinct unit, giver from moved) m
                join faces a on a.unit = m.unit join faces b on b.unit = m.giver and b.face = a.face
        )
        select c.cell, count(distinct m.position) as n
        from moved m anti join kin k on k.unit = m.unit and k.giver = m.giver
            join keyed d on d.position = m.position join of_cells c on c.key = d.key and c.unit = d.unit
        group by all
        """
    )


def replayed(connection: duckdb.DuckDBPyConnection, n: int, exchanges: Floats) -> Floats:
    """Share of each group's exchanges that are replays. Shapes: exchanges (n,); result (n,).

    The connection holds `grouped` and what was counted.
    """
    table = connection.sql(
        "select g.grp, sum(r.n)::bigint as n from grouped g join replayed r using (cell) group by g.grp order by g.grp"
    ).to_arrow_table()
    out = np.zeros(n)
    out[table["grp"].to_numpy()] = table["n"].to_numpy()
    share: Floats = out / np.maximum(exchanges, 1.0)
    return share
