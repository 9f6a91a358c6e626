"""What `check --addresses` says of a log's addresses, by databases whose content is known."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from log_samples import NOW, START, exchange, write_lines
from mmdb import write_mmdb

from stillwatch.commands.check import check
from stillwatch.errors import InputError, MissingSource
from stillwatch.sources import known_addresses
from stillwatch.sources.address_database import open_addresses
from stillwatch.sources.check import CheckResult, check_logs
from stillwatch.sources.known_addresses import AddressCoverage
from stillwatch.sources.quarantine import Quarantine
from stillwatch.sources.reading import ReadOptions


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """100 exchanges: 40 from 4 addresses of a home's network, 40 from 2 exits of a VPN, 10 unknown, 10 without one."""
    ips = [f"192.0.2.{i % 4}" for i in range(40)] + [f"198.51.100.{i % 2}" for i in range(40)]
    ips += ["203.0.113.9"] * 10
    rows = [exchange(i, ip=ip) for i, ip in enumerate(ips)] + [exchange(90 + i, ip=None) for i in range(10)]
    return write_lines(tmp_path / "log.ndjson", rows)


def databases(folder: Path) -> list[str]:
    """A database of systems and countries, and a list of a VPN's exits."""
    record = {"autonomous_system_number": 64500, "country": {"iso_code": "FR"}}
    (folder / "exits.txt").write_text("# 2026-04-30\n198.51.100.0/24\n")
    return [str(write_mmdb(folder / "asn.mmdb", {"192.0.2.0/24": record})), f"vpn={folder / 'exits.txt'}"]


def checked(log: Path, *named: str) -> CheckResult:
    """The check of a log with a database."""
    options = ReadOptions(now=NOW, addresses=open_addresses(named, lambda _: None))
    return check_logs(
        [str(log)], format=None, registry=None, options=options, quarantine=Quarantine(), say=lambda _: None
    )


def coverage(log: Path, *named: str) -> AddressCoverage:
    """What the check says of addresses."""
    found = checked(log, *named).addresses
    assert found is not None
    return found


def test_addresses_that_are_known_are_counted(tmp_path: Path, log: Path) -> None:
    """Distinct addresses and shares of the exchanges that have one: known, with system, with country, of each kind."""
    found = coverage(log, *databases(tmp_path))
    assert (found.addresses, found.known) == (7, 6)
    shares = (found.known_share, found.systems, found.countries)
    assert shares == pytest.approx((80 / 90, 40 / 90, 40 / 90))
    assert found.kinds == {"vpn": pytest.approx(40 / 90)}
    assert [one.date for one in found.databases] == ["of 2026-01-01", "of 2026-04-30"]


def test_without_a_database_nothing_is_said(log: Path) -> None:
    """No database, no figures, and the evidence that needs one is told how to be turned on."""
    result = checked(log)
    assert result.addresses is None
    assert any("--addresses" in one.turn_on for one in result.evidence if one.evidence == "hidden-location")


def test_evidence_that_the_database_brings_is_supported(tmp_path: Path, log: Path) -> None:
    """With kinds the evidence of hidden places can be had, and the columns are those that a scan would have."""
    result = checked(log, *databases(tmp_path))
    assert next(one.supported for one in result.evidence if one.evidence == "hidden-location")
    assert result.columns["country"] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("networks", "days", "said"),
    [
        ({"10.0.0.0/8": {"autonomous_system_number": 1}}, 0, "knows 0% of the traffic's addresses"),
        ({"192.0.2.0/24": {"autonomous_system_number": 1}}, 0, "does not say which addresses are hosting"),
        ({"192.0.2.0/24": {"is_anonymous_vpn": True}}, 100, "is 100 days older than the last exchange"),
    ],
    ids=["of-other-addresses", "without-kinds", "old"],
)
def test_a_database_that_says_little_is_remarked(
    tmp_path: Path, networks: dict[str, dict[str, object]], days: int, said: str
) -> None:
    """A database of other addresses, one without kinds and an old one are each said, with what to do."""
    # The built date that the tests' databases carry.
    at = START.replace(year=2026, month=1, day=1) + timedelta(days=days)
    row = exchange(0, ip="192.0.2.1", requested_at=at.isoformat())
    log = write_lines(tmp_path / "log.ndjson", [row])
    remarks = checked(log, str(write_mmdb(tmp_path / "x.mmdb", networks))).remarks
    assert any(said in one for one in remarks)


def test_more_addresses_than_are_held_are_estimated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound a sample by hash stands for all: within a fifth of the true number, shares of exchanges exact."""
    monkeypatch.setattr(known_addresses, "_KEPT", 500)
    rows = [exchange(i, ip=f"192.0.{2 + i // 250 % 16}.{i % 250}") for i in range(4000)]
    log = write_lines(tmp_path / "log.ndjson", rows)
    found = coverage(log, str(write_mmdb(tmp_path / "x.mmdb", {"192.0.0.0/21": {"autonomous_system_number": 1}})))
    assert found.addresses == pytest.approx(4000, rel=0.2)
    assert found.known_share == pytest.approx(6 * 250 / 4000)


def test_check_prints_what_the_database_knows(tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How many addresses, the kinds and each file's date stand in the output, and all of it in the JSON."""
    named = databases(tmp_path)
    assert check([str(log)], addresses=named) == 0
    shown = capsys.readouterr().out
    for word in ("6 of 7 addresses", "vpn 44.4%", "of 2026-01-01", "of 2026-04-30"):
        assert word in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert check([str(log)], addresses=named, json=True) == 0
    assert json.loads(capsys.readouterr().out)["addresses"]["kinds"] == {"vpn": pytest.approx(40 / 90)}


@pytest.mark.parametrize(
    ("named", "error", "said"),
    [
        ("nowhere.mmdb", MissingSource, "cannot be read"),
        ("homes=x.txt", InputError, "is no kind of addresses"),
    ],
    ids=["not-there", "no-kind"],
)
def test_a_database_that_cannot_be_used_ends_the_check(
    log: Path, named: str, error: type[Exception], said: str
) -> None:
    """As in a scan, the message says what is wrong before anything is read."""
    with pytest.raises(error, match=said):
        check([str(log)], addresses=[named])
