"""Day by day: each scan sees what was logged by then, and a campaign's day is the first on which it is found."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from evaluated_worlds import START, exchange, write_scan, write_world

from stillwatch.errors import MissingSource, UsageError
from stillwatch.evaluate import delay
from stillwatch.scan.options import ScanOptions


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Four days with an exchange an hour; campaign A has every one from hour 30 to 70, B none."""
    rows = [exchange(n, f"a{n % 4}" if 30 <= n < 70 else f"h{n % 9}", "A" if 30 <= n < 70 else None) for n in range(96)]
    return write_world(tmp_path / "world", rows, operators={"B": "nobody"})


def scan_of(asked: list[ScanOptions], least: int) -> object:
    """A scan that claims the campaign's exchanges once it sees so many of them."""

    def fake(logs: list[str], options: ScanOptions, progress: object) -> Path:
        asked.append(options)
        table = pq.read_table(logs[0])
        assert pc.max(table["requested_at"]).as_py() < options.read.now
        mine = table.filter(pc.starts_with(table["account_id"], "a"))["exchange_id"].to_pylist()
        some = len(mine) >= least
        findings = [{"finding_id": "F", "verdict": "campaign"}] if some else []
        return write_scan(options.out, findings, claimed={"F": mine} if some else {})

    return fake


def test_a_campaign_is_found_at_the_end_of_a_day(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten exchanges are enough, and the second midnight has eighteen: 0.75 days after its first, 45 % of all."""
    asked: list[ScanOptions] = []
    monkeypatch.setattr(delay, "scan", scan_of(asked, 10))
    told = delay.day_by_day(world)
    found, never = told.campaigns
    assert (found.campaign, found.found_at, found.before) == ("A", "2026-03-04T00:00:00Z", 18)
    assert (found.days, found.share, found.lost_again) == (pytest.approx(0.75), pytest.approx(0.45), 0)
    assert (never.campaign, never.found_at, never.days, never.share) == ("B", None, None, None)
    assert [options.read.now for options in asked] == [START + timedelta(days=n) for n in (1, 2, 3, 4)]
    assert [len(day.found) for day in told.days] == [0, 1, 1, 1]
    assert [day.begun for day in told.days] == [0, 1, 1, 1]


def test_a_step_of_days_finds_later(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every third day: the first scan with enough of it is that of the third midnight."""
    asked: list[ScanOptions] = []
    monkeypatch.setattr(delay, "scan", scan_of(asked, 10))
    told = delay.day_by_day(world, every=3)
    assert told.campaigns[0].found_at == "2026-03-05T00:00:00Z"
    assert len(asked) == 2


def test_what_cannot_be_asked_is_said(world: Path) -> None:
    """A step of no days, and a world without its canonical log."""
    with pytest.raises(UsageError, match="--every"):
        delay.day_by_day(world, every=0)
    (world / "logs.parquet").unlink()
    with pytest.raises(MissingSource, match=r"logs\.parquet"):
        delay.day_by_day(world)
