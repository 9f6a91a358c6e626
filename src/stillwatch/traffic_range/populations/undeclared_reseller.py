"""A reseller that does not declare itself: honest customers behind accounts that pretend to be strangers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import clients, rhythm
from stillwatch.traffic_range.accounts import open_accounts, shared_ids
from stillwatch.traffic_range.addresses import countries
from stillwatch.traffic_range.conversations import pour, talk
from stillwatch.traffic_range.customers import N_APPLICATIONS, whose
from stillwatch.traffic_range.ids import groups
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import DAY, Stage
from stillwatch.traffic_range.texts.moulds import TASKS


@population("undeclared_reseller")
def undeclared_reseller(stage: Stage) -> Iterator[Part]:
    """A reseller in disguise: shared cards and exits, an even load, and nothing but its customers' own traffic."""
    for _, n, rng in stage.parts(per_day=3.5):
        card = groups(rng, n, 8)
        opened = (stage.calendar.day(-40) + rng.choice(6, n) * 5 * DAY + rng.exponential(0.3, n) * DAY).astype(np.int64)
        people = open_accounts(
            stage,
            rng,
            n,
            addresses=stage.addresses.rented(rng, groups(rng, n, 14), 4),
            created=opened,
            client=rng.choice([clients.GATEHOUSE, clients.HTTPX], n),
            country=countries(rng, n),
            paid=1.0,
        )
        people = people.but(
            payment_id=shared_ids(rng, card, "pay_"),
            network=pa.repeat(pa.scalar("cheap_tokens"), n),
            build=np.full(n, 7),
        )
        who, start = rhythm.sessions(
            rng, stage.calendar, people, 1.2, hours="served", weekend=0.9, spread=0.03, bursty=0.2
        )
        language = rng.choice(10, len(who), p=[0.4, 0.25, 0.08, 0.05, 0.04, 0.05, 0.05, 0.04, 0.03, 0.01])
        app, at = rhythm.sessions(rng, stage.calendar, people, 0.9, hours="served", spread=0.03, bursty=0.2)
        theirs = stage.rng("customers", "applications")
        tasks, topics = theirs.integers(0, len(TASKS), N_APPLICATIONS), theirs.integers(0, 24, N_APPLICATIONS)
        moulds, which = stage.texts.own_moulds(theirs, tasks, topics), whose(stage, rng, at)
        about = rng.integers(0, 24, len(app))
        blocks = [
            talk(stage, rng, people, who, start, language=language),
            pour(stage, rng, people, app, at, moulds, which, topic=about, owners=theirs),
        ]
        yield people, blocks
