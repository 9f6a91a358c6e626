"""A scan with an address database, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from mmdb import write_mmdb
from small_world import exchanges, write

from stillwatch.cli import run

pytestmark = pytest.mark.slow

VPN_RANGES = "# exits of 2026-02-01\n203.0.0.0/22\n10.1.0.0/16\n"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log whose thirty colluders and one stranger come through VPN exits."""
    return write(tmp_path_factory.mktemp("log") / "log.ndjson", exchanges(each=25))


def lists(folder: Path) -> list[str]:
    """Arguments that name a list of VPN exits and a database of systems."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "exits.txt").write_text(VPN_RANGES)
    systems = {f"203.0.{n}.0/24": {"autonomous_system_number": 64500} for n in range(5)}
    write_mmdb(folder / "asn.mmdb", systems, title="Test-ASN")
    return ["--addresses", f"vpn={folder / 'exits.txt'}", "--addresses", str(folder / "asn.mmdb")]


def scanned(log: Path, out: Path, *more: str) -> Path:
    """The scan's folder."""
    assert run(["scan", str(log), "--out", str(out), "--quiet", *more]) == 0
    return out


def summary(out: Path) -> dict[str, object]:
    """What scan.json holds."""
    read: dict[str, object] = json.loads((out / "scan.json").read_text())
    return read


def test_the_database_is_told_and_its_place_is_not(log: Path, tmp_path: Path) -> None:
    """Kind, size, date and shares stand in scan.json and report; the same files elsewhere give the same bytes."""
    one = scanned(log, tmp_path / "one", *lists(tmp_path / "a"))
    other = scanned(log, tmp_path / "other", *lists(tmp_path / "b"))
    told = summary(one)["address_database"]
    assert isinstance(told, dict)
    assert told["list of vpn"].startswith("2 entries, of 2026-02-01, content ")
    assert "nodes, of 2026-01-01, content " in told["Test-ASN"]
    assert told["exchanges from hosting"] == "0.00%"
    assert 20 < float(told["exchanges through VPN, proxy or Tor"].rstrip("%")) < 40
    assert (one / "scan.json").read_bytes() == (other / "scan.json").read_bytes()
    assert (one / "findings.json").read_bytes() == (other / "findings.json").read_bytes()
    report = (one / "report.html").read_text()
    assert "list of vpn: 2 entries, of 2026-02-01" in report
    assert str(tmp_path) not in report


def test_it_fills_the_systems_that_the_log_lacks(log: Path, tmp_path: Path) -> None:
    """Coverage counts what the database adds."""
    coverage = [
        summary(scanned(log, tmp_path / name, *more))["coverage"]
        for name, more in (("with", lists(tmp_path)), ("without", []))
    ]
    assert isinstance(coverage[0], dict)
    assert isinstance(coverage[1], dict)
    assert coverage[1]["asn"] == 0
    assert 0.2 < coverage[0]["asn"] < 0.5


def test_without_one_its_evidence_is_missing_and_the_mend_is_said(log: Path, tmp_path: Path) -> None:
    """scan.json and the report say that a database was not named, and how to name one."""
    out = scanned(log, tmp_path / "out")
    missing = {one["evidence"]: one["turn_on"] for one in summary(out)["missing_evidence"]}  # type: ignore[attr-defined]
    assert "--addresses" in missing["hidden-location"]
    assert summary(out)["address_database"] is None
    assert "No address database was named" in (out / "report.html").read_text()
    named = scanned(log, tmp_path / "named", *lists(tmp_path / "lists"))
    assert "hidden-location" not in {one["evidence"] for one in summary(named)["missing_evidence"]}  # type: ignore[attr-defined]


def test_exits_of_a_vpn_tie_nobody_by_prefix(log: Path, tmp_path: Path) -> None:
    """What is shared behind known exits is shown as the service, no prefix of it; nobody else is accused for it."""
    out = scanned(log, tmp_path / "out", *lists(tmp_path / "lists"))
    text = (out / "findings.json").read_text()
    assert "203.0.1.0/24" not in text
    assert "VPN, AS64500" in text
    accused = pq.read_table(out / "finding_accounts.parquet")["account_id"].to_pylist()
    assert [account for account in accused if account.startswith("s")] == []


def test_pseudonyms_do_not_blind_it(log: Path, tmp_path: Path) -> None:
    """The database is asked by true addresses, before they become pseudonyms."""
    key = tmp_path / "key"
    key.write_bytes(b"a secret of at least sixteen bytes")
    named = lists(tmp_path)
    plain = summary(scanned(log, tmp_path / "plain", *named))
    hidden = summary(scanned(log, tmp_path / "hidden", *named, "--pseudonymise", str(key)))
    assert hidden["address_database"] == plain["address_database"]


@pytest.mark.parametrize(
    ("content", "named", "said"),
    [
        ("192.0.2.0/24\nhello\n", "vpn={}", "exits.txt:2: 'hello' is no address range"),
        ("192.0.2.0/24\n", "{}", "cannot be told from its name"),
        (None, "vpn={}", "cannot be read"),
        ("192.0.2.0/24\n", "wpn={}", "no kind of addresses"),
    ],
)
def test_a_bad_file_ends_the_scan_before_it_begins(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, named: str, said: str
) -> None:
    """The message names file, line and mend; no output appears."""
    path = tmp_path / "exits.txt"
    if content is not None:
        path.write_text(content)
    assert run(["scan", str(log), "--out", str(tmp_path / "out"), "--addresses", named.format(path)]) == 1
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()
