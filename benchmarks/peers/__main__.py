"""Both comparisons, printed and drawn: `python -m benchmarks.peers --help`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from benchmarks.peers import windows
from benchmarks.peers.drawing import draw_windows, draw_worlds, window_rows, world_rows
from benchmarks.peers.on_worlds import compare
from benchmarks.peers.tables import worlds_tables
from benchmarks.peers.windows_tables import windows_tables

WANTED = ("demo", "quiet", "lookalikes", "september")
"""Worlds compared on where none is named."""


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--only", choices=["worlds", "windows"])
    parser.add_argument("--worlds", nargs="+", default=list(WANTED))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="worlds that are scored")
    parser.add_argument("--tuning-seeds", type=int, nargs="+", default=[101], help="worlds that peers are tuned on")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the worlds' sizes")
    parser.add_argument(
        "--corpus", type=Path, default=os.environ.get("STILLWATCH_CORPUS"), help="folder of real prompts"
    )
    parser.add_argument("--splits", type=int, nargs="+", default=[1], help="of the honest conversations")
    parser.add_argument("--pictures", type=Path, help="folder to draw peers.png and peers-windows.png into")
    asked = parser.parse_args()
    start = time.perf_counter()
    if asked.only != "windows":
        lines = compare(asked.worlds, asked.tuning_seeds, asked.seeds, scale=asked.scale, say=say)
        print("\n".join(worlds_tables(lines)))
        if asked.pictures:
            draw_worlds(world_rows(lines), asked.pictures / "peers.png")
        say(f"worlds: {time.perf_counter() - start:.0f} s")
        start = time.perf_counter()
    if asked.only != "worlds":
        if asked.corpus is None:
            say("windows: skipped, since STILLWATCH_CORPUS names no folder of real prompts (docs/peers.md)")
            return
        result = windows.compare(asked.corpus, asked.splits, say)
        print("\n".join(windows_tables(result)))
        if asked.pictures:
            draw_windows(window_rows(result), asked.pictures / "peers-windows.png")
        say(f"windows: {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
