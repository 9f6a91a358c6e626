"""Strangers behind a mobile carrier's shared exits."""

from __future__ import annotations

from collections.abc import Iterator

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import open_accounts
from stillwatch.traffic_range.addresses import countries
from stillwatch.traffic_range.conversations import talk
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import Stage


@population("carrier_crowd")
def carrier_crowd(stage: Stage) -> Iterator[Part]:
    """People on mobile lines: strangers of a country who leave through the same few addresses."""
    for _, n, rng in stage.parts(per_day=0.9):
        country = countries(rng, n)
        lines = stage.addresses.carrier(rng, country)
        people = open_accounts(stage, rng, n, country=country, addresses=lines, paid=0.4)
        who, start = rhythm.sessions(rng, stage.calendar, people, 0.6, hours="waking", life=rhythm.PEOPLE)
        yield people, [talk(stage, rng, people, who, start, going_on=0.45)]
