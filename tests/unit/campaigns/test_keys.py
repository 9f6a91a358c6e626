"""Keys: what parameters alone do not tell, and what a driver asks for that words every request anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from traffic_by_hand import Traffic, marks

from stillwatch.campaigns.keys import UNPOURED, is_pooled, key_exchanges

Ints = np.ndarray

RARE = marks("reasoning", "given_answer")
RARE_TOO = marks("grading", "rubric")
USUAL = [0, marks("question"), marks("code"), marks("summary"), marks("translation"), marks("json", "format_rules")]

OURS = np.arange(10, dtype=np.int32)
OTHERS = np.arange(10, 20, dtype=np.int32)
STRANGERS = np.arange(20, 120)


def keys_of(traffic: Traffic, networks: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Key of every exchange, by position, and whether it is a template's."""
    connection = traffic.connection()
    key_exchanges(connection, networks)
    keyed = connection.sql("select position, key, is_template from keyed order by position").fetchnumpy()
    assert keyed["position"].tolist() == list(range(traffic.n))
    return keyed["key"], keyed["is_template"]


def strangers(traffic: Traffic, *, each: int = 20) -> Ints:
    """Everybody else, without a mould: whatever people ask, and each of it in words of its own."""
    units = np.repeat(STRANGERS, each)
    return traffic.add(units, markers=np.resize(USUAL, len(units)))


@pytest.mark.parametrize("text", [True, False])
def test_token_limit_and_temperature_are_no_key(text: bool) -> None:
    """What has these alone in common has the key of what tells nothing, in a network and outside, whatever they are."""
    traffic = Traffic()
    own = traffic.add(np.repeat(OURS, 10), text=text, max_tokens=4096, temperature=0.7)
    other = traffic.add(np.repeat(STRANGERS, 3), text=text, max_tokens=777)
    none = traffic.add(np.repeat(STRANGERS, 3), text=text)
    keys, _ = keys_of(traffic, [OURS])
    for positions in (own, other, none):
        assert set(keys[positions].tolist()) == {UNPOURED}


@pytest.mark.parametrize("what", ["template", "system_hash", "tools_hash"])
def test_mould_system_prompt_and_tools_are_keys(what: str) -> None:
    """Each is a key, and one with other parameters another, but for a mould, which is one whatever they are."""
    traffic = Traffic()
    shown: dict[str, Any] = {what: 77, "max_tokens": 4096}
    cold, warm = (traffic.add(np.repeat(OURS, 10), temperature=heat, **shown) for heat in (0.0, 1.0))
    keys, is_template = keys_of(traffic, [OURS])
    kinds = [set(keys[positions].tolist()) for positions in (cold, warm)]
    assert UNPOURED not in kinds[0] | kinds[1]
    assert [len(kind) for kind in kinds] == [1, 1]
    assert (kinds[0] == kinds[1]) == (what == "template")
    assert (is_template == (what == "template")).all()


def test_a_system_prompt_of_a_few_exchanges_is_still_a_key() -> None:
    """It is no mould to pour from, but whoever sends it alone is told from everybody by it."""
    traffic = Traffic()
    few = traffic.add(OURS[:5], system_hash=77)
    strangers(traffic)
    keys, _ = keys_of(traffic, [OURS])
    assert len(set(keys[few].tolist()) | {UNPOURED}) == 2


def test_what_a_network_asks_for_in_words_of_its_own_is_one_key() -> None:
    """A driver that words every request anew asks for a kind that hardly anybody asks for."""
    traffic = Traffic()
    strangers(traffic)
    seldom = traffic.add(STRANGERS[:5], markers=RARE)
    driven = traffic.add(np.repeat(OURS, 10), markers=RARE, max_tokens=np.arange(100))
    keys, is_template = keys_of(traffic, [OURS])
    (pool,) = set(keys[driven].tolist())
    assert is_pooled(np.array([pool]))[0]
    assert not is_template[driven].any()
    assert set(keys[seldom].tolist()) == {UNPOURED}


def test_only_what_is_rarely_asked_goes_into_the_pool() -> None:
    """The cover that a driver's accounts send stays apart from what it is after."""
    traffic = Traffic()
    strangers(traffic)
    driven = traffic.add(np.repeat(OURS, 10), markers=RARE)
    cover = traffic.add(np.repeat(OURS, 10), markers=np.resize(USUAL, 100))
    keys, _ = keys_of(traffic, [OURS])
    assert is_pooled(keys[driven]).all()
    assert set(keys[cover].tolist()) == {UNPOURED}


def test_a_network_that_sends_what_everybody_sends_has_no_pool() -> None:
    """A reseller's customers ask for what people ask for."""
    traffic = Traffic()
    strangers(traffic)
    traffic.add(np.repeat(OURS, 30), markers=np.resize(USUAL, 300))
    keys, _ = keys_of(traffic, [OURS])
    assert not is_pooled(keys).any()


def test_two_networks_have_a_pool_each() -> None:
    """What two networks ask for in words of their own has two keys, though it be the same; a stranger's has neither."""
    traffic = Traffic()
    strangers(traffic, each=40)
    ours, others = (traffic.add(np.repeat(units, 10), markers=RARE_TOO) for units in (OURS, OTHERS))
    keys, _ = keys_of(traffic, [OURS, OTHERS])
    pools = [set(keys[positions].tolist()) for positions in (ours, others)]
    assert [len(pool) for pool in pools] == [1, 1]
    assert pools[0] != pools[1]
    assert is_pooled(np.array([*pools[0], *pools[1]])).all()


def test_where_networks_overlap_the_first_counts() -> None:
    """An account of two networks has its words in the pool of the first, and every exchange has one key."""
    traffic = Traffic()
    strangers(traffic, each=40)
    both = np.arange(5, 20, dtype=np.int32)
    sent = traffic.add(np.repeat(np.arange(20), 10), markers=RARE).reshape(20, 10)
    keys, _ = keys_of(traffic, [OURS, both])
    assert len(set(keys[sent[:10]].ravel().tolist())) == 1
    assert set(keys[sent[10:]].ravel().tolist()).isdisjoint(keys[sent[:10]].ravel().tolist())
    assert is_pooled(keys[sent].ravel()).all()


@pytest.mark.parametrize(("times", "pooled"), [(5, False), (12, True)])
def test_a_kind_is_asked_for_eight_times_as_often_as_by_others(times: int, pooled: bool) -> None:
    """Five times the rate of everybody else is what one business has beside another."""
    traffic = Traffic()
    units = np.repeat(STRANGERS, 20)
    traffic.add(units, markers=np.where(np.arange(len(units)) % 20 == 0, RARE, 0))
    kind = traffic.add(np.repeat(OURS, 10 * times), markers=RARE)
    traffic.add(np.repeat(OURS, 200 - 10 * times), system_hash=9)
    keys, _ = keys_of(traffic, [OURS])
    assert set(is_pooled(keys[kind]).tolist()) == {pooled}


def test_a_guest_in_a_proxy_makes_no_pool_of_it() -> None:
    """Where less than a fifth of what is sent without a mould is of rare kinds, it is customers that send."""
    traffic = Traffic()
    strangers(traffic, each=40)
    guest = traffic.add(np.repeat(OURS, 10), markers=RARE)
    traffic.add(np.repeat(OURS, 45), markers=np.resize(USUAL, 450))
    keys, _ = keys_of(traffic, [OURS])
    assert not is_pooled(keys[guest]).any()


@pytest.mark.parametrize(("times", "pooled"), [(2, False), (6, True)])
def test_who_asks_for_rare_kinds_asks_for_others_too(times: int, pooled: bool) -> None:
    """Beside a rare kind, one that a network asks for four times as often as others is the driver's as well."""
    traffic = Traffic()
    units = np.repeat(STRANGERS, 40)
    traffic.add(units, markers=np.where(np.arange(len(units)) % 20 == 0, USUAL[1], 0))
    rare = traffic.add(np.repeat(OURS, 20), markers=RARE)
    other = traffic.add(np.repeat(OURS, 2 * times), markers=USUAL[1])
    traffic.add(np.repeat(OURS, 20 - 2 * times), system_hash=9)
    keys, _ = keys_of(traffic, [OURS])
    assert is_pooled(keys[rare]).all()
    assert set(is_pooled(keys[other]).tolist()) == {pooled}


def test_words_that_are_a_small_part_of_all_make_no_pool() -> None:
    """A network that sends nineteen in twenty exchanges from moulds, or near, is known by these."""
    traffic = Traffic()
    strangers(traffic, each=40)
    words = traffic.add(np.repeat(OURS, 10), markers=RARE)
    traffic.add(np.repeat(OURS, 95), template=5, markers=RARE)
    keys, _ = keys_of(traffic, [OURS])
    assert not is_pooled(keys[words]).any()


@pytest.mark.parametrize(("units", "each"), [(2, 40), (4, 1)])
def test_what_a_few_ask_for_is_nobodys_kind(units: int, each: int) -> None:
    """Neither two accounts with much of it make a pool, nor four exchanges."""
    traffic = Traffic()
    strangers(traffic)
    asked = traffic.add(np.repeat(OURS[:units], each), markers=RARE)
    keys, _ = keys_of(traffic, [OURS])
    assert set(keys[asked].tolist()) == {UNPOURED}


def test_what_is_poured_keeps_the_key_of_its_mould() -> None:
    """Of a driver that pours half and words half anew only the second is pooled; a mould of a few exchanges is none."""
    traffic = Traffic()
    strangers(traffic)
    poured = traffic.add(np.repeat(OURS, 10), template=5, markers=RARE)
    prompted = traffic.add(np.repeat(OURS, 5), system_hash=7, system_markers=RARE)
    worded = traffic.add(np.repeat(OURS, 10), markers=RARE)
    chance = traffic.add(OURS, template=6, markers=RARE)
    keys, is_template = keys_of(traffic, [OURS])
    assert set(keys[poured].tolist()) == {5}
    assert is_template[poured].all()
    assert not is_pooled(keys[prompted]).any()
    assert is_pooled(keys[worded]).all()
    assert is_pooled(keys[chance]).all()
    assert not is_template[chance].any()


def test_without_text_nothing_is_pooled() -> None:
    """Tools and turns say something of a kind, but what was asked is not known."""
    traffic = Traffic()
    traffic.add(np.repeat(STRANGERS, 20), text=False, tools_hash=3)
    asked = traffic.add(np.repeat(OURS, 20), text=False, turns=4)
    keys, _ = keys_of(traffic, [OURS])
    assert set(keys[asked].tolist()) == {UNPOURED}


@pytest.mark.parametrize("known", [1, 10])
def test_what_is_not_known_is_neither_pooled_nor_counted(known: int) -> None:
    """Where a log holds the text of a part, that part is pooled, if it is enough by itself."""
    traffic = Traffic()
    strangers(traffic)
    worded = traffic.add(np.repeat(OURS[:4], known), turns=4)
    unknown = traffic.add(np.repeat(OURS, 10), text=False, turns=4)
    keys, _ = keys_of(traffic, [OURS])
    assert set(is_pooled(keys[worded]).tolist()) == {known == 10}
    assert set(keys[unknown].tolist()) == {UNPOURED}


def test_kinds_are_told_apart_by_tools_and_turns() -> None:
    """The same words are another kind where tools are offered with them, or in the middle of a conversation."""
    traffic = Traffic()
    traffic.add(np.repeat(STRANGERS, 20), markers=RARE)
    tooled = traffic.add(np.repeat(OURS, 10), markers=RARE, tools_hash=1 + np.arange(100) // 50)
    later = traffic.add(np.repeat(OTHERS, 10), markers=RARE, turns=6)
    keys, _ = keys_of(traffic, [OURS, OTHERS])
    assert is_pooled(keys[tooled]).all()
    assert is_pooled(keys[later]).all()
    assert not is_pooled(keys[: tooled[0]]).any()


def test_without_networks_every_exchange_has_a_key() -> None:
    """A log in which no network was found is keyed too."""
    traffic = Traffic()
    strangers(traffic)
    traffic.add(STRANGERS, template=5)
    keys, is_template = keys_of(traffic, [])
    assert set(keys.tolist()) == {UNPOURED, 5}
    assert is_template.sum() == len(STRANGERS)
