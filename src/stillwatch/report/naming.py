"""What a report calls its findings, and in which order it shows them."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.campaigns.finding import Finding

ORDER = ("campaign", "harvest", "network")
"""Findings in the order in which they are shown; networks come last, folded."""


def ranked(findings: list[Finding]) -> list[Finding]:
    """Findings in the order in which they are shown; within a verdict, as the scan ranked them."""
    rank = {verdict: at for at, verdict in enumerate(ORDER)}
    return sorted(findings, key=lambda finding: rank.get(finding.verdict, len(rank)))


def names_of(findings: list[Finding]) -> dict[str, str]:
    """finding_id -> what the page calls it: C1, C2, H1, N1, ..."""
    numbers: Counter[str] = Counter()
    out = {}
    for finding in findings:
        letter = finding.verdict[:1].upper() or "F"
        numbers[letter] += 1
        out[finding.finding_id] = f"{letter}{numbers[letter]}"
    return out


def linked_findings(finding: Finding, links: pa.Table) -> list[str]:
    """Networks that a campaign runs on, or campaigns that run on a network."""
    here, there = ("campaign_id", "network_id") if finding.verdict == "campaign" else ("network_id", "campaign_id")
    return sorted(set(links.filter(pc.equal(links[here], finding.finding_id))[there].to_pylist()))
