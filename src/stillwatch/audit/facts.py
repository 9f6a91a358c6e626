"""What a reviewer is shown of a group or an account: what was done, and nothing of what a scan makes of it.

Counts, rhythm, what is shared with whom, and masked moulds. No bits, no verdict, no capability that a scan names, and
texts for every group alike: a text that only findings had would give them away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import duckdb
import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.links.kinds import KINDS
from stillwatch.networks.group import Scorer
from stillwatch.profiles.index import Ints

MAX_SHARED = 10
MAX_MODELS = 4
MAX_MOULDS = 3
MAX_DAYS = 400
"""Days of a group's course that are kept."""

_NOT_SHOWN = ("rhythm", "family", "system", "item", "handoff", "session", "replay")
"""Kinds of what is shared whose values say nothing to a person; the number of accounts that share prompts is told."""


class SharedThing(msgspec.Struct, frozen=True, kw_only=True):
    """Something that accounts share. accounts: of the group; elsewhere: others in these logs that have it too."""

    kind: str
    label: str
    accounts: int
    elsewhere: int


class Mould(msgspec.Struct, frozen=True, kw_only=True):
    """A mould of the group's prompts; example: its masked text, where enough accounts sent it."""

    id: str
    exchanges: int
    accounts: int
    example: str | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a group. accounts: parties; a declared organisation counts as one.

    load: exchanges an account: least, quarters, most.  days: exchanges a day from `first_day` on.  hours, everybody: of
    24 UTC hours, the group's exchanges and the share of everybody's.  first_messages, fresh: share of its exchanges
    that follow nothing, and of prompts that nobody in the group had sent before; reasoned: with reasoning.
    tokens_out: median; None where it is not logged.  repeated: share of prompts that several of its accounts sent.
    beside: what else its accounts sent, in exchanges.
    """

    accounts: int
    exchanges: int
    beside: int
    first_day: str
    days: list[int]
    load: list[int]
    hours: list[int]
    everybody: list[float]
    first_messages: float
    fresh: float | None
    repeated: float | None
    reasoned: float
    tokens_out: int | None
    models: list[tuple[str, int]]
    shared: list[SharedThing]
    moulds: list[Mould]


def gather(
    connection: duckdb.DuckDBPyConnection,
    cells: Sequence[tuple[Ints, Ints]],
    scorer: Scorer,
    labels: Mapping[tuple[str, int], str],
) -> list[Facts]:
    """Facts of groups, each given as the keys (hashes) and units of its cells; without examples of moulds.

    The connection holds `exchanges`, `keyed` and `exchange_template`.
    """
    n = len(cells)
    if not n:
        return []
    group = np.repeat(np.arange(n), [len(units) for _, units in cells])
    mapping = {
        "grp": group,
        "key": np.concatenate([keys for keys, _ in cells]),
        "unit": np.concatenate([units for _, units in cells]).astype(np.int64),
    }
    connection.register("framed_cells", pa.table(mapping))
    connection.execute(
        """
        create or replace temp table framed as
        select f.grp, e.unit, e.is_template, e.key, epoch_us(e.requested_at) as us, e.model, e.output_tokens,
            e.prompt_hash, coalesce(e.turns, 0) = 0 as single,
            e.reasoned
        from framed_cells f join keyed e on e.key = f.key and e.unit = f.unit
        """
    )
    connection.unregister("framed_cells")
    everybody = _hours(connection, "select 0 as grp, epoch_us(requested_at) as us from exchanges", 1)[0]
    shares = [round(float(x), 5) for x in np.array(everybody) / max(sum(everybody), 1)]
    totals = connection.sql(
        """
        select grp, count(*) as n, min(us) // 86400000000 as first_day, avg(single::int) as single,
            avg(reasoned::int) as reasoned, median(output_tokens) as tokens,
            count(distinct prompt_hash)::double / nullif(count(prompt_hash), 0) as fresh
        from framed group by grp order by grp
        """
    ).fetchall()
    repeated = _by_group(
        connection,
        """
        with sent as (select distinct grp, unit, prompt_hash from framed where prompt_hash is not null),
        by_prompt as (select grp, prompt_hash, count(*) as n from sent group by all)
        select grp, sum(n) filter (n > 1) / sum(n) from by_prompt group by grp
        """,
    )
    days = _rows(connection, "select grp, us // 86400000000 as day, count(*) from framed group by all order by all")
    hours = _hours(connection, "select grp, us from framed", n)
    models = _rows(connection, "select grp, model, count(*) as n from framed group by all order by grp, n desc, model")
    load = _rows(connection, "select grp, unit, count(*) from framed group by all order by all")
    moulds = _rows(
        connection,
        "select grp, key, count(*) as n, count(distinct unit) from framed where is_template group by all "
        "order by grp, n desc, key",
    )
    volume = dict(
        connection.sql("select unit, count(*) from keyed semi join framed using (unit) group by unit").fetchall()
    )
    out = []
    for grp, total, first_day, single, reasoned, tokens, fresh in totals:
        units = np.unique(cells[grp][1]).astype(np.int32)
        course = {int(day): int(sent) for day, sent in days[grp]}
        span = min(max(course) - int(first_day) + 1, MAX_DAYS)
        sent = np.array([count for _, count in load[grp]])
        out.append(
            Facts(
                accounts=len(units),
                exchanges=int(total),
                beside=sum(volume[unit] for unit in units.tolist()) - int(total),
                first_day=datetime.fromtimestamp(int(first_day) * 86_400, UTC).strftime("%Y-%m-%d"),
                days=[course.get(int(first_day) + at, 0) for at in range(span)],
                load=[int(x) for x in np.quantile(sent, (0.0, 0.25, 0.5, 0.75, 1.0), method="nearest")],
                hours=hours[grp],
                everybody=shares,
                first_messages=round(float(single), 4),
                fresh=None if fresh is None else round(float(fresh), 4),
                repeated=None if fresh is None else round(float(repeated.get(grp) or 0.0), 4),
                reasoned=round(float(reasoned), 4),
                tokens_out=None if tokens is None else int(tokens),
                models=[(_model(labels, int(model)), int(sent)) for model, sent in models[grp][:MAX_MODELS]],
                shared=_shared(scorer, units, labels),
                moulds=[
                    Mould(id=f"{int(key) & (2**64 - 1):016x}", exchanges=int(sent), accounts=int(accounts))
                    for key, sent, accounts in moulds[grp][:MAX_MOULDS]
                ],
            )
        )
    connection.execute("drop table framed")
    return out


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[int, list[tuple[int, ...]]]:
    """Rows by group, which is their first column, in their order; a group without any has none."""
    found: dict[int, list[tuple[int, ...]]] = {}
    for grp, *rest in connection.sql(sql).fetchall():
        found.setdefault(int(grp), []).append(tuple(rest))
    return _Rows(found)


class _Rows(dict[int, list[tuple[int, ...]]]):
    """Rows by group; none where a group has none."""

    def __missing__(self, key: int) -> list[tuple[int, ...]]:
        return []


def _by_group(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[int, float | None]:
    return {int(grp): value for grp, value in connection.sql(sql).fetchall()}


def _hours(connection: duckdb.DuckDBPyConnection, source: str, n: int) -> list[list[int]]:
    out = np.zeros((n, 24), np.int64)
    rows = connection.sql(
        f"select grp, (us // 3600000000) % 24 as hour, count(*) from ({source}) group by all"
    ).fetchall()
    for grp, hour, sent in rows:
        out[int(grp), int(hour)] = sent
    found: list[list[int]] = out.tolist()
    return found


def _model(labels: Mapping[tuple[str, int], str], model: int) -> str:
    return labels.get(("model", model), f"#{model & 0xFFFFFF:06x}")


def _shared(scorer: Scorer, units: npt.NDArray[np.int32], labels: Mapping[tuple[str, int], str]) -> list[SharedThing]:
    """What its accounts have in common, what most of them have and fewest others first; of one account, with whom."""
    links = scorer.links
    found, inside, degree = scorer.shared(units, least=1 if len(units) == 1 else 2)
    if len(found) == 0:
        return []
    outside = (degree - inside + 1) / (links.n_units - len(units) + 1)
    order = np.argsort(-(inside / len(units)) * np.log2(1.0 + 1.0 / outside), kind="stable")
    out: list[SharedThing] = []
    taken: dict[int, int] = {}
    for at in order:
        kind = int(links.kind[found[at]])
        if KINDS[kind].name in _NOT_SHOWN or taken.get(kind, 0) >= 3:
            continue
        value = int(links.value[found[at]])
        label = labels.get((KINDS[kind].name, value), f"#{value & 0xFFFFFF:06x}")
        # Log and registry may both tell of one payment.
        if any((one.kind, one.label) == (KINDS[kind].label, label) for one in out):
            continue
        taken[kind] = taken.get(kind, 0) + 1
        out.append(
            SharedThing(
                kind=KINDS[kind].label,
                label=label,
                accounts=int(inside[at]),
                elsewhere=int(degree[at] - inside[at]),
            )
        )
        if len(out) == MAX_SHARED:
            break
    return out
