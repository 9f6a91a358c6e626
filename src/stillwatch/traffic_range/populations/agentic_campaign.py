"""Campaign: agentic, tool and vision work over hundreds of accounts on several platforms."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import clients
from stillwatch.traffic_range.evasions import covered, disguised
from stillwatch.traffic_range.ids import only
from stillwatch.traffic_range.orders import chores, driven, order, tool_kits
from stillwatch.traffic_range.population import Campaign, Part, population
from stillwatch.traffic_range.rings import Ring, open_ring, parts, requests
from stillwatch.traffic_range.stage import Stage

VARIATIONS = 12
"""Of each mould; half of the agents' stand in the system prompt."""

STEPS = 8
"""Mean length of a trajectory."""

RING = Ring(
    card=5, exits_for=16, exits=5, rented=0.7, vpn=0.0, batches=6, opened=(-12, 3), aged=0.25, own_program=0.0,
    server=1.0, moves=0.7,
)  # fmt: skip
"""Accounts with programs of their own, most of them at rented exits."""


@population("agentic_campaign", campaign=Campaign("operator_b", ("agentic_coding", "tool_use", "vision")))
def agentic_campaign(stage: Stage) -> Iterator[Part]:
    """Hundreds of accounts of several kinds and platforms that share out agents' chores, tool work and vision."""
    rng, n = stage.rng("run"), stage.n
    accounts = open_ring(stage, RING)
    plan = rng.choice(["free", "paid", "enterprise"], n, p=[0.4, 0.5, 0.1])
    accounts = accounts.but(
        # A third of the accounts say that they are a popular coding agent.
        client=np.where(rng.random(n) < 0.35, rng.choice([clients.CODEROO, clients.PATCHPILOT], n), accounts.client),
        plan=pa.array(plan),
        payment_id=only(plan != "free", accounts.payment_id),
        platform=rng.choice(4, n, p=[0.4, 0.25, 0.2, 0.15]),
    )
    accounts = disguised(stage, accounts)
    agents = order(stage, {"agent": 1.0}, variations=VARIATIONS, halves=("agent",))
    looks = order(stage, {"vision": 1.0}, variations=VARIATIONS)
    kits = tool_kits(stage)
    # Trajectories a day; requests about vision are twice as many.
    per_day = stage.option("per_day", 0.75)
    volume = per_day * (STEPS + 2) * stage.calendar.days
    for first, part in parts(stage, accounts, volume):
        who, start = requests(stage, first, part, per_day, purpose="chores", bursty=0.25, between=(3, 3))
        looker, at = requests(stage, first, part, 2 * per_day, purpose="looks", bursty=0.25, between=(3, 3))
        blocks = [
            chores(stage, first, part, who, start, agents, kits, STEPS),
            driven(stage, first, part, looker, at, looks),
        ]
        yield part, [*blocks, *covered(stage, first, part, sum(len(block) for block in blocks))]
