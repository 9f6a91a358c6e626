"""How long campaigns stay unseen: a world scanned day by day, each time with the logs up to then and no more.

Each scan is one of its own, without a memory of the day before. A registry is read as of that day: later accounts,
closures and bans are not known yet. A campaign counts as found on a day where, of its exchanges so far, at least half
are in one finding of that day that is at least half its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch.errors import MissingSource, UsageError
from stillwatch.evaluate.reading import OWN, Truth, read_scan, read_truth
from stillwatch.evaluate.scores import Scores, score_tables
from stillwatch.scan.options import ScanOptions
from stillwatch.scan.progress import Progress
from stillwatch.scan.run import scan
from stillwatch.sources.reading import ReadOptions


class Delay(msgspec.Struct, frozen=True, kw_only=True):
    """When a campaign was found first.

    first_at: its first exchange, UTC.  found_at: the end of the first day on which it was found, null for never.
    days: between them.  before: its exchanges until then; share: of all of its exchanges.
    lost_again: later days on which it was not found.
    """

    campaign: str
    exchanges: int
    first_at: str
    found_at: str | None
    days: float | None
    before: int | None
    share: float | None
    lost_again: int


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """The scan of one day. at: its end, UTC.  found: campaigns that it found, of those begun."""

    at: str
    exchanges: int
    begun: int
    found: list[str]
    false_campaigns: int
    accused: int


class Delays(msgspec.Struct, frozen=True, kw_only=True):
    """A world day by day."""

    world: str
    every: int
    campaigns: list[Delay]
    days: list[Day]


def day_by_day(world: Path, *, every: int = 1, say: Callable[[str], None] = lambda text: None) -> Delays:
    """Scan a world's canonical log at the end of every day, or of every so many, and say when what was found.

    Raises: UsageError for a step below one; MissingSource where there is no canonical log.
    """
    if every < 1:
        raise UsageError("--every must be 1 or more", hint="days from one scan to the next")
    logs = world / "logs.parquet"
    if not logs.exists():
        raise MissingSource("is not there", source=str(logs), hint="make the world with --format canonical")
    truth = read_truth(world)
    times = _times(logs, truth)
    moments = times["requested_at"]
    first, last = pc.min(moments).as_py(), pc.max(moments).as_py()
    midnight = datetime(first.year, first.month, first.day, tzinfo=UTC)
    ends: list[datetime] = []
    while not ends or ends[-1] <= last:
        ends.append(midnight + timedelta(days=every * (len(ends) + 1)))
    days = []
    for end in ends:
        say(f"{world}: logs until {end:%Y-%m-%d}")
        so_far = times.filter(pc.less(moments, pa.scalar(end, moments.type)))
        days.append((end, so_far, _scores_until(world, truth, so_far, end)))
    return Delays(
        world=str(msgspec.json.decode((world / "world.json").read_bytes())["world"]),
        every=every,
        campaigns=[_delay(name, times, days) for name in truth.campaigns],
        days=[
            Day(
                at=_iso(end),
                exchanges=len(so_far),
                begun=sum(one.exchanges > 0 for one in scores.campaigns),
                found=[one.campaign for one in scores.campaigns if one.finding_id],
                false_campaigns=len(scores.false_campaigns),
                accused=sum(scores.accused.values()),
            )
            for end, so_far, scores in days
        ],
    )


def _times(logs: Path, truth: Truth) -> pa.Table:
    """exchange_id, label, campaign, population, requested_at."""
    at = pq.read_table(logs, columns=["exchange_id", "requested_at"])
    return truth.exchanges.join(at, "exchange_id", join_type="inner")


def _scores_until(world: Path, truth: Truth, so_far: pa.Table, end: datetime) -> Scores:
    with tempfile.TemporaryDirectory(prefix="stillwatch-") as name:
        folder = Path(name)
        with duckdb.connect() as connection:
            connection.execute("set threads = 2; set memory_limit = '2GB'; set timezone = 'UTC'")
            connection.execute(
                f"copy (select * from read_parquet({_quoted(world / 'logs.parquet')})"
                f" where requested_at < timestamptz '{end:%Y-%m-%d %H:%M:%S}+00')"
                f" to {_quoted(folder / 'logs.parquet')} (format parquet)"
            )
        registry = world / "accounts.parquet"
        options = ScanOptions(
            out=folder / "scan", accounts=str(registry) if registry.exists() else None, read=ReadOptions(now=end)
        )
        scan([str(folder / "logs.parquet")], options, Progress(quiet=True, live=False))
        return score_tables(read_scan(folder / "scan"), replace(truth, exchanges=so_far))


def _delay(name: str, times: pa.Table, days: list[tuple[datetime, pa.Table, Scores]]) -> Delay:
    mine = times.filter(pc.equal(times["campaign"], name))
    mine = mine.filter(pc.is_in(mine["label"], pa.array(OWN)))["requested_at"]
    begun = pc.min(mine).as_py() if len(mine) else None
    found = [name in {one.campaign for one in scores.campaigns if one.finding_id} for _, _, scores in days]
    at = found.index(True) if True in found else None
    end = None if at is None else days[at][0]
    before = None if end is None else pc.sum(pc.less(mine, pa.scalar(end, mine.type))).as_py()
    return Delay(
        campaign=name,
        exchanges=len(mine),
        first_at=_iso(begun) if begun else "",
        found_at=None if end is None else _iso(end),
        days=None if end is None or begun is None else (end - begun).total_seconds() / 86_400,
        before=before,
        share=None if before is None else before / max(len(mine), 1),
        lost_again=0 if at is None else found[at:].count(False),
    )


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
