"""Agent fleets: programs of one owner that work through long trajectories with tools of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from stillwatch.traffic_range import clients, rhythm
from stillwatch.traffic_range.accounts import open_accounts
from stillwatch.traffic_range.conversations import AGENTIC, work
from stillwatch.traffic_range.grammar import join
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import Stage


@population("agent_fleets")
def agent_fleets(stage: Stage) -> Iterator[Part]:
    """Developers who run agents of their own day and night: long trajectories, own moulds, own tools."""
    for _, n, rng in stage.parts(per_day=8.5):
        people = open_accounts(stage, rng, n, server=1.0, paid=1.0, keys_each=2)
        moulds = stage.texts.own_moulds(rng, rng.choice(AGENTIC, n), people.topic)
        tools = pa.array(clients.tool_sets(rng, n, 3, 13), pa.list_(pa.string()))
        who, start = rhythm.sessions(
            rng, stage.calendar, people, 0.9, hours="served", weekend=0.8, life=rhythm.CUSTOMERS
        )
        rows = pa.array(who)
        prompt = join(moulds.before.take(rows), stage.texts.slots(rng, moulds.task[who], people.topic[who]))
        told, kit = moulds.system.take(rows), tools.take(rows)
        yield people, [work(stage, rng, people, who, start, told, kit, steps=12, prompt=prompt)]
