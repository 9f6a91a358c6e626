"""`stillwatch explain ACCOUNT|FINDING`: why, or why not."""

from __future__ import annotations

import sys
from pathlib import Path


def explain(what: str, /, *, from_: Path = Path("stillwatch-scan"), json: bool = False) -> int:
    """Say why an account or a finding was found, or why not.

    Parameters
    ----------
    what
        An account's id, a finding's id, or its name in the report (C1, N3); the beginning of an id is enough where
        nothing else begins so.
    from_
        The folder of the scan.
    json
        Print one JSON object on standard output.
    """
    import msgspec

    from stillwatch.report.explaining import answer
    from stillwatch.report.read import read_scan

    said = answer(read_scan(from_), what)
    if json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(said.as_json())).decode() + "\n")
        return 0
    from rich.console import Console

    from stillwatch.report.terminal import show

    show(said, Console())
    return 0
