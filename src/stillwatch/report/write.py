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
from stillwatch.report.advice import needed_in_words, next_steps, unseen_in_words
from stillwatch.report.axes import two_axes
from stillwatch.report.bar import SMALL_PART
from stillwatch.report.calibration import promise_in_words, read_share
from stillwatch.report.conclusion import conclude
from stillwatch.report.members import MAX_LISTED, gravest_parts, ordered
from stillwatch.report.naming import names_of, ranked
from stillwatch.report.near import nearest_clear
from stillwatch.report.summary import ScanSummary
from stillwatch.report.view import MAX_QUARANTINE_REASONS, Column, Page, fixed_words, quarantine_reasons, view_finding

_PAGE = Path(__file__).parent / "page"

_SCRIPTS = ("fold.js", "accounts.js")


def write_report(
    findings: Findings,
    summary: dict[str, Any],
    accounts: pa.Table,
    links: pa.Table,
    quarantine: pa.Table,
    result: Path,
    *,
    verdicts: pa.Table | None = None,
) -> None:
    """Write `report.html` into a scan's result folder.

    Shapes: accounts is `schema.FINDING_ACCOUNTS`, links `schema.FINDING_LINKS`, quarantine `schema.QUARANTINE`,
    verdicts `schema.ACCOUNTS`: with it the tables of accounts count what each one sent.
    Assumes: nothing of the texts and ids; all are shown escaped, without invisible characters.
    Raises: msgspec.ValidationError where the summary lacks what `scan.json` must hold.
    """
    page = make_page(findings, msgspec.convert(summary, ScanSummary), accounts, links, quarantine, verdicts=verdicts)
    (result / "report.html").write_text(render(page), encoding="utf-8", newline="\n")


def make_page(
    findings: Findings,
    summary: ScanSummary,
    accounts: pa.Table,
    links: pa.Table,
    quarantine: pa.Table,
    *,
    verdicts: pa.Table | None = None,
) -> Page:
    """Everything the page shows, with its pictures drawn."""
    shown = ranked(findings.findings)
    names = names_of(shown)
    by_id = {one.finding_id: one for one in shown}
    texts = fixed_words(shown)
    views = []
    room = MAX_LISTED
    for one in shown:
        members = ordered(accounts.filter(pc.equal(accounts["finding_id"], one.finding_id)), verdicts)
        whole = len(members) <= room
        room -= len(members) if whole else 0
        views.append(view_finding(one, by_id, names, summary, members, links, texts=texts, whole=whole))
    reasons = quarantine_reasons(quarantine)
    carrying = set(links["network_id"].to_pylist()) & by_id.keys()
    return Page(
        summary=summary,
        conclusion=conclude(findings, summary, accounts, links, names),
        steps=next_steps(
            shown,
            names,
            gravest_parts([one for one in shown if one.verdict == "campaign"], accounts),
            summary,
            carrying,
        ),
        promise=promise_in_words(summary),
        readable=read_share(summary),
        main=[view for view in views if view.finding.verdict != "network"],
        networks=[view for view in views if view.finding.verdict == "network"],
        names=names,
        axes=two_axes(
            findings.tested,
            summary.null,
            {one.finding_id: names[one.finding_id] for one in shown},
        )
        if findings.tested
        else None,
        tested=sorted(Counter(group.verdict for group in findings.tested).items()),
        hollow=sum(group.small_part for group in findings.tested),
        near=nearest_clear(findings.tested, summary.null),
        declared=findings.declared,
        operators=findings.operators,
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
        "bits", "capitalize_first", "comes_once", "count", "day", "days", "listed", "moment", "probability", "rate",
        "share", "short", "shown", "shown_id", "signed", "span", "spelled", "times",
    ):  # fmt: skip
        environment.filters[name] = getattr(text, name)
    environment.filters["needed_in_words"] = needed_in_words
    environment.filters["unseen_in_words"] = unseen_in_words
    script = "\n".join((_PAGE / name).read_text(encoding="utf-8").strip() for name in _SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("report.html.jinja").render(
        page=page,
        # Ours, not the logs': it goes in as it is, and the policy in the page lets no other script run.
        style=Markup((_PAGE / "style.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_digest=digest,
        small_part=SMALL_PART,
    )
