"""What a person sees while a scan runs: the step, its rate and its time."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


def forget_peak() -> None:
    """Count the peak of memory anew from here; where the kernel does not allow it, the peak of before stands."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_mb() -> int:
    """The most memory that this process has held since `forget_peak`.

    What the kernel counts for the program alone, where it does: `getrusage` begins with the peak of whoever started it.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        lines = []
    own = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return (own[0] if own else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) // 1024


class Progress:
    """Says what goes on, and keeps the time and the peak memory of each step for run.json.

    quiet: say nothing.  live: redraw the current line, for a terminal.
    """

    def __init__(self, *, quiet: bool = False, live: bool = False) -> None:
        self.quiet, self.live = quiet, live and not quiet
        self.rows: list[dict[str, Any]] = []
        self._step, self._begin, self._drawn = "", 0.0, 0.0

    def say(self, text: str) -> None:
        """One line for a person."""
        if not self.quiet:
            self._clear()
            print(text, file=sys.stderr)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step."""
        self._step, self._begin, self._drawn = name, time.perf_counter(), 0.0
        self._draw(f"{name} …")
        forget_peak()
        yield
        seconds = time.perf_counter() - self._begin
        self.rows.append({"step": name, "seconds": round(seconds, 3), "peak_memory_mb": peak_memory_mb()})
        self.say(f"{name:<28} {seconds:7.1f} s")

    def count(self, n: int) -> None:
        """How many rows the current step has done."""
        now = time.perf_counter()
        if self.live and now - self._drawn > 0.2:
            self._drawn = now
            elapsed = now - self._begin
            self._draw(f"{self._step:<28} {elapsed:7.1f} s   {n:,} rows, {n / max(elapsed, 1e-6):,.0f} a second")

    def _draw(self, text: str) -> None:
        if self.live:
            print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self.live:
            print("\r\x1b[2K", end="", file=sys.stderr)
