"""The picture of the two axes: every tested group by its bits on both, and the bits that a verdict takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import cos, hypot, pi, sin

from markupsafe import Markup

from stillwatch.campaigns.finding import TestedGroup
from stillwatch.report.bar import needed_of
from stillwatch.report.charts import VERDICTS, Spec, draw
from stillwatch.report.summary import NullSample
from stillwatch.report.text import bits, count

WIDTH = 500
AXES_HEIGHT = 370
GROUPS_DRAWN_ONE_BY_ONE = 1500
"""Tested groups beyond this many are drawn by cell of half a bit, each dot as large as its groups are many."""

_TEN: Spec = {"tickCount": 10}


def two_axes(tested: Sequence[TestedGroup], null: NullSample, names: dict[str, str]) -> Markup:
    """Every tested group by its bits on both axes, with the bits that a verdict takes.

    Groups may have different bars: each is a line of its own, and small parts of networks are hollow.
    names: finding_id -> what the page calls it.
    """
    coordination, extraction = null.coordination_threshold_bits, null.extraction_threshold_bits
    bars = _bars(tested, null)
    if sum(name.startswith("N") for name in names.values()) > MAX_NAMED_NETWORKS:
        names = {one: name for one, name in names.items() if not name.startswith("N")}
    points = _points(tested, names)
    by_verdict = Counter(group.verdict for group in tested)
    present = [verdict for verdict in VERDICTS if by_verdict[verdict]]
    right = max([p["x"] for p in points] + [coordination * 1.25, 1.0])
    top = max([p["y"] for p in points] + [bar * 1.25 for bar, _ in bars] + [1.0])
    lowest = min([bar for bar, _ in bars])
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
    labels = _labels(points, scale_x["domain"], scale_y["domain"], [bar for bar, _ in bars])
    layers: list[Spec] = [
        {
            "data": {"values": [{"x": coordination, "y": lowest}]},
            "mark": corner,
            "encoding": {"x": x, "y": y, "x2": {"datum": right * 1.04}, "y2": {"datum": top * 1.16}},
        },
        {
            "data": {"values": [{"x": coordination}]},
            "mark": {"type": "rule", "strokeDash": [4, 4], "color": "var(--soft)"},
            "encoding": {"x": x},
        },
        {
            "data": {"values": [{"x": coordination, "y": bar} for bar, _ in bars]},
            "mark": {"type": "rule", "strokeDash": [4, 4], "color": "var(--soft)"},
            "encoding": {"x": x, "y": y, "x2": {"datum": right * 1.04}},
        },
        *_harvest_bar(tested, null, scale_x["domain"], x, y),
        *_beside(bars, coordination, scale_x["domain"], scale_y["domain"], x, y),
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
        _lines(labels, x, y),
        *(
            {
                "data": {"values": [p for p in points if p["hollow"] == hollow]},
                "mark": {"type": "point", **look},
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
            }
            for hollow, look in _LOOKS.items()
            if any(p["hollow"] == hollow for p in points)
        ),
        *_named(labels, x, y),
    ]
    said = ", ".join(f"{by_verdict[v]:,} {v}" for v in present) or "none"
    spec = {"width": WIDTH, "height": AXES_HEIGHT, "layer": layers}
    return draw(
        spec,
        "The two axes",
        f"{count(len(tested), 'tested group')} by coordination and extraction: {said}. A campaign takes "
        f"{bits(coordination)} bits of coordination and {bits(extraction)} bits of extraction"
        + "".join(f"; {_WHOSE[said]}, {bits(bar)}" for bar, said in bars[1:])
        + ".",
    )


_WHOSE = {
    "small part": "one that is a small part of a network",
    "published before": "one that was published before",
}
"""For whom the other bars are, for those who do not see the picture."""

_LOOKS: dict[bool, Spec] = {
    False: {"filled": True, "opacity": 0.85, "stroke": "var(--paper)", "strokeWidth": 0.7},
    True: {"filled": False, "opacity": 0.95, "strokeWidth": 1.8},
}
"""How marks look; those of small parts of networks are hollow."""


def _bars(tested: Sequence[TestedGroup], null: NullSample) -> list[tuple[float, str]]:
    """Each bar of extraction in the picture, with for whom it is in a few words: the usual one first."""
    usual, own = null.extraction_threshold_bits, null.small_part_threshold_bits
    bars = {round(usual, 1): (usual, "campaign")}
    for group in tested:
        needed = needed_of(group, null)
        if group.verdict == "harvest" or group.coordination_bits <= 0 or round(needed, 1) in bars:
            continue
        published = abs(needed - (own if group.small_part and own is not None else usual)) > 0.001
        said = "published before" if published else "small part"
        bars[round(needed, 1)] = (needed, said)
    return list(bars.values())


def _harvest_bar(tested: Sequence[TestedGroup], null: NullSample, across: list[float], x: Spec, y: Spec) -> list[Spec]:
    """The bar of a harvest, a short line where those stand who are tested by themselves."""
    if not null.harvests_tested or not any(group.coordination_bits <= 0 for group in tested):
        return []
    ends = across[0] + 0.06 * (across[1] - across[0])
    one = {"x": across[0], "y": null.harvest_threshold_bits, "e": ends, "t": bits(null.harvest_threshold_bits)}
    return [
        {
            "data": {"values": [one]},
            "mark": {"type": "rule", "strokeDash": [4, 4], "color": "var(--soft)"},
            "encoding": {"x": x, "y": y, "x2": {"field": "e"}},
        },
        {
            "data": {"values": [one]},
            "mark": {**_BESIDE, "align": "left", "baseline": "middle", "dx": 4},
            "encoding": {"x": {**x, "field": "e"}, "y": y, "text": {"field": "t"}},
        },
    ]


def _beside(
    bars: Sequence[tuple[float, str]], coordination: float, across: list[float], up: list[float], x: Spec, y: Spec
) -> list[Spec]:
    """What the lines are and how many bits: outside the picture, where nothing else is written."""
    pixel = (up[1] - up[0]) / AXES_HEIGHT
    labels: list[Spec] = []
    for bar, said in sorted(bars):
        least = labels[-1]["y"] + _LINE_PIXELS * pixel if labels else bar
        labels.append({"x": across[1], "y": max(bar, least), "t": f"{said} {bits(bar)}"})
    above = {"x": coordination, "y": up[1], "t": f"acts as one {bits(coordination)}"}
    return [
        {
            "data": {"values": labels},
            "mark": {**_BESIDE, "align": "left", "baseline": "middle", "dx": 6},
            "encoding": {"x": x, "y": y, "text": {"field": "t"}},
        },
        {
            "data": {"values": [above]},
            "mark": {**_BESIDE, "align": "center", "baseline": "bottom", "dy": -4},
            "encoding": {"x": x, "y": y, "text": {"field": "t"}},
        },
    ]


_BESIDE: Spec = {"type": "text", "color": "var(--soft)", "fontSize": 14}
"""Room is kept for writing that is a little larger than the page's own, whose font may be wider."""

_LINE_PIXELS = 14
"""Two lines of writing, one below the other, are so far apart."""


def _lines(labels: list[Spec], x: Spec, y: Spec) -> Spec:
    """Lines from names to points that are not plain to see; they lie below the marks."""
    ends = {"x": "from_x", "y": "from_y", "x2": "to_x", "y2": "to_y"}
    line = {
        channel: {**(x if channel == "x" else y if channel == "y" else {}), "field": name}
        for channel, name in ends.items()
    }
    return {
        "data": {"values": [one for one in labels if "to_x" in one]},
        "mark": {"type": "rule", "color": "var(--ink)", "strokeWidth": 1, "opacity": 0.7},
        "encoding": line,
    }


def _named(labels: list[Spec], x: Spec, y: Spec) -> list[Spec]:
    """The layers that write names beside points."""
    written = {"x": x, "y": y, "text": {"field": "name"}}
    text = {"type": "text", "align": "center", "baseline": "middle", "fontWeight": "bold"}
    halo = {**text, "stroke": "var(--paper)", "strokeWidth": 3, "strokeJoin": "round", "opacity": 0.85}
    return [
        {"data": {"values": labels}, "mark": halo, "encoding": written},
        {"data": {"values": labels}, "mark": text, "encoding": written},
    ]


def _labels(points: list[Spec], across: list[float], up: list[float], bars: Sequence[float]) -> list[Spec]:
    """Names of points, each where it lies on no other name and, if it can be, on no mark and no bar; the nearest such.

    x, y: the middle of the name; from_x, from_y, to_x, to_y: a line to its point, where that is not plain to see.
    """
    pixel_x, pixel_y = (across[1] - across[0]) / WIDTH, (up[1] - up[0]) / AXES_HEIGHT

    def seen(point: Spec) -> tuple[float, float]:
        return (point["x"] - across[0]) / pixel_x, (point["y"] - up[0]) / pixel_y

    marks = [seen(point) for point in points]
    names: list[tuple[float, float]] = []
    out = []
    for point in sorted((p for p in points if p["name"]), key=lambda p: (-p["rank"], -p["y"], p["x"], p["name"])):
        x, y = seen(point)
        places = [(x + dx, y + dy) for dx, dy in _PLACES if _is_inside(x + dx, y + dy)]
        wide = 26 if len(point["name"]) <= 2 else 32
        free = [at for at in places if not _is_near(at, names, wide, 15)] or places[:1] or [(x, y)]
        clear = [at for at in free if not _is_near(at, marks, 17, 13)]
        clear = [at for at in clear if all(abs(at[1] - (bar - up[0]) / pixel_y) >= 9 for bar in bars)] or clear
        at = (clear or free)[0]
        names.append(at)
        away_x, away_y = at[0] - x, at[1] - y
        far = hypot(away_x, away_y)
        tied = far > _PLAIN_PIXELS or sum(hypot(a - x, b - y) < _PLAIN_PIXELS for a, b in marks) > 1
        label = {"x": at[0] * pixel_x + across[0], "y": at[1] * pixel_y + up[0], "name": point["name"]}
        if tied:
            reach = 1 - _NAME_PIXELS / max(far, _NAME_PIXELS)
            label |= {"from_x": point["x"], "from_y": point["y"]}
            label |= {"to_x": point["x"] + away_x * reach * pixel_x, "to_y": point["y"] + away_y * reach * pixel_y}
        out.append(label)
    return out


_PLACES = [
    (radius * cos(turn * pi / 8), 0.85 * radius * sin(turn * pi / 8))
    for radius in (19, 24, 30, 38, 48, 60, 75)
    for turn in (0, 8, 4, 12, 2, 6, 10, 14, 1, 3, 5, 7, 9, 11, 13, 15)
]
"""Where a name may stand beside its point, in pixels, the nearest first."""

_PLAIN_PIXELS = 21.0
"""A name so near to its point, and to no other, needs no line."""

_NAME_PIXELS = 11.0
"""A line ends so far from the middle of a name."""

MAX_NAMED_NETWORKS = 12
"""With more networks than these only campaigns and harvests are named in the picture."""


def _is_inside(x: float, y: float) -> bool:
    return 12 <= x <= WIDTH - 12 and 8 <= y <= AXES_HEIGHT - 20


def _is_near(at: tuple[float, float], others: list[tuple[float, float]], dx: float, dy: float) -> bool:
    return any(abs(at[0] - x) < dx and abs(at[1] - y) < dy for x, y in others)


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
                "hollow": group.small_part,
            }
            for group in tested
        ]
    cells: Counter[tuple[float, float, str, bool]] = Counter()
    named = []
    for group in tested:
        if group.finding_id in names:
            named.append(group)
        else:
            x, y = round(group.coordination_bits * 2) / 2, round(group.extraction_bits * 2) / 2
            cells[x, y, group.verdict, group.small_part] += 1
    return [
        {"x": x, "y": y, "size": n, "verdict": verdict, "rank": -9, "name": "", "hollow": hollow}
        for (x, y, verdict, hollow), n in sorted(cells.items())
    ] + _points(named[:GROUPS_DRAWN_ONE_BY_ONE], names)
