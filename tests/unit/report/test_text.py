"""How a report writes what the logs hold, and numbers."""

from __future__ import annotations

import pytest

from stillwatch.report import text


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("plain", "plain", id="plain"),
        pytest.param("a\x1b[31mred", "a⟨U+001B⟩[31mred", id="terminal escape"),
        pytest.param("a\u202egnp.exe", "a⟨U+202E⟩gnp.exe", id="direction override"),
        pytest.param("a\x00b", "a⟨U+0000⟩b", id="NUL"),
        pytest.param("a\ufeffb", "a⟨U+FEFF⟩b", id="invisible"),
        pytest.param("\ud800", "⟨U+D800⟩", id="lone surrogate"),
        pytest.param("नमस्ते क्\u200dष", "नमस्ते क्\u200dष", id="a joiner that spells a word stays"),
        pytest.param("x" * 130, "x" * 120 + "… (10 more characters)", id="endless"),
    ],
)
def test_shown_leaves_nothing_invisible_or_endless(raw: str, expected: str) -> None:
    """What a log holds is shown as it is, but for what deceives a reader or moves a cursor."""
    assert expected == text.shown(raw)


def test_shown_id_is_one_line_and_never_empty() -> None:
    """An id of line breaks cannot draw lines of its own."""
    assert text.shown_id("a\nb\tc") == "a⏎b⇥c"
    assert text.shown_id("") == "(empty)"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (0.05, "0.05"),
        (3.0, "3"),
        (0.0004, "0.0004"),
        (4.4e-5, "4 in 100,000"),
        (1e-12, "less than a billionth"),
        (1e9, "more than 1,000"),
    ],
)
def test_rate_is_readable_at_every_size(value: float, expected: str) -> None:
    """Expected false findings are read by people: no exponents."""
    assert expected == text.rate(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "never, as far as the numbers show"),
        (0.05, "about one in 20 months"),
        (0.0004, "about one in 210 years"),
        (1.0, "about one in 30 days"),
        (20.0, "about one a day"),
        (90.0, "about 3 a day"),
        (1e-12, "less than one in a million years"),
        (float("inf"), "at any time"),
    ],
)
def test_how_often_says_the_rate_in_time(value: float, expected: str) -> None:
    """The same rate as how long it takes until one comes."""
    assert expected == text.how_often(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "0%"), (0.00001, "<0.1%"), (0.083, "8.3%"), (0.5, "50%"), (0.9999, ">99.9%"), (1.0, "100%")],
)
def test_share_is_never_rounded_to_all_or_nothing(value: float, expected: str) -> None:
    """All and nothing are said only where they are true."""
    assert expected == text.share(value)


@pytest.mark.parametrize(
    ("value", "expected"), [(0.99999, "more than 99.99%"), (0.999, "99.90%"), (0.5, "50%"), (1e-9, "less than 0.01%")]
)
def test_probability_never_claims_certainty(value: float, expected: str) -> None:
    """No probability is shown as 100% or 0%."""
    assert expected == text.probability(value)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2026-02-01T00:00:00Z", "2026-02-28T23:00:00Z", "28 days"),
        ("2026-02-01T00:00:00Z", "2026-02-01T05:00:00Z", "5 hours"),
        ("2026-02-01T00:00:00Z", "2026-02-01T00:00:07Z", "7 seconds"),
        ("2026-02-01T00:00:00Z", "2026-02-01T00:01:00Z", "1 minute"),
        ("broken", "2026-02-01T00:01:00Z", "unknown"),
    ],
)
def test_span_uses_the_unit_of_a_person(first: str, last: str, expected: str) -> None:
    """How long a finding lasted, in days, hours, minutes or seconds."""
    assert expected == text.span(first, last)


def test_small_words() -> None:
    """Counts carry their noun, minus signs are true ones, lists end in and."""
    assert text.count(1, "account") == "1 account"
    assert text.count(1204, "trajectory", "trajectories") == "1,204 trajectories"
    assert text.count(None) == "not logged"
    assert text.bits(-4.26) == "−4.3"
    assert text.signed(2.0) == "+2.0"
    assert text.signed(-0.01) == "0.0"
    assert text.short(263_900_000) == "264 million"
    assert text.listed(["a", "b", "c"]) == "a, b and c"
    assert text.listed(["a", "b", "c", "d"], 2) == "a, b and 2 more"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "no false finding, as far as the numbers show"),
        (0.0038, "one false finding in 22 years"),
        (20.0, "one false finding a day"),
        (90.0, "3 false findings a day"),
        (1e-12, "less than one false finding in a million years"),
    ],
)
def test_comes_once_is_what_a_director_reads(value: float, expected: str) -> None:
    """Certainty as how rarely honest traffic would show the same."""
    assert expected == text.comes_once(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1.0, "about 2.0"), (8.3, "about 320"), (13.3, "about 10,000"), (40.0, "more than a billion")],
)
def test_times_says_bits_as_a_factor(value: float, expected: str) -> None:
    """Bits as how many times."""
    assert expected == text.times(value)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2026-02-02T08:00:00Z", "2026-02-22T00:00:00Z", "2 to 22 Feb 2026"),
        ("2026-01-28T00:00:00Z", "2026-02-03T00:00:00Z", "28 Jan to 3 Feb 2026"),
        ("2025-12-28T00:00:00Z", "2026-02-03T00:00:00Z", "28 Dec 2025 to 3 Feb 2026"),
        ("2026-02-02T00:00:00Z", "2026-02-02T10:00:00Z", "2 Feb 2026"),
    ],
)
def test_days_says_each_part_of_a_date_once(first: str, last: str, expected: str) -> None:
    """A span of days without what both ends have in common."""
    assert expected == text.days(first, last)


def test_slots_with_nothing_but_signs_between_them_are_one() -> None:
    """A page of lone full stops between slots says nothing; words between them stay."""
    assert text.joined_slots("Task: ⟦…⟧ .\n⟦…⟧ : ⟦…⟧ by ⟦…⟧!") == "Task: ⟦…⟧ by ⟦…⟧!"
