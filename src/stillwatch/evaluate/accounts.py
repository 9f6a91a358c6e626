"""Accounts: what each is, on the two axes, against what the scan calls it; by population, role and group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.evaluate.reading import GROUPS, OWN, Scanned, Truth, counts

HARVESTERS = ("data_makers",)
"""Populations that make training data in the open: high extraction, no concealment."""

VERDICTS = ("campaign", "network", "harvest", "clear")

ZONES = ((-24, -2, "Americas"), (-2, 4, "Europe and Africa"), (4, 24, "Asia and Oceania"))
"""Hours from UTC, in three parts of the world: more would hold too few accounts."""


class PopulationScore(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one population.

    campaign: whether exchanges of it belong to one.  called: verdict -> accounts.  accused: called drivers of a
    campaign.  claimed: exchanges in campaign findings.
    """

    population: str
    campaign: bool
    accounts: int
    accused: int
    called: dict[str, int]
    exchanges: int
    claimed: int


class GroupCount(msgspec.Struct, frozen=True, kw_only=True):
    """Honest accounts of one language, part of the world, plan or VPN use, and how many of them were accused.

    false_findings: false campaigns most of whose accused accounts are of the group.
    """

    by: str
    value: str
    honest: int
    accused: int
    false_findings: int


def confusion(scanned: Scanned, truth: Truth) -> dict[str, dict[str, int]]:
    """What accounts are -> what the scan calls them -> how many; accounts that the logs do not show are left out.

    An account is `campaign` where it drives one, `harvest` where it makes training data in the open, `network` where it
    is in a network of the truth, honest ones too, and `clear` otherwise.
    """
    said = dict(zip(scanned.accounts["account_id"].to_pylist(), scanned.accounts["verdict"].to_pylist(), strict=True))
    drivers, kinds = truth.drivers, truth.kind_of
    members = set().union(*truth.networks.values())
    out: dict[str, Counter[str]] = {name: Counter() for name in VERDICTS}
    for account, kind in kinds.items():
        if account in said:
            is_ = "campaign" if account in drivers else "harvest" if kind in HARVESTERS else ""
            out[is_ or ("network" if account in members else "clear")][said[account]] += 1
    return {name: dict(sorted(row.items())) for name, row in out.items() if row}


def role_confusion(scanned: Scanned, truth: Truth) -> dict[str, dict[str, int]]:
    """Role in the truth, or honest -> role in campaign findings, or none -> accounts, each by its gravest roles."""
    gravest = ("driver", "stolen", "carrier", "adjacent")
    is_: dict[str, str] = {}
    for role in reversed(gravest):
        for accounts in truth.having(role).values():
            is_.update(dict.fromkeys(accounts, role))
    ids = pa.array(scanned.campaigns, pa.string())
    mine = scanned.parts.filter(pc.is_in(scanned.parts["finding_id"], ids))
    said: dict[str, str] = {}
    for role in reversed(gravest):
        said.update(dict.fromkeys(mine.filter(pc.equal(mine["role"], role))["account_id"].to_pylist(), role))
    out: dict[str, Counter[str]] = {}
    for account in {*truth.kind_of, *said}:
        out.setdefault(is_.get(account, "honest"), Counter())[said.get(account, "none")] += 1
    return {role: dict(sorted(row.items())) for role, row in sorted(out.items())}


def population_scores(scanned: Scanned, truth: Truth, accused: set[str]) -> list[PopulationScore]:
    """What became of each population, by name; empty where the truth does not tell exchanges' populations."""
    if "population" not in truth.exchanges.column_names:
        return []
    ids = pa.array(scanned.campaigns, pa.string())
    in_campaigns = scanned.claimed.filter(pc.is_in(scanned.claimed["finding_id"], ids))["exchange_id"]
    claimed = truth.exchanges.filter(pc.is_in(truth.exchanges["exchange_id"], in_campaigns.combine_chunks()))
    own = truth.exchanges.filter(pc.is_in(truth.exchanges["label"], pa.array(OWN)))
    campaigns = set(pc.unique(own["population"]).to_pylist())
    exchanges, hits = dict(counts(truth.exchanges["population"])), dict(counts(claimed["population"]))
    said = dict(zip(scanned.accounts["account_id"].to_pylist(), scanned.accounts["verdict"].to_pylist(), strict=True))
    kinds = truth.kind_of
    accounts: dict[str, Counter[str]] = {}
    for account, kind in kinds.items():
        accounts.setdefault(kind, Counter())[said.get(account, "not in the logs")] += 1
    drives = Counter(kinds[account] for account in accused if account in kinds)
    return [
        PopulationScore(
            population=name,
            campaign=name in campaigns,
            accounts=sum(accounts.get(name, {}).values()),
            accused=drives[name],
            called=dict(sorted(accounts.get(name, {}).items())),
            exchanges=exchanges.get(name, 0),
            claimed=hits.get(name, 0),
        )
        for name in sorted({*exchanges, *accounts})
    ]


def group_counts(
    truth: Truth, wrong: set[str], false: Mapping[str, Iterable[str]], guilty: set[str]
) -> list[GroupCount]:
    """Honest accounts, accused ones, and false findings by every group that the world tells.

    wrong: honest accounts that were accused.  false: false campaign -> its accused accounts.
    """
    out = []
    ids = truth.accounts["account_id"].to_pylist()
    for by in GROUPS:
        if by not in truth.accounts.column_names:
            continue
        of = {one: _group(by, value) for one, value in zip(ids, truth.accounts[by].to_pylist(), strict=True)}
        honest = Counter(value for account, value in of.items() if account not in guilty)
        accused = Counter(of[account] for account in wrong if account in of)
        mostly: Counter[str] = Counter()
        for accounts in false.values():
            votes = Counter(of[account] for account in accounts if account in of)
            if votes:
                mostly[min(votes, key=lambda value: (-votes[value], value))] += 1
        out += [
            GroupCount(by=by, value=v, honest=n, accused=accused[v], false_findings=mostly[v])
            for v, n in sorted(honest.items())
        ]
    return out


def _group(by: str, value: object) -> str:
    if by == "vpn":
        return "VPN" if value else "no VPN"
    if by == "zone" and isinstance(value, int):
        return next(name for low, high, name in ZONES if low <= value < high)
    return str(value or "unknown")
