"""Exchanges whose parts stand in several records: a span and its events, a call and the request that it served.

Parts are put together when they stand near each other: a bounded window of rows is held, in order, and nothing else.
What a record tells of those below it (who the user of a trace is) is remembered for a whole run, also in bounds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

WINDOW_ROWS = 8_192
"""Rows held for parts that are still to come: exporters write a span and its events within a batch or two."""

WINDOW_BYTES = 32 << 20
"""Bytes of records held: Python objects weigh several times as much."""

REMEMBERED = 500_000
"""Records whose facts are known at a time; the oldest are forgotten first. About 200 bytes each."""

MOST_STEPS = 32
"""Records climbed from a call: deeper traces are loops."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a row has to do with others; stands in a row as `link`.

    key: what the row is about; rows of one key and different parts are one exchange.  part: which part it is.
    above: key of the record whose facts hold for this one too.  facts_only: the row is no exchange, it tells facts.
    piece: the row is but a piece of an exchange: the same part again is left out, and is no second exchange.
    local: the key may mean another exchange in files that do not belong to this one.
    otherwise: columns that are used where no part has them.
    """

    key: str | None
    part: str = ""
    above: str | None = None
    facts_only: bool = False
    piece: bool = False
    local: bool = False
    otherwise: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Held:
    """A row with the place where its first part stands. raw: what that looked like.

    scope: what files that belong together have in common, where a key may mean another exchange in others.
    """

    row: dict[str, Any]
    line: int
    raw: bytes
    size: int = 0
    key: str | None = None
    above: str | None = None
    parts: set[str] = field(default_factory=set)
    otherwise: dict[str, Any] = field(default_factory=dict)
    scope: str = ""


class Join:
    """Puts parts together. One for all logs of a format in a run, emptied at the end of each place.

    gathered: gives what other places tell of a key, in a scope.  whole: whether rows come out finished; else as their
    parts were, for `finish` at another time.  `scope` is that of the rows that are fed.
    """

    def __init__(
        self,
        window_rows: int = WINDOW_ROWS,
        window_bytes: int = WINDOW_BYTES,
        remembered: int = REMEMBERED,
        *,
        gathered: Callable[[str | None, str], Held | None] | None = None,
        whole: bool = True,
    ) -> None:
        self._gathered, self._whole = gathered, whole
        self.scope = ""
        self._window_rows, self._window_bytes, self._remembered = window_rows, window_bytes, remembered
        self._held: deque[Held] = deque()
        self._by_key: dict[str, Held] = {}
        self._n_bytes = 0
        self._facts: dict[int, tuple[int | None, dict[str, Any] | None]] = {}

    def feed(self, row: dict[str, Any], line: int, raw: bytes, size: int) -> Iterator[Held]:
        """Take in a row; out come those that were held long enough, in order."""
        link = row.pop("link", None)
        if link is None:
            link = Link(None)
        if link.key is not None:
            self._remember(link, row)
        if link.facts_only:
            return
        known = None if link.key is None else self._by_key.get(link.key)
        scope = self.scope if link.local else ""
        held = Held(row, line, raw, size, link.key, link.above, {link.part}, dict(link.otherwise), scope)
        if known is not None and link.part not in known.parts:
            _merge(known, held)
            self._n_bytes += size
        elif known is None or not link.piece:
            self._held.append(held)
            self._n_bytes += size
            if link.key is not None:
                self._by_key[link.key] = held
        while len(self._held) > self._window_rows or (self._n_bytes > self._window_bytes and len(self._held) > 1):
            yield self._release()

    def flush(self) -> Iterator[Held]:
        """All that is held: at the end of a place."""
        while self._held:
            yield self._release()

    def facts(self) -> list[Any]:
        """What is remembered, the oldest first, for `remember` of another run.   Assumes: nothing is held."""
        return [[at, above, facts] for at, (above, facts) in self._facts.items()]

    def remember(self, facts: list[Any]) -> None:
        """Know what `facts` of another run gave."""
        self._facts = {at: (above, known) for at, above, known in facts}

    @property
    def n_remembered(self) -> int:
        """Records whose facts are known."""
        return len(self._facts)

    def _release(self) -> Held:
        held = self._held.popleft()
        self._n_bytes -= held.size
        if held.key is not None and self._by_key.get(held.key) is held:
            del self._by_key[held.key]
        if not self._whole:
            return held
        elsewhere = None if self._gathered is None else self._gathered(held.key, held.scope)
        if elsewhere is not None and not elsewhere.parts <= held.parts:
            _merge(held, elsewhere)
        return self.finish(held)

    def finish(self, held: Held) -> Held:
        """The row with all that records above it say, and what is used where no part has it."""
        self._fill_from_above(held)
        _fill(held.row, held.otherwise)
        return held

    def _remember(self, link: Link, row: dict[str, Any]) -> None:
        at = number_of(link.key)
        if at is None:
            return
        above = number_of(link.above)
        facts = {name: value for name, value in row.items() if value is not None} if link.facts_only else None
        if above is None and not facts:
            return
        old = self._facts.pop(at, None)
        if old is not None:
            above = above if above is not None else old[0]
            facts = {**(old[1] or {}), **(facts or {})} or None
        self._facts[at] = (above, facts or None)
        if len(self._facts) > self._remembered:
            del self._facts[next(iter(self._facts))]

    def _fill_from_above(self, held: Held) -> None:
        at = number_of(held.key)
        if at is None or at not in self._facts:
            at = number_of(held.above)
        for _ in range(MOST_STEPS):
            if at is None:
                return
            above, facts = self._facts.get(at, (None, None))
            if facts:
                _fill(held.row, facts)
            at = above


def fold(parts: Sequence[Held]) -> Held | None:
    """Parts of one call as one, in their order; a part that came twice counts once. None of nothing."""
    if not parts:
        return None
    first, *others = parts
    for other in others:
        if not other.parts <= first.parts:
            _merge(first, other)
    return first


def _merge(known: Held, other: Held) -> None:
    more = other.row.pop("more_messages", None)
    if more:
        known.row["more_messages"] = [*known.row.get("more_messages", ()), *more]
    _fill(known.row, other.row)
    known.parts |= other.parts
    _fill(known.otherwise, other.otherwise)
    known.above = known.above or other.above
    known.size += other.size


def _fill(row: dict[str, Any], more: dict[str, Any]) -> None:
    # An account and where it was found belong together.
    named = row.get("account_id") is not None
    for name, value in more.items():
        if row.get(name) is None and not (named and name == "account_from"):
            row[name] = value


def number_of(key: str | None) -> int | None:
    """64 signed bits of a key: what is held of it where there are many. None of none."""
    if key is None:
        return None
    return int.from_bytes(blake2b(key.encode("utf-8", "replace"), digest_size=8).digest(), "little", signed=True)
