"""An analyst's verdict on a finding of a scan, as the log keeps it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from getpass import getuser
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch.campaigns.finding import Finding
from stillwatch.campaigns.roles import CARRYING
from stillwatch.errors import InputError, UsageError
from stillwatch.fingerprint.hashing import hash_strings
from stillwatch.report.naming import names_of, ranked
from stillwatch.report.read import ScanFolder, read_scan
from stillwatch.report.text import listed
from stillwatch.review.log import Entry, packed

DAYS = 90
"""For which a dismissal holds where nobody says for how long."""


def make_entry(
    folder: Path,
    what: str,
    decision: Literal["confirm", "dismiss"],
    why: str,
    by: str,
    *,
    use: str = "",
    owner: str = "",
    until: str = "",
    now: datetime | None = None,
) -> Entry:
    """The verdict on a finding of the scan in a folder, named by its id or by what the report calls it.

    now: when it is given.  Raises: InputError where the scan has no such finding; UsageError where a day is none.
    """
    now = now or datetime.now(UTC)
    scan = read_scan(folder)
    finding = _named(scan, what)
    mine = pc.and_(
        pc.equal(scan.members["finding_id"], finding.finding_id), pc.is_in(scan.members["role"], pa.array(CARRYING))
    )
    hashes = hash_strings(scan.members.filter(mine)["account_id"]).to_numpy()
    members, digest = packed(hashes)
    by = by.strip() or _user()
    dismissed = decision == "dismiss"
    best = finding.explanations[0].name if finding.explanations else "dismissed"
    return Entry(
        at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        finding_id=finding.finding_id,
        verdict=finding.verdict,
        decision=decision,
        why=why.strip(),
        by=by,
        accounts=len(hashes),
        exchanges=finding.exchanges,
        first_at=finding.first_at,
        last_at=finding.last_at,
        digest=digest,
        members=members,
        moulds=_moulds(scan, finding),
        use=(use.strip() or best) if dismissed else "",
        owner=(owner.strip() or by) if dismissed else "",
        until=_day(until, now) if dismissed else "",
    )


def _named(scan: ScanFolder, what: str) -> Finding:
    names = names_of(ranked(scan.findings.findings))
    for finding in scan.findings.findings:
        if what == finding.finding_id or what.upper() == names[finding.finding_id]:
            return finding
    have = listed([f"{name} ({finding_id})" for finding_id, name in names.items()], 6)
    raise InputError(f"has no finding {what}", source=str(scan.path), hint=f"it has {have}" if have else "it has none")


def _moulds(scan: ScanFolder, finding: Finding) -> list[str]:
    """Keys of all of its exchanges, of a network those of its templates that the report shows."""
    path = scan.path / "finding_exchanges.parquet"
    try:
        table = pq.read_table(path, columns=["finding_id", "stream_id"])
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"cannot be read: {error}", source=str(path), hint="scan the logs again") from error
    streams = table.filter(pc.equal(table["finding_id"], finding.finding_id))["stream_id"].unique().to_pylist()
    return sorted({one.rsplit("/", 1)[-1] for one in streams} or {one.id for one in finding.templates})


def _day(until: str, now: datetime) -> str:
    if not until:
        return (now.date() + timedelta(days=DAYS)).isoformat()
    try:
        return date.fromisoformat(until).isoformat()
    except ValueError:
        raise UsageError(f"--until is {until!r}, and no day like 2026-12-31") from None


def _user() -> str:
    try:
        return getuser()
    except (OSError, KeyError):
        raise UsageError("who says so? Name yourself with --by") from None
