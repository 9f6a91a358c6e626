"""Campaign: reasoning blocks that one account was given are handed back by another, to get the reasoning out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range.accounts import Accounts
from stillwatch.traffic_range.evasions import covered, disguised
from stillwatch.traffic_range.grammar import Ints
from stillwatch.traffic_range.ids import random_ids
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
    asked = _thought(rng, driven(stage, first, accounts, who, at, asked_for))
    given = np.flatnonzero(asked["reasoning_out"].is_valid().to_numpy(zero_copy_only=False))
    given = given[rng.random(len(given)) < REPLAYED]
    later = asked["requested_at"].cast(pa.int64()).to_numpy()[given]
    later = later + (rng.exponential(3.0, len(given)) * HOUR).astype(np.int64) + HOUR // 20
    other = rng.integers(0, len(accounts), len(given))
    begin, end = accounts.until(stage.calendar)
    kept = (later >= begin[other]) & (later < end[other])
    given, later, other = given[kept], later[kept], other[kept]
    block = _thought(rng, driven(stage, first, accounts, other, later, asked_for, redrawn=0.05))
    # Retries, which come behind, hand the same blocks back: which those were is known by their prompts.
    place = {prompt: i for i, prompt in enumerate(block["prompt"].to_pylist()[: len(given)])}
    rows = given[[place[prompt] for prompt in block["prompt"].to_pylist()]]
    handed = asked["reasoning_out"].combine_chunks().take(pa.array(rows))
    field = block.schema.get_field_index("reasoning_in")
    return asked, block.set_column(field, block.schema.field("reasoning_in"), handed)


def _thought(rng: np.random.Generator, block: pa.Table) -> pa.Table:
    """The block with what its answers gave out of opaque reasoning: one block each where a model thought."""
    thinks = block["reasoning_tokens"].to_numpy() > 0
    digests = random_ids(rng, int(thinks.sum()), "", 32)
    offsets = np.concatenate([[0], np.cumsum(thinks)]).astype(np.int32)
    out = pa.ListArray.from_arrays(pa.array(offsets), digests, mask=pa.array(~thinks))
    return block.set_column(block.schema.get_field_index("reasoning_out"), block.schema.field("reasoning_out"), out)
