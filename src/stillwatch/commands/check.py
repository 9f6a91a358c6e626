"""`stillwatch check LOGS...`: what the logs hold, before a scan."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from stillwatch.sources.check import CheckResult
    from stillwatch.sources.known_addresses import AddressCoverage


MOST_REASONS = 40
"""Reasons that are listed, the most frequent first; in the words of one file's damage there could be thousands."""


def check(
    logs: list[str],
    /,
    *,
    format: str | None = None,
    accounts: str | None = None,
    addresses: list[str] | None = None,
    mapping: Path | None = None,
    since: str | None = None,
    until: str | None = None,
    key: Path | None = None,
    json: bool = False,
) -> int:
    """Say what the logs hold: columns, text, times, sampling, and the evidence that a scan could have.

    Parameters
    ----------
    logs
        Files, globs, folders (also of Delta and Iceberg tables), `-`, s3://, postgresql:// or clickhouse:// addresses.
    format
        The logs' format; guessed where it is not given.
    accounts
        The account registry: Parquet, CSV or NDJSON.
    addresses
        What is known of addresses, once for each file: a MaxMind database (.mmdb), or a list of ranges as KIND=FILE
        with KIND hosting, vpn, proxy, tor or shared. docs/addresses.md says where to get them.
    mapping
        The mapping file, for the format `mapping`.
    since
        Only exchanges requested from then on: a day such as 2026-03-01 or a time, UTC where it names no zone.
    until
        Only exchanges requested before then.
    key
        The key file for digests of messages.
    json
        Print one JSON object on standard output.
    """
    import msgspec

    from stillwatch.sources.accounts import open_registry
    from stillwatch.sources.address_database import open_addresses
    from stillwatch.sources.check import check_logs
    from stillwatch.sources.messages import DEFAULT_KEY
    from stillwatch.sources.pseudonymise import read_key
    from stillwatch.sources.quarantine import Quarantine
    from stillwatch.sources.reading import ReadOptions
    from stillwatch.sources.time_range import time_range

    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        print(text, file=sys.stderr)

    now = datetime.now(UTC)
    quarantine = Quarantine()
    options = ReadOptions(
        now=now,
        mapping=mapping,
        times=time_range(since, until),
        key=DEFAULT_KEY if key is None else read_key(key),
        addresses=open_addresses(addresses or (), say),
    )
    # Bad rows of the registry are no records of the log: they have a count of their own.
    bad_accounts = Quarantine()
    registry = open_registry(accounts, logs, as_of=now, quarantine=bad_accounts, say=say)
    if bad_accounts.n:
        say(f"registry: {bad_accounts.n:,} rows cannot be read ({bad_accounts.by_reason()[0][0]})")
    result = check_logs(logs, format=format, registry=registry, options=options, quarantine=quarantine, say=say)
    if json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(result.as_json())).decode() + "\n")
    else:
        from rich.console import Console

        _show(result, Console(highlight=False))
    return 0


def _show(result: CheckResult, console: Console) -> None:
    """Print the result: counts, what is wrong, what is missing, and only then what is there."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    def say(text: str, style: str = "") -> None:
        console.print(Padding(Text(text, style=style), (0, 0, 0, 2)))

    def head(text: str) -> None:
        console.print()
        console.print(Text(text, style="bold"))

    def table(*columns: str, right: bool = False) -> Table:
        made = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
        for i, name in enumerate(columns):
            made.add_column(name, justify="right" if right and i == 0 else "left", no_wrap=i == 0)
        return made

    counted = Counter(name or "not read" for name in result.sources.values())
    files = ", ".join(f"{count:,} {name}" for name, count in sorted(counted.items()))
    sources = (
        f"1 source, {next(iter(counted))}" if len(result.sources) == 1 else f"{len(result.sources):,} sources: {files}"
    )
    console.print(Text.assemble((f"{result.kept:,} exchanges", "bold"), f" of {result.accounts:,} accounts"))
    say(f"{_time(result.first_at)} to {_time(result.last_at)} UTC ({_span(result.first_at, result.last_at)})")
    say(f"{sources}; {'with' if result.text else 'without'} text")
    say(
        f"{result.read:,} rows read = {result.kept:,} kept + {result.quarantined:,} quarantined"
        f" + {result.duplicates:,} duplicates"
    )
    if result.remarks:
        head("What to know")
        remarks = table("mark", "remark")
        for remark in result.remarks:
            remarks.add_row(Text("!", style="bold yellow"), Text(remark))
        console.print(Padding(remarks, (0, 0, 0, 2)))
    if result.reasons:
        head("Why rows are in quarantine")
        reasons = table("rows", "reason", right=True)
        for reason, count in result.reasons[:MOST_REASONS]:
            reasons.add_row(f"{count:,}", Text(reason))
        console.print(Padding(reasons, (0, 0, 0, 2)))
        if len(result.reasons) > MOST_REASONS:
            say(f"and {len(result.reasons) - MOST_REASONS:,} other reasons; a scan's quarantine.parquet has all", "dim")
    if result.addresses is not None:
        _show_addresses(result.addresses, say, head)
    lacking: dict[str, list[str]] = {}
    for one in result.evidence:
        if not one.supported:
            lacking.setdefault(one.turn_on or f"needs {', '.join(one.missing)}", []).append(one.evidence)
    if lacking:
        head("Evidence that is missing, and how to turn it on")
        missing = table("evidence", "how")
        for how, names in lacking.items():
            missing.add_row(Text("\n".join(names), style="yellow"), Text(how))
        console.print(Padding(missing, (0, 0, 0, 2)))
    head("Evidence that a scan can have")
    whole = [one.evidence for one in result.evidence if one.supported and one.share > 0.5]
    say(", ".join(whole), "green")
    for one in result.evidence:
        if one.supported and one.share <= 0.5:
            say(f"{one.evidence}: in {_percent(one.share)} of the rows only", "yellow")
    head("Columns")
    full = [name for name, share in result.columns.items() if share == 1]
    partly = [f"{name} {_percent(share)}" for name, share in result.columns.items() if 0 < share < 1]
    empty = [name for name, share in result.columns.items() if not share]
    columns = table("filled", "names")
    for word, names, style in (("full", full, ""), ("in part", partly, ""), ("empty", empty, "dim")):
        if names:
            columns.add_row(Text(word, style=style), Text(", ".join(names), style=style))
    console.print(Padding(columns, (0, 0, 0, 2)))


def _show_addresses(found: AddressCoverage, say: Callable[..., None], head: Callable[[str], None]) -> None:
    head("What the address database knows")
    share = _percent(found.known_share)
    say(f"{found.known:,} of {found.addresses:,} addresses; {share} of the exchanges that have one")
    if found.known:
        places = [f"system of {_percent(found.systems)}", f"country of {_percent(found.countries)}"]
        kinds = [f"{name} {_percent(share)}" for name, share in found.kinds.items()]
        say("; ".join([*places, *kinds]))
    for one in found.databases:
        say(f"{one.title}: {one}", "dim")


def _percent(share: float) -> str:
    return (
        "100%" if share == 1 else "none" if not share else "under 0.1%" if share < 0.001 else f"{min(share, 0.999):.1%}"
    )


def _time(iso: str | None) -> str:
    return "?" if iso is None else iso[:16].replace("T", " ")


def _span(first: str | None, last: str | None) -> str:
    if first is None or last is None:
        return "?"
    hours = (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds() / 3600
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} hours"
