"""Campaign: hidden in one organisation that it made itself, which nobody verified."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range.accounts import shared_ids
from stillwatch.traffic_range.evasions import covered, disguised
from stillwatch.traffic_range.orders import driven, order, tasks
from stillwatch.traffic_range.population import Campaign, Part, population
from stillwatch.traffic_range.rings import Ring, open_ring, parts, requests
from stillwatch.traffic_range.stage import Stage

RING = Ring(card=1000, exits_for=60, exits=6, rented=0.9, batches=3, opened=(-12, 0), aged=0.0, own_program=0.7)


@population("one_organisation_campaign", campaign=Campaign("operator_m", ("reasoning", "data_analysis")))
def one_organisation_campaign(stage: Stage) -> Iterator[Part]:
    """Accounts that pass for the staff of one organisation, with its bill and domain, and work one list off."""
    rng, n = stage.rng("organisation"), stage.n
    accounts = open_ring(stage, RING)
    accounts = accounts.but(
        org_id=shared_ids(rng, np.zeros(n, np.int64), "org_"),
        email_domain=pa.array(np.repeat(accounts.email_domain[0].as_py(), n)),
        plan=pa.repeat(pa.scalar("enterprise"), n),
        verified=np.zeros(n, bool),
    )
    accounts = disguised(stage, accounts)
    asked_for = order(stage, tasks(stage), in_system=("grade",))
    per_day = stage.option("per_day", 13.0)
    for first, part in parts(stage, accounts, per_day * stage.calendar.days):
        who, at = requests(stage, first, part, per_day)
        block = driven(stage, first, part, who, at, asked_for)
        yield part, [block, *covered(stage, first, part, len(block))]
