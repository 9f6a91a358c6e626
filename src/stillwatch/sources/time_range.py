"""The time that a scan looks at: from a moment on, and before another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.errors import UsageError


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Exchanges requested at `since` or later, and before `until`, both UTC; None where there is no bound."""

    since: datetime | None = None
    until: datetime | None = None

    def __bool__(self) -> bool:
        return self.since is not None or self.until is not None

    def __str__(self) -> str:
        bounds = (("from ", self.since), ("before ", self.until))
        return ", ".join(f"{word}{at:%Y-%m-%d %H:%M:%S} UTC" for word, at in bounds if at is not None)

    def within(self, times: pa.Array) -> pa.Array:
        """Which times lie in it.   Assumes: `timestamp[us, UTC]` without nulls."""
        keep = pa.repeat(True, len(times))
        if self.since is not None:
            keep = pc.and_(keep, pc.greater_equal(times, pa.scalar(self.since, times.type)))
        if self.until is not None:
            keep = pc.and_(keep, pc.less(times, pa.scalar(self.until, times.type)))
        return keep

    def misses(self, first: object, last: object) -> bool:
        """Whether no moment from `first` to `last` lies in it; naive ones are UTC, and what is no moment may do."""
        if not isinstance(first, datetime) or not isinstance(last, datetime):
            return False
        first, last = (one if one.tzinfo else one.replace(tzinfo=UTC) for one in (first, last))
        return (self.since is not None and last < self.since) or (self.until is not None and first >= self.until)

    def conditions(self, column: str, write: str) -> list[str]:
        """What a database is asked for, in SQL; at least all that lies in it.

        write: how it takes a moment, with %s for `2026-03-01 12:00:00.000000`.
        """
        bounds = ((">=", self.since), ("<", self.until))
        return [f"{column} {sign} {write % f'{at:%Y-%m-%d %H:%M:%S.%f}'}" for sign, at in bounds if at is not None]


ALWAYS = TimeRange()
"""Without bounds."""


def time_range(since: str | None, until: str | None) -> TimeRange:
    """The range that two options name.

    Raises: UsageError where one is no time, or nothing lies between them.
    """
    made = TimeRange(_moment("--since", since), _moment("--until", until))
    if made.since is not None and made.until is not None and made.until <= made.since:
        raise UsageError("--until has to come after --since: nothing lies between them")
    return made


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} is {text!r}, and no time like {date(2026, 3, 1)} or 2026-03-01T12:00:00Z") from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
