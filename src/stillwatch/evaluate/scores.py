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
import pyarrow.parquet as pq
from scipy.optimize import linear_sum_assignment

from stillwatch.errors import InputError, MissingSource
from stillwatch.evaluate.networks import NetworkScore, network_scores

OWN = ("driven", "harvested_relay")
"""Labels of exchanges that belong to a campaign; its cover traffic belongs to none."""

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


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """A scan's scores.

    false_campaigns: findings of verdict `campaign` most of whose exchanges belong to no campaign, with the kinds of
    their accounts.  split_campaigns: further findings on a campaign that another finding matched.
    accused: kind of account -> honest accounts that a campaign finding calls drivers.  victims_accused: owners of
    stolen keys among them.
    networks: findings of verdict `network`; network_findings: each of them against the truth's networks.
    harvests: findings of verdict `harvest`, each with the populations of its exchanges.
    honest_accounts: how many there were.
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

    @property
    def found(self) -> int:
        """Campaigns that were found."""
        return sum(one.finding_id is not None for one in self.campaigns)


def score(scan: Path, world: Path) -> Scores:
    """The scores of a scan's folder against a world's.

    Raises: MissingSource, InputError where either folder is not what it should be.
    """
    findings = _json(scan / "findings.json")["findings"]
    verdicts = {finding["finding_id"]: finding["verdict"] for finding in findings}
    claimed = _table(scan / "finding_exchanges.parquet", ("finding_id", "exchange_id"))
    parts = _table(scan / "finding_accounts.parquet", ("finding_id", "account_id", "role"))
    kinds = _table(world / "truth" / "accounts.parquet", ("account_id", "kind"))
    roles = _table(world / "truth" / "account_campaign.parquet", ("account_id", "campaign", "role"))
    everything = _table(world / "truth" / "exchanges.parquet", ("exchange_id", "label", "campaign"), ("population",))
    _same_world(claimed, everything)
    truth = everything.filter(pc.is_in(everything["label"], pa.array(OWN)))
    campaigns = _names(world, truth)
    ids = sorted(finding_id for finding_id, verdict in verdicts.items() if verdict == "campaign")
    overlap = _overlap(claimed, truth, ids, campaigns)
    sizes = Counter(dict(_counts(truth["campaign"])))
    claims = Counter(dict(_counts(claimed["finding_id"])))
    matched = _match(overlap, [sizes[c] for c in campaigns], [claims[f] for f in ids])
    drivers = _sets(roles.filter(pc.equal(roles["role"], "driver")), "campaign")
    accused = _sets(parts.filter(pc.is_in(parts["role"], pa.array(ACCUSED))), "finding_id")
    members = _sets(parts.filter(pc.is_in(parts["role"], pa.array(MEMBERS))), "finding_id")
    scored = [
        _campaign(
            name,
            drivers.get(name, set()),
            sizes[name],
            None if at is None else ids[at],
            accused,
            claims,
            overlap[:, c],
            at,
        )
        for c, (name, at) in enumerate(zip(campaigns, matched, strict=True))
    ]
    kind_of = dict(zip(kinds["account_id"].to_pylist(), kinds["kind"].to_pylist(), strict=True))
    guilty = set(roles.filter(pc.equal(roles["role"], "driver"))["account_id"].to_pylist())
    victims = set(roles.filter(pc.equal(roles["role"], "stolen"))["account_id"].to_pylist())
    wrong = {account for f in ids for account in accused.get(f, set())} - guilty
    rest = [f for at, f in enumerate(ids) if at not in matched]
    own_share = {f: float(overlap[ids.index(f)].sum()) / max(claims[f], 1) for f in rest}
    return Scores(
        campaigns=scored,
        false_campaigns=[
            {"finding_id": f, "exchanges": claims[f], "kinds": _kinds(accused.get(f, set()), kind_of)}
            for f in rest
            if own_share[f] < 0.5
        ],
        split_campaigns=[f for f in rest if own_share[f] >= 0.5],
        accused=_kinds(wrong, kind_of),
        victims_accused=len(wrong & victims),
        networks=sum(verdict == "network" for verdict in verdicts.values()),
        network_findings=network_scores(
            {f: members.get(f, set()) for f, verdict in verdicts.items() if verdict == "network"},
            _networks(world),
            kind_of,
        ),
        harvests=[
            {"finding_id": f, "exchanges": claims[f], "populations": _populations(claimed, everything, f)}
            for f, verdict in sorted(verdicts.items())
            if verdict == "harvest"
        ],
        honest_accounts=len(set(kind_of) - guilty),
    )


def _campaign(
    name: str,
    drivers: set[str],
    size: int,
    finding: str | None,
    accused: dict[str, set[str]],
    claims: Counter[str],
    overlap: np.ndarray[Any, np.dtype[np.int64]],
    at: int | None,
) -> CampaignScore:
    anywhere = int(overlap.sum())
    if finding is None or at is None:
        merged = 0 < size <= 2 * int(overlap.max(initial=0))
        outcome = "merged" if merged else "split" if 0 < size <= 2 * anywhere else "missed"
        return CampaignScore(
            campaign=name,
            accounts=len(drivers),
            exchanges=size,
            outcome=outcome,
            recall_anywhere=anywhere / max(size, 1),
        )
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


def _names(world: Path, truth: pa.Table) -> list[str]:
    path = world / "truth" / "campaigns.parquet"
    named = _table(path, ("campaign",))["campaign"].to_pylist() if path.exists() else []
    return sorted(set(named) | set(truth["campaign"].drop_null().to_pylist()))


def _kinds(accounts: set[str], kind_of: dict[str, str]) -> dict[str, int]:
    counts = Counter(kind_of.get(account, "not in the world") for account in accounts)
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def _sets(table: pa.Table, by: str) -> dict[str, set[str]]:
    out: dict[str, set[str]] = {}
    for key, account in zip(table[by].to_pylist(), table["account_id"].to_pylist(), strict=True):
        out.setdefault(key, set()).add(account)
    return out


def _json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        raise MissingSource("is not there", source=str(path), hint="name the folder that a scan wrote") from None
    except msgspec.DecodeError as error:
        raise InputError(f"is no JSON: {error}", source=str(path), hint="scan again") from None
    return found


def _counts(column: pa.ChunkedArray) -> list[tuple[str, int]]:
    return [(one["values"], one["counts"]) for one in column.value_counts().to_pylist()]


def _same_world(claimed: pa.Table, truth: pa.Table) -> None:
    unknown = (
        len(claimed) - pc.sum(pc.is_in(claimed["exchange_id"], truth["exchange_id"].combine_chunks())).as_py()
        if len(claimed)
        else 0
    )
    if unknown:
        raise InputError(
            f"the scan names {unknown:,} exchanges that the world does not have",
            hint="evaluate a scan of this very world, made without --pseudonymise",
        )


def _networks(world: Path) -> dict[str, set[str]]:
    path = world / "truth" / "account_network.parquet"
    return _sets(_table(path, ("network", "account_id")), "network") if path.exists() else {}


def _populations(claimed: pa.Table, truth: pa.Table, finding: str) -> dict[str, int]:
    ids = claimed.filter(pc.equal(claimed["finding_id"], finding))["exchange_id"].combine_chunks()
    whose = truth.filter(pc.is_in(truth["exchange_id"], ids))
    if "population" not in whose.column_names:
        return {}
    return dict(sorted(_counts(whose["population"]), key=lambda one: (-one[1], one[0])))


def _table(path: Path, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> pa.Table:
    try:
        there = pq.read_schema(path).names
        return pq.read_table(path, columns=[*columns, *(name for name in optional if name in there)])
    except FileNotFoundError:
        raise MissingSource("is not there", source=str(path), hint="name a scan's folder, then a world's") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"cannot be read: {error}", source=str(path)) from None
