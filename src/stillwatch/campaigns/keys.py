"""Keys: what a driver cannot help repeating. Every exchange has one, and streams are made of keys.

The template is the key where there is one, else the plumbing: system prompt and tools, with token limit and
temperature. These last say nothing by themselves.

A driver that words every request anew has neither, but it still asks for what it is after: so what a network's accounts
send without a mould is one key of theirs, as far as it is of kinds that they ask for far oftener than everybody else
does. A kind is what a prompt asks for (`fingerprint.markers`), whether it begins a conversation, and with what tools.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

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

MIN_KIND_UNITS = 3
MIN_KIND_EXCHANGES = 5

OF_UNPOURED = 0.4
OF_NETWORK = 0.2
"""A driver's network asks mostly for such kinds: two fifths of what it sends without a mould, and a fifth of all. What
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


def key_exchanges(connection: duckdb.DuckDBPyConnection, networks: Sequence[npt.NDArray[np.int32]]) -> None:
    """Make the table `keyed`: position, unit, key, is_template, parameters; of every exchange.

    networks: units of each; where they overlap, the first counts. The connection holds `exchanges` and
    `exchange_template`.
    """
    connection.execute(
        f"""
        create or replace temp table keyed as
        select e.position, e.unit, coalesce(t.template, {PLUMBING}) as key, t.template is not null as is_template,
            {PARAMETERS} as parameters
        from exchanges e left join exchange_template t using (position)
        """
    )
    connection.execute(
        f"""
        create or replace temp table unpoured as
        with templates as (select key from keyed where is_template group by key having count(*) >= {SMALL}),
        systems as (
            select system_hash from exchanges where system_hash is not null group by all having count(*) >= {SMALL}
        )
        select e.position, e.unit, {KIND} as kind,
            not k.is_template and e.system_hash is null and e.tools_hash is null as by_itself,
            e.markers is not null as worded
        from exchanges e join keyed k using (position)
            anti join templates t on k.is_template and t.key = k.key
            anti join systems s on not k.is_template and s.system_hash = e.system_hash
        """
    )
    members = np.concatenate(networks) if networks else np.zeros(0, np.int32)
    units, first = np.unique(members, return_index=True)
    number = np.repeat(np.arange(len(networks)), [len(one) for one in networks])[first]
    connection.register("in_network", pa.table({"unit": units.astype(np.int64), "network": number}))
    connection.execute(
        f"""
        create or replace temp table pooled as
        with size as (
            select n.network, count(*) as inside, (select count(*) from exchanges) - count(*) as outside
            from exchanges join in_network n using (unit) group by all
        ), everybody as (select kind, count(*) as n from unpoured where worded group by all),
        theirs as (
            select n.network, u.kind, count(*) as n, count(distinct u.unit) as units
            from unpoured u join in_network n using (unit) where u.worded group by all
        ), asked as (
            select t.network, t.kind, t.n
            from theirs t join everybody e using (kind) join size s using (network)
            where t.n >= {MIN_KIND_EXCHANGES} and t.units >= {MIN_KIND_UNITS}
                and (2 * t.n + 1) * (s.outside + 1) >= {2**KIND_BITS:.0f} * (2 * (e.n - t.n) + 1) * (s.inside + 1)
        ), mostly as (
            select network from (select network, sum(n)::bigint as n from asked group by all) a
                join (select network, sum(n)::bigint as unpoured from theirs group by all) t using (network)
                join size s using (network)
            where 100 * a.n >= {100 * OF_UNPOURED:.0f} * t.unpoured and 100 * a.n >= {100 * OF_NETWORK:.0f} * s.inside
        )
        select u.position, {_POOLED} - n.network as key
        from unpoured u join in_network n using (unit) semi join asked a on a.network = n.network and a.kind = u.kind
            semi join mostly m on m.network = n.network
        where u.worded
        """
    )
    connection.unregister("in_network")
    connection.execute(
        f"""
        create or replace temp table keyed as
        select k.position, k.unit,
            coalesce(p.key, case when u.by_itself then {UNPOURED} else k.key end) as key,
            k.is_template and p.key is null as is_template, k.parameters
        from keyed k left join unpoured u using (position) left join pooled p using (position)
        """
    )
    connection.execute("drop table unpoured; drop table pooled")
