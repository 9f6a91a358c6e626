"""The review sheet: one page that needs nothing else, and the file to fill in. Neither says what the scan thinks."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from stillwatch import report
from stillwatch.audit.answers import COLUMNS
from stillwatch.audit.draw import Drawn, commitment, sealed
from stillwatch.audit.facts import Facts
from stillwatch.errors import OutputError
from stillwatch.report import text

SHEET, ANSWERS, KEY = "sheet.html", "answers.csv", "key.sealed"

_PAGE = Path(__file__).parent / "page"
_STYLE = Path(report.__path__[0]) / "page" / "style.css"
_WIDTH, _HEIGHT = 320, 70


def write_audit(drawn: Drawn, out: Path) -> list[Path]:
    """Write sheet, answers to fill in, and sealed key into a folder, which is made; returns their paths.

    Raises: OutputError where the folder holds an audit or other files, or cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(
            "holds files already", source=str(out), hint="choose a new folder: answers must not be lost to a new draw"
        )
    key = sealed(drawn.key)
    files = {
        SHEET: render(drawn.facts, commitment(key)).encode(),
        ANSWERS: _to_fill_in([name for name, _ in drawn.facts]).encode(),
        KEY: key,
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (out / name).write_bytes(data)
    except OSError as error:
        raise OutputError(
            f"cannot be written: {error.strerror}", source=str(out), hint="choose another --out"
        ) from error
    return [out / name for name in files]


def render(items: Sequence[tuple[str, Facts]], seal: str) -> str:
    """The page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("count", "share", "shown", "shown_id"):
        environment.filters[name] = getattr(text, name)
    script = (_PAGE / "sheet.js").read_text(encoding="utf-8").strip()
    return environment.get_template("sheet.html.jinja").render(
        items=items,
        seal=seal,
        bars=_bars,
        style=Markup(_STYLE.read_text(encoding="utf-8")),
        script=Markup(script),
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _bars(counts: Sequence[int], everybody: Sequence[float] | None) -> Markup:
    """Counts as bars, and shares of everybody as a line over them."""
    total, peak = max(sum(counts), 1), max(*counts, 1, *([max(everybody) * sum(counts)] if everybody else []))
    step = _WIDTH / max(len(counts), 1)
    bars = "".join(
        f'<rect x="{at * step:.1f}" y="{_HEIGHT - n / peak * _HEIGHT:.1f}" width="{max(step - 1, 0.7):.1f}" '
        f'height="{n / peak * _HEIGHT:.1f}"/>'
        for at, n in enumerate(counts)
    )
    line = ""
    if everybody:
        points = " ".join(
            f"{(at + 0.5) * step:.1f},{_HEIGHT - one * total / peak * _HEIGHT:.1f}" for at, one in enumerate(everybody)
        )
        line = f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.5" opacity="0.6"/>'
    return Markup(
        f'<svg class="spark" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="at most {max(counts, default=0):,} in one bar">{bars}{line}</svg>'
    )


def _to_fill_in(items: Sequence[str]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([item, *[""] * (len(COLUMNS) - 1)] for item in items)
    return out.getvalue()
