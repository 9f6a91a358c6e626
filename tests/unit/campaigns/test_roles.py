"""Whether traffic beside a campaign's shows that an account has an owner: that depends on how the campaign sends."""

from __future__ import annotations

import numpy as np
import pytest

from stillwatch.campaigns.roles import has_owner, seen_once

CLIENT = np.array([7.0, 7.0])


def owned(runs: int, new: float) -> bool:
    """Whether so many runs from one other place say so, where a run of the campaign's has a new place so often."""
    count, place = np.array([40, runs]), np.array([1.0, 2.0])
    own = np.array([False, True])
    faces = ((place, new), (CLIENT, 0.0))
    first = np.array([5_000_000, 6_000_000])
    return has_owner(count, count, first, faces, own, ~own, np.zeros(2, bool), least=1, lead_seconds=None)


@pytest.mark.parametrize("runs", [1, 3, 20])
def test_another_place_has_an_owner_where_the_campaign_keeps_to_its_own(runs: int) -> None:
    """A driver with a few exits would not send from another one."""
    assert owned(runs, 0.01)


def test_one_chat_from_a_new_place_says_nothing_where_all_places_are_new() -> None:
    """Who rents ever new exits sends from a new one at any time."""
    assert not owned(1, 0.9)
    assert not owned(1, 0.2)


def test_a_place_that_is_come_back_to_is_a_home() -> None:
    """Also where the campaign's are ever new: it does not come back to one."""
    assert owned(3, 0.9)
    assert owned(20, 0.5)


def test_places_that_come_once_tell_how_likely_a_new_one_is() -> None:
    """On whichever account: a few exits are not ever new where many accounts have a run from each."""
    place = np.array([1.0, 2.0, np.nan, 1.0, 3.0])
    assert seen_once(place, np.array([1, 4, 9, 1, 1])) == pytest.approx(1 / 7)
    assert seen_once(np.arange(5.0), np.ones(5, int)) == 1.0
    assert seen_once(np.resize([1.0, 2.0], 60), np.ones(60, int)) == 0.0
    assert seen_once(np.array([np.nan]), np.array([3])) == 0.0
