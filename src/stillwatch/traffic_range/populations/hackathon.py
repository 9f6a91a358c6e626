"""A hackathon: a weekend, one hall, one starter kit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import clients, rhythm
from stillwatch.traffic_range.accounts import open_accounts
from stillwatch.traffic_range.conversations import pour, work
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import DAY, HOUR, Stage
from stillwatch.traffic_range.texts.moulds import TASKS


@population("hackathon")
def hackathon(stage: Stage) -> Iterator[Part]:
    """Strangers in one hall over a weekend: accounts opened on the spot, one starter kit, then moulds of their own."""
    kit = stage.rng("kit")
    shared = stage.texts.public_moulds(kit, np.array([TASKS.index("agent")]), np.array([7]))
    told = pa.array([shared.system[0].as_py() or shared.before[0].as_py()])
    tools = pa.array(clients.tool_sets(kit, 1, 5, 6), pa.list_(pa.string()))
    for _, n, rng in stage.parts(per_day=2.6):
        begin = stage.calendar.day(12) + 8 * HOUR
        hall = stage.addresses.office(np.full(n, 77), np.full(n, 12))
        joined = begin + (rng.exponential(1.5, n) * HOUR).astype(np.int64)
        people = open_accounts(
            stage, rng, n, country=np.full(n, 12), addresses=hall, created=joined, server=1.0, paid=0.2
        )
        people = people.but(network=pa.repeat(pa.scalar("hackathon_hall"), n))
        last = np.full(n, begin + 2 * DAY)
        own = stage.texts.own_moulds(rng, rng.integers(0, len(TASKS), n), people.topic)
        started, start = rhythm.sessions(rng, stage.calendar, people, 2.0, hours="waking", weekend=1.0, last=last)
        who, at = rhythm.sessions(rng, stage.calendar, people, 14.0, hours="waking", weekend=1.0, last=last)
        row = pa.array(np.zeros(len(started), np.int64))
        blocks = [
            work(stage, rng, people, started, start, told.take(row), tools.take(row), steps=6),
            pour(stage, rng, people, who, at, own, who),
        ]
        yield people, blocks
