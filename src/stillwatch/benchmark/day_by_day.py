"""A store from day to day: what a day costs when the store holds few days and when it holds many, and what it finds.

The days in between are added together, each stretch in one scan, so that a day late in the store is soon come to.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet as pq

from stillwatch.benchmark.measured import Column, Measured, Row
from stillwatch.benchmark.reading import THREADS
from stillwatch.scan import ScanOptions, scan
from stillwatch.sources.reading import ReadOptions

SINGLE_DAYS = (1, 2, 8, 15, 21)
"""Days of the world that are added one by one, counted from 1; those between them go together."""

KEY = b"a key that both ways of scanning use"


def measure_days(world: Path, log: Path) -> Measured:
    """Seconds of each step of scans into a store, day by day, and of one scan of all; and whether they find the same.

    log: the world's, as canonical NDJSON.  All scans use the same thresholds.
    """
    registry = str(world / "accounts.parquet")
    read = ReadOptions(now=datetime.now(UTC), key=KEY)
    rows = []
    with tempfile.TemporaryDirectory(prefix="stillwatch-") as folder:
        work = Path(folder)
        base = ScanOptions(out=work / "once", accounts=registry, read=read, threads=THREADS)
        for first, last, part in _stretches(log, work):
            days = (date.fromisoformat(last[1]) - date.fromisoformat(first[1])).days + 1
            whole = float((date.fromisoformat(last[1]) - date.fromisoformat(_first_day(log))).days + 1)
            scan([str(part)], replace(base, out=work / "out", into=work / "store", promise_days=whole))
            name = f"day {first[0]}" if days == 1 else f"days {first[0]}–{last[0]}"
            rows.append(_row(name, work / "out"))
            part.unlink()
        scan([str(log)], base)
        rows.append(_row("all, no store", work / "once"))
        remark = _agreement(work / "out", work / "once")
    return Measured(
        "store",
        f"a store from day to day: {rows[-1].figures['new']:,.0f} exchanges, {THREADS} threads",
        (
            Column("new", "new exchanges", "{:,.0f}"),
            Column("held", "in the store", "{:,.0f}"),
            Column("reading", "reading s", "{:,.2f}"),
            Column("storing", "store s", "{:,.2f}"),
            Column("each_us", "µs a new one", "{:,.0f}"),
            Column("templates", "templates s", "{:,.2f}"),
            Column("rest", "the rest s", "{:,.2f}"),
        ),
        tuple(rows),
        (
            remark,
            "several days in a row were added in one scan; the rest: profiles, links, networks, campaigns and report, "
            "over all that the store holds",
        ),
    )


def _first_day(log: Path) -> str:
    with log.open(encoding="utf-8") as lines:
        return min(_day(line) for line in lines)


def _day(line: str) -> str:
    return str(json.loads(line)["requested_at"])[:10]


def _stretches(log: Path, work: Path) -> Iterator[tuple[tuple[int, str], tuple[int, str], Path]]:
    """First and last day (number from 1, name) and the lines of each stretch of days, as a file."""
    with log.open(encoding="utf-8") as lines:
        names = sorted({_day(line) for line in lines})
    numbered = list(enumerate(names, 1))
    starts = sorted({0, *(at - 1 for at in SINGLE_DAYS), *SINGLE_DAYS, len(names)})
    starts = [at for at in starts if at <= len(names)]
    for begin, end in itertools.pairwise(starts):
        wanted = {name for _, name in numbered[begin:end]}
        path = work / f"{numbered[begin][1]}.ndjson"
        with log.open(encoding="utf-8") as lines, path.open("w", encoding="utf-8") as out:
            out.writelines(line for line in lines if _day(line) in wanted)
        yield numbered[begin], numbered[end - 1], path


def _row(name: str, out: Path) -> Row:
    steps = {one["step"]: one["seconds"] for one in json.loads((out / "run.json").read_text())["steps"]}
    said = json.loads((out / "scan.json").read_text())
    reading, storing, templates = (steps.pop(one, 0.0) for one in ("reading, fingerprinting", "store", "templates"))
    new = said["counts"]["kept"]
    return Row(
        name,
        {
            "new": new,
            "held": said["exchanges"],
            "reading": reading,
            "storing": storing,
            "each_us": (reading + storing) / max(new, 1) * 1e6,
            "templates": templates,
            "rest": sum(steps.values()),
        },
    )


def _agreement(daily: Path, once: Path) -> str:
    """How far the last scan of the store and the scan without one agree, in words."""
    history = json.loads((daily / "history.json").read_text())["findings"]
    at_once = {one["finding_id"]: one["at_once_id"] for one in history}
    mine, theirs = _ids(daily), _ids(once)
    same = sum(at_once[one] in theirs for one in mine)
    published = sum(one in theirs for one in mine)
    alike = [_jaccard(_exchanges(daily, one), _exchanges(once, at_once[one])) for one in mine if at_once[one] in theirs]
    least = f"{min(alike):.3f}" if alike else "–"
    return (
        f"{same} of the {len(mine)} findings of the last day are among the {len(theirs)} that one scan of all finds "
        f"({published} under the id that it gives, the others under one published before); least Jaccard {least}"
    )


def _ids(out: Path) -> Sequence[str]:
    return [one["finding_id"] for one in json.loads((out / "findings.json").read_text())["findings"]]


def _exchanges(out: Path, finding_id: str) -> set[str]:
    """A finding's exchanges; a network's accounts."""
    for name, column in (("finding_exchanges.parquet", "exchange_id"), ("finding_accounts.parquet", "account_id")):
        table = pq.read_table(out / name, filters=[("finding_id", "=", finding_id)])
        if table.num_rows:
            return set(table[column].to_pylist())
    return set()


def _jaccard(mine: set[str], theirs: set[str]) -> float:
    return len(mine & theirs) / max(len(mine | theirs), 1)
