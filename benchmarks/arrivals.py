"""How requests crowd within a day: fits the range's arrivals to real traces, and draws the fit.

    python benchmarks/arrivals.py --corpus FOLDER [--draw docs/arrivals.png]

FOLDER (or STILLWATCH_CORPUS) holds `arrivals_azure_llm_2023_code.parquet` and `..._conv.parquet` (Azure's LLM inference
traces of November 2023, CC-BY-4.0), `arrivals_mooncake_synthetic.parquet` (Mooncake, Apache-2.0) and
`apilog_speechmap_requests.parquet` (SpeechMap's own runs, Apache-2.0). What is printed stands in `rhythm.py`; no trace
is part of the project.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import vl_convert
from scipy.optimize import nnls

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.rhythm import Bursts, dispersion

Floats = npt.NDArray[np.float64]

WINDOWS = np.array([0.1, 0.3, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600])
"""Seconds over which requests are counted."""

WIDTHS = np.array([0.5, 1, 2, 3, 5, 8, 12, 20, 30, 45, 60, 90, 120, 180, 300, 450, 600, 900])
"""Seconds: widths that are tried."""

TRACES = {"code": "arrivals_azure_llm_2023_code", "conversation": "arrivals_azure_llm_2023_conv"}

LABELS = {"code": "Azure, code", "conversation": "Azure, conversations", "mooncake": "Mooncake, synthetic"}


def measured(at: Floats) -> tuple[Floats, Floats]:
    """(windows, index of dispersion of counts in them); windows of which there are fewer than five are left out."""
    at = at - at[0]
    windows, out = [], []
    for window in WINDOWS:
        n = int(at[-1] // window)
        if n < 5:
            break
        counts = np.bincount((at[at < n * window] / window).astype(np.int64), minlength=n)
        windows.append(window)
        out.append(counts.var(ddof=1) / counts.mean())
    return np.array(windows), np.array(out)


def fitted(rate: float, windows: Floats, index: Floats) -> Bursts:
    """The two widths and variances that come nearest to a curve: least squares of relative errors, no negative one."""
    best, least = Bursts((1.0, 1.0), (0.0, 0.0)), np.inf
    for pair in combinations(WIDTHS, 2):
        unit = np.column_stack([dispersion(Bursts((w,), (1.0,)), rate, windows) - 1 for w in pair])
        variances, miss = nnls(unit / index[:, None], (index - 1) / index)
        if miss < least:
            best, least = Bursts((float(pair[0]), float(pair[1])), (float(variances[0]), float(variances[1]))), miss
    return best


def drawn(bursts: Bursts, rate: float, hours: float, rng: np.random.Generator) -> Floats:
    """Seconds of requests as the range makes them: an account of that rate, on one day of so many hours."""
    n = rng.poisson(rate * hours * 3600)
    at = np.sort((rng.random(n) * hours * 3600 * 1e6).astype(np.int64))
    rng.shuffle(at)
    return np.sort(rhythm.crowded(rng, at, np.array([n]), np.array([0]), (bursts,), length=hours * 3600)) / 1e6


def gaps(path: Path) -> dict[str, float]:
    """Of one operator's systematic runs: `rhythm.JOBS`, from the gaps between the requests of a run."""
    table = pq.read_table(path, columns=["timestamp", "file"])
    at = np.array([text[:26] for text in table["timestamp"].to_pylist()], "datetime64[us]").astype(np.int64) / 1e6
    _, run = np.unique(table["file"].to_numpy(), return_inverse=True)
    order = np.lexsort((at, run))
    at, run = at[order], run[order]
    same = run[1:] == run[:-1]
    gap, of = np.maximum(np.diff(at)[same], 1e-3), run[1:][same]
    at_once, far, serial = [], [], []
    n_runs = 0
    for one in np.unique(of):
        mine = gap[of == one]
        if len(mine) < 20:
            continue
        n_runs += 1
        quick = mine < rhythm.AT_ONCE
        if quick.mean() >= 0.2:
            at_once.append(quick.mean())
            far.append(np.std(np.log(mine[~quick])))
        else:
            serial.append(np.std(np.log(mine[~quick])))
    quick_gaps = gap[gap < rhythm.AT_ONCE]
    return {
        "runs": n_runs,
        "several_workers": len(at_once) / n_runs,
        "at_once": float(np.median(at_once)),
        "at_once_seconds": float(np.median(quick_gaps)),
        "spread_of_several": float(np.median(far)),
        "spread_of_one": float(np.median(serial)),
    }


def rows(name: str, kind: str, windows: Floats, index: Floats) -> Iterator[dict[str, str | float]]:
    """A curve for the figure."""
    for window, one in zip(windows.tolist(), index.tolist(), strict=True):
        yield {"trace": LABELS[name], "what": kind, "seconds": window, "index": one}


def draw(values: list[dict[str, str | float]], path: Path) -> None:
    """The figure: measured points, the model's curves, and what the range draws."""
    x = {"field": "seconds", "type": "quantitative", "scale": {"type": "log"}, "title": "window in seconds"}
    y = {
        "field": "index",
        "type": "quantitative",
        "scale": {"type": "log", "domain": [0.7, 400], "nice": False},
        "title": "variance of counts / mean (1: Poisson)",
    }
    colour = {
        "field": "trace",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(LABELS.values()), "range": ["#2a78d6", "#d9622b", "#6b6b6b"]},
        "legend": {"orient": "top"},
    }

    def layer(kind: str, mark: dict[str, object]) -> dict[str, object]:
        return {
            "transform": [{"filter": f"datum.what == '{kind}'"}],
            "mark": mark,
            "encoding": {"x": x, "y": y, "color": colour},
        }

    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 560,
        "height": 320,
        "background": "white",
        "padding": 12,
        "title": {
            "text": "How requests crowd: index of dispersion",
            "subtitle": "points: measured · lines: the fitted model · crosses: requests drawn by the range",
            "anchor": "start",
            "subtitleColor": "#555",
        },
        "data": {"values": values},
        "layer": [
            layer("model", {"type": "line", "strokeWidth": 2}),
            layer("measured", {"type": "point", "filled": True, "size": 55}),
            layer("drawn", {"type": "point", "shape": "cross", "filled": True, "size": 40, "opacity": 0.6}),
        ],
        "config": {
            "font": "Inter, Helvetica, Arial, sans-serif",
            "view": {"stroke": None},
            "axis": {"gridOpacity": 0.5},
        },
    }
    path.write_bytes(vl_convert.vegalite_to_png(spec, vl_version="5.20", scale=1.6))


def main() -> None:
    """Fit, print, and draw where a file is named."""
    parser = argparse.ArgumentParser(description="fit the range's arrivals to real traces")
    parser.add_argument("--corpus", default=os.environ.get("STILLWATCH_CORPUS"), help="folder of the traces")
    parser.add_argument("--draw", type=Path, help="write the figure here")
    arguments = parser.parse_args()
    if not arguments.corpus:
        sys.exit("name the traces' folder with --corpus or STILLWATCH_CORPUS")
    folder, rng = Path(arguments.corpus), np.random.default_rng(1)
    values: list[dict[str, str | float]] = []
    for name, file in TRACES.items():
        texts = pq.read_table(folder / f"{file}.parquet", columns=["timestamp"])["timestamp"].to_pylist()
        at = np.sort(np.array([text[:26] for text in texts], "datetime64[us]").astype(np.int64) / 1e6)
        rate = len(at) / (at[-1] - at[0])
        windows, index = measured(at)
        bursts = fitted(rate, windows, index)
        model = dispersion(bursts, rate, WINDOWS)
        print(f"{name}: {len(at):,} requests, {rate:.2f} a second; {bursts}")
        own = measured(drawn(bursts, rate, 24.0, rng))
        for window, one, like, made in zip(windows, index, model, own[1], strict=False):
            print(f"  {window:6g} s  measured {one:8.2f}  model {like:8.2f}  drawn {made:8.2f}")
        values += [*rows(name, "measured", windows, index), *rows(name, "model", WINDOWS, model)]
        values += rows(name, "drawn", *own)
    moon = pq.read_table(folder / "arrivals_mooncake_synthetic.parquet", columns=["timestamp_ms"])
    windows, index = measured(np.sort(moon["timestamp_ms"].to_numpy() / 1e3))
    print(
        "mooncake, which is nearly Poisson and not fitted:",
        dict(zip(windows.tolist(), index.round(2).tolist(), strict=True)),
    )
    values += rows("mooncake", "measured", windows, index)
    print(
        "jobs:", {name: round(value, 3) for name, value in gaps(folder / "apilog_speechmap_requests.parquet").items()}
    )
    if arguments.draw:
        draw(values, arguments.draw)


if __name__ == "__main__":
    main()
