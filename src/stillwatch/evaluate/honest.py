"""Honest traffic over runs: how often it is accused, by population and group, with the bound that the runs allow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from stillwatch.evaluate.intervals import at_most, share_interval
from stillwatch.evaluate.scores import Scores

DAYS_OF_PROMISE = 30.0


class HonestGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Honest accounts of one population, language, part of the world, plan or VPN use, over all runs.

    per_million, per_million_at_most: accused, as seen, and by Clopper and Pearson's upper bound.
    false_findings: false campaigns most of whose accused accounts are of the group.
    false_at_most: false campaigns per 30 days, at most, if all honest accounts of a run were like these.
    """

    by: str
    value: str
    accounts: int
    accused: int
    per_million: float
    per_million_at_most: float
    false_findings: int
    false_at_most: float


class Honest(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to honest traffic over all runs.

    accounts: honest ones, summed over runs.  false_findings: false campaigns; promised: as many as were expected at
    most over these days; false_at_most: by the upper bound, in the same days; per_30_days_at_most: in 30 days.
    false_per_million, false_per_million_at_most: false campaigns a million honest accounts.
    causes: false campaigns by the population of most of their accounts.  groups: all, and the worst of them first.
    """

    runs: int
    days: float
    accounts: int
    accused: int
    accused_per_million: float
    accused_per_million_at_most: float
    victims_accused: int
    promise_per_30_days: float
    promised: float
    false_findings: int
    false_at_most: float
    per_30_days_at_most: float
    false_per_million: float
    false_per_million_at_most: float
    causes: dict[str, int]
    groups: list[HonestGroup]

    @property
    def worst(self) -> HonestGroup | None:
        """The group, populations left out, with the highest bound on false campaigns."""
        mine = [one for one in self.groups if one.by != "population"]
        return max(mine, key=lambda one: one.false_at_most, default=None)


def honest_over_runs(scores: Sequence[Scores], days: Sequence[float], promise: float) -> Honest:
    """What happened to honest traffic. days: of each run's traffic.  promise: false campaigns per 30 days."""
    accounts, total = sum(one.honest_accounts for one in scores), float(sum(days))
    accused = sum(sum(one.accused.values()) for one in scores)
    false = sum(len(one.false_campaigns) for one in scores)
    causes: Counter[str] = Counter()
    for one in scores:
        for finding in one.false_campaigns:
            causes[next(iter(finding["kinds"]), "nobody")] += 1
    months = total / DAYS_OF_PROMISE
    return Honest(
        runs=len(scores),
        days=total,
        accounts=accounts,
        accused=accused,
        accused_per_million=1e6 * accused / max(accounts, 1),
        accused_per_million_at_most=1e6 * share_interval(accused, accounts)[1],
        victims_accused=sum(one.victims_accused for one in scores),
        promise_per_30_days=promise,
        promised=promise * months,
        false_findings=false,
        false_at_most=at_most(false),
        per_30_days_at_most=at_most(false) / max(months, 1e-9),
        false_per_million=1e6 * false / max(accounts, 1),
        false_per_million_at_most=1e6 * at_most(false) / max(accounts, 1),
        causes=dict(sorted(causes.items(), key=lambda one: (-one[1], one[0]))),
        groups=_groups(scores, days, causes),
    )


def _groups(scores: Sequence[Scores], days: Sequence[float], causes: Counter[str]) -> list[HonestGroup]:
    n: Counter[tuple[str, str]] = Counter()
    accused: Counter[tuple[str, str]] = Counter()
    false: Counter[tuple[str, str]] = Counter({("population", name): k for name, k in causes.items()})
    spent: dict[tuple[str, str], float] = {}
    for one, length in zip(scores, days, strict=True):
        for population in one.populations:
            if not population.campaign:
                key = ("population", population.population)
                n[key] += population.accounts
                accused[key] += population.accused
                spent[key] = spent.get(key, 0.0) + population.accounts * length
        for group in one.groups:
            key = (group.by, group.value)
            n[key] += group.honest
            accused[key] += group.accused
            false[key] += group.false_findings
            spent[key] = spent.get(key, 0.0) + group.honest * length
    a_run = sum(one.honest_accounts for one in scores) / max(len(scores), 1)
    out = [
        HonestGroup(
            by=by,
            value=value,
            accounts=size,
            accused=accused[by, value],
            per_million=1e6 * accused[by, value] / size,
            per_million_at_most=1e6 * share_interval(accused[by, value], size)[1],
            false_findings=false[by, value],
            false_at_most=at_most(false[by, value]) * a_run * DAYS_OF_PROMISE / spent[by, value],
        )
        for (by, value), size in n.items()
        if size
    ]
    order = ("language", "zone", "plan", "vpn", "population")
    return sorted(out, key=lambda one: (order.index(one.by), -one.accused, -one.false_at_most, one.value))
