"""`stillwatch demo`: make a small world, scan it, and write its report."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path


def demo(*, out: Path = Path("demo"), seed: int = 1) -> int:
    """Make a small world, scan it, and write its report: what was planted beside what was found.

    Parameters
    ----------
    out
        Folder for the world, the scan and report.html; what an earlier demo left there is replaced.
    seed
        Seed of the world.
    """
    from rich.console import Console
    from rich.text import Text

    from stillwatch.commands.evaluate import show
    from stillwatch.evaluate.scores import score
    from stillwatch.scan import ScanOptions, scan
    from stillwatch.scan.progress import Progress
    from stillwatch.traffic_range.worlds import world_named
    from stillwatch.traffic_range.write import workers_here, write_world

    world, result, report = out / "world", out / "scan", out / "report.html"
    chosen = world_named("demo")
    print(f"making a world in {world}: {chosen.title}", file=sys.stderr)
    written = write_world(chosen, world, seed=seed, workers=workers_here())
    scan([str(world)], ScanOptions(out=result), Progress(quiet=False, live=sys.stderr.isatty()))
    shutil.copyfile(result / "report.html", report)

    console = Console(highlight=False)
    campaigns = ", ".join(cast.population for cast in chosen.cast if cast.population.endswith("_campaign"))
    console.print(f"Planted: {written.exchanges:,} exchanges of {written.accounts:,} accounts, among them {campaigns}")
    show(score(result, world))
    console.print(Text(f"Report: {report}", style="bold"), soft_wrap=True)
    console.print(Text(f"Why: stillwatch explain C1 --from {shlex.quote(str(result))}"), soft_wrap=True)
    console.print("Your own logs: stillwatch check LOGS, then stillwatch scan LOGS --out DIR")
    return 0
