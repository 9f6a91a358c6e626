"""When requests come: crowding as fitted, jobs, volumes, days of rest."""

from __future__ import annotations

import numpy as np
import pytest

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import open_accounts
from stillwatch.traffic_range.addresses import CODES, AddressPlan
from stillwatch.traffic_range.rhythm import CODE, CONVERSATION, Bursts, Life, dispersion
from stillwatch.traffic_range.stage import DAY, SECOND, Stage
from stillwatch.traffic_range.worlds import WORLDS

QUIET = WORLDS["quiet"].calendar


def counted(at: np.ndarray, seconds: float) -> float:
    """Variance over mean of the counts of a day's windows."""
    counts = np.bincount((at / seconds).astype(int), minlength=int(86_400 / seconds))
    return float(counts.var() / counts.mean())


@pytest.mark.parametrize("bursts", [CODE, CONVERSATION], ids=["code", "conversation"])
@pytest.mark.parametrize("seconds", [1.0, 10.0, 60.0])
def test_requests_crowd_as_the_model_says(bursts: Bursts, seconds: float) -> None:
    """Drawn requests have the model's index of dispersion, within a third, at the rate that it was fitted at."""
    rng, rate = np.random.default_rng(5), 4.0
    n = int(rate * 86_400)
    at = (rng.random(n) * 86_400 * SECOND).astype(np.int64)
    drawn = rhythm.crowded(rng, at, np.array([n]), np.array([0]), (bursts,)) / SECOND
    expected = dispersion(bursts, rate, np.array([seconds]))[0]
    assert counted(drawn[(drawn >= 0) & (drawn < 86_400)], seconds) == pytest.approx(expected, rel=0.34)


def test_without_variance_nothing_moves() -> None:
    """The times stay what they were."""
    at = np.arange(100) * SECOND
    still = rhythm.crowded(
        np.random.default_rng(1), at, np.array([60, 40]), np.array([0, 0]), (Bursts((5.0, 60.0), (0.0, 0.0)),)
    )
    assert (still == at).all()


def test_dispersion_grows_from_poisson() -> None:
    """One in the smallest windows, and without end nowhere: beyond the widest spell it stays below its limit."""
    curve = dispersion(CODE, 2.57, np.array([1e-6, 1.0, 100.0, 1e9]))
    limit = 1 + 2.57 * sum(w * v for w, v in zip(CODE.widths, CODE.variances, strict=True))
    assert curve[0] == pytest.approx(1, abs=1e-4)
    assert (np.diff(curve) > 0).all()
    assert curve[-1] == pytest.approx(limit)


def test_jobs_of_several_workers_send_at_once() -> None:
    """About a tenth of all gaps are shorter than half a second, as measured: a fifth of jobs, near half of theirs."""
    start = np.zeros(2000, np.int64)
    job, at = rhythm.burst(np.random.default_rng(2), start, np.full(2000, 50), 3.0)
    gaps = np.diff(at)[job[1:] == job[:-1]] / SECOND
    assert (gaps < rhythm.AT_ONCE).mean() == pytest.approx(rhythm.JOBS.several * rhythm.JOBS.at_once, abs=0.03)
    assert np.median(gaps[gaps > rhythm.AT_ONCE]) == pytest.approx(3.0, rel=0.1)


def volumes(life: Life, n: int = 2000) -> np.ndarray:
    """Sessions of each of n accounts."""
    stage = Stage("some", n, 3, QUIET, AddressPlan())
    rng = stage.rng("test")
    accounts = open_accounts(stage, rng, n)
    who, _ = rhythm.sessions(rng, QUIET, accounts, 5.0, hours="waking", weekend=1.0, bursty=0.0, life=life)
    return np.bincount(who, minlength=n)


def test_heavy_tails_are_as_heavy_as_said() -> None:
    """The busiest hundredth have the share that a lognormal distribution gives them; the mean stays."""
    heavy, even = np.sort(volumes(rhythm.CUSTOMERS))[::-1], volumes(Life(heavy=0.1))
    assert heavy[:20].sum() / heavy.sum() == pytest.approx(0.34, abs=0.08)
    assert heavy.mean() == pytest.approx(even.mean(), rel=0.15)


def test_quiet_spells_come_and_go() -> None:
    """Days of nothing come in rows: many more accounts send nothing in a week than without spells."""
    n = 1500
    stage = Stage("some", n, 3, QUIET, AddressPlan())
    idle = {}
    for quiet in (0.0, 0.4):
        rng = stage.rng("test")
        accounts = open_accounts(stage, rng, n).but(created=np.full(n, QUIET.day(-9)))
        life = Life(heavy=0.1, quiet=quiet, quiet_days=6.0)
        who, at = rhythm.sessions(rng, QUIET, accounts, 3.0, hours="waking", bursty=0.0, life=life)
        week = at // DAY * DAY
        idle[quiet] = n - len(np.unique(who[(week >= QUIET.day(7)) & (week < QUIET.day(12))]))
    assert idle[0.4] > idle[0.0] + 0.05 * n


@pytest.mark.parametrize(
    ("code", "day", "rests"),
    [("US", 0, False), ("US", 5, True), ("SA", 4, True), ("SA", 6, False), ("US", 14, True), ("CN", 16, True)],
    ids=["Monday", "Saturday", "Friday in Riyadh", "Sunday in Riyadh", "Presidents' Day", "Lunar New Year"],
)
def test_each_country_rests_on_its_own_days(code: str, day: int, rests: bool) -> None:
    """Weekends and holidays of February 2026."""
    n = 3000
    stage = Stage("some", n, 3, QUIET, AddressPlan())
    rng = stage.rng("test")
    country = np.full(n, CODES.to_pylist().index(code))
    accounts = open_accounts(stage, rng, n, country=country).but(zone=np.zeros(n))
    _, at = rhythm.sessions(rng, QUIET, accounts, 1.0, hours="always", weekend=0.2, spread=0.0, bursty=0.0)
    share = np.bincount((at - QUIET.start) // DAY, minlength=QUIET.days)[day] / n
    assert (share < 0.5) == rests
