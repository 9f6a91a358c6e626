"""What both engines must give: one suite, run on this machine and on a real Spark cluster of two workers."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from lake_tables import catalog, delete_by_vector
from small_world import exchanges, write
from spark_cluster import SparkCluster

from stillwatch import schema
from stillwatch.sources.registry import formats

pytestmark = pytest.mark.slow

Scan = Callable[..., Path]
NOW = ("run.json", "report.html")
"""They say when, on what machine and for how long; all else must agree."""
BEGIN, END = "2026-03-04T12:00:00+00:00", "2026-03-12T00:00:00+00:00"
"""A part of the small world's time."""


def _scan(out: Path, logs: list[str], *more: str, environment: dict[str, str] | None = None) -> Path:
    command = [sys.executable, "-m", "stillwatch", "scan", *logs, "--out", str(out), *more]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr[-4000:]
    return out


@pytest.fixture(params=["duckdb", "spark"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Scan:
    """Scans logs with one of the engines, otherwise than the reference does: with other threads and memory."""
    if request.param == "duckdb":
        return lambda logs, *more: _scan(tmp_path / "out", logs, "--threads", "2", "--memory", "600", *more)
    cluster: SparkCluster = request.getfixturevalue("spark_cluster")

    def scan(logs: list[str], *more: str) -> Path:
        options = ["--engine", "spark", "--master", cluster.address, *more]
        return _scan(tmp_path / "out", logs, *options, environment=cluster.environment())

    return scan


def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = exchanges()
    return rows


def _tables(folder: Path, *, n_files: int = 3, group: int = 500) -> list[str]:
    """The small world as Parquet files of several row groups; the second begins with exchanges of the first.

    It has conversations of every length, handed on from account to account, blocks that are replayed, and sessions.
    """
    folder.mkdir()
    rows = _rows()
    for number, row in enumerate(rows):
        row["requested_at"] = datetime.fromisoformat(row["requested_at"])
        turns = number % 6
        row |= {"turns": turns, "asn": number % 7, "tools": ["search", "run"][: number % 3]}
        row |= {"message_digests": [f"{number // 12}-{i}" for i in range(turns)] or None}
        row |= {"reasoning_in": [f"b{number - 40}"] if number % 5 == 0 else [], "session_id": f"t{number // 9}"}
        row |= {"reasoning_out": [f"b{number}"] if number % 3 == 0 else None}
    size = -(-len(rows) // n_files)
    for number in range(n_files):
        some = rows[max(0, number * size - 40) : (number + 1) * size]
        table = pa.Table.from_pylist([{name: row.get(name) for name in schema.EXCHANGE.names} for row in some])
        pq.write_table(table.cast(schema.EXCHANGE), folder / f"day-{number}.parquet", row_group_size=group)
    return [str(folder)]


def _lines(folder: Path) -> list[str]:
    """The small world as lines in three files, one of them compressed, with lines that are broken or odd."""
    folder.mkdir()
    rows = _rows()
    write(folder / "a.ndjson", rows[:1500])
    write(folder / "b.ndjson", [*rows[1490:2500], {**rows[2500], "asn": "no number"}])
    with (folder / "b.ndjson").open("a") as file:
        file.write('{"exchange_id": "cut of\n[]\n{"model": "m"}\n')
    (folder / "c.ndjson.gz").write_bytes(gzip.compress(write(folder / "c", rows[2501:]).read_bytes()))
    (folder / "c").unlink()
    return [str(folder)]


def _spans(folder: Path) -> list[str]:
    """A part of the small world as spans, of which a call's may stand in several records."""
    folder.mkdir()
    rows = _rows()
    writer = formats()["otel"].write
    assert writer is not None
    for number, some in enumerate((rows[:1800], rows[1800:])):
        plain = [{**row, "requested_at": datetime.fromisoformat(row["requested_at"])} for row in some]
        lines = [json.dumps(document) + "\n" for document in writer(plain)]
        (folder / f"{number}.ndjson").write_text("".join(lines))
    return [str(folder)]


def _agree(one: Path, other: Path) -> None:
    names = sorted(path.relative_to(one).as_posix() for path in one.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(other).as_posix() for path in other.rglob("*") if path.is_file())
    assert "findings.json" in names
    different = [name for name in names if name not in NOW and (one / name).read_bytes() != (other / name).read_bytes()]
    assert different == []


@pytest.mark.parametrize("logs", [_tables, _lines, _spans], ids=["tables", "lines", "spans"])
def test_the_same_input_gives_the_same_findings(
    logs: Callable[[Path], list[str]], engine: Scan, tmp_path: Path
) -> None:
    """Findings and every table are the same to the byte, with duplicates, broken lines and joined records."""
    named = logs(tmp_path / "logs")
    _agree(_scan(tmp_path / "reference", named, "--threads", "1"), engine(named))


def _delta(folder: Path, rows: pa.Table, stray: pa.Table) -> str:
    """Rows as a Delta table: partitioned, in two commits, with rows deleted by a vector and by writing files anew."""
    from deltalake import DeltaTable, write_deltalake

    half = rows.num_rows // 2
    write_deltalake(folder, pa.concat_tables([stray, rows.slice(0, half)]), partition_by=["model"])
    (file,) = folder.glob("model=*/*.parquet")
    # The writer does not keep the order of rows.
    stored = pq.read_table(file, columns=["exchange_id"])["exchange_id"].to_pylist()
    delete_by_vector(folder, {"model": [at for at, name in enumerate(stored) if name.startswith("stray")]})
    # Its writer takes no table with vectors, so the other half lies in a table beside.
    beside = folder.with_name("more")
    write_deltalake(beside, rows.slice(half))
    write_deltalake(beside, stray, mode="append")
    DeltaTable(beside).delete("starts_with(exchange_id, 'stray')")
    return f"{folder.parent}"


def _iceberg(folder: Path, rows: pa.Table, stray: pa.Table) -> str:
    """Rows as an Iceberg table: in two appends, the second with a column more, with rows deleted in two ways."""
    half = rows.num_rows // 2
    first = pa.concat_tables([stray, rows.slice(0, half)]).drop_columns(["asn"])
    table = catalog(folder).create_table("logs.exchanges", schema=first.schema)
    table.append(first)
    with table.update_schema() as update:
        update.union_by_name(rows.schema)
    table.append(rows.slice(half))
    table.append(stray)
    table.delete("exchange_id like 'stray%'")
    return str(table.location()).removeprefix("file://")


@pytest.mark.usefixtures("lake")
def test_tables_of_lakes_give_the_findings_of_plain_parquet(engine: Scan, tmp_path: Path) -> None:
    """What is in the tables today is what is found, on both engines: rows that were deleted make no finding."""
    (named,) = _tables(tmp_path / "logs", n_files=1)
    rows = pq.read_table(named)
    # Rows that came back would be exchanges of the network's accounts, under other ids.
    names = pa.array([f"stray{number}" for number in range(600)])
    stray = rows.slice(0, 600).set_column(0, rows.schema.field(0), names)
    half = rows.num_rows // 2
    tables = [
        _delta(tmp_path / "delta" / "table", rows.slice(0, half), stray),
        _iceberg(tmp_path / "iceberg", rows.slice(half), stray),
    ]
    found = _scan(tmp_path / "reference", [named], "--threads", "1") / "findings.json"
    assert json.loads(found.read_text())["findings"]
    assert (engine(tables) / "findings.json").read_bytes() == found.read_bytes()


def test_a_time_range_is_a_log_of_that_time(tmp_path: Path) -> None:
    """A part of the time gives what logs of that part alone give."""
    (named,) = _tables(tmp_path / "logs")
    (tmp_path / "part").mkdir()
    for path in sorted(Path(named).glob("*.parquet")):
        rows = pq.read_table(path)
        bounds = [pc.greater_equal(rows["requested_at"], pa.scalar(datetime.fromisoformat(BEGIN)))]
        bounds.append(pc.less(rows["requested_at"], pa.scalar(datetime.fromisoformat(END))))
        pq.write_table(rows.filter(pc.and_(*bounds)), tmp_path / "part" / path.name)
    found = _scan(tmp_path / "reference", [str(tmp_path / "part")]) / "findings.json"
    out = _scan(tmp_path / "out", [named], "--since", BEGIN, "--until", END)
    assert (out / "findings.json").read_bytes() == found.read_bytes()


def test_pseudonyms_the_registry_and_a_time_range_are_the_same(engine: Scan, tmp_path: Path) -> None:
    """What is joined, hidden and left out while reading is the same where workers do it."""
    named = _tables(tmp_path / "logs")
    (tmp_path / "key").write_bytes(b"k" * 32)
    accounts = sorted({str(row["account_id"]) for row in _rows()})
    registry = tmp_path / "accounts.ndjson"
    registry.write_text(
        "".join(
            json.dumps({"account_id": one, "created_at": "2026-02-01T00:00:00Z", "org_id": one[:2]}) + "\n"
            for one in accounts
        )
    )
    more = ("--accounts", str(registry), "--pseudonymise", str(tmp_path / "key"), "--since", BEGIN, "--until", END)
    reference = _scan(tmp_path / "reference", named, *more)
    assert 0 < json.loads((reference / "scan.json").read_text())["counts"]["kept"] < len(_rows())
    _agree(reference, engine(named, *more))


def test_what_holds_nothing_is_said_alike(engine: Scan, tmp_path: Path) -> None:
    """Where no exchange can be read, the scan ends with the same message, and leaves nothing."""
    (tmp_path / "none.ndjson").write_text("not a log\n")
    with pytest.raises(AssertionError, match=r"nothing in the logs could be read"):
        engine([str(tmp_path / "none.ndjson")])
    assert not (tmp_path / "out").exists()


def test_a_worker_that_is_killed_changes_nothing(spark_cluster: SparkCluster, tmp_path: Path) -> None:
    """With a worker killed while it reads, its shares are read again by the other, and the result is the same."""
    named = _tables(tmp_path / "logs", n_files=24, group=100)
    reference = _scan(tmp_path / "reference", named)
    shares = tmp_path / ".out.partial" / "reading" / "shares"
    killed: list[int] = []

    def kill() -> None:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            begun = len(list(shares.glob("*"))) if shares.is_dir() else 0
            if begun >= 3:
                spark_cluster.kill("one")
                killed.append(begun)
                return
            time.sleep(0.005)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        options = ("--engine", "spark", "--master", spark_cluster.address)
        out = _scan(tmp_path / "out", named, *options, environment=spark_cluster.environment())
    finally:
        thread.join()
        if killed:
            spark_cluster.start_worker("one")
    assert killed and killed[0] < 24, "the worker has to be killed in the middle"
    _agree(reference, out)
