"""What declared uses and dismissals change of the verdicts: who is taken out, what is spared, and what has come back.

A declared mould is no evidence: groups that pour from it are weighed again without it, and whoever imitates a declared
customer is found by everything else. Accounts with a declared use are taken out of a campaign's stream, and what is
left of it is weighed and judged anew: it stays a campaign where it is one without them. A dismissed finding is spared
as a whole while it is what it was: nearly all of its accounts, of its exchanges' moulds and of its pace are those that
were dismissed. Nothing is hidden: what is spared stands in the report with the declaration that spared it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from stillwatch.campaigns.assess import Assessed, Assessment
from stillwatch.campaigns.cells import Cells
from stillwatch.campaigns.finding import Spared
from stillwatch.campaigns.measures import joined
from stillwatch.campaigns.streams import Stream
from stillwatch.campaigns.verdicts import Thresholds
from stillwatch.networks.group import Scorer
from stillwatch.profiles.index import Ints
from stillwatch.report.text import count
from stillwatch.review.log import Entry
from stillwatch.review.moulds import without_moulds
from stillwatch.review.ruling import Ruling, Rulings

GROWN = 0.25
"""Share of a group's accounts, or of its exchanges by mould, that were not dismissed, from which it has come back."""

FASTER = 2.0
"""And its exchanges a day over those that were dismissed."""

KNOWN = 0.5
"""Share of its accounts, and of its exchanges by mould, that must have been dismissed to call it the same, grown."""

Judge = Callable[[Sequence[Assessed]], tuple[list[str], Thresholds]]


@dataclass(frozen=True, slots=True)
class Settled:
    """An assessment after declared uses and reviews. spared: name of a ruling -> the groups that it covers.

    outgrown: name of a dismissal -> how what it dismissed has grown, in words, a group each.  remarks: row of a subject
    in the measures -> what a finding of it must say.
    """

    assessment: Assessment
    verdicts: list[str]
    limits: Thresholds
    spared: dict[str, list[Spared]]
    outgrown: dict[str, list[str]]
    remarks: dict[int, list[str]]


def settle(
    assessment: Assessment, verdicts: Sequence[str], limits: Thresholds, rulings: Rulings, judge: Judge
) -> Settled:
    """The assessment with declared accounts taken out of campaigns, and dismissed ones spared.

    judge: verdicts and thresholds of subjects.
    """
    cells = assessment.bench.cells
    spared: dict[str, list[Spared]] = {}
    if len(rulings.public):
        before, was = assessment.subjects, verdicts
        assessment = _without_moulds(assessment, rulings.public)
        verdicts, limits = judge(assessment.subjects)
        for at, subject in enumerate(before):
            if was[at] == "campaign" and verdicts[at] != "campaign":
                for one in _pouring(cells, subject, rulings):
                    spared.setdefault(one.name, []).append(_spared(cells, subject, subject.units, whole=True))
    subjects, measures = list(assessment.subjects), assessment.candidates
    protecting = [one for one in rulings.rulings if one.protects]
    cut: dict[int, list[Ruling]] = {}
    nobody_left: set[int] = set()
    for at, subject in enumerate(assessment.subjects):
        of = [one for one in protecting if np.isin(subject.units, one.units).any()]
        if verdicts[at] != "campaign" or not of:
            continue
        cut[at] = of
        gone = np.isin(subject.units, np.concatenate([one.units for one in of]))
        if gone.all():
            nobody_left.add(at)
            continue
        rest = (subject.network_number, subject.network, _without(cells, subject, subject.units[gone]))
        (subjects[at],), more = assessment.bench.weigh([rest], len(measures.units))
        measures = joined(measures, more)
    judged, limits = judge(subjects) if cut else (list(verdicts), limits)
    judged = ["clear" if at in nobody_left else verdict for at, verdict in enumerate(judged)]
    outgrown: dict[str, list[str]] = {}
    remarks: dict[int, list[str]] = {}
    for at, of in cut.items():
        whole, left = assessment.subjects[at], judged[at] == "campaign"
        for one in of:
            mine = _spared(cells, whole, whole.units[np.isin(whole.units, one.units)], whole=not left)
            spared.setdefault(one.name, []).append(mine)
            if left:
                remarks.setdefault(subjects[at].row, []).append(
                    f"{count(mine.accounts, 'account')} with {count(mine.exchanges, 'such exchange')} are left out of "
                    f"it, by the declared use {one.name} ({one.use}; {one.owner}, until {one.until}). It was weighed "
                    "without them."
                )
    dismissed = [one for one in rulings.rulings if one.review is not None and one.holds]
    for at, subject in enumerate(subjects):
        if judged[at] != "campaign":
            continue
        for one in dismissed:
            said = grown(cells, subject, one)
            if said is None:
                continue
            if said:
                outgrown.setdefault(one.name, []).append(said)
                remarks.setdefault(subject.row, []).append(
                    f"It was dismissed before ({_by(one)}) and has grown: {said}."
                )
                continue
            judged[at] = "clear"
            spared.setdefault(one.name, []).append(_spared(cells, subject, subject.units, whole=True))
            break
    return Settled(Assessment(subjects, measures, assessment.bench), judged, limits, spared, outgrown, remarks)


def grown(cells: Cells, subject: Assessed, ruling: Ruling) -> str | None:
    """How a group has grown since it was dismissed, in words: None where it is another, empty where it has not."""
    review = ruling.review
    if review is None or review.verdict != "campaign":
        return None
    units, keys = subject.units, cells.key_hash[cells.key[subject.cells]]
    n = cells.n[subject.cells].astype(np.float64)
    known = float(np.isin(units, ruling.units).mean())
    poured = float(n[np.isin(keys, ruling.moulds)].sum() / max(n.sum(), 1.0))
    if known < KNOWN or poured < KNOWN:
        return None
    days = (int(cells.last_at[subject.cells].max()) - int(cells.first_at[subject.cells].min())) / 86_400e6
    before = review.exchanges / max(_days(review), 1.0)
    faster = float(n.sum()) / max(days, 1.0) / max(before, 1e-9)
    said = []
    if 1.0 - known > GROWN:
        said.append(f"{1.0 - known:.0%} of its accounts were not in it then")
    if 1.0 - poured > GROWN:
        said.append(f"{1.0 - poured:.0%} of its exchanges have other moulds")
    if faster > FASTER:
        said.append(f"it sends {faster:.1f} times as much a day")
    return " and ".join(said)


def _without_moulds(assessment: Assessment, moulds: Ints) -> Assessment:
    """The assessment, its groups that pour from declared moulds weighed again: sharing those moulds says nothing."""
    bench = assessment.bench
    links = without_moulds(bench.links, bench.connection, moulds)
    known = replace(bench, links=links, scorer=Scorer.of(links))
    mine = np.isin(bench.cells.key_hash[bench.cells.key], moulds)
    subjects, again = list(assessment.subjects), []
    for at, subject in enumerate(subjects):
        if mine[subject.cells].any():
            again.append(at)
    if not again:
        return assessment
    plan = [(subjects[at].network_number, subjects[at].network, subjects[at].stream) for at in again]
    weighed, measures = known.weigh(plan, len(assessment.candidates.units))
    for at, subject in zip(again, weighed, strict=True):
        subjects[at] = subject
    return Assessment(subjects, joined(assessment.candidates, measures), bench)


def _pouring(cells: Cells, subject: Assessed, rulings: Rulings) -> list[Ruling]:
    """The declared moulds that a group pours from."""
    keys = cells.key_hash[cells.key[subject.cells]]
    return [one for one in rulings.rulings if one.review is None and one.holds and np.isin(keys, one.moulds).any()]


def _by(ruling: Ruling) -> str:
    """Who dismissed what, and when."""
    review = ruling.review
    return "" if review is None else f"{review.finding_id}, by {review.by} on {review.at[:10]}"


def _without(cells: Cells, subject: Assessed, units: npt.NDArray[np.int32]) -> Stream:
    """A subject's stream without some units."""
    stream = subject.stream
    if stream is None:
        raise ValueError("a network is no stream")
    rows: Ints = subject.cells[~np.isin(cells.unit[subject.cells], units)]
    kept = np.isin(stream.keys, cells.key[rows])
    return Stream(
        keys=stream.keys[kept], cells=rows, bits=stream.bits[kept], parts=stream.parts[kept], imitated=stream.imitated
    )


def _spared(cells: Cells, subject: Assessed, units: npt.NDArray[np.int32], *, whole: bool) -> Spared:
    rows = subject.cells[np.isin(cells.unit[subject.cells], units)]
    return Spared(
        coordination_bits=round(subject.coordination_bits, 3),
        extraction_bits=round(subject.extraction_bits, 3),
        margin_bits=round(subject.margin_bits, 3),
        accounts=len(units),
        exchanges=int(cells.n[rows].sum()),
        whole=whole,
    )


def _days(review: Entry) -> float:
    first, last = (datetime.fromisoformat(at.replace("Z", "+00:00")) for at in (review.first_at, review.last_at))
    return (last - first).total_seconds() / 86_400
