"""Texts by the column, against a grammar expanded one text at a time."""

from __future__ import annotations

from itertools import product

import numpy as np
import pyarrow as pa
import pytest

from stillwatch.traffic_range.grammar import Grammar, by_key, join
from stillwatch.traffic_range.texts.languages import LANGUAGES, write
from stillwatch.traffic_range.texts.moulds import TASKS, family, own_moulds, slots

RULES = {
    "start": ["{greeting} {what}!", "[Ho|Hey], {what}", "plain"],
    "what": ["{noun} and {noun}", "{noun}"],
    "noun": [["sun", "moon"], ["cat"]],
    "greeting": ["Hello", "Good day"],
}


def every_text(rule: str, topic: int) -> set[str]:
    """All texts of a rule, the slow and plain way."""
    if rule == "noun":
        return set(RULES["noun"][topic])
    if rule == "greeting":
        return set(RULES["greeting"])
    if rule == "what":
        nouns = every_text("noun", topic)
        return {f"{a} and {b}" for a, b in product(nouns, nouns)} | nouns
    what = every_text("what", topic)
    greeted = {f"{hello} {one}!" for hello, one in product(every_text("greeting", topic), what)}
    return greeted | {f"{ho}, {one}" for ho, one in product(("Ho", "Hey"), what)} | {"plain"}


@pytest.mark.parametrize("topic", [0, 1])
def test_a_grammar_makes_all_of_its_texts_and_no_others(topic: int) -> None:
    """Every text that the rules allow comes up in thousands of draws, each from its row's topic."""
    made = Grammar(RULES).expand("start", np.random.default_rng(1), 4000, np.full(4000, topic))
    assert set(made.to_pylist()) == every_text("start", topic)


def test_rows_of_different_topics_stay_apart() -> None:
    """A row's words are those of its own topic, however rows are mixed."""
    topic = np.arange(2000) % 2
    made = Grammar(RULES).expand("what", np.random.default_rng(2), 2000, topic).to_pylist()
    assert all(text in every_text("what", t) for text, t in zip(made, topic.tolist(), strict=True))


def test_the_same_dice_make_the_same_texts() -> None:
    """Texts depend on the dice alone."""
    grammar = Grammar(RULES)
    first, second = (grammar.expand("start", np.random.default_rng(3), 50) for _ in range(2))
    assert first.equals(second)


def test_each_choice_falls_as_often() -> None:
    """Productions, and words of a topic, are drawn alike often, by place in the block too."""
    made = np.array(Grammar(RULES).expand("start", np.random.default_rng(9), 30_000).to_pylist())
    first, second = made[:15_000], made[15_000:]
    for part in (first, second):
        assert abs((part == "plain").mean() - 1 / 3) < 0.015
        assert abs(np.char.startswith(part, "Hey").mean() - 1 / 6) < 0.015


def test_what_functions_make_stands_where_it_was_asked_for() -> None:
    """Each text of a function is used once, in the order of the texts, whatever else the function's texts hold."""
    counted = Grammar({"all": ["<{number}|{number}>", "plain"], "number": lambda rng, n: pa.array(map(str, range(n)))})
    made = counted.expand("all", np.random.default_rng(10), 500).to_pylist()
    numbers = [int(one) for text in made if text != "plain" for one in text[1:-1].split("|")]
    assert numbers == list(range(len(numbers)))
    assert 100 < len(numbers) < 1000


def test_a_rule_that_is_not_there_is_named() -> None:
    """A grammar that names an unknown rule is refused when it is made."""
    with pytest.raises(ValueError, match="nowhere"):
        Grammar({"start": ["{nowhere}"]})


def test_a_rule_cannot_be_made_of_itself() -> None:
    """A circle of rules is refused, not followed for ever."""
    with pytest.raises(ValueError, match="made of itself"):
        Grammar({"start": ["a {again}"], "again": ["{start}"]}).expand("start", np.random.default_rng(1), 1)


def test_no_texts_are_no_texts() -> None:
    """Nothing is asked for, nothing is made."""
    assert len(Grammar(RULES).expand("start", np.random.default_rng(1), 0)) == 0


def test_texts_made_by_key_come_back_in_the_order_of_the_rows() -> None:
    """Each row gets the text of its own key."""
    key = np.array([2, 0, 2, 1, 0])
    grammar = Grammar({str(k): [f"<{k}>"] for k in range(3)})
    rng = np.random.default_rng(1)
    makers = {k: (lambda rows, k=k: grammar.expand(str(k), rng, len(rows))) for k in range(3)}
    assert by_key(makers, key).to_pylist() == ["<2>", "<0>", "<2>", "<1>", "<0>"]


@pytest.mark.parametrize("rule", ["ask", "follow", "passage", "message", "answer"])
def test_every_language_has_every_rule(rule: str) -> None:
    """All languages can say what populations need, and no braces are left over."""
    language = np.repeat(np.arange(len(LANGUAGES)), 30)
    made = write(rule, np.random.default_rng(4), language, np.zeros(len(language), np.int64)).to_pylist()
    assert len(set(made)) == len(made)
    assert not any("{name}" in text or "{number}" in text for text in made)


def test_a_family_shares_most_and_not_all_of_a_mould() -> None:
    """Variations differ, and each sentence of the first is kept by at least a few of the others."""
    made = family(np.random.default_rng(5), "grade", 12)
    texts = made.before.to_pylist()
    assert len(set(texts)) == 12
    words = [set(text.split()) for text in texts]
    shared = [len(words[0] & one) / len(words[0] | one) for one in words[1:]]
    assert 0.2 < float(np.mean(shared)) < 0.95


def test_own_moulds_are_strangers() -> None:
    """At most one in a thousand pairs of owners' moulds has nine words in a row in common, and none has 14."""
    shared = {9: 0, 14: 0}
    for seed in range(6, 11):
        made = own_moulds(np.random.default_rng(seed), np.arange(60) % len(TASKS), np.arange(60) % 24)
        texts = [text.split() for text in join(made.system.fill_null(""), " ", made.before).to_pylist()]
        for length in shared:
            runs = [{tuple(words[i : i + length]) for i in range(len(words) - length + 1)} for words in texts]
            shared[length] += sum(bool(runs[a] & runs[b]) for a in range(60) for b in range(a))
    assert shared[9] <= 0.001 * 5 * 60 * 59 / 2
    assert shared[14] == 0


def test_every_task_has_slots() -> None:
    """Each task's mould can be filled."""
    made = slots(np.random.default_rng(7), np.arange(len(TASKS)), np.zeros(len(TASKS), np.int64)).to_pylist()
    assert all(made)
