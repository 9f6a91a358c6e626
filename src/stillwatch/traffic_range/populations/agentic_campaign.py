"""Campaign: agentic, tool and vision work over hundreds of accounts on several platforms."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import clients, rhythm
from stillwatch.traffic_range.accounts import NEVER, open_accounts, shared_ids
from stillwatch.traffic_range.addresses import mixed
from stillwatch.traffic_range.conversations import pour, work
from stillwatch.traffic_range.ids import groups, only
from stillwatch.traffic_range.population import Campaign, Part, population
from stillwatch.traffic_range.stage import DAY, HOUR, Stage
from stillwatch.traffic_range.texts.moulds import family

VARIATIONS = 12


@population("agentic_campaign", campaign=Campaign("operator_b", ("agentic_coding", "tool_use", "vision")))
def agentic_campaign(stage: Stage) -> Iterator[Part]:
    """Hundreds of accounts of several kinds and platforms that share out agents' chores, tool work and vision."""
    rng = stage.rng("run")
    n, calendar = stage.n, stage.calendar
    wave = rng.choice(6, n)
    opened = calendar.day(-12) + wave * 3 * DAY + (rng.exponential(0.15, n) * DAY).astype(np.int64)
    aged = calendar.day(-40) - (rng.exponential(200, n) * DAY).astype(np.int64)
    rented = stage.addresses.rented(rng, groups(rng, n, 16), 5)
    country = rng.choice([0, 1, 2, 6, 8, 12, 14, 18], n)
    homes = stage.addresses.homes(rng, country)
    accounts = open_accounts(
        stage,
        rng,
        n,
        country=country,
        created=np.where(rng.random(n) < 0.25, aged, opened),
        server=1.0,
        addresses=mixed([rented, homes], (rng.random(n) < 0.3).astype(int)),
    )
    plan = rng.choice(["free", "paid", "enterprise"], n, p=[0.4, 0.5, 0.1])
    accounts = accounts.but(
        closed=np.full(n, NEVER),
        closed_reason=pa.nulls(n, pa.string()),
        plan=pa.array(plan),
        payment_id=only(plan != "free", shared_ids(rng, groups(rng, n, 5), "pay_")),
        platform=rng.choice(4, n, p=[0.4, 0.25, 0.2, 0.15]),
        adopts=np.where(
            rng.random(n) < 0.7,
            calendar.release + (rng.uniform(0.5, 24, n) * HOUR).astype(np.int64),
            calendar.release + (rng.exponential(4, n) * DAY).astype(np.int64),
        ),
        network=pa.repeat(pa.scalar("agentic_ring"), n),
        campaign=pa.repeat(pa.scalar(stage.name), n),
        role=pa.repeat(pa.scalar("driver"), n),
    )
    told = family(rng, "agent", VARIATIONS, in_system=True)
    base = clients.tool_sets(rng, 1, 12, 12)[0]
    tools = pa.array([base[:9], base[:7] + base[9:11], base[2:]], pa.list_(pa.string()))
    first = np.full(n, calendar.day(3))
    last = np.full(n, calendar.day(18))
    # Trajectories are dealt out evenly, day and night, more when the operator's day is on.
    who, start = rhythm.sessions(
        rng,
        calendar,
        accounts,
        stage.option("per_day", 0.75),
        hours="served",
        weekend=1.0,
        spread=0,
        bursty=0.25,
        first=first,
        last=last,
    )
    variation = pa.array((who + rng.integers(0, 2, len(who))) % VARIATIONS)
    kit = pa.array((who + rng.integers(0, 2, len(who))) % len(tools))
    chores = work(
        stage,
        rng,
        accounts,
        who,
        start,
        told.system.take(variation),
        tools.take(kit),
        steps=8,
        label="driven",
        campaign=stage.name,
    )
    seen = family(rng, "vision", VARIATIONS)
    looker, at = rhythm.sessions(
        rng,
        calendar,
        accounts,
        stage.option("per_day", 0.75) * 2,
        hours="served",
        weekend=1.0,
        spread=0,
        bursty=0.25,
        first=first,
        last=last,
    )
    which = (looker + rng.integers(0, 2, len(looker))) % VARIATIONS
    looks = pour(
        stage,
        rng,
        accounts,
        looker,
        at,
        seen,
        which,
        topic=rng.integers(0, 24, len(looker)),
        greedy=1.5,
        label="driven",
        campaign=stage.name,
    )
    yield accounts, [chores, looks]
