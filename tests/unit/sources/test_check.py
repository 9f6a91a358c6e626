"""What `check` says of logs whose sampling, cuts, lateness, clocks and proxies are known, since they were made so."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from log_samples import NOW, START, as_table, exchange, exchanges, lines, write_lines, write_parquet

from stillwatch import schema
from stillwatch.commands.check import check
from stillwatch.commands.formats import formats
from stillwatch.errors import UnknownFormat
from stillwatch.sources.check import CheckResult, check_logs
from stillwatch.sources.quarantine import Quarantine
from stillwatch.sources.reading import ReadOptions
from stillwatch.sources.registry import formats as all_formats


def checked(*logs: Path, registry: pa.Table | None = None, **options: Any) -> CheckResult:
    """The check of some logs."""
    return check_logs(
        [str(log) for log in logs],
        format=None,
        registry=registry,
        options=ReadOptions(now=NOW, **options),
        quarantine=Quarantine(),
        say=lambda text: None,
    )


def talks(n: int, sessions: bool, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Conversations of 2 to 12 requests, each with the messages before it, in order of time."""
    rows = []
    for talk in range(n):
        messages: list[dict[str, str]] = []
        for step in range(int(rng.integers(2, 13))):
            messages.append({"role": "user", "content": f"question {step} of {talk}"})
            at = START + timedelta(seconds=float(talk * 30 + step * 20))
            row = exchange(len(rows), prompt=None, messages=list(messages), requested_at=at.isoformat())
            row["account_id"] = f"a{talk % 50}"
            if sessions:
                row["session_id"] = f"s{talk}"
            rows.append(row)
            messages.append({"role": "assistant", "content": f"answer {step} of {talk}"})
    return rows


@pytest.mark.parametrize("sessions", [True, False], ids=["by-session", "by-digest"])
@pytest.mark.parametrize("share", [1.0, 0.5, 0.2])
def test_the_sampled_share_is_estimated(tmp_path: Path, share: float, sessions: bool) -> None:
    """Of conversations of which a known share was logged, the estimate is within a tenth of it."""
    rng = np.random.default_rng(7)
    rows = [row for row in talks(1500, sessions, rng) if rng.random() < share]
    result = checked(write_lines(tmp_path / "log.ndjson", rows))
    assert result.sampled_share is not None
    assert result.sampled_share == pytest.approx(share, abs=0.1)
    assert result.sampled_by is not None
    assert ("session" in result.sampled_by) == sessions
    assert any("seems to hold" in one for one in result.remarks) == (share < 0.9)


def test_without_conversations_nothing_is_said_of_sampling(tmp_path: Path) -> None:
    """Single requests say nothing of what is not there."""
    result = checked(write_lines(tmp_path / "log.ndjson", exchanges(500)))
    assert (result.sampled_share, result.sampled_by) == (None, None)


@pytest.mark.parametrize(("cut", "expected"), [(2048, {"prompt": 2048}), (200, {"prompt": 200}), (None, {})])
def test_a_length_at_which_texts_are_cut_is_found(tmp_path: Path, cut: int | None, expected: dict[str, int]) -> None:
    """Prompts cut at a length pile up there; prompts that nobody cuts do not."""
    rng = np.random.default_rng(3)
    rows = [exchange(i, prompt=f"{i} " + "é " * int(rng.lognormal(6.5, 1.2)), response="ok") for i in range(3000)]
    for row in rows:
        row["prompt"] = row["prompt"][:cut]
    result = checked(write_parquet(tmp_path / "log.parquet", rows))
    assert result.truncated == expected
    assert any("is cut at" in one for one in result.remarks) == bool(expected)


def test_one_prompt_sent_often_is_no_cut(tmp_path: Path) -> None:
    """Many equal prompts of one length are no sign of a cut."""
    rows = [exchange(i, prompt="x" * 500 if i % 3 else f"short {i}") for i in range(2000)]
    assert checked(write_parquet(tmp_path / "log.parquet", rows)).truncated == {}


def test_late_rows_are_counted(tmp_path: Path) -> None:
    """Of rows a known share of which comes an hour late, that share is found; order within seconds is no lateness."""
    rng = np.random.default_rng(5)
    rows = exchanges(4000)
    late = rng.random(4000) < 0.1
    arrival = [i + (360 if late[i] else rng.random() * 2) for i in range(4000)]
    result = checked(write_lines(tmp_path / "log.ndjson", [rows[i] for i in np.argsort(arrival)]))
    assert result.late_share == pytest.approx(late.mean(), abs=0.01)
    assert result.late_seconds == pytest.approx(3600, rel=0.05)
    assert any("late arrival" in one for one in result.remarks)
    shuffled = [rows[i] for i in np.argsort([i + rng.random() * 4 for i in range(4000)])]
    assert checked(write_lines(tmp_path / "order.ndjson", shuffled)).late_share == 0


def test_times_without_a_time_of_day_are_said(tmp_path: Path) -> None:
    """A column of dates is read, and what cannot be had from it is said; one time of day is enough for silence."""
    days = [exchange(i, requested_at=f"2026-05-{1 + i % 20:02}") for i in range(40)]
    assert any("whole days" in one for one in checked(write_lines(tmp_path / "days.ndjson", days)).remarks)
    assert checked(write_lines(tmp_path / "times.ndjson", [*days, exchange(50)])).whole_days is False


def test_files_of_other_times_are_not_late(tmp_path: Path) -> None:
    """An older file after a newer one is no late arrival: order counts within a file."""
    write_lines(tmp_path / "a.ndjson", exchanges(100, 1000))
    write_lines(tmp_path / "b.ndjson", exchanges(100))
    assert checked(tmp_path).late_share == 0


@pytest.mark.parametrize(("share", "said"), [(0.8, True), (0.3, False)])
def test_one_address_for_most_of_the_traffic_is_a_proxy(tmp_path: Path, share: float, said: bool) -> None:
    """The share of the top address is told, and from half the traffic on what to do about it."""
    rows = [exchange(i, ip="10.0.0.1" if i < share * 1000 else f"192.0.2.{i % 250}") for i in range(1000)]
    result = checked(write_lines(tmp_path / "log.ndjson", rows))
    assert (result.top_address, result.top_address_share) == ("10.0.0.1", share)
    assert any("must be a proxy" in one for one in result.remarks) == said


def test_clocks_that_differ_are_said(tmp_path: Path) -> None:
    """Requests before their account was opened show by how much two clocks differ; rows ahead of now a fast one."""
    rows = exchanges(200)
    created = {f"account-{i}": START + timedelta(hours=1) for i in range(7)}
    registry = pa.table(
        {name: pa.nulls(7, kind) for name, kind in zip(schema.ACCOUNT.names, schema.ACCOUNT.types, strict=True)}
    )
    registry = registry.set_column(0, schema.ACCOUNT.field(0), pa.array(list(created)))
    at = schema.ACCOUNT.get_field_index("created_at")
    registry = registry.set_column(at, schema.ACCOUNT.field(at), pa.array(list(created.values()), schema.TIME))
    rows += [exchange(500, requested_at=(NOW + timedelta(hours=5)).isoformat())]
    result = checked(write_lines(tmp_path / "log.ndjson", rows), registry=registry)
    assert result.future == 1
    assert result.before_signup_share == pytest.approx(200 / 201)
    assert result.before_signup_seconds == pytest.approx(3600 - 1000, abs=15)
    assert any("clock is fast" in one for one in result.remarks)
    assert any("clocks of log and registry differ" in one for one in result.remarks)


def test_keys_that_stand_for_accounts_are_said(tmp_path: Path) -> None:
    """The share of rows whose account is the key, and what mends it."""
    rows = [exchange(i, account_id=f"k{i % 5}", api_key_id=f"k{i % 5}") for i in range(50)]
    rows += [exchange(50 + i) for i in range(50)]
    result = checked(write_lines(tmp_path / "log.ndjson", rows))
    assert result.account_is_key_share == 0.5
    assert any("The account is the API key in 50%" in one for one in result.remarks)


def test_columns_counts_and_times(tmp_path: Path) -> None:
    """Shares of filled rows, counts that add up, first and last time, text or none."""
    rows = [exchange(i, org_id="o" if i % 4 == 0 else None, prompt=None) for i in range(100)]
    path = tmp_path / "log.ndjson"
    path.write_bytes(lines([*rows, *rows[:10]]) + b"broken\n")
    result = checked(path)
    assert (result.read, result.kept, result.quarantined, result.duplicates) == (111, 100, 1, 10)
    assert result.columns["org_id"] == pytest.approx(28 / 110)
    assert result.columns["payment_id"] == 0
    assert not result.text
    assert result.accounts == 7
    assert (result.first_at, result.last_at) == ("2026-05-01T00:00:00+00:00", "2026-05-01T00:16:30+00:00")
    assert any("There is no text" in one for one in result.remarks)
    assert any("exchange_id that came before" in one for one in result.remarks)
    assert result.sources == {str(path): "canonical"}


def test_batches_do_not_matter(tmp_path: Path) -> None:
    """The result is the same whatever the size of the batches that the log is read in."""
    rng = np.random.default_rng(2)
    path = write_lines(tmp_path / "log.ndjson", talks(150, True, rng))
    whole, pieces = checked(path), checked(path, batch_rows=17)
    assert whole.as_json() == pieces.as_json()


def test_check_prints_what_matters_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counts, remarks, quarantine, what is missing and how to mend it, in this order; odd names do not break it."""
    path = tmp_path / "[red]log.ndjson"
    path.write_bytes(lines([exchange(i, ip="10.0.0.1") for i in range(300)]) + b"broken\n")
    assert check([str(path)]) == 0
    shown = capsys.readouterr()
    order = ["300 exchanges of 7 accounts", "What to know", "proxy", "Why rows", "is no JSON"]
    order += ["Evidence that is missing", "shared-payment", "Evidence that a scan can have", "Columns"]
    places = [shown.out.index(word) for word in order]
    assert places == sorted(places)
    assert "[red]log.ndjson: read as canonical" in shown.err
    assert max(map(len, shown.out.splitlines())) <= 100


def test_check_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` is one object with all that was found, and nothing else on standard output."""
    assert check([str(write_parquet(tmp_path / "log.parquet", exchanges(50)))], json=True) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result) == set(CheckResult.__dataclass_fields__)
    assert {one["evidence"] for one in result["evidence"] if one["supported"]} >= {"synchrony", "shared-template"}


def test_formats_lists_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    """Each name is there, in the list and as JSON; one format shows its columns; another name is refused."""
    assert formats() == 0
    listed = capsys.readouterr().out
    assert formats(json=True) == 0
    assert list(json.loads(capsys.readouterr().out)) == list(all_formats())
    for name, fmt in all_formats().items():
        assert name in listed
        assert formats(name) == 0
        shown = capsys.readouterr().out
        assert all(column in shown for column in fmt.fills)
    with pytest.raises(UnknownFormat):
        formats("nothing")


def test_a_log_of_one_exchange(tmp_path: Path) -> None:
    """The smallest log is checked like any."""
    result = checked(write_parquet(tmp_path / "log.parquet", [exchange(0)]))
    assert (result.read, result.accounts, result.remarks) == (1, 1, [])
    assert as_table([exchange(0)]).num_rows == 1
