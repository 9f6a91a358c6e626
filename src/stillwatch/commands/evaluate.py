"""`stillwatch evaluate SCAN WORLD`: a scan's folder against the truth of a labelled world."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stillwatch.evaluate.scores import Scores


def evaluate(scan: Path, world: Path, /, *, json: bool = False) -> int:
    """Score a scan against the truth of a labelled world.

    A campaign is found where one finding holds at least half of its exchanges, and is at least half its own.

    Parameters
    ----------
    scan
        The folder that a scan wrote.
    world
        The folder of the world that was scanned, with its truth.
    json
        Print one JSON object on standard output.
    """
    import msgspec

    from stillwatch.evaluate.scores import score

    scores = score(scan, world)
    if json:
        document = {**msgspec.to_builtins(scores), "found": scores.found}
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document)).decode() + "\n")
    else:
        show(scores)
    return 0


def show(scores: Scores) -> None:
    """Print scores, for a terminal."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table("campaign", "accounts", "exchanges", "found", title="recall / precision", title_justify="left")
    for one in scores.campaigns:
        table.add_row(
            one.campaign,
            _pair(one.accounts, one.account_recall, one.account_precision),
            _pair(one.exchanges, one.exchange_recall, one.exchange_precision),
            one.finding_id or f"{one.outcome}; {one.recall_anywhere:.0%} of it in findings",
        )
    console.print(table)
    console.print(
        f"{scores.found} of {len(scores.campaigns)} campaigns found; {len(scores.false_campaigns)} false ones"
    )
    for false in scores.false_campaigns:
        console.print(
            f"  false: {false['finding_id']}, {false['exchanges']:,} exchanges of {false['kinds']}", style="red"
        )
    if scores.split_campaigns:
        console.print(f"  pieces of campaigns that are no find: {', '.join(scores.split_campaigns)}")
    accused = sum(scores.accused.values())
    console.print(
        f"{accused} of {scores.honest_accounts:,} honest accounts accused{f': {scores.accused}' if accused else ''}"
    )
    console.print(f"{scores.networks} networks, which accuse nobody")
    if scores.network_findings:
        nets = Table("network", "accounts", "in truth", "purity", "completeness", "outsiders")
        for net in scores.network_findings:
            outsiders = ", ".join(f"{n} {kind}" for kind, n in net.outsiders.items())
            shares = f"{net.purity:.3f}", f"{net.completeness:.3f}"
            nets.add_row(net.finding_id, f"{net.accounts:,}", net.network or "none", *shares, outsiders)
        console.print(nets)
    for harvest in scores.harvests:
        whose = ", ".join(f"{n:,} of {name}" for name, n in harvest["populations"].items())
        console.print(f"harvest {harvest['finding_id']}: {harvest['exchanges']:,} exchanges, {whose}")


def _pair(n: int, recall: float | None, precision: float | None) -> str:
    return f"{n:,}" if recall is None or precision is None else f"{n:,}  {recall:.3f} / {precision:.3f}"
