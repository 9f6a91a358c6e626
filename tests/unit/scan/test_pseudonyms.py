"""A scan with pseudonyms finds what a scan without them finds, and nothing in its folder names anybody."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from small_world import exchanges, write

from stillwatch.campaigns.finding import Findings
from stillwatch.scan.options import ScanOptions
from stillwatch.scan.run import scan
from stillwatch.sources.reading import ReadOptions

pytestmark = pytest.mark.slow

NOW = datetime(2026, 4, 1, tzinfo=UTC)


def findings(out: Path) -> Findings:
    """The findings in a scan's folder."""
    return msgspec.json.decode((out / "findings.json").read_bytes(), type=Findings)


def test_no_name_leaves_and_the_findings_are_the_same(tmp_path: Path) -> None:
    """Accounts, exchanges, payments, addresses and domains, of log and registry, are in no file of the result."""
    # Shops beyond the 255th have addresses that are none.
    rows = exchanges(strangers=400, colluders=80, each=30)
    accounts = {}
    for row in rows:
        row["exchange_id"] = f"exchange-{row['exchange_id']}"
        row["account_id"] = f"account-{row['account_id']}"
        payment = row.pop("payment_id")
        accounts[row["account_id"]] = {
            "account_id": row["account_id"], "payment_id": f"secret-{payment}", "signup_ip": row["ip"],
            "email_domain": f"{row['account_id']}.example", "created_at": "2026-02-01T00:00:00Z",
        }  # fmt: skip
    log = write(tmp_path / "log.ndjson", [*rows, {**rows[0], "exchange_id": "exchange-bad", "output_tokens": -1}])
    registry = tmp_path / "registry.ndjson"
    registry.write_text("".join(json.dumps(one) + "\n" for one in accounts.values()))
    outs = {}
    for name, key in (("plain", None), ("hidden", b"a key of more than 16 bytes")):
        options = ScanOptions(
            out=tmp_path / name, accounts=str(registry), read=ReadOptions(now=NOW, pseudonymise=key), memory_mb=512
        )
        outs[name] = scan([str(log)], options)
    plain, hidden = findings(outs["plain"]), findings(outs["hidden"])
    assert plain.findings
    assert [(f.verdict, f.accounts, f.exchanges) for f in plain.findings] == [
        (f.verdict, f.accounts, f.exchanges) for f in hidden.findings
    ]
    names = {str(row[column]) for row in rows for column in ("exchange_id", "account_id", "ip")}
    names |= {str(value) for one in accounts.values() for key, value in one.items() if key != "created_at"}
    for path in sorted(outs["hidden"].rglob("*")):
        if path.is_file():
            text = str(pq.read_table(path).to_pydict()) if path.suffix == ".parquet" else path.read_text()
            assert [one for one in names if one in text] == [], path.name
