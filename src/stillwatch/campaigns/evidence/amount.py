"""Amount: how many answers a stream collected that nobody had before, to first messages and in all."""

from __future__ import annotations

import math

import numpy as np

from stillwatch.campaigns.measures import Floats, Measures
from stillwatch.campaigns.registry import evidence


@evidence(
    "fresh-answers",
    family="appetite",
    axis="extraction",
    needs=("account_id",),
    atlas="AML.T0024.002",
    sentence="{observed:,.0f} of its answers open a conversation and answer a prompt that it had not sent before; of "
    "an ordinary honest account {expected:,.0f}",
    shown=math.expm1,
)
def fresh_answers(measures: Measures, null: Measures) -> Floats:
    """ln(1 + exchanges x share of prompts not sent before x share without a message before).

    Null: streams of single honest accounts and of groups that use one mould. Without text every prompt counts.
    """
    fresh = np.where(np.isnan(measures.distinct), 1.0, measures.distinct)
    return np.log1p(measures.exchanges * fresh * measures.single)


@evidence(
    "answers",
    family="appetite",
    axis="extraction",
    needs=("account_id",),
    atlas="AML.T0024.002",
    sentence="it collected {observed:,.0f} answers to prompts that it had not sent before, every step of an agent "
    "counted; an ordinary honest account {expected:,.0f}",
    shown=math.expm1,
)
def answers(measures: Measures, null: Measures) -> Floats:
    """ln(1 + exchanges x share of prompts not sent before): of an agent's trajectory every step is an answer.

    Null: as for `fresh-answers`.
    """
    return np.log1p(measures.exchanges * np.where(np.isnan(measures.distinct), 1.0, measures.distinct))
