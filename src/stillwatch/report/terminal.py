"""The same in the terminal: a finding's sum as bars, an account's verdict with its reasons."""

from __future__ import annotations

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stillwatch.report.advice import in_short, unseen_in_words
from stillwatch.report.atlas import technique_name
from stillwatch.report.bar import strength_in_words
from stillwatch.report.explaining import AccountAnswer, FindingAnswer
from stillwatch.report.honest import explained
from stillwatch.report.text import (
    bits,
    capitalize_first,
    comes_once,
    count,
    days,
    probability,
    rate,
    share,
    short,
    shown,
    shown_id,
    signed,
    span,
    times,
)
from stillwatch.report.waterfall import Step, best_explanation, exact_sum

WIDE = 110
"""Columns from which what was seen stands beside the sum, not below it."""

NAME = 23
"""Characters of a piece's name in a narrow terminal."""

BAR = 24
"""Characters of the waterfall's scale."""

ACCOUNTS_SHOWN = 20

_STYLE = {"campaign": "bold red", "network": "bold blue", "harvest": "bold yellow", "clear": "bold green"}
_BARS = {"coordination": "blue", "extraction": "yellow"}


def show(answer: FindingAnswer | AccountAnswer, console: Console) -> None:
    """Print an answer. Texts of the logs are shown as they are, but for what a terminal would obey."""
    wide = console.width >= WIDE
    parts = _finding(answer, wide) if isinstance(answer, FindingAnswer) else _account(answer)
    console.print(Group(*parts), highlight=False)


def _finding(answer: FindingAnswer, wide: bool) -> list[RenderableType]:
    finding = answer.finding
    title = Text.assemble(
        (f"{answer.name} ", "bold"),
        (shown_id(finding.verdict), _style(finding.verdict)),
        f"  {shown_id(finding.finding_id)}",
    )
    out: list[RenderableType] = [title, Text(shown(finding.claim, 900)), "", _facts(answer)]
    if finding.verdict != "network":
        out.append(_heading("In short"))
        for label, said in in_short(finding):
            out += _item(f"{label}:", " ".join(f"{capitalize_first(shown(one, 400))}." for one in said))
    out += [_heading("Evidence"), *(_table(answer.steps) if wide else _stacked(answer.steps))]
    if finding.verdict == "campaign":
        out.append(Text(f"exactly: {_sum(answer)}", style="dim"))
    honest = explained(finding)
    if honest:
        out += [_heading("Could it be honest? Each explanation, by how many bits it is beaten, and why"), ""]
        for one in honest:
            left = (
                f"{capitalize_first(shown(one.against[0], 400))}." if one.against else "Nothing: it would explain all."
            )
            name = Text.assemble((f"{shown_id(one.name):<22}", "bold"), f"{bits(one.margin_bits):>7}")
            out += [name, _indented(capitalize_first(left))]
            if one is honest[0] and one.ask:
                out.append(_indented(f"To find out outside the logs: {one.ask}."))
    out += _unseen(finding.missing)
    out += [_heading("Accounts"), _accounts(answer)]
    rest = answer.n_members - min(len(answer.members), ACCOUNTS_SHOWN)
    if rest > 0:
        out.append(Text(f"{count(rest)} more are in finding_accounts.parquet and in report.html", style="dim"))
    out += _references(answer)
    if finding.reviews:
        out.append(_heading("Declared uses and reviews"))
        for review in finding.reviews:
            out += _item("•", shown(review, 900))
    return out


def _facts(answer: FindingAnswer) -> Table:
    finding = answer.finding
    best = best_explanation(finding)
    over = f"over the best honest explanation{f', {shown_id(best.name)}' if best else ''}"
    facts = _plain("", "")
    facts.add_row("accounts", Text(count(finding.accounts)))
    facts.add_row("exchanges", Text(f"{count(finding.exchanges)}, {share(finding.network_share)} of their traffic"))
    facts.add_row("trajectories", Text(count(finding.trajectories)))
    facts.add_row("tokens out", Text("not logged" if finding.tokens_out is None else short(finding.tokens_out)))
    if finding.cost_usd is not None:
        facts.add_row("cost", Text(f"about ${count(finding.cost_usd)} of answers"))
    facts.add_row("span", Text(f"{span(finding.first_at, finding.last_at)}, {days(finding.first_at, finding.last_at)}"))
    targets = ", ".join(f"{shown_id(name)} {share(part)}" for name, part in finding.targets.items())
    facts.add_row("after", Text(targets or "nothing that stands out or can be known"))
    rarely = f"{rate(finding.expected_false)} this strong per 30 days"
    facts.add_row("certainty", Text(f"{comes_once(finding.expected_false)}, were everybody honest ({rarely})"))
    margin = f", a factor of {times(finding.margin_bits)}" if finding.margin_bits > 0 else ""
    facts.add_row("", Text(f"{bits(finding.margin_bits)} bits {over}{margin}"))
    if finding.verdict != "network":
        facts.add_row("strength", Text(f"{strength_in_words(answer.bar)}"))
    odds = "; ".join(f"{probability(one.p)} at {one.prior_per_million:,.10g}" for one in answer.chances)
    if finding.verdict == "campaign":
        facts.add_row("probability", Text(f"at least {odds} campaign accounts in a million"))
    return facts


def _accounts(answer: FindingAnswer) -> Table:
    accounts = _plain("account", "role", "own bits")
    for member in answer.members[:ACCOUNTS_SHOWN]:
        accounts.add_row(
            Text(shown_id(member.account_id)), Text(shown_id(member.role)), Text(bits(member.bits), justify="right")
        )
    return accounts


def _references(answer: FindingAnswer) -> list[RenderableType]:
    finding = answer.finding
    out: list[RenderableType] = [""]
    if answer.linked:
        way = "runs on" if finding.verdict == "campaign" else "carries"
        out += _item(way, ", ".join(shown_id(one) for one in answer.linked))
    for operator in finding.operators:
        others = ", ".join(shown_id(one) for one in operator.findings)
        out += _item(
            "possibly one operator with", f"{others}, {bits(operator.bits)} bits: {shown(operator.sentence, 600)}"
        )
    if finding.atlas:
        out += _item("MITRE ATLAS:", "; ".join(f"{shown_id(t)} {technique_name(t)}".strip() for t in finding.atlas))
    if finding.verdict == "network":
        out.append(Text("A network is no accusation: it says that accounts act as one, not what for.", style="italic"))
    if finding.verdict == "harvest":
        out.append(
            Text(
                "Nobody is accused: the log does not tell whether these accounts are one customer's, or hide it."
                if finding.unnamed
                else "A harvest is a matter of terms: nobody hides anything, and nobody is accused of fraud.",
                "italic",
            )
        )
    return out


def _account(answer: AccountAnswer) -> list[RenderableType]:
    title = Text.assemble(
        ("account ", "bold"), shown_id(answer.account_id), "  ", (shown_id(answer.verdict), _style(answer.verdict))
    )
    axes = _plain("of the strongest groups it is in", "bits", "a verdict takes", "")
    for name, has, takes in (
        ("coordination", answer.coordination_bits, answer.coordination_takes),
        ("extraction", answer.extraction_bits, answer.extraction_takes),
    ):
        axes.add_row(
            name, Text(bits(has), justify="right"), Text(bits(takes), justify="right"), _meter(has, takes, name)
        )
    out: list[RenderableType] = [title, Text(f"{count(answer.exchanges, 'exchange')} kept"), "", axes]
    out.append(_heading("Why" if answer.verdict != "clear" else "Why not"))
    for one in answer.reasons or ["The scan says no more of it."]:
        out += _item("•", shown(one, 600))
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
    out += _unseen(answer.missing)
    return out


def _unseen(missing: list[str]) -> list[RenderableType]:
    out: list[RenderableType] = [_heading("What the logs could not show")] if missing else []
    for one in missing:
        out += _item("•", shown(unseen_in_words(one), 400))
    return out


def _table(steps: list[Step]) -> list[RenderableType]:
    """The sum with what was seen beside it, for a wide terminal."""
    table = _plain("evidence", "bits", "sum", "what was seen")
    for step, bar in zip(steps, _bars(steps), strict=True):
        weight = _weight(step)
        table.add_row(
            Text(shown_id(_named(step)), style=weight), Text(signed(step.bits), style=weight, justify="right"), bar,
            Text(shown(step.sentence, 400)),
        )  # fmt: skip
    return [table]


def _stacked(steps: list[Step]) -> list[RenderableType]:
    """The sum with what was seen below each piece, for a narrow terminal."""
    out: list[RenderableType] = []
    for step, bar in zip(steps, _bars(steps), strict=True):
        name = shown_id(_named(step))
        line = Text(f"{name:<{NAME}} {signed(step.bits):>6}  ", style=_weight(step), no_wrap=True)
        line.append_text(bar)
        out += [line, _indented(shown(step.sentence, 400))] if step.kind != "subtotal" else [line]
    return out


def _bars(steps: list[Step]) -> list[Text]:
    low = min(0.0, *(min(step.begin, step.end) for step in steps))
    high = max(0.0, *(max(step.begin, step.end) for step in steps))
    scale = BAR / max(high - low, 1e-9)
    bars = []
    for step in steps:
        left, right = sorted((step.begin, step.end))
        start = min(round((left - low) * scale), BAR - 1)
        length = max(round((right - left) * scale), 1)
        takes_away = step.kind in ("overlap", "honest", "doubt")
        sign = "░" if takes_away else "─" if step.kind == "subtotal" else "█"
        style = "" if takes_away else _BARS.get(step.axis, "")
        bars.append(Text(" " * start + sign * min(length, BAR - start), style=style))
    return bars


def _named(step: Step) -> str:
    return f"{step.name}, all" if step.kind == "subtotal" else step.name


def _weight(step: Step) -> str:
    return "bold" if step.kind in ("subtotal", "total") else ""


def _sum(answer: FindingAnswer) -> str:
    *terms, (name, total) = exact_sum(answer.steps)
    return f"{' '.join(f'{figure} {term}' for term, figure in terms)} = {total} {name}"


def _meter(has: float, takes: float, axis: str) -> Text:
    full = min(max(round(has / takes * 20), 0), 20) if takes > 0 else 0
    return Text.assemble(("█" * full, _BARS[axis]), ("·" * (20 - full), "dim"))


def _plain(*columns: str) -> Table:
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False, show_header=any(columns), show_edge=False)
    for column in table.columns[:-1]:
        column.no_wrap = column.header in ("bits", "sum", "own bits", "role", "beaten by, bits")
    return table


def _item(mark: str, text: str) -> list[RenderableType]:
    """A line that begins with a mark; what follows of it is indented."""
    if len(mark) > 1:
        return [Text.assemble((f"{mark} ", "bold"), text)]
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_row(Text(mark), Text(text))
    return [grid]


def _indented(text: str) -> Padding:
    return Padding(Text(text, style="dim"), (0, 0, 0, 4))


def _heading(text: str) -> Padding:
    return Padding(Text(text, style="bold"), (1, 0, 0, 0))


def _style(verdict: str) -> str:
    return _STYLE.get(verdict, "bold")
