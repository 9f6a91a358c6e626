"""Verdicts on the two axes, and the promise that they keep: expected false campaigns per 30 days."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillwatch.campaigns.assess import Assessed

DAYS_OF_PROMISE = 30.0

MIN_FAMILIES = 2
"""Families of coordination evidence that must speak: one alone is one fact."""

FAMILY_SPEAKS_BITS = 3.0


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Bits a verdict takes, from the promise and the number of groups that were tested.

    coordination: to say that accounts act as one.  extraction: to say, of accounts that do, that they collect training
    data.  margin: over the best honest explanation.   All are log2 of groups tested over false ones allowed.
    """

    coordination: float
    extraction: float
    margin: float
    n_tested: int
    allowed: float


def thresholds(n_networks: int, n_hypotheses: int, days: float, max_false: float) -> Thresholds:
    """Thresholds for a scan over some days.

    n_hypotheses: indicators that were taken as hypotheses; each could have become a network by chance.
    n_networks: networks found; each could be taken for a campaign though it collects nothing.
    """
    allowed = max_false * min(days, DAYS_OF_PROMISE) / DAYS_OF_PROMISE
    margin = float(np.log2(max(n_networks, 1) / allowed))
    return Thresholds(
        coordination=float(np.log2(max(n_hypotheses, 1) / max(max_false, 1e-9))) if n_hypotheses else margin,
        extraction=margin,
        margin=margin,
        n_tested=n_hypotheses,
        allowed=allowed,
    )


def verdict(subject: Assessed, limits: Thresholds) -> str:
    """campaign, network or clear: both axes for a campaign, coordination alone for a network."""
    families: dict[str, float] = {}
    for evidence in subject.evidence:
        if evidence.axis == "coordination":
            families[evidence.family] = families.get(evidence.family, 0.0) + evidence.bits
    speaking = sum(bits >= FAMILY_SPEAKS_BITS for bits in families.values())
    if speaking < MIN_FAMILIES or subject.coordination_bits < limits.coordination:
        return "clear"
    if subject.extraction_bits >= limits.extraction and subject.margin_bits >= limits.margin:
        return "campaign"
    return "network"


def expected_false(subject: Assessed, limits: Thresholds, days: float) -> float:
    """False findings this strong that honest traffic like this would give in 30 days."""
    weakest = min(subject.margin_bits, subject.coordination_bits)
    return float(limits.n_tested * 2.0**-weakest * DAYS_OF_PROMISE / max(days, 1e-9))
