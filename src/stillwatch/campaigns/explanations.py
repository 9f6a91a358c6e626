"""Honest explanations as competing hypotheses: what each would make of the evidence, and what it leaves standing.

An explanation predicts some evidence as well as a campaign does; that evidence says nothing against it. What it does
not predict stays, and what the traffic shows against it is added. A finding's margin is what is left over the
explanation that leaves least.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stillwatch.campaigns.finding import Evidence, Explanation
from stillwatch.campaigns.registry import measured_evidence
from stillwatch.links.kinds import FAMILIES

OVERLAP = "overlap"
"""Name of the negative entries that keep a family from being counted twice."""


@dataclass(frozen=True, slots=True)
class Honest:
    """An honest explanation: the evidence that it predicts, and a sentence that says what it would be."""

    name: str
    sentence: str
    predicts: frozenset[str]


_ONE_PARTY = frozenset(
    {
        "shared-payment",
        "shared-email-domain",
        "shared-network-prefix",
        "shared-client",
        "shared-template",
        "shared-tools",
        "signup-burst",
        "shared-items",
        "shared-end-user",
        "handoff",
        "shared-rhythm",
        "synchrony",
        "succession",
    }
)

EXPLANATIONS: tuple[Honest, ...] = (
    Honest(
        "one organisation",
        "one company that uses several accounts without saying so",
        _ONE_PARTY | {"even-load", "partition"},
    ),
    Honest(
        "agency",
        "an agency whose clients' accounts share its card, its address and its moulds",
        frozenset(
            {
                "shared-payment",
                "shared-network-prefix",
                "shared-client",
                "shared-template",
                "shared-tools",
                "signup-burst",
                "shared-email-domain",
                "partition",
                "mould-and-slots",
                "single-shot",
            }
        ),
    ),
    Honest(
        "reseller",
        "a reseller or router with many unrelated users behind it",
        frozenset(
            {
                "shared-payment",
                "shared-network-prefix",
                "shared-client",
                "shared-email-domain",
                "signup-burst",
                "even-load",
                "synchrony",
                "shared-rhythm",
                "handoff",
                "shared-end-user",
                "partition",
                "reasoning-asked",
            }
        ),
    ),
    Honest(
        "class",
        "a class of students, or a hackathon: one campus, one assignment, one week",
        frozenset(
            {
                "shared-network-prefix",
                "shared-email-domain",
                "signup-burst",
                "shared-template",
                "shared-items",
                "shared-client",
                "shared-tools",
                "synchrony",
                "shared-rhythm",
                "targets",
                "single-shot",
            }
        ),
    ),
    Honest(
        "evaluator",
        "people who run the same public benchmark",
        frozenset(
            {
                "shared-template",
                "shared-items",
                "shared-client",
                "shared-tools",
                "mould-and-slots",
                "single-shot",
                "targets",
                "reasoning-asked",
                "long-answers",
                "even-load",
            }
        ),
    ),
    Honest(
        "popular tool",
        "users of one tool, who share its mould and its client",
        frozenset(
            {
                "shared-template",
                "shared-client",
                "shared-tools",
                "partition",
                "mould-and-slots",
                "targets",
                "single-shot",
                "reasoning-asked",
                "long-answers",
            }
        ),
    ),
    Honest(
        "common cause",
        "an outage, a release or a schedule that moved everybody",
        frozenset({"synchrony", "shared-rhythm", "signup-burst", "pivot"}),
    ),
    Honest(
        "stolen keys",
        "a thief's traffic through accounts whose owners know nothing of it",
        frozenset(
            {
                "shared-template",
                "shared-client",
                "shared-tools",
                "mould-and-slots",
                "single-shot",
                "long-answers",
                "targets",
                "reasoning-asked",
                "even-load",
                "partition",
                "synchrony",
            }
        ),
    ),
)


def weigh_explanations(evidence: Sequence[Evidence]) -> list[Explanation]:
    """Every honest explanation, the best (smallest margin) first."""
    out = []
    pieces = [e for e in evidence if e.name != OVERLAP]
    for honest in EXPLANATIONS:
        fits = [e for e in pieces if e.name in honest.predicts]
        against = [e for e in pieces if e.name not in honest.predicts]
        margin = sum(e.bits for e in against) - sum(twice(against).values())
        out.append(
            Explanation(
                name=honest.name,
                margin_bits=round(margin, 3),
                for_=[f"{honest.sentence} would show this too: {e.sentence}" for e in fits][:6],
                against=[e.sentence for e in sorted(against, key=lambda e: -e.bits)][:6],
            )
        )
    return sorted(out, key=lambda e: (e.margin_bits, e.name))


def twice(evidence: Sequence[Evidence]) -> dict[str, float]:
    """Coordination family -> bits that are in the evidence twice: as what is shared and as what is measured."""
    known = measured_evidence()
    out = {}
    for family in FAMILIES:
        mine = [e for e in evidence if e.family == family and e.axis == "coordination" and e.name != "concealment"]
        measured = sum(e.bits for e in mine if e.name in known)
        shared = sum(e.bits for e in mine if e.name not in known)
        if min(measured, shared) > 0:
            out[family] = min(measured, shared)
    return out
