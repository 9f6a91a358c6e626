"""Focus: a stream that asks for one thing over and over, in words far from everybody's."""

from __future__ import annotations

from stillwatch.campaigns.measures import Floats, Measures
from stillwatch.campaigns.registry import evidence


@evidence(
    "focus",
    family="text",
    axis="extraction",
    needs=("prompt",),
    atlas="AML.T0065",
    sentence="its opening prompts resemble one another with a cosine of {observed:.2f} (strangers' prompts: 0); those "
    "of an ordinary honest account {expected:.2f}",
)
def focus(measures: Measures, null: Measures) -> Floats:
    """Mean cosine of pairs of first messages, everybody's mean taken out.

    Null: honest streams.   Source: Gretton et al., A kernel two-sample test, JMLR 2012.
    """
    return measures.focus
