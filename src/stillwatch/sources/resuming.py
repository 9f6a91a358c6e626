"""Where reading can begin again when a run was killed: kept beside the stream of batches, and given back to it.

What is half read cannot be written down: parsers, decompressors and windows of joined records hold it. So reading goes
on from an *anchor*, a moment at which nothing was half read (the start of a place, or a point in a plain file), and
leaves out the batches that were done by then. All that reading decides depends on the bytes since the anchor and on
what the anchor knows, so that the batches after it are those of an undisturbed run.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import msgspec

from stillwatch.sources.joining import Join
from stillwatch.sources.quarantine import Quarantine

FACTS_SECONDS = 5.0
COST_SHARE = 0.02
"""What joined records remember is copied not more often than this, and in at most this share of the time."""


class Point(msgspec.Struct, frozen=True):
    """A line in the middle of a place before which nothing need be read again.

    line: its number, or that of a table's row.  offset: of its first byte, the byte order mark not counted.
    ahead: bytes from there on that were read together with those before, so that later reads come out alike.
    """

    line: int
    offset: int = 0
    ahead: int = 0


class Anchor(msgspec.Struct, frozen=True):
    """The start of a place, or a point in it.

    source: the place's number.  point: None for its start.  last: the ordinal given last before it.
    n_quarantined: records put aside before it.  left_out: reason -> odd values before it.
    facts: what the joined formats remembered by then, encoded; empty where there are none.
    """

    source: int = 0
    point: Point | None = None
    last: int = 0
    n_quarantined: int = 0
    left_out: dict[str, int] = {}
    facts: bytes = b""


BEGINNING = Anchor()


class Resume(msgspec.Struct, frozen=True):
    """How to go on: from an anchor, with the exchanges up to a position left out, since they are done.

    formats: of the sources before the anchor.  As it stands, it begins at the beginning.
    """

    anchor: Anchor = BEGINNING
    after: int = -1
    formats: list[str | None] = []


class Anchors:
    """Keeps the last anchor that was passed.

    private: whether what records remember may not be written down, since it holds true ids: then a joined format is
    read from its first place on.
    """

    def __init__(self, resume: Resume, quarantine: Quarantine, *, private: bool) -> None:
        self.last = resume.anchor
        self.left_out: Counter[str] = Counter(resume.anchor.left_out)
        self.joins: dict[str, Join] = {}
        self._quarantine, self._private = quarantine, private
        self._copied_at, self._cost = float("-inf"), 0.0
        if resume.anchor.facts:
            for name, facts in msgspec.msgpack.decode(resume.anchor.facts).items():
                self.joins[name] = Join()
                self.joins[name].remember(facts)

    def pass_start(self, source: int) -> None:
        """Note that a place begins, and everything before it is done with."""
        facts = b""
        if any(join.n_remembered for join in self.joins.values()):
            encoded = self._encoded()
            if encoded is None:
                return
            facts = encoded
        self.last = Anchor(source, None, 0, self._quarantine.n, dict(self.left_out), facts)

    def pass_point(self, source: int, point: Point, last: int) -> None:
        """Note a point in a place of a format that remembers nothing."""
        if self.last.source == source:
            n_quarantined, left_out = self._quarantine.n, dict(self.left_out)
            self.last = Anchor(source, point, last, n_quarantined, left_out, self.last.facts)

    def _encoded(self) -> bytes | None:
        """What the joined formats remember; None where it is not copied now, and the anchor before this one stands."""
        began = time.perf_counter()
        if self._private or began - self._copied_at < max(FACTS_SECONDS, self._cost / COST_SHARE):
            return None
        facts: dict[str, Any] = {name: join.facts() for name, join in self.joins.items()}
        try:
            encoded = msgspec.msgpack.encode(facts)
            same = msgspec.msgpack.decode(encoded) == facts
        except (msgspec.MsgspecError, OverflowError, TypeError):
            same = False
        self._copied_at = time.perf_counter()
        self._cost = self._copied_at - began
        return encoded if same else None
