"""`stillwatch review FINDING`: an analyst's verdict on a finding, kept for the scans to come."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stillwatch.review.log import Entry


def review(
    finding: str | None = None,
    /,
    *,
    from_: Path = Path("stillwatch-scan"),
    confirm: bool = False,
    dismiss: bool = False,
    why: str = "",
    by: str = "",
    use: str = "",
    owner: str = "",
    until: str = "",
    into: Path = Path("stillwatch-reviews.ndjson"),
    replay: bool = False,
    json: bool = False,
) -> int:
    """Confirm or dismiss a finding, in a log that later scans read with --reviews; or say what the log comes to.

    Parameters
    ----------
    finding
        The finding's id, or its name in the report (C1, N3).
    from_
        The folder of the scan.
    confirm
        It is what the scan says: its accounts are no honest sample for later scans.
    dismiss
        It is honest: later scans spare it, until the day of --until and while it stays what it is.
    why
        Why, in a sentence.
    by
        Who says so; the name of the user where it is not given.
    use
        Of a dismissal: what the accounts do with permission; the best honest explanation where it is not given.
    owner
        Of a dismissal: who answers for that use; who says so where it is not given.
    until
        Of a dismissal: the last day on which it holds (2026-12-31); 90 days from now where it is not given.
    into
        The log; it is only ever added to.
    replay
        Say what the log comes to: every verdict in its order, and which are in force.
    json
        Print JSON on standard output.
    """
    import msgspec

    from stillwatch.errors import UsageError
    from stillwatch.review.log import append, in_force, read_log
    from stillwatch.review.verdict import make_entry

    if replay:
        if finding is not None or confirm or dismiss:
            raise UsageError("--replay reads a log: it takes no finding and no verdict")
        log, _ = read_log(into)
        if json:
            sys.stdout.write(msgspec.json.format(msgspec.json.encode(log)).decode() + "\n")
        else:
            _show(log, in_force(log))
        return 0
    if finding is None:
        raise UsageError("which finding? Name it, or ask for --replay")
    if confirm == dismiss:
        raise UsageError("say either --confirm or --dismiss")
    if not why.strip():
        raise UsageError("say why: --why is for whoever reads the log in a year")
    if confirm and (use or owner or until):
        raise UsageError("--use, --owner and --until are of a dismissal")
    entry = make_entry(from_, finding, "confirm" if confirm else "dismiss", why, by, use=use, owner=owner, until=until)
    entry = append(into, entry)
    if json:
        sys.stdout.write(msgspec.json.encode(entry).decode() + "\n")
        return 0
    print(_said(entry))
    print(f"Written to {into}. Scans heed it with: stillwatch scan LOGS... --reviews {into}")
    return 0


def _said(entry: Entry) -> str:
    what = f"{entry.finding_id} ({entry.verdict}, {entry.accounts:,} accounts, {entry.exchanges:,} exchanges)"
    if entry.decision == "confirm":
        return f"Confirmed {what}, by {entry.by}: {entry.why}"
    return (
        f"Dismissed {what}, by {entry.by}: {entry.why}\n"
        f"Declared use: {entry.use}; {entry.owner} answers for it, until {entry.until}."
    )


def _show(log: list[Entry], force: list[Entry]) -> None:
    """The log for a terminal."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    last = {id(entry) for entry in force}
    for entry in log:
        over = "" if id(entry) in last else "  (a later verdict on it counts)"
        console.print(Text(f"{entry.at}  {_said(entry)}{over}"), soft_wrap=True)
    confirmed = sum(entry.decision == "confirm" for entry in force)
    console.print(Text(f"In force: {confirmed:,} confirmed, {len(force) - confirmed:,} dismissed.", style="bold"))
