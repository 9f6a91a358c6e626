"""Appetite: long answers, no follow-up, reasoning asked for."""

from __future__ import annotations

import math

from stillwatch.campaigns.measures import Floats, Measures
from stillwatch.campaigns.registry import evidence


@evidence(
    "single-shot",
    family="appetite",
    axis="extraction",
    needs=("turns",),
    atlas="AML.T0024.002",
    sentence="{observed:.0%} of its exchanges are first messages; in honest streams {expected:.0%}",
)
def single_shot(measures: Measures, null: Measures) -> Floats:
    """Share of exchanges without a message before.   Null: streams of single honest accounts."""
    return measures.single


@evidence(
    "long-answers",
    family="appetite",
    axis="extraction",
    needs=("output_tokens",),
    atlas="AML.T0024.002",
    sentence="its answers have {observed:,.0f} tokens in the geometric mean; those of honest streams {expected:,.0f}",
    shown=math.expm1,
)
def long_answers(measures: Measures, null: Measures) -> Floats:
    """Mean ln(1 + tokens out).   Null: streams of single honest accounts."""
    return measures.log_out


@evidence(
    "reasoning-asked",
    family="appetite",
    axis="extraction",
    needs=("reasoning_tokens",),
    atlas="AML.T0024.002",
    sentence="{observed:.0%} of its exchanges produce reasoning; in honest traffic {expected:.0%}",
)
def reasoning_asked(measures: Measures, null: Measures) -> Floats:
    """Share of exchanges with reasoning.   Null: streams of single honest accounts."""
    return measures.reasoned
