"""What a measurement comes to: a row a method, best rates, and ratios between methods of one run."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

GET_PEERS = "`make bench` in a checkout installs and runs them; elsewhere: pip install 'stillwatch[bench]'"
"""How to have the libraries that are measured beside, said where one is missing."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of figures: its key in JSON, its heading, and the format string of a figure."""

    key: str
    heading: str
    form: str


@dataclass(frozen=True, slots=True)
class Row:
    """A method and its figures by column; None where it has none."""

    method: str
    figures: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement: a title that says what was measured on what, rows, and what a reader must know of them."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    remarks: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The same for `--json`."""
        return {
            "name": self.name,
            "title": self.title,
            "rows": [{"method": row.method, **row.figures} for row in self.rows],
            "remarks": list(self.remarks),
        }


def best_seconds(
    works: Sequence[Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """The least seconds of each work, called by turns, so that what else the machine does falls on all of them."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for i, work in enumerate(works):
            begin = clock()
            work()
            best[i] = min(best[i], clock() - begin)
    return best


def installed(names: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Which of some libraries are there, and a remark on those that are not."""
    there = [name for name in names if importlib.util.find_spec(name) is not None]
    lacking = [name for name in names if name not in there]
    return there, (f"not installed: {', '.join(lacking)}. {GET_PEERS}",) if lacking else ()
