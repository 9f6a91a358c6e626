"""A target is named for what a group asks for beyond everybody, and not for what everybody's words show a little of."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from stillwatch.campaigns.evidence.targets import named_targets
from stillwatch.campaigns.measures import Measures
from stillwatch.fingerprint.markers import MARKERS


def measures(n: int, tooled: float = 0.0, **shares: float) -> Measures:
    """n groups alike, with these shares of markers."""
    columns = {field.name: np.zeros(n) for field in fields(Measures)}
    columns["markers"] = np.zeros((n, len(MARKERS)))
    columns["tooled"] = np.full(n, tooled)
    for name, share in shares.items():
        columns["markers"][:, MARKERS[name]] = share
    return Measures(**columns)


@pytest.mark.parametrize(
    ("share", "usual", "named"),
    [(0.4, 0.01, True), (0.04, 0.0, False), (0.2, 0.1, False), (0.4, 0.1, True), (1.0, 0.6, True), (0.06, 0.03, False)],
)
def test_a_target_is_named_at_four_times_the_odds_of_honest_accounts(share: float, usual: float, named: bool) -> None:
    """Neither a share below a twentieth is named, nor one that honest accounts have half of."""
    found = named_targets(measures(1, grading=share), 0, measures(200, grading=usual))
    assert found == ({"grading and reward modelling": share} if named else {})


def test_tools_that_are_offered_show_tool_use_in_every_language() -> None:
    """No word of the prompt is needed for it; where everybody offers tools, nobody is after them."""
    assert named_targets(measures(1, tooled=1.0), 0, measures(200, tooled=0.3)) == {"tool use": 1.0}
    assert named_targets(measures(1, tooled=0.5), 0, measures(200, tooled=0.4)) == {}


def test_the_largest_share_comes_first() -> None:
    """An exchange may show several targets, so that shares need not add up to one."""
    found = named_targets(measures(1, tooled=1.0, vision=0.3, reasoning=0.9), 0, measures(200))
    assert list(found) == ["tool use", "reasoning elicitation", "vision"]
    assert sum(found.values()) > 1
