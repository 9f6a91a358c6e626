"""Campaign: slow and low, over all the months of a world."""

from __future__ import annotations

from collections.abc import Iterator

from stillwatch.traffic_range.evasions import covered, disguised
from stillwatch.traffic_range.orders import driven, order, tasks
from stillwatch.traffic_range.population import Campaign, Part, population
from stillwatch.traffic_range.rings import Ring, open_ring, parts, requests
from stillwatch.traffic_range.stage import Stage

RING = Ring(card=3, exits_for=6, exits=6, rented=0.5, vpn=0.2, batches=20, opened=(-60, 0), aged=0.7, own_program=0.3)


@population("slow_campaign", campaign=Campaign("operator_j", ("reasoning", "grading")))
def slow_campaign(stage: Stage) -> Iterator[Part]:
    """Months of a few requests an account and day, fewer than most people send, in moulds that stay the same."""
    accounts = disguised(stage, open_ring(stage, RING))
    asked_for = order(stage, tasks(stage), variations=10, in_system=("grade",))
    per_day = stage.option("per_day", 2.0)
    for first, part in parts(stage, accounts, per_day * stage.calendar.days):
        who, at = requests(stage, first, part, per_day, spread=0.2, bursty=0.6, between=(0, 0))
        block = driven(stage, first, part, who, at, asked_for)
        yield part, [block, *covered(stage, first, part, len(block))]
