"""What a template looks like, from texts of several accounts: what they share in full, the rest as slots.

Nothing is shown that fewer than `min_accounts` accounts sent: each span stands, word for word and unbroken, in the
texts of at least so many accounts, and in at least half of those sampled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

SLOT = "⟦…⟧"

MOST_SAMPLES = 24
"""Texts that are compared at most, each of another account."""

MOST_WORDS = 1500
"""Words and signs of a text that are compared: the work grows with their square."""

LEAST_WORDS = 3
"""An example with fewer words says nothing."""

LONE_SHARE = 0.9
"""A word alone between two slots is shown when this share of the texts has it there: else it is chance."""

_MASKS = (
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "[e-mail]"),
    (re.compile(r"\b(?:sk|pk|rk|key|ghp|gho|xox[abp]|eyJ|AKIA|Bearer)[-_. ]?(?=[\w\-./+=]*\d)[\w\-./+=]{8,}"), "[key]"),
    (re.compile(r"(?=[A-Za-z_+/=-]*\d)[A-Za-z0-9_+/=-]{32,}"), "[key]"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"), "[address]"),
    (re.compile(r"\d(?:[ \-.()]?\d){5,}"), "[number]"),
)
_ALONE = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff"
_WORD = re.compile(rf"\s*(?:\[[a-z-]+\]|[{_ALONE}]|[^\W{_ALONE}]+|[^\w\s])")


@dataclass(frozen=True, slots=True)
class Sample:
    """The texts of one exchange, and who sent it."""

    account: int
    system: str | None
    prompt: str | None


def masked_example(samples: Iterable[Sample], *, min_accounts: int) -> str | None:
    """The text that a template's samples share, its slots written as `⟦…⟧`; None where nothing may be shown.

    None with samples of fewer than `min_accounts` accounts, and where hardly a word is common. Of each account one
    sample counts. Addresses, keys and long numbers are masked even where all share them.
    Assumes: one template's samples.  Cost: MOST_SAMPLES x MOST_WORDS squared at most.
    """
    one_each = {s.account: s for s in sorted(samples, key=_order, reverse=True)}
    chosen = [one_each[account] for account in sorted(one_each)][:MOST_SAMPLES]
    if len(chosen) < max(min_accounts, 1):
        return None
    system, n_system = _shared([s.system for s in chosen], min_accounts)
    prompt, n_prompt = _shared([s.prompt for s in chosen], min_accounts)
    if n_system + n_prompt < LEAST_WORDS:
        return None
    if not n_system:
        return prompt
    return f"System: {system}\n\nPrompt: {prompt or SLOT}"


def _order(sample: Sample) -> tuple[int, int, str, str]:
    return (sample.account, len(sample.prompt or ""), sample.prompt or "", sample.system or "")


def mask(text: str) -> str:
    """A text with e-mail addresses, keys, network addresses and long numbers made unreadable."""
    text = text.replace("⟦", "[").replace("⟧", "]").replace("\0", "\ufffd")
    for pattern, label in _MASKS:
        text = pattern.sub(label, text)
    return text


def _shared(texts: Sequence[str | None], min_accounts: int) -> tuple[str, int]:
    """What texts share, with slots, and of how many words; texts that are missing share nothing."""
    read = {text: _WORD.findall(mask(text))[:MOST_WORDS] for text in texts if text}
    words = [read[text] for text in texts if text]
    least = max(min_accounts, -(-len(texts) // 2), 1)
    if len(words) < least:
        return "", 0
    numbers: dict[str, int] = {}
    number = {w: numbers.setdefault(w.strip(), len(numbers)) for text in read.values() for w in dict.fromkeys(text)}
    codes = {text: np.array([number[w] for w in found], np.int32) for text, found in read.items()}
    coded = [codes[text] for text in texts if text]
    # the shortest text has the least in its slots
    reference = min(range(len(words)), key=lambda i: (len(words[i]), words[i]))
    places = np.empty((len(words), len(words[reference])), np.int32)
    for i, other in enumerate(coded):
        _align(coded[reference], other, places[i])
    parts: list[str] = []
    n_words, end = 0, 0
    for first, last in _spans(places, least):
        if first > end or (not parts and _precedes(places, first)):
            parts.append(SLOT)
        if _interrupted(places, first) and parts and parts[-1] != SLOT:
            parts.append(SLOT)
        shown = words[reference][first:last]
        parts.append("".join(shown).strip())
        n_words += sum(any(c.isalnum() for c in word) for word in shown)
        end = last
    longer = sum(len(text) for text in coded) > 0 and _follows(places, coded, end)
    if parts and (end < len(words[reference]) or longer):
        parts.append(SLOT)
    return _laid_out(parts, words[reference]), n_words


def _laid_out(parts: Sequence[str], words: Sequence[str]) -> str:
    """Parts with a line break where the reference has one at most places, else a space."""
    broken = sum("\n" in word[: len(word) - len(word.lstrip())] for word in words[1:]) > 0
    out = ""
    for part in parts:
        if out:
            out += "\n" if broken and (part == SLOT or out.endswith(SLOT)) else " "
        out += part
    return out


def _spans(places: npt.NDArray[np.int32], least: int) -> list[tuple[int, int]]:
    """Longest runs of the reference that at least `least` texts hold unbroken, from left to right."""
    spans = []
    n_texts, n = places.shape
    i = 0
    while i < n:
        holders = places[:, i] >= 0
        if holders.sum() < least:
            i += 1
            continue
        j = i + 1
        while j < n:
            going_on = holders & (places[:, j] == places[:, j - 1] + 1)
            if going_on.sum() < least:
                break
            holders = going_on
            j += 1
        if j - i > 1 or holders.sum() >= LONE_SHARE * n_texts:
            spans.append((i, j))
        i = j
    return spans


def _precedes(places: npt.NDArray[np.int32], first: int) -> bool:
    """Whether most texts that hold the first span have something before it."""
    held = places[places[:, first] >= 0, first]
    return bool(2 * (held > 0).sum() > len(held))


def _interrupted(places: npt.NDArray[np.int32], first: int) -> bool:
    """Whether most texts have something more between this span and the word before it."""
    if first == 0:
        return False
    both = (places[:, first] >= 0) & (places[:, first - 1] >= 0)
    return bool(2 * (places[both, first] > places[both, first - 1] + 1).sum() > both.sum())


def _follows(places: npt.NDArray[np.int32], coded: Sequence[npt.NDArray[np.int32]], end: int) -> bool:
    """Whether most texts that hold the last span go on behind it."""
    if end == 0:
        return False
    held = [(i, place) for i, place in enumerate(places[:, end - 1].tolist()) if place >= 0]
    return bool(2 * sum(place + 1 < len(coded[i]) for i, place in held) > len(held))


@njit(cache=True, nogil=True)
def _align(mine, other, out):  # type: ignore[no-untyped-def]
    """Where each word of one text stands in the other, -1 for nowhere: in order, long runs before many pieces.

    A match counts 1, one that goes on from the match before it counts 3. Shapes: out like mine.
    """
    n, m = mine.shape[0], other.shape[0]
    ending = np.zeros((n + 1, m + 1), np.int32)
    best = np.zeros((n + 1, m + 1), np.int32)
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            if mine[i - 1] == other[j - 1]:
                run = ending[i - 1, j - 1] + 3 if ending[i - 1, j - 1] else 0
                ending[i, j] = max(run, best[i - 1, j - 1] + 1)
            best[i, j] = max(ending[i, j], max(best[i - 1, j], best[i, j - 1]))
    out[:] = -1
    i, j = n, m
    in_run = False
    while i > 0 and j > 0:
        if in_run or (ending[i, j] and best[i, j] == ending[i, j]):
            out[i - 1] = j - 1
            before = ending[i - 1, j - 1]
            in_run = before > 0 and ending[i, j] == before + 3
            i -= 1
            j -= 1
        elif best[i, j] == best[i - 1, j]:
            i -= 1
        else:
            j -= 1
