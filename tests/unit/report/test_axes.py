"""The picture of the two axes: every group in it, and every name to be read."""

from __future__ import annotations

import re
from itertools import combinations

import msgspec
import pytest
from report_samples import summary

from stillwatch.campaigns.finding import TestedGroup as Group
from stillwatch.report.axes import two_axes
from stillwatch.report.summary import NullSample


def group(x: float, y: float, verdict: str = "clear", finding_id: str | None = None) -> Group:
    """A tested group at a place."""
    return Group(
        coordination_bits=x, extraction_bits=y, accounts=20, exchanges=5000, verdict=verdict, finding_id=finding_id
    )


def null(**changes: float) -> NullSample:
    """Acting as one takes 13.4 bits, a campaign 6.9."""
    bars = {"coordination_threshold_bits": 13.4, "campaign_threshold_bits": 6.9, "extraction_threshold_bits": 6.9}
    return msgspec.convert(summary()["null"] | {"harvests_tested": 0} | bars | changes, NullSample)


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
    places = written(str(two_axes([*groups, group(3, 1)], null(), names)))
    assert set(places) == set(names.values())
    for (_, a), (_, b) in combinations(places.items(), 2):
        assert abs(a[0] - b[0]) >= 25.9 or abs(a[1] - b[1]) >= 14.9


def test_many_networks_leave_the_names_to_campaigns() -> None:
    """With more than a dozen networks only campaigns are named."""
    groups = [group(20 + at, 2, "network", f"n{at}") for at in range(13)] + [group(40, 9, "campaign", "c")]
    names = {**{f"n{at}": f"N{at + 1}" for at in range(13)}, "c": "C1"}
    assert set(written(str(two_axes(groups, null(), names)))) == {"C1"}


def test_every_bar_is_a_line_of_its_own() -> None:
    """Where small parts have another bar, and customers by themselves a third, each is drawn and named once."""
    small = msgspec.structs.replace(group(30, 9, "campaign", "c"), small_part=True, needed_bits=8.2)
    alone = msgspec.structs.replace(group(0, 9.5), needed_bits=9.1)
    limits = null(small_part_threshold_bits=8.2, harvest_threshold_bits=9.1, harvests_tested=1)
    svg = str(two_axes([small, group(20, 2), alone], limits, {"c": "C1"}))
    said = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert [one for one in said if re.search(r"\d\.\d$", one)] == [
        "9.1",
        "campaign 6.9",
        "small part 8.2",
        "acts as one 13.4",
    ]
    assert "a small part of a network, 8.2" in svg


def test_bars_that_lie_together_are_written_apart() -> None:
    """Two bars a tenth of a bit apart are two lines of writing."""
    small = msgspec.structs.replace(group(30, 9, "campaign", "c"), small_part=True, needed_bits=7.0)
    svg = str(two_axes([small, group(20, 2)], null(small_part_threshold_bits=7.0), {"c": "C1"}))
    found = re.findall(
        r'<text[^>]*transform="translate\([-\d.]+,([-\d.]+)\)"[^>]*>(?:campaign|small part) [\d.]+</text>', svg
    )
    assert len(found) == 2
    assert abs(float(found[0]) - float(found[1])) >= 13
