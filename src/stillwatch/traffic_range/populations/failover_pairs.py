"""Pairs of accounts of one owner: the second stands in when the first fails."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import open_accounts, shared_ids
from stillwatch.traffic_range.addresses import Addresses
from stillwatch.traffic_range.conversations import pour
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import Stage
from stillwatch.traffic_range.texts.moulds import TASKS


@population("failover_pairs")
def failover_pairs(stage: Stage) -> Iterator[Part]:
    """Owners with two accounts on one card and one server: the second works while the first is down or throttled."""
    for first, n, rng in stage.parts(per_day=1.4):
        pair = np.arange(n) // 2
        people = open_accounts(stage, rng, n, server=1.0, paid=1.0)
        head = pair * 2
        where = people.addresses
        seats = pa.array((head[:, None] * where.each + np.arange(where.each)).ravel())
        people = people.but(
            payment_id=shared_ids(rng, pair, "pay_"),
            email_domain=people.email_domain.take(pa.array(head)),
            addresses=Addresses(
                where.each, where.ip.take(seats), where.asn[seats.to_numpy()], where.country[seats.to_numpy()]
            ),
            network=pa.array([f"failover_{number}" for number in (first // 2 + pair).tolist()]),
            client=people.client[head],
            version=people.version[head],
            build=people.build[head],
        )
        moulds = stage.texts.own_moulds(rng, rng.integers(0, len(TASKS), int(pair.max()) + 1), people.topic[::2])
        leads = np.where(np.arange(n) % 2 == 0, 5.0, 0.0)
        who, at = rhythm.sessions(rng, stage.calendar, people, leads, hours="served", spread=1.5)
        # Its fellow takes what comes while the first is down: a fortieth of the time, in spells.
        down = (at // (6 * 3_600_000_000) * 2_654_435_761 + who * 97) % 40 == 0
        for begin, end in stage.calendar.outages:
            down |= (at >= begin) & (at < end) & (rng.random(len(at)) < 0.5)
        who = np.where(down & (who + 1 < n), who + 1, who)
        yield people, [pour(stage, rng, people, who, at, moulds, pair[who])]
