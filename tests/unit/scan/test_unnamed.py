"""Where a log does not tell whose any account is, nobody is accused of hiding it, and the page says what would tell."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from stillwatch.campaigns.finding import Findings
from stillwatch.evaluate.scores import score
from stillwatch.scan.options import ScanOptions
from stillwatch.scan.run import scan
from stillwatch.traffic_range.worlds import world_named
from stillwatch.traffic_range.write import write_world

pytestmark = pytest.mark.slow

NAMES = ("registry", "payment_id", "email_domain", "org_id")


def test_nobody_is_accused_and_a_registry_is_asked_for(tmp_path: Path) -> None:
    """Campaigns are named as harvests at most, and honest companies with many accounts are no networks."""
    world = tmp_path / "world"
    write_world(world_named("demo"), world, seed=1, scale=0.4, without=NAMES)
    out = scan([str(world)], ScanOptions(out=tmp_path / "scan"))
    findings = msgspec.json.decode((out / "findings.json").read_bytes(), type=Findings).findings
    scores = score(out, world)
    assert not scores.false_campaigns and sum(scores.accused.values()) == 0
    assert {one.verdict for one in findings} == {"harvest"}
    unnamed = [one for one in findings if one.unnamed]
    assert unnamed and all("A registry tells." in one.claim for one in unnamed)
    assert "scan again with a registry" in (out / "report.html").read_text()
