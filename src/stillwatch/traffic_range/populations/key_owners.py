"""Developers of the kind whose keys are stolen; nobody abuses these."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import Accounts, open_accounts
from stillwatch.traffic_range.addresses import countries, mixed
from stillwatch.traffic_range.conversations import pour
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import Stage
from stillwatch.traffic_range.texts.moulds import TASKS

SITES = (20_000, 45_000)
"""Numbers of owners' offices, wherever in a world they are: from and to."""


@population("key_owners")
def key_owners(stage: Stage) -> Iterator[Part]:
    """Developers with a server, an office or a desk at home, who work by day in moulds of their own."""
    for _, n, rng in stage.parts():
        owners = open_owners(stage, rng, n)
        yield owners, [owners_work(stage, rng, owners)]


def open_owners(stage: Stage, rng: np.random.Generator, n: int, *, kind: str | None = "key_owners") -> Accounts:
    """n developers whose keys somebody may steal, strangers to one another: they pay, and have several keys each.

    Half send from servers, a third from offices of their own, the others from home.
    """
    country = countries(rng, n)
    # Drawn anew in every block: a number twice in a world is as rare as two firms in one house.
    office = stage.addresses.office(SITES[0] + rng.permutation(SITES[1] - SITES[0])[:n], country)
    where = mixed(
        [stage.addresses.hosting(rng, n), office, stage.addresses.homes(rng, country)],
        rng.choice(3, n, p=[0.5, 0.33, 0.17]),
    )
    return open_accounts(stage, rng, n, kind=kind, country=country, addresses=where, server=1.0, paid=1.0, keys_each=2)


def owners_work(stage: Stage, rng: np.random.Generator, owners: Accounts, *, per_day: float = 4.0) -> pa.Table:
    """What owners send themselves: an application's requests by office hours, each in his own two moulds."""
    n = len(owners)
    who, at = rhythm.sessions(rng, stage.calendar, owners, per_day, hours="office", weekend=0.4, life=rhythm.CUSTOMERS)
    moulds = stage.texts.own_moulds(rng, rng.integers(0, len(TASKS), 2 * n), rng.integers(0, 24, 2 * n))
    which = 2 * who + (rng.random(len(who)) < 0.4)
    return pour(stage, rng, owners, who, at, moulds, which)
