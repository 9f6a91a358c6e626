"""Owners whose sessions go on under another key of theirs, reasoning blocks and all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import clients, rhythm
from stillwatch.traffic_range.accounts import open_accounts, shared_ids
from stillwatch.traffic_range.addresses import countries, mixed
from stillwatch.traffic_range.conversations import work
from stillwatch.traffic_range.ids import groups
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import Stage
from stillwatch.traffic_range.texts.moulds import TASKS

SITES = 45_000
"""Offices of these owners begin at this number."""


@population("shared_sessions")
def shared_sessions(stage: Stage) -> Iterator[Part]:
    """Small teams whose agents go on under the next account when one is at its limit, and hand their reasoning on."""
    for first, n, rng in stage.parts():
        owner = groups(rng, n, 3)
        n_owners = int(owner.max()) + 1
        country = countries(rng, n_owners)[owner]
        office = stage.addresses.office(SITES + first + owner, country)
        where = mixed([office, stage.addresses.homes(rng, country)], (rng.random(n) < 0.3).astype(int))
        program = np.array([clients.CODEROO, clients.PATCHPILOT, clients.PYTHON, clients.NODE])
        people = open_accounts(
            stage,
            rng,
            n,
            country=country,
            addresses=where,
            client=program[rng.integers(0, 4, n_owners)][owner],
            paid=1.0,
        )
        people = people.but(
            payment_id=shared_ids(rng, owner, "pay_"),
            # Their agents think, or there would be nothing to hand on.
            model=np.where(rng.random(n_owners) < 0.7, 2, 0)[owner],
            network=pa.array([f"shared_sessions_{number}" for number in (first + owner).tolist()]),
        )
        moulds = stage.texts.own_moulds(rng, np.full(n_owners, TASKS.index("agent")), rng.integers(0, 24, n_owners))
        kits = pa.array(clients.tool_sets(rng, n_owners, 3, 11), pa.list_(pa.string()))
        who, start = rhythm.sessions(rng, stage.calendar, people, 0.7, hours="office", weekend=0.4, spread=1.5)
        told, kit = (one.take(pa.array(owner[who])) for one in (moulds.system, kits))
        order = np.lexsort((np.arange(n), owner))
        fellows = np.empty(n, np.int64)
        fellows[order] = np.roll(order, -1)
        fellows = np.where(owner[fellows] == owner, fellows, np.arange(n))
        yield people, [work(stage, rng, people, who, start, told, kit, steps=12, fellows=fellows, over=0.06)]
