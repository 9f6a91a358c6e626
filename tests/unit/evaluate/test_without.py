"""Findings judged again without a piece of their evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from evaluated_worlds import write_scan

from stillwatch.campaigns.finding import Evidence
from stillwatch.evaluate.reading import Scanned, read_scan
from stillwatch.evaluate.without import stands, without_each


def piece(family: str, axis: str, name: str, bits: float) -> dict[str, Any]:
    """One piece of evidence."""
    return {"family": family, "axis": axis, "name": name, "bits": bits, "observed": 1, "expected": 0, "sentence": name}


def finding(*evidence: dict[str, Any], margins: dict[str, float], extraction: float = 9.0) -> dict[str, Any]:
    """A campaign finding."""
    return {
        "finding_id": "F",
        "verdict": "campaign",
        "extraction_bits": extraction,
        "coordination_bits": sum(e["bits"] for e in evidence if e["axis"] == "coordination"),
        "evidence": list(evidence),
        "explanations": [{"name": name, "margin_bits": bits} for name, bits in margins.items()],
    }


def scanned(folder: Path, *findings: dict[str, Any]) -> Scanned:
    """A scan with these findings; a campaign takes 6 bits, acting as one 10."""
    return read_scan(write_scan(folder / "scan", list(findings)))


PAYMENT = piece("identity", "coordination", "shared-payment", 8.0)
RHYTHM = piece("time", "coordination", "synchrony", 5.0)
MOULD = piece("text", "coordination", "shared-template", 2.0)
APPETITE = piece("appetite", "extraction", "appetite", 6.0)
FOCUS = piece("text", "extraction", "focus", 3.0)


def lost(folder: Path, one: dict[str, Any]) -> set[str]:
    """Names whose loss costs the finding."""
    return {each.name for each in without_each(scanned(folder, one)) if each.lost}


def test_what_a_verdict_rests_on_is_told(tmp_path: Path) -> None:
    """Without the payment 7 of 10 bits are left; without appetite 3 of 6; the mould and the focus are spare."""
    one = finding(PAYMENT, RHYTHM, MOULD, APPETITE, FOCUS, margins={"common cause": 20.0})
    expected = {"shared-payment", "synchrony", "appetite", "coordination: identity", "coordination: time",
                "extraction: appetite"}  # fmt: skip
    assert lost(tmp_path, one) == expected


def test_a_margin_loses_only_what_its_explanation_does_not_predict(tmp_path: Path) -> None:
    """A common cause would show the synchrony itself: without it, the margin over it stays."""
    summary = scanned(tmp_path, finding(PAYMENT, margins={})).summary
    many = piece("identity", "coordination", "signup-burst", 12.0)
    one = finding(PAYMENT, RHYTHM, MOULD, many, APPETITE, FOCUS, margins={"common cause": 8.0})
    pieces = [msgspec.convert(e, Evidence) for e in one["evidence"]]
    assert stands(one, pieces, summary)
    assert not stands(one, [e for e in pieces if e.name != "shared-payment"], summary)
    time = piece("time", "coordination", "move", 5.0)
    both = finding(PAYMENT, RHYTHM, time, many, APPETITE, FOCUS, margins={"common cause": 8.0})
    pieces = [msgspec.convert(e, Evidence) for e in both["evidence"]]
    assert stands(both, [e for e in pieces if e.name != "synchrony"], summary)


def test_networks_are_no_campaigns_to_lose(tmp_path: Path) -> None:
    """Only campaign findings are judged again."""
    one = finding(PAYMENT, RHYTHM, margins={})
    assert without_each(scanned(tmp_path, one | {"verdict": "network"})) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"needed_bits": 9.5}, False),
        ({"needed_bits": 8.0, "doubt_bits": 1.0}, True),
        ({"needed_bits": 8.0, "doubt_bits": 1.1}, False),
        ({"needed_bits": 5.0, "needed_coordination_bits": 15.5}, False),
        ({"needed_coordination_bits": 14.0}, True),
    ],
    ids=["the scan's", "a higher bar", "just enough", "too much taken off", "acts less as one", "acts as one"],
)
def test_a_finding_stands_by_its_own_bar(changes: dict[str, float], expected: bool, tmp_path: Path) -> None:
    """Its own bar and what was taken off count as they did in the scan; the scan's bar only where it names none."""
    one = finding(PAYMENT, RHYTHM, MOULD, APPETITE, FOCUS, margins={"common cause": 20.0}) | changes
    pieces = [msgspec.convert(e, Evidence) for e in one["evidence"]]
    assert stands(one, pieces, scanned(tmp_path, one).summary) is expected
