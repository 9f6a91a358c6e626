"""Campaign: agentic, tool and vision work over hundreds of accounts on several platforms."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import clients, rhythm
from stillwatch.traffic_range.accounts import NEVER, open_accounts, shared_ids
from stillwatch.traffic_range.addresses import mixed
from stillwatch.traffic_range.conversations import pour, work
from stillwatch.traffic_range.grammar import join
from stillwatch.traffic_range.ids import groups, only
from stillwatch.traffic_range.population import Campaign, Part, population
from stillwatch.traffic_range.stage import DAY, HOUR, Stage
from stillwatch.traffic_range.texts.moulds import MOULDS, family

VARIATIONS = 12
"""Of each mould; half of the agents' stand in the system prompt."""

KITS = ((3, 2), (5, 1), (7, 2), (9, 1), (4, 4), (11, 1))
"""Tools of each kit: how many of the base's first and last."""


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
    # A third of the accounts say that they are a popular coding agent.
    posed = np.where(rng.random(n) < 0.35, rng.choice([clients.CODEROO, clients.PATCHPILOT], n), accounts.client)
    plan = rng.choice(["free", "paid", "enterprise"], n, p=[0.4, 0.5, 0.1])
    accounts = accounts.but(
        client=posed,
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
    inside, before = (family(rng, "agent", VARIATIONS // 2, in_system=place) for place in (True, False))
    told = pa.concat_arrays([inside.system, before.system])
    lead = pa.concat_arrays([pa.repeat(pa.scalar(""), VARIATIONS // 2), before.before])
    base = clients.tool_sets(rng, 1, 14, 14)[0]
    kits = pa.array([base[:size] + base[-extra:] for size, extra in KITS], pa.list_(pa.string()))
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
    kit = pa.array((who // 3 + rng.integers(0, 2, len(who))) % len(kits))
    chore = MOULDS.expand("chore", rng, len(who), rng.integers(0, 24, len(who)))
    chores = work(
        stage,
        rng,
        accounts,
        who,
        start,
        told.take(variation),
        kits.take(kit),
        steps=8,
        prompt=join(lead.take(variation), chore),
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
