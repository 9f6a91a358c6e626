"""Batch jobs that run at night, by the clock."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import open_accounts
from stillwatch.traffic_range.conversations import pour
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import DAY, HOUR, Stage
from stillwatch.traffic_range.texts.moulds import TASKS


@population("nightly_batches")
def nightly_batches(stage: Stage) -> Iterator[Part]:
    """Nightly jobs: a list worked off in one mould, one request after the other, from the same hour every night."""
    for _, n, rng in stage.parts(per_day=7.5):
        people = open_accounts(stage, rng, n, server=1.0, paid=1.0)
        moulds = stage.texts.own_moulds(rng, rng.integers(0, len(TASKS), n), people.topic)
        hour = rng.choice([0, 1, 2, 3, 4, 5, 22, 23], n)
        # Most lists are short, a few are very long; twelve requests a night on average.
        size = np.exp(rng.normal(1.7, 1.25, n))
        begin, end = people.until(stage.calendar)
        account, night = np.nonzero(rng.random((n, stage.calendar.days)) < rng.choice([1.0, 0.7, 0.15], n)[:, None])
        start = (
            stage.calendar.start
            + night * DAY
            + ((hour[account] - np.round(people.zone[account])) % 24 * HOUR).astype(np.int64)
        )
        alive = (start >= begin[account]) & (start < end[account])
        account, start = account[alive], start[alive]
        count = 1 + rng.poisson(size[account])
        job, at = rhythm.burst(rng, rhythm.by_clock(rng, start, HOUR), count, 3.0)
        yield people, [pour(stage, rng, people, account[job], at, moulds, account[job])]
