"""Logs straight from a real ClickHouse server."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lake_tables import ids, read

from stillwatch.errors import InputError, MissingSource
from stillwatch.sources.time_range import TimeRange

COLUMNS = "exchange_id String, requested_at DateTime, account_id String, model String"


@pytest.fixture
def server(clickhouse_address: str) -> Iterator[str]:
    """The server's address, with an empty database `logs`."""
    ask(clickhouse_address, "CREATE DATABASE logs")
    yield clickhouse_address
    ask(clickhouse_address, "DROP DATABASE logs")


def ask(address: str, query: str) -> bytes:
    """The answer to a query."""
    with urllib.request.urlopen(f"http://{address}/", query.encode(), timeout=60) as answer:
        return bytes(answer.read())


def make(address: str, name: str, columns: str, rows: str) -> str:
    """A table with these rows: where it is."""
    ask(address, f"CREATE TABLE logs.`{name}` ({columns}) ENGINE = MergeTree PARTITION BY tuple() ORDER BY tuple()")
    ask(address, f"INSERT INTO logs.`{name}` {rows}")
    return f"clickhouse://reader:s3cret@{address}/logs#{name}"


def test_rows_of_a_table_become_exchanges(server: str) -> None:
    """Times of any zone are UTC's, large counts are numbers, odd texts whole; a user who may only read will do."""
    columns = "exchange_id String, requested_at DateTime('America/Lima'), account_id String, model String, "
    columns += "prompt Nullable(String), output_tokens UInt64, tools Array(String), `no one's` String"
    rows = "VALUES ('x1', '2026-03-01 07:00:00', 'a', 'm', 'hé\\nllo \"q\"', 18446744073, ['s'], 'z'), "
    rows += "('x2', '2026-03-01 08:00:00', 'a', 'm', NULL, 3, [], 'z')"
    exchanges, said, quarantine = read(make(server, "a table", columns, rows).replace(" ", "%20"))
    assert quarantine.n == 0
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    known = {"account_id": "a", "model": "m"}
    more = {"prompt": 'hé\nllo "q"', "output_tokens": 18446744073, "tools": ["s"]}
    assert exchanges == [
        {"exchange_id": "x1", "requested_at": at, **known, **more},
        {"exchange_id": "x2", "requested_at": at.replace(hour=13), **known, "output_tokens": 3, "tools": []},
    ]
    # The password is not told, nor are columns that were not asked for.
    assert said and all("s3cret" not in one and "left out" not in one for one in said)


def test_a_time_range_is_asked_of_the_server(server: str) -> None:
    """To the second by the server, exactly by the reader; rows outside are not sent, so that they cannot be wrong."""
    rows = "VALUES ('no id', '1990-01-01 00:00:00', '', ''), ('x1', '2026-03-01 21:00:00', 'a', 'm'), "
    log = make(server, "t", COLUMNS, rows + "('x2', '2026-03-01 21:00:01', 'a', 'm')")
    first = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for until, expected in ((first.replace(second=1), ["x1"]), (first.replace(second=1, microsecond=5), ["x1", "x2"])):
        exchanges, _, quarantine = read(log, times=TimeRange(first, until))
        assert [one["exchange_id"] for one in exchanges] == expected
        assert quarantine.n == 0


def test_a_table_of_a_product_is_read(server: str) -> None:
    """Rows that are no canonical ones are documents, as in any other table."""
    columns = "request_id String, startTime DateTime, call_type String, api_key String, user String, model String, "
    columns += "spend Float64, messages String, metadata String"
    rows = "VALUES ('r1', '2026-03-01 21:00:00', 'acompletion', 'k', 'u1', 'gpt', 0.1, "
    rows += '\'[{"role": "user", "content": "hello"}]\', \'{}\')'
    (exchange,), said, _ = read(make(server, "spend", columns, rows))
    assert (exchange["account_id"], exchange["prompt"]) == ("u1", "hello")
    assert exchange["requested_at"] == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert any("litellm-spend" in one for one in said)


def test_a_server_that_fails_in_the_middle_ends_the_scan(server: str) -> None:
    """A part of a table is not taken for all of it."""
    chosen = "toString(number + throwIf(number = 250000)) AS exchange_id, toDateTime(1772366400) AS requested_at"
    view = f"SELECT {chosen}, 'a' AS account_id, 'm' AS model FROM (SELECT number FROM system.numbers LIMIT 300000)"
    ask(server, f"CREATE VIEW logs.broken AS {view}")
    with pytest.raises(InputError, match=r"stopped in the middle: .*throwIf"):
        read(f"clickhouse://{server}/logs#broken")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_table(server: str) -> None:
    """400 MB of text are read in the memory that a few batches take."""
    text = "arrayStringConcat(arrayMap(i -> toString(cityHash64(number, i)), range(250)))"
    chosen = f"toString(number), toDateTime(1772366400), 'a', 'm', {text}"
    log = make(server, "large", f"{COLUMNS}, prompt String", f"SELECT {chosen} FROM system.numbers LIMIT 80000")
    code = (
        "import resource, sys; from lake_tables import *; from stillwatch.sources.quarantine import Quarantine;"
        "stream = read_logs([sys.argv[1]], format='canonical', registry=None, options=ReadOptions(now=NOW),"
        " quarantine=Quarantine(), say=lambda _: None);"
        "n = 0; begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for rows in stream: n += rows.batch.num_rows\n"
        "print(n, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begin) // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, log],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    n_rows, grown = map(int, done.stdout.split())
    assert n_rows == 80_000
    assert grown < 350


def test_what_is_not_there_is_named(server: str) -> None:
    """A table, a user or a server that is not there, and an address without a table, end in an error each."""
    assert ids(make(server, "t", COLUMNS, "VALUES ('x1', '2026-03-01 07:00:00', 'a', 'm')")) == ["x1"]
    for log, error, said in (
        (f"clickhouse://{server}/logs#none", MissingSource, "none"),
        (f"clickhouse://reader:wrong@{server}/logs#t", MissingSource, "(?i)password"),
        ("clickhouse://127.0.0.1:1/logs#t", MissingSource, "does not answer"),
        (f"clickhouse://{server}/logs", InputError, "names no table"),
    ):
        with pytest.raises(error, match=said) as raised:
            read(log)
        assert "wrong" not in str(raised.value)
