"""One evaluation against an earlier one: what got better, and what worse."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from stillwatch.evaluate.document import Evaluation

LEAST = 0.0005
"""Changes below it are none: they would be rounded away."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that changed. what: whose figure, in words; better: in which direction."""

    what: str
    before: float
    after: float
    better: bool


def changes(before: Evaluation, after: Evaluation) -> list[Change]:
    """Figures that both have and that differ, worse ones first."""
    old = {what: (value, good) for what, value, good in _figures(before)}
    out = [
        Change(what=what, before=old[what][0], after=value, better=(value > old[what][0]) == good)
        for what, value, good in _figures(after)
        if what in old and abs(value - old[what][0]) >= LEAST
    ]
    return sorted(out, key=lambda one: one.better)


def asked_alike(before: Evaluation, after: Evaluation) -> bool:
    """Whether both are of the same worlds with the same seeds and sizes, so that a change is the scan's."""
    return _runs(before) == _runs(after) and _dials(before) == _dials(after)


def _runs(document: Evaluation) -> list[tuple[str, int, int, int]]:
    return sorted((one.world, one.seed, one.accounts, one.exchanges) for one in document.runs)


def _dials(document: Evaluation) -> list[tuple[str, str, str, float, int]]:
    return sorted((one.world, one.campaign, one.dial, one.value, one.runs) for one in document.power)


def _figures(document: Evaluation) -> Iterator[tuple[str, float, bool]]:
    """(what, value, whether more is better) of everything that a scan could do better or worse."""
    for one in document.campaigns:
        at = f"{one.world}, {one.campaign}"
        yield f"{at}: share of runs in which it was found", one.found / max(one.runs, 1), True
        yield f"{at}: recall of exchanges", one.recall, True
        for name in ("account_recall", "account_precision", "exchange_precision"):
            value = getattr(one, name)
            if value is not None:
                yield f"{at}: {name.replace('_', ' ')} where found", value, True
    if document.honest is not None:
        yield "false campaigns", float(document.honest.false_findings), False
        yield "honest accounts accused", float(document.honest.accused), False
        yield "owners of stolen keys accused", float(document.honest.victims_accused), False
    for net in document.networks:
        yield f"{net.world}, network {net.network}: share of runs in which it was found", net.found / net.runs, True
    for day in document.delays:
        for delay in day.campaigns:
            if delay.days is not None:
                yield f"{day.world}, {delay.campaign}: days until it was found", delay.days, False
    for point in document.power:
        at = f"{point.world}, {point.campaign}, {point.dial} at {point.value:g}"
        yield f"{at}: recall of exchanges", point.recall, True
