"""Real texts cut into sentences, told their language and topic, and opened at words that others may stand in for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import chain

import numpy as np

from stillwatch.traffic_range.texts.languages import LANGUAGES
from stillwatch.traffic_range.texts.topics import TOPICS

STATEMENT, QUESTION, CODE = 0, 1, 2
"""Kinds of sentences of people's texts: one stands in for another of its kind."""

LONGEST = 240
"""Characters of a sentence; longer ones end at a word before."""

_LATIN = re.compile(r"(?<=[^\W\d][.!?])\s+(?=[^\sa-z])|(?<=[)\"\]%][.!?])\s+(?=[^\sa-z])|\n+")
_DENSE = re.compile(r"(?<=[。！？；，、!?])|(?<=[.])\s+|\n+")
_CODE = re.compile(r"[{};=<>]|^\s{2,}\S|\w\(\)|^\s*(?:#include|import |def |return )")
_ENDINGS = {"g": "ing", "d": "ed", "y": "ly", "s": "s"}
_WORD = re.compile(r"([^\W\d_]+|\d+)")
_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
)
_COMMON = {
    "en": "the of and to in is you that it for on are with as this be at have from or by what how can do my please",
    "es": "el los del las por una su como más pero qué puedes hola quiero es está sobre texto",
    "de": "der und den von zu das mit sich auf für ist dem nicht ein eine auch wie ich bitte kannst über",
    "fr": "le les des et une du est pour dans qui sur pas avec je vous nous peux moi ça être",
    "pt": "os não uma mais você seu isso eu faça dos das como um são está texto sobre quero",
}
_COMMON_OF = {word: code for code, words in reversed(_COMMON.items()) for word in words.split()}
# Words of several languages tell none.
_SHARED = {word for word in _COMMON_OF if sum(word in words.split() for words in _COMMON.values()) > 1}


def language_of(text: str) -> int:
    """A text's place in `LANGUAGES`, by its script and its commonest words; -1 for a language that is not there."""
    head = text[:600]
    letters = sum(map(str.isalpha, head)) or 1
    for code, script in _SCRIPTS:
        if len(script.findall(head)) > (0.05 if code == "ja" else 0.3) * letters:
            return LANGUAGES.index(code)
    counts: Counter[str] = Counter()
    words = re.findall(r"[^\W\d_]+", head.lower())
    for word in words:
        if word in _COMMON_OF and word not in _SHARED:
            counts[_COMMON_OF[word]] += 1
    best = max(counts, key=lambda code: (counts[code], code), default="en")
    # A foreign word or two are in many an English text.
    if best != "en" and counts[best] >= max(3, 2 * counts["en"], len(words) // 12):
        return LANGUAGES.index(best)
    known = counts["en"] > len(words) // 20 or (head.isascii() and len(words) < 8)
    return 0 if known else -1


def cut(text: str, language: int, most: int = 12) -> list[tuple[str, str, int]]:
    """(what stands before it, sentence, kind) of a text's first sentences, each at most `LONGEST` characters long."""
    dense = LANGUAGES[language] in {"zh", "ja"}
    out: list[tuple[str, str, int]] = []
    gap, end = "", 0
    for match in chain((_DENSE if dense else _LATIN).finditer(text), [None]):
        sentence = text[end : match.start() if match else len(text)]
        if sentence.strip():
            if len(sentence) > LONGEST:
                short = sentence[:LONGEST]
                sentence = short if dense else short.rpartition(" ")[0] or short
            code = bool(_CODE.search(sentence))
            kind = CODE if code else QUESTION if sentence.rstrip().endswith(("?", "？")) else STATEMENT
            out.append((gap if out else "", sentence.rstrip() if code else sentence.strip(), kind))
        if len(out) == most:
            break
        if match:
            gap, end = "\n" if "\n" in match[0] else "" if dense else " ", match.end()
    return out


def words_of(text: str, most: int = 80) -> list[str]:
    """The first words of a text, in small letters, for its topic."""
    return [word for word in _WORD.findall(text[:800].lower())[:most] if len(word) > 3]


def topics_of(texts: list[list[str]]) -> np.typing.NDArray[np.int64]:
    """The topic of each text, by its words: first by those of `TOPICS`, then by the words that go with these.

    Sums are of whole numbers, so that it is the same everywhere.  A text without a word that tells is of any topic.
    """
    known: dict[str, set[int]] = {}
    for number, groups in enumerate(TOPICS.values()):
        for word in re.findall(r"[a-z]{4,}", ",".join(groups).lower()):
            known.setdefault(word, set()).add(number)
    n = len(TOPICS)
    seen = np.zeros(n, np.int64)
    together: dict[str, Counter[int]] = {}
    for words in texts:
        votes = Counter(topic for word in set(words) if word in known for topic in known[word])
        if not votes:
            continue
        topic, most = votes.most_common(1)[0]
        if list(votes.values()).count(most) == 1:
            seen[topic] += 1
            for word in set(words):
                together.setdefault(word, Counter())[topic] += 1
    total = int(seen.sum()) + n
    often = {word: counts for word, counts in together.items() if sum(counts.values()) >= 6}
    row = {word: number for number, word in enumerate(often)}
    there = np.zeros((len(row), n))
    for word, counts in often.items():
        for topic, count in counts.items():
            there[row[word], topic] = count
    expected = (seen + 1) * (there.sum(axis=1, keepdims=True) / total)
    table = np.round(8 * np.log2((there + 2) / (expected + 2))).astype(np.int64)
    out = np.empty(len(texts), np.int64)
    for i, words in enumerate(texts):
        told = [row[word] for word in set(words) if word in row]
        out[i] = int(table[told].sum(axis=0).argmax()) if told else i * 7 % n
    return out


def frequent(sentences: Iterable[str], most: int = 400) -> frozenset[str]:
    """The commonest words of a language, which stay where they are."""
    counts: Counter[str] = Counter()
    for sentence in sentences:
        counts.update(_WORD.findall(sentence.lower()))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return frozenset(word for word in ranked[:most] if not word.isdecimal())


def opened(sentence: str, common: frozenset[str]) -> list[tuple[str, str]]:
    """(kind, text) of a sentence's pieces: kind is empty for what stays, else which words may stand in its place.

    Numbers, names and two of three words that are not common are opened. A word is of the kind of the common word
    before it, else of its ending: so that what stands in its place has its part of speech more often than not.
    """
    out: list[tuple[str, str]] = []
    fixed, since, before = "", 2, ""
    for i, part in enumerate(_WORD.split(sentence)):
        if not part:
            continue
        kind = ""
        if i % 2:
            low = part.lower()
            if part.isdecimal():
                kind = f"#{min(len(part), 5)}"
            elif low not in common and len(part) > 3 and part[0].lower() != part[0].upper():
                if part[0].isupper() and (out or fixed) and part[1:].islower():
                    kind = "Name"
                elif part.islower() and since >= 1:
                    ending = _ENDINGS.get(low[-1], "") if low[-1] != "g" or low.endswith("ing") else ""
                    kind = f"{before} {ending}" if before in common else f"-{ending or low[-2:]}"
            since = 0 if kind else since + 1
            before = low
        if kind:
            if fixed:
                out.append(("", fixed))
                fixed = ""
            out.append((kind, part))
        else:
            fixed += part
    if fixed:
        out.append(("", fixed))
    return out
