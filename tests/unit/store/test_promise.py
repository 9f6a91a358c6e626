"""What a scan of a store may spend of the promise."""

from __future__ import annotations

import pytest

from stillwatch.store.promise import DAY_US, spend

HOUR = DAY_US // 24


def test_the_first_scan_spends_its_days_as_without_a_store() -> None:
    """There is none before it."""
    assert spend(None, 0.0, 0, 14 * DAY_US, new=True) == (14.0, 14 * DAY_US)


def test_thirty_scans_spend_what_one_does() -> None:
    """Day by day they add up to the days that there are, gaps included."""
    until, total = None, 0.0
    for last in (1, 2, 3, 9, 10, 30):
        days, until = spend(until, 0.0, 0, last * DAY_US, new=True)
        total += days
    assert total == pytest.approx(30.0)


def test_a_scan_of_nothing_new_spends_nothing() -> None:
    """It repeats the last test at the last test's bar."""
    assert spend(5 * DAY_US, 1.0, 0, 5 * DAY_US, new=False) == (1.0, 5 * DAY_US)


def test_late_rows_never_take_more_than_a_day_ahead() -> None:
    """However often scans find rows that came late, what they spend is bounded, and the next day pays for it."""
    until, total = 5 * DAY_US, 0.0
    for _ in range(200):
        days, until = spend(until, 1.0, 0, 5 * DAY_US, new=True)
        assert days > 0
        total += days
    assert until <= 6 * DAY_US + 200 * 60_000_000
    days, end = spend(until, 0.0, 0, 9 * DAY_US, new=True)
    assert end == 9 * DAY_US
    assert total + days == pytest.approx(4.0)


def test_an_hour_is_paid_for_by_itself() -> None:
    """Scans of every hour spend an hour each."""
    assert spend(5 * DAY_US, 1.0, 0, 5 * DAY_US + HOUR, new=True) == (1 / 24, 5 * DAY_US + HOUR)
