"""Declared customers that make training data with permission."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import open_accounts, shared_ids
from stillwatch.traffic_range.conversations import pour
from stillwatch.traffic_range.grammar import join
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import Stage
from stillwatch.traffic_range.texts import names
from stillwatch.traffic_range.texts.moulds import TASKS

KINDS = ("reason", "grade", "write", "data")
"""What a house has written for it."""


@population("data_makers")
def data_makers(stage: Stage) -> Iterator[Part]:
    """Verified houses that have the model write training data, in quantity and in the open, in moulds of their own."""
    for first, n, rng in stage.parts():
        house = np.arange(n) // 8
        n_houses = int(house[-1]) + 1
        people = open_accounts(stage, rng, n, addresses=stage.addresses.rented(rng, house, 3), server=1.0, paid=1.0)
        people = people.but(
            org_id=shared_ids(rng, house, "org_"),
            payment_id=shared_ids(rng, house, "pay_"),
            email_domain=join(pa.compute.utf8_lower(names.name(rng, n_houses)), "data.example").take(pa.array(house)),
            plan=pa.repeat(pa.scalar("enterprise"), n),
            verified=np.ones(n, bool),
            network=pa.array([f"data_house_{number}" for number in (first // 8 + house).tolist()]),
        )
        tasks = np.tile([TASKS.index(name) for name in KINDS], n_houses)
        moulds = stage.texts.own_moulds(rng, tasks, rng.integers(0, 24, len(tasks)))
        who, at = rhythm.sessions(
            rng, stage.calendar, people, 30.0, hours="always", weekend=1.0, spread=0.05, bursty=0.3
        )
        which = len(KINDS) * house[who] + rng.integers(0, len(KINDS), len(who))
        topic = rng.integers(0, 24, len(who))
        yield people, [pour(stage, rng, people, who, at, moulds, which, topic=topic, greedy=1.6)]
