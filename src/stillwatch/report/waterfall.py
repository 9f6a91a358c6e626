"""The sum behind a verdict, step by step, from the prior to what is left over the best honest explanation.

Data apart from picture: the page and the terminal draw the same steps. Source of the picture: splink's waterfall chart
(Linacre et al., probabilistic record linkage after Fellegi and Sunter).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stillwatch.campaigns.finding import Evidence, Explanation, Finding

PRIOR_FACTORS = (0.1, 1.0, 10.0)
"""A probability is shown only with its prior, at a tenth, one and ten times it."""

NOT_ITEMISED_BITS = 0.05
"""A difference between an axis's bits and the sum of its pieces that rounding does not explain."""

NOTHING_BITS = 0.05
"""Evidence of a campaign or harvest that would stand as 0.0 bits; all of it is one step."""

AXES = ("coordination", "extraction")

_TERMS = ("prior", "subtotal", "honest", "doubt")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the sum, from `begin` to `end` in running bits.

    kind: prior, evidence, overlap, small, rest, subtotal, honest, doubt or total.
    """

    kind: str
    name: str
    family: str
    axis: str
    bits: float
    begin: float
    end: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Chance:
    """A probability with its prior, campaign accounts per million."""

    prior_per_million: float
    p: float


def waterfall(finding: Finding, prior_per_million: float) -> list[Step]:
    """Every step: prior, each axis's evidence with its subtotal, what the best honest explanation takes away, what is
    taken off because accounts only half hide that they belong together, total.

    Networks and harvests are no campaign's hypothesis: their sum begins at nothing, and ends with their evidence.
    """
    accuses = finding.verdict == "campaign"
    at = prior_bits(prior_per_million) if accuses else 0.0
    steps = [
        Step(
            "prior", "prior", "", "", at, 0.0, at,
            f"before any evidence: {prior_per_million:,.10g} campaign accounts in a million",
        )
    ]  # fmt: skip
    for axis, said in zip(AXES, (finding.coordination_bits, finding.extraction_bits), strict=True):
        begin_axis = at
        mine = pieces(finding, axis)
        small = [piece for piece in mine if finding.verdict != "network" and abs(piece.bits) < NOTHING_BITS]
        for piece in (one for one in mine if one not in small):
            kind = "overlap" if piece.bits < 0 else "evidence"
            steps.append(Step(kind, piece.name, piece.family, axis, piece.bits, at, at + piece.bits, piece.sentence))
            at += piece.bits
        if small:
            added = sum(piece.bits for piece in small)
            said_of_them = f"next to nothing: {', '.join(piece.name for piece in small)}"
            steps.append(Step("small", "others", "", axis, added, at, at + added, said_of_them))
            at += added
        rest = said - (at - begin_axis)
        if abs(rest) > NOT_ITEMISED_BITS:
            steps.append(Step("rest", "not itemised", "", axis, rest, at, at + rest, "bits that no piece accounts for"))
            at += rest
        if mine or abs(said) > NOT_ITEMISED_BITS:
            steps.append(Step("subtotal", axis, "", axis, at - begin_axis, begin_axis, at, f"all {axis} evidence"))
    if not accuses:
        return steps[1:]
    best = best_explanation(finding)
    taken = finding.margin_bits - finding.coordination_bits - finding.extraction_bits
    if abs(taken) > NOT_ITEMISED_BITS:
        name = best.name if best else "honest explanations"
        said_of_it = (
            f"what “{name}” would show as well, and so speaks against nobody"
            if taken < 0
            else f"what speaks against “{name}” besides"
        )
        steps.append(Step("honest", name, "", "", taken, at, at + taken, said_of_it))
        at += taken
    if finding.doubt_bits:
        said_of_it = "its accounts only half hide that they belong together"
        if finding.strangers is None:
            said_of_it = "the log does not tell whose its accounts are"
        steps.append(Step("doubt", "half hidden", "", "", -finding.doubt_bits, at, at - finding.doubt_bits, said_of_it))
        at -= finding.doubt_bits
    sentence = "log2 of the odds that are left: the probability above is this number"
    steps.append(Step("total", "total", "", "", at, 0.0, at, sentence))
    return steps


def exact_sum(steps: Sequence[Step]) -> list[tuple[str, str]]:
    """The sum's terms and its total as (name, figure), to a thousandth of a bit; the figures add up as they stand."""
    terms = [(step.name, round(step.bits * 1000)) for step in steps if step.kind in _TERMS]
    terms.append(("total", sum(thousandths for _, thousandths in terms)))
    return [(name, _thousandths(value, signed=at > 0 and name != "total")) for at, (name, value) in enumerate(terms)]


def _thousandths(value: int, *, signed: bool) -> str:
    said = f"{abs(value) // 1000}.{abs(value) % 1000:03d}"
    return f"−{said}" if value < 0 else f"+{said}" if signed else said


def pieces(finding: Finding, axis: str) -> list[Evidence]:
    """The evidence of an axis, the strongest first and what is taken away last."""
    mine = [piece for piece in finding.evidence if piece.axis == axis]
    return sorted(mine, key=lambda piece: (piece.bits < 0, -piece.bits, piece.name))


def best_explanation(finding: Finding) -> Explanation | None:
    """The honest explanation that leaves least: the one to beat."""
    return min(finding.explanations, key=lambda one: (one.margin_bits, one.name), default=None)


def prior_bits(prior_per_million: float) -> float:
    """log2 of the prior odds."""
    share = min(max(prior_per_million / 1e6, 1e-12), 1 - 1e-12)
    return math.log2(share / (1 - share))


def chances(finding: Finding, prior_per_million: float) -> list[Chance]:
    """Probability that the finding is what it says rather than its best honest explanation, at three priors.

    The least that it can be: every other account is taken for what the best honest explanation says, though each honest
    explanation but the best leaves more, and most accounts are none of them.
    """
    out = []
    for factor in PRIOR_FACTORS:
        prior = prior_per_million * factor
        log_odds = min(max(prior_bits(prior) + finding.margin_bits - finding.doubt_bits, -500.0), 500.0)
        out.append(Chance(prior, 1.0 / (1.0 + 2.0**-log_odds)))
    return out
