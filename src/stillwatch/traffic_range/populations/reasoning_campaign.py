"""Campaign: reasoning, grading and censorship-safe rewriting over a few dozen accounts in step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range.accounts import NEVER, open_accounts, shared_ids
from stillwatch.traffic_range.conversations import pour
from stillwatch.traffic_range.ids import groups
from stillwatch.traffic_range.population import Campaign, Part, population
from stillwatch.traffic_range.stage import DAY, HOUR, Stage
from stillwatch.traffic_range.texts.moulds import Moulds, family

TASKS = ("reason", "grade", "rewrite")
TOPICS = (np.arange(24), np.arange(24), np.array([14, 13, 4]))
"""What the items are about: anything, anything, and politics with its neighbours."""

VARIATIONS = 8
"""Of each task's mould."""


@population("reasoning_campaign", campaign=Campaign("operator_a", ("reasoning", "grading", "rewriting")))
def reasoning_campaign(stage: Stage) -> Iterator[Part]:
    """A few dozen accounts that work off one list in shifts: reasoning, rubric grading, safe rewriting."""
    rng = stage.rng("run")
    n, calendar = stage.n, stage.calendar
    card = groups(rng, n, 7)
    # Opened in three batches in the week before; a third are aged accounts that were bought.
    batch = calendar.day(2) - (rng.choice(3, n) * 2 * DAY) + (rng.exponential(0.08, n) * DAY).astype(np.int64)
    aged = calendar.day(-60) - (rng.exponential(150, n) * DAY).astype(np.int64)
    accounts = open_accounts(
        stage,
        rng,
        n,
        created=np.where(rng.random(n) < 0.33, aged, batch),
        server=1.0,
        paid=1.0,
        addresses=stage.addresses.rented(rng, groups(rng, n, 10), 4),
    )
    accounts = accounts.but(
        closed=np.full(n, NEVER),
        closed_reason=pa.nulls(n, pa.string()),
        payment_id=shared_ids(rng, card, "pay_"),
        # The new model is taken within a day, account by account.
        adopts=calendar.release + (rng.uniform(1, 26, n) * HOUR).astype(np.int64),
        model=rng.choice(3, n, p=[0.4, 0.1, 0.5]),
        network=pa.repeat(pa.scalar("reasoning_ring"), n),
        campaign=pa.repeat(pa.scalar(stage.name), n),
        role=pa.repeat(pa.scalar("driver"), n),
    )
    moulds = _all([family(rng, task, VARIATIONS, in_system=task == "grade") for task in TASKS])
    # Shifts: now this hour, now that, on all accounts at once, some days off; each account its even share.
    day = np.flatnonzero(rng.random(calendar.days) < 0.85)
    day = day[(day >= 3) & (day < 19)]
    shift = np.repeat(day, 3) * DAY + (rng.uniform(0, 22, 3 * len(day)) * HOUR).astype(np.int64) + calendar.start
    length = (rng.uniform(0.7, 2.5, len(shift)) * HOUR).astype(np.int64)
    count = rng.poisson(stage.option("per_shift", 7.5), (n, len(shift)))
    who, on = np.nonzero(count)
    times = count[who, on]
    who, on = np.repeat(who, times), np.repeat(on, times)
    at = shift[on] + (rng.random(len(on)) * length[on]).astype(np.int64)
    task = rng.choice(3, len(who), p=[0.45, 0.3, 0.25])
    # An account has a few of the variations, and draws from them.
    variation = (who * 3 + rng.integers(0, 3, len(who))) % VARIATIONS
    topic = np.empty(len(who), np.int64)
    for number, some in enumerate(TOPICS):
        rows = task == number
        topic[rows] = rng.choice(some, rows.sum())
    block = pour(
        stage,
        rng,
        accounts,
        who,
        at,
        moulds,
        task * VARIATIONS + variation,
        topic=topic,
        greedy=1.5,
        label="driven",
        campaign=stage.name,
    )
    yield accounts, [block]


def _all(families: list[Moulds]) -> Moulds:
    return Moulds(
        np.concatenate([one.task for one in families]),
        *(pa.concat_arrays([getattr(one, name) for one in families]) for name in ("system", "before", "after")),
    )
