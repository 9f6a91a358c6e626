"""Pictures of an evaluation, in the report's theme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from stillwatch.evaluate.calibration import BitsRow
from stillwatch.evaluate.document import Found
from stillwatch.evaluate.power import SIZE, PowerPoint
from stillwatch.report.charts import NARROW, draw

Spec = dict[str, Any]

TALL = 200

DRAWN_BITS = 20
"""Of more bits than these a table says enough: samples of some hundred accounts bear no witness to them."""

SCAN, ORACLE = "this scan", "an oracle"
_COLOURS: Spec = {"domain": [SCAN, ORACLE], "range": ["var(--campaign)", "var(--clear)"]}
_SHARE: Spec = {"scale": {"domain": [0, 1]}, "axis": {"format": ".0%", "tickCount": 5}}


def recalls(campaigns: Sequence[Found]) -> Markup:
    """What a scan has of each campaign's exchanges, beside what was possible."""
    several = len({one.world for one in campaigns}) > 1
    rows = []
    for one in campaigns:
        name = f"{one.world}: {one.campaign}" if several else one.campaign
        rows.append({"name": name, "recall": one.recall, "who": SCAN})
        if one.possible_exchanges is not None:
            rows.append({"name": name, "recall": one.possible_exchanges, "who": ORACLE})
    order = list(dict.fromkeys(row["name"] for row in rows))
    spec = {
        "width": NARROW,
        "height": {"step": 22},
        "padding": {"left": 24, "right": 12, "top": 4, "bottom": 4},
        "data": {"values": rows},
        "encoding": {
            "y": {
                "field": "name",
                "type": "nominal",
                "sort": order,
                "title": None,
                "axis": {"labelLimit": 260, "grid": True},
            },
            "x": {"field": "recall", "type": "quantitative", "title": "share of its exchanges", **_SHARE},
            "color": {"field": "who", "type": "nominal", "scale": _COLOURS, "legend": {"symbolType": "circle"}},
        },
        "layer": [
            {
                "transform": [{"filter": f"datum.who == '{ORACLE}'"}],
                "mark": {"type": "tick", "thickness": 3, "size": 16},
            },
            {
                "transform": [{"filter": f"datum.who == '{SCAN}'"}],
                "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
            },
        ],
    }
    whole = sum(one.recall >= 0.5 for one in campaigns)
    return draw(spec, "Recall", f"half or more of the exchanges of {whole} of {len(campaigns)} campaigns")


def calibration(rows: Sequence[BitsRow]) -> Markup | None:
    """Bits that accounts were given against bits that they bear witness to; None where neither side is known."""
    known = [
        {"said": (one.low + one.high) / 2, "seen": one.observed, "axis": one.axis}
        for one in rows
        if one.observed is not None and one.high <= DRAWN_BITS
    ]  # fmt: skip
    if not known:
        return None
    line = [{"said": 0, "seen": 0}, {"said": DRAWN_BITS, "seen": DRAWN_BITS}]
    x = {
        "field": "said",
        "type": "quantitative",
        "title": "bits of an account",
        "scale": {"domain": [0, DRAWN_BITS]},
    }
    y = {"field": "seen", "type": "quantitative", "title": "bits seen"}
    spec = {
        "width": NARROW,
        "height": TALL,
        "layer": [
            {
                "data": {"values": line},
                "mark": {"type": "line", "strokeDash": [4, 4], "color": "var(--clear)", "strokeWidth": 1.5},
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"values": known},
                "mark": {"type": "line", "point": {"filled": True, "size": 60}, "strokeWidth": 2},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": {
                        "field": "axis",
                        "type": "nominal",
                        "scale": {
                            "domain": ["coordination", "extraction"],
                            "range": ["var(--coordination)", "var(--extraction)"],
                        },
                        "legend": {"symbolType": "circle"},
                    },
                },
            },
        ],
    }
    return draw(spec, "Bits against log odds", "on the dashed line bits mean what they say")


def power(points: Sequence[PowerPoint]) -> Markup:
    """Recall of one campaign against one dial, with its interval over seeds, and what was possible."""
    rows = [
        {"x": one.value, "recall": one.recall, "low": one.recall_low, "high": one.recall_high, "possible": one.possible}
        for one in points
    ]
    dial = points[0].dial
    axis = {"title": "accounts, as a factor" if dial == SIZE else dial.replace("_", " "), "tickCount": 5}
    x = {"field": "x", "type": "quantitative", "axis": axis}
    y = {"field": "recall", "type": "quantitative", "title": "share of its exchanges", **_SHARE}
    seen = [row for row in rows if row["possible"] is not None]
    colour = {"type": "nominal", "scale": _COLOURS, "legend": {"symbolType": "stroke", "symbolStrokeWidth": 3}}
    several = points[0].runs > 1
    layers: list[Spec] = [
        {
            "mark": {"type": "area", "opacity": 0.18, "color": "var(--campaign)"},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
        }
    ]
    spec = {
        "width": NARROW,
        "height": TALL,
        "data": {"values": rows},
        "layer": [
            *(layers if several else []),
            {
                "mark": {"type": "line", "point": {"filled": True, "size": 60}, "strokeWidth": 2},
                "encoding": {"x": x, "y": y, "color": {"datum": SCAN, **colour}},
            },
            {
                "data": {"values": seen},
                "mark": {"type": "line", "strokeDash": [5, 4], "strokeWidth": 2},
                "encoding": {"x": x, "y": {**y, "field": "possible"}, "color": {"datum": ORACLE, **colour}},
            },
        ],
    }
    ends = f"{points[0].recall:.0%} at {points[0].value:g}, {points[-1].recall:.0%} at {points[-1].value:g}"
    return draw(spec, f"{points[0].campaign}, {dial.replace('_', ' ')}", ends)
