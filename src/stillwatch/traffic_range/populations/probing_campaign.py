"""Campaign: thousands of distinct tests on a few accounts, to see what passes, and then the work itself on all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range.accounts import Accounts
from stillwatch.traffic_range.evasions import covered, disguised
from stillwatch.traffic_range.orders import Order, driven, order, tasks
from stillwatch.traffic_range.population import Campaign, Part, population
from stillwatch.traffic_range.rings import Ring, open_ring, parts, requests
from stillwatch.traffic_range.stage import Stage

PROBING_DAYS = 5
"""Days of tests, at the beginning."""

REFUSED = 0.3
"""Share of tests that the model refuses."""

REDRAWN = 0.6
"""Share of a mould's sentences that each test words anew."""


@population("probing_campaign", campaign=Campaign("operator_f", ("rewriting", "reasoning")))
def probing_campaign(stage: Stage) -> Iterator[Part]:
    """A tenth of the accounts try out variations of a request, a third of which are refused; then all of them work."""
    n, calendar = stage.n, stage.calendar
    accounts = disguised(stage, open_ring(stage, Ring(opened=(-10, -1))))
    tries = np.arange(n) < max(3, round(n / 10))
    asked_for = order(stage, tasks(stage), in_system=("grade",))
    per_day, tests = stage.option("per_day", 13.0), stage.option("tests", 3000.0)
    rate = tests / tries.sum() / PROBING_DAYS
    for first, part in parts(stage, accounts, per_day * calendar.days + tests / tries.sum()):
        trying = tries[first : first + len(part)]
        prober, tested = requests(
            stage,
            first,
            part,
            np.where(trying, rate, 0.0),
            purpose="probes",
            between=(1, calendar.days - 1 - PROBING_DAYS),
        )
        who, at = requests(stage, first, part, per_day, between=(PROBING_DAYS + 2, 1))
        blocks = [
            _probes(stage, first, part, prober, tested, asked_for),
            driven(stage, first, part, who, at, asked_for),
        ]
        yield part, [*blocks, *covered(stage, first, part, len(prober) + len(who))]


def _probes(
    stage: Stage,
    first: int,
    accounts: Accounts,
    who: np.typing.NDArray[np.int64],
    at: np.typing.NDArray[np.int64],
    asked_for: Order,
) -> pa.Table:
    """Tests: each in words of its own, some refused."""
    refused = stage.rng("refusals", first).random(len(who)) < REFUSED
    return driven(stage, first, accounts, who, at, asked_for, redrawn=REDRAWN, refused=refused)
