"""What format a log has, when nobody said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from log_samples import exchange, exchanges, lines, read, write_csv, write_lines, write_parquet

from stillwatch import schema
from stillwatch.errors import UnknownFormat
from stillwatch.sources.guess import foreign_format, format_named, guess_format, is_canonical, is_registry
from stillwatch.sources.registry import formats

WRITTEN = [name for name, fmt in formats().items() if fmt.write is not None]
SNIFFED = [name for name, fmt in formats().items() if fmt.sniff is not None]


def documents(name: str, n: int = 20) -> list[dict[str, object]]:
    """Documents of a format, as it writes them."""
    write = formats()[name].write
    assert write is not None
    return list(write(exchanges(n)))


@pytest.mark.parametrize("name", WRITTEN)
def test_what_a_format_writes_is_guessed_as_it(name: str) -> None:
    """A format's own documents are told from those of every other format, even a single one of them."""
    for sample in (documents(name), documents(name, 1)):
        guessed = guess_format(sample)
        assert guessed is not None
        assert guessed.name == name


@pytest.mark.parametrize("name", WRITTEN)
def test_a_written_log_is_read_without_its_name(tmp_path: Path, name: str) -> None:
    """NDJSON of any format comes back with as many exchanges, and the guess is said."""
    path = write_lines(tmp_path / "log.ndjson", documents(name, 50))
    outcome = read(path)
    assert outcome.n_read == 50
    assert outcome.table.num_rows == 50
    assert outcome.formats == [name]
    assert any(f"read as {name}" in one for one in outcome.said)


@pytest.mark.parametrize("name", SNIFFED)
@pytest.mark.parametrize(
    "document", [{}, {"a": 1}, {"id": None}, {"messages": 5}, {"metadata": "x", "model": []}, {"account_id": "a"}],
    ids=["empty", "foreign", "null", "odd-messages", "odd-types", "registry"],
)  # fmt: skip
def test_no_format_claims_what_it_does_not_know(name: str, document: dict[str, object]) -> None:
    """On documents that are nothing a sniff is unsure, and never raises."""
    sniff = formats()[name].sniff
    assert sniff is not None
    assert 0 <= sniff(document) < 0.5


def test_broken_documents_first_do_not_mislead(tmp_path: Path) -> None:
    """A log that begins with lines of no use is still told by those that follow."""
    rubbish = b"".join(json.dumps({"event": i}).encode() + b"\n" for i in range(8))
    path = tmp_path / "log.ndjson"
    path.write_bytes(rubbish + lines(exchanges(30)))
    outcome = read(path)
    assert outcome.table.num_rows == 30
    assert [line for line, _ in outcome.reasons] == list(range(1, 9))


@pytest.mark.parametrize("writer", [write_lines, write_csv, write_parquet], ids=["ndjson", "csv", "parquet"])
def test_the_canonical_table_in_every_file_type(tmp_path: Path, writer: object) -> None:
    """NDJSON, CSV and Parquet of the same exchanges give one and the same table."""
    path = writer(tmp_path / "log", exchanges(200))  # type: ignore[operator]
    reference = read(write_lines(tmp_path / "reference.ndjson", exchanges(200)))
    outcome = read(path)
    assert outcome.formats == ["canonical"]
    assert outcome.table.equals(reference.table)


def test_columns_that_are_not_ours_are_said(tmp_path: Path) -> None:
    """They are left out, and the reader is told which."""
    outcome = read(write_lines(tmp_path / "log.ndjson", [exchange(i, colour="red") for i in range(30)]))
    assert outcome.table.num_rows == 30
    assert any("not ours are left out: colour" in one for one in outcome.said)


def test_a_column_that_turns_up_late_is_read(tmp_path: Path) -> None:
    """A column that the first documents lack, and one of another kind of time, come out all the same."""
    rows = exchanges(3000)
    rows[2500]["session_id"] = "late"
    rows[2600]["requested_at"] = 1_777_800_000
    outcome = read(write_lines(tmp_path / "log.ndjson", rows))
    assert outcome.n_read == outcome.table.num_rows == 3000
    assert outcome.row("x2500")["session_id"] == "late"
    assert outcome.row("x2600")["requested_at"].timestamp() == 1_777_800_000


def test_numbers_as_times(tmp_path: Path) -> None:
    """Seconds, milli-, micro- and nanoseconds are told by their size, in one file as in four."""
    moment = 1_777_800_000
    rows = [exchange(i, requested_at=moment * 1000**i) for i in range(4)]
    outcome = read(write_lines(tmp_path / "log.ndjson", rows))
    assert {one.timestamp() for one in outcome.table["requested_at"].to_pylist()} == {moment}
    for row in rows:
        path = write_lines(tmp_path / "one.ndjson", [row] * 3)
        assert read(path).table["requested_at"][0].as_py().timestamp() == moment


@pytest.mark.parametrize(
    ("columns", "canonical", "registry"),
    [
        (schema.EXCHANGE.names, True, False),
        (schema.ACCOUNT.names, False, True),
        (["account_id", "payment_id"], False, True),
        (["account_id", "plan", "colour"], False, True),
        (["account_id", "model", "colour"], False, False),
        (["id", "plan"], False, False),
        (["exchange_id", "requested_at", "account_id"], True, False),
    ],
    ids=["exchange", "account", "payments", "plan", "unknown", "no-account", "least"],
)
def test_tables_are_told_by_their_columns(columns: list[str], canonical: bool, registry: bool) -> None:
    """A registry has an account and no exchange; the canonical table has its ids and times."""
    assert is_canonical(columns) == canonical
    assert is_registry(columns) == registry


def test_names() -> None:
    """A format is found by its name only."""
    assert all(format_named(name).name == name for name in formats())
    with pytest.raises(UnknownFormat):
        format_named("CANONICAL")


def test_a_foreign_document_is_named() -> None:
    """A document that is plainly another format's is called by that; an unclear one is nobody's."""
    litellm = documents("litellm", 1)[0]
    assert foreign_format(litellm, formats()["canonical"]) == "litellm"
    assert foreign_format(litellm, formats()["litellm"]) is None
    assert foreign_format({"a": 1}, formats()["litellm"]) is None


def test_the_page_has_every_column() -> None:
    """docs/formats/canonical.md lists each column with its type, whether it may be missing, and what it is."""
    page = (Path(__file__).parents[3] / "docs" / "formats" / "canonical.md").read_text(encoding="utf-8")
    for name, kind, optional, comment in schema.describe(schema.EXCHANGE):
        assert f"| `{name}` | {kind} | {'yes' if optional else 'no'} | {comment} |\n" in page


def test_anthropics_answers_with_ids_of_openai_are_anthropics() -> None:
    """Gateways answer in Anthropic's shape under ids of OpenAI's: the shape tells the format."""
    write = formats()["anthropic"].write
    assert write is not None
    pairs = list(write([exchange(i, exchange_id=f"chatcmpl-{i:012}", response="Paris.") for i in range(5)]))
    assert guess_format(pairs) is formats()["anthropic"]
