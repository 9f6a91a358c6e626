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
    sentence="{observed:.0%} of its exchanges begin a conversation and do not go on with one; of an ordinary honest "
    "account's {expected:.0%}",
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
    sentence="its typical answer has {observed:,.0f} tokens (geometric mean); an ordinary honest account's "
    "{expected:,.0f}",
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
    sentence="{observed:.0%} of its exchanges make the model reason; of an ordinary honest account's {expected:.0%}",
)
def reasoning_asked(measures: Measures, null: Measures) -> Floats:
    """Share of exchanges with reasoning.   Null: streams of single honest accounts."""
    return measures.reasoned
