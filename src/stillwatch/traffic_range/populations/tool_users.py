"""Users of popular tools, who all send the tool's own mould."""

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

PROGRAMS = (clients.CODEROO, clients.PATCHPILOT, clients.NOTEFOX, clients.CHAINWORK)
"""Two coding agents, a note taker, a framework with a default prompt."""

SHARES = (0.4, 0.2, 0.22, 0.18)


@population("tool_users")
def tool_users(stage: Stage) -> Iterator[Part]:
    """Users of four popular tools: strangers by the hundred with one and the same mould."""
    public = stage.rng("public")
    moulds = stage.texts.public_moulds(
        public, np.array([TASKS.index(t) for t in ("agent", "agent", "summarise", "reason")]), np.arange(4)
    )
    agents = stage.texts.public_moulds(public, np.full(2, TASKS.index("agent")), np.array([6, 7]))
    told = pa.array([s or b for s, b in zip(agents.system.to_pylist(), agents.before.to_pylist(), strict=True)])
    kits = clients.tool_sets(public, 2, 6, 8)
    for _, n, rng in stage.parts(per_day=1.9):
        tool = rng.choice(4, n, p=SHARES)
        people = open_accounts(stage, rng, n, client=np.array(PROGRAMS)[tool], paid=0.8)
        coder = tool < 2
        who, start = rhythm.sessions(
            rng, stage.calendar, people, np.where(coder, 0.35, 1.4), hours="office", weekend=0.35, life=rhythm.PEOPLE
        )
        # Users add tools of their own to those that the agent brings.
        tools = pa.array(
            [kits[k % 2] + own for k, own in zip(tool.tolist(), clients.tool_sets(rng, n, 0, 5), strict=True)],
            pa.list_(pa.string()),
        )
        of_agent = coder[who]
        own_tools = tools.take(pa.array(who[of_agent]))
        which = pa.array(tool[who[of_agent]])
        blocks = [
            work(
                stage,
                rng,
                people,
                who[of_agent],
                start[of_agent],
                told.take(which),
                own_tools,
                steps=9,
            ),
            pour(stage, rng, people, who[~of_agent], start[~of_agent], moulds, tool[who[~of_agent]]),
        ]
        yield people, blocks
