"""An agency whose clients' accounts share its card, its address and its moulds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import open_accounts, shared_ids
from stillwatch.traffic_range.conversations import pour
from stillwatch.traffic_range.ids import groups
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import Stage
from stillwatch.traffic_range.texts.moulds import TASKS


@population("agency")
def agency(stage: Stage) -> Iterator[Part]:
    """Agencies that run their clients' accounts: one card, one office, the same moulds, other clients' words."""
    for first, n, rng in stage.parts(per_day=4.8):
        house = groups(rng, n, 24)
        n_houses = int(house.max()) + 1
        office = stage.addresses.office(500 + first + house, np.zeros(n, np.int64))
        people = open_accounts(stage, rng, n, country=np.zeros(n, np.int64), addresses=office, server=1.0, paid=1.0)
        people = people.but(
            payment_id=shared_ids(rng, house, "pay_"),
            network=pa.array([f"agency_{number}" for number in (first + house).tolist()]),
        )
        tasks = np.tile([TASKS.index(name) for name in ("reply", "write", "classify", "summarise")], n_houses)
        moulds = stage.texts.own_moulds(rng, tasks, np.full(len(tasks), 15))
        who, at = rhythm.sessions(rng, stage.calendar, people, 6.0, hours="office", weekend=0.25)
        which = 4 * house[who] + rng.integers(0, 4, len(who))
        yield people, [pour(stage, rng, people, who, at, moulds, which)]
