"""Partition: one item list dealt out to many accounts without overlap."""

from __future__ import annotations

import numpy as np

from stillwatch.campaigns.measures import Floats, Measures
from stillwatch.campaigns.registry import evidence


@evidence(
    "partition",
    family="work",
    axis="coordination",
    needs=("prompt",),
    high=False,
    atlas="AML.T0024.002",
    sentence="{observed:.1%} of what its accounts ask, another of them asks too; among unrelated users of one template "
    "{expected:.1%}; a work queue hands each item out once",
)
def partition(measures: Measures, null: Measures) -> Floats:
    """Share of (account, prompt) pairs whose prompt another account sent too; students and evaluators overlap.

    Null: groups of unrelated accounts that use one mould: where those do not overlap either, it weighs nothing.
    Needs 30 prompts or more.
    """
    return np.where(measures.exchanges >= 30, measures.overlap, np.nan)
