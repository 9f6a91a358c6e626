"""Scores of a scan against a world's truth: which campaigns were found, how well, and who was accused wrongly.

Found means, by one-to-one matching: at least half of a campaign's exchanges are in one finding of verdict `campaign`,
and at least half of that finding's exchanges are the campaign's own (labelled `driven` or `harvested_relay`).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.optimize import linear_sum_assignment

from stillwatch.evaluate.accounts import (
    GroupCount,
    PopulationScore,
    confusion,
    group_counts,
    population_scores,
    role_confusion,
)
from stillwatch.evaluate.capabilities import OperatorScore, in_our_words, named_targets, operator_score
from stillwatch.evaluate.networks import NetworkScore, TrueNetworkScore, network_scores, true_network_scores
from stillwatch.evaluate.reading import (
    OWN,
    Scanned,
    Truth,
    check_same_world,
    counts,
    read_scan,
    read_truth,
    sets,
)

__all__ = ["OWN", "CampaignScore", "Scores", "score", "score_tables"]

ACCUSED = ("driver",)
"""Roles that accuse an account."""

MEMBERS = ("driver", "carrier", "stolen")
"""Roles of the accounts that make up a network."""


class CampaignScore(msgspec.Struct, frozen=True, kw_only=True):
    """How well one planted campaign was found; precision and recall are null where nothing was matched to it.

    Found: by one-to-one matching, at least half of its exchanges are in one finding and half of that finding's are its
    own. Accounts: those of role `driver` in the finding against those of role `driver` in the truth.
    outcome: found; merged (half of it is in one finding that did not find it); split (half of it is in findings, and in
    no one of them); missed.  recall_anywhere: share of its exchanges that are in any finding of verdict campaign.
    targets: what it is after, in the words of findings; named: what its finding says.
    """

    campaign: str
    accounts: int
    exchanges: int
    outcome: str = "missed"
    recall_anywhere: float = 0.0
    finding_id: str | None = None
    account_recall: float | None = None
    account_precision: float | None = None
    exchange_recall: float | None = None
    exchange_precision: float | None = None
    operator: str = ""
    targets: list[str] = msgspec.field(default_factory=list)
    named: list[str] = msgspec.field(default_factory=list)


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """A scan's scores.

    false_campaigns: findings of verdict `campaign` most of whose exchanges belong to no campaign, with the kinds of
    their accounts.  split_campaigns: further findings on a campaign that another finding matched.
    accused: kind of account -> honest accounts that a campaign finding calls drivers.  victims_accused: owners of
    stolen keys among them.
    networks: findings of verdict `network`; network_findings: each of them against the truth's networks;
    true_networks: each of those against the findings.
    harvests: findings of verdict `harvest`, each with the populations of its exchanges.
    honest_accounts: how many there were.
    labels: exchanges in campaign findings by what they are (`driven`, `harvested_relay`, `cover`, `honest`).
    verdicts: what accounts are -> what they are called -> accounts.  roles: the same of roles in campaigns.
    populations, groups: what became of each.  operators: pairs of found campaigns, joined rightly and wrongly.
    """

    campaigns: list[CampaignScore]
    false_campaigns: list[dict[str, Any]]
    split_campaigns: list[str]
    accused: dict[str, int]
    victims_accused: int
    networks: int
    network_findings: list[NetworkScore]
    harvests: list[dict[str, Any]]
    honest_accounts: int
    true_networks: list[TrueNetworkScore]
    labels: dict[str, int]
    verdicts: dict[str, dict[str, int]]
    roles: dict[str, dict[str, int]]
    populations: list[PopulationScore]
    groups: list[GroupCount]
    operators: OperatorScore

    @property
    def found(self) -> int:
        """Campaigns that were found."""
        return sum(one.finding_id is not None for one in self.campaigns)


def score(scan: Path, world: Path) -> Scores:
    """The scores of a scan's folder against a world's.

    Raises: MissingSource, InputError where either folder is not what it should be.
    """
    return score_tables(read_scan(scan), read_truth(world))


def score_tables(scanned: Scanned, truth: Truth) -> Scores:
    """The scores of what was read. Raises: InputError where they do not belong together."""
    check_same_world(scanned, truth)
    own = truth.exchanges.filter(pc.is_in(truth.exchanges["label"], pa.array(OWN)))
    campaigns, ids = list(truth.campaigns), scanned.campaigns
    overlap = _overlap(scanned.claimed, own, ids, campaigns)
    sizes, claims = Counter(dict(counts(own["campaign"]))), Counter(dict(counts(scanned.claimed["finding_id"])))
    matched = _match(overlap, [sizes[c] for c in campaigns], [claims[f] for f in ids])
    drivers = truth.having("driver")
    accused = sets(scanned.parts.filter(pc.is_in(scanned.parts["role"], pa.array(ACCUSED))), "finding_id")
    members = sets(scanned.parts.filter(pc.is_in(scanned.parts["role"], pa.array(MEMBERS))), "finding_id")
    listed = {one["finding_id"]: one for one in scanned.findings}
    scored = [
        _campaign(
            name,
            truth.campaigns[name],
            drivers.get(name, set()),
            sizes[name],
            None if at is None else listed[ids[at]],
            accused,
            claims,
            overlap[:, c],
            at,
        )
        for c, (name, at) in enumerate(zip(campaigns, matched, strict=True))
    ]
    kind_of, guilty = truth.kind_of, truth.drivers
    victims = set().union(*truth.having("stolen").values())
    everybody = set().union(*(accused.get(f, set()) for f in ids))
    wrong = everybody - guilty
    rest = [f for at, f in enumerate(ids) if at not in matched]
    own_share = {f: float(overlap[ids.index(f)].sum()) / max(claims[f], 1) for f in rest}
    false = {f: accused.get(f, set()) for f in rest if own_share[f] < 0.5}
    nets = {f: members.get(f, set()) for f, verdict in scanned.verdicts.items() if verdict == "network"}
    found = {one.campaign: one.finding_id for one in scored if one.finding_id is not None}
    return Scores(
        campaigns=scored,
        false_campaigns=[
            {"finding_id": f, "exchanges": claims[f], "kinds": _kinds(mine, kind_of)} for f, mine in false.items()
        ],
        split_campaigns=[f for f in rest if own_share[f] >= 0.5],
        accused=_kinds(wrong, kind_of),
        victims_accused=len(wrong & victims),
        networks=len(nets),
        network_findings=network_scores(nets, truth.networks, kind_of),
        harvests=[
            {"finding_id": f, "exchanges": claims[f], "populations": _told(scanned.claimed, truth, [f], "population")}
            for f, verdict in sorted(scanned.verdicts.items())
            if verdict == "harvest"
        ],
        honest_accounts=len(set(kind_of) - guilty),
        true_networks=true_network_scores(
            nets, truth.networks, truth.runs_on, set(scanned.accounts["account_id"].to_pylist())
        ),
        labels=_told(scanned.claimed, truth, ids, "label"),
        verdicts=confusion(scanned, truth),
        roles=role_confusion(scanned, truth),
        populations=population_scores(scanned, truth, everybody),
        groups=group_counts(truth, wrong, false, guilty),
        operators=operator_score(
            found, {name: operator for name, (operator, _) in truth.campaigns.items()}, scanned.findings
        ),
    )


def _campaign(
    name: str,
    told: tuple[str, tuple[str, ...]],
    drivers: set[str],
    size: int,
    match: dict[str, Any] | None,
    accused: dict[str, set[str]],
    claims: Counter[str],
    overlap: np.ndarray[Any, np.dtype[np.int64]],
    at: int | None,
) -> CampaignScore:
    anywhere = int(overlap.sum())
    operator, targets = told[0], in_our_words(told[1])
    if match is None or at is None:
        merged = 0 < size <= 2 * int(overlap.max(initial=0))
        outcome = "merged" if merged else "split" if 0 < size <= 2 * anywhere else "missed"
        return CampaignScore(
            campaign=name,
            accounts=len(drivers),
            exchanges=size,
            outcome=outcome,
            recall_anywhere=anywhere / max(size, 1),
            operator=operator,
            targets=targets,
        )
    finding = match["finding_id"]
    mine, hits = accused.get(finding, set()), int(overlap[at])
    return CampaignScore(
        campaign=name,
        accounts=len(drivers),
        exchanges=size,
        outcome="found",
        recall_anywhere=anywhere / max(size, 1),
        finding_id=finding,
        account_recall=len(mine & drivers) / max(len(drivers), 1),
        account_precision=len(mine & drivers) / max(len(mine), 1),
        exchange_recall=hits / max(size, 1),
        exchange_precision=hits / max(claims[finding], 1),
        operator=operator,
        targets=targets,
        named=named_targets(match),
    )


def _overlap(
    claimed: pa.Table, truth: pa.Table, findings: list[str], campaigns: list[str]
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """(n_findings, n_campaigns) exchanges that are in both."""
    out = np.zeros((len(findings), len(campaigns)), np.int64)
    both = claimed.join(truth, "exchange_id", join_type="inner").select(["finding_id", "campaign"])
    row = {name: at for at, name in enumerate(findings)}
    column = {name: at for at, name in enumerate(campaigns)}
    for pair in both.group_by(["finding_id", "campaign"]).aggregate([([], "count_all")]).to_pylist():
        if pair["finding_id"] in row:
            out[row[pair["finding_id"]], column[pair["campaign"]]] = pair["count_all"]
    return out


def _match(overlap: np.ndarray[Any, np.dtype[np.int64]], sizes: list[int], claims: list[int]) -> list[int | None]:
    """For each campaign the finding that found it, one to one, most exchanges matched in all."""
    half = (overlap * 2 >= np.array(sizes)[None, :]) & (overlap * 2 >= np.array(claims)[:, None]) & (overlap > 0)
    out: list[int | None] = [None] * len(sizes)
    for row, column in zip(*linear_sum_assignment(-np.where(half, overlap, 0)), strict=True):
        if half[row, column]:
            out[int(column)] = int(row)
    return out


def _kinds(accounts: set[str], kind_of: dict[str, str]) -> dict[str, int]:
    counts = Counter(kind_of.get(account, "not in the world") for account in accounts)
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def _told(claimed: pa.Table, truth: Truth, findings: list[str], column: str) -> dict[str, int]:
    """What the truth says of the exchanges of findings: value -> exchanges, most first."""
    if column not in truth.exchanges.column_names:
        return {}
    mine = claimed.filter(pc.is_in(claimed["finding_id"], pa.array(findings, pa.string())))
    whose = truth.exchanges.filter(pc.is_in(truth.exchanges["exchange_id"], mine["exchange_id"].combine_chunks()))
    return dict(sorted(counts(whose[column]), key=lambda one: (-one[1], one[0])))
