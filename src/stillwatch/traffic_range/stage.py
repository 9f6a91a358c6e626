"""What a population is given to play on: its size, its dice, the calendar, and what happens to everybody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from stillwatch.traffic_range.addresses import AddressPlan
from stillwatch.traffic_range.causes import DAY, HOUR, SECOND, Cause, Update
from stillwatch.traffic_range.grammar import Ints
from stillwatch.traffic_range.texts.invented import GRAMMAR
from stillwatch.traffic_range.texts.source import Texts

__all__ = ["DAY", "HOUR", "SECOND", "Calendar", "Stage", "choose"]


PART = 60_000
"""Exchanges that are made at once, about."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of a world, and the causes that move everybody.

    start: the first midnight, a Monday.  days: how many.  release: when the new models came out.
    outages: (from, to) in which most requests failed.  causes: other spells of failures, each of some requests.
    updates: new versions of programs.
    """

    start: int
    days: int
    release: int
    outages: tuple[tuple[int, int], ...] = ()
    causes: tuple[Cause, ...] = ()
    updates: tuple[Update, ...] = ()

    @property
    def end(self) -> int:
        """The first moment after the last day."""
        return self.start + self.days * DAY

    def day(self, number: float) -> int:
        """The moment at which a day, counted from 0, begins; fractions are allowed."""
        return self.start + int(number * DAY)


@dataclass(frozen=True, slots=True)
class Stage:
    """One population's place in a world.

    name: what its world calls it.  n: its accounts.  seed: the world's.  options: what its world set.
    kind: the population's own name.  dials: evasions (`evasions.DIALS`).  targets: what a campaign is after.
    host: whose accounts it runs on, if not own.  texts: where its texts come from.
    """

    name: str
    n: int
    seed: int
    calendar: Calendar
    addresses: AddressPlan
    options: dict[str, float] = field(default_factory=dict)
    kind: str = ""
    dials: dict[str, float] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    host: Stage | None = None
    texts: Texts = GRAMMAR

    def rng(self, *purpose: object) -> np.random.Generator:
        """Dice of this population for one purpose: the same whatever else the world holds."""
        words = "/".join(str(one) for one in (self.seed, self.name, *purpose))
        return np.random.default_rng(int.from_bytes(blake2b(words.encode(), digest_size=16).digest(), "little"))

    def option(self, name: str, default: float) -> float:
        """A number that the world may have set."""
        return self.options.get(name, default)

    def dial(self, name: str) -> float:
        """How far an evasion is turned up, from 0 to 1."""
        return self.dials.get(name, 0.0)

    def parts(self, size: int = 4000, *, per_day: float = 0.0) -> Iterator[tuple[int, int, np.random.Generator]]:
        """The accounts in parts that fit in memory: (first, number, dice). per_day: exchanges of an account, about."""
        size = max(1, min(size, int(PART / max(per_day * self.calendar.days, 1e-9))))
        for first in range(0, self.n, size):
            yield first, min(size, self.n - first), self.rng("part", first)


def choose(rng: np.random.Generator, weights: list[float], n: int) -> Ints:
    """n draws of a place in a list of weights."""
    return np.searchsorted(np.cumsum(weights) / np.sum(weights), rng.random(n), side="right").astype(np.int64)
