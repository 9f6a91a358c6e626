"""Users of frameworks who leave the default prompts as they are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import clients, rhythm
from stillwatch.traffic_range.accounts import open_accounts
from stillwatch.traffic_range.conversations import pour, work
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import Stage
from stillwatch.traffic_range.texts.moulds import TASKS

DEFAULTS = ("summarise", "extract", "reason", "grade", "data")
"""Tasks for which the framework brings a prompt: chains, answers from documents, graders of answers."""


@population("framework_users")
def framework_users(stage: Stage) -> Iterator[Part]:
    """Developers on two frameworks: their chains and agents send the framework's own words round their own items."""
    public = stage.rng("public")
    n_moulds = 2 * len(DEFAULTS)
    moulds = stage.texts.public_moulds(
        public, np.array([TASKS.index(name) for name in (*DEFAULTS, *DEFAULTS)]), public.integers(0, 24, n_moulds)
    )
    agents = stage.texts.public_moulds(public, np.full(2, TASKS.index("agent")), public.integers(0, 24, 2))
    told = pa.array([s or b for s, b in zip(agents.system.to_pylist(), agents.before.to_pylist(), strict=True)])
    for _, n, rng in stage.parts():
        framework = (rng.random(n) < 0.4).astype(np.int64)
        people = open_accounts(
            stage, rng, n, server=1.0, paid=0.8, client=np.array([clients.CHAINWORK, clients.LANGLOOM])[framework]
        )
        chains = len(DEFAULTS) * framework + rng.integers(0, len(DEFAULTS), n)
        who, at = rhythm.sessions(rng, stage.calendar, people, 1.6, hours="served", weekend=0.6, life=rhythm.CUSTOMERS)
        run, start = rhythm.sessions(rng, stage.calendar, people, 0.12, hours="office", weekend=0.4)
        tools = pa.array(clients.tool_sets(rng, n, 2, 7), pa.list_(pa.string())).take(pa.array(run))
        yield (
            people,
            [
                pour(stage, rng, people, who, at, moulds, chains[who]),
                work(stage, rng, people, run, start, told.take(pa.array(framework[run])), tools, steps=6),
            ],
        )
