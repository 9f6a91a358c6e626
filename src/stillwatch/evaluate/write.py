"""`evaluation.html`: an evaluation as one file that needs nothing else, in the looks of a scan's report."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import jinja2
from markupsafe import Markup

from stillwatch import report
from stillwatch.evaluate import charts
from stillwatch.evaluate.accounts import VERDICTS
from stillwatch.evaluate.against import Change
from stillwatch.evaluate.document import Evaluation
from stillwatch.evaluate.summary import headline
from stillwatch.report import text

_PAGE = Path(__file__).parent / "page"
_STYLE = Path(report.__path__[0]) / "page" / "style.css"

ROLES = ("driver", "stolen", "carrier", "adjacent", "none")


def write_page(document: Evaluation, path: Path, changes: Sequence[Change] | None = None) -> None:
    """Write the page. changes: since an earlier evaluation, None where none was named."""
    path.write_text(render(document, changes), encoding="utf-8", newline="\n")


def render(document: Evaluation, changes: Sequence[Change] | None = None) -> str:
    """The page as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("bits", "count", "day", "rate", "share", "short", "shown", "shown_id"):
        environment.filters[name] = getattr(text, name)
    environment.filters["figure"] = _figure
    points = sorted(document.power, key=lambda one: (one.world, one.dial, one.campaign != "all", one.campaign))
    curves = [
        (list(key), list(mine))
        for key, mine in groupby(points, key=lambda one: (one.world, one.dial, one.campaign))
    ]  # fmt: skip
    return environment.get_template("evaluation.html.jinja").render(
        d=document,
        headline=headline(document),
        changes=changes,
        verdicts=VERDICTS,
        roles=ROLES,
        recalls=charts.recalls(document.campaigns) if document.campaigns else None,
        calibration=charts.calibration(document.bits),
        curves=[(key, mine, charts.power(mine)) for key, mine in curves],
        style=Markup(_STYLE.read_text(encoding="utf-8")),
    )


def _figure(value: float | None, digits: int = 3) -> str:
    """A share with its digits, or a dash where there is none."""
    return "–" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"
