"""Keys: what a driver cannot help repeating. Every exchange has one, and streams are made of keys.

The template is the key where there is one, else the plumbing: system prompt and tools, with token limit and
temperature. These last say nothing by themselves.

A driver that words every request anew has neither, but it still asks for what it is after: so what a network's accounts
send without a mould is one key of theirs, as far as it is of kinds that they ask for far oftener than everybody else
does. A kind is what a prompt asks for (`fingerprint.markers`), whether it begins a conversation, and with what tools.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.engine.rows import keep_rows
from stillwatch.profiles.index import Ints

PARAMETERS = """(coalesce(least(max_tokens, 10000000), -1) * 1000003
    + coalesce(round(least(temperature, 10) * 1000)::bigint, -1))"""
"""How token limit and temperature become one number, in integer SQL that every engine reads alike."""

PLUMBING = f"xor(xor(coalesce(system_hash, 0), coalesce(tools_hash, 0)), {PARAMETERS})"
"""The same with system prompt and tools."""

KIND = """xor(coalesce(tools_hash, 0), ((coalesce(markers, 0) | coalesce(system_markers, 0)) & 4294967295) * 2000003
    + (coalesce(turns, 0) = 0)::bigint)"""
"""What an exchange asks for; hints of markers say too little."""

SMALL = 20
"""A template or a system prompt of fewer exchanges is no mould that a driver pours from."""

KIND_BITS = 3.0
"""A network asks for a kind where it does so at least eight times as often as others do."""

ALSO_BITS = 2.0
"""Who asks for such kinds has others too, that it asks for four times as often as others do: at most a quarter of these
is what everybody would send."""

MIN_KIND_UNITS = 3
MIN_KIND_EXCHANGES = 5

OF_UNPOURED = 0.2
OF_NETWORK = 0.1
"""A driver's network asks for such kinds in a fifth of what it sends without a mould at least, and a tenth of all. What
a reseller's many customers send without one is what everybody sends."""

_POOLED = -(2**62)
"""From here downwards the keys of what networks send without a mould are numbered."""

MAX_NETWORKS = 1_000_000

UNPOURED = _POOLED + 1
"""The key of what is sent without mould, system prompt and tools, and is not pooled: it tells nothing of who sent it.
Token limits and temperatures are a program's, and all customers of a reseller may have one."""


def is_pooled(keys: Ints) -> npt.NDArray[np.bool_]:
    """Whether keys are what a network sends without a mould. Shapes: (n,) both."""
    return (keys <= _POOLED) & (keys > _POOLED - MAX_NETWORKS)


CARRIED = (
    "position", "exchange", "account", "unit", "requested_at", "model", "prompt_hash", "head_hash", "tail_hash",
    "system_hash", "tools_hash", "markers", "system_markers", "turns", "from_tool", "prompt_words", "n_tools",
    "output_tokens", "finish", "ip_prefix", "client", "country", "address_kinds",
)  # fmt: skip
"""Columns of an exchange that its row in `keyed` carries, so that nobody joins the two again."""


def key_exchanges(
    connection: duckdb.DuckDBPyConnection, networks: Sequence[npt.NDArray[np.int32]], folder: Path | None = None
) -> None:
    """Make `keyed`, a row an exchange: what it is `CARRIED` with, key, is_template, parameters, trajectory, reasoned.

    trajectory: what its agent loop or chat is told from others by.  reasoned: whether reasoning came with the answer.
    networks: units of each; where they overlap, the first counts.  folder: where the rows go, as Parquet; in memory
    where None. The connection holds `exchanges` and `exchange_template`.
    """
    members = np.concatenate(networks) if networks else np.zeros(0, np.int32)
    units, first = np.unique(members, return_index=True)
    number = np.repeat(np.arange(len(networks)), [len(one) for one in networks])[first]
    connection.register("of_networks", pa.table({"unit": units.astype(np.int64), "network": number}))
    connection.execute(
        f"""
        create or replace temp table in_network as select * from of_networks;
        create or replace temp table moulds as
            select template from exchange_template group by all having count(*) >= {SMALL};
        create or replace temp table systems as
            select system_hash as system from exchanges where system_hash is not null group by all
            having count(*) >= {SMALL}
        """
    )
    connection.unregister("of_networks")
    unpoured = "m.template is null and (t.template is not null or s.system is null)"
    told = f"case when markers is not null and {unpoured} then {KIND} end"
    source = """exchanges e left join exchange_template t using (position)
        left join moulds m on m.template = t.template left join systems s on s.system = e.system_hash
        left join in_network i on i.unit = e.unit"""
    connection.execute(
        f"""
        create or replace temp table kinds as
        select i.network, {told} as kind, count(*) as n, count(distinct case when i.network is not null then e.unit end)
            as units
        from {source} group by all
        """
    )
    connection.execute(
        f"""
        create or replace temp table pooled as
        with size as (
            select network, sum(n)::bigint as inside, (select sum(n)::bigint from kinds) - sum(n)::bigint as outside
            from kinds where network is not null group by all
        ), everybody as (select kind, sum(n)::bigint as n from kinds where kind is not null group by all),
        theirs as (select * from kinds where network is not null and kind is not null), asked as (
            select t.network, t.kind, t.n,
                (2 * t.n + 1) * (s.outside + 1) >= {2**KIND_BITS:.0f} * (2 * (e.n - t.n) + 1) * (s.inside + 1) as much
            from theirs t join everybody e using (kind) join size s using (network)
            where t.n >= {MIN_KIND_EXCHANGES} and t.units >= {MIN_KIND_UNITS}
                and (2 * t.n + 1) * (s.outside + 1) >= {2**ALSO_BITS:.0f} * (2 * (e.n - t.n) + 1) * (s.inside + 1)
        ), mostly as (
            select network from (select network, sum(n)::bigint as n from asked where much group by all) a
                join (select network, sum(n)::bigint as unpoured from theirs group by all) t using (network)
                join size s using (network)
            where 100 * a.n >= {100 * OF_UNPOURED:.0f} * t.unpoured and 100 * a.n >= {100 * OF_NETWORK:.0f} * s.inside
        )
        select network, kind, {_POOLED} - network as key from asked semi join mostly using (network)
        """
    )
    keyed = f"""
        select {", ".join(f"e.{name}" for name in CARRIED)},
            coalesce(p.key, case when t.template is null and e.system_hash is null and e.tools_hash is null
                then {UNPOURED} else coalesce(t.template, {PLUMBING}) end) as key,
            t.template is not null and p.key is null as is_template, {PARAMETERS} as parameters,
            coalesce(e.session, e.first_user_hash, e.prompt_hash, e.exchange) as trajectory,
            coalesce(e.reasoning_tokens, 0) > 0 or coalesce(len(e.reasoning_out), 0) > 0 as reasoned
        from {source} left join pooled p on p.network = i.network and p.kind = {told}
    """
    keep_rows(connection, "keyed", keyed, folder)
    connection.execute("drop table in_network; drop table moulds; drop table systems; drop table kinds")
    connection.execute("drop table pooled")
