"""When requests come: sessions over days and hours, turns within a session, machines and clocks.

Declared assumptions: a person's day follows the curves below in local time; how busy a day is varies by a gamma factor;
gaps within a session are lognormal.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stillwatch.traffic_range.accounts import Accounts
from stillwatch.traffic_range.grammar import Ints
from stillwatch.traffic_range.stage import DAY, HOUR, SECOND, Calendar

HOURS: dict[str, list[float]] = {
    "waking": [2, 1, 0.5, 0.3, 0.3, 0.6, 1.5, 3, 5, 6, 6.5, 6, 5.5, 6, 6, 6, 6, 5.5, 5.5, 6, 7, 7, 6, 4],
    "office": [0.2, 0.1, 0.1, 0.1, 0.1, 0.3, 1, 3, 8, 10, 10, 9, 6, 8, 10, 10, 9, 6, 3, 1.5, 1, 1, 0.8, 0.4],
    "evening": [4, 2, 1, 0.5, 0.2, 0.2, 0.3, 0.8, 1.5, 2, 3, 3, 3, 4, 5, 5, 6, 6, 7, 9, 11, 12, 10, 7],
    "served": [3, 2.4, 2, 2, 2, 2.4, 3, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 4.6, 4],
    "always": [1] * 24,
}
"""Shares of the hours of a day, local time, from midnight. served: a program with users of its own."""


def sessions(
    rng: np.random.Generator,
    calendar: Calendar,
    accounts: Accounts,
    per_day: float | npt.NDArray[np.float64],
    *,
    hours: str,
    weekend: float = 0.7,
    spread: float = 1.2,
    bursty: float = 1.0,
    first: Ints | None = None,
    last: Ints | None = None,
) -> tuple[Ints, Ints]:
    """(account, start) of every session, by account and day.

    per_day: mean sessions of an account and day.  spread: how unlike accounts are (1 / gamma shape; 0 all alike).
    bursty: how unlike an account's days are, likewise.  weekend: factor on Saturdays and Sundays.
    first, last: narrower limits than the accounts' lives.
    """
    n = len(accounts)
    start, end = accounts.until(calendar)
    start = start if first is None else np.maximum(start, first)
    end = end if last is None else np.minimum(end, last)
    rate = np.broadcast_to(np.asarray(per_day, float), (n,)) * _unlike(rng, spread, (n,))
    day = np.arange(calendar.days)
    factor = np.where(day % 7 >= 5, weekend, 1.0)
    mean = rate[:, None] * factor[None, :] * _unlike(rng, bursty, (n, calendar.days))
    count = rng.poisson(mean)
    who, on = np.nonzero(count)
    times = count[who, on]
    who, on = np.repeat(who, times), np.repeat(on, times)
    at = calendar.start + on * DAY + ((hour_of_day(rng, hours, len(who)) - accounts.zone[who]) * HOUR).astype(np.int64)
    # Local days do not begin at UTC's midnight: what falls out at one end comes in at the other.
    at = calendar.start + (at - calendar.start) % (calendar.days * DAY)
    keep = (at >= start[who]) & (at < end[who])
    return who[keep].astype(np.int64), at[keep]


def turns(
    rng: np.random.Generator, start: Ints, count: Ints, *, gap: float, spread: float = 0.9
) -> tuple[Ints, Ints, Ints]:
    """(session, turn, time) of every turn of sessions. gap: median seconds between turns; spread: of its logarithm."""
    session = np.repeat(np.arange(len(start)), count)
    turn = np.arange(len(session)) - np.repeat(np.cumsum(count) - count, count)
    gaps = np.where(turn == 0, 0.0, 1 + gap * np.exp(rng.normal(0, spread, len(session))))
    passed = np.cumsum(gaps)
    begin = passed[np.cumsum(count) - count] if len(count) else passed
    return session, turn, start[session] + ((passed - begin[session]) * SECOND).astype(np.int64)


def by_clock(rng: np.random.Generator, at: Ints, period: int) -> Ints:
    """Times moved to a clock's strokes: every `period` µs, and a few seconds on, as jobs of cron start."""
    return at // period * period + (rng.exponential(4.0, len(at)) * SECOND).astype(np.int64)


def burst(rng: np.random.Generator, start: Ints, count: Ints, seconds_each: float) -> tuple[Ints, Ints]:
    """(job, time) of requests that jobs send one after the other."""
    job, _, at = turns(rng, start, count, gap=max(seconds_each - 1, 0.05), spread=0.5)
    return job, at


def _unlike(rng: np.random.Generator, spread: float, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    if spread <= 0:
        return np.ones(shape)
    return rng.gamma(1 / spread, spread, shape)


def hour_of_day(rng: np.random.Generator, hours: str, n: int) -> npt.NDArray[np.float64]:
    """n hours of the day, local time, with fractions, by one of the curves of `HOURS`."""
    shares = np.array(HOURS[hours])
    hour = np.searchsorted(np.cumsum(shares) / shares.sum(), rng.random(n), side="right")
    return np.minimum(hour, 23) + rng.random(n)
