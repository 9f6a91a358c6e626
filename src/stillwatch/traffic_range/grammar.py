"""Texts by the column: a grammar whose rules are expanded for a whole block of rows at once.

A production is text with `{rule}` for another rule and `[this|that]` for a choice on the spot. A rule is a list of
productions, a list of such lists of which a row's topic picks one, or a function that makes n texts. Rows that draw
the same production are expanded together, so the cost is that of joining Arrow arrays, not of Python calls a row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Maker = Callable[[np.random.Generator, int], pa.StringArray]
Rule = Sequence[str] | Sequence[Sequence[str]] | Maker

_PIECE = re.compile(r"\{(\w+)\}|\[([^\[\]|]*(?:\|[^\[\]|]*)+)\]")
_NOTHING = pa.scalar("")


@dataclass(frozen=True, slots=True)
class _Words:
    """Ready texts. starts, counts: where each topic's words begin and how many there are; one entry without topics."""

    words: pa.StringArray
    starts: Ints
    counts: Ints

    def draw(self, rng: np.random.Generator, topic: Ints) -> pa.StringArray:
        """A word a row."""
        if len(self.starts) == 1:
            return self.words.take(pa.array(rng.integers(0, len(self.words), len(topic))))
        return self.words.take(pa.array(self.starts[topic] + (rng.random(len(topic)) * self.counts[topic]).astype(int)))


@dataclass(frozen=True, slots=True)
class _Choice:
    """Productions, each a list of parts: a plain text or the name of a rule in a tuple."""

    productions: list[list[str | tuple[str]]]


@dataclass(frozen=True, slots=True)
class _Slice:
    """Texts of a rule from a place on: those that one part of one production asked for."""

    rule: str
    start: int


class Grammar:
    """Rules that make texts, expanded by the column."""

    def __init__(self, rules: Mapping[str, Rule]):
        self._rules: dict[str, _Words | _Choice | Maker] = {}
        self._orders: dict[str, list[str]] = {}
        for name, rule in rules.items():
            self._rules[name] = self._compile(rule)
        missing = {
            part[0]
            for rule in self._rules.values()
            if isinstance(rule, _Choice)
            for production in rule.productions
            for part in production
            if isinstance(part, tuple) and part[0] not in self._rules
        }
        if missing:
            raise ValueError(f"rules that are named and not there: {', '.join(sorted(missing))}")

    def expand(self, rule: str, rng: np.random.Generator, n: int, topic: Ints | None = None) -> pa.StringArray:
        """n texts of a rule. topic: the topic of each row; 0 where it is not given.

        Every rule is expanded once, for all the places that ask for it: first down, from texts to what they are made
        of, then up, joining.  Cost: about 0.1 µs a part of a text, and 0.1 ms a production of the grammar.
        """
        if n == 0:
            return pa.array([], pa.string())
        topics: dict[str, list[Ints]] = {rule: [np.zeros(n, np.int64) if topic is None else topic]}
        asked: dict[str, int] = {rule: n}
        texts: dict[str, pa.StringArray] = {}
        drawn: dict[str, tuple[Ints, list[tuple[list[_Slice | str], int]]]] = {}
        order = self._order(rule)
        for name in order:
            if name not in topics:
                continue
            found, about = self._rules[name], np.concatenate(topics[name])
            if isinstance(found, _Choice):
                drawn[name] = self._draw(found, about, rng, topics, asked)
            elif isinstance(found, _Words):
                texts[name] = found.draw(rng, about)
            else:
                texts[name] = found(rng, len(about))
        for name in reversed(order):
            if name in drawn:
                place, productions = drawn[name]
                parts = [_produce(parts, texts, rows) for parts, rows in productions]
                texts[name] = pa.concat_arrays(parts).take(pa.array(place))
        return texts[rule]

    def _draw(
        self,
        choice: _Choice,
        topic: Ints,
        rng: np.random.Generator,
        topics: dict[str, list[Ints]],
        asked: dict[str, int],
    ) -> tuple[Ints, list[tuple[list[_Slice | str], int]]]:
        """Where each row's text will lie, and each production's parts and rows; asks its parts' rules for texts."""
        n, n_productions = len(topic), len(choice.productions)
        drawn = rng.integers(0, n_productions, n) if n_productions > 1 else np.zeros(n, np.int64)
        by_production = np.argsort(drawn, kind="stable")
        bounds = np.searchsorted(drawn[by_production], np.arange(n_productions + 1))
        place = np.empty(n, np.int64)
        place[by_production] = np.arange(n)
        out = []
        for k, production in enumerate(choice.productions):
            rows = by_production[bounds[k] : bounds[k + 1]]
            if not len(rows):
                continue
            parts: list[_Slice | str] = []
            for part in production:
                if isinstance(part, str):
                    parts.append(part)
                else:
                    (name,) = part
                    parts.append(_Slice(name, asked.get(name, 0)))
                    asked[name] = asked.get(name, 0) + len(rows)
                    topics.setdefault(name, []).append(topic[rows])
            out.append((parts, len(rows)))
        return place, out

    def _order(self, rule: str) -> list[str]:
        """The rules that a rule is made of, each before those that it names itself."""
        if rule not in self._orders:
            done: dict[str, bool] = {}

            def visit(name: str) -> None:
                if name in done:
                    if not done[name]:
                        raise ValueError(f"rule {name!r} is made of itself")
                    return
                done[name] = False
                found = self._rules[name]
                for production in found.productions if isinstance(found, _Choice) else ():
                    for part in production:
                        if isinstance(part, tuple):
                            visit(part[0])
                done.pop(name)
                done[name] = True

            visit(rule)
            self._orders[rule] = list(done)[::-1]
        return self._orders[rule]

    def _compile(self, rule: Rule) -> _Words | _Choice | Maker:
        if callable(rule):
            return rule
        groups = [rule] if all(isinstance(one, str) for one in rule) else rule
        texts = [str(text) for group in groups for text in group]
        if not any(_PIECE.search(text) for text in texts):
            counts = np.array([len(group) for group in groups], np.int64)
            return _Words(pa.array(texts, pa.string()), np.cumsum(counts) - counts, counts)
        if len(groups) != 1:
            raise ValueError("a rule by topic holds plain words only")
        return _Choice([self._parts(text) for text in texts])

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


def _produce(parts: list[_Slice | str], texts: dict[str, pa.StringArray], n: int) -> pa.StringArray:
    arrays = [part if isinstance(part, str) else texts[part.rule].slice(part.start, n) for part in parts]
    return pa.repeat(pa.scalar(arrays[0]), n) if len(parts) == 1 and isinstance(parts[0], str) else join(*arrays)


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
