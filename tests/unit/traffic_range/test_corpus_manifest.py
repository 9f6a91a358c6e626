"""Manifests of corpora: read whole, refused with the file, the key and what to mend."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.errors import InputError, MissingColumn, MissingSource, UsageError
from stillwatch.traffic_range.texts.manifest import find_manifest, read_corpus

CHAT = """
name = "small"
[[source]]
file = "chat.parquet"
use = "chat"
text = "said"
conversation = "talk"
turn = "n"
language = "tongue"
licence = "{licence}"
"""


def folder(tmp_path: Path, manifest: str = CHAT) -> Path:
    """A folder of two conversations, one row of which is in a licence of its own."""
    rows = [("x", 2, "and then?"), ("x", 1, "how do I begin"), ("y", 1, "what is it"), ("y", 5, "go on")]
    table = pa.table(
        {
            "talk": [one[0] for one in rows],
            "n": [one[1] for one in rows],
            "said": [one[2] for one in rows],
            "tongue": ["en"] * 4,
            "licence": ["CC0-1.0", "CC0-1.0", "MIT", "CC0-1.0"],
        }
    )
    pq.write_table(table, tmp_path / "chat.parquet")
    (tmp_path / "corpus.toml").write_text(manifest)
    return tmp_path


def test_a_conversations_lowest_turn_is_what_is_said_first(tmp_path: Path) -> None:
    """Turns decide, not the order of rows; licences are counted a row."""
    read = read_corpus(find_manifest(folder(tmp_path)))
    assert {(row.text, row.use) for row in read.rows} == {
        ("how do I begin", "ask"),
        ("what is it", "ask"),
        ("and then?", "follow"),
        ("go on", "follow"),
    }
    assert read.licences == {"CC0-1.0": 3, "MIT": 1}
    assert {row.language for row in read.rows} == {"en"}


def test_the_manifest_itself_may_be_named(tmp_path: Path) -> None:
    """Its folder is where the files are."""
    assert read_corpus(find_manifest(folder(tmp_path) / "corpus.toml")).rows


def test_lines_of_json_paths_and_patterns_are_read(tmp_path: Path) -> None:
    """A pattern joins columns; what follows a dot is a path in a column's JSON; `match` keeps its group."""
    lines = [{"q": "Why?", "raw": json.dumps({"turns": [{"said": f"<b>{k}</b>"}]})} for k in range(3)]
    (tmp_path / "items.ndjson").write_text("\n".join(json.dumps(line) for line in lines))
    (tmp_path / "corpus.toml").write_text(
        'name = "n"\n[[source]]\nfile = "items.ndjson"\nuse = "reason"\nlicence = "MIT"\n'
        "text = \"{q} {raw.turns.0.said}\"\nmatch = '^(.*?)</b>'\nbenchmark = true\n"
    )
    rows = read_corpus(find_manifest(tmp_path)).rows
    assert [row.text for row in rows] == ["Why? <b>0", "Why? <b>1", "Why? <b>2"]
    assert all(row.benchmark for row in rows)


def test_halves_are_apart_and_together_all(tmp_path: Path) -> None:
    """Every row is in one half, whatever else the corpus holds."""
    table = pa.table({"t": [f"text number {k}" for k in range(400)]})
    pq.write_table(table, tmp_path / "t.parquet")
    (tmp_path / "corpus.toml").write_text(
        'name = "n"\n[[source]]\nfile = "t.parquet"\nuse = "ask"\ntext = "t"\nlicence = "MIT"\n'
    )
    manifest = find_manifest(tmp_path)
    a, b, both = (Counter(row.text for row in read_corpus(manifest, half).rows) for half in ("a", "b", "both"))
    assert not a & b
    assert a + b == both
    assert 150 < a.total() < 250


@pytest.mark.parametrize(
    ("manifest", "error", "says"),
    [
        (CHAT.replace("chat.parquet", "gone.parquet"), MissingSource, ["gone.parquet", "[[source]] 1", "`file`"]),
        (CHAT.replace('"said"', '"sad"'), MissingColumn, ["chat.parquet", "`sad`", "`text`", "said"]),
        (CHAT.replace('"talk"', '"talks"'), MissingColumn, ["`talks`", "`conversation`"]),
        (CHAT.replace('"{licence}"', '"{license}"'), MissingColumn, ["`license`", "`licence`"]),
        (CHAT.replace('use = "chat"', 'use = "chats"'), InputError, ["`chats`", "uses: chat"]),
        (CHAT.replace('turn = "n"', ""), InputError, ["`conversation` and `turn`"]),
        (CHAT.replace("use =", "used ="), InputError, ["lacks `use`"]),
        (CHAT + "colour = 3\n", InputError, ["`colour`", "keys:"]),
        (CHAT + "match = '('\n", InputError, ["regular expression"]),
        ("name = ", InputError, ["no TOML"]),
        ('name = "n"\n', InputError, ["[[source]]"]),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, manifest: str, error: type[Exception], says: list[str]) -> None:
    """The file, the key and what to mend stand in the message."""
    with pytest.raises(error) as caught:
        read_corpus(find_manifest(folder(tmp_path, manifest)))
    for words in says:
        assert words in str(caught.value)


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    """It says how to write one."""
    with pytest.raises(InputError, match=r"corpus\.toml"):
        find_manifest(tmp_path)
    with pytest.raises(MissingSource):
        find_manifest(tmp_path / "nowhere")


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    """A file that is no Parquet is an error, not an empty source."""
    folder(tmp_path)
    (tmp_path / "chat.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(InputError, match=r"chat\.parquet"):
        read_corpus(find_manifest(tmp_path))


def test_another_half_is_none(tmp_path: Path) -> None:
    """Halves are a, b and both."""
    with pytest.raises(UsageError, match="both"):
        read_corpus(find_manifest(folder(tmp_path)), "c")
