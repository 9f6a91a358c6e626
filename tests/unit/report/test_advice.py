"""What a report advises: whom to look at first, whom to leave alone, what to turn on."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from report_samples import empty_scan, rich_scan, summary

from stillwatch import schema
from stillwatch.campaigns.explanations import EXPLANATIONS
from stillwatch.campaigns.finding import Finding
from stillwatch.campaigns.harvest import EXPLANATIONS as OF_HARVESTS
from stillwatch.report.advice import UNSEEN, in_short, next_steps, unseen_in_words
from stillwatch.report.conclusion import near_campaigns, same_accounts
from stillwatch.report.honest import ASK, explained
from stillwatch.report.members import Member, as_csv, gravest_parts
from stillwatch.report.naming import names_of, ranked
from stillwatch.report.summary import ScanSummary
from stillwatch.report.write import write_report
from stillwatch.sources.support import NEEDS


def told(scan: object = None) -> ScanSummary:
    """A scan's summary."""
    return msgspec.convert(summary(), ScanSummary)


def members(*rows: tuple[str, str, str]) -> pa.Table:
    """Rows of (finding, account, role)."""
    columns = dict(zip(("finding_id", "account_id", "role"), zip(*rows, strict=True), strict=True))
    return pa.table({**columns, "bits": [9.0] * len(rows)}, schema.FINDING_ACCOUNTS)


@pytest.fixture
def campaigns() -> list[Finding]:
    """Three campaigns."""
    return [one for one in rich_scan(0).findings.findings if one.verdict == "campaign"]


def test_every_evidence_has_words_for_its_absence() -> None:
    """Whoever adds an evidence says what cannot be seen without it, and what it was called before is gone."""
    assert set(UNSEEN) == set(NEEDS)


def test_every_honest_explanation_can_be_asked_about() -> None:
    """Each says what a person can find out outside the logs."""
    assert set(ASK) == {one.name for one in EXPLANATIONS} | set(OF_HARVESTS)


def test_the_surest_campaign_comes_first(campaigns: list[Finding]) -> None:
    """Of campaigns the one that honest traffic would show most rarely is to be read first."""
    found = ranked(campaigns)
    steps = next_steps(found, names_of(found), {"driver": 9, "stolen": 1, "adjacent": 2}, told(), ())
    assert "C3, the surest" in steps[0]
    assert "9 drivers carry" in " ".join(steps)
    assert "1 key looks stolen, and the owner is to be warned, not banned" in " ".join(steps)
    assert "2 accounts are only near, and to be left alone" in " ".join(steps)


def test_without_a_campaign_there_is_nobody_to_act_on() -> None:
    """The first step says so."""
    assert empty_scan().findings.findings == []
    assert "nobody to act on" in next_steps([], {}, {}, told(), ())[0]


def test_networks_that_collect_as_much_as_a_campaign_are_asked_about_first() -> None:
    """What its bits show is not called unshown: such a network lacks something else, and the page says what to ask."""
    network = next(one for one in rich_scan().findings.findings if one.verdict == "network")
    null = told().null
    near = msgspec.structs.replace(
        network, extraction_bits=null.extraction_threshold_bits + 1, exchanges=null.least_exchanges + 1
    )
    far = msgspec.structs.replace(network, finding_id="N-far", extraction_bits=0.0)
    names = {near.finding_id: "N1", far.finding_id: "N2"}
    assert near_campaigns([near, far], told()) == [near]
    steps = " ".join(next_steps([near, far], names, {}, told(), ()))
    assert "collect as much as a campaign would: for N1, " in steps
    assert "for N1" not in " ".join(next_steps([near, far], names, {}, told(), {near.finding_id}))


def test_a_finding_in_short_names_one_fact_a_family(campaigns: list[Finding]) -> None:
    """Each reason has at most two sentences, of different families."""
    reasons = dict(in_short(campaigns[0]))
    assert list(reasons) == ["They act as one", "They collect answers", "It is not just “reseller”"]
    assert all(1 <= len(said) <= 2 for said in reasons.values())
    assert "moulds" in reasons["They act as one"][0]
    assert "payment" in reasons["They act as one"][1]


def test_what_an_explanation_would_be_is_said_once(campaigns: list[Finding]) -> None:
    """The sentence that every piece begins with stands alone, and the pieces without it."""
    first = explained(campaigns[0])[0]
    assert first.what == "A reseller or router with many unrelated users behind it"
    assert not [said for said in first.fits if "would show this too" in said]
    assert first.margin_bits == min(one.margin_bits for one in explained(campaigns[0]))


def test_missing_evidence_is_told_in_words() -> None:
    """What a finding lacks is said with what it would have shown; what is not known stays as it is."""
    assert unseen_in_words("replay: needs reasoning_in").startswith("replay: a reasoning block given to one account")
    assert unseen_in_words("hidden-location: needs addresses.kinds").endswith("; needs an address database")
    assert unseen_in_words("something else") == "something else"


def test_an_account_counts_once_by_its_gravest_part(campaigns: list[Finding]) -> None:
    """A driver of one campaign is not also near another; whoever has an owner is a victim."""
    one, two, _ = (finding.finding_id for finding in campaigns)
    rows = [
        (one, "a", "driver"),
        (two, "a", "adjacent"),
        (one, "b", "driver"),
        (two, "b", "stolen"),
        (one, "c", "adjacent"),
    ]
    assert gravest_parts(campaigns, members(*rows)) == {"driver": 1, "stolen": 1, "adjacent": 1}


def test_campaigns_through_the_same_accounts_are_one_group(campaigns: list[Finding]) -> None:
    """Half of the smaller one's accounts suffice, and it is passed on from one to the next."""
    first, second, third = (finding.finding_id for finding in campaigns)
    apart = [(first, "a", "driver"), (second, "b", "driver"), (third, "c", "driver")]
    assert [len(group) for group in same_accounts(campaigns, members(*apart))] == [1, 1, 1]
    chain = [*apart, (second, "a", "driver"), (third, "b", "driver")]
    assert [len(group) for group in same_accounts(campaigns, members(*chain))] == [3]


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ("plain", "plain,driver,9.0"),
        ('with "quotes", comma', '"with ""quotes"", comma",driver,9.0'),
        ("=HYPERLINK(1)", "'=HYPERLINK(1),driver,9.0"),
        ("two\nlines", "two⏎lines,driver,9.0"),
    ],
)
def test_csv_holds_what_ids_may_hold(account: str, expected: str) -> None:
    """Quotes and commas are quoted, line breaks shown, and nothing is left for a spreadsheet to compute."""
    assert as_csv([Member(account, "driver", 9.0)]).splitlines()[1] == expected


def test_each_way_to_see_more_is_told_once() -> None:
    """Evidence that one thing brings stands together, and what takes two things stands with both."""
    registry, places = "bring it in the account registry (--accounts FILE)", "name a database with --addresses"
    missing = [
        {"evidence": "shared-payment", "needs": "payment_id", "turn_on": f"no LLM log carries a payment: {registry}"},
        {"evidence": "contradicted-location", "needs": "both", "turn_on": f"{registry}; {places}"},
        {"evidence": "signup-burst", "needs": "registry.created_at", "turn_on": registry},
        {"evidence": "hidden-location", "needs": "addresses.kinds", "turn_on": places},
        {"evidence": "targets", "needs": "prompt", "turn_on": "log the messages; without text, little is left"},
    ]
    said = next_steps([], {}, {}, msgspec.convert(summary(missing_evidence=missing), ScanSummary), ())[-1]
    assert said == (
        "Before the next scan: bring the account registry (--accounts FILE) (shared-payment, signup-burst, "
        "contradicted-location); name a database with --addresses (hidden-location, contradicted-location); "
        "log the messages; without text, little is left (targets)."
    )


def test_a_bare_log_does_not_flood_the_first_page(tmp_path: Path) -> None:
    """Of what a log of metadata alone lacks, the first page tells the most telling and counts the rest."""
    missing = [{"evidence": name, "needs": f"c{at}", "turn_on": f"log c{at}"} for at, name in enumerate(NEEDS)]
    said = next_steps([], {}, {}, msgspec.convert(summary(missing_evidence=missing), ScanSummary), ())[-1]
    assert f"{len(NEEDS) - 4} more ways under Coverage" in said
    scan = empty_scan()
    write_report(scan.findings, summary(missing_evidence=missing), scan.members, scan.links, scan.quarantine, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"{len(NEEDS) - 8} more kinds of evidence" in re.sub(r"\s+", " ", page)
    assert page.count("c20") >= 1
