"""What a reader must know of the logs themselves: that they hold a part of the traffic, or hide who asks."""

from __future__ import annotations

from stillwatch.engine.queries import Queries

MOST_UNITS = 20_000
"""Units whose sessions are followed: of more, every n-th."""

FEWEST_BETWEEN = 20
"""Exchanges that must have been between two that were logged, before their share is told."""

WHOLE = 0.9
"""Logs that hold this share of the exchanges are taken for whole: sessions have gaps of their own."""

ONE_ADDRESS = 0.5
"""An address with this share of several accounts' traffic is a proxy's."""


def remarks_on(connection: Queries, n_units: int) -> list[str]:
    """Sentences on what the logs seem to lack; empty where nothing does.

    Sampling: of a session's exchanges the first and the last that were logged are there for certain, and each exchange
    of a conversation has two messages more before it than the one before; each between them was logged with one chance.
    Assumes: the view `exchanges`.  Cost: one pass over the columns of sessions, one over addresses.
    """
    out = []
    every = max(n_units // MOST_UNITS, 1)
    gaps = connection.sql(
        f"""
        select coalesce(sum(n - 2), 0), coalesce(sum(last - first - 1), 0) from (
            select count(distinct turns // 2) as n, min(turns // 2) as first, max(turns // 2) as last from exchanges
            where session is not null and turns is not null and unit % {every} = 0 group by unit, session
        ) where n >= 2
        """
    ).to_arrow_table()
    logged, between = (int(column[0].as_py()) for column in gaps.columns)
    if between >= FEWEST_BETWEEN and logged < WHOLE * between:
        out.append(
            f"These logs seem to hold {logged / between:.0%} of the exchanges (by turns of sessions): counts are too "
            "low by as much, and campaigns may be missed that all of the traffic would show"
        )
    busiest = connection.sql(
        """
        select coalesce(max(n), 0), coalesce(sum(n), 0), coalesce(arg_max(accounts, n), 0) from (
            select count(*) as n, count(distinct account) as accounts from exchanges where ip is not null group by ip
        )
        """
    ).to_arrow_table()
    most, known, accounts = (int(column[0].as_py()) for column in busiest.columns)
    if accounts > 1 and most >= ONE_ADDRESS * known:
        out.append(
            f"{most / known:.0%} of the traffic comes from one address, which must be a proxy: where clients are "
            "cannot be seen; `stillwatch check` says how to log their own addresses"
        )
    return out
