"""Groups that stayed clear, the nearest to a verdict first, and what each of them lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stillwatch.campaigns.finding import TestedGroup
from stillwatch.report.bar import needed_of
from stillwatch.report.summary import NullSample
from stillwatch.report.text import bits, listed

MAX_NEAR = 8
"""Groups that the page tells."""


@dataclass(frozen=True, slots=True)
class Near:
    """A group that stayed clear. lacks: what it lacks, in words."""

    group: TestedGroup
    lacks: str


def nearest_clear(tested: Sequence[TestedGroup], null: NullSample, limit: int = MAX_NEAR) -> list[Near]:
    """The groups that stayed clear, the nearest to a verdict on both axes first; those with too few answers last."""
    # Customers by themselves, tested for harvest alone, are near to nothing that accuses groups.
    clear = [group for group in tested if group.verdict == "clear" and group.coordination_bits > 0]
    ordered = sorted(
        clear, key=lambda one: (one.exchanges < null.least_exchanges, -_nearness(one, null), -one.extraction_bits)
    )
    return [Near(group, lacking(group, null)) for group in ordered[:limit]]


def lacking(group: TestedGroup, null: NullSample) -> str:
    """What a clear group lacks: bits, answers, or something that its bits do not show."""
    needed, taken_off = needed_of(group, null), group.doubt_bits or 0.0
    short = [
        f"{_at_least(needs - has)} bits {what}"
        for what, has, needs in (
            ("of coordination", group.coordination_bits, null.coordination_threshold_bits),
            ("of extraction", group.extraction_bits - taken_off, needed),
        )
        if has < needs
    ]
    over = None if group.margin_bits is None else group.margin_bits - taken_off
    if over is not None and over < needed:
        short.append(f"{_at_least(needed - over)} bits over the best honest explanation")
    if short:
        short += [f"answers (fewer than {null.least_exchanges:,})"] if group.exchanges < null.least_exchanges else []
        less = (
            f", {bits(taken_off)} being taken off as it is not fully shown that its accounts hide what they are"
            if taken_off
            else ""
        )
        return listed(short) + less
    if group.doubt_bits is None:
        return "concealment: its accounts do not hide that they belong together"
    if group.exchanges < null.least_exchanges:
        return f"answers: fewer than {null.least_exchanges:,} are no training set"
    return (
        "something besides these bits: its evidence that accounts act as one comes from one family alone, or counts "
        "what they do not share"
        if over is not None
        else "something besides bits: an honest explanation covers it, or its accounts do not hide that they belong "
        "together, or its evidence comes from one family alone"
    )


def _at_least(lacks: float) -> str:
    """Bits that are lacking, never none."""
    return bits(max(lacks, 0.1))


def _nearness(group: TestedGroup, null: NullSample) -> float:
    """How much of what a verdict takes it has on each axis, at most all, added up.

    Where accounts do not hide that they belong together, what they collect brings them no nearer.
    """
    coordination = group.coordination_bits / max(null.coordination_threshold_bits, 1e-9)
    lesser = group.extraction_bits if group.margin_bits is None else min(group.extraction_bits, group.margin_bits)
    strength = 0.0 if group.doubt_bits is None else lesser - group.doubt_bits
    return min(coordination, 1.0) + min(strength / max(needed_of(group, null), 1e-9), 1.0)
