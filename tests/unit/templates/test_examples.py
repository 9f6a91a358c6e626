"""What is shown of a template, and what never is."""

from __future__ import annotations

import pytest

from stillwatch.templates.examples import SLOT, Sample, masked_example

SLOTS = ["why the sky is blue", "Paris", "nobody knows it at all", "yes", "an old song, hummed", "three"]


def _samples(mould: str, system: str | None = None) -> list[Sample]:
    return [Sample(i, system, mould.replace("§", slot)) for i, slot in enumerate(SLOTS)]


@pytest.mark.parametrize(
    ("mould", "expected"),
    [
        ("Grade this answer from 1 to 9: §", f"Grade this answer from 1 to 9: {SLOT}"),
        ("§ Grade this answer from 1 to 9.", f"{SLOT} Grade this answer from 1 to 9."),
        ("Grade this: § Be strict and fair.", f"Grade this: {SLOT} Be strict and fair."),
        ("Always the same words here.", "Always the same words here."),
    ],
    ids=["before", "after", "around", "constant"],
)
def test_slots_are_marked(mould: str, expected: str) -> None:
    """The words that all accounts sent are shown, what varies is a slot."""
    assert masked_example(_samples(mould), min_accounts=5) == expected


def test_system_prompt_is_shown() -> None:
    """A mould in the system prompt is shown beside the prompt's slot."""
    shown = masked_example([Sample(i, "You help customers of a shop.", s) for i, s in enumerate(SLOTS)], min_accounts=5)
    assert shown == f"System: You help customers of a shop.\n\nPrompt: {SLOT}"


def test_too_few_accounts() -> None:
    """Texts of fewer accounts than asked for show nothing, however many texts there are."""
    four = _samples("Grade this answer: §")[:4]
    assert masked_example(four, min_accounts=5) is None
    assert masked_example(four * 3, min_accounts=5) is None


def test_nothing_in_common() -> None:
    """Texts that share no words show nothing."""
    assert masked_example([Sample(i, None, s) for i, s in enumerate(SLOTS)], min_accounts=5) is None


def test_what_few_share_is_a_slot() -> None:
    """A span that fewer accounts than asked for sent is not shown."""
    texts = [
        Sample(i, None, f"Grade this answer now: {'the secret plan' if i < 4 else f'other {i}'}") for i in range(12)
    ]
    shown = masked_example(texts, min_accounts=5)
    assert shown is not None and "secret" not in shown and shown.startswith("Grade this answer now:")


def test_span_is_one_set_of_accounts() -> None:
    """Two halves that different accounts sent are not put together into a span that too few sent."""
    texts = [Sample(i, None, "one two three x y") for i in range(5)] + [
        Sample(i + 5, None, "z three four five") for i in range(5)
    ]
    texts += [Sample(10, None, "one two three four five")]
    shown = masked_example(texts, min_accounts=6) or ""
    assert "two three four" not in shown


@pytest.mark.parametrize(
    "secret",
    [
        "jane.doe@example.org", "sk-abcdefgh12345678ijkl", "4111 1111 1111 1111", "0123456789", "203.0.113.77",
        "A8f3kLm29sdkf3lmaQw8d7fZxcv0b1n2m3",
    ],
)  # fmt: skip
def test_secrets_are_masked(secret: str) -> None:
    """Addresses, keys and long numbers are not shown even where every account sent them."""
    shown = masked_example(_samples(f"Write the answer to {secret} at once: §"), min_accounts=5)
    assert shown is not None and secret not in shown and "[" in shown


def test_order_changes_nothing() -> None:
    """The order of the samples changes nothing, and of an account one text counts."""
    both = [*_samples("Grade this answer: § Be strict."), Sample(0, None, "Something else, at length and in full")]
    assert masked_example(both, min_accounts=5) == masked_example(both[::-1], min_accounts=5)


def test_writing_without_spaces() -> None:
    """Ideographs are words of their own."""
    shown = masked_example(_samples("请把下面的句子翻译成英文：§"), min_accounts=5)
    assert shown is not None and shown.startswith("请把下面的句子翻译成英文")
