"""The picture of the two axes: every tested group by its bits on both, and the bits that a verdict takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from markupsafe import Markup

from stillwatch.campaigns.finding import TestedGroup
from stillwatch.report.charts import VERDICTS, Spec, draw
from stillwatch.report.text import bits, count

WIDTH = 540
AXES_HEIGHT = 290
GROUPS_DRAWN_ONE_BY_ONE = 1500
"""Tested groups beyond this many are drawn by cell of half a bit, each dot as large as its groups are many."""

_TEN: Spec = {"tickCount": 10}


def two_axes(tested: Sequence[TestedGroup], coordination: float, extraction: float, names: dict[str, str]) -> Markup:
    """Every tested group by its bits on both axes, with the bits that a verdict takes.

    names: finding_id -> what the page calls it, for campaigns and harvests.
    """
    points = _points(tested, names)
    by_verdict = Counter(group.verdict for group in tested)
    present = [verdict for verdict in VERDICTS if by_verdict[verdict]]
    right = max([p["x"] for p in points] + [coordination * 1.25, 1.0])
    top = max([p["y"] for p in points] + [extraction * 1.25, 1.0])
    scale_x = {"domain": [min(0.0, *(p["x"] for p in points)) if points else 0.0, right * 1.04]}
    scale_y = {"domain": [min(0.0, *(p["y"] for p in points)) if points else 0.0, top * 1.16]}
    x = {"field": "x", "type": "quantitative", "title": "coordination, bits →", "scale": scale_x, "axis": _TEN}
    y = {"field": "y", "type": "quantitative", "title": "extraction, bits →", "scale": scale_y}
    corner = {
        "type": "rect",
        "color": "var(--campaign)",
        "opacity": 0.07,
    }
    corners = [
        {"x": scale_x["domain"][1], "y": scale_y["domain"][1], "t": "campaign", "a": "right", "b": "top"},
        {"x": scale_x["domain"][1], "y": scale_y["domain"][0], "t": "network", "a": "right", "b": "bottom"},
        {"x": scale_x["domain"][0], "y": scale_y["domain"][1], "t": "harvest", "a": "left", "b": "top"},
    ]
    layers: list[Spec] = [
        {
            "data": {"values": [{"x": coordination, "y": extraction}]},
            "mark": corner,
            "encoding": {"x": x, "y": y, "x2": {"datum": right * 1.04}, "y2": {"datum": top * 1.16}},
        },
        {
            "data": {"values": [{"x": coordination}]},
            "mark": {"type": "rule", "strokeDash": [4, 4], "color": "var(--soft)"},
            "encoding": {"x": x},
        },
        {
            "data": {"values": [{"y": extraction}]},
            "mark": {"type": "rule", "strokeDash": [4, 4], "color": "var(--soft)"},
            "encoding": {"y": y},
        },
        *(
            {
                "data": {"values": [one]},
                "mark": {
                    "type": "text",
                    "align": one["a"],
                    "baseline": one["b"],
                    "dx": -5 if one["a"] == "right" else 5,
                    "dy": 5 if one["b"] == "top" else -5,
                    "color": "var(--soft)",
                    "fontStyle": "italic",
                },
                "encoding": {"x": x, "y": y, "text": {"field": "t"}},
            }
            for one in corners
        ),
        {
            "data": {"values": points},
            "mark": {"type": "point", "filled": True, "opacity": 0.85, "stroke": "var(--paper)", "strokeWidth": 0.7},
            "encoding": {
                "x": x,
                "y": y,
                "size": {
                    "field": "size",
                    "type": "quantitative",
                    "legend": None,
                    "scale": {
                        "type": "sqrt",
                        "domain": [1, max([p["size"] for p in points] + [2])],
                        "range": [40, 420],
                    },
                },
                "color": {
                    "field": "verdict",
                    "type": "nominal",
                    "legend": None,
                    "scale": {"domain": present, "range": [f"var(--{v})" for v in present]},
                },
                "shape": {
                    "field": "verdict",
                    "type": "nominal",
                    "legend": None,
                    "scale": {
                        "domain": list(VERDICTS),
                        "range": ["diamond", "triangle-up", "circle", "circle"],
                    },
                },
                "order": {"field": "rank", "type": "quantitative"},
            },
        },
        {
            "data": {"values": _labels(points, scale_x["domain"], scale_y["domain"])},
            "mark": {"type": "text", "align": "center", "baseline": "middle", "fontWeight": "bold"},
            "encoding": {"x": x, "y": y, "text": {"field": "name"}},
        },
    ]
    said = ", ".join(f"{by_verdict[v]:,} {v}" for v in present) or "none"
    spec = {"width": WIDTH, "height": AXES_HEIGHT, "layer": layers}
    return draw(
        spec,
        "The two axes",
        f"{count(len(tested), 'tested group')} by coordination and extraction: {said}. A campaign takes "
        f"{bits(coordination)} bits of coordination and {bits(extraction)} bits of extraction.",
    )


def _labels(points: list[Spec], across: list[float], up: list[float]) -> list[Spec]:
    """Names of points, each at the nearest place where it lies on no other name and no named point."""
    pixel_x, pixel_y = (across[1] - across[0]) / WIDTH, (up[1] - up[0]) / AXES_HEIGHT
    named = sorted((p for p in points if p["name"]), key=lambda p: (-p["y"], p["x"]))
    taken = [(p["x"] / pixel_x, p["y"] / pixel_y) for p in named]
    out = []
    for point in named:
        x, y = point["x"] / pixel_x, point["y"] / pixel_y
        at = next((x + dx, y + dy) for dx, dy in _PLACES if _is_free(x + dx, y + dy, taken) or (dx, dy) == _PLACES[-1])
        taken.append(at)
        out.append({"x": at[0] * pixel_x, "y": at[1] * pixel_y, "name": point["name"]})
    return out


_PLACES = [
    (radius * dx, radius * dy)
    for radius in (1.0, 1.6, 2.4, 3.4)
    for dx, dy in ((-20, 0), (20, 0), (0, -17), (0, 17), (-18, -13), (18, -13), (-18, 13), (18, 13))
]
"""Where a name may stand beside its point, in pixels, the nearest first."""


def _is_free(x: float, y: float, taken: list[tuple[float, float]]) -> bool:
    inside = x <= WIDTH - 10 and x >= 10
    return inside and all(abs(x - other) >= 18 or abs(y - above) >= 14 for other, above in taken)


def _points(tested: Sequence[TestedGroup], names: dict[str, str]) -> list[Spec]:
    if len(tested) <= GROUPS_DRAWN_ONE_BY_ONE:
        return [
            {
                "x": group.coordination_bits,
                "y": group.extraction_bits,
                "size": max(group.accounts, 1),
                "verdict": group.verdict,
                "rank": -VERDICTS.index(group.verdict) if group.verdict in VERDICTS else -9,
                "name": names.get(group.finding_id or "", ""),
            }
            for group in tested
        ]
    cells: Counter[tuple[float, float, str]] = Counter()
    named = []
    for group in tested:
        if group.finding_id in names:
            named.append(group)
        else:
            cell = (round(group.coordination_bits * 2) / 2, round(group.extraction_bits * 2) / 2, group.verdict)
            cells[cell] += 1
    return [
        {"x": x, "y": y, "size": n, "verdict": verdict, "rank": -9, "name": ""}
        for (x, y, verdict), n in sorted(cells.items())
    ] + _points(named[:GROUPS_DRAWN_ONE_BY_ONE], names)
