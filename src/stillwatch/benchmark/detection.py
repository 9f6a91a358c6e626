"""What a scan finds and whom it accuses, over seeds of the traffic range's worlds: every figure with its interval."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import beta

from stillwatch.evaluate.scores import Scores, score
from stillwatch.scan.options import ScanOptions
from stillwatch.scan.progress import Progress
from stillwatch.scan.run import scan
from stillwatch.traffic_range.worlds import world_named
from stillwatch.traffic_range.write import write_world

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Played:
    """One world of one seed, scanned. days: of its traffic; seconds: of the scan."""

    world: str
    seed: int
    scores: Scores
    exchanges: int
    accounts: int
    days: float
    seconds: float


def play(
    worlds: Sequence[str], seeds: Sequence[int], *, scale: float = 1.0, say: Callable[[str], None] = lambda text: None
) -> Iterator[Played]:
    """Make, scan and score each world with each seed, in a folder that is deleted after each.

    Raises: UsageError for a world that is not known.
    """
    for name in worlds:
        world = world_named(name)
        for seed in seeds:
            folder = Path(tempfile.mkdtemp(prefix="stillwatch-"))
            try:
                say(f"{name}, seed {seed}")
                written = write_world(world, folder / "world", seed=seed, scale=scale)
                scan([str(folder / "world")], ScanOptions(out=folder / "scan"), Progress(quiet=True, live=False))
                steps = json.loads((folder / "scan" / "run.json").read_text())["steps"]
                yield Played(
                    world=name,
                    seed=seed,
                    scores=score(folder / "scan", folder / "world"),
                    exchanges=written.exchanges,
                    accounts=written.accounts,
                    days=float(world.calendar.days),
                    seconds=sum(step["seconds"] for step in steps),
                )
            finally:
                shutil.rmtree(folder, ignore_errors=True)


def interval(successes: int, n: int) -> tuple[float, float]:
    """The share of successes, between which bounds: Clopper and Pearson 1934, at `CONFIDENCE`."""
    tail = (1.0 - CONFIDENCE) / 2.0
    low = float(beta.ppf(tail, successes, n - successes + 1)) if successes else 0.0
    high = float(beta.ppf(1.0 - tail, successes + 1, n - successes)) if successes < n else 1.0
    return low, high


def summary(played: Sequence[Played]) -> list[str]:
    """What was found and who was accused, as lines of Markdown: tables of campaigns, and of honest traffic."""
    out = [
        "| world | campaign | found | 95 % interval | accounts r / p | exchanges r / p |",
        "|---|---|---|---|---|---|",
    ]
    for world in dict.fromkeys(one.world for one in played):
        runs = [one for one in played if one.world == world]
        for name in dict.fromkeys(c.campaign for one in runs for c in one.scores.campaigns):
            mine = [c for one in runs for c in one.scores.campaigns if c.campaign == name]
            found = [c for c in mine if c.finding_id is not None]
            low, high = interval(len(found), len(mine))
            accounts = _pair([c.account_recall for c in found], [c.account_precision for c in found])
            exchanges = _pair([c.exchange_recall for c in found], [c.exchange_precision for c in found])
            share = f"{len(found)} of {len(mine)}"
            out.append(f"| {world} | {name} | {share} | {low:.2f} to {high:.2f} | {accounts} | {exchanges} |")
    out += ["", "| world | runs | days | honest accounts | false campaigns | honest accounts accused | networks |"]
    out.append("|---|---|---|---|---|---|---|")
    for world in dict.fromkeys(one.world for one in played):
        runs = [one for one in played if one.world == world]
        honest = sum(one.scores.honest_accounts for one in runs)
        accused = sum(sum(one.scores.accused.values()) for one in runs)
        false = sum(len(one.scores.false_campaigns) for one in runs)
        networks = sum(one.scores.networks for one in runs)
        days = sum(one.days for one in runs)
        out.append(f"| {world} | {len(runs)} | {days:.0f} | {honest:,} | {false} | {accused} | {networks} |")
    return out


def _pair(recalls: Sequence[float | None], precisions: Sequence[float | None]) -> str:
    known = [[x for x in column if x is not None] for column in (recalls, precisions)]
    return " / ".join(f"{np.mean(column):.3f}" if column else "-" for column in known)
