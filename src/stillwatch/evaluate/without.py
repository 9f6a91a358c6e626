"""What each evidence adds: every campaign finding judged again without one evidence, or without one family.

An approximation, from `findings.json` alone: the evidence is taken out of the sums and of the margin over every honest
explanation that does not predict it, with the overlap of what is left counted anew; thresholds, groups and streams stay
as they were. A scan that had never had the evidence might have built other groups. Extraction is one score whose bits
are dealt out to its parts, so a part's bits are its share, and not what the score would lose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from stillwatch.campaigns.explanations import EXPLANATIONS, IDENTITY, OVERLAP, twice
from stillwatch.campaigns.finding import Evidence
from stillwatch.campaigns.verdicts import FAMILY_SPEAKS_BITS, LEAST_BITS, MIN_FAMILIES
from stillwatch.evaluate.reading import Scanned

SPEAKS_BITS = 0.1
"""Bits of less are shown as none."""

ROUNDED_BITS = 0.002
"""A finding at its very bar may seem below it, as both are written to a thousandth."""

_PREDICTS = {one.name: one.predicts for one in EXPLANATIONS}


class Without(msgspec.Struct, frozen=True, kw_only=True):
    """One evidence, or one family of an axis, taken out.

    findings: campaign findings in which it says something.  bits: its mean in them.  lost: ids of those that
    would stay below what a campaign takes.
    """

    name: str
    family: bool
    findings: int
    bits: float
    lost: list[str]


def without_each(scanned: Scanned) -> list[Without]:
    """Every evidence and every family of the campaign findings, those first whose loss costs most."""
    mine = [one for one in scanned.findings if one["verdict"] == "campaign"]
    told = [(one["finding_id"], one, _pieces(one)) for one in mine]
    out = [
        _without(name, False, told, scanned.summary, lambda e, name=name: e.name == name)  # type: ignore[misc]
        for name in sorted({e.name for *_, pieces in told for e in pieces})
    ]
    out += [
        _without(f"{axis}: {family}", True, told, scanned.summary, _of(axis, family))
        for axis, family in sorted({(e.axis, e.family) for *_, pieces in told for e in pieces})
    ]
    return sorted(out, key=lambda one: (one.family, -len(one.lost), -one.findings * one.bits, one.name))


def stands(finding: dict[str, Any], pieces: Sequence[Evidence], summary: dict[str, Any]) -> bool:
    """Whether a finding is a campaign still with these of its pieces of evidence."""
    null = summary.get("null", {})
    least = _bar(finding, summary) + float(finding.get("doubt_bits") or 0.0) - ROUNDED_BITS
    acts_from = finding.get("needed_coordination_bits")
    if acts_from is None:
        acts_from = null.get("coordination_threshold_bits", 0.0)
    had = _pieces(finding)
    asked = sum(e.bits for e in had if e.axis == "extraction") - sum(e.bits for e in pieces if e.axis == "extraction")
    if float(finding["extraction_bits"]) - asked < least:
        return False
    for one in finding["explanations"]:
        predicted = _PREDICTS.get(one["name"], frozenset())
        lost = _not_predicted(had, predicted) - _not_predicted(pieces, predicted)
        if float(one["margin_bits"]) - lost - asked < least:
            return False
    families = _families(pieces)
    speaking = sum(bits >= FAMILY_SPEAKS_BITS for bits in families.values())
    return speaking >= MIN_FAMILIES and sum(families.values()) >= float(acts_from) - ROUNDED_BITS


def _bar(finding: dict[str, Any], summary: dict[str, Any]) -> float:
    """What the finding's strength had to reach; findings of earlier versions do not say it."""
    if finding.get("needed_bits") is not None:
        return float(finding["needed_bits"])
    return max(LEAST_BITS, float(summary.get("null", {}).get("campaign_threshold_bits", LEAST_BITS)))


def _without(
    name: str,
    family: bool,
    told: Sequence[tuple[str, dict[str, Any], Sequence[Evidence]]],
    summary: dict[str, Any],
    out: Callable[[Evidence], bool],
) -> Without:
    bits = [sum(e.bits for e in pieces if out(e)) for *_, pieces in told]
    said = [b for b in bits if b >= SPEAKS_BITS]
    lost = [
        finding_id
        for finding_id, finding, pieces in told
        if stands(finding, pieces, summary) and not stands(finding, [e for e in pieces if not out(e)], summary)
    ]
    return Without(
        name=name, family=family, findings=len(said), bits=round(sum(said) / max(len(said), 1), 2), lost=lost
    )


def _of(axis: str, family: str) -> Callable[[Evidence], bool]:
    return lambda e: e.axis == axis and e.family == family


def _pieces(finding: dict[str, Any]) -> list[Evidence]:
    return [e for e in _all(finding) if e.name != OVERLAP]


def _all(finding: dict[str, Any]) -> Iterator[Evidence]:
    for one in finding.get("evidence") or ():
        yield msgspec.convert(one, Evidence)


def _not_predicted(pieces: Sequence[Evidence], predicted: frozenset[str]) -> float:
    rest = [e for e in pieces if e.axis == "coordination" and e.name not in predicted]
    return sum(e.bits for e in rest) - sum(twice(rest).values())


def _families(pieces: Sequence[Evidence]) -> dict[str, float]:
    """Coordination family -> bits, with what is in it twice taken out."""
    out: dict[str, float] = {}
    for e in pieces:
        if e.axis == "coordination" and e.name not in IDENTITY:
            out[e.family] = out.get(e.family, 0.0) + e.bits
    for family, bits in twice(pieces).items():
        out[family] = out.get(family, 0.0) - bits
    return out
