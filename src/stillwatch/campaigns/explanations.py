"""Honest explanations as competing hypotheses: what each would make of the evidence, and what it leaves standing.

An explanation predicts some evidence as well as a campaign does; that evidence says nothing against it. What it does
not predict stays, and what the traffic shows against it is added. A finding's margin is what is left over the
explanation that leaves least.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stillwatch.campaigns.finding import Evidence, Explanation
from stillwatch.campaigns.registry import measured_evidence
from stillwatch.links.kinds import FAMILIES

IDENTITY = frozenset({"concealment", "no-common-place"})
"""Evidence of what the accounts do not share: it is no second look at what they share."""

OVERLAP = "overlap"
"""Name of the negative entries that keep a family from being counted twice."""


@dataclass(frozen=True, slots=True)
class Honest:
    """An honest explanation: the evidence that it predicts, and a sentence that says what it would be.

    mixed: it needs a network that carries other traffic besides.
    """

    name: str
    sentence: str
    predicts: frozenset[str]
    mixed: bool = False


_SHARED = frozenset(
    {
        "shared-payment",
        "shared-email-domain",
        "shared-network-prefix",
        "shared-client",
        "shared-template",
        "shared-tools",
        "shared-items",
        "shared-end-user",
        "signup-burst",
    }
)
_ACTED = frozenset({"shared-rhythm", "synchrony", "even-load", "partition", "succession", "handoff", "replay"})
_APPLICATION = frozenset({"mould-and-slots", "single-shot", "focus", "fresh-answers"})
"""What every application shows that sends a prompt of its own with other slots each time."""

EXPLANATIONS: tuple[Honest, ...] = (
    Honest(
        "one organisation",
        "one company or laboratory that uses several accounts without saying so",
        _SHARED | _ACTED | _APPLICATION | {"no-common-place"},
    ),
    Honest(
        "agency",
        "an agency that works for distinct businesses from one place, with its own moulds",
        _SHARED | _APPLICATION | {"partition", "shared-rhythm", "synchrony", "concealment"},
    ),
    Honest(
        "reseller",
        "a reseller or router with many unrelated users behind it",
        (_SHARED | _ACTED | {"concealment", "no-common-place", "fresh-answers"})
        - {"shared-template", "shared-items", "shared-tools"},
    ),
    Honest(
        "customer of a proxy",
        "one customer's application, whose requests a reseller or proxy mixes over all of its accounts",
        _SHARED | _ACTED | _APPLICATION | {"concealment", "no-common-place"},
        mixed=True,
    ),
    Honest(
        "class",
        "a class of students, or a hackathon: one place, one assignment, one week",
        _SHARED | _APPLICATION | {"concealment", "synchrony", "shared-rhythm", "even-load", "targets"},
    ),
    Honest(
        "evaluator",
        "people who run the same public benchmark",
        _APPLICATION
        | {
            "shared-template",
            "shared-items",
            "shared-client",
            "shared-tools",
            "even-load",
            "concealment",
            "no-common-place",
        }
        | {"targets", "reasoning-asked", "long-answers"},
    ),
    Honest(
        "popular tool",
        "users of one tool, who share its mould and its client",
        _APPLICATION
        | {"shared-template", "shared-client", "shared-tools", "partition", "concealment", "no-common-place"}
        | {"targets", "reasoning-asked", "long-answers"},
    ),
    Honest(
        "common cause",
        "an outage, a release or a schedule that moved everybody",
        frozenset({"synchrony", "shared-rhythm", "signup-burst", "pivot"}),
    ),
)
"""Every explanation that would clear the accounts. A stolen key is none: the stream stays a campaign, and its owner a
victim; `roles` tells them apart. Nor is a product that somebody runs over many concealed accounts to get round limits:
that is a fraud, and what keeps it from being called a campaign is the test of extraction alone."""


def weigh_explanations(
    evidence: Sequence[Evidence], extraction: Callable[[frozenset[str]], float], *, mixed: bool
) -> list[Explanation]:
    """Every honest explanation, the best (smallest margin) first.

    extraction: the bits of what is collected, by the extraction evidence of some names alone. What an explanation
    leaves of extraction is calibrated anew, since its pieces are dealt from one score.  mixed: whether the network
    carries much traffic besides the stream.
    """
    out = []
    pieces = [e for e in evidence if e.name != OVERLAP]
    names = frozenset(name for name, one in measured_evidence().items() if one.axis == "extraction")
    for honest in EXPLANATIONS:
        if honest.mixed and not mixed:
            continue
        fits = [e for e in pieces if e.name in honest.predicts]
        against = [e for e in pieces if e.name not in honest.predicts]
        coordination = [e for e in against if e.axis == "coordination"]
        margin = sum(e.bits for e in coordination) - sum(twice(coordination).values())
        margin += extraction(names - honest.predicts)
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
        mine = [e for e in evidence if e.family == family and e.axis == "coordination" and e.name not in IDENTITY]
        measured = sum(e.bits for e in mine if e.name in known)
        shared = sum(e.bits for e in mine if e.name not in known)
        if min(measured, shared) > 0:
            out[family] = min(measured, shared)
    return out
