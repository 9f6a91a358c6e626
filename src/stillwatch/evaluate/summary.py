"""An evaluation as lines of Markdown: for a terminal, and for docs/results.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from stillwatch.evaluate.delay import Delays
from stillwatch.evaluate.document import Evaluation
from stillwatch.evaluate.power import PowerPoint
from stillwatch.report.text import listed

ALIKE = 1.05
"""Worlds whose sizes differ by no more are said to be of about one size."""

MOST_NAMED = 4
"""Campaigns that a sentence names."""


def summary(document: Evaluation) -> list[str]:
    """What was found and who was accused: tables of campaigns and of honest traffic, then of days and of dials."""
    out: list[str] = []
    if document.campaigns:
        out += [*_campaigns(document), ""]
    if document.runs:
        out += [*_honest(document), ""]
    for one in document.delays:
        out += [*_delays(one), ""]
    if document.power:
        out += [*_power(document.power), ""]
    return out[:-1]


def headline(document: Evaluation) -> list[str]:
    """What an evaluation says first, in sentences: at what size, what is found, who is accused."""
    if document.runs:
        sizes = sorted({one.accounts for one in document.runs})
        alike = sizes[-1] <= ALIKE * sizes[0]
        size = f"{sizes[0]:,}" if len(sizes) == 1 or alike else f"{sizes[0]:,} to {sizes[-1]:,}"
        first, *rest = said(document)
        return [
            f"At {'about ' if len(sizes) > 1 and alike else ''}{size} accounts: {first[:1].lower()}{first[1:]}",
            *rest,
        ]
    out = []
    for one in document.delays:
        found = [delay for delay in one.campaigns if delay.days is not None and delay.share is not None]
        told = ""
        if found:
            days, shares = [d.days or 0.0 for d in found], [d.share or 0.0 for d in found]
            told = (
                f", after {min(days):.0f} to {max(days):.0f} days and {min(shares):.0%} to {max(shares):.0%} of their "
                "exchanges"
            )
        out.append(f"Scanned day by day, {len(found)} of {len(one.campaigns)} campaigns were found{told}.")
    for world, dial in dict.fromkeys((one.world, one.dial) for one in document.power):
        mine = [one for one in document.power if (one.world, one.dial) == (world, dial)]
        whole = [one for one in mine if one.campaign == mine[0].campaign]
        out.append(
            f"{world}: with {dial.replace('_', ' ')} from {whole[0].value:g} to {whole[-1].value:g}, recall goes from "
            f"{whole[0].recall:.0%} to {whole[-1].recall:.0%}."
        )
    return out or ["Nothing was asked."]


def _who(document: Evaluation) -> str:
    """What kinds of honest accounts were accused, the most frequent first; carriers of campaigns' networks as such."""
    kinds: Counter[str] = Counter()
    for one in document.runs:
        kinds.update(one.scores.accused)
    carriers = {one.campaign for one in document.campaigns}
    told = [
        f"{n:,} carriers in the network of {kind}" if kind in carriers else f"{n:,} of {kind}"
        for kind, n in sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    ]
    return f" They were {listed(told, MOST_NAMED)}." if told else ""


def said(document: Evaluation) -> list[str]:
    """What the tables come to, in sentences: what would be found, what missed, who accused."""
    out = []
    if document.campaigns:
        n, found = sum(one.runs for one in document.campaigns), sum(one.found for one in document.campaigns)
        whole = [one.campaign for one in document.campaigns if one.found == one.runs]
        never = [one.campaign for one in document.campaigns if not one.found]
        always = f"; in every run {listed(whole, MOST_NAMED)}" if 0 < found < n and whole else ""
        out.append(
            f"{found} of {n} campaigns were found{always}{f'; never {listed(never, MOST_NAMED)}' if never else ''}."
        )
    honest = document.honest
    if honest is not None:
        out.append(
            f"{honest.false_findings} false campaigns in {honest.days:.0f} days of traffic; the promise allows "
            f"{honest.promised:.2f}, and with {honest.false_at_most:.1f} at most (95%) these runs "
            f"{'prove it' if honest.false_at_most <= honest.promised else 'are too few to prove it'}."
        )
        out.append(
            f"{honest.accused} of {honest.accounts:,} honest accounts were accused: {honest.accused_per_million:,.0f} "
            f"a million, {honest.accused_per_million_at_most:,.0f} at most.{_who(document)}"
        )
        if honest.worst is not None:
            out.append(
                f"The group that these runs bound least is {honest.worst.by} {honest.worst.value}: were all honest "
                f"accounts like these, at most {honest.worst.false_at_most:.2f} false campaigns per 30 days; "
                f"the promise is {honest.promise_per_30_days:g}."
            )
    return out


def _campaigns(document: Evaluation) -> Iterator[str]:
    yield "| world | campaign | found | 95 % interval | accounts r / p | exchanges r / p | in all | oracle |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in document.campaigns:
        yield (
            f"| {one.world} | {one.campaign} | {one.found} of {one.runs} | {one.low:.2f} to {one.high:.2f} "
            f"| {_share(one.account_recall)} / {_share(one.account_precision)} "
            f"| {_share(one.exchange_recall)} / {_share(one.exchange_precision)} "
            f"| {one.recall:.3f} | {_share(one.possible_exchanges)} |"
        )


def _honest(document: Evaluation) -> Iterator[str]:
    yield "| world | runs | days | honest accounts | false campaigns | honest accounts accused | networks |"
    yield "|---|---|---|---|---|---|---|"
    for world in dict.fromkeys(one.world for one in document.runs):
        runs = [one for one in document.runs if one.world == world]
        honest = sum(one.scores.honest_accounts for one in runs)
        accused = sum(sum(one.scores.accused.values()) for one in runs)
        false = sum(len(one.scores.false_campaigns) for one in runs)
        networks = sum(one.scores.networks for one in runs)
        days = sum(one.days for one in runs)
        yield f"| {world} | {len(runs)} | {days:.0f} | {honest:,} | {false} | {accused} | {networks} |"


def _delays(one: Delays) -> Iterator[str]:
    yield f"| {one.world}, scanned every {one.every} d | first exchange | found | days | share of its exchanges |"
    yield "|---|---|---|---|---|"
    for delay in one.campaigns:
        days, share = ("-", "-") if delay.days is None else (f"{delay.days:.1f}", f"{delay.share:.0%}")
        yield f"| {delay.campaign} | {delay.first_at[:10]} | {(delay.found_at or 'never')[:10]} | {days} | {share} |"


def _power(points: list[PowerPoint]) -> Iterator[str]:
    yield "| world | campaign | dial | found | recall of exchanges | 95 % interval | oracle |"
    yield "|---|---|---|---|---|---|---|"
    for one in points:
        yield (
            f"| {one.world} | {one.campaign} | {one.dial} {one.value:g} | {one.found} of {one.runs} "
            f"| {one.recall:.3f} | {one.recall_low:.2f} to {one.recall_high:.2f} | {_share(one.possible)} |"
        )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
