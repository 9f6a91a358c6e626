"""Groups that stayed clear, and what they lack."""

from __future__ import annotations

import msgspec
import pytest
from report_samples import summary

from stillwatch.campaigns.finding import TestedGroup as Group
from stillwatch.report.near import lacking, nearest_clear
from stillwatch.report.summary import NullSample

NULL = msgspec.convert(summary()["null"], NullSample)
"""It takes 17.5 bits of coordination and 4.4 of extraction."""


def group(coordination: float, extraction: float, exchanges: int = 5_000, verdict: str = "clear") -> Group:
    """A tested group."""
    return Group(
        coordination_bits=coordination, extraction_bits=extraction, accounts=9, exchanges=exchanges, verdict=verdict
    )


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (group(10.0, 9.0), "7.5 bits of coordination"),
        (group(30.0, 1.4), "3.0 bits of extraction"),
        (group(17.0, 4.0), "0.5 bits of coordination and 0.4 bits of extraction"),
        (group(30.0, 9.0, 400), "answers: fewer than 1,000 are no training set"),
    ],
)
def test_a_clear_group_is_told_what_it_lacks(one: Group, expected: str) -> None:
    """Bits first, then answers."""
    assert expected == lacking(one, NULL)


def test_bits_that_suffice_are_not_said_to_lack() -> None:
    """Where both axes and the answers suffice something else is missing, and it is said what that may be."""
    assert "an honest explanation covers it" in lacking(group(30.0, 9.0), NULL)


def test_the_nearest_come_first_and_findings_are_left_out() -> None:
    """More than enough on one axis makes up for nothing on the other."""
    tested = [group(90.0, 0.0), group(17.0, 4.0), group(30.0, 9.0, verdict="campaign"), group(16.0, 3.0)]
    found = nearest_clear(tested, NULL, 2)
    assert [one.group for one in found] == [tested[1], tested[3]]
