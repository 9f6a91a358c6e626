"""Scans into a store, day by day: nothing is lost, counted twice or kept too long, and findings keep their ids."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_world import exchanges, write

from stillwatch.cli import run
from stillwatch.fingerprint.hashing import hash_text
from stillwatch.report.schemas import FOLDER
from stillwatch.store.place import open_store

pytestmark = pytest.mark.slow

RESULT = ("findings.json", "finding_accounts.parquet", "finding_exchanges.parquet", "accounts.parquet", "scan.json")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting for the disk: the machine lives on."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Logs of fourteen days, a file each, the last of which holds an exchange of the first day besides."""
    folder = tmp_path_factory.mktemp("days")
    by_day: dict[str, list[dict[str, object]]] = {}
    for row in exchanges(strangers=40, colluders=20, each=30):
        by_day.setdefault(str(row["requested_at"])[:10], []).append(row)
    names = sorted(by_day)
    by_day[names[-1]].append(by_day[names[0]].pop())
    return [write(folder / f"{name}.ndjson", by_day[name]) for name in names]


def scan(logs: Iterable[Path], store: Path, out: Path, *more: str) -> int:
    """Scan logs into a store."""
    return run(["scan", *map(str, logs), "--into", str(store), "--out", str(out), "--quiet", *more])


def told(out: Path, name: str = "scan.json") -> dict[str, Any]:
    """A JSON file of a scan."""
    read: dict[str, Any] = json.loads((out / name).read_text())
    return read


def everything(store: Path) -> dict[str, bytes]:
    """All files of a store."""
    return {str(path.relative_to(store)): path.read_bytes() for path in sorted(store.rglob("*")) if path.is_file()}


def decoded(store: Path) -> str:
    """Every value of every Parquet file, as text."""
    return "\n".join(str(pq.read_table(path).to_pydict()) for path in sorted(store.rglob("*.parquet")))


@pytest.fixture(scope="module")
def daily(days: list[Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A store that was scanned on every second day, and the last scan's folder."""
    folder = tmp_path_factory.mktemp("daily")
    store, out = folder / "store", folder / "out"
    for at in range(0, len(days), 3):
        assert scan(days[at : at + 3], store, out) == 0
        counts = told(out)["counts"]
        assert counts["read"] == counts["kept"] + counts["quarantined"] + counts["duplicates"]
    return store, out


def test_in_days_or_at_once_the_last_findings_agree(daily: tuple[Path, Path], days: list[Path], tmp_path: Path) -> None:
    """Same ids, same accounts, same exchanges: of a scan of all logs without a store, and of the store's last."""
    assert run(["scan", *map(str, days), "--out", str(tmp_path / "once"), "--quiet"]) == 0
    once = told(tmp_path / "once", "findings.json")["findings"]
    last = told(daily[1], "findings.json")["findings"]
    assert len(once) > 0
    assert [one["finding_id"] for one in once] == [one["finding_id"] for one in last]
    for name in ("finding_accounts.parquet", "finding_exchanges.parquet", "accounts.parquet"):
        assert pq.read_table(tmp_path / "once" / name).equals(pq.read_table(daily[1] / name)), name


def test_rows_go_to_their_own_day(daily: tuple[Path, Path]) -> None:
    """Also one that came two weeks late."""
    store, out = daily
    for folder in (store / "days").iterdir():
        for path in folder.rglob("fingerprint-*.parquet"):
            times = pq.read_table(path, columns=["requested_at"])["requested_at"].to_pylist()
            assert {time.date().isoformat() for time in times} == {folder.name}
    late = [path.parent.name for path in (store / "days" / "2026-03-02").rglob("fingerprint-*.parquet")]
    assert len(late) == 2
    assert told(out)["store"]["exchanges"] == 1800


def test_counts_say_who_sent_how_much_on_each_day(daily: tuple[Path, Path], days: list[Path]) -> None:
    """The sums of the counts are the logs'."""
    rows = [json.loads(line) for path in days for line in path.read_text().splitlines()]
    expected = {(row["account_id"], row["requested_at"][:10]): 0 for row in rows}
    for row in rows:
        expected[row["account_id"], row["requested_at"][:10]] += 1
    found: dict[tuple[str, str], int] = {}
    for path in (daily[0] / "counts").iterdir():
        for row in pq.read_table(path).to_pylist():
            key = (row["account_id"], path.name[:10])
            found[key] = found.get(key, 0) + row["exchanges"]
    assert found == expected


def test_no_text_is_kept(daily: tuple[Path, Path]) -> None:
    """Of prompts only masked examples of what several accounts sent; of other texts nothing."""
    kept = decoded(daily[0])
    assert "which sells" not in kept
    assert "observation 17 " not in kept
    for data in everything(daily[0]).values():
        assert b"which sells" not in data


def test_the_history_and_the_summary_keep_to_their_schemas(daily: tuple[Path, Path]) -> None:
    """As they are shipped."""
    for name in ("history", "scan"):
        shipped = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
        jsonschema.validate(told(daily[1], f"{name}.json"), shipped)


def test_what_the_store_holds_already_is_a_duplicate(
    daily: tuple[Path, Path], days: list[Path], tmp_path: Path
) -> None:
    """Logs that bring nothing new are no error; counts add up, and what is found stays what it was."""
    store, out = copied(daily[0], tmp_path), tmp_path / "out"
    assert scan(days[3:5], store, out) == 0
    counts = told(out)["counts"]
    assert counts["kept"] == counts["quarantined"] == 0
    assert counts["read"] == counts["duplicates"] > 0
    assert told(out, "findings.json") == told(daily[1], "findings.json")
    assert {one["status"] for one in told(out, "history.json")["findings"]} == {"steady"}


def test_a_day_without_traffic_is_no_error(daily: tuple[Path, Path], tmp_path: Path) -> None:
    """An empty log adds nothing."""
    store, out = copied(daily[0], tmp_path), tmp_path / "out"
    (tmp_path / "empty.ndjson").write_text("")
    assert scan([tmp_path / "empty.ndjson"], store, out) == 0
    assert told(out)["store"]["new_exchanges"] == 0


def test_the_same_store_and_logs_give_the_same_bytes(
    daily: tuple[Path, Path], days: list[Path], tmp_path: Path
) -> None:
    """Of the store and of the result."""
    extra = write(tmp_path / "extra.ndjson", extras())
    for name in ("a", "b"):
        copied(daily[0], tmp_path / name)
        assert scan([extra], tmp_path / name / "store", tmp_path / name / "out") == 0
    assert everything(tmp_path / "a" / "store") == everything(tmp_path / "b" / "store")
    for name in (*RESULT, "history.json"):
        assert (tmp_path / "a" / "out" / name).read_bytes() == (tmp_path / "b" / "out" / name).read_bytes(), name


def test_the_key_is_made_once_and_is_nobody_elses(daily: tuple[Path, Path], tmp_path: Path) -> None:
    """Mode 0600; a scan with another key is refused, since its digests would be others."""
    assert stat.S_IMODE((daily[0] / "key").stat().st_mode) == 0o600
    (tmp_path / "key").write_text("another key of enough bytes")
    before = everything(daily[0])
    extra = write(tmp_path / "extra.ndjson", extras())
    assert scan([extra], daily[0], tmp_path / "out", "--key", str(tmp_path / "key")) == 2
    assert everything(daily[0]) == before


def test_days_go_when_they_are_too_old(daily: tuple[Path, Path], tmp_path: Path) -> None:
    """Exchanges of five days stay; counts stay longer; what comes too late is told and left out."""
    store, out = copied(daily[0], tmp_path), tmp_path / "out"
    extra = write(tmp_path / "extra.ndjson", [*extras(), *extras("2026-03-03T10:00:00+00:00", "late")])
    assert scan([extra], store, out, "--keep-days", "5") == 0
    kept = sorted(path.name for path in (store / "days").iterdir())
    assert kept == ["2026-03-12", "2026-03-13", "2026-03-14", "2026-03-15", "2026-03-16"]
    assert min(path.name for path in (store / "counts").iterdir()).startswith("2026-03-02")
    said = told(out)
    assert said["store"]["too_old"] == 12
    assert said["counts"]["kept"] == said["store"]["new_exchanges"] + 12
    assert said["exchanges"] == said["store"]["exchanges"]
    assert scan([extra], store, out, "--keep-history", "5") == 0
    assert min(path.name for path in (store / "counts").iterdir()).startswith("2026-03-12")


def test_an_account_that_is_deleted_is_nowhere(daily: tuple[Path, Path], tmp_path: Path) -> None:
    """No byte of the store holds its id, no column its hash or an id of its exchanges; all else is there."""
    store = copied(daily[0], tmp_path)
    account, digest = "c003", hash_text("c003")
    theirs, others = set(), 0
    for path in store.rglob("fingerprint-*.parquet"):
        table = pq.read_table(path, columns=["account", "exchange"])
        mine = pa.compute.equal(table["account"], digest)
        theirs |= set(table["exchange"].filter(mine).to_pylist())
        others += table.num_rows - pa.compute.sum(mine).as_py()
    assert len(theirs) == 30
    assert str(digest) in decoded(store)
    assert run(["forget", account, "--from", str(store)]) == 0
    text = decoded(store)
    assert account not in text
    for number in (digest, *theirs):
        assert str(number) not in text
    for name, data in everything(store).items():
        assert account not in name
        for pattern in (account.encode(), digest.to_bytes(8, "little", signed=True), str(digest).encode()):
            assert pattern not in data, name
    assert sum(pq.read_metadata(path).num_rows for path in store.rglob("fingerprint-*.parquet")) == others
    assert run(["forget", account, "--from", str(store)]) == 1
    assert scan([write(tmp_path / "extra.ndjson", extras())], store, tmp_path / "out") == 0
    assert account not in set(pq.read_table(tmp_path / "out" / "accounts.parquet")["account_id"].to_pylist())


def test_a_scan_that_fails_leaves_the_store_as_it_was(
    daily: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it has written beside is gone with the next run."""
    from stillwatch.errors import OutputError
    from stillwatch.store import memory

    store, out = copied(daily[0], tmp_path), tmp_path / "out"
    before = everything(store)
    extra = write(tmp_path / "extra.ndjson", extras())

    def full(*_: object) -> None:
        raise OutputError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(memory, "to_disk", full)
        assert scan([extra], store, out) == 1
    assert everything(store).items() > before.items()
    with open_store(store):
        assert everything(store) == before
    assert scan([extra], store, out) == 0
    assert told(out)["store"]["new_exchanges"] == 12


def test_of_two_runs_one_says_no(daily: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second leaves everything alone."""
    before = everything(daily[0])
    with open_store(daily[0]):
        assert scan([write(tmp_path / "extra.ndjson", extras())], daily[0], tmp_path / "out") == 1
        assert "another run holds the store" in capsys.readouterr().err
        assert run(["forget", "c003", "--from", str(daily[0])]) == 1
    assert everything(daily[0]) == before


def test_a_folder_with_other_files_is_no_store(tmp_path: Path) -> None:
    """Nothing of anybody's is swept away."""
    (tmp_path / "store" / "days").mkdir(parents=True)
    (tmp_path / "store" / "thesis.txt").write_text("mine")
    assert scan([write(tmp_path / "extra.ndjson", extras())], tmp_path / "store", tmp_path / "out") == 1
    assert (tmp_path / "store" / "thesis.txt").exists()
    assert run(["forget", "c003", "--from", str(tmp_path / "store")]) == 1


def test_a_store_among_the_logs_is_left_aside(days: list[Path], tmp_path: Path) -> None:
    """Its tables are no logs."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "one.ndjson").write_bytes(days[0].read_bytes())
    assert scan([logs], logs / "store", tmp_path / "out") == 0
    (logs / "two.ndjson").write_bytes(days[1].read_bytes())
    assert scan([logs], logs / "store", tmp_path / "out") == 0
    counts = told(tmp_path / "out")["counts"]
    assert counts["quarantined"] == 0
    assert counts["read"] == len(days[0].read_text().splitlines() + days[1].read_text().splitlines())


@pytest.mark.parametrize("more", [["--keep-days", "3"], ["--wait"], ["--keep-history", "9"]])
def test_what_is_of_a_store_needs_one(more: list[str], days: list[Path], tmp_path: Path) -> None:
    """Options of a store without a store are wrong usage."""
    assert run(["scan", str(days[0]), "--out", str(tmp_path / "out"), *more]) == 2


def test_pseudonyms_stay_the_same(days: list[Path], tmp_path: Path) -> None:
    """A store of pseudonyms takes no true ids, and forgets by the true id with the key."""
    store, out, key = tmp_path / "store", tmp_path / "out", tmp_path / "key"
    key.write_text("a key for pseudonyms")
    assert scan(days[:1], store, out, "--pseudonymise", str(key)) == 0
    account = json.loads(days[0].read_text().splitlines()[0])["account_id"]
    assert account not in decoded(store)
    assert scan(days[1:2], store, out) == 2
    assert run(["forget", account, "--from", str(store)]) == 2
    assert run(["forget", account, "--from", str(store), "--pseudonymise", str(key)]) == 0


def extras(at: str = "2026-03-16T10:00:00+00:00", name: str = "extra") -> list[dict[str, object]]:
    """A dozen exchanges of a stranger."""
    row = exchanges(strangers=1, colluders=0, each=1)[0]
    return [{**row, "exchange_id": f"{name}-{i}", "account_id": "s999", "requested_at": at} for i in range(12)]


def copied(store: Path, into: Path) -> Path:
    """A copy of a store."""
    import shutil

    into.mkdir(exist_ok=True, parents=True)
    shutil.copytree(store, into / "store")
    return into / "store"
