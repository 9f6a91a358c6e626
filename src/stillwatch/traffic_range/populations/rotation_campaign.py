"""Campaign: accounts that last a few days each, and are replaced at once."""

from __future__ import annotations

from collections.abc import Iterator

from stillwatch.traffic_range.population import Campaign, Part, population
from stillwatch.traffic_range.populations.harvest_campaign import harvest
from stillwatch.traffic_range.rings import Ring
from stillwatch.traffic_range.stage import Stage

RING = Ring(card=12, exits_for=12, batches=8, replaced=6, banned=1.0, aged=0.1)
"""Six accounts follow one another in each place."""


@population("rotation_campaign", campaign=Campaign("operator_g", ("reasoning", "rewriting")))
def rotation_campaign(stage: Stage) -> Iterator[Part]:
    """One list worked off by accounts of which one after the other is banned, and replaced within the hour."""
    yield from harvest(stage, RING)
