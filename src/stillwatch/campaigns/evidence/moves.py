"""Moves: to a new model within a day, and from closed accounts to fresh ones."""

from __future__ import annotations

from stillwatch.campaigns.measures import Floats, Measures
from stillwatch.campaigns.registry import evidence


@evidence(
    "pivot",
    family="appetite",
    axis="extraction",
    needs=("model",),
    atlas="AML.T0024.002",
    sentence="on a new model's first day {observed:.0%} of its exchanges went to it; of an ordinary honest account's "
    "{expected:.0%}",
)
def pivot(measures: Measures, null: Measures) -> Floats:
    """Share of the exchanges of a release's first day that went to the new model.

    Null: honest streams at the same releases, so that everybody's move is in it.
    """
    return measures.pivot


@evidence(
    "succession",
    family="work",
    axis="coordination",
    needs=("requested_at",),
    atlas="AML.T0021",
    sentence="accounts of it begin within a day of another's being closed {observed:.1f} times as often as chance has "
    "it, as where closed ones are replaced; those of unrelated users of one template {expected:.1f} times",
    shown=lambda bits: 2.0**bits,
)
def succession(measures: Measures, null: Measures) -> Floats:
    """log2 of beginnings within a day after a closing, over chance.   Null: groups of strangers with one mould."""
    return measures.succession
