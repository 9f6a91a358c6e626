"""`stillwatch check LOGS...`: what the logs hold, before a scan."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from stillwatch.sources.check import CheckResult


def check(
    logs: list[str],
    *,
    format: str | None = None,
    accounts: str | None = None,
    mapping: Path | None = None,
    key: Path | None = None,
    json: bool = False,
) -> int:
    """Say what the logs hold: columns, text, times, sampling, and the evidence that a scan could have.

    Parameters
    ----------
    logs
        Files, globs, folders, `-`, s3:// or postgresql:// addresses.
    format
        The logs' format; guessed where it is not given.
    accounts
        The account registry: Parquet, CSV or NDJSON.
    mapping
        The mapping file, for the format `mapping`.
    key
        The key file for digests of messages.
    json
        Print one JSON object on standard output.
    """
    import msgspec

    from stillwatch.sources.accounts import open_registry
    from stillwatch.sources.check import check_logs
    from stillwatch.sources.messages import DEFAULT_KEY
    from stillwatch.sources.pseudonymise import read_key
    from stillwatch.sources.quarantine import Quarantine
    from stillwatch.sources.reading import ReadOptions

    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        print(text, file=sys.stderr)

    now = datetime.now(UTC)
    quarantine = Quarantine()
    options = ReadOptions(now=now, mapping=mapping, key=DEFAULT_KEY if key is None else read_key(key))
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

        _show(result, Console())
    return 0


def _show(result: CheckResult, console: Console) -> None:
    from rich.table import Table

    counts = f"[bold]{result.read:,}[/] rows read = {result.kept:,} kept + {result.quarantined:,} quarantined"
    console.print(f"{counts} + {result.duplicates:,} duplicates, of {result.accounts:,} accounts")
    console.print(f"from {result.first_at} to {result.last_at}; text: {'yes' if result.text else 'no'}")
    for remark in result.remarks:
        console.print(f"[yellow]•[/] {remark}")
    if result.reasons:
        table = Table("why quarantined", "rows", title="Quarantine", title_justify="left")
        for reason, count in result.reasons[:10]:
            table.add_row(reason, f"{count:,}")
        console.print(table)
    columns = Table("column", "filled", title="Columns", title_justify="left")
    for name, share in result.columns.items():
        columns.add_row(name, _percent(share), style=None if share else "dim")
    console.print(columns)
    evidence = Table("evidence", "supported", "missing", "how to turn it on", title="Evidence", title_justify="left")
    for one in result.evidence:
        state = "no" if not one.supported else "yes" if one.share > 0.5 else f"in {_percent(one.share)} of rows"
        evidence.add_row(one.evidence, state, ", ".join(one.missing), one.turn_on)
    console.print(evidence)


def _percent(share: float) -> str:
    return "-" if share == 0 else "100%" if share == 1 else f"{min(share, 0.999):.1%}"
