"""Any JSON, CSV or Parquet by a mapping file; and mapping files that do not serve."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from log_samples import exchanges, read, write_lines

from stillwatch.errors import InputError, MissingSource

PAGE = Path(__file__).parents[3] / "docs" / "formats" / "mapping.md"

MAPPING = """
[columns]
exchange_id = "request.id"
requested_at = "time"
account_id = ["user.id", "user.key"]
model = "request.model"
ip = "net.x"
messages = "request.messages"
tools = "request.tools[*].name"
input_tokens = "usage[0]"
"""

DOCUMENT: dict[str, Any] = {
    "time": "2026-05-01T00:00:00Z",
    "user": {"id": "alice", "key": "k"},
    "net": {"x": "192.0.2.7:443", "a.b": "dotted"},
    "usage": [11, 22],
    "request": {
        "id": "r1",
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}],
        "tools": [{"name": "search"}, {"name": "run"}],
    },
}


REQUIRED = """
[columns]
exchange_id = "id"
requested_at = "t"
account_id = "id"
model = "id"
"""


def write(folder: Path, mapping: str, *documents: Any) -> tuple[Path, Path]:
    """The mapping file and an NDJSON log of the documents."""
    path, log = folder / "mapping.toml", folder / "log.ndjson"
    path.write_text(mapping)
    log.write_text("".join(json.dumps(one) + "\n" for one in documents))
    return path, log


def test_paths_lead_to_columns(tmp_path: Path) -> None:
    """Names, indices, every element, alternatives and messages come out as columns."""
    without_id = {**DOCUMENT, "user": {"key": "k"}, "request": {**DOCUMENT["request"], "id": "r2"}}
    mapping, log = write(tmp_path, MAPPING, DOCUMENT, without_id)
    outcome = read(log, mapping=mapping)
    row = outcome.row("r1")
    assert row["account_id"] == "alice"
    assert row["ip"] == "192.0.2.7"
    assert row["prompt"] == "Hello?"
    assert row["system_prompt"] == "Be brief."
    assert row["tools"] == ["search", "run"]
    assert row["input_tokens"] == 11
    assert row["requested_at"] == datetime(2026, 5, 1, tzinfo=UTC)
    assert outcome.row("r2")["account_id"] == "k"
    assert outcome.formats == ["mapping"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", 1), ("$.a", 1), ("b.c", 2), ('"d.e"', 3), ('b."f.g"', 4), ("l[0]", 5), ("l[-1]", 6),
        ("l[9]", None), ("a.b", None), ("j.k", 7), ("missing", None), ("o[*].p", ["8", "9"]), ("o[1].p", 9),
    ],
)  # fmt: skip
def test_paths(tmp_path: Path, path: str, expected: Any) -> None:
    """Each kind of step leads where it says, and nowhere where nothing is."""
    document = {
        "id": "x", "t": 1_777_600_000, "a": 1, "b": {"c": 2, "f.g": 4}, "d.e": 3, "l": [5, 6], "j": '{"k": 7}',
        "o": [{"p": "8"}, {"p": "9"}],
    }  # fmt: skip
    column = "tools" if isinstance(expected, list) else "input_tokens"
    text = f"{REQUIRED}{column} = {json.dumps(path)}\n"
    mapping, log = write(tmp_path, text, document)
    assert read(log, mapping=mapping).row("x")[column] == expected


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1_000), ("us", 1_000_000), ("ns", 1_000_000_000)])
def test_units_of_time(tmp_path: Path, unit: str, factor: int) -> None:
    """A named unit is taken at its word, also for small numbers that look like another."""
    text = REQUIRED + f"[format]\ntime_unit='{unit}'\n"
    mapping, log = write(tmp_path, text, {"id": "x", "t": 1_777_600_000 * factor})
    assert read(log, mapping=mapping).row("x")["requested_at"].timestamp() == 1_777_600_000


def test_documents_that_hold_lists_of_exchanges(tmp_path: Path) -> None:
    """`rows` says where the list is; each element is an exchange, and a document without a list is put aside."""
    text = REQUIRED + "[format]\nrows='data.items'\n"
    items = [{"id": f"x{i}", "t": 1_777_600_000 + i} for i in range(3)]
    mapping, log = write(tmp_path, text, {"data": {"items": items}}, {"data": {}}, {"data": {"items": items[:1]}})
    outcome = read(log, mapping=mapping)
    assert outcome.ids == ["x0", "x1", "x2", "x0"]
    assert outcome.reasons == [(2, "has no list where format.rows points")]
    assert outcome.n_duplicates == 1


def test_parquet_with_nested_columns(tmp_path: Path) -> None:
    """Structs and JSON in strings of a Parquet table are followed like documents."""
    mapping, _ = write(tmp_path, MAPPING)
    row = {**DOCUMENT, "user": json.dumps(DOCUMENT["user"])}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "log.parquet")
    outcome = read(tmp_path / "log.parquet", mapping=mapping)
    assert outcome.row("r1")["account_id"] == "alice"
    assert outcome.row("r1")["tools"] == ["search", "run"]


def test_csv_by_a_mapping(tmp_path: Path) -> None:
    """The columns of a CSV file are names of a path."""
    mapping, _ = write(
        tmp_path, "[columns]\nexchange_id='Id'\nrequested_at='When'\naccount_id='Who'\nmodel='Which one'\n"
    )
    (tmp_path / "log.csv").write_text("Id,When,Who,Which one\n1,2026-05-01 10:00:00,me,big\n")
    row = read(tmp_path / "log.csv", mapping=mapping).row("1")
    assert (row["account_id"], row["model"]) == ("me", "big")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not toml [", "no TOML"),
        ("", "has no [columns]"),
        ("[columns]\nexchange_id='a'", "lacks requested_at, account_id, model"),
        (MAPPING + "colour='a'\n", "columns.colour is no column of ours"),
        (MAPPING + "asn=5\n", "columns.asn is no path"),
        (MAPPING + "asn=''\n", "columns.asn: the path is empty"),
        (MAPPING + "asn='a[x]'\n", "columns.asn: 'a[x]' is no path (at character 2)"),
        (MAPPING + "[format]\ntime_unit='days'\n", "format.time_unit is 'days'"),
        (MAPPING + "[format]\nrow='a'\n", "format.row is no option"),
        (MAPPING + "[other]\n", "[other] is no section"),
        ("columns = 5", "has no [columns]"),
    ],
    ids=[
        "no-toml", "empty", "lacks", "unknown", "number", "empty-path", "bad-path", "unit", "option", "section",
        "scalar",
    ],
)  # fmt: skip
def test_a_mapping_that_does_not_serve(tmp_path: Path, text: str, message: str) -> None:
    """The message names the file and the key that is wrong."""
    mapping, log = write(tmp_path, text, DOCUMENT)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read(log, mapping=mapping)
    assert str(mapping) in str(caught.value)


def test_a_path_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    """Where no document has what a required column points at, the message names the path, of documents of any kind."""
    text = "[columns]\n" + "".join(f'{name} = "{name}"\n' for name in ("exchange_id", "requested_at", "model"))
    mapping, _ = write(tmp_path, text + 'account_id = ["acount_id", "user.id"]\n')
    log = write_lines(tmp_path / "canonical.ndjson", exchanges(3))
    with pytest.raises(InputError, match=r"lacks account_id: nothing stands at acount_id or user.id \(3 times\)"):
        read(log, mapping=mapping)


def test_options_that_do_not_go_together(tmp_path: Path) -> None:
    """A mapping goes with its own format only, the format only with a mapping, and the file must be there."""
    mapping, log = write(tmp_path, MAPPING, DOCUMENT)
    with pytest.raises(InputError, match="not litellm"):
        read(log, mapping=mapping, format="litellm")
    with pytest.raises(InputError, match="needs --mapping FILE"):
        read(log, format="mapping")
    with pytest.raises(MissingSource, match="cannot be read"):
        read(log, mapping=tmp_path / "nothing.toml")


def test_the_example_of_the_page_works(tmp_path: Path) -> None:
    """The mapping and the document that the page shows give the exchange that it says."""
    text = PAGE.read_text(encoding="utf-8")
    toml, document = (re.search(rf"```{kind}\n(.*?)```", text, re.S) for kind in ("toml", "json"))
    assert toml is not None
    assert document is not None
    mapping, log = write(tmp_path, toml.group(1), json.loads(document.group(1)))
    outcome = read(log, mapping=mapping)
    assert outcome.bad.num_rows == 0
    (row,) = outcome.table.to_pylist()
    for name in ("account_id", "prompt", "ip", "output_tokens", "tools"):
        assert row[name], name
