"""How a scan grows: the same kind of world at four sizes, one scan each, against n log n."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from stillwatch.benchmark.measured import Column, Measured, Row
from stillwatch.benchmark.reading import THREADS
from stillwatch.errors import StillwatchError

SIZES = (1, 4, 16, 32)
"""Times the smallest world."""

SMALLEST = 0.17
"""Scale of the demo's world for it, at scale 1: some sixty thousand exchanges. At 16.5 it has a million."""

BAR = 1.0
"""Times its n log n that a size may take of what the smallest takes of its own."""

WIDTH = 48


@dataclass(frozen=True, slots=True)
class _Scanned:
    exchanges: int
    accounts: int
    wall: float
    processor: float
    peak_mb: float
    largest: str

    @property
    def cost(self) -> float:
        """Processor seconds for each n log2 n."""
        return self.processor / (self.exchanges * math.log2(max(self.exchanges, 2)))


def measure_growth(scale: float) -> Measured:
    """Time and memory of a whole scan of worlds that are 1, 4, 16 and 32 times as large.

    Raises: StillwatchError where a world cannot be written or scanned.
    """
    found = [_scan(SMALLEST * scale * size) for size in SIZES]
    rows = tuple(
        Row(
            f"{size} x",
            {
                "exchanges": one.exchanges,
                "accounts": one.accounts,
                "seconds": one.wall,
                "processor": one.processor,
                "each": 1e6 * one.processor / one.exchanges,
                "peak_memory_mb": one.peak_mb,
                "of_n_log_n": one.cost / found[0].cost,
                "bar": BAR,
            },
        )
        for size, one in zip(SIZES, found, strict=True)
    )
    return Measured(
        "growth",
        f"a whole scan, Parquet in, findings out, {THREADS} threads, of worlds that grow",
        (
            Column("exchanges", "exchanges", "{:,.0f}"),
            Column("accounts", "accounts", "{:,.0f}"),
            Column("seconds", "seconds", "{:,.1f}"),
            Column("processor", "processor s", "{:,.1f}"),
            Column("each", "processor us each", "{:,.1f}"),
            Column("peak_memory_mb", "peak MB", "{:,.0f}"),
            Column("of_n_log_n", "of n log n", "{:,.2f} x"),
            Column("bar", "bar", "{:,.2g}"),
        ),
        rows,
        (
            *_drawn(found),
            *(f"{size} x: most of it in {one.largest}" for size, one in zip(SIZES, found, strict=True)),
        ),
    )


def _drawn(found: list[_Scanned]) -> list[str]:
    """Processor time of each size as a bar, and in it where n log n of the smallest would end."""
    most = max(one.processor for one in found)
    smallest = found[0]
    lines = []
    for size, one in zip(SIZES, found, strict=True):
        bar = round(WIDTH * one.processor / most)
        usual = smallest.cost * one.exchanges * math.log2(max(one.exchanges, 2))
        mark = round(WIDTH * usual / most)
        drawn = "".join("█" if at < bar else " " for at in range(max(bar, mark) + 1))
        drawn = drawn[:mark] + "│" + drawn[mark + 1 :]
        lines.append(f"{size:>3} x {drawn}  {one.processor:,.1f} s")
    return [*lines, "      │ where n log n of the smallest ends"]


def _scan(scale: float) -> _Scanned:
    with tempfile.TemporaryDirectory(prefix="stillwatch-") as name:
        folder = Path(name)
        _run("range", "demo", "--scale", f"{scale:g}", "--out", str(folder / "world"))
        _run("scan", str(folder / "world"), "--out", str(folder / "scan"), "--threads", str(THREADS))
        steps = json.loads((folder / "scan" / "run.json").read_text())["steps"]
        summary = json.loads((folder / "scan" / "scan.json").read_text())
    return _Scanned(
        exchanges=summary["exchanges"],
        accounts=summary["accounts"],
        wall=sum(step["seconds"] for step in steps),
        processor=sum(step["processor_seconds"] for step in steps),
        peak_mb=max(step["peak_memory_mb"] for step in steps),
        largest=max(steps, key=lambda step: float(step["processor_seconds"]))["step"],
    )


def _run(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stillwatch", *arguments, "--quiet"],
        capture_output=True, text=True, check=False, encoding="utf-8",
    )  # fmt: skip
    if done.returncode:
        raise StillwatchError(f"it failed: {done.stderr.strip()}", source=f"stillwatch {arguments[0]}")
