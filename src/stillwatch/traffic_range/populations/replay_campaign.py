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
    block = driven(stage, first, accounts, other, later, asked_for, redrawn=0.05, reasoning_in=blocks)
    return asked, _after(rng, block, asked.take(pa.array(given)))


def _after(rng: np.random.Generator, block: pa.Table, before: pa.Table) -> pa.Table:
    """The block's requests as second turns: what was asked and answered before stands in front of each."""
    place = {digest[0]: i for i, digest in enumerate(before["reasoning_out"].to_pylist())}
    rows = pa.array([place[digest[0]] for digest in block["reasoning_in"].to_pylist()])
    n = len(block)
    answers, histories = (random_ids(rng, len(before), "", 32).take(rows) for _ in range(2))
    asked, now = (table["message_digests"].combine_chunks().flatten() for table in (before.take(rows), block))
    messages = pa.concat_arrays([asked, answers, now]).take(pa.array(np.arange(3 * n).reshape(3, n).T.ravel()))
    two = pa.array(np.full(n, 2))
    changes = {
        "first_user": before["prompt"].take(rows),
        "history_digest": histories,
        "history_length": two,
        "turns": two,
        "message_digests": pa.ListArray.from_arrays(pa.array(3 * np.arange(n + 1, dtype=np.int32)), messages),
        "input_tokens": pa.compute.add(block["input_tokens"], before["input_tokens"].take(rows)),
    }
    for name, column in changes.items():
        block = block.set_column(block.schema.get_field_index(name), block.schema.field(name), column)
    return block
