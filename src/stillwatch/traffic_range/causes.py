"""What happens to everybody at once: failures of a service, a region or a program, retries, and updates of programs.

A cause knows no populations: it takes whatever is sent meanwhile, honest or not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillwatch.traffic_range.clients import CHAINWORK, GO, HTTPX, LANGLOOM, PYTHON
from stillwatch.traffic_range.grammar import Ints

Flags = npt.NDArray[np.bool_]

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
"""Times are microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A spell in which requests fail.

    begin, end: µs.  status: what they fail with.  share: of the requests that it can hit.  programs, platforms: numbers
    in `clients`; all where there are none.  zones: hours from UTC, from and to; everybody where it is null.  tries: how
    often programs send a failed request again on average; `hammering` programs do so within seconds, and ten times as
    often.
    """

    begin: int
    end: int
    status: int
    share: float
    programs: tuple[int, ...] = ()
    platforms: tuple[int, ...] = ()
    zones: tuple[float, float] | None = None
    tries: float = 0.8
    hammering: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """A new version of a program, which most of its users have within days. program: its number.  moment: µs."""

    program: int
    moment: int


def ordinary(start: int, days: int) -> tuple[tuple[Cause, ...], tuple[Update, ...]]:
    """Causes and updates as they come every few weeks, counted from a first midnight.

    Each fortnight: twenty minutes of 429s at a busy hour, which some programs answer by hammering; an hour in which a
    cloud's platform is down, and another in which a part of the world is; a wave of 500s for an hour and a half; and a
    release of one of the two libraries.
    """
    causes: list[Cause] = []
    updates: list[Update] = []
    for number, first in enumerate(range(0, days, 14)):
        day = start + first * DAY
        storm = day + 3 * DAY + 15 * HOUR
        platform, region = day + 9 * DAY + 10 * HOUR, day + 5 * DAY + 6 * HOUR
        wave = day + 12 * DAY + 19 * HOUR
        causes += [
            Cause(storm, storm + HOUR // 3, 429, 0.6, hammering=(PYTHON, GO, HTTPX, CHAINWORK, LANGLOOM)),
            Cause(platform, platform + HOUR, 503, 0.8, platforms=(1 + number % 3,)),
            Cause(region, region + HOUR, 503, 0.75, zones=(4.5, 11.0) if number % 2 == 0 else (-9.0, -4.0)),
            Cause(wave, wave + 3 * HOUR // 2, 500, 0.15),
        ]
        updates.append(Update(number % 2, day + 6 * DAY + 17 * HOUR))
    last = start + days * DAY
    return (
        tuple(one for one in causes if one.end <= last),
        tuple(one for one in updates if one.moment < last),
    )


def failures(
    rng: np.random.Generator,
    causes: tuple[Cause, ...],
    at: Ints,
    program: Ints,
    platform: Ints,
    zone: npt.NDArray[np.float64],
    status: Ints,
) -> tuple[Ints, Ints, Flags]:
    """(status, how often each is sent again, whether within seconds) of requests, causes and all.

    status: without causes; failures that are not the request's own fault are sent again once by four in five.
    """
    n = len(at)
    tries = ((status >= 429) & (rng.random(n) < 0.8)).astype(np.int64)
    hammers = np.zeros(n, bool)
    for cause in causes:
        inside = np.flatnonzero((at >= cause.begin) & (at < cause.end))
        if not len(inside):
            continue
        hit = rng.random(len(inside)) < cause.share
        if cause.programs:
            hit &= np.isin(program[inside], cause.programs)
        if cause.platforms:
            hit &= np.isin(platform[inside], cause.platforms)
        if cause.zones is not None:
            hit &= (zone[inside] >= cause.zones[0]) & (zone[inside] < cause.zones[1])
        rows = inside[hit]
        hammers[rows] = np.isin(program[rows], cause.hammering)
        status[rows] = cause.status
        # People try again once or not at all; a program that hammers goes on until it is through.
        again = np.minimum(rng.geometric(1 / (1 + cause.tries * 10), len(rows)), 60)
        tries[rows] = np.where(hammers[rows], again, rng.random(len(rows)) < cause.tries)
    return status, tries, hammers


def updated(rng: np.random.Generator, updates: tuple[Update, ...], client: Ints, moment: Ints) -> Ints:
    """When accounts move to a newer version of their program: most within days of its release.

    moment: when each would have moved without one.
    """
    out = moment.copy()
    for update in updates:
        takes = (client == update.program) & (rng.random(len(client)) < 0.8)
        delay = rng.exponential(1.5, len(client)) * DAY
        out = np.where(takes, np.minimum(out, update.moment + delay.astype(np.int64)), out)
    return out
