"""Organisations that declare themselves: many accounts and keys under one org_id."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import open_accounts, shared_ids
from stillwatch.traffic_range.addresses import countries, mixed
from stillwatch.traffic_range.conversations import pour, talk
from stillwatch.traffic_range.grammar import join
from stillwatch.traffic_range.ids import groups
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import Stage
from stillwatch.traffic_range.texts import names
from stillwatch.traffic_range.texts.moulds import TASKS


@population("organisations")
def organisations(stage: Stage) -> Iterator[Part]:
    """Organisations whose staff share an office, a bill and the house's moulds, all declared."""
    for first, n, rng in stage.parts(per_day=1.6):
        org = groups(rng, n, 15)
        n_orgs = int(org.max()) + 1
        country = countries(rng, n_orgs)[org]
        office = stage.addresses.office(1000 + first + org, country)
        where = mixed([office, stage.addresses.homes(rng, country)], (rng.random(n) < 0.25).astype(int))
        people = open_accounts(stage, rng, n, country=country, addresses=where, server=0.55, paid=1.0, keys_each=3)
        domain = join(pa.compute.utf8_lower(names.name(rng, n_orgs)), ".example").take(pa.array(org))
        people = people.but(
            org_id=shared_ids(rng, org, "org_"),
            payment_id=shared_ids(rng, org, "pay_"),
            email_domain=domain,
            plan=pa.repeat(pa.scalar("enterprise"), n),
            verified=(rng.random(n_orgs) < 0.8)[org],
        )
        moulds = stage.texts.own_moulds(rng, rng.integers(0, len(TASKS), 2 * n_orgs), rng.integers(0, 24, 2 * n_orgs))
        programs = rng.random(n) < 0.55
        who, at = rhythm.sessions(
            rng,
            stage.calendar,
            people,
            np.where(programs, 3.6, 0.5),
            hours="office",
            weekend=0.2,
            life=rhythm.CUSTOMERS,
        )
        machine = programs[who]
        which = 2 * org[who[machine]] + (rng.random(machine.sum()) < 0.4)
        blocks = [
            pour(stage, rng, people, who[machine], at[machine], moulds, which),
            talk(stage, rng, people, who[~machine], at[~machine]),
        ]
        yield people, blocks
