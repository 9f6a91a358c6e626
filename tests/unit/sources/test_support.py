"""Which evidence logs can support, and what is said about the rest."""

from __future__ import annotations

import pyarrow as pa
import pytest

from stillwatch import schema
from stillwatch.campaigns.registry import measured_evidence
from stillwatch.campaigns.sharing import NAMES
from stillwatch.report.summary import MissingEvidence
from stillwatch.sources.registry import Format, formats
from stillwatch.sources.support import ADDRESS_KINDS, ELSEWHERE, NEEDS, REGISTRY, missing, support, supported_by

FULL = dict.fromkeys(schema.EXCHANGE.names, 1.0)
BARE = dict.fromkeys(("exchange_id", "requested_at", "account_id", "model"), 1.0)


def test_every_evidence_is_listed() -> None:
    """The table names exactly the evidence that a scan knows; mend: a line in `sources.support.NEEDS`."""
    assert set(NEEDS) == set(measured_evidence()) | set(NAMES.values())


def test_every_need_is_a_column_and_has_a_word_on_it() -> None:
    """Each column is one of ours, and for one of each group it is said how to get it, the required ones aside."""
    for evidence, groups in NEEDS.items():
        for group in groups:
            for column in group:
                known = schema.ACCOUNT.names if column.startswith(REGISTRY) else [*schema.EXCHANGE.names, ADDRESS_KINDS]
                assert column.removeprefix(REGISTRY) in known, evidence
            assert set(group) & (set(ELSEWHERE) | set(BARE)), evidence


def test_evidence_on_measures_needs_what_it_declares() -> None:
    """What an evidence declares as its needs is what is said to be missing."""
    for evidence in measured_evidence().values():
        assert {column for group in NEEDS[evidence.name] for column in group} >= set(evidence.needs)


def test_a_full_log_and_registry_support_everything() -> None:
    """Nothing is missing then but what an address database brings; with one, nothing."""
    registry = pa.table({"account_id": ["a"], "created_at": [1], "payment_id": ["card"], "signup_country": ["FR"]})
    assert missing({**FULL, ADDRESS_KINDS: 1.0}, registry) == []
    lacking = missing(FULL, registry)
    assert {one["evidence"] for one in lacking} == {"hidden-location", "contradicted-location"}
    assert all("--addresses" in one["turn_on"] for one in lacking)


def test_what_is_missing_is_what_no_column_brings() -> None:
    """Of a log of bare metadata, only evidence from times, models and counts is left."""
    lacking = {one["evidence"] for one in missing(BARE, None)}
    left = {"shared-rhythm", "synchrony", "succession", "even-load", "pivot", "fresh-answers", "answers"}
    assert set(NEEDS) - lacking == left


def test_the_registry_brings_payment_and_signup() -> None:
    """Columns of the registry count where they hold a value; columns of nulls do not."""
    filled = pa.table({"account_id": ["a"], "created_at": [1], "payment_id": ["card"]})
    empty = pa.table({"account_id": ["a"], "created_at": pa.nulls(1), "payment_id": pa.nulls(1)})
    for registry, there in ((filled, True), (empty, False), (None, False)):
        lacking = {one["evidence"] for one in missing(BARE, registry)}
        assert ("signup-burst" not in lacking) == there
        assert ("shared-payment" not in lacking) == there


def test_each_entry_fits_the_report() -> None:
    """An entry has the keys that the report reads, and each says how to turn it on."""
    for one in missing(BARE, None):
        assert set(one) == set(MissingEvidence.__struct_fields__)
        assert one["needs"]
        assert one["turn_on"]


def test_the_words_are_those_of_the_format() -> None:
    """Where a format says how its product is told to log a column, that is what is shown."""
    fmt = Format("gate", "a gateway", {}, turn_on={"ip": "set log_ip: true"})
    said = {one["evidence"]: one["turn_on"] for one in missing(BARE, None, [fmt])}
    assert said["shared-network-prefix"] == "gate: set log_ip: true"
    assert said["shared-payment"] == ELSEWHERE["payment_id"]


@pytest.mark.parametrize(("share", "there"), [(0.0, False), (0.009, False), (0.01, True), (1.0, True)])
def test_a_column_that_hardly_any_row_fills_is_missing(share: float, there: bool) -> None:
    """From one row in a hundred on, evidence has something to work with."""
    (one,) = [one for one in support({**BARE, "tools": share}) if one.evidence == "shared-tools"]
    assert one.supported == there
    assert one.share == share


@pytest.mark.parametrize("name", list(formats()))
def test_a_format_fills_columns_of_ours(name: str) -> None:
    """What a format fills and turns on are columns of the exchange table, the required ones among them."""
    fmt = formats()[name]
    assert set(fmt.fills) <= set(schema.EXCHANGE.names)
    assert set(fmt.turn_on) <= set(schema.EXCHANGE.names)
    assert set(fmt.fills) >= set(BARE)
    assert {"synchrony", "even-load"} <= set(supported_by(fmt))
