"""People who chat: many languages, several turns, days and weekends."""

from __future__ import annotations

from collections.abc import Iterator

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import open_accounts
from stillwatch.traffic_range.conversations import talk
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import Stage


@population("chatters")
def chatters(stage: Stage) -> Iterator[Part]:
    """People who chat, in ten languages, some turns at a time, some of them through front ends that they run."""
    for _, n, rng in stage.parts(per_day=0.9):
        people = open_accounts(stage, rng, n, server=0.3, paid=0.45)
        who, start = rhythm.sessions(rng, stage.calendar, people, 0.42, hours="waking", weekend=0.9, life=rhythm.PEOPLE)
        yield people, [talk(stage, rng, people, who, start)]
