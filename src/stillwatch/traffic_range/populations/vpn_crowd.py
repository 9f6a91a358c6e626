"""Strangers behind the same VPN exits."""

from __future__ import annotations

from collections.abc import Iterator

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import open_accounts
from stillwatch.traffic_range.addresses import countries
from stillwatch.traffic_range.conversations import talk
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import Stage


@population("vpn_crowd")
def vpn_crowd(stage: Stage) -> Iterator[Part]:
    """People who chat through VPNs: strangers who share a few dozen exits."""
    for _, n, rng in stage.parts(per_day=1.4):
        exits = stage.addresses.vpn(rng, n)
        people = open_accounts(stage, rng, n, country=countries(rng, n), addresses=exits, server=0.15, paid=0.5)
        who, start = rhythm.sessions(rng, stage.calendar, people, 0.6, hours="waking", weekend=0.9, life=rhythm.PEOPLE)
        yield people, [talk(stage, rng, people, who, start)]
