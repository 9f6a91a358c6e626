"""Small worlds and scans written by hand, whose scores can be counted: truth, logs, registry and findings."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch import schema

START = datetime(2026, 3, 2, tzinfo=UTC)


def exchange(number: int, account: str, campaign: str | None = None, **columns: Any) -> dict[str, Any]:
    """One exchange, an hour after the one before; campaign: whose it is.  label: where it is not the obvious one."""
    label = columns.pop("label", "driven" if campaign else "honest")
    return {
        "exchange_id": f"x{number:05d}",
        "requested_at": START + timedelta(hours=number),
        "account_id": account,
        "model": "m-large",
        "label": label,
        "campaign": campaign,
        "population": columns.pop("population", campaign or "chatters"),
        **columns,
    }


def write_world(
    folder: Path,
    exchanges: list[dict[str, Any]],
    *,
    operators: dict[str, str] | None = None,
    roles: dict[tuple[str, str], str] | None = None,
    networks: dict[str, list[str]] | None = None,
    runs_on: dict[str, str] | None = None,
    registry: dict[str, dict[str, Any]] | None = None,
    told: dict[str, dict[str, Any]] | None = None,
) -> Path:
    """A world of these exchanges. roles: (account, campaign) -> role, drivers beside.  told: the truth of accounts."""
    truth = folder / "truth"
    truth.mkdir(parents=True)
    campaigns = sorted({one["campaign"] for one in exchanges if one["campaign"]} | set(operators or {}))
    accounts = sorted({one["account_id"] for one in exchanges})
    kind = {one["account_id"]: one["population"] for one in exchanges}
    drives = {(one["account_id"], one["campaign"]): "driver" for one in exchanges if one["campaign"]} | (roles or {})
    facts = [{"language": "en", "zone": 0, "vpn": False, **(told or {}).get(a, {})} for a in accounts]
    rows = [{"account_id": a, "kind": kind[a], **fact} for a, fact in zip(accounts, facts, strict=True)]
    pq.write_table(pa.Table.from_pylist(rows), truth / "accounts.parquet")
    text = pa.string()
    for name, columns, values in (
        ("account_campaign", ("account_id", "campaign", "role"), [(*k, role) for k, role in sorted(drives.items())]),
        ("account_network", ("account_id", "network"), [(a, n) for n, of in (networks or {}).items() for a in of]),
        ("campaign_network", ("campaign", "network"), sorted((runs_on or {}).items())),
    ):
        table = {column: pa.array([one[at] for one in values], text) for at, column in enumerate(columns)}
        pq.write_table(pa.table(table), truth / f"{name}.parquet")
    known = [
        {"campaign": c, "operator": (operators or {}).get(c, f"op_{c}"), "targets": ["reasoning", "tool_use"]}
        for c in campaigns
    ]
    shape = pa.schema([("campaign", text), ("operator", text), ("targets", pa.list_(text))])
    pq.write_table(pa.Table.from_pylist(known, shape), truth / "campaigns.parquet")
    names = ("exchange_id", "label", "campaign", "population")
    pq.write_table(
        pa.table({n: pa.array([one[n] for one in exchanges], text) for n in names}), truth / "exchanges.parquet"
    )
    log = {field.name: pa.array([one.get(field.name) for one in exchanges], field.type) for field in schema.EXCHANGE}
    pq.write_table(pa.table(log), folder / "logs.parquet")
    book = [{"account_id": a, "created_at": START, "plan": "paid", **(registry or {}).get(a, {})} for a in accounts]
    columns_of = {field.name: pa.array([one.get(field.name) for one in book], field.type) for field in schema.ACCOUNT}
    pq.write_table(pa.table(columns_of), folder / "accounts.parquet")
    described = {"world": "by_hand", "seed": 7, "days": 30, "accounts": len(accounts), "exchanges": len(exchanges)}
    (folder / "world.json").write_text(json.dumps(described))
    return folder


def write_scan(
    folder: Path,
    findings: list[dict[str, Any]],
    *,
    parts: dict[str, dict[str, list[str]]] | None = None,
    claimed: dict[str, list[str]] | None = None,
    accounts: dict[str, tuple[str, float, float]] | None = None,
) -> Path:
    """A scan. parts: finding -> role -> accounts.  claimed: finding -> exchanges.  accounts: verdict and bits."""
    folder.mkdir(parents=True)
    (folder / "findings.json").write_text(json.dumps({"schema_version": 1, "findings": findings}))
    roles = [(f, a, role, 9.0) for f, of in (parts or {}).items() for role, mine in of.items() for a in mine]
    exchanges = [(f, x, f"{f}/s", 0.9) for f, mine in (claimed or {}).items() for x in mine]
    said = [(a, verdict, c, e, 10) for a, (verdict, c, e) in sorted((accounts or {}).items())]
    for name, kind, rows in (
        ("finding_accounts", schema.FINDING_ACCOUNTS, roles),
        ("finding_exchanges", schema.FINDING_EXCHANGES, exchanges),
        ("accounts", schema.ACCOUNTS, said),
    ):
        columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in kind]
        pq.write_table(pa.table(columns, schema=kind), folder / f"{name}.parquet")
    summary = {
        "promise": {"max_false_campaigns": 0.05, "days": 30.0, "share_spent": 1.0},
        "null": {"campaign_threshold_bits": 6.0, "coordination_threshold_bits": 10.0},
    }
    (folder / "scan.json").write_text(json.dumps(summary))
    (folder / "run.json").write_text(json.dumps({"steps": [{"step": "all", "seconds": 2.0}]}))
    return folder
