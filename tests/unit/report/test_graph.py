"""The picture of who shares what."""

from __future__ import annotations

import re

import msgspec
import numpy as np
from report_samples import network, rich_scan

from stillwatch.campaigns.finding import Finding, Share
from stillwatch.report.graph import shares_graph
from stillwatch.report.view import fixed_words


def sharing(*shares: Share) -> Finding:
    """A finding whose accounts share these things."""
    one = network(1, np.random.default_rng(1))
    return msgspec.structs.replace(one, pictures=msgspec.structs.replace(one.pictures, shares=list(shares)))


def share(kind: str, label: str, accounts: int = 9, *, hub: bool = False) -> Share:
    """A thing that accounts share."""
    return Share(kind=kind, label=label, accounts=accounts, elsewhere=0, hub=hub)


def said(finding: Finding, texts: dict[str, str]) -> str:
    """The words in the picture."""
    return " ".join(re.sub(r"<[^>]+>", " ", str(shares_graph(finding, 20, texts))).split())


def test_one_payment_that_two_tables_name_is_one_thing() -> None:
    """The log and the registry both name it: it is drawn once, as it tells most."""
    words = said(sharing(share("payment", "pay…1", 9), share("payment", "pay…1", 7), share("payment", "pay…2", 5)), {})
    assert words.count("payment pay…1") == 1
    assert "9 of 20 accounts" in words
    assert "7 of 20 accounts" not in words


def test_a_template_is_told_by_its_words() -> None:
    """Where a template's text may be shown the picture quotes it, and keeps the id for whoever points at it."""
    words = said(sharing(share("template", "00ff", 9), share("template", "11ee", 8)), {"00ff": "Grade the answer"})
    assert "template “Grade the answer”" in words
    assert "00ff template" in words
    assert "template 11ee" in words


def test_hubs_are_folded() -> None:
    """What strangers share too is one grey entry, whatever their number."""
    words = said(sharing(share("payment", "p"), *(share("user agent", f"ua{at}", hub=True) for at in range(5))), {})
    assert "5 hubs: user agent" in words
    assert "ua3" not in words


def test_words_of_a_template_are_its_longest_fixed_text() -> None:
    """Slots are left out, and what is too short says nothing."""
    words = fixed_words(rich_scan(0).findings.findings[:1])
    assert words["9f3c77d1aa02be41"].startswith("Write out in full the step-by-step reasoning")
    assert not [text for text in words.values() if "⟦" in text]
