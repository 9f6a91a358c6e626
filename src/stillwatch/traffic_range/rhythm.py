"""When requests come: sessions over days and hours, turns within a session, machines and clocks.

Fitted to real traces (`python benchmarks/arrivals.py --corpus FOLDER`): how the requests of a program crowd within a
day (`CODE`, `CONVERSATION`), and the gaps between those of a job (`JOBS`). Declared assumptions: a person's day follows
the curves below in local time; how busy a day is varies by a gamma factor; gaps within a session are lognormal; how
volumes differ between customers, and how they come and go (`Life`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.special import ndtri

from stillwatch.traffic_range.accounts import Accounts
from stillwatch.traffic_range.addresses import CODES
from stillwatch.traffic_range.grammar import Ints
from stillwatch.traffic_range.stage import DAY, HOUR, SECOND, Calendar

Floats = npt.NDArray[np.float64]

HOURS: dict[str, list[float]] = {
    "waking": [2, 1, 0.5, 0.3, 0.3, 0.6, 1.5, 3, 5, 6, 6.5, 6, 5.5, 6, 6, 6, 6, 5.5, 5.5, 6, 7, 7, 6, 4],
    "office": [0.2, 0.1, 0.1, 0.1, 0.1, 0.3, 1, 3, 8, 10, 10, 9, 6, 8, 10, 10, 9, 6, 3, 1.5, 1, 1, 0.8, 0.4],
    "evening": [4, 2, 1, 0.5, 0.2, 0.2, 0.3, 0.8, 1.5, 2, 3, 3, 3, 4, 5, 5, 6, 6, 7, 9, 11, 12, 10, 7],
    "served": [3, 2.4, 2, 2, 2, 2.4, 3, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 4.6, 4],
    "always": [1] * 24,
}
"""Shares of the hours of a day, local time, from midnight. served: a program with users of its own."""

_LUNAR = "CN TW SG KR"
HOLIDAYS = {
    "2026-02-02": "MX", "2026-02-11": "JP", "2026-02-16": f"US CA BR AR {_LUNAR}", "2026-02-17": f"BR AR {_LUNAR}",
    "2026-02-18": _LUNAR, "2026-02-19": "CN TW", "2026-02-20": "CN TW", "2026-02-23": "JP CN", "2026-03-03": "IN",
    "2026-03-16": "MX", "2026-03-20": "JP EG SA", "2026-04-03": "GB CA AU DE ES BR PT NG SG MX AR",
    "2026-04-06": "GB AU DE FR NG", "2026-05-01": "DE FR ES PT BR AR MX CN TW SG KR UA KZ IN EG",
}  # fmt: skip
"""Days on which countries rest as on a weekend."""

_FRIDAY_AND_SATURDAY = ("EG", "SA")
"""Countries whose weekend is not that of the others."""


@dataclass(frozen=True, slots=True)
class Life:
    """How customers differ in volume, and how they come and go: declared assumptions.

    heavy: standard deviation of the logarithm of their volumes, in place of a gamma distribution; 0 leaves that.
    quiet: share of days in spells of hardly any use, `quiet_days` long on average.  leaves: share that stops within 30
    days without closing the account.  tries: share of those who sign up within the world that stop after some days.
    """

    heavy: float = 0.0
    quiet: float = 0.0
    quiet_days: float = 6.0
    leaves: float = 0.0
    tries: float = 0.0


STEADY = Life()
"""Everybody goes on as he began."""

PEOPLE = Life(heavy=1.2, quiet=0.25, quiet_days=5.0, leaves=0.10, tries=0.4)
"""People: the busiest hundredth have a seventh of the volume."""

CUSTOMERS = Life(heavy=1.9, quiet=0.15, quiet_days=6.0, leaves=0.06, tries=0.3)
"""Programs: the busiest hundredth have a third of the volume; ServeGen (arXiv 2505.09999) tells of stronger skews."""


@dataclass(frozen=True, slots=True)
class Bursts:
    """How a program's requests crowd: its rate is multiplied by gamma noise that is constant over spells of a width.

    widths: seconds, the wider ones last.  variances: of the factors, whose mean is 1.
    """

    widths: tuple[float, ...]
    variances: tuple[float, ...]


CODE = Bursts((5.0, 45.0), (3.83, 1.28))
"""Fitted on Azure's trace of a code service, an hour of November 2023, by `benchmarks/arrivals.py`."""

CONVERSATION = Bursts((3.0, 600.0), (0.025, 0.046))
"""Fitted on Azure's trace of a conversation service, the same hour; an hour cannot tell wider spells from a trend."""

AT_ONCE = 0.5
"""Seconds: requests of a job that are nearer have been sent by several workers."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """How jobs send. several: share of jobs with several workers.  at_once: share of these jobs' requests that come
    within `at_once_seconds` of the one before.  spread_of_several, spread_of_one: of the other gaps' logarithm.
    """

    several: float
    at_once: float
    at_once_seconds: float
    spread_of_several: float
    spread_of_one: float


JOBS = Jobs(0.21, 0.45, 0.072, 0.74, 0.66)
"""Fitted on 223 systematic runs of one operator (SpeechMap), by `benchmarks/arrivals.py`."""


def sessions(
    rng: np.random.Generator,
    calendar: Calendar,
    accounts: Accounts,
    per_day: float | Floats,
    *,
    hours: str,
    weekend: float = 0.7,
    spread: float = 1.2,
    bursty: float = 1.0,
    life: Life = STEADY,
    first: Ints | None = None,
    last: Ints | None = None,
) -> tuple[Ints, Ints]:
    """(account, start) of every session, by account and day.

    per_day: mean sessions of an account and day.  spread: how unlike accounts are (1 / gamma shape; 0 all alike).
    bursty: how unlike an account's days are, likewise.  weekend: factor on days of rest, each country's own.
    life: volumes and spells.  first, last: narrower limits than the accounts' lives.
    """
    n = len(accounts)
    start, end = accounts.until(calendar)
    start = start if first is None else np.maximum(start, first)
    end = end if last is None else np.minimum(end, last)
    rate = np.broadcast_to(np.asarray(per_day, float), (n,))
    rate = rate * (_heavy(rng, life.heavy, n) if life.heavy else _unlike(rng, spread, (n,)))
    mean = rate[:, None] * np.where(_rests(calendar)[accounts.country], weekend, 1.0)
    mean = mean * _unlike(rng, bursty, (n, calendar.days))
    if life is not STEADY:
        mean = mean * _spells(rng, calendar, life, accounts.created)
    count = rng.poisson(mean)
    who, on = np.nonzero(count)
    times = count[who, on]
    group = who
    who, on = np.repeat(who, times), np.repeat(on, times)
    at = calendar.start + on * DAY + ((hour_of_day(rng, hours, len(who)) - accounts.zone[who]) * HOUR).astype(np.int64)
    if hours in ("served", "always"):
        at = crowded(rng, at, times, rng.integers(0, 2, n)[group], (CODE, CONVERSATION))
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
    gaps = 1 + gap * np.exp(rng.normal(0, spread, len(session)))
    return session, turn, _after(start, count, session, gaps)


def by_clock(rng: np.random.Generator, at: Ints, period: int) -> Ints:
    """Times moved to a clock's strokes: every `period` µs, and a few seconds on, as jobs of cron start."""
    return at // period * period + (rng.exponential(4.0, len(at)) * SECOND).astype(np.int64)


def burst(rng: np.random.Generator, start: Ints, count: Ints, seconds_each: float) -> tuple[Ints, Ints]:
    """(job, time) of requests that jobs send, some with several workers (`JOBS`). seconds_each: median pause."""
    job = np.repeat(np.arange(len(start)), count)
    several = (rng.random(len(start)) < JOBS.several)[job]
    spread = np.where(several, JOBS.spread_of_several, JOBS.spread_of_one)
    gaps = seconds_each * np.exp(rng.normal(0, 1, len(job)) * spread)
    at_once = several & (rng.random(len(job)) < JOBS.at_once)
    gaps = np.where(at_once, JOBS.at_once_seconds * np.exp(rng.normal(0, 1, len(job))), gaps)
    return job, _after(start, count, job, gaps)


def crowded(
    rng: np.random.Generator, at: Ints, count: Ints, kind: Ints, kinds: tuple[Bursts, ...], length: float = 86_400.0
) -> Ints:
    """Times of the same number, crowded as gamma noise on the rate crowds them: an account's day stays one.

    at: µs, the rows of each group together.  count, kind: of each group.  length: seconds that a group spreads over.
    A gamma-modulated Poisson process of a known number of points is a Pólya urn of its spells: each point falls into
    the spell of an earlier one as often as there are points there. Cost: O(n), whatever the spells' number.
    """
    at = at.copy()
    for scale in reversed(range(len(kinds[0].widths))):
        width = np.array([one.widths[scale] for one in kinds])
        variance = np.array([one.variances[scale] for one in kinds])
        new = np.where(variance > 0, length / width / np.maximum(variance, 1e-12), np.inf)
        n = len(at)
        phase = rng.random(len(count))
        _urn(at, count, new[kind], width[kind] * SECOND, phase, rng.random(n), rng.random(n), rng.random(n))
    return at


def dispersion(bursts: Bursts, rate: float, windows: Floats) -> Floats:
    """The model's index of dispersion: variance over mean of the counts in windows, 1 for a Poisson process.

    rate: requests a second.  windows: seconds.  A factor of variance v that is constant over spells of w seconds adds
    rate * v * (T - T²/3w) below w seconds, and rate * v * (w - w²/3T) above.
    """
    out = np.ones(len(windows))
    for width, variance in zip(bursts.widths, bursts.variances, strict=True):
        below = windows - windows**2 / (3 * width)
        out += rate * variance * np.where(windows <= width, below, width - width**2 / (3 * windows))
    return out


@njit(cache=True, nogil=True)
def _urn(at, count, new, width, phase, join, which, where):  # type: ignore[no-untyped-def]
    row = 0
    for group in range(len(count)):
        first, edge = row, phase[group] * width[group]
        for k in range(count[group]):
            if k and join[row] * (k + new[group]) < k:
                spell = np.floor((at[first + int(which[row] * k)] - edge) / width[group])
                at[row] = np.int64((spell + where[row]) * width[group] + edge)
            row += 1


def _after(start: Ints, count: Ints, session: Ints, gaps: Floats) -> Ints:
    """Times of the members of sessions, each a gap (seconds) after the one before, the first at its start."""
    head = np.cumsum(count) - count
    gaps = gaps.copy()
    gaps[head[count > 0]] = 0.0
    passed = np.cumsum(gaps)
    begin = passed[np.minimum(head, max(len(passed) - 1, 0))] if len(passed) else np.zeros(len(start))
    return start[session] + ((passed - begin[session]) * SECOND).astype(np.int64)


def _heavy(rng: np.random.Generator, spread: float, n: int) -> Floats:
    """Lognormal factors of mean 1, one in each n-th of the distribution, so that a world's volume is no lottery."""
    drawn: Floats = np.exp(spread * ndtri((rng.permutation(n) + rng.random(n)) / n))
    return drawn / drawn.mean() if n else drawn


def _unlike(rng: np.random.Generator, spread: float, shape: tuple[int, ...]) -> Floats:
    if spread <= 0:
        return np.ones(shape)
    return rng.gamma(1 / spread, spread, shape)


def _spells(rng: np.random.Generator, calendar: Calendar, life: Life, created: Ints) -> Floats:
    """Factors by account and day: busy and quiet spells, and nothing after an account was left. Mean 1 until then."""
    n, days = len(created), calendar.days
    quiet = np.zeros((n, days), bool)
    wakes, falls = 1 / life.quiet_days, life.quiet / (1 - life.quiet) / life.quiet_days
    now = rng.random(n) < life.quiet
    for day in range(days):
        now = np.where(now, rng.random(n) >= wakes, rng.random(n) < falls)
        quiet[:, day] = now
    factor = np.where(quiet, 0.05, (1 - 0.05 * life.quiet) / (1 - life.quiet))
    # Who signs up tries things out in his first days, and some leave it at that.
    age = (calendar.start + np.arange(days) * DAY - created[:, None]) / DAY
    new = created >= calendar.start
    factor = np.where(new[:, None] & (age < 4), 1.5, factor)
    stays = np.where(new & (rng.random(n) < life.tries), rng.exponential(4.0, n), np.inf)
    left = rng.exponential(-30 / np.log1p(-life.leaves), n) if life.leaves else np.full(n, np.inf)
    return factor * ((age < stays[:, None]) & (np.arange(days)[None, :] < left[:, None]))


def _rests(calendar: Calendar) -> npt.NDArray[np.bool_]:
    """Whether each country rests on each day: weekends, and holidays."""
    codes = CODES.to_pylist()
    first = datetime.fromtimestamp(calendar.start / SECOND, UTC).date().toordinal()
    day = np.arange(calendar.days)
    out = np.array([np.isin(day % 7, (4, 5) if code in _FRIDAY_AND_SATURDAY else (5, 6)) for code in codes])
    for text, countries in HOLIDAYS.items():
        on = date.fromisoformat(text).toordinal() - first
        if 0 <= on < calendar.days:
            out[[codes.index(code) for code in countries.split()], on] = True
    return out


def hour_of_day(rng: np.random.Generator, hours: str, n: int) -> Floats:
    """n hours of the day, local time, with fractions, by one of the curves of `HOURS`."""
    shares = np.array(HOURS[hours])
    hour = np.searchsorted(np.cumsum(shares) / shares.sum(), rng.random(n), side="right")
    return np.minimum(hour, 23) + rng.random(n)
