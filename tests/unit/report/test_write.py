"""The page: one file, everything in it escaped, nothing of the scan lost."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from report_samples import Scan, empty_scan, network, rich_scan, summary

from stillwatch.report.write import write_report


def written(scan: Scan, folder: Path) -> str:
    """The report of a scan."""
    write_report(scan.findings, scan.summary, scan.members, scan.links, scan.quarantine, folder)
    return (folder / "report.html").read_text(encoding="utf-8")


class Page(HTMLParser):
    """Tags, attributes and text of a page, as a browser would see them."""

    VOID = frozenset({"meta", "br", "img", "input", "link", "hr", "path", "line", "rect", "circle"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that closes itself."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close a tag."""
        if tag in self.VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.texts.append(data)

    @property
    def text(self) -> str:
        """All text, with single spaces."""
        return re.sub(r"\s+", " ", " ".join(self.texts))


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of a rich scan with hostile ids and texts."""
    return written(rich_scan(), tmp_path_factory.mktemp("rich"))


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    """The same, parsed."""
    return Page(html)


def test_the_page_is_well_formed(page: Page) -> None:
    """Every tag that opens is closed, in order; ids are given once."""
    assert page.unbalanced == []
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_hostile_texts_make_no_tags(page: Page) -> None:
    """Ids and examples full of markup stay text: one script, ours, and no image, handler or address of theirs."""
    assert [tag for tag, _ in page.tags if tag == "script"] == ["script"]
    assert not [tag for tag, _ in page.tags if tag in ("img", "iframe", "object", "embed", "link", "base", "form")]
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert "<script>window.hurt=1</script>⟨U+001B⟩[31m⟨U+202E⟩gnp.exe⟨U+0000⟩" in page.text
    assert "</pre><script>window.hurt=2</script>" in page.text


def test_the_page_needs_nothing_else(page: Page, html: str) -> None:
    """No address is fetched: no src, no href but to the page itself, no url() and no import in the styles."""
    for _, attrs in page.tags:
        assert "src" not in attrs
        assert (attrs.get("href") or "#").startswith("#")
        assert "xlink:href" not in attrs
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in html


def test_links_lead_somewhere(page: Page) -> None:
    """Every link within the page has its place."""
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert {(attrs["href"] or "")[1:] for tag, attrs in page.tags if tag == "a"} <= ids


def test_pictures_say_what_they_show(page: Page) -> None:
    """Every picture has a role and a text for those who do not see it."""
    pictures = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert len(pictures) > 30
    assert all(attrs.get("role") == "img" and attrs.get("aria-label") for attrs in pictures)


def test_headings_are_in_order(page: Page) -> None:
    """One first heading, and no level is skipped."""
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_numbers_of_a_finding_are_there(page: Page) -> None:
    """Accounts, exchanges, certainty in bits and in false findings, and the probability at three priors."""
    rarely = "one false finding in 210 years"
    for said in ("1,204", "182,000", "23.8", "0.0004", rarely, "10 100 1,000", "AML.T0024.002"):
        assert said in page.text
    assert "Exfiltration via AI Inference API: Extract AI Model" in page.text


def test_accounts_beyond_two_hundred_are_counted(page: Page) -> None:
    """The first two hundred accounts are shown, the rest is counted and placed."""
    assert "1,004 more accounts are in the list below, and in finding_accounts.parquet" in page.text
    assert "All 1,204 accounts as CSV account,role,own_bits acct-001-00000,driver," in page.text


def test_networks_do_not_drown_campaigns(tmp_path: Path) -> None:
    """With 36 networks the campaigns come first, and networks are folded and never accused."""
    html = written(rich_scan(36), tmp_path)
    page = Page(html)
    folded = [attrs for tag, attrs in page.tags if tag == "details" and attrs.get("class") == "network"]
    assert len(folded) == 36
    assert not [attrs for attrs in folded if "open" in attrs]
    assert html.index('id="finding-c3"') < html.index('id="networks"') < html.index('id="finding-n1"')
    assert "no accusation" in page.text
    assert len(html) < 1_500_000


def test_slots_are_marked(page: Page, html: str) -> None:
    """What varies in a template stands out from its fixed text."""
    assert '<mark class="slot">⟦a question⟧</mark>' in html
    assert "Write out in full" in page.text


def test_nothing_found_says_what_could_have_been(tmp_path: Path) -> None:
    """Without findings the page says so, what it took to be found, and what the logs could not support."""
    text = Page(written(empty_scan(), tmp_path)).text
    assert "Nothing was found" in text
    assert "A campaign had to show 17.5 bits" in text
    assert "No group of accounts shared enough to be worth a test" in text
    assert "Without reasoning_in and reasoning_out: a reasoning block given to one account" in text


def test_nothing_found_names_the_nearest_group(tmp_path: Path) -> None:
    """Where groups were tested and stayed clear, the nearest of them is told, and all are in the picture."""
    html = written(empty_scan(40), tmp_path)
    assert "40 groups were tested. The nearest that stayed clear" in html
    assert "40 tested groups by coordination and extraction: 40 clear" in html


def test_only_networks_is_no_accusation(tmp_path: Path) -> None:
    """A scan that finds networks alone says that no campaign was found."""
    whole = rich_scan(4)
    networks = [one for one in whole.findings.findings if one.verdict == "network"]
    scan = msgspec.structs.replace(whole.findings, findings=networks)
    write_report(scan, whole.summary, whole.members, whole.links, whole.quarantine, tmp_path)
    text = Page((tmp_path / "report.html").read_text()).text
    assert "No extraction campaign was found." in text
    assert "a network is no accusation" in text
    assert "What could have been found" in text


def test_a_finding_without_pictures_or_text_is_shown(tmp_path: Path) -> None:
    """Logs of metadata alone leave a finding without examples, tokens or pictures: the page says so and stands."""
    whole = rich_scan(0)
    bare = msgspec.structs.replace(
        whole.findings.findings[0],
        pictures=msgspec.convert({}, type(whole.findings.findings[0].pictures)),
        templates=[],
        explanations=[],
        tokens_out=None,
        cost_usd=None,
        targets={},
    )
    findings = msgspec.structs.replace(whole.findings, findings=[bare], tested=[])
    write_report(findings, whole.summary, whole.members, whole.links, whole.quarantine, tmp_path)
    text = Page((tmp_path / "report.html").read_text()).text
    assert "not logged" in text
    assert "No honest explanation was weighed" in text


def test_counts_that_do_not_add_up_are_said(tmp_path: Path) -> None:
    """A scan that lost rows must not look whole."""
    whole = empty_scan()
    counts = {"read": 10, "kept": 7, "quarantined": 1, "duplicates": 1}
    write_report(whole.findings, summary(counts=counts), whole.members, whole.links, whole.quarantine, tmp_path)
    assert "do not add up" in (tmp_path / "report.html").read_text()


def test_the_same_scan_gives_the_same_page(tmp_path: Path) -> None:
    """No clock and no chance in the page: the same input gives the same bytes."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert written(rich_scan(2), tmp_path / "a") == written(rich_scan(2), tmp_path / "b")


def test_many_tested_groups_stay_one_small_picture(tmp_path: Path) -> None:
    """Tens of thousands of tested groups are drawn by cell, every one of them counted."""
    whole = rich_scan(0)
    groups = whole.findings.tested[-1:] * 30_000
    findings = msgspec.structs.replace(whole.findings, tested=[*whole.findings.tested, *groups])
    write_report(findings, whole.summary, whole.members, whole.links, whole.quarantine, tmp_path)
    html = (tmp_path / "report.html").read_text()
    assert "30,090 clear" in html
    assert len(html) < 800_000


def test_a_network_may_have_hostile_shares(tmp_path: Path) -> None:
    """Labels in the graph are texts of the logs too."""
    import numpy as np

    whole = rich_scan(0)
    one = network(1, np.random.default_rng(1))
    label = "</title><script>window.hurt=5</script>"
    share = msgspec.structs.replace(one.pictures.shares[0], label=label, kind="<b>&\"'")
    hostile = msgspec.structs.replace(one, pictures=msgspec.structs.replace(one.pictures, shares=[share]))
    models = [("2026-02-01", "<script>window.hurt=6</script>", 5)]
    campaign = whole.findings.findings[0]
    drawn = msgspec.structs.replace(campaign, pictures=msgspec.structs.replace(campaign.pictures, models=models))
    findings = msgspec.structs.replace(whole.findings, findings=[drawn, hostile])
    write_report(findings, whole.summary, whole.members, whole.links, whole.quarantine, tmp_path)
    page = Page((tmp_path / "report.html").read_text())
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert page.unbalanced == []


def test_a_summary_that_lacks_something_is_an_error(tmp_path: Path) -> None:
    """What scan.json must hold is checked when the report is written, not guessed."""
    whole = empty_scan()
    lacking = summary()
    del lacking["promise"]
    with pytest.raises(msgspec.ValidationError, match="promise"):
        write_report(whole.findings, lacking, whole.members, whole.links, whole.quarantine, tmp_path)
