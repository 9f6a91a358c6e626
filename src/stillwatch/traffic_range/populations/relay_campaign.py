"""Campaign: real customers' requests relayed at an ordinary volume an account, with or without a harvesting tail."""

from __future__ import annotations

from collections.abc import Iterator

from stillwatch.traffic_range.evasions import covered, disguised
from stillwatch.traffic_range.population import Campaign, Part, population
from stillwatch.traffic_range.relays import relayed, tails
from stillwatch.traffic_range.rings import Ring, open_ring, parts, requests
from stillwatch.traffic_range.stage import Stage

TURNS = 2.0
"""Mean turns of a conversation."""

RING = Ring(card=6, exits_for=14, exits=5, batches=10, opened=(-30, 2), own_program=0.7, replaced=2, banned=0.15)


@population("relay_campaign", campaign=Campaign("operator_d", ("reasoning",)))
def relay_campaign(stage: Stage) -> Iterator[Part]:
    """Honest people's own conversations, passed on at some six requests an account and day; `tail` 0: word for word."""
    accounts = disguised(stage, open_ring(stage, RING))
    tail = tails(stage) if stage.option("tail", 1.0) else None
    per_day = stage.option("per_day", 6.0)
    for first, part in parts(stage, accounts, per_day * stage.calendar.days):
        # Customers have weekends.
        who, start = requests(
            stage, first, part, per_day / TURNS, weekend=0.85, spread=0.05, bursty=0.2, between=(0, 0)
        )
        block = relayed(stage, first, part, who, start, tail=tail, going_on=1 - 1 / TURNS)
        yield part, [block, *covered(stage, first, part, len(block))]
