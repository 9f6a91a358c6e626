"""A reseller that declares itself: one org_id, its customers as end users."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import clients, rhythm
from stillwatch.traffic_range.accounts import open_accounts, shared_ids
from stillwatch.traffic_range.conversations import talk
from stillwatch.traffic_range.ids import random_ids
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import Stage


@population("declared_reseller")
def declared_reseller(stage: Stage) -> Iterator[Part]:
    """A router that resells access in the open: verified, one bill, and its users' ids on every request."""
    for _, n, rng in stage.parts(per_day=5.3):
        one = np.zeros(n, np.int64)
        people = open_accounts(
            stage, rng, n, addresses=stage.addresses.rented(rng, one, 6), client=np.full(n, clients.GATEHOUSE), paid=1.0
        )
        people = people.but(
            org_id=shared_ids(rng, one, "org_"),
            payment_id=shared_ids(rng, one, "pay_"),
            email_domain=pa.repeat(pa.scalar("openrouteway.example"), n),
            plan=pa.repeat(pa.scalar("enterprise"), n),
            verified=np.ones(n, bool),
            network=pa.repeat(pa.scalar("openrouteway"), n),
        )
        who, start = rhythm.sessions(
            rng, stage.calendar, people, 2.4, hours="served", weekend=0.9, spread=0.05, bursty=0.2
        )
        users = random_ids(rng, 400, "user_").take(pa.array(rng.integers(0, 400, len(who))))
        language = rng.choice(10, len(who), p=[0.5, 0.1, 0.08, 0.06, 0.06, 0.06, 0.04, 0.04, 0.03, 0.03])
        yield people, [talk(stage, rng, people, who, start, language=language, end_user=users)]
