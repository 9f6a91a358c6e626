"""Campaign: on stolen keys, beside their owners' own traffic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import clients
from stillwatch.traffic_range.accounts import Accounts
from stillwatch.traffic_range.evasions import disguised
from stillwatch.traffic_range.ids import groups
from stillwatch.traffic_range.orders import driven, order, tasks
from stillwatch.traffic_range.population import Campaign, Part, population
from stillwatch.traffic_range.populations.key_owners import open_owners, owners_work
from stillwatch.traffic_range.rings import BUILDS, own_programs, parts, requests
from stillwatch.traffic_range.stage import HOUR, Stage, choose


@population("stolen_keys_campaign", campaign=Campaign("operator_k", ("reasoning", "grading")))
def stolen_keys_campaign(stage: Stage) -> Iterator[Part]:
    """Keys of strangers, who go on working by day; from other places and programs one list is worked off on them."""
    rng, n = stage.rng("keys"), stage.n
    owners = open_owners(stage, rng, n)
    owners = owners.but(
        network=pa.repeat(pa.scalar(f"{stage.name.removesuffix('_campaign')}_keys"), n),
        campaign=pa.repeat(pa.scalar(stage.name), n),
        role=pa.repeat(pa.scalar("stolen"), n),
    )
    thieves, theirs = _thieves(stage, owners), replace(stage, kind="key_owners")
    asked_for = order(stage, tasks(stage), in_system=("grade",))
    per_day = stage.option("per_day", 13.0)
    for (first, owned), (_, stolen) in zip(
        parts(stage, owners, per_day * stage.calendar.days),
        parts(stage, thieves, per_day * stage.calendar.days),
        strict=True,
    ):
        who, at = requests(stage, first, stolen, per_day, between=(4, 0))
        yield (
            owned,
            [driven(stage, first, stolen, who, at, asked_for), owners_work(theirs, stage.rng("owners", first), owned)],
        )


def _thieves(stage: Stage, owners: Accounts) -> Accounts:
    """The same accounts and keys from somebody else's addresses, programs and hours, behind their disguises."""
    rng, n, calendar = stage.rng("thieves"), len(owners), stage.calendar
    program = own_programs(rng)[0][rng.integers(0, 2, n)]
    # Of an owner's keys one is stolen.
    stolen = np.repeat(np.arange(n) * owners.keys_each, owners.keys_each)
    changed = owners.but(
        keys=owners.keys.take(pa.array(stolen)),
        addresses=stage.addresses.rented(rng, groups(rng, n, 10), 4),
        client=np.where(rng.random(n) < 0.5, program, rng.choice(clients.SERVERS, n)),
        version=clients.versions(rng, n),
        build=choose(rng, BUILDS, 3)[rng.integers(0, 3, n)],
        zone=np.full(n, float(rng.integers(-8, 10))),
        adopts=calendar.release + (rng.uniform(1, 30, n) * HOUR).astype(np.int64),
    )
    # What the registry says stays the owners': of the disguises only those of the traffic count.
    return disguised(stage, changed).but(
        created=owners.created, payment_id=owners.payment_id, org_id=owners.org_id, verified=owners.verified
    )
