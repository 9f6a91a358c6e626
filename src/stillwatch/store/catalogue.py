"""The catalogue of a store: which files are valid, and what the store knows of itself. It is replaced in one step.

What it does not name is no part of the store: a run that was killed or failed leaves such files, and the next one that
holds the store removes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from stillwatch import schema
from stillwatch.engine.durable import replace_file
from stillwatch.errors import InputError, OutputError
from stillwatch.report.history import Remembered

CATALOGUE = "stillwatch-store.json"

STORE_VERSION = 1
"""Raised whenever a store is laid out in another way."""

FOLDERS = ("days", "counts", "findings", "examples")
"""Where a store's files lie, besides the catalogue, the lock and the key."""

KEEP_HISTORY_DAYS = 400
"""For how long counts and past findings are kept where nobody says: a year, and what it takes to look back on it."""


class Part(msgspec.Struct, frozen=True):
    """Exchanges of one UTC day that one run brought.  folder: under the store.  run: number of the run."""

    day: str
    folder: str
    rows: int
    run: int


class Counted(msgspec.Struct, frozen=True):
    """A table of `days.COUNTS`: exchanges of each account on a day. It holds no text, and outlives the day's parts."""

    day: str
    file: str


class Brought(msgspec.Struct, frozen=True):
    """What the logs of a run were like.  coverage: column -> share of the rows that fill it.  formats: of the logs."""

    run: int
    rows: int
    coverage: dict[str, float]
    formats: list[str]


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of `stillwatch-store.json`.

    run: number of the last run that changed the store.  next_source: the number for the next file of logs.
    key: digest of the key for digests; own_key: whether the store made it.  pseudonyms: digest of the key for
    pseudonyms; null where ids are kept as they are.
    spent_until: up to which moment, in UTC microseconds, the promise is spent; days_spent: by the last scan.
    members: begins the names of the tables of who and what is in the findings.  examples: the table of masked examples.
    """

    store_version: int
    fingerprint_version: int
    key: str
    own_key: bool
    pseudonyms: str | None
    run: int = 0
    next_source: int = 0
    spent_until: int | None = None
    days_spent: float = 0.0
    keep_days: int | None = None
    keep_history: int = KEEP_HISTORY_DAYS
    parts: list[Part] = []
    counts: list[Counted] = []
    brought: list[Brought] = []
    findings: list[Remembered] = []
    members: str | None = None
    examples: str | None = None

    @property
    def rows(self) -> int:
        """Exchanges in the store."""
        return sum(part.rows for part in self.parts)

    @property
    def days(self) -> list[str]:
        """The days of which the store holds exchanges, in their order."""
        return sorted({part.day for part in self.parts})


def read_catalogue(store: Path) -> Catalogue | None:
    """The catalogue of a store; None where there is none yet.

    Raises: InputError where it cannot be read, or is of another version.
    """
    path = store / CATALOGUE
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Catalogue)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, OSError) as error:
        raise InputError(
            f"the catalogue of the store cannot be read: {error}", source=str(path), hint="restore it from a copy"
        ) from error
    if (found.store_version, found.fingerprint_version) != (STORE_VERSION, schema.FINGERPRINT_VERSION):
        raise InputError(
            f"the store was written by another version (store {found.store_version}, fingerprints "
            f"{found.fingerprint_version}; this is {STORE_VERSION}, {schema.FINGERPRINT_VERSION})",
            source=str(store),
            hint="fingerprints cannot be made anew without the logs: begin a new store with the logs you still have",
        )
    return found


def write_catalogue(store: Path, catalogue: Catalogue) -> None:
    """Put a catalogue in the place of the one before it: from here on, the store is what it says.

    Raises: OutputError where the disk does not take it; the one before it stands then.
    """
    content = msgspec.json.format(msgspec.json.encode(catalogue), indent=1) + b"\n"
    try:
        replace_file(store / CATALOGUE, content)
    except OSError as error:
        raise OutputError(
            f"cannot write the catalogue: {error.strerror}", source=str(store), hint="free some space, and run it again"
        ) from error


def files_of(catalogue: Catalogue) -> Iterator[str]:
    """What the catalogue names, relative to the store: folders of parts, and single files."""
    for part in catalogue.parts:
        yield part.folder
    for counted in catalogue.counts:
        yield counted.file
    if catalogue.members is not None:
        yield from (f"{catalogue.members}-{what}.parquet" for what in ("accounts", "exchanges"))
    if catalogue.examples is not None:
        yield catalogue.examples
