"""Who is accused of a campaign's exchanges, and who is not: owners of stolen keys, and customers who are imitated."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_world import HARVEST, START, exchanges, write

from stillwatch.cli import run

pytestmark = pytest.mark.slow

Rows = list[dict[str, object]]


def harvest(account: str, number: int, minutes: float, **more: object) -> dict[str, object]:
    """One of the campaign's exchanges on somebody's account."""
    return {
        "exchange_id": f"y{account}{number:05d}",
        "requested_at": (START + timedelta(minutes=minutes)).isoformat(),
        "account_id": account,
        "model": "m-1",
        "system_prompt": None,
        "prompt": HARVEST.format(item=90_000 + number, topic="tides", verb="review"),
        "turns": 0,
        "max_tokens": 4096,
        "temperature": 1.0,
        "output_tokens": 1200,
        "reasoning_tokens": 600,
        "status": 200,
        **more,
    }


def world() -> Rows:
    """Four hundred strangers without a mould, and sixty accounts of one campaign."""
    rows = exchanges(strangers=400, colluders=60, each=25)
    return [{**row, "system_prompt": None} for row in rows]


def roles_of(rows: Rows, folder: Path) -> tuple[dict[str, str], set[str]]:
    """Account -> role in the campaign of a scan of these rows, and the exchanges that it claims."""
    rows.sort(key=lambda row: str(row["requested_at"]))
    log = write(folder / "log.ndjson", rows)
    assert run(["scan", str(log), "--out", str(folder / "out"), "--quiet"]) == 0
    parts = pq.read_table(folder / "out" / "finding_accounts.parquet").to_pylist()
    claimed = pq.read_table(folder / "out" / "finding_exchanges.parquet")["exchange_id"].to_pylist()
    return {part["account_id"]: part["role"] for part in parts if part["finding_id"].startswith("C")}, set(claimed)


@pytest.fixture
def bursts() -> list[float]:
    """Minutes at which the campaign of the small world works, from its own exchanges."""
    rows = [row for row in world() if str(row["account_id"]).startswith("c")]
    first = START.isoformat()
    return [minutes(str(row["requested_at"]), first) for row in rows]


def minutes(at: str, since: str) -> float:
    """Minutes between two times."""
    return (datetime.fromisoformat(at) - datetime.fromisoformat(since)) / timedelta(minutes=1)


def test_the_owner_of_a_stolen_key_is_a_victim(tmp_path: Path, bursts: list[float]) -> None:
    """An account with a home of its own, through which the campaign sends too, is stolen; its exchanges are found."""
    rows = world()
    late = sorted(at for at in bursts if at > 4 * 24 * 60)
    stolen = [
        harvest("s000", number, at, ip=f"203.0.{number % 5}.9", payment_id="card-of-s000", client="harvester/1.0")
        for number, at in enumerate(late[:: max(1, len(late) // 40)])
    ]
    roles, claimed = roles_of([*rows, *stolen], tmp_path)
    assert roles["s000"] == "stolen"
    assert {str(row["exchange_id"]) for row in stolen} <= claimed
    assert {role for account, role in roles.items() if account.startswith("c")} == {"driver"}


def test_a_customer_whose_mould_is_imitated_is_not_accused(tmp_path: Path, bursts: list[float]) -> None:
    """Who used the mould, from the same exits, before the campaign began is no part of it; nor are his exchanges."""
    rows = world()
    first = min(bursts)
    before = [
        harvest("customer", number, first - 5 * 24 * 60 + at, ip=f"203.0.{number % 5}.7", payment_id="card-of-customer")
        for number, at in enumerate(sorted(bursts)[:: max(1, len(bursts) // 60)])
    ]
    roles, claimed = roles_of([*rows, *before], tmp_path)
    assert roles.get("customer", "adjacent") == "adjacent"
    assert not {str(row["exchange_id"]) for row in before} & claimed
    assert sum(role == "driver" for role in roles.values()) >= 55
