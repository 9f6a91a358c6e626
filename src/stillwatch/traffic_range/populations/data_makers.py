"""A declared customer that makes training data with permission."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import open_accounts, shared_ids
from stillwatch.traffic_range.conversations import pour
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import Stage
from stillwatch.traffic_range.texts.moulds import TASKS


@population("data_makers")
def data_makers(stage: Stage) -> Iterator[Part]:
    """One verified customer that has the model write training data, in quantity and in the open."""
    rng = stage.rng("house")
    n = stage.n
    one = np.zeros(n, np.int64)
    people = open_accounts(stage, rng, n, addresses=stage.addresses.rented(rng, one, 3), server=1.0, paid=1.0)
    people = people.but(
        org_id=shared_ids(rng, one, "org_"),
        payment_id=shared_ids(rng, one, "pay_"),
        email_domain=pa.repeat(pa.scalar("opendatahouse.example"), n),
        plan=pa.repeat(pa.scalar("enterprise"), n),
        verified=np.ones(n, bool),
        network=pa.repeat(pa.scalar("opendatahouse"), n),
    )
    moulds = stage.texts.own_moulds(
        rng, np.array([TASKS.index(t) for t in ("reason", "grade", "write", "data")]), rng.integers(0, 24, 4)
    )
    who, at = rhythm.sessions(rng, stage.calendar, people, 30.0, hours="always", weekend=1.0, spread=0.05, bursty=0.3)
    which = rng.integers(0, 4, len(who))
    yield people, [pour(stage, rng, people, who, at, moulds, which, topic=rng.integers(0, 24, len(who)), greedy=1.6)]
