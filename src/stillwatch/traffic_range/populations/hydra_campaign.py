"""Campaign: a relay on a proxy network, at an ordinary volume an account, half of it real customers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range.accounts import Accounts
from stillwatch.traffic_range.evasions import covered, disguised
from stillwatch.traffic_range.grammar import Ints
from stillwatch.traffic_range.orders import Order, driven, order
from stillwatch.traffic_range.population import Campaign, Part, population
from stillwatch.traffic_range.proxies import HYDRA, customers
from stillwatch.traffic_range.relays import relayed, tails
from stillwatch.traffic_range.rings import drivers, open_ring, parts, requests
from stillwatch.traffic_range.stage import Stage
from stillwatch.traffic_range.texts.moulds import Drafts

RELAYED = 0.7
"""Share of the campaign's exchanges that are customers' own questions."""


@population("hydra_campaign", campaign=Campaign("operator_c", ("reasoning", "grading")))
def hydra_campaign(stage: Stage) -> Iterator[Part]:
    """A proxy network: customers' traffic on all accounts; on two fifths of them a campaign relays and harvests."""
    n = stage.n
    drives = stage.rng("drives").permutation(np.arange(n) < round(n * stage.option("driving", 250 / 600)))
    accounts = disguised(stage, drivers(stage, open_ring(stage, HYDRA, network="proxy", drives=False), drives))
    tail, graded = tails(stage), order(stage, {"grade": 1.0}, variations=10, in_system=("grade",))
    per_day, cover = stage.option("per_day", 7.0), stage.option("cover_per_day", 2.9)
    volume = (per_day * float(drives.mean()) + cover) * stage.calendar.days
    for first, part in parts(stage, accounts, volume):
        driving = drives[first : first + len(part)]
        who, at = requests(stage, first, part, np.where(driving, per_day, 0.0), bursty=0.1, between=(0, 0))
        yield part, _blocks(stage, first, part, who, at, tail, graded, cover)


def _blocks(
    stage: Stage, first: int, part: Accounts, who: Ints, at: Ints, tail: Drafts, graded: Order, cover: float
) -> Iterator[pa.Table]:
    relay = stage.rng("relay", first).random(len(who)) < RELAYED
    # A customer's question is one exchange here: the proxy keeps no conversation on an account.
    yield relayed(stage, first, part, who[relay], at[relay], tail=tail, going_on=0.0)
    yield driven(stage, first, part, who[~relay], at[~relay], graded)
    yield from customers(stage, first, part, cover)
    yield from covered(stage, first, part, len(who))
