"""The same in the terminal: a finding's sum as bars, an account's verdict with its reasons."""

from __future__ import annotations

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stillwatch.report.atlas import technique_name
from stillwatch.report.explaining import AccountAnswer, FindingAnswer
from stillwatch.report.text import (
    bits,
    count,
    how_often,
    moment,
    probability,
    rate,
    share,
    short,
    shown,
    shown_id,
    signed,
    span,
)
from stillwatch.report.waterfall import Step, best_explanation

BAR = 24
"""Characters of the waterfall's scale."""

ACCOUNTS_SHOWN = 20

_STYLE = {"campaign": "bold red", "network": "bold blue", "harvest": "bold yellow", "clear": "bold green"}
_BARS = {"coordination": "blue", "extraction": "yellow"}


def show(answer: FindingAnswer | AccountAnswer, console: Console) -> None:
    """Print an answer. Texts of the logs are shown as they are, but for what a terminal would obey."""
    parts = _finding(answer) if isinstance(answer, FindingAnswer) else _account(answer)
    console.print(Group(*parts), highlight=False)


def _finding(answer: FindingAnswer) -> list[RenderableType]:
    finding = answer.finding
    title = Text.assemble(
        (f"{answer.name} ", "bold"),
        (shown_id(finding.verdict), _style(finding.verdict)),
        f"  {shown_id(finding.finding_id)}",
    )
    best = best_explanation(finding)
    over = f"over the best honest explanation{f', {shown_id(best.name)}' if best else ''}"
    takes = f" (a campaign takes {bits(answer.needed_bits)})" if finding.verdict == "campaign" else ""
    facts = _plain("", "")
    facts.add_row("accounts", Text(count(finding.accounts)))
    facts.add_row("exchanges", Text(f"{count(finding.exchanges)}, {share(finding.network_share)} of their traffic"))
    facts.add_row("trajectories", Text(count(finding.trajectories)))
    facts.add_row("tokens out", Text("not logged" if finding.tokens_out is None else short(finding.tokens_out)))
    when = f"{span(finding.first_at, finding.last_at)}, {moment(finding.first_at)} to {moment(finding.last_at)}"
    facts.add_row("span", Text(when))
    targets = ", ".join(f"{shown_id(name)} {share(part)}" for name, part in finding.targets.items())
    facts.add_row("targets", Text(targets or "none named"))
    facts.add_row("certainty", Text(f"{bits(finding.margin_bits)} bits {over}{takes}"))
    false = f"{rate(finding.expected_false)} this strong per 30 days, {how_often(finding.expected_false)}"
    facts.add_row("false findings", Text(false))
    odds = "; ".join(f"{probability(one.p)} at {one.prior_per_million:,.10g} in a million" for one in answer.chances)
    if finding.verdict != "network":
        facts.add_row("probability", Text(odds))
    out: list[RenderableType] = [
        title,
        Text(shown(finding.claim, 900)),
        "",
        facts,
        _heading("Evidence"),
        _bars(answer.steps),
    ]
    if finding.explanations:
        table = _plain("explanation", "beaten by, bits", "what it leaves unexplained, above all")
        for one in sorted(finding.explanations, key=lambda e: (e.margin_bits, e.name)):
            left = shown(one.against[0], 400) if one.against else "nothing: it would explain all of it"
            table.add_row(Text(shown_id(one.name)), Text(bits(one.margin_bits), justify="right"), Text(left))
        out += [_heading("Could it be honest?"), table]
    if finding.missing:
        out += [_heading("What the logs could not show"), *(Text(f"• {shown(one, 400)}") for one in finding.missing)]
    accounts = _plain("account", "role", "own bits")
    for member in answer.members[:ACCOUNTS_SHOWN]:
        accounts.add_row(
            Text(shown_id(member.account_id)), Text(shown_id(member.role)), Text(bits(member.bits), justify="right")
        )
    out += [_heading("Accounts"), accounts]
    rest = answer.n_members - min(len(answer.members), ACCOUNTS_SHOWN)
    if rest > 0:
        out.append(Text(f"{count(rest)} more are in finding_accounts.parquet", style="dim"))
    if answer.linked:
        way = "runs on" if finding.verdict == "campaign" else "carries"
        out.append(Text(f"{way} {', '.join(shown_id(one) for one in answer.linked)}"))
    for operator in finding.operators:
        others = ", ".join(shown_id(one) for one in operator.findings)
        out.append(
            Text(f"possibly one operator with {others}, {bits(operator.bits)} bits: {shown(operator.sentence, 400)}")
        )
    if finding.atlas:
        out.append(
            Text("MITRE ATLAS: " + "; ".join(f"{shown_id(t)} {technique_name(t)}".strip() for t in finding.atlas))
        )
    if finding.verdict == "network":
        out.append(Text("A network is no accusation: it says that accounts act as one, not what for.", style="italic"))
    return out


def _account(answer: AccountAnswer) -> list[RenderableType]:
    title = Text.assemble(
        ("account ", "bold"), shown_id(answer.account_id), "  ", (shown_id(answer.verdict), _style(answer.verdict))
    )
    axes = _plain("", "bits", "a verdict takes", "")
    for name, has, takes in (
        ("coordination", answer.coordination_bits, answer.coordination_takes),
        ("extraction", answer.extraction_bits, answer.extraction_takes),
    ):
        axes.add_row(
            name, Text(bits(has), justify="right"), Text(bits(takes), justify="right"), _meter(has, takes, name)
        )
    out: list[RenderableType] = [title, Text(f"{count(answer.exchanges, 'exchange')} kept"), "", axes]
    out.append(_heading("Why" if answer.verdict != "clear" else "Why not"))
    out += [Text(f"• {shown(one, 600)}") for one in answer.reasons] or [Text("• The scan says no more of it.")]
    if answer.parts:
        table = _plain("finding", "verdict", "role", "own bits")
        for part in answer.parts:
            table.add_row(
                Text(f"{part.name} {shown_id(part.finding.finding_id)}"),
                Text(shown_id(part.finding.verdict), style=_style(part.finding.verdict)),
                Text(shown_id(part.role)),
                Text(bits(part.bits), justify="right"),
            )
        out += [_heading("Findings"), table]
    if answer.missing:
        out += [_heading("What the logs could not show"), *(Text(f"• {shown(one, 400)}") for one in answer.missing)]
    return out


def _bars(steps: list[Step]) -> Table:
    low = min(0.0, *(min(step.begin, step.end) for step in steps))
    high = max(0.0, *(max(step.begin, step.end) for step in steps))
    scale = BAR / max(high - low, 1e-9)
    table = _plain("evidence", "bits", "sum", "what was seen")
    for step in steps:
        left, right = sorted((step.begin, step.end))
        start = min(round((left - low) * scale), BAR - 1)
        length = max(round((right - left) * scale), 1)
        takes_away = step.kind in ("overlap", "honest")
        sign = "░" if takes_away else "─" if step.kind == "subtotal" else "█"
        bar = Text(" " * start + sign * min(length, BAR - start), style="" if takes_away else _BARS.get(step.axis, ""))
        name = f"{step.name}, all" if step.kind == "subtotal" else step.name
        weight = "bold" if step.kind in ("subtotal", "total") else ""
        table.add_row(
            Text(shown_id(name), style=weight), Text(signed(step.bits), style=weight, justify="right"), bar,
            Text(shown(step.sentence, 400)),
        )  # fmt: skip
    return table


def _meter(has: float, takes: float, axis: str) -> Text:
    full = min(max(round(has / takes * 20), 0), 20) if takes > 0 else 0
    return Text.assemble(("█" * full, _BARS[axis]), ("·" * (20 - full), "dim"))


def _plain(*columns: str) -> Table:
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False, show_header=any(columns), show_edge=False)
    for column in table.columns[:-1]:
        column.no_wrap = column.header in ("bits", "sum", "own bits", "role", "beaten by, bits")
    return table


def _heading(text: str) -> Padding:
    return Padding(Text(text, style="bold"), (1, 0, 0, 0))


def _style(verdict: str) -> str:
    return _STYLE.get(verdict, "bold")
