"""The picture of the two axes: every group in it, and every name to be read."""

from __future__ import annotations

import re
from itertools import combinations

import pytest

from stillwatch.campaigns.finding import TestedGroup as Group
from stillwatch.report.axes import two_axes


def group(x: float, y: float, verdict: str = "clear", finding_id: str | None = None) -> Group:
    """A tested group at a place."""
    return Group(
        coordination_bits=x, extraction_bits=y, accounts=20, exchanges=5000, verdict=verdict, finding_id=finding_id
    )


def written(svg: str) -> dict[str, tuple[float, float]]:
    """Names in the picture and where they stand, in pixels."""
    found = re.findall(r'<text[^>]*transform="translate\(([-\d.]+),([-\d.]+)\)"[^>]*>([CN]\d+)</text>', svg)
    return {name: (float(x), float(y)) for x, y, name in found}


@pytest.mark.parametrize("apart", [0.0, 0.02, 0.3])
@pytest.mark.parametrize("n", [2, 5, 9])
def test_names_of_close_groups_do_not_lie_on_each_other(n: int, apart: float) -> None:
    """Campaigns at one place, or nearly, are all named, and no name covers another."""
    groups = [group(30 + apart * at, 9, "campaign", f"id{at}") for at in range(n)]
    names = {f"id{at}": f"C{at + 1}" for at in range(n)}
    places = written(str(two_axes([*groups, group(3, 1)], 13.4, 6.9, names)))
    assert set(places) == set(names.values())
    for (_, a), (_, b) in combinations(places.items(), 2):
        assert abs(a[0] - b[0]) >= 25.9 or abs(a[1] - b[1]) >= 14.9


def test_many_networks_leave_the_names_to_campaigns() -> None:
    """With more than a dozen networks only campaigns are named."""
    groups = [group(20 + at, 2, "network", f"n{at}") for at in range(13)] + [group(40, 9, "campaign", "c")]
    names = {**{f"n{at}": f"N{at + 1}" for at in range(13)}, "c": "C1"}
    assert set(written(str(two_axes(groups, 13.4, 6.9, names)))) == {"C1"}
