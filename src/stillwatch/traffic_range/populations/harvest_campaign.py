"""Campaign: items of one list in moulds of its own, dealt out evenly over a network of accounts."""

from __future__ import annotations

from collections.abc import Iterator

from stillwatch.traffic_range.evasions import covered, disguised
from stillwatch.traffic_range.orders import driven, order, tasks
from stillwatch.traffic_range.population import Campaign, Part, population
from stillwatch.traffic_range.rings import Ring, open_ring, parts, requests
from stillwatch.traffic_range.stage import Stage


@population("harvest_campaign", campaign=Campaign("operator_n", ("reasoning", "data_analysis")))
def harvest_campaign(stage: Stage) -> Iterator[Part]:
    """A network works one list off, day and night; with `weaker_at` it leaves the hardest model on that day."""
    yield from harvest(stage, Ring())


def harvest(stage: Stage, ring: Ring, *, variations: int = 8) -> Iterator[Part]:
    """The parts of a campaign that has its targets' items worked off by a ring, `per_day` an account."""
    accounts = disguised(stage, open_ring(stage, ring))
    asked_for = order(stage, tasks(stage), variations=variations, in_system=("grade",))
    per_day = stage.option("per_day", 13.0)
    for first, part in parts(stage, accounts, per_day * stage.calendar.days):
        who, at = requests(stage, first, part, per_day)
        block = driven(stage, first, part, who, at, asked_for)
        yield part, [block, *covered(stage, first, part, len(block))]
