"""Interchangeable accounts: what one of them asks tells nothing of which one it is."""

from __future__ import annotations

from stillwatch.campaigns.measures import Floats, Measures
from stillwatch.campaigns.registry import evidence


@evidence(
    "interchangeable",
    family="work",
    axis="coordination",
    needs=("prompt",),
    high=False,
    atlas="AML.T0021",
    sentence="its accounts are interchangeable: which of them sent a prompt explains {observed:.1%} of what prompts "
    "are about, among unrelated users of one template {expected:.1%}; people have subjects of their own, heaps dealt "
    "from one pile have not",
    shown=lambda share: max(share, 0.0),
)
def interchangeable(measures: Measures, null: Measures) -> Floats:
    """Share of the variance of opening prompts that lies between accounts (`sameness.between_accounts`).

    Null: groups of unrelated accounts that use one mould or one set of parameters: where the prompts of those differ no
    more either, it weighs nothing.
    """
    return measures.apart
