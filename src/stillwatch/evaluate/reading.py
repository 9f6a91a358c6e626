"""A world's truth and a scan's result, read once for all scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch.errors import InputError, MissingSource

OWN = ("driven", "harvested_relay")
"""Labels of exchanges that belong to a campaign; its cover traffic belongs to none."""

GROUPS = ("language", "zone", "plan", "vpn")
"""What the truth and the registry tell of an account that no finding may depend on."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What a world holds.

    accounts: account_id, kind, and of `GROUPS` what the world tells.  roles: account_id, campaign, role.
    exchanges: exchange_id, label, campaign, population where told, in the order of the logs.
    campaigns: name -> (operator, targets).  networks: name -> accounts.  runs_on: campaign -> networks.
    """

    folder: Path
    accounts: pa.Table
    roles: pa.Table
    exchanges: pa.Table
    campaigns: dict[str, tuple[str, tuple[str, ...]]]
    networks: dict[str, set[str]]
    runs_on: dict[str, set[str]]

    @property
    def kind_of(self) -> dict[str, str]:
        """Account -> its population."""
        return dict(zip(self.accounts["account_id"].to_pylist(), self.accounts["kind"].to_pylist(), strict=True))

    def having(self, role: str) -> dict[str, set[str]]:
        """Campaign -> accounts of a role in it."""
        return sets(self.roles.filter(pc.equal(self.roles["role"], role)), "campaign")

    @property
    def drivers(self) -> set[str]:
        """Accounts that carry a campaign's exchanges."""
        return set().union(*self.having("driver").values())


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan wrote.

    findings: as in `findings.json`.  claimed: finding_id, exchange_id, probability where told.
    parts: finding_id, account_id, role.  accounts: `schema.ACCOUNTS`, empty where it is not there.
    summary: `scan.json`.
    """

    folder: Path
    findings: list[dict[str, Any]]
    claimed: pa.Table
    parts: pa.Table
    accounts: pa.Table
    summary: dict[str, Any]

    @property
    def campaigns(self) -> list[str]:
        """Ids of the findings of verdict `campaign`, sorted."""
        return sorted(one["finding_id"] for one in self.findings if one["verdict"] == "campaign")

    @property
    def verdicts(self) -> dict[str, str]:
        """Finding -> verdict."""
        return {one["finding_id"]: one["verdict"] for one in self.findings}


def read_truth(world: Path) -> Truth:
    """A world's truth, with plans from its registry. Raises: MissingSource, InputError."""
    folder = world / "truth"
    accounts = table(folder / "accounts.parquet", ("account_id", "kind"), GROUPS)
    registry = world / "accounts.parquet"
    if registry.exists():
        plans = table(registry, ("account_id",), ("plan",))
        accounts = accounts.join(plans, "account_id", join_type="left outer").sort_by("account_id")
    exchanges = table(folder / "exchanges.parquet", ("exchange_id", "label", "campaign"), ("population",))
    roles = table(folder / "account_campaign.parquet", ("account_id", "campaign", "role"))
    campaigns: dict[str, tuple[str, tuple[str, ...]]] = {}
    if (folder / "campaigns.parquet").exists():
        for one in table(folder / "campaigns.parquet", ("campaign",), ("operator", "targets")).to_pylist():
            campaigns[one["campaign"]] = (one.get("operator") or "", tuple(one.get("targets") or ()))
    for name in pc.unique(exchanges["campaign"]).drop_null().to_pylist():
        campaigns.setdefault(name, ("", ()))
    networks, runs_on = folder / "account_network.parquet", folder / "campaign_network.parquet"
    return Truth(
        folder=world,
        accounts=accounts,
        roles=roles,
        exchanges=exchanges,
        campaigns=dict(sorted(campaigns.items())),
        networks=sets(table(networks, ("network", "account_id")), "network") if networks.exists() else {},
        runs_on=sets(table(runs_on, ("campaign", "network")), "campaign", "network") if runs_on.exists() else {},
    )


def read_scan(scan: Path) -> Scanned:
    """A scan's result. Raises: MissingSource, InputError where the folder is none."""
    verdicts = scan / "accounts.parquet"
    names = ("account_id", "verdict", "coordination_bits", "extraction_bits")
    summary = scan / "scan.json"
    return Scanned(
        folder=scan,
        findings=list(json(scan / "findings.json")["findings"]),
        claimed=table(scan / "finding_exchanges.parquet", ("finding_id", "exchange_id"), ("probability",)),
        parts=table(scan / "finding_accounts.parquet", ("finding_id", "account_id", "role")),
        accounts=table(verdicts, names) if verdicts.exists() else pa.table({name: pa.array([]) for name in names}),
        summary=json(summary) if summary.exists() else {},
    )


def check_same_world(scanned: Scanned, truth: Truth) -> None:
    """Raises: InputError where the scan names exchanges that the world does not have."""
    claimed = scanned.claimed["exchange_id"]
    if not len(claimed):
        return
    known = pc.sum(pc.is_in(claimed, truth.exchanges["exchange_id"].combine_chunks())).as_py()
    if known < len(claimed):
        raise InputError(
            f"the scan names {len(claimed) - known:,} exchanges that the world does not have",
            hint="evaluate a scan of this very world, made without --pseudonymise",
        )


def sets(rows: pa.Table, by: str, what: str = "account_id") -> dict[str, set[str]]:
    """Values of a column by those of another."""
    out: dict[str, set[str]] = {}
    for key, value in zip(rows[by].to_pylist(), rows[what].to_pylist(), strict=True):
        out.setdefault(key, set()).add(value)
    return out


def counts(column: pa.ChunkedArray) -> list[tuple[str, int]]:
    """Values of a column with their numbers."""
    return [(one["values"], one["counts"]) for one in column.value_counts().to_pylist()]


def json(path: Path) -> dict[str, Any]:
    """A JSON file's object. Raises: MissingSource, InputError."""
    try:
        found: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        raise MissingSource("is not there", source=str(path), hint="name the folder that a scan wrote") from None
    except msgspec.DecodeError as error:
        raise InputError(f"is no JSON: {error}", source=str(path), hint="scan again") from None
    return found


def table(path: Path, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> pa.Table:
    """Columns of a Parquet file, the optional ones where it has them. Raises: MissingSource, InputError."""
    try:
        there = pq.read_schema(path).names
        return pq.read_table(path, columns=[*columns, *(name for name in optional if name in there)])
    except FileNotFoundError:
        raise MissingSource("is not there", source=str(path), hint="name a scan's folder, then a world's") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"cannot be read: {error}", source=str(path)) from None
