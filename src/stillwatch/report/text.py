"""How a report writes: hostile text made harmless, and numbers as a person reads them."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, datetime

MAX_ID = 120
"""Characters of an id that are shown; ids of 10 kB are legal input."""

MAX_EXAMPLE = 6_000
"""Characters of an example that are shown."""

_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SLOTS = re.compile(r"⟦…⟧(?:[^\w⟦⟧]*⟦…⟧)+")
_KEPT = frozenset("\n\t\u200c\u200d")
"""Joiners stay: scripts need them to spell words."""


def shown(text: str, limit: int = MAX_ID) -> str:
    """Text of a log as it may stand in a report: nothing invisible, nothing that turns the line round, nothing endless.

    Control and direction characters become ⟨U+202E⟩, so that an id cannot pose as another one or move a terminal's
    cursor. Escaping for HTML is the page's own business, and happens besides.
    """
    cut = text[:limit]
    out = []
    for char in cut:
        if char in _KEPT:
            out.append(char)
        elif char in _DIRECTION or unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"):
            out.append(f"⟨U+{ord(char):04X}⟩")
        else:
            out.append(char)
    rest = len(text) - len(cut)
    return "".join(out) + (f"… ({rest:,} more characters)" if rest > 0 else "")


def joined_slots(example: str) -> str:
    """A template's text in which slots with nothing but signs between them are one."""
    return _SLOTS.sub("⟦…⟧", example)


def shown_id(text: str) -> str:
    """An id on one line."""
    return shown(text.replace("\n", "⏎").replace("\t", "⇥")) or "(empty)"


def count(number: int | float | None, one: str = "", many: str = "") -> str:
    """A count with its noun: 1 account, 1,204 accounts; "not logged" where nobody counted."""
    if number is None:
        return "not logged"
    figure = f"{number:,.0f}"
    if not one:
        return figure
    return f"{figure} {one if figure == '1' else many or one + 's'}"


def spelled(number: int) -> str:
    """Small numbers as words, to begin a sentence with."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    return words[number] if 0 <= number < len(words) else f"{number:,}"


def short(number: float) -> str:
    """A large number in few signs: 950, 12.3 k, 4.56 million."""
    for size, name in ((1e9, " billion"), (1e6, " million"), (1e4, " k")):
        if abs(number) >= size:
            value = number / (1e3 if name == " k" else size)
            return f"{value:,.3g}{name}" if value < 1000 else f"{value:,.0f}{name}"
    return f"{number:,.0f}"


def share(part: float) -> str:
    """A share in per cent, never rounded up to all or down to nothing."""
    if part <= 0:
        return "0%"
    if part >= 1:
        return "100%"
    if part < 0.001:
        return "<0.1%"
    if part > 0.999:
        return ">99.9%"
    return f"{part:.1%}" if part < 0.1 or part > 0.99 else f"{part:.0%}"


def bits(value: float) -> str:
    """Bits with one decimal and a true minus sign."""
    return f"{0.0 if abs(value) < 0.05 else value:.1f}".replace("-", "−")


def signed(value: float) -> str:
    """Bits that are added or taken away."""
    return bits(value) if abs(value) < 0.05 or value < 0 else f"+{bits(value)}"


def rate(expected: float) -> str:
    """An expected number per 30 days, short."""
    if expected == 0:
        return "0"
    if not math.isfinite(expected) or expected >= 1000:
        return "more than 1,000"
    if expected >= 0.01:
        return f"{expected:.2g}" if expected < 10 else f"{expected:.0f}"
    exponent = math.floor(math.log10(expected))
    if exponent < -9:
        return "less than a billionth"
    if exponent >= -4:
        return f"{expected:.{1 - exponent}f}".rstrip("0")
    return f"{expected / 10**exponent:.0f} in {10**-exponent:,}"


def how_often(expected: float) -> str:
    """The same in time: one such false finding in so many years of this traffic."""
    if expected <= 0 or not math.isfinite(expected):
        return "never, as far as the numbers show" if expected <= 0 else "at any time"
    days = 30.0 / expected
    if days < 2:
        return f"about {expected / 30:,.0f} a day" if expected >= 45 else "about one a day"
    if days < 60:
        return f"about one in {days:.0f} days"
    if days < 730:
        return f"about one in {days / 30.44:.0f} months"
    years = days / 365.25
    return f"about one in {_two_digits(years)} years" if years < 1e6 else "less than one in a million years"


def _two_digits(value: float) -> str:
    size = 10 ** max(math.floor(math.log10(value)) - 1, 0)
    return f"{round(value / size) * size:,}"


def comes_once(expected: float) -> str:
    """An expected number per 30 days as a director reads it: one false finding in 22 years."""
    if expected <= 0 or not math.isfinite(expected):
        return "no false finding, as far as the numbers show" if expected <= 0 else "false findings at any time"
    said = how_often(expected).removeprefix("about ")
    return said.replace("one", "one false finding", 1) if "one" in said else said.replace(" a", " false findings a")


def times(value: float) -> str:
    """The factor that so many bits are: about 9,900."""
    if value > 30:
        return "more than a billion"
    ratio = 2.0**value
    return f"about {_two_digits(ratio)}" if ratio >= 10 else f"about {ratio:.1f}"


def probability(p: float) -> str:
    """A probability that never claims to be certain."""
    if p > 0.9999:
        return "more than 99.99%"
    if p < 0.0001:
        return "less than 0.01%"
    return f"{p:.2%}" if p > 0.99 or p < 0.01 else f"{p:.0%}"


def parse_time(iso: str) -> datetime | None:
    """The time of a UTC ISO text; None where it is none."""
    try:
        at = datetime.fromisoformat(iso)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def day(iso: str) -> str:
    """The day of a UTC ISO text, as 3 Feb 2026."""
    at = parse_time(iso)
    return shown_id(iso) if at is None else f"{at.day} {at:%b %Y}"


def moment(iso: str) -> str:
    """The minute of a UTC ISO text."""
    at = parse_time(iso)
    return shown_id(iso) if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def days(first: str, last: str) -> str:
    """The days from one time to another: 2 to 22 Feb 2026, 28 Jan to 3 Feb 2026."""
    begin, end = parse_time(first), parse_time(last)
    if begin is None or end is None or begin.date() == end.date():
        return day(last)
    same_year = begin.year == end.year
    same = same_year and begin.month == end.month
    left = f"{begin.day}" if same else f"{begin.day} {begin:%b}" if same_year else day(first)
    return f"{left} to {day(last)}"


def span(first: str, last: str) -> str:
    """How long it is from one time to another, in the unit a person would use."""
    begin, end = parse_time(first), parse_time(last)
    if begin is None or end is None:
        return "unknown"
    seconds = (end - begin).total_seconds()
    for size, name in ((86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute")):
        if seconds >= 2 * size or (name == "minute" and seconds >= size):
            return count(round(seconds / size), name)
    return count(round(seconds), "second")


def capitalize_first(said: str) -> str:
    """A sentence that begins as sentences do; the rest stays as it is."""
    return said[:1].upper() + said[1:]


def listed(items: list[str], limit: int = 3) -> str:
    """Items as a person lists them: a, b and c; or a, b, c and 4 more."""
    if len(items) > limit:
        return f"{', '.join(items[:limit])} and {len(items) - limit} more"
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""
