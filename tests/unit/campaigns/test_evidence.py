"""Every registered evidence keeps the contract, and the sums that verdicts rest on add up."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from stillwatch import schema
from stillwatch.campaigns.calibration import rank_bits, rank_bits_of_all
from stillwatch.campaigns.concealment import Faces, Places, common_place, common_places, concealment, scatter, strangers
from stillwatch.campaigns.explanations import EXPLANATIONS, Place, twice, weigh_explanations
from stillwatch.campaigns.finding import Evidence
from stillwatch.campaigns.measures import Measures, chosen, joined
from stillwatch.campaigns.registry import measured_evidence
from stillwatch.campaigns.sharing import NAMES
from stillwatch.fingerprint.markers import MARKERS
from stillwatch.links.kinds import GROUPS

EVIDENCE = sorted(measured_evidence())


def measures(n: int, seed: int = 0) -> Measures:
    """Plausible measures of n groups."""
    rng = np.random.default_rng(seed)
    columns = {field.name: rng.random(n) for field in fields(Measures)}
    columns["units"] = rng.integers(1, 50, n).astype(float)
    columns["exchanges"] = rng.integers(1, 5000, n).astype(float)
    columns["markers"] = rng.random((n, len(MARKERS)))
    return Measures(**columns)


@pytest.mark.parametrize("name", EVIDENCE)
def test_one_number_a_group_whatever_the_order(name: str) -> None:
    """Shuffling the groups shuffles the numbers, and nothing else."""
    evidence = measured_evidence()[name]
    null, some = measures(40, 1), measures(25, 2)
    rows = np.random.default_rng(3).permutation(25)
    numbers = evidence.number(some, null)
    assert numbers.shape == (25,)
    np.testing.assert_array_equal(numbers[rows], evidence.number(chosen(some, rows), null))


@pytest.mark.parametrize("name", EVIDENCE)
def test_no_groups_give_no_numbers(name: str) -> None:
    """Neither an empty scan nor an empty null is an error."""
    evidence = measured_evidence()[name]
    assert evidence.number(measures(0), measures(10)).shape == (0,)
    assert evidence.number(measures(3), measures(0)).shape == (3,)


@pytest.mark.parametrize("name", EVIDENCE)
def test_what_the_logs_lack_weighs_nothing(name: str) -> None:
    """Measures that could not be taken give no bits."""
    evidence = measured_evidence()[name]
    null = measures(200, 4)
    absent = {field.name: np.full_like(getattr(null, field.name), np.nan) for field in fields(Measures)}
    absent["units"] = absent["exchanges"] = np.zeros(200)
    numbers = evidence.number(Measures(**absent), null)
    bits = rank_bits_of_all(numbers, evidence.number(null, null), high=evidence.high)
    assert bits.max() <= 1.0


@pytest.mark.parametrize("name", EVIDENCE)
def test_false_alarms_come_at_the_stated_rate(name: str) -> None:
    """Among groups like those of the null, b bits or more come at a rate of 2^-b."""
    evidence = measured_evidence()[name]
    null, fresh = measures(2000, 5), measures(4000, 6)
    bits = rank_bits_of_all(evidence.number(fresh, null), evidence.number(null, null), high=evidence.high)
    for level in (2, 4, 6):
        rate = (bits >= level).mean()
        assert rate <= 2.0**-level + 4 * np.sqrt(2.0**-level / 4000) + 1e-3


@pytest.mark.parametrize("name", EVIDENCE)
def test_declarations_name_what_exists(name: str) -> None:
    """Columns needed are columns of the exchange table, and the sentence can be filled in."""
    evidence = measured_evidence()[name]
    assert set(evidence.needs) <= set(schema.EXCHANGE.names)
    assert evidence.sentence.format(observed=evidence.shown(1.5), expected=evidence.shown(0.5))


def test_every_group_of_kinds_has_a_name() -> None:
    """Whatever accounts can share has an evidence's name."""
    assert set(NAMES) == set(GROUPS)


def test_explanations_speak_of_evidence_that_exists() -> None:
    """No explanation predicts something that nobody measures."""
    known = {*EVIDENCE, *NAMES.values(), "concealment", "no-common-place"}
    assert {name for one in EXPLANATIONS for name in one.predicts} - known == set()


def test_rank_bits_never_exceed_their_sample() -> None:
    """The rarest number weighs log2(n + 1), a usual one nothing."""
    null = np.arange(1023.0)
    assert rank_bits(5000.0, null) == 10.0
    assert rank_bits(-1.0, null) == 0.0
    assert rank_bits(float("nan"), null) == 0.0
    np.testing.assert_allclose(rank_bits_of_all(null, null), [rank_bits(x, null) for x in null])


def piece(name: str, family: str, bits: float, axis: str = "coordination") -> Evidence:
    """One piece of evidence."""
    return Evidence(family=family, axis=axis, name=name, bits=bits, observed=0, expected=0, sentence=name)


def test_a_family_counts_once() -> None:
    """Shared rhythm and measured synchrony are one fact: the weaker is taken out."""
    evidence = [piece("shared-rhythm", "time", 9.0), piece("synchrony", "time", 6.0)]
    assert twice(evidence) == {"time": 6.0}


def test_the_margin_is_what_the_best_explanation_leaves() -> None:
    """One organisation explains cards, moulds and load, not concealment and what is collected."""
    evidence = [
        piece("shared-payment", "identity", 8.0),
        piece("shared-template", "text", 7.0),
        piece("even-load", "work", 3.0),
        piece("concealment", "identity", 4.0),
        piece("long-answers", "appetite", 5.0, axis="extraction"),
    ]
    bits = {"applications": 5.0, "people": 2.0, "users": 2.0}
    explained = weigh_explanations(evidence, bits, Place(of_accounts=0.5))
    margins = {one.name: one.margin_bits for one in explained}
    assert margins["one organisation"] == 4.0 + 5.0
    assert margins["customer of a proxy"] == 5.0
    assert margins["common cause"] == 22.0 + 2.0
    assert margins["class"] == 3.0 + 2.0
    assert margins["evaluator"] == 2.0
    assert explained[0].name == "evaluator"


def test_a_class_is_over_within_a_week() -> None:
    """What lasts for weeks is no class, and that is said; nor is a proxy's customer one where all traffic is alike."""
    evidence = [piece("shared-template", "text", 7.0), piece("long-answers", "appetite", 5.0, axis="extraction")]
    bits = {"applications": 5.0, "people": 2.0, "users": 2.0}
    brief = {e.name: e for e in weigh_explanations(evidence, bits, Place(outside=0.0))}
    between = {e.name: e for e in weigh_explanations(evidence, bits, Place(outside=0.125))}
    long = {e.name: e for e in weigh_explanations(evidence, bits, Place(outside=0.6))}
    assert between["class"].margin_bits == brief["class"].margin_bits + 2.0
    assert long["class"].margin_bits == brief["class"].margin_bits + 4.0
    assert "60% of its exchanges lie outside its busiest week" in long["class"].against
    assert long["reseller"].margin_bits == brief["reseller"].margin_bits
    assert "customer of a proxy" not in long


def test_people_who_run_one_benchmark_send_the_same_items() -> None:
    """A list that is dealt out without overlap is no benchmark that many run; without text none can tell."""
    evidence = [piece("shared-email-domain", "identity", 7.0), piece("synchrony", "time", 5.0)]
    bits = {"applications": 5.0, "people": 2.0, "users": 2.0}

    def margin(overlap: float) -> float:
        return {e.name: e.margin_bits for e in weigh_explanations(evidence, bits, Place(overlap=overlap))}["evaluator"]

    assert margin(0.4) == 2.0
    assert margin(0.05) == 2.0 + 2.0
    assert margin(0.0) == 2.0 + 4.0
    assert margin(float("nan")) == 2.0


def test_a_tool_that_sends_for_its_users_needs_a_place_of_all_of_them() -> None:
    """Mould, addresses and hours of a hosted tool speak against nobody; a card in common does, and so do own exits."""
    evidence = [
        piece("shared-template", "text", 7.0),
        piece("shared-network-prefix", "identity", 9.0),
        piece("shared-rhythm", "time", 10.0),
        piece("shared-payment", "identity", 3.0),
    ]
    bits = {"applications": 5.0, "people": 2.0, "users": 2.0}
    of_all = {e.name: e.margin_bits for e in weigh_explanations(evidence, bits, Place(common=0.9))}
    assert of_all["hosted tool"] == 3.0 + 2.0
    for common in (0.1, float("nan")):
        assert "hosted tool" not in {e.name for e in weigh_explanations(evidence, bits, Place(common=common))}


def test_a_resellers_users_ask_for_different_things() -> None:
    """Accounts that send one thing and nothing else are told from a reseller's, by four bits; a part of them is not."""
    evidence = [piece("long-answers", "appetite", 5.0, axis="extraction")]
    bits = {"applications": 6.0, "people": 2.0, "users": 2.0}

    def margin(place: Place) -> float:
        return {e.name: e.margin_bits for e in weigh_explanations(evidence, bits, place)}["reseller"]

    assert margin(Place()) == 2.0
    assert margin(Place(narrow=1.5)) == 3.5
    assert margin(Place(narrow=6.0)) == 6.0
    assert margin(Place(narrow=6.0, of_accounts=0.5)) == 2.0


def test_what_one_owner_shares_says_nothing_of_others() -> None:
    """Owners of several accounts explain cards and hours that only each owner's accounts have in common."""
    evidence = [piece("shared-payment", "identity", 8.0), piece("shared-rhythm", "time", 9.0)]
    bits = {"applications": 5.0, "people": 2.0, "users": 2.0}
    apart = {"shared-payment": 0.0, "shared-rhythm": 1.0}
    some = weigh_explanations(evidence, bits, Place(owners=0.3), apart)
    none = weigh_explanations(evidence, bits, Place(), apart)
    name = "owners of several accounts"
    assert {e.name: e.margin_bits for e in some}[name] == 1.0 + 2.0
    assert name not in {e.name for e in none}


def test_an_application_is_told_from_people() -> None:
    """The same evidence is compared with what one application, or one person, collects; the sentence says which."""
    evidence = [piece("long-answers", "appetite", 5.0, axis="extraction")]
    explained = weigh_explanations(evidence, {"applications": 6.0, "people": 0.0, "users": 0.0}, Place(of_accounts=0.5))
    said = {e.name: e for e in explained}
    assert "one in 64" in said["one organisation"].against[0]
    assert "by themselves collect as much" in said["class"].for_[0]


def test_a_customer_of_a_proxy_is_told_by_where_he_stands() -> None:
    """One of many customers, mixed over all accounts, is judged by what he asks, and one in 16 asks for just that.

    One kept to few accounts is no customer.
    """
    evidence = [piece("long-answers", "appetite", 5.0, axis="extraction")]
    bits = {"applications": 6.0, "customers": 1.5, "people": 0.0, "users": 0.0}

    def margin(place: Place) -> float:
        return {e.name: e.margin_bits for e in weigh_explanations(evidence, bits, place)}["customer of a proxy"]

    assert margin(Place(of_accounts=0.05, of_network=0.04, spread=0.95)) == 1.5 - 4.0
    assert margin(Place(of_accounts=0.5, of_network=0.4, spread=0.95)) == 6.0
    assert margin(Place(of_accounts=0.3, of_network=0.04, spread=0.3)) == 6.0 + 4.0


def faces(values: dict[int, list[int]], n: int, declared: int = 0) -> Faces:
    """Identities of n accounts."""
    pairs = [(account, value) for account, shown in values.items() for value in shown]
    account, value = (np.array(column) for column in zip(*pairs, strict=True))
    known = np.zeros(n, bool)
    known[account] = True
    return Faces(account, value, np.bincount(value), known, np.zeros(declared))


ONE = np.zeros(10, np.int64)
"""Ten accounts, all of one part."""


def test_laboratories_that_ask_the_same_hide_nothing() -> None:
    """Each has its own domain, and what joins them is only what they ask; accounts in no part are strangers as ever."""
    laboratories = faces({i: [i // 2] for i in range(10)}, 10, declared=31)
    apart = np.arange(10) // 2
    assert concealment(laboratories, np.arange(10), apart) == (0.0, [])
    assert concealment(laboratories, np.arange(10), ONE)[0] == pytest.approx(40 / 45)
    assert concealment(laboratories, np.arange(10), np.where(apart < 2, apart, -1))[0] == pytest.approx(40 / 45)


def test_accounts_that_one_card_joins_hide_nothing() -> None:
    """Whoever pays for all of them with one card is one party, whatever their domains."""
    assert strangers(faces({0: [0, 1], 1: [0, 2], 2: [0, 3]}, 3), np.arange(3)) == (0.0, 3)


def test_a_pool_of_cards_joins_only_some() -> None:
    """Of six accounts on three cards three pairs of fifteen have a card in common."""
    share, _ = strangers(faces({i: [i // 2] for i in range(6)}, 6), np.arange(6))
    assert share == pytest.approx(0.8)


def test_accounts_without_anything_in_common_are_strangers() -> None:
    """Ten cards on ten accounts that act as one are concealment, as much as the organisations here can show."""
    share, evidence = concealment(faces({i: [i] for i in range(10)}, 10, declared=31), np.arange(10), ONE)
    assert share == 1.0
    assert [(e.name, e.bits) for e in evidence] == [("concealment", 5.0)]


def test_a_mail_provider_joins_nobody() -> None:
    """A domain that hundreds of others use is no identity."""
    values = {i: [0] for i in range(500)}
    share, n = strangers(faces(values, 500), np.arange(10))
    assert (share, n) == (1.0, 10)


def places(prefixes: list[list[int]], declared: int = 0) -> Places:
    """Accounts that send alike from each of their prefixes."""
    pairs = [(account, prefix, 1.0 / len(own)) for account, own in enumerate(prefixes) for prefix in own]
    account, prefix, share = (np.array(column) for column in zip(*pairs, strict=True))
    return Places(account, prefix, share, np.full(declared, 0.4))


def test_a_common_place_is_where_most_is_sent_from() -> None:
    """A campus carries half of a class's exchanges; a pool of exits is no place."""
    campus = places([[0, home] for home in range(1, 41)])
    pool = places([[exit_ % 20, (exit_ + 1) % 20] for exit_ in range(40)])
    assert common_place(campus, np.arange(40)) == (0.5, 40)
    assert common_place(pool, np.arange(40)) == (pytest.approx(0.05), 40)
    assert common_places(campus, np.arange(40)) == 0.5
    assert common_places(pool, np.arange(40)) == 0.0
    assert scatter(campus, np.arange(40)) == []
    assert [e.bits for e in scatter(pool, np.arange(40))] == [3.0]
    assert [e.bits for e in scatter(replace(pool, null=np.full(31, 0.4)), np.arange(40))] == [5.0]


def test_unknown_identities_say_nothing() -> None:
    """Accounts of which nothing is known are neither strangers nor one party."""
    share, evidence = concealment(faces({99: [0]}, 100), np.arange(10), ONE)
    assert np.isnan(share)
    assert evidence == []


def test_joining_measures_keeps_all_groups() -> None:
    """Two nulls become one."""
    assert joined(measures(3), measures(4)).markers.shape == (7, len(MARKERS))


def test_people_who_work_a_list_off_at_home_share_what_it_takes() -> None:
    """Annotators rest, have homes and are at work at their own times; programs that deal jobs out are not like that."""
    evidence = [
        piece("shared-template", "text", 7.0),
        piece("shared-network-prefix", "identity", 6.0),
        piece("shared-payment", "identity", 2.5),
        piece("synchrony", "time", 3.0),
    ]
    bits = {"applications": 7.0, "people": 2.0, "users": 2.0, "customers": 7.0}

    def margin(**place: float) -> float | None:
        known = {"common": 0.05, "night": 0.0, "together": 1.5} | place
        found = {e.name: e.margin_bits for e in weigh_explanations(evidence, bits, Place(**known))}
        return found.get("paid workers")

    assert margin() == 2.5 + 2.0
    assert margin(night=0.2) is None
    assert margin(common=0.6) is None
    assert margin(together=20.0) is None
    assert margin(night=float("nan")) is None
