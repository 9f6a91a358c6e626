"""What the page shows of each finding: computed here, so that the page itself only lays out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from stillwatch.campaigns.finding import Explanation, Finding, TemplateExample
from stillwatch.report import charts
from stillwatch.report.atlas import technique_name
from stillwatch.report.conclusion import CARRYING, Conclusion
from stillwatch.report.graph import shares_graph
from stillwatch.report.summary import ScanSummary
from stillwatch.report.text import MAX_EXAMPLE, parse_time, shown
from stillwatch.report.waterfall import Chance, Step, best_explanation, chances, waterfall

MAX_ACCOUNTS = 200
MAX_NETWORK_ACCOUNTS = 20
MAX_QUARANTINE_REASONS = 50
ROLES = ("driver", "carrier", "stolen", "adjacent")
ORDER = ("campaign", "harvest", "network")
"""Findings in the order in which they are shown; networks come last, folded."""

TRIFLE_BITS = 0.5
"""Evidence of a network that says less is summed up."""

_SAYS = ("evidence", "overlap", "rest")
_WOULD_SHOW = " would show this too: "
_SLOT = re.compile(r"(⟦[^⟧]*⟧)")
_SPARK_WIDTH, _SPARK_HEIGHT = 220, 34


@dataclass(frozen=True, slots=True)
class Member:
    """An account of a finding."""

    account_id: str
    role: str
    bits: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A step of the waterfall with its place on the common scale, in per cent."""

    step: Step
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Mould:
    """A template with its text in pieces: (text, whether it is a slot); none where no text may be shown."""

    template: TemplateExample
    pieces: list[tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding as the page shows it. zero: where 0 bits is on the waterfall's scale, in per cent.

    needed: bits of extraction and of margin that a campaign takes.  carrying: accounts with its exchanges.
    network: accounts of the network that it runs on.  would_show: what the best honest explanation would be, and what
    it would show too.
    """

    name: str
    finding: Finding
    bars: list[Bar]
    zero: float
    chances: list[Chance]
    best: Explanation | None
    explanations: list[Explanation]
    moulds: list[Mould]
    members: list[Member]
    n_members: int
    roles: list[tuple[str, int]]
    pictures: dict[str, Markup | None]
    atlas: list[tuple[str, str]]
    linked: list[str]
    network: int
    needed: float
    carrying: int

    @property
    def main_bars(self) -> list[Bar]:
        """The evidence that says more than a trifle."""
        return [bar for bar in self.bars if bar.step.kind in _SAYS and abs(bar.step.bits) >= TRIFLE_BITS]

    @property
    def trifles(self) -> tuple[int, float]:
        """How many pieces of evidence say less, and their sum in bits."""
        small = [bar.step.bits for bar in self.bars if bar.step.kind in _SAYS and abs(bar.step.bits) < TRIFLE_BITS]
        return len(small), sum(small)

    @property
    def would_show(self) -> tuple[str, list[str]]:
        """The sentence that says what the best honest explanation would be, once, and what speaks for it."""
        said = [one.partition(_WOULD_SHOW) for one in (self.best.for_ if self.best else [])]
        begins = {begin for begin, middle, _ in said if middle}
        if len(begins) == 1 and all(middle for _, middle, _ in said):
            return begins.pop() + _WOULD_SHOW.rstrip(), [end for _, _, end in said]
        return "", list(self.best.for_ if self.best else [])

    @property
    def anchor(self) -> str:
        """Its place in the page."""
        return f"finding-{self.name.lower()}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the logs and the share of rows that fill it."""

    name: str
    filled: float


@dataclass(frozen=True, slots=True)
class Page:
    """Everything the page shows."""

    summary: ScanSummary
    conclusion: Conclusion
    promise: str
    main: list[FindingView]
    networks: list[FindingView]
    names: dict[str, str]
    axes: Markup | None
    tested: list[tuple[str, int]]
    columns: list[Column]
    reasons: list[tuple[str, int]]
    n_reasons: int
    sources: int

    @property
    def carrying_networks(self) -> int:
        """Networks on which campaigns run."""
        return sum(bool(view.linked) for view in self.networks)


def ranked(findings: list[Finding]) -> list[Finding]:
    """Findings in the order in which they are shown; within a verdict, as the scan ranked them."""
    rank = {verdict: at for at, verdict in enumerate(ORDER)}
    return sorted(findings, key=lambda finding: rank.get(finding.verdict, len(rank)))


def names_of(findings: list[Finding]) -> dict[str, str]:
    """finding_id -> what the page calls it: C1, C2, H1, N1, ..."""
    numbers: Counter[str] = Counter()
    out = {}
    for finding in findings:
        letter = finding.verdict[:1].upper() or "F"
        numbers[letter] += 1
        out[finding.finding_id] = f"{letter}{numbers[letter]}"
    return out


def view_finding(
    finding: Finding,
    all_findings: dict[str, Finding],
    names: dict[str, str],
    summary: ScanSummary,
    tested: int,
    members: pa.Table,
    links: pa.Table,
) -> FindingView:
    """A finding with its pictures; a network with the small ones only.

    tested: accounts of the group that was tested; the bits that it had to reach depend on them.
    """
    mine = members.filter(pc.equal(members["finding_id"], finding.finding_id))
    roles = Counter(mine["role"].to_pylist())
    small = finding.verdict == "network"
    linked = linked_findings(finding, links)
    network = max([finding.accounts, *(all_findings[one].accounts for one in linked if one in all_findings)])
    bars, zero = _bars(waterfall(finding, summary.prior_per_million))
    return FindingView(
        name=names[finding.finding_id],
        finding=finding,
        bars=bars,
        zero=zero,
        chances=chances(finding, summary.prior_per_million),
        best=best_explanation(finding),
        explanations=sorted(finding.explanations, key=lambda one: (one.margin_bits, one.name)),
        moulds=[Mould(one, list(_pieces(one.example))) for one in finding.templates],
        members=first_members(mine, MAX_NETWORK_ACCOUNTS if small else MAX_ACCOUNTS),
        n_members=mine.num_rows,
        roles=[(role, roles[role]) for role in sorted(roles, key=_role_rank)],
        pictures=_pictures(finding, small, finding.accounts if small else network),
        atlas=[(technique, technique_name(technique)) for technique in finding.atlas],
        linked=linked,
        network=network,
        needed=summary.null.campaign_threshold_bits,
        carrying=sum(roles[role] for role in CARRYING) or finding.accounts,
    )


def first_members(mine: pa.Table, limit: int) -> list[Member]:
    """The first accounts of a finding: by role, then by their own evidence, then by id."""
    rows = zip(mine["account_id"].to_pylist(), mine["role"].to_pylist(), mine["bits"].to_pylist(), strict=True)
    ordered = sorted(rows, key=lambda row: (_role_rank(row[1]), -row[2], row[0]))
    return [Member(account, role, float(bits)) for account, role, bits in ordered[:limit]]


def linked_findings(finding: Finding, links: pa.Table) -> list[str]:
    """Networks that a campaign runs on, or campaigns that run on a network."""
    here, there = ("campaign_id", "network_id") if finding.verdict == "campaign" else ("network_id", "campaign_id")
    return sorted(set(links.filter(pc.equal(links[here], finding.finding_id))[there].to_pylist()))


def quarantine_reasons(quarantine: pa.Table) -> list[tuple[str, int]]:
    """Reasons and how many rows each has, the most frequent first."""
    counts = Counter(quarantine["reason"].to_pylist())
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _role_rank(role: str) -> tuple[int, str]:
    return (ROLES.index(role) if role in ROLES else len(ROLES), role)


def _bars(steps: list[Step]) -> tuple[list[Bar], float]:
    low = min(0.0, *(min(step.begin, step.end) for step in steps))
    high = max(0.0, *(max(step.begin, step.end) for step in steps))
    size = max(high - low, 1e-9)
    bars = []
    for step in steps:
        left, right = sorted((step.begin, step.end))
        bars.append(Bar(step, (left - low) / size * 100, max((right - left) / size * 100, 0.4)))
    return bars, -low / size * 100


def _pieces(example: str | None) -> Iterator[tuple[str, bool]]:
    if example is None:
        return
    for piece in _SLOT.split(shown(example, MAX_EXAMPLE)):
        if piece:
            yield piece, piece.startswith("⟦") and piece.endswith("⟧")


def _pictures(finding: Finding, small: bool, network: int) -> dict[str, Markup | None]:
    return {
        "shares": shares_graph(finding, network),
        "spark": _spark(finding) if small else None,
        "timeline": None if small else charts.timeline(finding),
        "load": None if small else charts.load(finding),
        "hours": None if small else charts.hours(finding),
        "models": None if small else charts.models(finding),
    }


def _spark(finding: Finding) -> Markup | None:
    """A network's traffic over time, small: its exchanges and its accounts' others together."""
    points = [(parse_time(start), inside + beside) for start, inside, beside in finding.pictures.timeline]
    known = [(at, n) for at, n in points if at is not None]
    if len(known) < 2:
        return None
    first, last = known[0][0], known[-1][0]
    whole = max((last - first).total_seconds() + finding.pictures.bin_hours * 3600, 1.0)
    peak = max(max(n for _, n in known), 1)
    width = max(finding.pictures.bin_hours * 3600 / whole * _SPARK_WIDTH, 0.7)
    bars = "".join(
        f'<rect x="{(at - first).total_seconds() / whole * _SPARK_WIDTH:.1f}" '
        f'y="{(1 - n / peak) * _SPARK_HEIGHT:.1f}" width="{width:.1f}" height="{n / peak * _SPARK_HEIGHT:.1f}"/>'
        for at, n in known
    )
    return Markup(
        f'<svg class="spark" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SPARK_WIDTH} {_SPARK_HEIGHT}" '
        f'width="{_SPARK_WIDTH}" height="{_SPARK_HEIGHT}" role="img" '
        f'aria-label="Exchanges over time, at most {peak:,} in one bin"><title>Exchanges over time</title>{bars}</svg>'
    )
