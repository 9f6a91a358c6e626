"""Texts by the column: a grammar whose rules are expanded for a whole block of rows at once.

A production is text with `{rule}` for another rule and `[this|that]` for a choice on the spot. A rule is a list of
productions, a list of such lists of which a row's topic picks one, or a function that makes n texts. A grammar is laid
out flat; a compiled kernel walks it for each row, noting the parts of its text, and another one puts them together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from stillwatch.traffic_range.strings import SLACK, Bytes, bytes_of, copied, texts_of

Ints = npt.NDArray[np.int64]
Maker = Callable[[np.random.Generator, int], pa.StringArray]
Rule = Sequence[str] | Sequence[Sequence[str]] | Maker

_PIECE = re.compile(r"\{(\w+)\}|\[([^\[\]|]*(?:\|[^\[\]|]*)+)\]")
_NOTHING = pa.scalar("")

_WORDS, _CHOICE, _MAKER = range(3)
_DEPTH = 64
"""How deep rules may be nested."""


@dataclass(frozen=True, slots=True)
class _Words:
    """Ready texts, a group a topic, or one group for all."""

    groups: list[list[str]]


@dataclass(frozen=True, slots=True)
class _Choice:
    """Productions, each a list of parts: a plain text or the name of a rule in a tuple."""

    productions: list[list[str | tuple[str]]]


@dataclass(frozen=True, slots=True)
class _Flat:
    """A grammar laid out for the kernel.

    kind, first, count: of each rule: words by topic (place in `topics`), productions (place in `starts`), or a maker.
    topics: (first text, number of texts).  starts: where each production's parts begin.  parts: a rule's number, or
    -1 - a text's.  data, places: the texts.
    """

    number: dict[str, int]
    kind: npt.NDArray[np.int8]
    first: Ints
    count: Ints
    topics: npt.NDArray[np.int64]
    starts: Ints
    parts: Ints
    data: Bytes
    places: Ints
    makers: list[Maker]


class Grammar:
    """Rules that make texts, expanded by the column."""

    def __init__(self, rules: Mapping[str, Rule]):
        self._rules: dict[str, _Words | _Choice | Maker] = {}
        self._checked: set[str] = set()
        self._room: dict[str, int] = {}
        for name, rule in rules.items():
            self._rules[name] = self._compile(rule)
        missing = {part for rule in self._rules for part in self._parts_of(rule) if part not in self._rules}
        if missing:
            raise ValueError(f"rules that are named and not there: {', '.join(sorted(missing))}")

    def expand(self, rule: str, rng: np.random.Generator, n: int, topic: Ints | None = None) -> pa.StringArray:
        """n texts of a rule. topic: the topic of each row; 0 where it is not given.

        Cost: about 10 ns a part of a text, and the functions that the rules name.
        """
        if n == 0:
            return pa.array([], pa.string())
        if rule not in self._checked:
            self._check(rule, ())
            self._checked.add(rule)
        flat = self._flat
        laid = (flat.kind, flat.first, flat.count, flat.topics, flat.starts, flat.parts)
        about = np.zeros(n, np.int64) if topic is None else np.ascontiguousarray(topic, np.int64)
        seed = np.uint64(rng.integers(0, 2**63))
        start, room = flat.number[rule], self._room.get(rule, 32) * n
        while True:
            trace, ends, asked = np.empty(room, np.int32), np.empty(n, np.int64), np.zeros(len(flat.makers), np.int64)
            total = _walk(start, about, seed, *laid, trace, ends, asked)
            if total <= room:
                break
            self._room[rule], room = total // n + total // (8 * n) + 2, total
        made = [bytes_of(maker(rng, k)) for maker, k in zip(flat.makers, asked.tolist(), strict=True)]
        made_data, made_places, made_first = _one_behind_the_other(made)
        out = np.empty(_length(trace, total, flat.places) + len(made_data) + SLACK, np.uint8)
        offsets = np.empty(n + 1, np.int64)
        _write(trace, ends, flat.data, flat.places, made_data, made_places, made_first, out, offsets)
        return texts_of(out, offsets)

    @cached_property
    def _flat(self) -> _Flat:
        number = {name: k for k, name in enumerate(self._rules)}
        texts: list[bytes] = []
        topics: list[tuple[int, int]] = []
        starts, parts = [0], list[int]()
        makers: list[Maker] = []
        rows: list[tuple[int, int, int]] = []
        for rule in self._rules.values():
            if isinstance(rule, _Words):
                rows.append((_WORDS, len(topics), len(rule.groups)))
                for group in rule.groups:
                    topics.append((len(texts), len(group)))
                    texts += [text.encode() for text in group]
            elif isinstance(rule, _Choice):
                rows.append((_CHOICE, len(starts) - 1, len(rule.productions)))
                for production in rule.productions:
                    for part in production:
                        if isinstance(part, tuple):
                            parts.append(number[part[0]])
                        else:
                            parts.append(-1 - len(texts))
                            texts.append(part.encode())
                    starts.append(len(parts))
            else:
                rows.append((_MAKER, len(makers), 1))
                makers.append(rule)
        kind, first, count = (np.array(column, np.int64) for column in zip(*rows, strict=True))
        return _Flat(
            number,
            kind.astype(np.int8),
            first,
            count,
            np.array(topics, np.int64).reshape(-1, 2),
            np.array(starts, np.int64),
            np.array(parts, np.int64),
            np.frombuffer(b"".join(texts) + bytes(SLACK), np.uint8),
            np.cumsum([0, *(len(text) for text in texts)]),
            makers,
        )

    def _parts_of(self, name: str) -> list[str]:
        rule = self._rules[name]
        if not isinstance(rule, _Choice):
            return []
        return [part[0] for production in rule.productions for part in production if isinstance(part, tuple)]

    def _check(self, name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValueError(f"rule {name!r} is made of itself")
        if len(above) >= _DEPTH - 2:
            raise ValueError(f"rule {name!r} is nested too deep")
        for part in dict.fromkeys(self._parts_of(name)):
            self._check(part, (*above, name))

    def _compile(self, rule: Rule) -> _Words | _Choice | Maker:
        if callable(rule):
            return rule
        groups = [rule] if all(isinstance(one, str) for one in rule) else rule
        words = [[str(text) for text in group] for group in groups]
        if not any(_PIECE.search(text) for group in words for text in group):
            return _Words(words)
        if len(words) != 1:
            raise ValueError("a rule by topic holds plain words only")
        return _Choice([self._parts(text) for text in words[0]])

    def _parts(self, text: str) -> list[str | tuple[str]]:
        parts: list[str | tuple[str]] = []
        end = 0
        for match in _PIECE.finditer(text):
            if match.start() > end:
                parts.append(text[end : match.start()])
            if match[1]:
                parts.append((match[1],))
            else:
                name = f"[{match[2]}]"
                self._rules[name] = self._compile(match[2].split("|"))
                parts.append((name,))
            end = match.end()
        if end < len(text):
            parts.append(text[end:])
        return parts


@njit(cache=True, nogil=True)
def _die(state):  # type: ignore[no-untyped-def]
    # The finaliser of splitmix64: a number's place in a stream is all that it depends on.
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def _walk(  # type: ignore[no-untyped-def]
    rule, about, seed, kind, first, count, topics, starts, parts, trace, ends, asked
):
    """Parts of the texts, in order: their numbers, or -1 - a maker. Returns how many; more than fit if too many."""
    stack = np.empty((_DEPTH, 2), np.uint64)
    n, room = np.uint64(0), np.uint64(trace.shape[0])
    one, top = np.uint64(1), np.uint64(0)
    for row in range(about.shape[0]):
        state = _die(seed + np.uint64(row))
        topic = about[row]
        part = np.int64(rule)
        top = np.uint64(0)
        while True:
            if part < 0:
                if n < room:
                    trace[n] = -1 - part
                n += one
            else:
                rule_ = np.uint64(part)
                what, choices, begin = kind[rule_], np.uint64(count[rule_]), np.uint64(first[rule_])
                state += np.uint64(0x9E3779B97F4A7C15)
                if what == _CHOICE:
                    if choices > one:
                        begin += ((_die(state) >> np.uint64(32)) * choices) >> np.uint64(32)
                    stack[top, 0], stack[top, 1] = np.uint64(starts[begin]), np.uint64(starts[begin + one])
                    top += one
                else:
                    if what == _WORDS:
                        if choices > one:
                            begin += np.uint64(topic)
                        words = np.uint64(topics[begin, 1])
                        word = topics[begin, 0] + np.int64(((_die(state) >> np.uint64(32)) * words) >> np.uint64(32))
                    else:
                        word = -1 - np.int64(begin)
                        asked[begin] += 1
                    if n < room:
                        trace[n] = word
                    n += one
            while top > 0 and stack[top - one, 0] == stack[top - one, 1]:
                top -= one
            if top == 0:
                break
            at = stack[top - one, 0]
            stack[top - one, 0] = at + one
            part = parts[at]
        ends[row] = np.int64(n)
    return np.int64(n)


@njit(cache=True, nogil=True)
def _length(trace, n, places):  # type: ignore[no-untyped-def]
    length = 0
    for i in range(n):
        if trace[i] >= 0:
            length += places[trace[i] + 1] - places[trace[i]]
    return length


@njit(cache=True, nogil=True)
def _write(trace, ends, data, places, made_data, made_places, made_next, out, offsets):  # type: ignore[no-untyped-def]
    end, i = 0, np.uint64(0)
    for row in range(ends.shape[0]):
        offsets[row] = end
        while i < np.uint64(ends[row]):
            text = trace[i]
            if text >= 0:
                end = copied(out, end, data, places[text], places[text + 1])
            else:
                place = np.uint64(made_next[-1 - text])
                made_next[-1 - text] += 1
                end = copied(out, end, made_data, made_places[place], made_places[place + np.uint64(1)])
            i += np.uint64(1)
    offsets[ends.shape[0]] = end


def _one_behind_the_other(made: list[tuple[Bytes, Ints]]) -> tuple[Bytes, Ints, Ints]:
    """(data, places, first): several arrays' texts, and where each array's places begin."""
    pieces = [data[places[0] : places[-1]] for data, places in made]
    base = np.cumsum([0, *(len(piece) for piece in pieces)])
    moved = [places - places[0] + at for (_, places), at in zip(made, base.tolist(), strict=False)]
    first = np.cumsum([0, *(len(places) for places in moved)])[:-1]
    return np.concatenate([*pieces, np.zeros(SLACK, np.uint8)]), np.concatenate([*moved, base[:1]]), first


def join(*parts: pa.Array | str) -> pa.StringArray:
    """Texts put one behind the other, row by row."""
    if len(parts) == 1 and not isinstance(parts[0], str):
        return parts[0]
    joined: pa.StringArray = pc.binary_join_element_wise(*parts, _NOTHING)
    return joined


def by_key(texts: Mapping[int, Callable[[Ints], pa.StringArray]], key: Ints) -> pa.StringArray:
    """Texts of rows that are made apart for each value of a key, in the order of the rows.

    texts: value -> a function from row numbers to their texts.
    """
    if not len(key):
        return pa.array([], pa.string())
    order = np.argsort(key, kind="stable")
    values, starts = np.unique(key[order], return_index=True)
    rows = np.split(order, starts[1:])
    place = np.empty(len(key), np.int64)
    place[order] = np.arange(len(key))
    parts = [texts[int(value)](some) for value, some in zip(values, rows, strict=True)]
    return pa.concat_arrays(parts).take(pa.array(place))
