"""Targets: the capabilities that campaigns are after, as far as the prompts' words and shapes show them.

A topic alone never adds bits. Coding, tools, screens, pictures and tables are topics: they are named, and weigh
nothing, since the first honest application of a new kind would be the rarest of all. Asking for the reasoning behind an
answer, for grades, for rewriting or for sets of instructions makes data whatever the topic; honest streams do so too,
and are what a stream is compared with. A target is named where a group asks for it at four times the odds of honest
accounts: what everybody's words show a little of is nobody's aim.
"""

from __future__ import annotations

import numpy as np

from stillwatch.campaigns.calibration import rank_bits_of_all
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
"""Each target and the markers that show it: the largest of their shares counts. Offered tools show tool use."""

MAKE_DATA = (
    "reasoning elicitation",
    "grading and reward modelling",
    "censorship-safe rewriting",
    "instruction sets",
)
"""Targets that are ways of making data, and no topics."""


NAMED_SHARE = 0.05
NAMED_BITS = 2.0
"""A target is named where at least this share of exchanges shows it, at four times the odds of honest accounts."""


def target_shares(measures: Measures) -> dict[str, Floats]:
    """Share of a group's exchanges that show each target."""
    shares = {
        name: np.max([measures.markers[:, MARKERS[marker]] for marker in markers], axis=0)
        for name, markers in TARGETS.items()
    }
    return shares | {"tool use": np.fmax(shares["tool use"], measures.tooled)}


def named_targets(measures: Measures, row: int, honest: Measures) -> dict[str, float]:
    """The targets of a group, the largest share first: those that it asks for far oftener than honest accounts do.

    An exchange may show several.  honest: accounts by themselves, each of which counts alike.
    """
    shares, usual = target_shares(measures), target_shares(honest)
    out = {}
    for name, values in shares.items():
        share, among = float(values[row]), usual[name][np.isfinite(usual[name])]
        base = (float(among.sum()) + 0.5) / (len(among) + 1.0)
        if share >= NAMED_SHARE and _odds_bits(share) - _odds_bits(base) >= NAMED_BITS:
            out[name] = round(share, 4)
    return dict(sorted(out.items(), key=lambda item: (-item[1], item[0])))


def _odds_bits(share: float) -> float:
    return float(np.log2(share + 1e-6) - np.log2(1.0 - share + 1e-6))


@evidence(
    "targets",
    family="text",
    axis="extraction",
    needs=("prompt",),
    atlas="AML.T0024.002",
    sentence="only one honest account in {observed:,.0f} asks as much for reasoning, grades, rewriting or sets of "
    "instructions: what makes training data, whatever it is about",
    shown=lambda bits: 2.0**bits,
)
def targets(measures: Measures, null: Measures) -> Floats:
    """Bits of the way of making data that is rarest in honest traffic at the share that the stream has of it.

    Null: honest streams, each at its own rarest.
    """
    usual, shares = target_shares(null), target_shares(measures)
    bits = [rank_bits_of_all(shares[name], usual[name], high=True) for name in MAKE_DATA]
    rarest: Floats = np.max(bits, axis=0)
    return rarest
