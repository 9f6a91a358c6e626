"""What a finding was judged by, and that strength, bar and what was taken off add up for whoever reads them."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from report_samples import rich_scan, summary, write_scan

from stillwatch.campaigns.finding import Finding
from stillwatch.campaigns.finding import TestedGroup as Group
from stillwatch.commands.explain import explain
from stillwatch.commands.scan import show
from stillwatch.report.bar import acting_bits, bar_of, strength_in_words
from stillwatch.report.calibration import promise_in_words
from stillwatch.report.near import lacking
from stillwatch.report.summary import NullSample, ScanSummary
from stillwatch.report.waterfall import chances, exact_sum, waterfall
from stillwatch.report.write import write_report

NULL = msgspec.convert(summary()["null"], NullSample)
"""A campaign takes 4.4 bits, one that is a small part of a network 7.6, and a harvest 8.6."""

SCAN = rich_scan()
PLAIN, _, SMALL = (one for one in SCAN.findings.findings if one.verdict == "campaign")
HARVEST = next(one for one in SCAN.findings.findings if one.verdict == "harvest")


def figures(finding: Finding) -> dict[str, Decimal]:
    """The steps to a finding's strength, read back from what is printed."""
    return {name: Decimal(figure.replace("−", "-")) for name, figure in bar_of(finding, NULL).steps}


def test_what_is_taken_off_adds_up_as_it_stands() -> None:
    """The printed lesser of the two, less what is printed as taken off, is the printed strength."""
    extraction, margin, lesser, taken_off, strength = figures(SMALL).values()
    assert lesser == min(extraction, margin)
    assert taken_off == Decimal("-1.200")
    assert strength == lesser + taken_off
    assert float(strength) == pytest.approx(bar_of(SMALL, NULL).strength, abs=0.001)


def test_nothing_taken_off_is_no_row() -> None:
    """Where accounts hide that they belong together the strength is the lesser of the two, and that is said."""
    assert list(figures(PLAIN))[-1] == "strength: the lesser of the two"
    assert len(figures(PLAIN)) == 3


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (PLAIN, "a campaign takes 4.4"),
        (SMALL, "a campaign that is a small part of a network that carries much besides takes 7.6"),
        (HARVEST, "a harvest takes 8.6"),
        (msgspec.structs.replace(PLAIN, needed_bits=3.9), "a campaign that was published before takes 3.9"),
        (msgspec.structs.replace(HARVEST, needed_bits=8.1), "a harvest that was published before takes 8.1"),
    ],
    ids=["plain", "small part", "harvest", "published", "published harvest"],
)
def test_each_finding_is_told_its_own_bar(finding: Finding, expected: str) -> None:
    """The bar is the finding's own, with for whom it is; without one in the findings it is the scan's."""
    assert expected in strength_in_words(bar_of(finding, NULL))


def test_the_waterfall_takes_off_what_the_verdict_does() -> None:
    """What is taken off is a step of the sum, and of the probability: both stand on the same number."""
    steps = waterfall(SMALL, 100.0)
    assert [step.bits for step in steps if step.kind == "doubt"] == [-1.2]
    *terms, (_, total) = exact_sum(steps)
    assert sum(Decimal(figure.replace("−", "-")) for _, figure in terms) == Decimal(total.replace("−", "-"))
    hides = msgspec.structs.replace(SMALL, doubt_bits=0.0)
    assert chances(SMALL, 0.001)[0].p < chances(hides, 0.001)[0].p


def test_what_is_not_shared_does_not_say_that_accounts_act_as_one() -> None:
    """Concealment adds to coordination, and not to what is compared with the bar of acting as one."""
    concealed = msgspec.structs.replace(PLAIN.evidence[0], name="concealment", family="identity", bits=3.5)
    more = msgspec.structs.replace(PLAIN, evidence=[*PLAIN.evidence, concealed])
    assert acting_bits(more) == pytest.approx(acting_bits(PLAIN))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "0.6 bits of extraction and 2.6 bits over the best honest explanation"),
        ({"margin_bits": 9.0}, "0.6 bits of extraction"),
        ({"margin_bits": 9.0, "doubt_bits": 2.0}, "2.6 bits of extraction and 0.6 bits over the best honest"),
        ({"margin_bits": 9.0, "needed_bits": 4.4, "doubt_bits": None}, "do not hide that they belong together"),
        ({"margin_bits": 9.0, "needed_bits": 4.4}, "comes from one family alone"),
    ],
    ids=["both", "extraction", "half hidden", "open", "one family"],
)
def test_a_clear_group_lacks_what_its_own_bar_takes(changes: dict[str, float | None], expected: str) -> None:
    """Among small parts it is their bar that counts, for the margin too, and what was taken off is counted."""
    group = Group(
        **{
            **{"coordination_bits": 30.0, "extraction_bits": 7.0, "accounts": 9, "exchanges": 5_000},
            **{"verdict": "clear", "margin_bits": 5.0, "needed_bits": 7.6, "small_part": True, **changes},
        }
    )
    assert expected in lacking(group, NULL)


def test_the_calibration_counts_both_kinds_of_streams() -> None:
    """So many as seem honest of either kind would reach the bars as often as is said."""
    said = " ".join(promise_in_words(msgspec.convert(summary(), ScanSummary)))
    assert "Six of them are a small part of a network" in said
    assert "spend 20% of the promise" in said
    assert "3.1 of these seem honest; of the other 9, about as many as 9.3" in said
    expected = 9.3 * 2**-4.4 + 3.1 * 2**-7.6
    assert f"reach their bars {expected:.2g} times" in said


def test_the_page_shows_the_bar_of_each_finding(tmp_path: Path) -> None:
    """The table of findings, the finding's own page, the picture and the method all give the small part's bar."""
    write_report(SCAN.findings, SCAN.summary, SCAN.members, SCAN.links, SCAN.quarantine, tmp_path)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    strength = f"{bar_of(SMALL, NULL).strength:.1f}"
    assert f"{strength} bits; 7.6 needed" in html
    own = re.search(r'id="finding-c3".*?</section>', html, re.S)
    assert own is not None
    for part in ("−1.200", "7.600", "68% of the pairs", "half hidden"):
        assert part in own[0]
    assert "4.400" not in own[0]
    assert "a small part of a network, 7.6" in html
    assert "Both of these, for a small part" in html


@pytest.mark.parametrize("columns", ["80", "160"])
def test_the_terminal_shows_the_bar_of_each_finding(
    columns: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a scan and in `explain`: strength, what was taken off, and what a small part takes."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    folder = write_scan(SCAN, tmp_path / "out")
    show(SCAN.findings, SCAN.summary | {"remarks": []}, folder)
    after_scan = " ".join(capsys.readouterr().out.split())
    assert explain("C3", from_=folder) == 0
    explained = " ".join(capsys.readouterr().out.split())
    for said in (after_scan, explained):
        assert "less 1.2" in said
        assert "takes 7.6" in said
    assert "a campaign takes 4.4" in after_scan
    assert "a campaign takes 4.4" not in explained
