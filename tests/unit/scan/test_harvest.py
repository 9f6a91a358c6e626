"""A customer by itself that makes training data is called that, and accused of nothing; others as large are not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from small_world import exchanges, write

from stillwatch.campaigns.finding import Finding, Findings
from stillwatch.report.explaining import FindingAnswer, answer
from stillwatch.report.read import read_scan
from stillwatch.scan.options import ScanOptions
from stillwatch.scan.run import scan

GRADE = (
    "Rate this answer on a scale from 1 to 10 by the rubric, and say which response is better. Answer {number}: {text}"
)


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan of a house that collects reasoning and grades."""
    return _scanned(tmp_path_factory.mktemp("harvest"), ways=2)


def _scanned(folder: Path, *, ways: int) -> Path:
    """A scan of two hundred shops, a shop that asks as often as the house does, and a house that collects reasoning.

    ways: 2 where every second answer that the house asks for is a grade.
    """
    rows = exchanges(strangers=200, colluders=0, each=30)
    for begins, account, one in (
        ("s", "busy", exchanges(strangers=1, colluders=0, each=1400, seed=2)),
        ("c", "house", exchanges(strangers=0, colluders=1, each=1400, seed=3)),
    ):
        for row in one:
            assert str(row["account_id"]).startswith(begins)
            if account == "house" and ways == 2 and len(rows) % 2:
                row["prompt"] = GRADE.format(number=len(rows), text=str(row["prompt"])[-60:])
            rows.append(
                {**row, "account_id": account, "payment_id": f"card-of-{account}", "ip": f"198.51.{len(account)}.1"}
            )
    for number, row in enumerate(rows):
        row["system_prompt"] = None
        row["exchange_id"] = f"x{number:06d}"
    return scan([str(write(folder / "logs.ndjson", rows))], ScanOptions(out=folder / "out"))


def _findings(folder: Path) -> list[Finding]:
    return msgspec.json.decode((folder / "findings.json").read_bytes(), type=Findings).findings


def test_a_customer_that_makes_data_is_a_harvest(scanned: Path) -> None:
    """The house is found, with all of its exchanges, and nobody else is."""
    (finding,) = _findings(scanned)
    assert (finding.verdict, finding.accounts, finding.exchanges) == ("harvest", 1, 1400)
    assert finding.coordination_bits == 0.0
    assert set(finding.targets) == {"reasoning elicitation", "grading and reward modelling"}
    verdicts = pq.read_table(scanned / "accounts.parquet").to_pydict()
    called = dict(zip(verdicts["account_id"], verdicts["verdict"], strict=True))
    assert called.pop("house") == "harvest"
    assert set(called.values()) == {"clear"}
    claimed = pq.read_table(scanned / "finding_exchanges.parquet")
    assert claimed.num_rows == 1400
    assert set(claimed["finding_id"].to_pylist()) == {finding.finding_id}


def test_its_bits_add_up_and_stay_under_what_the_sample_shows(scanned: Path) -> None:
    """Evidence adds up to the extraction bits, and the margin is the best honest explanation's."""
    (finding,) = _findings(scanned)
    assert sum(e.bits for e in finding.evidence) == pytest.approx(finding.extraction_bits, abs=0.01)
    assert {e.axis for e in finding.evidence} == {"extraction"}
    assert finding.margin_bits == min(one.margin_bits for one in finding.explanations)
    assert {one.name for one in finding.explanations} == {"application", "evaluator"}


def test_nobody_is_accused_of_fraud_by_it(scanned: Path) -> None:
    """Claim, page and terminal call it a matter of terms, and show no probability of a campaign."""
    (finding,) = _findings(scanned)
    assert "a matter of terms, not of fraud" in finding.claim
    assert finding.atlas == []
    page = (scanned / "report.html").read_text()
    assert "Nobody is accused of fraud" in page
    assert "campaign’s</caption>" not in page
    said = answer(read_scan(scanned), "H1")
    assert isinstance(said, FindingAnswer)
    assert said.steps[0].kind != "prior"


def test_an_application_does_one_thing(tmp_path: Path) -> None:
    """Whoever asks for one kind of data alone may answer its own users so: at the same size it is no finding."""
    assert _findings(_scanned(tmp_path, ways=1)) == []
