"""What became of findings from scan to scan of a store, as `history.json` holds it.

`schemas/history.schema.json` is the JSON Schema of the same shape.
"""

from __future__ import annotations

import msgspec

HISTORY_VERSION = 1
"""Raised whenever `history.json` changes so that who reads it must change."""

STATUSES = {
    "new": "found for the first time",
    "returned": "found again, after scans that did not find it",
    "merged": "another finding went into it, or it went into another one",
    "split": "a part of a past finding, the rest of which goes on under the old id",
    "moved": "its last exchanges went to another model, through another platform, or over other networks",
    "quiet": "found still, but nothing came for two days",
    "grown": "more exchanges or accounts than in the scan before",
    "steady": "as in the scan before",
    "lost": "what the store holds of it no longer makes it a finding",
}
"""What became of a finding in the last scan; of several the first in this order."""

EVENTS = ("new", "returned", "merged", "split", "moved", "quiet", "lost")
"""What is written down for good; that a finding grew is told by its counts."""


class Event(msgspec.Struct, frozen=True):
    """What became of a finding.  at: the last exchange in the store by then.  what: one of `EVENTS`."""

    at: str
    what: str
    sentence: str


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """A finding as the store knows it, and as `history.json` holds it. Times are UTC ISO, of the data, not of a clock.

    status: what became of it in the last scan (`STATUSES`).  sentence: that, for a person.
    at_once_id: the id that a scan without the store gives the same finding.
    first_found, last_found: the last exchange in the store when it was first and last found.
    expected_false: when it was first found, or less.
    new_exchanges, new_accounts: since the scan before.  networks: that a campaign runs on.
    model, platform: most used of late.  came_from: the finding that it was split from.  became: the one it merged into.
    """

    finding_id: str
    verdict: str
    status: str
    sentence: str
    at_once_id: str
    first_found: str
    last_found: str
    first_at: str
    last_at: str
    accounts: int
    exchanges: int
    expected_false: float
    new_exchanges: int = 0
    new_accounts: int = 0
    model: str | None = None
    platform: str | None = None
    networks: list[str] = []
    merged: list[str] = []
    came_from: str | None = None
    became: str | None = None
    events: list[Event] = []

    @property
    def active(self) -> bool:
        """Whether the last scan found it."""
        return self.status != "lost" and self.became is None


class History(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of `history.json`: findings of this scan, and past ones that are none any more, the latter last.

    just_gone: those of them that were findings until the scan before.
    """

    schema_version: int
    findings: list[Remembered]
    just_gone: list[Remembered] = []
