"""What a person sees while a scan runs: the step, its rate and its time."""

from __future__ import annotations

import resource
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Lock, Thread
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


TICK_SECONDS = 0.25


class Progress:
    """Says what goes on, and keeps the time, the processor's time and the peak memory of each step for run.json.

    quiet: say nothing.  live: redraw the current line, for a terminal, also while a step tells nothing.
    """

    def __init__(self, *, quiet: bool = False, live: bool = False) -> None:
        self.quiet, self.live = quiet, live and not quiet
        self.rows: list[dict[str, Any]] = []
        self._begin = 0.0
        self._counted: tuple[int, float, int, float] | None = None
        self._expected: int | None = None
        self._line = Lock()

    def say(self, text: str) -> None:
        """One line for a person."""
        if not self.quiet:
            with self._line:
                self._clear()
                print(text, file=sys.stderr, flush=True)

    def expect(self, n: int | None) -> None:
        """How many rows there will be, where that is known: the time that is left is told from it."""
        self._expected = n

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step."""
        self._begin, self._counted, processor = time.perf_counter(), None, time.process_time()
        forget_peak()
        done = Event()
        ticker = Thread(target=self._tick, args=(name, done), daemon=True) if self.live else None
        if ticker is not None:
            ticker.start()
        try:
            yield
        finally:
            done.set()
            if ticker is not None:
                ticker.join()
                self._clear()
        seconds = time.perf_counter() - self._begin
        self.rows.append(
            {
                "step": name,
                "seconds": round(seconds, 3),
                "processor_seconds": round(time.process_time() - processor, 3),
                "peak_memory_mb": peak_memory_mb(),
            }
        )
        self.say(f"{name:<28} {seconds:7.1f} s")

    def count(self, n: int) -> None:
        """How many rows the current step has done."""
        # A scan that is gone on with begins its count where it was stopped; and what comes before the first rows is no
        # rate of theirs.
        now = time.perf_counter()
        first, since, _, _ = self._counted or (n, now, n, now)
        self._counted = (first, since, n, now)

    def _tick(self, name: str, done: Event) -> None:
        while True:
            first, since, n, until = self._counted or (0, 0.0, 0, 0.0)
            rate = (n - first) / max(until - since, 1e-6)
            text = under_way(name, time.perf_counter() - self._begin, n, rate=rate, expected=self._expected)
            width = shutil.get_terminal_size().columns - 1
            with self._line:
                print(f"\r\x1b[2K{text[:width]}", end="", file=sys.stderr, flush=True)
            if done.wait(TICK_SECONDS):
                return

    def _clear(self) -> None:
        if self.live:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)


def under_way(name: str, seconds: float, n: int, *, rate: float = 0.0, expected: int | None = None) -> str:
    """A step that goes on, in one line: its time; its rows, their rate and the time left, where they are counted.

    n: rows so far.  rate: rows a second, 0 before there is one.  expected: rows in all, where that is known.
    """
    said = f"{name:<24} {seconds:6.1f} s"
    if not n:
        return said
    said += f"  {n:,} rows"
    if not rate:
        return said
    said += f", {rate:,.0f} a second"
    return said if expected is None or n > expected else f"{said}, {_left((expected - n) / rate)} left"


def _left(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
