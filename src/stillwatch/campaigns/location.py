"""Where accounts say they are, and where they send from: services that hide it, and countries that contradict it.

Which country it is counts for nothing, here or anywhere; only that it is hidden, or that two records of it disagree.
A group's commonest network prefix is left out of both: a class, an office or a company that goes out through one exit,
its own VPN's or one abroad, sits in one place and hides from nobody.
"""

from __future__ import annotations

import duckdb
import numpy as np
from msgspec.structs import replace

from stillwatch.campaigns.calibration import Floats
from stillwatch.campaigns.finding import Evidence
from stillwatch.sources.address_lists import HIDING, KINDS

HIDDEN, SCATTERED = ("hidden-location", "contradicted-location"), "no-common-place"
"""Names of the evidence that a place is hidden, and that there is none in common."""

LEAST_ACCOUNTS = 3
"""Accounts of a group of which something must be known,"""

LEAST_KNOWN = 0.5
"""and the share of its accounts: a few do not speak for all."""

MOST_BITS = 4.0
"""What it says at the most, together: no sample of classes and agencies tells how many of them hide, and of these it is
assumed that one in sixteen does."""

_PER = 1_000_000
"""Shares are summed as integers of so many parts, so that no order of adding changes them."""


def hiding(connection: duckdb.DuckDBPyConnection, n: int) -> Floats:
    """Share of each group's exchanges that come through a VPN, a proxy or Tor, every account counted alike.

    Shape (n,); NaN where a database knows the addresses of too few accounts. The connection holds `grouped`, `keyed`,
    `exchanges`.
    """
    return _mean_share(connection, n, "e.address_kinds is not null", f"e.address_kinds & {HIDING} <> 0")


def elsewhere(connection: duckdb.DuckDBPyConnection, n: int) -> Floats:
    """Share of each group's exchanges that come from another country than the registry's, accounts counted alike.

    Exchanges from hosting are left out: a server stands where it is cheap, and says nothing of where its owner is; so
    a database must know which those are. Shape (n,); NaN where too little is known of too many accounts. The connection
    holds `registry` besides.
    """
    known = f"e.address_kinds & {KINDS['hosting']} = 0 and e.country is not null and r.home is not null"
    return _mean_share(connection, n, known, "e.country <> r.home")


def _mean_share(connection: duckdb.DuckDBPyConnection, n: int, known: str, counted: str) -> Floats:
    """Mean over a group's accounts of the share of what is counted, its commonest place left out, in what is known."""
    if not connection.execute("select 1 from exchanges where address_kinds is not null limit 1").fetchall():
        return np.full(n, np.nan)
    table = connection.sql(
        f"""
        with home as (select account, min(country) as home from registry where country <> 0 group by account),
        sent as (
            select g.grp, e.account, e.ip_prefix, count(*) filter ({known}) as n,
                count(*) filter ({known} and {counted}) as seen
            from grouped g join keyed e on e.key = g.key and e.unit = g.unit
                left join home r using (account)
            group by all
        ), mine as (select grp, account, sum(n)::bigint as n from sent group by all),
        places as (
            select grp, ip_prefix, sum(s.n * {_PER} // greatest(m.n, 1)) as weight
            from sent s join mine m using (grp, account) where ip_prefix is not null group by all
        ), commonest as (
            select grp, ip_prefix from places
            qualify row_number() over (partition by grp order by weight desc, ip_prefix) = 1
        ), hidden as (
            select s.grp, s.account, sum(s.seen)::bigint as seen
            from sent s left join commonest c using (grp) where s.ip_prefix is distinct from c.ip_prefix group by all
        )
        select m.grp, count(*)::bigint as accounts, count(*) filter (m.n > 0)::bigint as known,
            coalesce(sum(h.seen * {_PER} // greatest(m.n, 1)), 0)::bigint as share
        from mine m left join hidden h using (grp, account) group by m.grp
        """
    ).to_arrow_table()
    out = np.full(n, np.nan)
    accounts, told, share = (table[name].to_numpy() for name in ("accounts", "known", "share"))
    fit = (told >= LEAST_ACCOUNTS) & (told >= LEAST_KNOWN * accounts)
    out[table["grp"].to_numpy()[fit]] = share[fit] / told[fit] / _PER
    return out


def counted_once(evidence: list[Evidence]) -> list[Evidence]:
    """The same evidence, of which hidden places weigh `MOST_BITS` at most, and nothing beside the want of a common one.

    A pool of exits scatters its accounts and hides them: that is one fact. The weaker of the two stays, with no bits.
    """
    hidden = sum(e.bits for e in evidence if e.name in HIDDEN)
    if hidden > MOST_BITS:
        scale = MOST_BITS / hidden
        evidence = [replace(e, bits=e.bits * scale) if e.name in HIDDEN else e for e in evidence]
        hidden = MOST_BITS
    scattered = sum(e.bits for e in evidence if e.name == SCATTERED)
    if min(hidden, scattered) <= 0:
        return evidence
    weaker, better = (HIDDEN, SCATTERED) if hidden <= scattered else ((SCATTERED,), " and ".join(HIDDEN))
    said = f"; counted no second time beside {better}"
    return [replace(e, bits=0.0, sentence=e.sentence + said) if e.name in weaker else e for e in evidence]
