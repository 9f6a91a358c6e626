"""LiteLLM's spend logs straight from a real PostgreSQL server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stillwatch.errors import MissingSource
from stillwatch.sources.litellm_spend import LITELLM_SPEND
from stillwatch.sources.quarantine import Quarantine
from stillwatch.sources.reading import ReadOptions, read_logs
from stillwatch.sources.time_range import TimeRange

pytestmark = pytest.mark.slow

NOW = datetime(2026, 4, 1, tzinfo=UTC)

# As Prisma makes it of LiteLLM's schema: DateTime is timestamp(3) without a zone, Json is jsonb.
TABLE = """
CREATE TABLE "LiteLLM_SpendLogs" (
    "request_id" TEXT NOT NULL PRIMARY KEY,
    "call_type" TEXT NOT NULL,
    "api_key" TEXT NOT NULL DEFAULT '',
    "spend" DOUBLE PRECISION NOT NULL DEFAULT 0.0,
    "total_tokens" INTEGER NOT NULL DEFAULT 0,
    "prompt_tokens" INTEGER NOT NULL DEFAULT 0,
    "completion_tokens" INTEGER NOT NULL DEFAULT 0,
    "startTime" TIMESTAMP(3) NOT NULL,
    "endTime" TIMESTAMP(3) NOT NULL,
    "completionStartTime" TIMESTAMP(3),
    "model" TEXT NOT NULL DEFAULT '',
    "model_id" TEXT DEFAULT '',
    "model_group" TEXT DEFAULT '',
    "custom_llm_provider" TEXT DEFAULT '',
    "api_base" TEXT DEFAULT '',
    "user" TEXT DEFAULT '',
    "metadata" JSONB DEFAULT '{}',
    "cache_hit" TEXT DEFAULT '',
    "cache_key" TEXT DEFAULT '',
    "request_tags" JSONB DEFAULT '[]',
    "team_id" TEXT,
    "organization_id" TEXT,
    "end_user" TEXT,
    "requester_ip_address" TEXT,
    "messages" JSONB DEFAULT '{}',
    "response" JSONB DEFAULT '{}',
    "session_id" TEXT,
    "status" TEXT,
    "mcp_namespaced_tool_name" TEXT,
    "proxy_server_request" JSONB DEFAULT '{}'
)
"""
JSON_COLUMNS = {"metadata", "request_tags", "messages", "response", "proxy_server_request"}


@pytest.fixture
def database(postgres_address: str) -> Iterator[Any]:
    """A connection to a database that holds the empty table."""
    import adbc_driver_postgresql.dbapi as adbc

    with adbc.connect(postgres_address, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute('DROP TABLE IF EXISTS "LiteLLM_SpendLogs"')
        cursor.execute(TABLE)
        yield cursor


def insert(cursor: Any, rows: list[dict[str, Any]]) -> None:
    """Insert documents of the spend log as LiteLLM does."""
    for row in rows:
        names = [name for name, value in row.items() if value is not None]
        marks = [
            f"${i}::jsonb" if name in JSON_COLUMNS else f"${i}::timestamp" if name.endswith("Time") else f"${i}"
            for i, name in enumerate(names, 1)
        ]
        columns = ", ".join(f'"{name}"' for name in names)
        values = [row[name] for name in names]
        cursor.execute(f'INSERT INTO "LiteLLM_SpendLogs" ({columns}) VALUES ({", ".join(marks)})', values)


def scan(address: str, *, batch_rows: int = 65_536) -> tuple[list[dict[str, Any]], list[int], Quarantine]:
    """Rows, batch sizes and quarantine of reading an address."""
    quarantine = Quarantine()
    options = ReadOptions(now=NOW, batch_rows=batch_rows)
    rows: list[dict[str, Any]] = []
    sizes = []
    for part in read_logs(
        [address], format=None, registry=None, options=options, quarantine=quarantine, say=lambda _: None
    ):
        rows += part.batch.to_pylist()
        sizes.append(part.batch.num_rows)
    return rows, sizes, quarantine


def test_rows_of_the_table_become_exchanges(postgres_address: str, database: Any) -> None:
    """What LiteLLM stored with prompts comes out with every column, its time read as UTC."""
    row = {
        "exchange_id": "chatcmpl-1",
        "requested_at": datetime(2026, 3, 1, 12, 30, 0, 125_000, tzinfo=UTC),
        "account_id": "user-7",
        "org_id": "org-1",
        "api_key_id": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
        "ip": "203.0.113.9",
        "client": "OpenAI/Python 2.1.0",
        "platform": "openai",
        "model": "gpt-4.1",
        "system_prompt": "Be brief.",
        "prompt": 'Why is "ß" one letter?\nSay so.',
        "tools": ["lookup"],
        "max_tokens": 100,
        "temperature": 0.5,
        "input_tokens": 20,
        "output_tokens": 5,
        "finish_reason": "stop",
        "status": 200,
        "response": "History.",
        "session_id": "s-1",
        "end_user_id": "e-1",
    }
    insert(database, list(LITELLM_SPEND.write([row])))
    (read,), _, quarantine = scan(postgres_address)
    assert {name: read[name] for name in row} == row
    assert quarantine.n == 0


def test_a_time_range_is_asked_of_the_server(postgres_address: str, database: Any) -> None:
    """The first moment is in it and the last is not; a row outside that could not be read is not sent."""
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    rows = [
        {"exchange_id": f"x{i}", "requested_at": at + timedelta(hours=i), "account_id": "a", "model": "m"}
        for i in range(4)
    ]
    insert(database, list(LITELLM_SPEND.write(rows)))
    database.execute("""UPDATE "LiteLLM_SpendLogs" SET request_id = repeat('x', 2000) WHERE request_id = 'x3'""")
    options = ReadOptions(now=NOW, times=TimeRange(at + timedelta(hours=1), at + timedelta(hours=3)))
    quarantine = Quarantine()
    how = {"format": None, "registry": None, "quarantine": quarantine, "say": lambda _: None}
    read = [row for part in read_logs([postgres_address], options=options, **how) for row in part.batch.to_pylist()]
    assert sorted(row["exchange_id"] for row in read) == ["x1", "x2"]
    assert quarantine.n == 0


def test_a_table_without_prompts_and_a_failure_are_read(postgres_address: str, database: Any) -> None:
    """LiteLLM's defaults store `{}` for text, the key's hash for a user, and an error code in the metadata."""
    metadata = {"status": "failure", "error_information": {"error_code": "429"}}
    insert(
        database,
        [
            {
                "request_id": "r-1",
                "call_type": "acompletion",
                "api_key": "hash-1",
                "startTime": "2026-03-01T12:00:00",
                "endTime": "2026-03-01T12:00:01",
                "model": "gpt-4.1",
                "metadata": json.dumps(metadata),
            }
        ],
    )
    (read,), _, _ = scan(postgres_address)
    assert (read["account_id"], read["status"], read["prompt"]) == ("hash-1", 429, None)


def test_a_large_table_comes_in_batches(postgres_address: str, database: Any) -> None:
    """Many rows come out whole, each once, in batches no larger than asked for."""
    database.execute(
        'INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, api_key, "user", "startTime", "endTime", model) '
        "SELECT 'r' || i, 'acompletion', 'k' || i % 97, 'u' || i % 97, timestamp '2026-03-01' + i * interval '1 s', "
        "timestamp '2026-03-01' + i * interval '1 s', 'gpt-4.1' FROM generate_series(1, 20000) i"
    )
    rows, sizes, _ = scan(postgres_address, batch_rows=3_000)
    assert sum(sizes) == 20_000 and max(sizes) <= 3_000
    assert {row["exchange_id"] for row in rows} == {f"r{i}" for i in range(1, 20_001)}


def test_memory_does_not_grow_with_the_table(postgres_address: str, database: Any) -> None:
    """The reader's peak stays below the size of the texts that it reads: rows stream out of the server."""
    database.execute(
        'INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "user", "startTime", "endTime", model, messages) '
        "SELECT 'r' || i, 'acompletion', 'u1', timestamp '2026-03-01', timestamp '2026-03-01', 'gpt-4.1', "
        "jsonb_build_array(jsonb_build_object('role', 'user', 'content', repeat(md5(i::text), 600))) "
        "FROM generate_series(1, 30000) i"
    )
    code = (
        "import sys\n"
        "from datetime import UTC, datetime\n"
        "from stillwatch.sources.quarantine import Quarantine\n"
        "from stillwatch.sources.reading import ReadOptions, read_logs\n"
        "n_rows = n_bytes = 0\n"
        "for part in read_logs([sys.argv[1]], format=None, registry=None, quarantine=Quarantine(), say=print,\n"
        "                      options=ReadOptions(now=datetime(2026, 4, 1, tzinfo=UTC))):\n"
        "    n_rows += part.batch.num_rows; n_bytes += part.batch.nbytes\n"
        # not ru_maxrss, which begins with what the process had that started this one
        "peak = next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "print(n_rows, n_bytes, peak)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, postgres_address], capture_output=True, text=True, timeout=300, check=True
    )
    n_rows, n_bytes, peak_kb = map(int, done.stdout.splitlines()[-1].split())
    assert n_rows == 30_000 and n_bytes > 550e6
    assert peak_kb * 1024 < n_bytes


def test_a_table_by_another_name_is_read(postgres_address: str, database: Any) -> None:
    """`#Table` in the address names the table, such as a copy."""
    database.execute('DROP TABLE IF EXISTS "copy of logs"')
    database.execute('CREATE TABLE "copy of logs" (LIKE "LiteLLM_SpendLogs" INCLUDING DEFAULTS)')
    database.execute(
        'INSERT INTO "copy of logs" (request_id, call_type, "user", "startTime", "endTime", model) '
        "VALUES ('r1', 'acompletion', 'u1', '2026-03-01', '2026-03-01', 'm')"
    )
    rows, _, _ = scan(postgres_address + "#copy of logs")
    assert [row["exchange_id"] for row in rows] == ["r1"]


def test_a_missing_table_is_named(postgres_address: str, database: Any) -> None:
    """A database without the table ends in a message that names it, not in a traceback."""
    with pytest.raises(MissingSource, match="no_such_table"):
        scan(postgres_address + "#no_such_table")


def test_a_server_that_is_not_there_is_said_without_the_password() -> None:
    """An address that nobody listens on ends in a message that shows no password."""
    with pytest.raises(MissingSource, match="does not answer") as caught:
        scan("postgresql://litellm:s3cret@127.0.0.1:1/litellm")
    assert "s3cret" not in str(caught.value)
