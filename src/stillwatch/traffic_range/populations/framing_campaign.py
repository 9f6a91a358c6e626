"""Campaign: in the mould and from the exits of an innocent customer, so that he be taken for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import Accounts, open_accounts, shared_ids
from stillwatch.traffic_range.addresses import Addresses
from stillwatch.traffic_range.evasions import covered, disguised
from stillwatch.traffic_range.orders import Order, driven, order, tasks
from stillwatch.traffic_range.population import Campaign, Part, population
from stillwatch.traffic_range.rings import Ring, open_ring, parts, requests
from stillwatch.traffic_range.stage import DAY, Stage

FRAMED = 5
"""Campaign accounts to one of the innocent's."""

RING = Ring(card=6, rented=0.0, vpn=0.0, batches=4, own_program=0.0, server=1.0)


@population("framing_campaign", campaign=Campaign("operator_l", ("reasoning",)))
def framing_campaign(stage: Stage) -> Iterator[Part]:
    """A campaign in an innocent customer's own mould, from the exits that he rents, with his program; and he too."""
    n, n_framed = stage.n, max(3, stage.n // FRAMED)
    asked_for = order(stage, tasks(stage), in_system=("grade",), greedy=1.2)
    exits = stage.addresses.rented(stage.rng("exits"), np.zeros(n + n_framed, np.int64), 6)
    framed = _framed(stage, n_framed, exits.take(np.arange(n, n + n_framed)))
    yield framed, [_innocent(stage, framed, asked_for)]
    accounts = open_ring(stage, RING).but(
        addresses=exits.take(np.arange(n)),
        client=np.full(n, framed.client[0]),
        version=np.full(n, framed.version[0]),
        build=np.full(n, framed.build[0]),
    )
    accounts = disguised(stage, accounts)
    per_day = stage.option("per_day", 10.0)
    for first, part in parts(stage, accounts, per_day * stage.calendar.days):
        who, at = requests(stage, first, part, per_day)
        block = driven(stage, first, part, who, at, asked_for)
        yield part, [block, *covered(stage, first, part, len(block))]


def _framed(stage: Stage, n: int, exits: Addresses) -> Accounts:
    """The innocent's accounts: a firm's, on one bill and one program, opened as it grew."""
    rng = stage.rng("framed")
    theirs = replace(stage, kind="framed_customer")
    created = stage.calendar.day(-300) + np.sort((rng.random(n) * 280 * DAY).astype(np.int64))
    accounts = open_accounts(theirs, rng, n, addresses=exits, server=1.0, paid=1.0, created=created)
    return accounts.but(
        org_id=shared_ids(rng, np.zeros(n, np.int64), "org_"),
        payment_id=shared_ids(rng, np.zeros(n, np.int64), "pay_"),
        email_domain=pa.array(np.repeat(accounts.email_domain[0].as_py(), n)),
        plan=pa.repeat(pa.scalar("enterprise"), n),
        verified=np.ones(n, bool),
        client=np.full(n, accounts.client[0]),
        version=np.full(n, accounts.version[0]),
        build=np.full(n, accounts.build[0]),
    )


def _innocent(stage: Stage, framed: Accounts, asked_for: Order) -> pa.Table:
    """The innocent's own requests, in the moulds that the campaign has copied."""
    who, at = rhythm.sessions(
        stage.rng("innocent"), stage.calendar, framed, 9.0, hours="office", weekend=0.4, spread=0.8
    )
    theirs = replace(stage, kind="framed_customer", dials={})
    return driven(theirs, 0, framed, who, at, asked_for, honest=True)
