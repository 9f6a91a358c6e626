"""What was published has passed its bar, and is not put to a higher one because a later scan spends fewer days."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from stillwatch.campaigns.assess import Assessed
from stillwatch.campaigns.verdicts import Thresholds
from stillwatch.store.standing import Standing

CELLS = 10


def subject(number: int, *, cells: Sequence[int] = (), members: Sequence[int] = ()) -> Any:
    """A stream of some cells with ten exchanges each, or a network of some units where there are no cells."""
    return SimpleNamespace(
        network_number=number,
        network=SimpleNamespace(members=np.array(members, np.int32)),
        cells=np.array(cells, np.int64),
        n_exchanges=10 * len(cells),
        whole=not cells,
    )


def standing(*, campaigns: Sequence[Sequence[int]] = (), networks: Sequence[Sequence[int]] = ()) -> Standing:
    """Campaigns of some cells with ten exchanges each, and networks of some units."""
    known = [np.isin(np.arange(CELLS), cells) * 10 for cells in campaigns]
    return Standing(known, [np.array(units, np.int64) for units in networks], np.zeros(0, np.int64))


def verdicts(known: Standing, subjects: list[Any], strict: list[str], window: list[str]) -> list[str]:
    """The verdicts, from those by either bar."""

    def judge(said: list[str], bar: float) -> Any:
        def by(some: Sequence[Assessed]) -> tuple[list[str], Any]:
            assert len(some) == len(said)
            return list(said), Thresholds(10.0, bar, 0.0, n_hypotheses=1, n_streams=1, n_honest=1.0, days=1.0)

        return by

    verdicts, limits = known.judge(judge(strict, 9.0), judge(window, 6.0), subjects)
    assert (limits.campaign, limits.published.campaign) == (9.0, 6.0)
    return verdicts


def test_what_is_new_has_to_pass_the_high_bar() -> None:
    """Without a past, the window's bar changes nothing."""
    subjects = [subject(0, members=[1, 2, 3]), subject(0, cells=[1, 2])]
    assert verdicts(standing(), subjects, ["clear", "clear"], ["network", "campaign"]) == ["clear", "clear"]


def test_what_was_published_stands_by_the_bar_of_the_window() -> None:
    """A campaign by its exchanges, and with it its network; a network by its accounts."""
    subjects = [subject(0, members=[1, 2, 3]), subject(0, cells=[1, 2]), subject(1, members=[7, 8, 9])]
    known = standing(campaigns=[[2]], networks=[[7, 8, 9, 10]])
    said = verdicts(known, subjects, ["clear"] * 3, ["clear", "campaign", "network"])
    assert said == ["network", "campaign", "network"]


def test_what_was_published_falls_with_the_bar_of_the_window() -> None:
    """Having been found once is no evidence."""
    assert verdicts(standing(campaigns=[[1, 2]]), [subject(0, cells=[1, 2])], ["clear"], ["clear"]) == ["clear"]


def test_less_than_half_in_common_is_another() -> None:
    """The rule is that by which a finding keeps its id."""
    known = standing(campaigns=[[0, 1, 2, 3]])
    assert verdicts(known, [subject(0, cells=[3, 4, 5, 6])], ["clear"], ["campaign"]) == ["clear"]
