"""Groups that stayed clear, the nearest to a verdict first, and what each of them lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stillwatch.campaigns.finding import TestedGroup
from stillwatch.report.summary import NullSample
from stillwatch.report.text import bits

MAX_NEAR = 8
"""Groups that the page tells."""


@dataclass(frozen=True, slots=True)
class Near:
    """A group that stayed clear. lacks: what it lacks, in words."""

    group: TestedGroup
    lacks: str


def nearest_clear(tested: Sequence[TestedGroup], null: NullSample, limit: int = MAX_NEAR) -> list[Near]:
    """The groups that stayed clear, the nearest to a verdict on both axes first."""
    # Customers by themselves, tested for harvest alone, are near to nothing that accuses groups.
    clear = [group for group in tested if group.verdict == "clear" and group.coordination_bits > 0]
    ordered = sorted(clear, key=lambda one: (-_nearness(one, null), -one.extraction_bits, -one.coordination_bits))
    return [Near(group, lacking(group, null)) for group in ordered[:limit]]


def lacking(group: TestedGroup, null: NullSample) -> str:
    """What a clear group lacks: bits, answers, or something that its bits do not show."""
    short = [
        f"{bits(needs - has)} bits of {axis}"
        for axis, has, needs in (
            ("coordination", group.coordination_bits, null.coordination_threshold_bits),
            ("extraction", group.extraction_bits, null.extraction_threshold_bits),
        )
        if has < needs
    ]
    if short:
        return " and ".join(short)
    if group.exchanges < null.least_exchanges:
        return f"answers: fewer than {null.least_exchanges:,} are no training set"
    return (
        "something besides bits: an honest explanation covers it, or its accounts do not hide that they belong "
        "together, or its evidence comes from one family alone"
    )


def _nearness(group: TestedGroup, null: NullSample) -> float:
    """How much of what a verdict takes it has on each axis, at most all, added up."""
    coordination = group.coordination_bits / max(null.coordination_threshold_bits, 1e-9)
    return min(coordination, 1.0) + min(group.extraction_bits / max(null.extraction_threshold_bits, 1e-9), 1.0)
