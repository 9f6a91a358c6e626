"""Mould and slots: prompts poured from moulds, whose slots walk through a list and hardly ever repeat."""

from __future__ import annotations

from stillwatch.campaigns.measures import Floats, Measures
from stillwatch.campaigns.registry import evidence


@evidence(
    "mould-and-slots",
    family="text",
    axis="extraction",
    needs=("prompt",),
    atlas="AML.T0065",
    sentence="{observed:.0%} of its exchanges put a new item into a fixed template and open a conversation with it; of "
    "an ordinary honest account's {expected:.0%}",
)
def mould_and_slots(measures: Measures, null: Measures) -> Floats:
    """Share under templates x share of prompts never repeated x share without a message before.

    Null: streams of single honest accounts, applications and batch jobs among them.
    """
    return measures.mould * measures.distinct * measures.single
