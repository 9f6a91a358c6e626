"""Free-trial abusers: rings that share payments, and extract nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import NEVER, open_accounts, shared_ids
from stillwatch.traffic_range.addresses import mixed
from stillwatch.traffic_range.conversations import talk
from stillwatch.traffic_range.ids import groups, only
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import DAY, Stage


@population("trial_abusers")
def trial_abusers(stage: Stage) -> Iterator[Part]:
    """People who open one trial after the other on the same card, and just chat with it."""
    for first, n, rng in stage.parts(per_day=0.6):
        ring = groups(rng, n, 9)
        n_rings = int(ring.max()) + 1
        homes = stage.addresses.homes(rng, np.zeros(n_rings, np.int64), each=2)
        line = (ring[:, None] * 2 + np.arange(2)).ravel()
        own = type(homes)(2, homes.ip.take(pa.array(line)), homes.asn[line], homes.country[line])
        where = mixed([own, stage.addresses.vpn(rng, n)], (rng.random(n) < 0.4).astype(int))
        opened = (stage.calendar.day(-6) + rng.random(n) * 24 * DAY).astype(np.int64)
        people = open_accounts(stage, rng, n, addresses=where, created=opened, server=0.1, paid=1.0)
        closed = opened + (rng.uniform(3, 8, n) * DAY).astype(np.int64)
        closed = np.where(closed < stage.calendar.end, closed, NEVER)
        people = people.but(
            payment_id=shared_ids(rng, ring, "pay_"),
            plan=pa.repeat(pa.scalar("free"), n),
            closed=closed,
            closed_reason=only(closed != NEVER, pa.repeat(pa.scalar("trial over"), n)),
            language=(rng.integers(0, 10, n_rings))[ring],
            topic=(rng.integers(0, 24, n_rings))[ring],
            network=pa.array([f"trial_ring_{number}" for number in (first + ring).tolist()]),
        )
        who, start = rhythm.sessions(rng, stage.calendar, people, 1.3, hours="evening", spread=0.5)
        yield people, [talk(stage, rng, people, who, start)]
