"""A scan that is killed while it reads goes on where it stopped, and leaves what an undisturbed one leaves."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_world import exchanges, write
from stopped_reading import moments, options, read_all, read_until

from stillwatch.engine.parts import parts
from stillwatch.errors import OutputError
from stillwatch.fingerprint.names import COLUMNS, read_names
from stillwatch.scan.gathering import read_checkpoint
from stillwatch.scan.run import scan
from stillwatch.sources.documents import line_blocks
from stillwatch.sources.resuming import Point

pytestmark = pytest.mark.slow

MOST = 620
"""Moments that reading these logs has at the least."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting for the disk: the machine lives on."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def spans(number: int, n: int) -> list[dict[str, Any]]:
    """Langfuse's observations, whose account is told by traces that stand in another file."""
    return [
        {
            "id": f"obs-{number}-{i}", "traceId": f"trace-{i % 7}", "projectId": "p", "type": "GENERATION",
            "parentObservationId": None, "name": "chat", "level": "DEFAULT", "modelParameters": {"max_tokens": 256},
            "startTime": f"2026-03-0{number + 1}T12:{i % 60:02}:00.123Z", "model": "m-large",
            "input": [{"role": "user", "content": f"what is {i} in words, and what is it twice"}],
            "output": {"role": "assistant", "content": "an answer"},
        }
        for i in range(n)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logs of several formats, with exchanges that come twice, and with lines that cannot be read, all over them."""
    logs = tmp_path_factory.mktemp("logs")
    # Of the first file, which is longer than what is read of a file at first, the middle can be gone to; also of the
    # fourth, by its groups of rows.
    rng = random.Random(3)
    rows = exchanges(strangers=24, colluders=12, each=20)
    pieces = [rows[:200] + rows[:9], rows[200:420] + rows[100:107], rows[420:] + rows[500:520]]
    lines = [[json.dumps(row) for row in piece] for piece in pieces]
    for piece in lines:
        for _ in range(6):
            piece.insert(rng.randrange(3, len(piece)), rng.choice(('{"exchange_id": "cut', "{}", '{"account_id": 1}')))
    plain = exchanges(strangers=6, colluders=3, each=40, seed=7)
    write(logs / "0.ndjson", [{**row, "exchange_id": f"p{i}", "response": "x" * 3000} for i, row in enumerate(plain)])
    (logs / "1.ndjson").write_text("\n".join(lines[0]) + "\n")
    (logs / "2.ndjson.gz").write_bytes(gzip.compress("\n".join(lines[1]).encode()))
    (logs / "3.empty.log").write_text("")
    table = pa.Table.from_pylist([{**row, "model": None if i % 50 == 7 else "m"} for i, row in enumerate(pieces[2])])
    pq.write_table(table, logs / "4.parquet", row_group_size=70)
    common = {"timestamp": "2026-03-01T12:00:00Z", "name": "request", "projectId": "p", "tags": [], "sessionId": "s-1"}
    traces = [{**common, "id": f"trace-{i}", "userId": f"user-{i}", "public": False} for i in range(6)]
    for name, listed in (("5-traces", traces), ("6-observations", spans(0, 150)), ("7-observations", spans(1, 150))):
        (logs / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in listed))
    return logs


@pytest.fixture(scope="module")
def undisturbed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What reading them leaves that nothing stopped."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    read_all([str(folder)], options(out))
    return left(out)


@pytest.fixture(scope="module")
def stopped(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work folder of a run that was killed when it had read nearly everything."""
    out = tmp_path_factory.mktemp("stopped") / "out"
    assert read_until([str(folder)], options(out), MOST - 40)
    return out.with_name(".out.partial")


def left(out: Path) -> dict[str, bytes]:
    """All that later steps see of what was read; names in order, since in how many parts they stand says nothing."""
    work = out.parent / f".{out.name}.partial"
    seen = {
        str(path.relative_to(work)): path for name in ("fingerprint", "exchange_ids") for path in parts(work / name)
    }
    seen |= {name: work / name for name in ("sample.parquet", "quarantine.parquet", "ingested.json")}
    found = {name: path.read_bytes() for name, path in seen.items()}
    for column in COLUMNS:
        sink = io.BytesIO()
        pq.write_table(read_names(work / "names", column), sink)
        found[column] = sink.getvalue()
    return found


def differing(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Names of what is not the same, or not in both."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def test_the_logs_hold_what_can_go_wrong(undisturbed: dict[str, bytes]) -> None:
    """The undisturbed run has bad lines, duplicates, sampled texts, and accounts that another file named."""
    ingested = json.loads(undisturbed["ingested.json"])
    counts = ingested["counts"]
    assert counts["read"] == counts["kept"] + counts["quarantined"] + counts["duplicates"]
    assert counts["duplicates"] > 30
    assert counts["quarantined"] > 20
    assert ingested["formats"] == ["canonical", "langfuse"]
    assert pq.read_table(io.BytesIO(undisturbed["sample.parquet"])).num_rows > 50
    assert "user-3" in pq.read_table(io.BytesIO(undisturbed["account"]))["text"].to_pylist()


@pytest.mark.parametrize("moment", moments(5, MOST, 1))
def test_killed_at_any_moment_it_goes_on(
    folder: Path, undisturbed: dict[str, bytes], tmp_path: Path, moment: int
) -> None:
    """SIGKILL while it writes whatever it writes: the next run leaves the same bytes, and says that it goes on."""
    how, logs = options(tmp_path / "out"), [str(folder)]
    assert read_until(logs, how, moment)
    checkpoint = read_checkpoint(tmp_path / ".out.partial")
    said: list[str] = []
    read_all(logs, how, said)
    assert differing(left(tmp_path / "out"), undisturbed) == []
    assert [one for one in said if one.startswith("goes on after")] or checkpoint is None
    assert not (tmp_path / ".out.partial" / "reading").exists()


def test_killed_again_and_again_it_comes_to_its_end(
    folder: Path, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    """Each run gets further than the one before it, and none of them leaves a trace in the result."""
    how, logs = options(tmp_path / "out"), [str(folder)]
    done = [0]
    for moment in (190, 120, 90):
        assert read_until(logs, how, moment)
        checkpoint = read_checkpoint(tmp_path / ".out.partial")
        assert checkpoint is not None
        done.append(checkpoint.n_rows)
    assert done == sorted(set(done))
    read_all(logs, how)
    assert differing(left(tmp_path / "out"), undisturbed) == []


@pytest.mark.parametrize(("name", "moment"), [("0.ndjson", 100), ("4.parquet", 150)])
def test_in_the_middle_of_a_file_what_was_read_is_gone_past(
    folder: Path, tmp_path: Path, name: str, moment: int
) -> None:
    """Of a plain file of lines and of Parquet, what lies before the checkpoint's block or group is not read again."""
    how, logs = options(tmp_path / "out"), [str(folder / name)]
    assert read_until(logs, how, moment)
    checkpoint = read_checkpoint(tmp_path / ".out.partial")
    assert checkpoint is not None
    assert checkpoint.anchor.point is not None
    assert checkpoint.anchor.point.line > 60
    read_all(logs, how)
    read_all(logs, options(tmp_path / "fresh"))
    assert differing(left(tmp_path / "out"), left(tmp_path / "fresh")) == []


def test_from_each_point_on_lines_come_in_the_same_blocks() -> None:
    """Long lines, short ones and blank ones: whatever the blocks were, a point gives those that were left."""
    rng = random.Random(5)
    data = b"".join(b"x" * rng.choice((0, 3, 10, 40, 130)) + b"\n" for _ in range(200))
    points: dict[int, Point] = {}
    whole = list(line_blocks(io.BytesIO(data).read, 64, points=points))
    assert len(points) > 50
    for number, point in points.items():
        stream = io.BytesIO(data)
        stream.seek(point.offset)
        expected = [block for block in whole if block[0] >= number]
        assert list(line_blocks(stream.read, 64, begin=point)) == expected


def test_with_pseudonyms_no_true_id_waits_on_the_disk(folder: Path, tmp_path: Path) -> None:
    """What a killed run leaves knows accounts by their pseudonyms only, and the end is the same."""
    logs = [str(folder)]
    secret = {"pseudonymise": b"a secret of at least sixteen bytes"}
    read_all(logs, options(tmp_path / "whole", **secret))
    how = options(tmp_path / "out", **secret)
    assert read_until(logs, how, MOST - 60)
    checkpoint = read_checkpoint(tmp_path / ".out.partial")
    assert checkpoint is not None
    for path in (tmp_path / ".out.partial").rglob("*"):
        assert path.is_dir() or b"user-3" not in path.read_bytes(), path.name
    read_all(logs, how)
    assert differing(left(tmp_path / "out"), left(tmp_path / "whole")) == []


@pytest.mark.parametrize("change", ["added", "grown"])
def test_other_logs_are_read_anew(tmp_path: Path, change: str) -> None:
    """A file that came or grew in between: all is read again, that is said, and nothing of before is left."""
    rows = exchanges(strangers=20, colluders=5, each=20)
    logs = tmp_path / "logs"
    logs.mkdir()
    for number in range(3):
        write(logs / f"{number}.ndjson", rows[number * 150 : number * 150 + 150])
    how = options(tmp_path / "out")
    assert read_until([str(logs)], how, 80)
    assert read_checkpoint(tmp_path / ".out.partial") is not None
    write(logs / ("1-more.ndjson" if change == "added" else "2.ndjson"), rows[300:500])
    said: list[str] = []
    read_all([str(logs)], how, said)
    read_all([str(logs)], options(tmp_path / "fresh"))
    assert differing(left(tmp_path / "out"), left(tmp_path / "fresh")) == []
    assert said[0] == "an earlier scan was stopped here, of logs or with options that were others: reads anew"


@pytest.mark.parametrize("moment", moments(3, MOST - 80, 2))
def test_a_disk_that_fills_up_tears_no_checkpoint(
    folder: Path, undisturbed: dict[str, bytes], tmp_path: Path, moment: int
) -> None:
    """Where a checkpoint or a part cannot be written, reading stops, and goes on from the one before it."""
    how, logs = options(tmp_path / "out"), [str(folder)]
    assert read_until(logs, how, moment, full=True)
    before = read_checkpoint(tmp_path / ".out.partial")
    said: list[str] = []
    read_all(logs, how, said)
    assert differing(left(tmp_path / "out"), undisturbed) == []
    assert before is None or said[0].startswith(f"goes on after {before.n_rows:,} exchanges")


def test_a_full_disk_is_told_and_not_passed_over(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint that cannot be written ends the scan with a message: it would fail a batch later anyway."""

    def fails(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fails)
    with pytest.raises(OutputError, match="No space left"):
        read_all([str(folder)], options(tmp_path / "out"))


@pytest.mark.parametrize("torn", ["checkpoint.json", "sample", "texts", "fingerprint", "exchange_ids", "quarantine"])
def test_what_is_not_whole_is_read_anew(
    folder: Path, undisturbed: dict[str, bytes], stopped: Path, tmp_path: Path, torn: str
) -> None:
    """After what no program can prevent (a disk that lost what it had taken), nothing is made of the rest."""
    how, logs = options(tmp_path / "out"), [str(folder)]
    work = tmp_path / ".out.partial"
    shutil.copytree(stopped, work)
    place = work if torn in ("fingerprint", "exchange_ids") else work / "reading"
    found = sorted(path for path in place.rglob(f"{torn}*") if path.is_file()) or sorted((place / torn).glob("*"))
    assert found
    for path in found:
        path.write_bytes(path.read_bytes()[:10])
    said: list[str] = []
    read_all(logs, how, said)
    assert differing(left(tmp_path / "out"), undisturbed) == []
    assert "goes on" not in said[0]


def test_standard_input_is_read_anew_and_that_is_said(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be read a second time leaves no checkpoint, and no text under any name."""
    data = (folder / "1.ndjson").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    said: list[str] = []
    assert read_all(["-"], options(tmp_path / "out"), said).signature is None
    assert said[0] == "the input cannot be read a second time: a scan that is killed while it reads begins anew"


def test_the_result_of_a_scan_is_the_same_to_the_byte(folder: Path, tmp_path: Path) -> None:
    """Findings, tables and report of a scan that was killed twice are those of one that was not."""
    logs = [str(folder)]
    whole, stopped = options(tmp_path / "whole"), options(tmp_path / "stopped")
    scan(logs, whole)
    assert read_until(logs, stopped, 190)
    assert read_until(logs, stopped, 170)
    scan(logs, stopped)
    names = sorted(path.name for path in whole.out.iterdir())
    assert names == sorted(path.name for path in stopped.out.iterdir())
    differ = [name for name in names if (whole.out / name).read_bytes() != (stopped.out / name).read_bytes()]
    assert differ == ["run.json"]
