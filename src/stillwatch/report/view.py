"""What the page shows of each finding: computed here, so that the page itself only lays out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
from markupsafe import Markup

from stillwatch.campaigns.finding import Declared, Finding, Operator, OperatorCluster, TemplateExample
from stillwatch.report import charts
from stillwatch.report.advice import MAX_UNSEEN, UNSEEN, in_short, needed_in_words
from stillwatch.report.atlas import technique_name
from stillwatch.report.bar import VerdictBar, acting_bits, acts_from, bar_of
from stillwatch.report.conclusion import CARRYING, Conclusion
from stillwatch.report.graph import shares_graph
from stillwatch.report.honest import Explained, explained
from stillwatch.report.members import MAX_ACCOUNTS, MAX_NETWORK_ACCOUNTS, Member, as_csv, by_role
from stillwatch.report.naming import linked_findings
from stillwatch.report.near import Near
from stillwatch.report.summary import ScanSummary
from stillwatch.report.text import MAX_EXAMPLE, joined_slots, parse_time, shown
from stillwatch.report.waterfall import Chance, Step, chances, exact_sum, waterfall

MAX_QUARANTINE_REASONS = 50

MAX_MOULDS = 3

MIN_FIXED = 12
"""Characters that a template's fixed text must have to stand for it."""

TRIFLE_BITS = 0.5
"""Evidence of a network that says less is summed up."""

_SAYS = ("evidence", "overlap", "rest")
_SLOT = re.compile(r"(⟦[^⟧]*⟧)")
_SPARK_WIDTH, _SPARK_HEIGHT = 220, 34


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

    exact: the sum's terms and total as figures that add up.  short: its reasons, each with its strongest sentences.
    explanations: the honest ones, the best first.  listed: all its accounts as CSV; None where they are too many.
    bar: what it had to reach, or a network would have had to.  acting: bits that say that its accounts act as one, what
    they do not share left out; acts_from: what these had to come to.  carrying: accounts with its exchanges.
    network: accounts of the network that it runs on.
    """

    name: str
    finding: Finding
    bars: list[Bar]
    zero: float
    chances: list[Chance]
    exact: list[tuple[str, str]]
    short: list[tuple[str, list[str]]]
    explanations: list[Explained]
    moulds: list[Mould]
    members: list[Member]
    n_members: int
    listed: str | None
    roles: list[tuple[str, int]]
    pictures: dict[str, Markup | None]
    atlas: list[tuple[str, str]]
    linked: list[str]
    network: int
    bar: VerdictBar
    acting: float
    acts_from: float
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
    def best(self) -> Explained | None:
        """The honest explanation that leaves least: the one to beat."""
        return self.explanations[0] if self.explanations else None

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
    """Everything the page shows.

    hollow: tested groups that are small parts of a network, and hollow in the picture of the axes.
    steps: what to do next.  promise: what the promise means, a paragraph each.  readable: how much of the logs was.
    """

    summary: ScanSummary
    conclusion: Conclusion
    steps: list[str]
    promise: list[str]
    readable: str
    main: list[FindingView]
    networks: list[FindingView]
    names: dict[str, str]
    axes: Markup | None
    tested: list[tuple[str, int]]
    hollow: int
    near: list[Near]
    declared: list[Declared]
    operators: list[OperatorCluster]
    columns: list[Column]
    reasons: list[tuple[str, int]]
    n_reasons: int
    sources: int

    @property
    def unseen(self) -> list[tuple[str, list[str]]]:
        """What the logs could not support: what it needs, and what cannot be seen without, in words."""
        needs: dict[str, list[str]] = {}
        for one in self.summary.missing_evidence:
            needs.setdefault(needed_in_words(one.needs), []).append(UNSEEN.get(one.evidence, one.evidence))
        return sorted(needs.items(), key=lambda one: -len(one[1]))

    @property
    def ties(self) -> list[tuple[str, Operator]]:
        """Pairs of findings that may have one operator, each once, the strongest first."""
        seen: set[frozenset[str]] = set()
        out = []
        for view in (*self.main, *self.networks):
            for tie in view.finding.operators:
                pair = frozenset((view.finding.finding_id, *tie.findings))
                if pair not in seen:
                    seen.add(pair)
                    out.append((view.finding.finding_id, tie))
        return sorted(out, key=lambda one: -one[1].bits)

    @property
    def max_unseen(self) -> int:
        """How much of it the first page shows; the rest stands under Coverage."""
        return MAX_UNSEEN

    @property
    def has_text(self) -> bool:
        """Whether the logs hold any text, so that what is asked for can be known."""
        return any(self.summary.coverage.get(name, 0.0) > 0 for name in ("prompt", "system_prompt", "first_user"))

    @property
    def n_tested(self) -> int:
        """Groups that were tested."""
        return sum(n for _, n in self.tested)

    @property
    def doubted(self) -> bool:
        """Whether bits were taken off a finding, as its accounts only half hide that they belong together."""
        return any(view.bar.doubt for view in self.main)

    @property
    def max_moulds(self) -> int:
        """Templates that a finding shows; the rest is folded."""
        return MAX_MOULDS

    @property
    def carrying_networks(self) -> int:
        """Networks on which campaigns run."""
        return sum(bool(view.linked) for view in self.networks)


def view_finding(
    finding: Finding,
    all_findings: dict[str, Finding],
    names: dict[str, str],
    summary: ScanSummary,
    members: list[Member],
    links: pa.Table,
    *,
    texts: Mapping[str, str],
    whole: bool = True,
) -> FindingView:
    """A finding with its pictures; a network with the small ones only.

    members: all its accounts, in order.  texts: template's id -> its fixed words.  whole: whether the page has room for
    all of the accounts.
    """
    roles = by_role(members)
    small = finding.verdict == "network"
    linked = linked_findings(finding, links)
    network = max([finding.accounts, *(all_findings[one].accounts for one in linked if one in all_findings)])
    steps = waterfall(finding, summary.prior_per_million)
    bars, zero = _bars(steps)
    return FindingView(
        name=names[finding.finding_id],
        finding=finding,
        bars=bars,
        zero=zero,
        chances=chances(finding, summary.prior_per_million),
        exact=exact_sum(steps),
        short=in_short(finding),
        explanations=explained(finding),
        moulds=[Mould(one, list(_pieces(one.example))) for one in finding.templates],
        members=members[: MAX_NETWORK_ACCOUNTS if small else MAX_ACCOUNTS],
        n_members=len(members),
        listed=as_csv(members) if whole and members else None,
        roles=roles,
        pictures=_pictures(finding, small, finding.accounts if small else network, texts),
        atlas=[(technique, technique_name(technique)) for technique in finding.atlas],
        linked=linked,
        network=network,
        bar=bar_of(finding, summary.null),
        acting=acting_bits(finding),
        acts_from=acts_from(finding, summary.null),
        carrying=sum(n for role, n in roles if role in CARRYING) or finding.accounts,
    )


def quarantine_reasons(quarantine: pa.Table) -> list[tuple[str, int]]:
    """Reasons and how many rows each has, the most frequent first."""
    counts = Counter(quarantine["reason"].to_pylist())
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


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
    for piece in _SLOT.split(shown(joined_slots(example), MAX_EXAMPLE)):
        if piece:
            yield piece, piece.startswith("⟦") and piece.endswith("⟧")


def fixed_words(findings: Iterable[Finding]) -> dict[str, str]:
    """Template's id -> the longest piece of its fixed text, for the templates whose text may be shown."""
    out = {}
    for template in (one for finding in findings for one in finding.templates if one.example):
        text = re.sub(r"^(?:System|Prompt):\s*", "", template.example or "")
        fixed = (" ".join(piece.split()) for piece, slot in _pieces(text) if not slot)
        words = max(fixed, key=len, default="")
        if len(words) >= MIN_FIXED:
            out[template.id] = words
    return out


def _pictures(finding: Finding, small: bool, network: int, texts: Mapping[str, str]) -> dict[str, Markup | None]:
    return {
        "shares": shares_graph(finding, network, texts),
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
