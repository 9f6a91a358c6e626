"""`stillwatch bench`: how fast this machine runs it, beside peers, and how wrong each of them is."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stillwatch.benchmark.measured import Measured

Name = Literal["sketch", "reading", "grouping", "networks", "scan", "growth", "store", "range"]
NAMES: tuple[Name, ...] = ("sketch", "reading", "grouping", "networks", "scan", "growth", "store", "range")

WORLD_SCALE = 0.2
"""Of the demo's world, which is read and scanned, at scale 1."""


def bench(
    *measurements: Name,
    corpus: Path | None = None,
    scale: float = 1.0,
    quiet: bool = False,
    json: bool = False,
) -> int:
    """Measure its own speed on this machine, beside peers, on texts of its own traffic range.

    Parameters
    ----------
    measurements
        What to measure: `sketch` (fingerprints of prompts, their error first), `reading` (a log, beside DuckDB),
        `grouping` (prompts by mould, purity first), `networks` (planted groups, at three sizes), `scan` (every step of
        a small world, from NDJSON and from Parquet, beside DuckDB's pass over the same, and each ratio beside the most
        that it may be), `growth` (whole scans of worlds 1, 4, 16 and 32 times as large, drawn beside n log n), `store`
        (the same world day by day), `range` (how fast worlds are written, and in what memory); all where none is named.
    corpus
        A folder of Parquet files with prompts of yours to sketch, in place of the range's.
    scale
        Factor on the size of what is measured.
    quiet
        Say nothing on standard error but errors.
    json
        Print one JSON object on standard output.
    """
    import msgspec

    from stillwatch import __version__
    from stillwatch.errors import UsageError

    if not 0 < scale <= 1000:
        raise UsageError("--scale must be above 0, and at most 1000")
    wanted = [name for name in NAMES if name in measurements or not measurements]
    machine = {"processor": _processor(), "cores": os.cpu_count(), "python": platform.python_version()}
    found: list[Measured] = []
    for one in _measure(wanted, corpus, scale, quiet):
        found.append(one)
        if not json:
            show(one)
    if json:
        document = {"stillwatch": __version__, "machine": machine, "measured": [one.as_json() for one in found]}
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document)).decode() + "\n")
    elif not quiet:
        print(f"on {machine['processor']}, {machine['cores']} cores, Python {machine['python']}", file=sys.stderr)
    return 0


def _measure(wanted: list[Name], corpus: Path | None, scale: float, quiet: bool) -> Iterator[Measured]:
    """The measurements, one after the other."""
    from stillwatch.benchmark.day_by_day import measure_days
    from stillwatch.benchmark.grouping import measure_grouping
    from stillwatch.benchmark.growing import measure_growth
    from stillwatch.benchmark.linking import measure_networks
    from stillwatch.benchmark.ranging import measure_range
    from stillwatch.benchmark.reading import measure_reading
    from stillwatch.benchmark.scanning import measure_scan
    from stillwatch.benchmark.sketches import measure_sketches
    from stillwatch.traffic_range.worlds import world_named
    from stillwatch.traffic_range.write import write_world

    def say(text: str) -> None:
        if not quiet:
            print(text, file=sys.stderr)

    with tempfile.TemporaryDirectory(prefix="stillwatch-") as folder:
        world = Path(folder) / "world"
        if {"reading", "scan", "store"} & set(wanted):
            say("making a world ...")
            write_world(world_named("demo"), world, scale=WORLD_SCALE * scale, format="canonical-ndjson")
        for name in wanted:
            say(f"measuring: {name} ...")
            if name == "sketch":
                yield measure_sketches(scale, corpus)
            elif name == "reading":
                yield measure_reading(world / "logs.ndjson")
            elif name == "grouping":
                yield measure_grouping(scale)
            elif name == "networks":
                yield measure_networks(scale)
            elif name == "store":
                yield measure_days(world, world / "logs.ndjson")
            elif name == "growth":
                yield measure_growth(scale)
            elif name == "range":
                yield measure_range(scale)
            else:
                yield from measure_scan(world, world / "logs.ndjson")


def show(measured: Measured) -> None:
    """Print a measurement, for a terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(measured.title, style="bold")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    table.add_column("")
    for column in measured.columns:
        table.add_column(column.heading, justify="right", min_width=max(map(len, column.heading.split())))
    for row in measured.rows:
        figures = [row.figures[column.key] for column in measured.columns]
        cells = (
            "–" if figure is None else column.form.format(figure)
            for column, figure in zip(measured.columns, figures, strict=True)
        )
        table.add_row(row.method, *cells)
    console.print(table)
    for remark in measured.remarks:
        console.print(remark, style="dim")


def _processor() -> str:
    """The processor's name, as far as the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
