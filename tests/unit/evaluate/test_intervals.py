"""Intervals of counts against values of tables."""

from __future__ import annotations

import pytest

from stillwatch.evaluate.intervals import at_most, mean_interval, share_interval


def test_intervals_hold_the_share_and_never_say_never() -> None:
    """No success in ten leaves room for 31 %, ten of ten for 69 %: Clopper and Pearson."""
    assert share_interval(0, 10) == (0.0, pytest.approx(0.3085, abs=1e-4))
    assert share_interval(10, 10) == (pytest.approx(0.6915, abs=1e-4), 1.0)
    low, high = share_interval(3, 10)
    assert low < 0.3 < high
    assert share_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("events", "most"), [(0, 2.996), (1, 4.744), (5, 10.513)])
def test_events_have_the_poissons_bound(events: int, most: float) -> None:
    """Where none was seen three are not excluded."""
    assert at_most(events) == pytest.approx(most, abs=1e-3)


def test_one_run_says_nothing_of_the_spread() -> None:
    """The mean of one has all of 0 to 1 for its interval; equal ones have none; shares stay shares."""
    assert mean_interval([0.4]) == (0.4, 0.0, 1.0)
    assert mean_interval([0.4, 0.4]) == (pytest.approx(0.4), pytest.approx(0.4), pytest.approx(0.4))
    mean, low, high = mean_interval([0.0, 1.0])
    assert (mean, low, high) == (0.5, 0.0, 1.0)
