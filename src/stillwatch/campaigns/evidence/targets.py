"""Targets: the capabilities that campaigns are after, as far as the prompts' words and shapes show them.

A topic alone never adds bits: honest streams ask for reasoning and grading too, and are what a stream is compared with.
"""

from __future__ import annotations

import numpy as np

from stillwatch.campaigns.measures import Floats, Measures
from stillwatch.campaigns.registry import evidence
from stillwatch.fingerprint.markers import MARKERS

TARGETS: dict[str, tuple[str, ...]] = {
    "reasoning elicitation": ("reasoning", "given_answer"),
    "grading and reward modelling": ("grading", "rubric"),
    "censorship-safe rewriting": ("rewriting", "policy"),
    "agentic coding": ("agent_coding",),
    "tool use": ("tools",),
    "computer use": ("computer_use",),
    "vision": ("vision",),
    "data analysis": ("data_analysis",),
    "instruction sets": ("many_answers",),
}
"""Each target and the markers that show it: the largest of their shares counts."""


def target_shares(measures: Measures) -> dict[str, Floats]:
    """Share of a group's exchanges that show each target."""
    return {
        name: np.max([measures.markers[:, MARKERS[marker]] for marker in markers], axis=0)
        for name, markers in TARGETS.items()
    }


@evidence(
    "targets",
    family="text",
    axis="extraction",
    needs=("prompt",),
    atlas="AML.T0024.002",
    sentence="{observed:.0%} of its exchanges go after one capability; in honest traffic {expected:.0%}",
)
def targets(measures: Measures) -> Floats:
    """Share of the strongest target.   Null: honest streams; the best of all targets on both sides."""
    best: Floats = np.max(list(target_shares(measures).values()), axis=0)
    return best
