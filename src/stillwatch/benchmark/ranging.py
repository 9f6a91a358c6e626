"""Writing worlds, each in a process of its own: exchanges a second, and memory, which size must not change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stillwatch.benchmark.measured import Column, Measured, Row
from stillwatch.errors import StillwatchError

SIZES = ((1.0, 2), (4.0, 2), (10.0, 2), (1.0, 1), (4.0, 1))
"""Sizes of the demo's world, and processes, at scale 1."""


def measure_range(scale: float) -> Measured:
    """Time, processor time and memory of `stillwatch range demo` at some sizes, on two processes and on one.

    Raises: StillwatchError where a world cannot be written.
    """
    rows = [_row(factor * scale, workers) for factor, workers in SIZES]
    return Measured(
        "range",
        "writing worlds: the demo's, as canonical Parquet with registry and truth",
        (
            Column("exchanges", "exchanges", "{:,.0f}"),
            Column("seconds", "seconds", "{:,.1f}"),
            Column("cpu_seconds", "CPU seconds", "{:,.1f}"),
            Column("per_second", "exchanges/s", "{:,.0f}"),
            Column("largest_mb", "MB of the largest process", "{:,.0f}"),
            Column("bytes_each", "bytes each", "{:,.0f}"),
        ),
        tuple(rows),
        ("seconds are those of the whole command, start-up included",),
    )


def _row(scale: float, workers: int) -> Row:
    with tempfile.TemporaryDirectory(prefix="stillwatch-") as folder:
        world = Path(folder) / "world"
        command = [sys.executable, "-m", "stillwatch", "range", "demo", "--out", str(world), "--quiet"]
        command += ["--scale", str(scale), "--workers", str(workers)]
        begin = time.perf_counter()
        started = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        # What a process and those that it started used is told when it is waited for.
        _, status, used = os.wait4(started.pid, 0)
        seconds = time.perf_counter() - begin
        started.returncode = os.waitstatus_to_exitcode(status)
        if started.returncode:
            raise StillwatchError("a world could not be written", source="stillwatch range")
        n = json.loads((world / "world.json").read_text())["exchanges"]
        size = sum(path.stat().st_size for path in world.rglob("*.parquet"))
    return Row(
        f"scale {scale:g}, {workers} {'process' if workers == 1 else 'processes'}",
        {
            "exchanges": n,
            "seconds": seconds,
            "cpu_seconds": used.ru_utime + used.ru_stime,
            "per_second": n / seconds,
            "largest_mb": used.ru_maxrss / 1024,
            "bytes_each": size / max(n, 1),
        },
    )
