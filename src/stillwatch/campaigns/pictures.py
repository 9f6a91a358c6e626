"""The data of a finding's pictures, from queries over its exchanges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.campaigns.finding import Pictures, Share
from stillwatch.links.kinds import KINDS
from stillwatch.networks.group import Scorer
from stillwatch.profiles.index import Ints

MAX_POINTS = 2000
MAX_MODELS = 6
MAX_SHARES = 24
MAX_BINS = 240
HUB_SHARE = 0.5
"""An indicator of which this share of sharers are outside the finding is drawn as a hub."""


@dataclass(frozen=True, slots=True)
class Everybody:
    """What a finding is drawn against: the time of the logs (UTC microseconds), and the share of each UTC hour."""

    first: int
    last: int
    hours: list[float]


def tell(connection: duckdb.DuckDBPyConnection, units: npt.NDArray[np.int32]) -> Everybody:
    """Make the table `told` of the exchanges of some units, so that no finding goes through everybody's again.

    Columns: position, unit, key, us (UTC microseconds), model, output_tokens, trajectory.
    """
    connection.register("told_units", pa.table({"unit": units.astype(np.int64)}))
    connection.execute(
        """
        create or replace temp table told as
        select e.position, e.unit, e.key, epoch_us(e.requested_at) as us, e.model, e.output_tokens,
            e.trajectory
        from keyed e semi join told_units u on e.unit = u.unit
        """
    )
    connection.unregister("told_units")
    first, last = _one(connection, "select min(epoch_us(requested_at)), max(epoch_us(requested_at)) from exchanges")
    return Everybody(first, last, _hours(connection, "select epoch_us(requested_at) as us from exchanges"))


def make_pictures(
    connection: duckdb.DuckDBPyConnection,
    everybody: Everybody,
    scorer: Scorer,
    members: npt.NDArray[np.int32],
    load: Ints,
    labels: dict[tuple[str, int], str],
) -> Pictures:
    """Pictures of the finding whose exchanges are in the table `picked` and whose accounts are in `picked_units`."""
    span_hours = max((everybody.last - everybody.first) / 3.6e9, 1.0)
    bin_hours = next(h for h in (1, 3, 6, 12, 24, 72, 168, 720, 8760) if span_hours / h <= MAX_BINS)
    width = int(bin_hours * 3.6e9)
    rows = connection.execute(
        f"""
        with theirs as (
            select us // {width} as bin, count(*) as n from told semi join picked_units using (unit) group by all
        ), inside as (select us // {width} as bin, count(*) as n from picked group by all)
        select bin, coalesce(i.n, 0), t.n - coalesce(i.n, 0) from theirs t left join inside i using (bin) order by bin
        """
    ).fetchall()
    timeline = [(_iso(b * width), int(inside), int(other)) for b, inside, other in rows]
    models = connection.execute(
        "select us // 86400000000 as day, model, count(*) from picked group by all order by day, model"
    ).fetchall()
    totals: dict[int, int] = {}
    for _, model, n in models:
        totals[model] = totals.get(model, 0) + n
    top = sorted(totals, key=lambda m: (-totals[m], m))[:MAX_MODELS]
    by_day: dict[tuple[int, str], int] = {}
    for day, model, n in models:
        name = labels.get(("model", model), f"{model & 0xFFFFFF:06x}") if model in top else "other"
        by_day[day, name] = by_day.get((day, name), 0) + n
    return Pictures(
        bin_hours=float(bin_hours),
        timeline=timeline,
        load=[int(x) for x in _quantiles(np.sort(load)[::-1])],
        models=[(_iso(day * 86_400_000_000)[:10], name, n) for (day, name), n in sorted(by_day.items())],
        hours=[_hours(connection, "select us from picked"), everybody.hours],
        shares=_shares(scorer, members, labels),
    )


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, ...]:
    return tuple(int(value) for value in connection.execute(sql).fetchall()[0])


def _iso(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _quantiles(load: Ints) -> Ints:
    if len(load) <= MAX_POINTS:
        return load
    return load[np.linspace(0, len(load) - 1, MAX_POINTS).round().astype(np.int64)]


def _hours(connection: duckdb.DuckDBPyConnection, source: str) -> list[float]:
    rows = connection.execute(
        f"select (us // 3600000000) % 24 as hour, count(*) from ({source}) group by hour order by hour"
    ).fetchall()
    out = np.zeros(24)
    for hour, n in rows:
        out[int(hour)] = n
    return [round(float(x), 5) for x in out / max(out.sum(), 1)]


def _shares(scorer: Scorer, members: npt.NDArray[np.int32], labels: dict[tuple[str, int], str]) -> list[Share]:
    """What the accounts share, most telling first: members it ties x bits of its lift; a few of each kind."""
    links = scorer.links
    found, inside, degree = scorer.shared(members)
    if len(found) == 0:
        return []
    outside = (degree - inside + 1) / (links.n_units - len(members) + 1)
    bits = np.maximum(np.log2(inside / len(members) / outside), 0.0)
    order = np.argsort(-(bits * inside), kind="stable")
    taken: dict[int, int] = {}
    out = []
    for at in order:
        kind = int(links.kind[found[at]])
        if taken.get(kind, 0) >= 4 or bits[at] <= 1 or KINDS[kind].name in ("rhythm", "family", "system"):
            continue
        taken[kind] = taken.get(kind, 0) + 1
        value = int(links.value[found[at]])
        label = labels.get((KINDS[kind].name, value), f"#{value & 0xFFFFFF:06x}")
        elsewhere = int(degree[at] - inside[at])
        out.append(
            Share(
                kind=KINDS[kind].label,
                label=label,
                accounts=int(inside[at]),
                elsewhere=elsewhere,
                hub=bool(elsewhere > HUB_SHARE * degree[at]),
            )
        )
        if len(out) == MAX_SHARES:
            break
    return out
