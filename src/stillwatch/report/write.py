"""The evidence report: `report.html`, one file that needs nothing else, now or in ten years."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import jinja2
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from stillwatch.campaigns.finding import Findings
from stillwatch.report import text
from stillwatch.report.axes import two_axes
from stillwatch.report.conclusion import conclude, promise_in_words
from stillwatch.report.summary import ScanSummary
from stillwatch.report.view import (
    MAX_QUARANTINE_REASONS,
    Column,
    Page,
    names_of,
    quarantine_reasons,
    ranked,
    view_finding,
)

_PAGE = Path(__file__).parent / "page"


def write_report(
    findings: Findings,
    summary: dict[str, Any],
    accounts: pa.Table,
    links: pa.Table,
    quarantine: pa.Table,
    result: Path,
) -> None:
    """Write `report.html` into a scan's result folder.

    Shapes: accounts is `schema.FINDING_ACCOUNTS`, links `schema.FINDING_LINKS`, quarantine `schema.QUARANTINE`.
    Assumes: nothing of the texts and ids; all are shown escaped, without invisible characters.
    Raises: msgspec.ValidationError where the summary lacks what `scan.json` must hold.
    """
    page = make_page(findings, msgspec.convert(summary, ScanSummary), accounts, links, quarantine)
    (result / "report.html").write_text(render(page), encoding="utf-8", newline="\n")


def make_page(
    findings: Findings, summary: ScanSummary, accounts: pa.Table, links: pa.Table, quarantine: pa.Table
) -> Page:
    """Everything the page shows, with its pictures drawn."""
    shown = ranked(findings.findings)
    names = names_of(shown)
    # A network is tested whole and in its streams; its own size is that of the whole.
    sizes = {one.finding_id: one.accounts for one in findings.tested if one.verdict != "network"}
    by_id = {one.finding_id: one for one in shown}
    views = [
        view_finding(one, by_id, names, summary, sizes.get(one.finding_id, one.accounts), accounts, links)
        for one in shown
    ]
    reasons = quarantine_reasons(quarantine)
    main = [view for view in views if view.finding.verdict != "network"]
    return Page(
        summary=summary,
        conclusion=conclude(findings, summary, accounts, links),
        promise=promise_in_words(summary),
        main=main,
        networks=[view for view in views if view.finding.verdict == "network"],
        names=names,
        axes=two_axes(
            findings.tested,
            summary.null.coordination_threshold_bits,
            summary.null.extraction_threshold_bits,
            {view.finding.finding_id: view.name for view in main},
        )
        if findings.tested
        else None,
        tested=sorted(Counter(group.verdict for group in findings.tested).items()),
        columns=[Column(name, filled) for name, filled in summary.coverage.items()],
        reasons=reasons[:MAX_QUARANTINE_REASONS],
        n_reasons=len(reasons),
        sources=int(pc.count_distinct(quarantine["source"]).as_py()),
    )


def render(page: Page) -> str:
    """The page as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in (
        "bits", "capitalize_first", "count", "day", "how_often", "listed", "moment", "probability", "rate", "share",
        "short", "shown", "shown_id", "signed", "span", "spelled",
    ):  # fmt: skip
        environment.filters[name] = getattr(text, name)
    script = (_PAGE / "print.js").read_text(encoding="utf-8").strip()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("report.html.jinja").render(
        page=page,
        # Ours, not the logs': it goes in as it is, and the policy in the page lets no other script run.
        style=Markup((_PAGE / "style.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_digest=digest,
    )
