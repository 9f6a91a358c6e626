"""`stillwatch evaluate SCAN WORLD`: a scan's folder against the truth of a labelled world."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stillwatch.errors import UsageError

if TYPE_CHECKING:
    from stillwatch.evaluate.scores import Scores


def evaluate(
    scan: Path | None = None,
    world: Path | None = None,
    /,
    *,
    worlds: tuple[str, ...] = (),
    seeds: str = "1-3",
    scale: float = 1.0,
    json: bool = False,
) -> int:
    """Score a scan against the truth of a labelled world, or scans of worlds made with many seeds.

    A campaign is found where one finding holds at least half of its exchanges, and is at least half its own.

    Parameters
    ----------
    scan
        The folder that a scan wrote.
    world
        The folder of the world that was scanned, with its truth.
    worlds
        Instead of both: worlds of the range, made, scanned and scored one after the other, and summed up.
    seeds
        Seeds of these worlds: `1-10`, or `1,4,7`.
    scale
        Factor on the number of accounts of these worlds.
    json
        Print one JSON object on standard output.
    """
    if worlds:
        if scan is not None:
            raise UsageError("SCAN and --worlds ask for two things", hint="give one of them")
        return _over_seeds(worlds, _numbers(seeds), scale, json)
    if scan is None or world is None:
        raise UsageError("SCAN and WORLD are needed", hint="or name --worlds, which are made and scanned")
    import msgspec

    from stillwatch.evaluate.scores import score

    scores = score(scan, world)
    if json:
        document = {**msgspec.to_builtins(scores), "found": scores.found}
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document)).decode() + "\n")
    else:
        show(scores)
    return 0


def _over_seeds(worlds: tuple[str, ...], seeds: list[int], scale: float, json: bool) -> int:
    import msgspec

    from stillwatch.benchmark.detection import play, summary

    played = list(play(worlds, seeds, scale=scale, say=lambda text: print(text, file=sys.stderr)))
    if json:
        document = [msgspec.to_builtins(one) for one in played]
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document)).decode() + "\n")
    else:
        print("\n".join(summary(played)))
    return 0


def _numbers(seeds: str) -> list[int]:
    out: list[int] = []
    for part in seeds.split(","):
        low, dash, high = part.partition("-")
        if not low.strip().isdigit() or (dash and not high.strip().isdigit()):
            raise UsageError(f"--seeds {seeds!r} names no numbers", hint="write 1-10, or 1,4,7")
        out += range(int(low), int(high) + 1) if dash else [int(low)]
    return out


def show(scores: Scores) -> None:
    """Print scores, for a terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    names = ("campaign", "accounts", "recall", "precision", "exchanges", "recall", "precision")
    table = Table(*names, box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for one in scores.campaigns:
        table.add_row(
            one.campaign,
            f"{one.accounts:,}",
            *_shares(one.account_recall, one.account_precision),
            f"{one.exchanges:,}",
            *_shares(one.exchange_recall, one.exchange_precision),
        )
    console.print(table)
    for one in scores.campaigns:
        told = f"found as {one.finding_id}"
        if one.finding_id is None:
            told = f"{one.outcome}; {one.recall_anywhere:.0%} of its exchanges are in campaign findings"
        console.print(f"  {one.campaign}: {told}")
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
        nets = Table("network", "accounts", "in truth", "purity", "completeness", box=SIMPLE_HEAD)
        for net in scores.network_findings:
            shares = f"{net.purity:.3f}", f"{net.completeness:.3f}"
            nets.add_row(net.finding_id, f"{net.accounts:,}", net.network or "none", *shares)
        console.print(nets)
        for net in scores.network_findings:
            if net.outsiders:
                outsiders = ", ".join(f"{n} {kind}" for kind, n in net.outsiders.items())
                console.print(f"  strangers in {net.finding_id}: {outsiders}", soft_wrap=True)
    for harvest in scores.harvests:
        whose = ", ".join(f"{n:,} of {name}" for name, n in harvest["populations"].items())
        console.print(f"harvest {harvest['finding_id']}: {harvest['exchanges']:,} exchanges, {whose}")


def _shares(recall: float | None, precision: float | None) -> tuple[str, str]:
    return ("-" if recall is None else f"{recall:.3f}", "-" if precision is None else f"{precision:.3f}")
