"""The pictures of both comparisons, drawn with Vega-Lite as the report's are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import vl_convert

from benchmarks.peers.on_worlds import JUDGED, OURS, Line
from benchmarks.peers.windows import MIXES, WINDOWS, Result
from benchmarks.peers.windows_tables import rate, tests_of
from stillwatch.report.charts import VERSION

Spec = dict[str, Any]

SHOWN = ("ours, with examples", "ours", "ours, crowd alone", "MMD", "marginal Mahalanobis", "SEAT", "PRADA")
"""Tests in the picture of windows, and the order of their colours."""

COLOURS = ("#0b3d6b", "#2f78c4", "#8fbbe6", "#c2410c", "#a16207", "#6b7280", "#b8b8b8")

_CONFIG: Spec = {
    "background": "white",
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {"titleFontWeight": "normal", "titleFontSize": 12, "labelFontSize": 12, "gridColor": "#e5e5e5"},
    "axisY": {"grid": False},
    "legend": {"orient": "right", "title": None, "labelFontSize": 12, "symbolStrokeWidth": 3},
    "header": {"labelFontSize": 13, "titleFontSize": 12},
}


def world_rows(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """What the picture of worlds shows: each detector's recall, and the honest accounts it accuses."""
    return [
        {"detector": line.peer, "recall": one.recall or 0.0, "accused": one.honest_flagged}
        for line in lines
        for one in [line.tuned[JUDGED]]
    ]


def window_rows(result: Result) -> list[dict[str, Any]]:
    """What the picture of windows shows: each test's rate by size and mix, over the sources that were looked at."""
    rows = []
    for size in WINDOWS:
        for mix in MIXES:
            cells = [c for c in result.cells if (c.size, c.mix) == (size, mix) and c.source not in result.unseen]
            for test in tests_of(result):
                found = rate(cells, test)
                if test in SHOWN and found is not None:
                    rows.append({"test": test, "size": size, "mix": mix, "rate": found[0]})
    return rows


def draw_worlds(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """A bar for each detector: share of driver accounts found; beside it the honest accounts it accuses."""
    label = "datum.accused == 1 ? '1 honest account accused' : datum.accused + ' honest accounts accused'"
    spec: Spec = {
        "width": 420,
        "height": {"step": 22},
        "data": {"values": list(rows)},
        "transform": [{"calculate": label, "as": "label"}],
        "encoding": {"y": {"field": "detector", "type": "nominal", "sort": None, "title": None}},
        "layer": [
            {
                "mark": {"type": "bar", "height": 14},
                "encoding": {
                    "x": {
                        "field": "recall",
                        "type": "quantitative",
                        "scale": {"domain": [0, 1]},
                        "title": "driver accounts found; budget, set on other seeds: one honest account in 10,000",
                        "axis": {"format": ".0%"},
                    },
                    "color": {
                        "condition": {"test": f"datum.detector == '{OURS}'", "value": "#2f78c4"},
                        "value": "#9ca3af",
                    },
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "fontSize": 11},
                "encoding": {"x": {"field": "recall", "type": "quantitative"}, "text": {"field": "label"}},
            },
        ],
    }
    _write(spec, path)


def draw_windows(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Share of windows with an alarm against the campaign's share of the window, a panel for each size."""
    names = [name for name in SHOWN if any(row["test"] == name for row in rows)]
    panels = [f"windows of {size:,} queries" for size in sorted({row["size"] for row in rows})]
    spec: Spec = {
        "data": {"values": [{**row, "panel": f"windows of {row['size']:,} queries"} for row in rows]},
        "facet": {"column": {"field": "panel", "type": "nominal", "sort": panels, "title": None}},
        "spec": {
            "width": 230,
            "height": 230,
            "mark": {"type": "line", "point": True, "strokeWidth": 2},
            "encoding": {
                "x": {
                    "field": "mix",
                    "type": "quantitative",
                    "scale": {"type": "log", "domain": [0.045, 1]},
                    "axis": {"values": list(MIXES), "format": ".0%"},
                    "title": "share of the window that is a campaign's",
                },
                "y": {
                    "field": "rate",
                    "type": "quantitative",
                    "scale": {"domain": [0, 1]},
                    "axis": {"format": ".0%"},
                    "title": "windows with an alarm",
                },
                "color": {
                    "field": "test",
                    "type": "nominal",
                    "scale": {"domain": names, "range": [COLOURS[SHOWN.index(name)] for name in names]},
                },
            },
        },
    }
    _write(spec, path)


def _write(spec: Spec, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(vl_convert.vegalite_to_png({"config": _CONFIG, **spec}, vl_version=VERSION, scale=1.6))
