"""Campaign: long agentic work, hundreds of requests an account and day on few accounts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stillwatch.traffic_range import clients
from stillwatch.traffic_range.evasions import covered, disguised
from stillwatch.traffic_range.orders import chores, order, tool_kits
from stillwatch.traffic_range.population import Campaign, Part, population
from stillwatch.traffic_range.rings import Ring, open_ring, parts, requests
from stillwatch.traffic_range.stage import Stage

STEPS = 36
"""Mean length of a trajectory, were none cut off."""

SENT = 33
"""Mean length of those that are sent: the longest are cut off at 60."""

RING = Ring(card=4, exits_for=8, exits=3, aged=0.5, own_program=0.5, server=1.0)


@population("long_horizon_campaign", campaign=Campaign("operator_h", ("agentic_coding", "tool_use")))
def long_horizon_campaign(stage: Stage) -> Iterator[Part]:
    """A few dozen accounts on which agents work day and night, in long trajectories, by the hundred requests a day."""
    rng, n = stage.rng("programs"), stage.n
    accounts = open_ring(stage, RING)
    # Some say that they are a popular coding agent, and some are.
    agents = rng.choice([clients.CODEROO, clients.PATCHPILOT], n)
    accounts = disguised(stage, accounts.but(client=np.where(rng.random(n) < 0.4, agents, accounts.client)))
    asked_for, kits = order(stage, {"agent": 1.0}, variations=6, halves=("agent",)), tool_kits(stage)
    per_day = stage.option("per_day", 860.0)
    for first, part in parts(stage, accounts, per_day * stage.calendar.days):
        who, start = requests(stage, first, part, per_day / SENT)
        block = chores(stage, first, part, who, start, asked_for, kits, STEPS)
        yield part, [block, *covered(stage, first, part, len(block))]
