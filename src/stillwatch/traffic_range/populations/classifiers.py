"""Classifiers at high volume."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import open_accounts
from stillwatch.traffic_range.conversations import pour
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import Stage
from stillwatch.traffic_range.texts.moulds import TASKS

VOLUMES = rhythm.Life(heavy=1.3)
"""A few label everything that a house has; they never rest."""


@population("classifiers")
def classifiers(stage: Stage) -> Iterator[Part]:
    """Programs that label everything that comes in: one mould, short answers, day and night, in quantity."""
    for _, n, rng in stage.parts(per_day=24.0):
        people = open_accounts(stage, rng, n, server=1.0, paid=1.0, keys_each=2)
        task = np.array([TASKS.index(name) for name in ("classify", "extract", "grade")])[
            rng.choice(3, n, p=[0.6, 0.25, 0.15])
        ]
        moulds = stage.texts.own_moulds(rng, task, people.topic)
        who, at = rhythm.sessions(
            rng, stage.calendar, people, 45, hours="served", weekend=0.8, bursty=0.4, life=VOLUMES
        )
        yield people, [pour(stage, rng, people, who, at, moulds, who)]
