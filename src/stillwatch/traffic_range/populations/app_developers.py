"""Developers with an application of their own: one mould or a few, many slots."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import open_accounts
from stillwatch.traffic_range.conversations import pour
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import HOUR, Stage
from stillwatch.traffic_range.texts.moulds import TASKS


@population("app_developers")
def app_developers(stage: Stage) -> Iterator[Part]:
    """Developers whose applications pour their users' words into moulds of their own; some run by the clock."""
    for _, n, rng in stage.parts(per_day=2.3):
        people = open_accounts(stage, rng, n, server=1.0, paid=0.85)
        n_moulds = rng.integers(1, 4, n)
        owner = np.repeat(np.arange(n), n_moulds)
        moulds = stage.texts.own_moulds(rng, rng.integers(0, len(TASKS), len(owner)), people.topic[owner])
        who, at = rhythm.sessions(rng, stage.calendar, people, 2.6, hours="served", weekend=0.8, life=rhythm.CUSTOMERS)
        clocked = rng.random(n) < 0.2
        at = np.where(clocked[who], rhythm.by_clock(rng, at, HOUR), at)
        which = (np.cumsum(n_moulds) - n_moulds)[who] + (rng.random(len(who)) ** 2 * n_moulds[who]).astype(np.int64)
        yield people, [pour(stage, rng, people, who, at, moulds, which)]
