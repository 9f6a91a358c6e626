"""What `range` lets be asked for: shares, samples, missing columns, days, several processes; and what can go wrong."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stillwatch import schema
from stillwatch.cli import run
from stillwatch.errors import OutputError, UsageError
from stillwatch.traffic_range import days, write
from stillwatch.traffic_range.days import Days, pieces, put_in_order
from stillwatch.traffic_range.exchanges import BLOCK, WORDS
from stillwatch.traffic_range.row_groups import RowGroups
from stillwatch.traffic_range.stage import DAY, Calendar
from stillwatch.traffic_range.variants import with_days, with_share
from stillwatch.traffic_range.worlds import WORLDS
from stillwatch.traffic_range.write import write_world

pytestmark = pytest.mark.slow

CALENDAR = Calendar(0, 3, DAY)


def block(rng: np.random.Generator, n: int, name: str) -> pa.Table:
    """n exchanges at moments of three days, and some just after; nothing else of them matters here."""
    columns = {field.name: pa.nulls(n, field.type) for field in BLOCK}
    columns |= {"requested_at": pa.array(rng.integers(0, 156, n) * (DAY // 50)).cast(schema.TIME)}
    columns |= {field.name: pa.repeat(pa.scalar(name), n) for field in BLOCK if field.type == pa.string()}
    columns["trajectory"] = pa.array(rng.integers(0, 99, n))
    return pa.table(columns, schema=BLOCK)


@pytest.mark.parametrize("column", WORDS)
def test_words_are_told_once(column: str) -> None:
    """Arrow writes what is not initialised behind a dictionary that holds a word twice."""
    assert len(WORDS[column].unique()) == len(WORDS[column])


@pytest.mark.parametrize("slot", [100_000, 200, 30])
def test_exchanges_come_back_in_order_of_time(tmp_path: Path, slot: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once, in a tie as they were put aside, whatever the slots; and the room is given back."""
    monkeypatch.setattr(days, "SLOT", slot)
    monkeypatch.setattr(days, "BATCH", 1)
    monkeypatch.setattr(days, "PIECE", 3 * slot)
    monkeypatch.setattr(days, "GATHERED", 700)
    rng = np.random.default_rng(1)
    blocks = {name: [block(rng, 400, f"{name}{k}") for k in range(5)] for name in "ab"}
    # Halfway through the second shelf much more is expected than before, so its slots become shorter.
    shelves = []
    for name, of in blocks.items():
        # One of them is compressed, since the disk is full enough.
        shelf = Days(tmp_path / name, CALENDAR, plain_above=0 if name == "a" else 2**62)
        for k, one in enumerate(of):
            shelf.put(one, expected=1000 if k < 3 else 100_000)
        shelves.append(shelf.close())
    read = pa.concat_tables([put_in_order(piece) for piece in pieces(shelves, CALENDAR)])
    everything = pa.concat_tables([one for of in blocks.values() for one in of])
    assert read.select(["requested_at", "account_id", "trajectory"]).equals(
        everything.sort_by("requested_at").select(["requested_at", "account_id", "trajectory"])
    )
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_the_number_of_processes_changes_no_byte(demo: Path, tmp_path: Path) -> None:
    """Two processes, played in another order, write what one writes."""
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patched:
        patched.setattr(write, "ALONE", 0)
        write_world(WORLDS["demo"], tmp_path / "two", seed=7, scale=0.1, workers=2)
    for file in sorted(path.relative_to(demo) for path in demo.rglob("*.*")):
        assert (demo / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


def test_a_sample_is_known_to_the_row(demo: Path, tmp_path: Path) -> None:
    """A tenth of the exchanges is logged, the truth holds these alone, and the world says so."""
    out = tmp_path / "sampled"
    write_world(WORLDS["demo"], out, seed=7, scale=0.1, sample=0.1)
    logs, known = pq.read_table(out / "logs.parquet"), pq.read_table(out / "truth" / "exchanges.parquet")
    described, whole = (json.loads((one / "world.json").read_text()) for one in (out, demo))
    assert logs["exchange_id"].equals(known["exchange_id"])
    assert 0.08 < len(logs) / whole["exchanges"] < 0.12
    assert described["sample"] == 0.1
    assert described["exchanges"] == len(logs) == sum(one["exchanges"] for one in described["populations"])
    assert sum(described["labels"].values()) == len(logs)
    everything = pq.read_table(demo / "logs.parquet", columns=["account_id", "requested_at", "prompt"])
    assert (
        logs.select(everything.column_names).join(everything, everything.column_names, join_type="left anti").num_rows
        == 0
    )


def test_columns_can_be_missing(demo: Path, tmp_path: Path) -> None:
    """What a log is said to lack is null throughout; all else is as it was, the order included."""
    out = tmp_path / "bare"
    assert run(
        ["range", "demo", "--out", str(out), "--seed", "7", "--scale", "0.1", "--without", "text,ip", "--without",
         "registry", "--quiet"]
    ) == 0  # fmt: skip
    logs, whole = pq.read_table(out / "logs.parquet"), pq.read_table(demo / "logs.parquet")
    missing = {"prompt", "system_prompt", "response", "first_user", "ip"}
    assert logs.schema.equals(schema.EXCHANGE)
    assert all(logs[name].null_count == len(logs) for name in missing)
    rest = [name for name in logs.column_names if name not in missing]
    assert logs.select(rest).equals(whole.select(rest))
    assert not (out / "accounts.parquet").exists()
    assert json.loads((out / "world.json").read_text())["without"] == ["ip", "registry", "text"]


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_a_share_of_accounts_is_in_campaigns(tmp_path: Path, share: float) -> None:
    """As large as it was asked for; the honest accounts stay who they are."""
    for name, world in (("asked", with_share(WORLDS["demo"], share)), ("none", with_share(WORLDS["demo"], 0.0))):
        write_world(world, tmp_path / name, seed=7, scale=0.1)
    agents = pq.read_table(tmp_path / "asked" / "truth" / "account_campaign.parquet")["account_id"]
    everybody = pq.read_table(tmp_path / "asked" / "truth" / "accounts.parquet")["account_id"]
    honest = pq.read_table(tmp_path / "none" / "truth" / "accounts.parquet")["account_id"]
    assert abs(len(pc.unique(agents)) / len(everybody) - share) < 0.01
    assert set(everybody.to_pylist()) - set(agents.to_pylist()) == set(honest.to_pylist())


@pytest.mark.parametrize("n", [7, 40])
def test_days_are_as_many_as_asked_for(tmp_path: Path, n: int) -> None:
    """Exchanges begin on the first day and end on the last, or a retry later."""
    write_world(with_days(WORLDS["demo"], n), tmp_path / "world", scale=0.05)
    at = pq.read_table(tmp_path / "world" / "logs.parquet", columns=["requested_at"])["requested_at"]
    last = (pc.max(at).cast(pa.int64()).as_py() - WORLDS["demo"].calendar.start) / DAY
    assert n - 0.5 < last < n + 0.1


def test_a_full_disk_leaves_nothing_behind(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said what is the matter; no half world is there, and the world that was there still is."""
    out = tmp_path / "world"
    write_world(WORLDS["demo"], out, scale=0.01)
    before = (out / "world.json").read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RowGroups, "add", full)
    with pytest.raises(OutputError, match="disk is full"):
        write_world(WORLDS["demo"], out, scale=0.02)
    assert (out / "world.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["world"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["demo", "--without", "account_id"], "account_id"),
        (["demo", "--without", "colour"], "registry"),
        (["demo", "--sample", "0"], "--sample"),
        (["demo", "--share", "1"], "--share"),
        (["quiet", "--share", "0.1"], "no campaigns"),
        (["demo", "--days", "2"], "--days"),
        (["demo", "--workers", "0"], "--workers"),
        ([], "--list"),
    ],
)
def test_what_cannot_be_asked_for_is_told(
    arguments: list[str], word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong usage is exit status 2, and the message says what would be right."""
    assert run(["range", *arguments, "--out", str(tmp_path / "world")]) == 2
    assert word in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_worlds_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Each by name, with what it is."""
    assert run(["range", "--list"]) == 0
    said = capsys.readouterr().out
    assert all(world.name in said and world.title in said for world in WORLDS.values())


def test_a_world_without_campaigns_has_no_share() -> None:
    """There is nothing to scale, and that is said instead of divided by."""
    with pytest.raises(UsageError, match="no campaigns"):
        with_share(WORLDS["quiet"], 0.1)


@pytest.mark.parametrize("seconds", [0.0, 0.6, 3.0])
def test_an_interrupt_ends_all_that_play_without_a_traceback(tmp_path: Path, seconds: float) -> None:
    """Whenever it comes, also while processes are being started: one sentence, and nothing is left."""
    out = tmp_path / "world"
    command = [sys.executable, "-m", "stillwatch", "range", "february", "--scale", "0.05", "--workers", "2"]
    player = subprocess.Popen(
        [*command, "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    until = time.monotonic() + 60
    while not any(tmp_path.iterdir()) and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(seconds)
    os.killpg(player.pid, signal.SIGINT)
    said, _ = player.communicate(timeout=60)
    assert player.returncode == 130
    assert "stopped; nothing was published" in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []
