"""Campaign: reasoning, grading and censorship-safe rewriting over a few dozen accounts in step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stillwatch.traffic_range.evasions import covered, disguised, retimed
from stillwatch.traffic_range.orders import driven, order, tasks
from stillwatch.traffic_range.population import Campaign, Part, population
from stillwatch.traffic_range.rings import Ring, open_ring, parts
from stillwatch.traffic_range.stage import DAY, HOUR, Stage

RING = Ring(card=7, exits_for=10, rented=1.0, vpn=0.0, batches=3, opened=(-4, 2), own_program=0.0, server=1.0)
"""Accounts at rented exits all, each with a server's program of its own."""


@population("reasoning_campaign", campaign=Campaign("operator_a", ("reasoning", "grading", "rewriting")))
def reasoning_campaign(stage: Stage) -> Iterator[Part]:
    """A few dozen accounts that work off one list in shifts: reasoning, rubric grading, safe rewriting."""
    rng = stage.rng("shifts")
    n, calendar = stage.n, stage.calendar
    accounts = open_ring(stage, RING).but(
        # The new model is taken within a day, account by account.
        adopts=calendar.release + (rng.uniform(1, 26, n) * HOUR).astype(np.int64),
        model=rng.choice(3, n, p=[0.4, 0.1, 0.5]),
    )
    accounts = disguised(stage, accounts)
    asked_for = order(stage, tasks(stage), in_system=("grade",))
    # Shifts: now this hour, now that, on all accounts at once, some days off; each account its even share.
    day = np.flatnonzero(rng.random(calendar.days) < 0.85)
    day = day[(day >= 3) & (day < calendar.days - 2)]
    shift = np.repeat(day, 3) * DAY + (rng.uniform(0, 22, 3 * len(day)) * HOUR).astype(np.int64) + calendar.start
    length = (rng.uniform(0.7, 2.5, len(shift)) * HOUR).astype(np.int64)
    per_shift = stage.option("per_shift", 7.5)
    for first, part in parts(stage, accounts, per_shift * len(shift)):
        dice = stage.rng("work", first)
        count = dice.poisson(per_shift, (len(part), len(shift)))
        who, on = np.nonzero(count)
        times = count[who, on]
        who, on = np.repeat(who, times), np.repeat(on, times)
        at = shift[on] + (dice.random(len(on)) * length[on]).astype(np.int64)
        who, at = retimed(stage, first, part, who, at)
        yield part, [driven(stage, first, part, who, at, asked_for), *covered(stage, first, part, len(who))]
