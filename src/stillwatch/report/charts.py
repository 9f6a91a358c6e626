"""Pictures as SVG, drawn at write time from Vega-Lite, in colours that the page decides (light, dark, print)."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from html import escape
from typing import Any

import vl_convert
from markupsafe import Markup

from stillwatch.campaigns.finding import Finding
from stillwatch.report.text import parse_time, share, short, shown_id

Spec = dict[str, Any]

VERSION = "6.4"
"""Vega-Lite's version: named, so that a newer converter draws the same picture."""

VERDICTS = ("campaign", "harvest", "network", "clear")
NARROW = 370
HEIGHT = 150


_CONFIG: Spec = {
    "background": None,
    "padding": 4,
    "font": "sans-serif",
    "aria": False,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--soft)",
        "titleColor": "var(--soft)",
        "titleFontWeight": "normal",
        "titleFontSize": 12,
        "labelFontSize": 12,
        "titlePadding": 8,
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
    },
    "axisX": {"grid": False},
    "axisY": {"tickCount": 5},
    "legend": {
        "labelColor": "var(--ink)",
        "titleColor": "var(--soft)",
        "labelFontSize": 12,
        "symbolStrokeWidth": 0,
        "orient": "top",
        "title": None,
        "labelLimit": 200,
        "columns": 3,
        "columnPadding": 18,
        "offset": 6,
        "symbolType": "square",
    },
    "text": {"color": "var(--ink)", "fontSize": 12},
}

_NOISE = re.compile(
    r' (?:pointer-events="none"|opacity="1"|xmlns:xlink="[^"]*"|version="1\.1"|class="[^"]*"'
    r'|role="[^"]*"|aria-[a-z]+="[^"]*"|font-family="[^"]*")'
)
_EMPTY = re.compile(r'<path(?: d="(?:M0,0h0v0h0Z)?"| display="none")+/>|<g></g>')
_DECIMALS = re.compile(r"(\d+\.\d\d)\d+")


def draw(spec: Spec, title: str, description: str) -> Markup:
    """An inline SVG of a specification, with its title and description for those who do not see it."""
    raw = vl_convert.vegalite_to_svg(
        {"background": "transparent", "config": _CONFIG, **spec}, vl_version=VERSION, allowed_base_urls=[]
    )
    body = _DECIMALS.sub(r"\1", _NOISE.sub("", raw))
    for _ in range(4):
        body = _EMPTY.sub("", body)
    opening = body.index(">") + 1
    return Markup(
        body[: opening - 1]
        + f' role="img" aria-label="{escape(title)}: {escape(description)}"><title>{escape(title)}</title>'
        + body[opening:]
    )


def timeline(finding: Finding) -> Markup | None:
    """Exchanges of the finding over time, and what else its accounts did; None without data."""
    rows = []
    for start, inside, beside in finding.pictures.timeline:
        at = parse_time(start)
        if at is None:
            continue
        ends = (at + timedelta(hours=finding.pictures.bin_hours)).isoformat()
        rows.append({"t": at.isoformat(), "e": ends, "a": 0, "b": inside, "what": "this finding"})
        if beside:
            rows.append({"t": at.isoformat(), "e": ends, "a": inside, "b": inside + beside, "what": "other traffic"})
    if not rows:
        return None
    spec = {
        "width": NARROW,
        "height": HEIGHT,
        "data": {"values": rows},
        "mark": {"type": "rect"},
        "encoding": {
            "x": {**_time_axis("t"), "axis": _TIME},
            "x2": {"field": "e"},
            "y": {
                "field": "a",
                "type": "quantitative",
                "title": f"exchanges per {_bin(finding.pictures.bin_hours)}",
                "axis": _COUNTS,
            },
            "y2": {"field": "b"},
            "color": {
                "field": "what",
                "type": "nominal",
                "scale": {
                    "domain": ["this finding", "other traffic"],
                    "range": [f"var(--{_colour(finding)})", "var(--clear)"],
                },
            },
        },
    }
    peak = max(inside for _, inside, _ in finding.pictures.timeline)
    return draw(spec, "Over time", f"at most {peak:,} exchanges per {_bin(finding.pictures.bin_hours)}")


_COUNTS: Spec = {
    "tickMinStep": 1,
    "labelExpr": "datum.value >= 1e6 ? format(datum.value / 1e6, '~f') + 'M'"
    " : datum.value >= 1e4 ? format(datum.value / 1e3, '~f') + 'k' : format(datum.value, ',~f')",
}
_TIME: Spec = {"format": "%-d %b", "tickCount": 5, "title": None, "labelOverlap": "greedy", "labelSeparation": 14}


def _time_axis(field: str) -> Spec:
    return {"field": field, "type": "temporal", "scale": {"type": "utc"}}


def _bin(hours: float) -> str:
    named = {1.0: "hour", 24.0: "day", 168.0: "week", 720.0: "30 days", 8760.0: "year"}
    return named.get(hours, f"{hours:g} hours")


def _colour(finding: Finding) -> str:
    return finding.verdict if finding.verdict in VERDICTS else "clear"


def load(finding: Finding) -> Markup | None:
    """Exchanges of each account, from the busiest to the least; None for fewer than two accounts."""
    values = sorted(finding.pictures.load, reverse=True)
    if len(values) < 2:
        return None
    step = max(len(values) // 400, 1)
    kept = values[::step]
    rows = [{"p": i / (len(kept) - 1) * 100, "n": n} for i, n in enumerate(kept)]
    mean = sum(values) / len(values)
    axis = {"title": "accounts, from the busiest to the least, %", "values": [0, 25, 50, 75, 100]}
    x = {"field": "p", "type": "quantitative", "scale": {"domain": [0, 100]}, "axis": axis}
    y = {
        "field": "n",
        "type": "quantitative",
        "title": "exchanges an account",
        "scale": {"domainMin": 0},
        "axis": _COUNTS,
    }
    spec = {
        "width": NARROW,
        "height": HEIGHT,
        "layer": [
            {
                "data": {"values": rows},
                "mark": {"type": "area", "color": f"var(--{_colour(finding)})", "opacity": 0.75},
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"values": [{"n": mean, "t": f"mean {short(mean)}"}]},
                "layer": [
                    {"mark": {"type": "rule", "strokeDash": [4, 4], "color": "var(--ink)"}, "encoding": {"y": y}},
                    {
                        "mark": {"type": "text", "align": "right", "dy": -7, "x": "width"},
                        "encoding": {"y": y, "text": {"field": "t"}},
                    },
                ],
            },
        ],
    }
    median = values[len(values) // 2]
    return draw(
        spec,
        "Load over accounts",
        f"from {values[0]:,} down to {values[-1]:,} exchanges, half of them {median:,} or more",
    )


def hours(finding: Finding) -> Markup | None:
    """Share of exchanges by hour of the day, beside everybody's; None without data."""
    both = finding.pictures.hours
    if len(both) != 2 or any(len(line) != 24 for line in both):
        return None
    names = ("this finding", "all traffic")
    rows = [
        {"h": hour, "s": value, "who": name}
        for name, line in zip(names, both, strict=True)
        for hour, value in [*enumerate(line), (24, line[0])]
    ]
    spec = {
        "width": NARROW,
        "height": HEIGHT,
        "data": {"values": rows},
        "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2},
        "encoding": {
            "x": {
                "field": "h",
                "type": "quantitative",
                "scale": {"domain": [0, 24]},
                "axis": {"values": [0, 6, 12, 18, 24], "title": "hour of the day, UTC"},
            },
            "y": {"field": "s", "type": "quantitative", "axis": {"format": ".0%", "title": "share of exchanges"}},
            "color": {
                "field": "who",
                "type": "nominal",
                "scale": {"domain": list(names), "range": [f"var(--{_colour(finding)})", "var(--clear)"]},
                "legend": {"symbolType": "stroke", "symbolStrokeWidth": 3},
            },
        },
    }
    busiest = max(range(24), key=lambda hour: both[0][hour])
    return draw(
        spec,
        "Hours of the day",
        f"busiest hour {busiest:02d} UTC with {share(both[0][busiest])} of its exchanges, "
        f"{share(both[1][busiest])} of everybody's",
    )


def models(finding: Finding) -> Markup | None:
    """Exchanges a day by model; None without data."""
    rows = []
    totals: Counter[str] = Counter()
    for start, model, n in finding.pictures.models:
        at = parse_time(start)
        if at is None:
            continue
        name = shown_id(model)[:40]
        totals[name] += n
        rows.append({"t": at.isoformat(), "e": (at + timedelta(days=1)).isoformat(), "model": name, "n": n})
    if not rows:
        return None
    names = [name for name, _ in totals.most_common()]
    spec = {
        "width": NARROW,
        "height": HEIGHT,
        "data": {"values": rows},
        "transform": [
            {
                "stack": "n",
                "groupby": ["t"],
                "as": ["a", "b"],
                "sort": [{"field": "model", "order": "ascending"}],
            }
        ],
        "mark": {"type": "rect"},
        "encoding": {
            "x": {**_time_axis("t"), "axis": _TIME},
            "x2": {"field": "e"},
            "y": {"field": "a", "type": "quantitative", "title": "exchanges per day", "axis": _COUNTS},
            "y2": {"field": "b"},
            "color": {
                "field": "model",
                "type": "nominal",
                "scale": {"domain": names, "range": [f"var(--m{i % 7})" for i in range(len(names))]},
                "legend": {"columns": 2, "labelLimit": 150},
            },
        },
    }
    said = ", ".join(f"{name} {n / max(sum(totals.values()), 1):.0%}" for name, n in totals.most_common(7))
    return draw(spec, "Models over time", said)
