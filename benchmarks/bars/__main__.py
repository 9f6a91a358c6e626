"""Every bar of detection beside what was reached: `python -m benchmarks.bars --help`.

Runs are kept in a folder, and made anew only where the code has changed; those of the first seed come first, so that it
can be stopped at any time and gone on with.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bars.rows import ROWS, Figure, Row
from benchmarks.bars.runs import kept_result, result

SEEDS = 10
"""Runs below which a bar that nothing speaks against stays open."""


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def table(rows: list[Row], seeds: list[int], folder: Path) -> Iterator[str]:
    """The figures of all runs that are kept, as Markdown."""
    yield "| what | shared | bar | reached (95 %) | runs | met |"
    yield "|---|---|---|---|---:|---|"
    for row in rows:
        results = [kept for seed in seeds if (kept := kept_result(row.run(seed), folder)) is not None]
        if not results:
            yield f"| {row.name} | | | not run | 0 | |"
            continue
        yield from (_line(figure) for figure in row.told(results))


def _line(figure: Figure) -> str:
    met = "**no**" if figure.met is False else "yes" if figure.met and figure.runs >= SEEDS else "open"
    return f"| {figure.what} | {figure.shared} | {figure.bar} | {figure.got} | {figure.runs} | {met} |"


def main() -> None:
    """Make what is missing, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bars", description=__doc__)
    names = [row.name for row in ROWS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="ROW", help=", ".join(names))
    parser.add_argument("--seeds", type=int, default=SEEDS, help="seeds of each row, from 1")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="after which no further run is begun")
    parser.add_argument("--kept", type=Path, default=Path(".bars"), help="folder of the runs")
    asked = parser.parse_args()
    rows, seeds = [row for row in ROWS if row.name in asked.only], list(range(1, asked.seeds + 1))
    until = time.monotonic() + 60.0 * asked.minutes
    for seed in seeds:
        for row in rows:
            if time.monotonic() < until:
                result(row.run(seed), asked.kept, say)
    print("\n".join(table(rows, seeds, asked.kept)))


if __name__ == "__main__":
    main()
