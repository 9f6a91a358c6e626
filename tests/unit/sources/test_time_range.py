"""Only a part of the time of logs, and what need not be read for it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from lake_tables import AT, exchanges, read
from stopped_reading import options

from stillwatch.errors import InputError, NoExchange, UsageError
from stillwatch.scan.signature import input_signature
from stillwatch.sources.canonical import CANONICAL
from stillwatch.sources.time_range import TimeRange, time_range

HOUR = timedelta(hours=1)
MIDDLE = TimeRange(AT + 3 * HOUR, AT + 5 * HOUR)


@pytest.mark.parametrize("name", ["log.parquet", "log.ndjson", "log.csv"])
def test_what_lies_outside_is_left_out(tmp_path: Path, name: str) -> None:
    """The first moment is in it and the last is not, in every layout; nothing of it goes to quarantine."""
    table, path = exchanges("x", 10), tmp_path / name
    if name.endswith("parquet"):
        pq.write_table(table, path, row_group_size=2)
    elif name.endswith("csv"):
        csv.write_csv(table, path)
    else:
        documents = CANONICAL.write(table.to_pylist()) if CANONICAL.write is not None else ()
        path.write_text("".join(json.dumps(one) + "\n" for one in documents))
    rows, _, quarantine = read(str(path), times=MIDDLE)
    assert [row["exchange_id"] for row in rows] == ["x3", "x4"]
    assert quarantine.n == 0


def test_row_groups_outside_are_not_read(tmp_path: Path) -> None:
    """A damaged group that by its times holds nothing wanted is not touched; one without statistics is read."""
    path = tmp_path / "log.parquet"
    pq.write_table(exchanges("x", 10), path, row_group_size=2, compression="none", use_dictionary=False)
    group = pq.read_metadata(path).row_group(4)
    data = bytearray(path.read_bytes())
    at = group.column(0).data_page_offset
    data[at : at + 40] = bytes(40)
    path.write_bytes(data)
    assert read(str(path), times=MIDDLE)[2].n == 0
    assert read(str(path), times=TimeRange(AT))[2].n == 2


def test_rows_without_a_time_are_told_all_the_same(tmp_path: Path) -> None:
    """A group that holds one is read, so that what cannot be placed in time is in quarantine."""
    table = exchanges("x", 4)
    times = pa.array([AT, None, AT, AT], pa.timestamp("us", "UTC"))
    pq.write_table(table.set_column(1, "requested_at", times), tmp_path / "log.parquet")
    with pytest.raises(InputError, match="requested_at"):
        read(str(tmp_path / "log.parquet"), times=MIDDLE)


def test_a_range_without_exchanges_says_so(tmp_path: Path) -> None:
    """The message names the range and the options."""
    pq.write_table(exchanges("x", 4), tmp_path / "log.parquet")
    with pytest.raises(NoExchange, match=r"no exchange from 2027-01-01 00:00:00 UTC[\s\S]*--since"):
        read(str(tmp_path / "log.parquet"), times=TimeRange(datetime(2027, 1, 1, tzinfo=UTC)))


def test_another_range_is_another_input(tmp_path: Path) -> None:
    """A scan that was killed does not go on with what it read of another time."""
    pq.write_table(exchanges("x", 4), tmp_path / "log.parquet")
    logs = [str(tmp_path)]
    signatures = {input_signature(logs, options(tmp_path / "out", times=one)) for one in (TimeRange(), MIDDLE)}
    assert len(signatures) == 2


def test_times_are_taken_as_people_write_them() -> None:
    """Days, times and zones; what is no time, or the wrong way round, is a wrong usage."""
    assert time_range("2026-03-01", "2026-03-02T12:00:00+02:00") == TimeRange(
        datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, 10, tzinfo=UTC)
    )
    assert not time_range(None, None)
    with pytest.raises(UsageError, match="--since is 'yesterday'"):
        time_range("yesterday", None)
    with pytest.raises(UsageError, match="has to come after"):
        time_range("2026-03-02", "2026-03-02")


def test_naive_statistics_are_utc_and_others_no_reason() -> None:
    """Only moments can show that a group lies outside."""
    zone = timezone(timedelta(hours=9))
    naive = AT.replace(tzinfo=None)
    assert MIDDLE.misses(naive, naive + HOUR)
    assert MIDDLE.misses((AT + 5 * HOUR).astimezone(zone), AT + 6 * HOUR)
    assert not MIDDLE.misses(naive, naive + 3 * HOUR)
    assert not MIDDLE.misses(0, 1)
    within = MIDDLE.within(pa.array([AT + i * HOUR for i in range(7)], pa.timestamp("us", "UTC")))
    assert np.flatnonzero(within.to_numpy(zero_copy_only=False)).tolist() == [3, 4]
