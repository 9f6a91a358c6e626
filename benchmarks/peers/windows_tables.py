"""The comparison on windows as tables: rates over sources with intervals, ours against MMD in pairs, and drift."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.windows import DRIFTS, MIXES, OURS, OURS_WITH_EXAMPLES, WINDOWS, Cell, Result

Floats = NDArray[np.float64]

DRAWS = 2_000
"""Of the bootstrap."""

PAIRS = ((OURS, "MMD"), (OURS_WITH_EXAMPLES, "MMD"))

PAPER = {
    "MMD": (0.3, 59.0, 93.7, 100.0, 100.0, 100.0),
    "marginal Mahalanobis": (14.2, 70.5, 83.2, 91.9, 99.0, 100.0),
    "SEAT": (13.6, 31.7, 64.5, 93.2, 97.9, 100.0),
    "PRADA": (7.3, 18.9, 25.4, 58.2, 66.3, 77.8),
}
"""Percent: false alarms, then by mix."""


def tests_of(result: Result) -> list[str]:
    """Names of the tests, in the order of the tables."""
    return list(result.cells[0].alarms)


def rate(cells: Sequence[Cell], test: str, against: str | None = None) -> tuple[float, float, float] | None:
    """Mean over sources of the share of windows with an alarm, with its interval; less another test's, in pairs.

    Interval: 95 %, by drawing sources with replacement and, within each, its windows (each window is drawn from another
    half of the conversations, and of the source). None without cells.
    """
    by_source: dict[str, list[Floats]] = {}
    for cell in cells:
        values = cell.alarms[test] - (cell.alarms[against] if against else 0.0)
        by_source.setdefault(cell.source, []).append(values)
    if not by_source:
        return None
    pooled = [np.concatenate(parts) for parts in by_source.values()]
    rng = np.random.default_rng(0)
    redrawn = np.column_stack([v[rng.integers(0, len(v), (DRAWS, len(v)))].mean(axis=1) for v in pooled])
    which = rng.integers(0, len(pooled), (DRAWS, len(pooled)))
    means = np.take_along_axis(redrawn, which, axis=1).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(np.mean([v.mean() for v in pooled])), float(low), float(high)


def false_alarms(result: Result, size: int, test: str) -> float:
    """Share of honest windows with an alarm, and never less than 3 over the number of windows that share no query."""
    seen = np.concatenate([cell.alarms[test] for cell in result.honest if cell.size == size])
    return max(float(seen.mean()), 3.0 / result.independent[size])


def windows_tables(result: Result) -> list[str]:
    """All tables of the comparison on windows."""
    known = [cell for cell in result.cells if cell.source not in result.unseen]
    new = [cell for cell in result.cells if cell.source in result.unseen]
    out: list[str] = []
    for size in WINDOWS:
        floor = 3.0 / result.independent[size]
        out += [
            f"Windows of {size:,} queries: share with an alarm, mean over {len({c.source for c in known})} sources, "
            f"95 % interval. False alarms are not known below {floor:.3f}: 3 over {result.independent[size]} windows "
            "that share no query.",
            "",
            "| test | false alarms | " + " | ".join(f"{mix:.0%}" for mix in MIXES) + " |",
            "|---" * (len(MIXES) + 2) + "|",
        ]
        for test in tests_of(result):
            seen = np.concatenate([cell.alarms[test] for cell in result.honest if cell.size == size]).mean()
            quoted = f"{seen:.3f}" if seen >= floor else f"below {floor:.3f}"
            cells = [_cell(rate(_at(known, size, mix), test)) for mix in MIXES]
            out.append(f"| {test} | {quoted} | {' | '.join(cells)} |")
        for test, against in PAIRS:
            cells = [_cell(rate(_at(known, size, mix), test, against), sign="+") for mix in MIXES]
            out.append(f"| *{test}, less {against}* | | {' | '.join(cells)} |")
        out.append("")
    out += ["By source: windows with an alarm, MMD / ours / ours with examples of other families.", ""]
    columns = [(size, mix) for size in WINDOWS for mix in MIXES[:2]]
    out += ["| source | " + " | ".join(f"{size:,}, {mix:.0%}" for size, mix in columns) + " |"]
    out.append("|---" * (len(columns) + 1) + "|")
    for cells_of, mark in ((known, ""), (new, " *")):
        for source in dict.fromkeys(cell.source for cell in cells_of):
            own = [cell for cell in cells_of if cell.source == source]
            row = [_three([c for c in own if (c.size, c.mix) == column]) for column in columns]
            out.append(f"| {source}{mark} | {' | '.join(row)} |")
    out += ["", "\\* looked at by nobody before the test was settled, and in none of the means above.", ""]
    out += [
        "Honest windows in which this share comes from other honest people than those that the tests were fitted on: "
        "windows with an alarm, all of them false.",
        "",
    ]
    columns = [(size, mix) for size in WINDOWS for mix in DRIFTS]
    out.append("| test | " + " | ".join(f"{size:,}, {mix:.0%}" for size, mix in columns) + " |")
    out.append("|---" * (len(columns) + 1) + "|")
    for test in tests_of(result):
        row = [_cell(rate(_at(result.drifted, size, mix), test), interval=False) for size, mix in columns]
        out.append(f"| {test} | {' | '.join(row)} |")
    return [*out, "", *published()]


def published() -> list[str]:
    """The table of arXiv 2606.05725, as a reader may want it beside ours."""
    out = [
        "Published in arXiv 2606.05725: windows of 1,500, other data, a trained sentence encoder; percent.",
        "",
        "| test | false alarms | " + " | ".join(f"{mix:.0%}" for mix in MIXES) + " |",
        "|---" * (len(MIXES) + 2) + "|",
    ]
    return out + [f"| {test} | {' | '.join(f'{value:.1f}' for value in row)} |" for test, row in PAPER.items()]


def _at(cells: Sequence[Cell], size: int, mix: float) -> list[Cell]:
    return [cell for cell in cells if cell.size == size and cell.mix == mix]


def _cell(found: tuple[float, float, float] | None, *, sign: str = "", interval: bool = True) -> str:
    if found is None:
        return "-"
    mean, low, high = found
    return f"{mean:{sign}.2f}" + (f" ({low:{sign}.2f} to {high:{sign}.2f})" if interval else "")


def _three(cells: Sequence[Cell]) -> str:
    if not cells:
        return "-"
    return " / ".join(
        f"{np.concatenate([c.alarms[test] for c in cells]).mean():.2f}" for test in ("MMD", OURS, OURS_WITH_EXAMPLES)
    )
