"""The whole main job on a small log, through the command line."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_world import exchanges, write

from stillwatch import schema
from stillwatch.cli import run

TABLES = {
    "finding_accounts.parquet": schema.FINDING_ACCOUNTS,
    "finding_exchanges.parquet": schema.FINDING_EXCHANGES,
    "finding_links.parquet": schema.FINDING_LINKS,
    "accounts.parquet": schema.ACCOUNTS,
    "quarantine.parquet": schema.QUARANTINE,
    "tested.parquet": schema.TESTED,
}
FILES = sorted([*TABLES, "findings.json", "scan.json", "run.json", "report.html"])
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src")}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of ninety accounts, thirty of which act as one."""
    return write(tmp_path_factory.mktemp("log") / "log.ndjson", exchanges())


@pytest.fixture(scope="module")
def scanned(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its scan."""
    out = tmp_path_factory.mktemp("scan") / "out"
    assert run(["scan", str(log), "--out", str(out), "--quiet"]) == 0
    return out


def findings(out: Path) -> list[dict[str, object]]:
    """The findings of a scan."""
    found: list[dict[str, object]] = json.loads((out / "findings.json").read_text())["findings"]
    return found


def start(arguments: list[str], **options: object) -> subprocess.Popen[str]:
    """A scan in a process of its own."""
    command = [sys.executable, "-m", "stillwatch", *arguments]
    return subprocess.Popen(
        command,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def test_a_scan_writes_its_tables_and_no_more(scanned: Path) -> None:
    """Every file of the contract is there, each table with its columns, sorted by its key."""
    assert sorted(path.name for path in scanned.iterdir()) == FILES
    for name, columns in TABLES.items():
        table = pq.read_table(scanned / name)
        assert table.schema.names == columns.names, name
        key = columns.names[:2]
        assert table.equals(table.sort_by([(column, "ascending") for column in key])), name


def test_those_who_act_as_one_are_found_and_nobody_else(scanned: Path) -> None:
    """The thirty are in one network; no stranger is in any finding."""
    accounts = set(pq.read_table(scanned / "finding_accounts.parquet")["account_id"].to_pylist())
    assert {account for account in accounts if account.startswith("s")} == set()
    assert len(accounts) >= 28


def test_counts_add_up(scanned: Path) -> None:
    """Read is kept and quarantined and duplicates, and every account is listed with its exchanges."""
    counts = json.loads((scanned / "scan.json").read_text())["counts"]
    assert counts["read"] == counts["kept"] + counts["quarantined"] + counts["duplicates"] == 3600
    accounts = pq.read_table(scanned / "accounts.parquet")
    assert (accounts.num_rows, sum(accounts["exchanges"].to_pylist())) == (90, 3600)


def test_bits_add_up(scanned: Path) -> None:
    """The evidence of each axis sums to the finding's bits."""
    for finding in findings(scanned):
        for axis in ("coordination", "extraction"):
            total = sum(e["bits"] for e in finding["evidence"] if e["axis"] == axis)  # type: ignore[index, attr-defined]
            assert total == pytest.approx(finding[f"{axis}_bits"], abs=0.01)


def test_every_finding_says_what_it_had_to_reach(scanned: Path) -> None:
    """A campaign's strength reaches the bar that it names; a network's bar is that of acting as one alone."""
    null = json.loads((scanned / "scan.json").read_text())["null"]
    assert null["small_parts_tested"] <= null["streams_tested"]
    assert (null["small_part_threshold_bits"] is None) == (null["small_parts_tested"] == 0)
    for finding in findings(scanned):
        assert finding["needed_coordination_bits"] == null["coordination_threshold_bits"]
        if finding["verdict"] == "network":
            assert finding["needed_bits"] is None
        else:
            strength = min(finding["extraction_bits"], finding["margin_bits"]) - finding["doubt_bits"]  # type: ignore[operator, type-var]
            assert strength >= finding["needed_bits"] - 0.001  # type: ignore[operator]


@pytest.mark.slow
def test_the_same_scan_gives_the_same_bytes(log: Path, scanned: Path, tmp_path: Path) -> None:
    """Nothing but run.json depends on when, where or in how many threads a scan ran."""
    out = tmp_path / "again"
    assert run(["scan", str(log), "--out", str(out), "--quiet", "--threads", "1"]) == 0
    differ = [n for n in FILES if n != "run.json" and (out / n).read_bytes() != (scanned / n).read_bytes()]
    assert differ == []


@pytest.mark.slow
def test_a_killed_scan_shows_nothing_and_goes_on(log: Path, scanned: Path, tmp_path: Path) -> None:
    """Killed after reading, it leaves no output; the same command then gives what an undisturbed scan gives."""
    out = tmp_path / "out"
    killed = start(["scan", str(log), "--out", str(out)])
    state = tmp_path / ".out.partial" / "ingested.json"
    while not state.exists() and killed.poll() is None:
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    if not out.exists():
        again = start(["scan", str(log), "--out", str(out)])
        _, said = again.communicate()
        assert again.returncode == 0
        assert "goes on after reading" in said
    assert (out / "findings.json").read_bytes() == (scanned / "findings.json").read_bytes()
    assert not (tmp_path / ".out.partial").exists()


@pytest.mark.slow
def test_a_full_disk_ends_in_a_message_and_nothing_half(log: Path, tmp_path: Path) -> None:
    """A file that cannot grow is an error that names the place; no output folder appears."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    full = start(["scan", str(log), "--out", str(tmp_path / "out")], preexec_fn=limit)
    _, said = full.communicate()
    assert full.returncode == 1
    assert "Traceback" not in said
    assert "cannot" in said
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_files_is_refused(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An output folder that is no scan's is left as it is."""
    (tmp_path / "letter.txt").write_text("mine")
    assert run(["scan", str(log), "--out", str(tmp_path)]) == 1
    assert "holds files that are no scan's" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_without_exemplars_no_text_stays(log: Path, tmp_path: Path) -> None:
    """No word of a prompt is in any file of a scan that keeps no examples."""
    out = tmp_path / "out"
    assert run(["scan", str(log), "--out", str(out), "--quiet", "--exemplars", "none"]) == 0
    for path in out.iterdir():
        assert b"finished answer" not in path.read_bytes(), path.name


def test_pseudonyms_leave_no_id(log: Path, scanned: Path, tmp_path: Path) -> None:
    """With a key, no account, card or address of the log is in any file, and the finding is the same size."""
    key = tmp_path / "key"
    key.write_bytes(b"a secret of at least sixteen bytes")
    out = tmp_path / "out"
    assert run(["scan", str(log), "--out", str(out), "--quiet", "--pseudonymise", str(key)]) == 0
    for path in out.iterdir():
        content = path.read_bytes()
        assert all(secret not in content for secret in (b"c001", b"card-1", b"203.0.1.")), path.name
    sizes = [[f["accounts"] for f in findings(folder)] for folder in (out, scanned)]
    assert sizes[0] == sizes[1]


def test_json_and_fail_on(log: Path, scanned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json prints the findings; --fail-on campaign gives status 3 where there is one, else 0."""
    out = tmp_path / "out"
    status = run(["scan", str(log), "--out", str(out), "--quiet", "--json", "--fail-on", "campaign"])
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((scanned / "findings.json").read_text())
    assert status == (3 if any(f["verdict"] == "campaign" for f in printed["findings"]) else 0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--max-false-campaigns", "0"], "--max-false-campaigns"),
        (["--prior", "0"], "--prior"),
        (["--min-accounts", "1"], "--min-accounts"),
        (["--memory", "10"], "--memory"),
        (["--format", "nonsense"], "nonsense"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_wrong_options_name_themselves(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: list[str], said: str
) -> None:
    """An option that cannot be is told by its name, without a traceback and before anything is written."""
    assert run(["scan", str(log), "--out", str(tmp_path / "out"), *wrong]) in (1, 2)
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("missing", ["prompt", "ip", "payment_id", "client", "output_tokens"])
def test_missing_columns_are_said_and_nothing_breaks(tmp_path: Path, missing: str) -> None:
    """A log that lacks a column is scanned without it, and no stranger is accused for it."""
    rows = [{k: v for k, v in row.items() if k != missing} for row in exchanges(each=20)]
    out = tmp_path / "out"
    assert run(["scan", str(write(tmp_path / "log.ndjson", rows)), "--out", str(out), "--quiet"]) == 0
    accused = pq.read_table(out / "finding_accounts.parquet")["account_id"].to_pylist()
    assert [account for account in accused if account.startswith("s")] == []
    assert json.loads((out / "scan.json").read_text())["coverage"][missing] == 0


def test_metadata_alone_is_enough_to_run(tmp_path: Path) -> None:
    """Ids, times and models, and nothing else: a scan runs, and accuses nobody."""
    keep = {"exchange_id", "requested_at", "account_id", "model"}
    rows = [{k: v for k, v in row.items() if k in keep} for row in exchanges(each=10)]
    out = tmp_path / "out"
    assert run(["scan", str(write(tmp_path / "log.ndjson", rows)), "--out", str(out), "--quiet"]) == 0
    assert [f for f in findings(out) if f["verdict"] == "campaign"] == []


def test_one_exchange_is_a_log(tmp_path: Path) -> None:
    """A log of a single line is scanned, and holds no finding."""
    out = tmp_path / "out"
    log = write(tmp_path / "log.ndjson", exchanges(strangers=1, colluders=0, each=1))
    assert run(["scan", str(log), "--out", str(out), "--quiet"]) == 0
    assert findings(out) == []
