"""Campaign: reasoning blocks that one account was given are handed back by another, to get the reasoning out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range.accounts import Accounts
from stillwatch.traffic_range.evasions import covered, disguised
from stillwatch.traffic_range.grammar import Ints
from stillwatch.traffic_range.orders import Order, driven, order, tasks
from stillwatch.traffic_range.population import Campaign, Part, population
from stillwatch.traffic_range.rings import Ring, open_ring, parts, requests
from stillwatch.traffic_range.stage import HOUR, Stage

REPLAYED = 0.5
"""Share of the first requests' blocks that are handed back."""


@population("replay_campaign", campaign=Campaign("operator_e", ("reasoning",)))
def replay_campaign(stage: Stage) -> Iterator[Part]:
    """Each second problem is asked twice: once as it is, and once on another account with the first one's reasoning."""
    rng, n = stage.rng("models"), stage.n
    # Blocks come from models that think.
    accounts = open_ring(stage, Ring()).but(model=np.where(rng.random(n) < 0.9, 2, 0))
    accounts = disguised(stage, accounts)
    asked_for = order(stage, tasks(stage), greedy=1.0)
    per_day = stage.option("per_day", 26.0)
    for first, part in parts(stage, accounts, per_day * stage.calendar.days):
        who, at = requests(stage, first, part, per_day / (1 + REPLAYED))
        blocks = _asked_twice(stage, first, part, who, at, asked_for)
        yield part, [*blocks, *covered(stage, first, part, sum(len(block) for block in blocks))]


def _asked_twice(
    stage: Stage, first: int, accounts: Accounts, who: Ints, at: Ints, asked_for: Order
) -> tuple[pa.Table, pa.Table]:
    """The first requests, and those that hand their blocks back hours later on other accounts of the part."""
    rng = stage.rng("replay", first)
    asked = driven(stage, first, accounts, who, at, asked_for)
    given = np.flatnonzero(asked["reasoning_out"].is_valid().to_numpy(zero_copy_only=False))
    given = given[rng.random(len(given)) < REPLAYED]
    later = asked["requested_at"].cast(pa.int64()).to_numpy()[given]
    later = later + (rng.exponential(3.0, len(given)) * HOUR).astype(np.int64) + HOUR // 20
    other = rng.integers(0, len(accounts), len(given))
    begin, end = accounts.until(stage.calendar)
    kept = (later >= begin[other]) & (later < end[other])
    given, later, other = given[kept], later[kept], other[kept]
    blocks = asked["reasoning_out"].combine_chunks().take(pa.array(given))
    return asked, driven(stage, first, accounts, other, later, asked_for, redrawn=0.05, reasoning_in=blocks)
