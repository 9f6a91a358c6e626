"""The account registry: read as of a moment, joined by account or key, whatever file it comes in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from log_samples import NOW, exchange, read, write_lines

from stillwatch import schema
from stillwatch.errors import InputError, MissingColumn, MissingSource
from stillwatch.sources.accounts import contradictions, open_registry, read_accounts
from stillwatch.sources.quarantine import Quarantine

ROWS: list[dict[str, Any]] = [
    {"account_id": "a1", "api_key_id": "k1", "payment_id": "card-1", "org_id": "org-1", "verified": True},
    {"account_id": "a2", "api_key_id": "k2", "payment_id": "card-2", "created_at": "2026-01-02T03:04:05+00:00"},
    {"account_id": "a3", "email_domain": "example.org", "closed_at": "2026-05-20T00:00:00+00:00", "closed_reason": "x"},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """The rows as a file of the kind that its ending says."""
    if path.suffix == ".ndjson":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=2))
    else:
        names = list(dict.fromkeys(name for row in rows for name in row))
        table = pa.table({name: [row.get(name) for row in rows] for name in names})
        pyarrow.csv.write_csv(table, path) if path.suffix == ".csv" else pq.write_table(table, path)
    return path


def accounts(path: Path, as_of: datetime = NOW) -> tuple[pa.Table, Quarantine]:
    """The registry and what of it could not be read."""
    quarantine = Quarantine()
    return read_accounts(str(path), as_of=as_of, quarantine=quarantine), quarantine


@pytest.mark.parametrize("ending", ["ndjson", "json", "csv", "parquet"])
def test_every_kind_of_file_gives_the_same_registry(tmp_path: Path, ending: str) -> None:
    """NDJSON, a JSON array, CSV and Parquet come out as one and the same table."""
    table, bad = accounts(write(tmp_path / f"accounts.{ending}", ROWS))
    assert bad.n == 0
    assert table.schema.equals(schema.ACCOUNT)
    assert table["account_id"].to_pylist() == ["a1", "a2", "a3"]
    assert table["verified"].to_pylist() == [True, None, None]
    assert table["created_at"].to_pylist()[1] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert table["closed_reason"].to_pylist() == [None, None, "x"]


def test_a_row_holds_from_its_first_moment_to_before_its_last(tmp_path: Path) -> None:
    """valid_from is the first moment that counts, valid_to the first that does not; without them a row always holds."""
    rows = [
        {"account_id": "a", "plan": "old", "valid_from": "2026-01-01T00:00:00Z", "valid_to": "2026-03-01T00:00:00Z"},
        {"account_id": "a", "plan": "new", "valid_from": "2026-03-01T00:00:00Z"},
        {"account_id": "b", "plan": "always"},
        {"account_id": "c", "plan": "gone", "valid_to": "2025-12-31T00:00:00Z"},
    ]
    path = write(tmp_path / "accounts.ndjson", rows)

    def plans(*when: int) -> list[str]:
        return list(accounts(path, datetime(*when, tzinfo=UTC))[0]["plan"].to_pylist())  # type: ignore[misc, arg-type]

    assert plans(2025, 6, 1) == ["always", "gone"]
    assert plans(2026, 1, 1) == ["old", "always"]
    assert plans(2026, 2, 28) == ["old", "always"]
    assert plans(2026, 3, 1) == ["new", "always"]


def test_what_happens_later_is_not_known_yet(tmp_path: Path) -> None:
    """A closure after the scan's time is left out, with its reason."""
    path = write(tmp_path / "accounts.ndjson", ROWS)
    for when, known in ((datetime(2026, 5, 19, tzinfo=UTC), None), (datetime(2026, 5, 20, tzinfo=UTC), "x")):
        assert accounts(path, when)[0]["closed_reason"].to_pylist()[2] == known


def test_the_join_is_by_account_else_by_key(tmp_path: Path) -> None:
    """Payment and organisation come by the account; where the log knows only the key, by that, and the account too."""
    table, _ = accounts(write(tmp_path / "accounts.csv", ROWS))
    log = write_lines(
        tmp_path / "log.ndjson",
        [
            exchange(0, account_id="a1", api_key_id=None),
            exchange(1, account_id="k2", api_key_id="k2"),
            exchange(2, account_id="unknown", api_key_id="k1"),
            exchange(3, account_id="unknown", api_key_id="other"),
            exchange(4, account_id="a1", payment_id="from the log"),
        ],
    )
    rows = read(log, registry=table).table.to_pylist()
    assert [row["account_id"] for row in rows] == ["a1", "a2", "unknown", "unknown", "a1"]
    assert [row["payment_id"] for row in rows] == ["card-1", "card-2", "card-1", None, "from the log"]
    assert [row["org_id"] for row in rows] == ["org-1", None, "org-1", None, "org-1"]


def test_an_account_with_several_keys(tmp_path: Path) -> None:
    """Each of its keys leads to it, and what only one of its rows says holds for it."""
    rows = [
        {"account_id": "a", "api_key_id": "k1"},
        {"account_id": "a", "api_key_id": "k2", "payment_id": "card"},
    ]
    table, _ = accounts(write(tmp_path / "accounts.ndjson", rows))
    log = write_lines(tmp_path / "log.ndjson", [exchange(i, account_id=f"k{i + 1}") for i in range(2)])
    out = read(log, registry=table).table.to_pylist()
    assert [(row["account_id"], row["payment_id"]) for row in out] == [("a", "card")] * 2
    assert contradictions(table) == []


def test_a_key_of_two_accounts_joins_neither(tmp_path: Path) -> None:
    """A key that the registry gives to two accounts would bind strangers together: it joins none, and that is said."""
    rows = [
        {"account_id": "a", "api_key_id": "shared", "payment_id": "card-a"},
        {"account_id": "b", "api_key_id": "shared", "payment_id": "card-b"},
    ]
    path = write(tmp_path / "accounts.ndjson", rows)
    said: list[str] = []
    table = open_registry(str(path), [], as_of=NOW, quarantine=Quarantine(), say=said.append)
    log = write_lines(tmp_path / "log.ndjson", [exchange(0, account_id="shared"), exchange(1, account_id="a")])
    out = read(log, registry=table).table.to_pylist()
    assert [(row["account_id"], row["payment_id"]) for row in out] == [("shared", None), ("a", "card-a")]
    assert said == [f"{path}: 1 keys belong to several accounts, and join none"]


def test_of_two_rows_that_differ_the_one_that_began_last_is_taken(tmp_path: Path) -> None:
    """Organisation and payment are those of the newest row, in whatever order they stand, and a conflict is said."""
    rows = [
        {"account_id": "a", "org_id": "new", "payment_id": "card-2", "valid_from": "2026-03-01T00:00:00Z"},
        {"account_id": "a", "org_id": "old", "payment_id": "card-1", "valid_from": "2026-01-01T00:00:00Z"},
        {"account_id": "a", "org_id": "oldest", "payment_id": "card-0"},
    ]
    log = write_lines(tmp_path / "log.ndjson", [exchange(0, account_id="a")])
    for order in (rows, rows[::-1]):
        table, _ = accounts(write(tmp_path / "accounts.ndjson", order))
        row = read(log, registry=table).row("x0")
        assert (row["org_id"], row["payment_id"]) == ("new", "card-2")
        assert "1 accounts have several organisations at once" in contradictions(table)[0]


def test_rows_that_stand_there_twice_change_nothing(tmp_path: Path) -> None:
    """They count once, and it is said."""
    table, _ = accounts(write(tmp_path / "accounts.ndjson", ROWS + ROWS))
    assert contradictions(table) == ["3 rows stand there twice, and count once"]
    log = write_lines(tmp_path / "log.ndjson", [exchange(0, account_id="k2")])
    assert read(log, registry=table).row("x0")["account_id"] == "a2"


@pytest.mark.parametrize(
    ("name", "content", "reasons"),
    [
        ("a.ndjson", '{"account_id": "a"}\nnonsense\n{"plan": "free"}\n5\n', [2, 3, 4]),
        ("a.csv", 'account_id,plan\na,free\n"b,free\nc,free,1\n,free\nd,free\n', [3, 4, 5]),
        ("a.ndjson", '{"account_id": "a"}\n{"account_id": "b", "created_at": "soon"}\n', [2]),
        ("a.ndjson", '{"account_id": "a"}\n{"account_id": "b\\u0000"}\n', [2]),
    ],
    ids=["lines", "csv", "time", "nul"],
)
def test_bad_rows_are_put_aside(tmp_path: Path, name: str, content: str, reasons: list[int]) -> None:
    """What cannot be read of a registry is in quarantine by line, and the rest is used."""
    path = tmp_path / name
    path.write_text(content)
    table, bad = accounts(path)
    assert bad.table()["line"].to_pylist() == reasons
    assert set(table["account_id"].to_pylist()) <= {"a", "d"}
    assert "a" in table["account_id"].to_pylist()


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("a.csv", b"customer,plan\n1,free\n", MissingColumn, "no column account_id"),
        ("a.ndjson", b'{"customer": 1}\n', MissingColumn, "no column account_id"),
        ("a.ndjson", b"", InputError, "the registry is empty"),
        ("a.parquet", b"PAR1 nothing", InputError, "cut off or damaged"),
        ("a.ndjson", b'{"account_id": "a", "valid_to": "2020-01-01"}\n', InputError, "no row of the registry held"),
        ("a.ndjson", "{}".encode("utf-16"), InputError, "UTF-16"),
        (
            "a.ndjson",
            b'{"account_id": "a", "exchange_id": "x", "model": "m"}\n',
            InputError,
            "is a log, and no account",
        ),
        ("a.csv", b"account_id,requested_at\na,2026-05-01\n", InputError, "is a log, and no account"),
    ],
    ids=["csv-column", "json-column", "empty", "damaged", "past", "utf16", "log", "csv-log"],
)
def test_a_registry_that_cannot_be_used_is_refused(
    tmp_path: Path, name: str, content: bytes, error: type[InputError], message: str
) -> None:
    """The message names the file and what is wrong with it."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(error, match=message) as caught:
        accounts(path)
    assert str(path) in str(caught.value)


def test_a_registry_that_is_not_there(tmp_path: Path) -> None:
    """The message names the path."""
    with pytest.raises(MissingSource, match="is not there"):
        accounts(tmp_path / "nothing.csv")


def test_the_registry_beside_a_world_is_taken_and_said(tmp_path: Path) -> None:
    """`accounts.parquet` beside `world.json` is the registry of the logs in that folder, named or found."""
    write(tmp_path / "accounts.parquet", ROWS)
    (tmp_path / "world.json").write_text("{}")
    log = write_lines(tmp_path / "logs.ndjson", [exchange(0)])
    for logs in ([str(tmp_path)], [str(log)]):
        said: list[str] = []
        table = open_registry(None, logs, as_of=NOW, quarantine=Quarantine(), say=said.append)
        assert table is not None
        assert table.num_rows == 3
        assert said == [f"{tmp_path}/accounts.parquet: taken as the account registry"]
    assert open_registry(None, ["-"], as_of=NOW, quarantine=Quarantine(), say=said.append) is None
