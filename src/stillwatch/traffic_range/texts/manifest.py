"""Manifests: which file and column of a folder of prompts serves which use. TOML, read and checked as a whole."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from stillwatch.errors import InputError, MissingColumn, MissingSource, UsageError

NAME = "corpus.toml"
"""A manifest in a corpus's own folder."""

USES = {
    "chat": "conversations: `conversation` and `turn` tell what is said first from what is said next",
    "ask": "what people say first",
    "follow": "what people say next",
    "write": "instructions, such as distillation sets are made of",
    "reason": "problems that have an answer",
    "judge": "questions with answers that are to be graded",
    "rewrite": "questions and posts that are to be rewritten",
    "tool": "requests to agents that have tools",
    "code": "code",
    "prose": "running text, such as answers are",
    "result": "what tools hand back",
    "mould": "prompts of programs: frameworks, judges, kits, prompts that people share",
}
"""What a source may serve."""

HALVES = ("a", "b", "both")
"""Of a corpus: every row is in one, by the hash of its text."""

_COLUMN = re.compile(r"\{([^{}]+)\}")
_KEYS = {"file", "use", "text", "licence", "conversation", "turn", "language", "match", "tasks", "benchmark", "rows"}


@dataclass(frozen=True, slots=True)
class Source:
    """One file's one use.

    text: a column, or a pattern such as `{question} {raw.prompt.0.value}`: what follows a column's dot is a path in its
    JSON.  match: a regular expression whose first group is kept, where it is found.  licence: a licence, or a column in
    braces.  conversation, turn, language: columns.  tasks: of moulds.  benchmark: its rows are sent word for word by
    those who run it.  rows: at the most, chosen by hash; 0: all.
    """

    file: str
    use: str
    text: str
    licence: str
    conversation: str = ""
    turn: str = ""
    language: str = ""
    match: str = ""
    tasks: tuple[str, ...] = ()
    benchmark: bool = False
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """A corpus: its name, its folder, its sources. path: of the manifest, for messages."""

    name: str
    folder: Path
    path: str
    sources: tuple[Source, ...]


@dataclass(slots=True)
class Row:
    """A row's text. use: what it serves, `chat` decided; language: as its column says, else empty."""

    text: str
    use: str
    language: str = ""
    tasks: tuple[str, ...] = ()
    benchmark: bool = False


@dataclass(slots=True)
class Read:
    """What has been read of a corpus. licences: of the rows taken, and how many of each."""

    rows: list[Row] = field(default_factory=list)
    licences: dict[str, int] = field(default_factory=dict)


def find_manifest(where: Path) -> Manifest:
    """The manifest of a folder or a path to one: its own `corpus.toml`, else a ready one whose files it has.

    Raises: MissingSource, InputError, UsageError, each with what to mend.
    """
    if not where.exists():
        raise MissingSource("is not there", source=str(where), hint="--corpus takes a folder or its manifest")
    if where.is_file():
        return _parse(where.read_text(), where.parent, str(where))
    if (where / NAME).is_file():
        return _parse((where / NAME).read_text(), where, str(where / NAME))
    ready = []
    for entry in sorted((files(__package__) / "manifests").iterdir(), key=lambda one: one.name):
        manifest = _parse(entry.read_text(), where, entry.name)
        if all((where / one.file).is_file() for one in manifest.sources):
            return manifest
        ready.append(manifest.name)
    raise InputError(
        "has no manifest, and not the files of a corpus that is known",
        source=str(where),
        hint=f"write {NAME} into it (docs/corpus.md says how); known: {', '.join(ready)}",
    )


def read_corpus(manifest: Manifest, half: str = "both") -> Read:
    """The rows of a corpus, or of one half of it.

    Raises: MissingSource for a file, MissingColumn for a column, InputError for a file that cannot be read.
    """
    if half not in HALVES:
        raise UsageError(f"--corpus-half {half} is none", hint=f"halves: {', '.join(HALVES)}")
    out = Read()
    for number, source in enumerate(manifest.sources, 1):
        for row, licence in _rows(manifest, source, f"[[source]] {number}", half):
            out.rows.append(row)
            out.licences[licence] = out.licences.get(licence, 0) + 1
    if not out.rows:
        raise InputError("gives no texts", source=manifest.path, hint="its columns may be empty, or `match` finds none")
    return out


def _parse(text: str, folder: Path, path: str) -> Manifest:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"is no TOML: {error}", source=path, hint="docs/corpus.md shows a manifest") from None
    entries = data.get("source")
    if not isinstance(data.get("name"), str) or not isinstance(entries, list) or not entries:
        raise InputError(
            "lacks `name` or any [[source]]", source=path, hint="a manifest has a name and a [[source]] a file"
        )
    return Manifest(
        data["name"], folder, path, tuple(_source(one, f"{path}: [[source]] {n}") for n, one in enumerate(entries, 1))
    )


def _source(entry: dict[str, Any], where: str) -> Source:
    for key in ("file", "use", "text", "licence"):
        if not isinstance(entry.get(key), str) or not entry[key]:
            raise InputError(f"lacks `{key}`", source=where, hint="file, use, text and licence are needed, as texts")
    unknown = sorted(set(entry) - _KEYS)
    if unknown:
        raise InputError(f"has an unknown key `{unknown[0]}`", source=where, hint=f"keys: {', '.join(sorted(_KEYS))}")
    if entry["use"] not in USES:
        raise InputError(f"has an unknown use `{entry['use']}`", source=where, hint=f"uses: {', '.join(USES)}")
    if entry["use"] == "chat" and not (entry.get("conversation") and entry.get("turn")):
        raise InputError(
            "is chat without `conversation` and `turn`", source=where, hint="name both columns, or use `ask`"
        )
    try:
        re.compile(entry.get("match", ""))
    except re.error as error:
        raise InputError(f"has a `match` that is no regular expression: {error}", source=where) from None
    return Source(**(entry | {"tasks": tuple(entry.get("tasks", ()))}))


def _rows(manifest: Manifest, source: Source, where: str, half: str) -> Iterator[tuple[Row, str]]:
    path = manifest.folder / source.file
    if not path.is_file():
        raise MissingSource(
            "is not there", source=str(path), hint=f"{manifest.path}, {where} names it in `file`: add it, or drop it"
        )
    table = _table(path)
    parts = _COLUMN.findall(source.text) if "{" in source.text else [source.text]
    paths = [part.split(".") for part in parts]
    licence_column = source.licence[1:-1] if source.licence.startswith("{") else ""
    needed = {"text": [path_[0] for path_ in paths], "licence": [licence_column]}
    needed |= {key: [getattr(source, key)] for key in ("conversation", "turn", "language")}
    for key, names in needed.items():
        for column in names:
            if column and column not in table.column_names:
                raise MissingColumn(
                    f"has no column `{column}`",
                    source=str(path),
                    hint=f"{manifest.path}, {where} names it in `{key}`; the file has: {', '.join(table.column_names)}",
                )
    columns = {name: table[name].to_pylist() for key in needed for name in needed[key] if name}
    pattern = _COLUMN.split(source.text)[0::2] if "{" in source.text else ["", ""]
    match = re.compile(source.match, re.DOTALL) if source.match else None
    first = _first_rows(columns, source)
    taken: list[tuple[bytes, Row, str]] = []
    for i in range(len(table)):
        values = [_value(columns[name][i], rest) for name, *rest in paths]
        if not any(values):
            continue
        text = "".join(one for pair in zip(pattern, [*values, ""], strict=True) for one in pair)
        if match is not None:
            found = match.search(text)
            if found is None:
                continue
            text = found[1]
        text = text.strip()
        hashed = blake2b(text.encode(), digest_size=8).digest()
        if not text or (half != "both" and (hashed[0] & 1) != (half == "b")):
            continue
        use = source.use if source.use != "chat" else "ask" if i in first else "follow"
        row = Row(
            text,
            use,
            str(columns[source.language][i] or "") if source.language else "",
            source.tasks,
            source.benchmark,
        )
        taken.append((hashed, row, str(columns[licence_column][i]) if licence_column else source.licence))
    if source.rows and len(taken) > source.rows:
        taken = sorted(taken, key=lambda one: one[0][1:])[: source.rows]
    yield from ((row, licence) for _, row, licence in taken)


def _first_rows(columns: dict[str, list[Any]], source: Source) -> set[int]:
    """The row of each conversation that has its lowest turn, the first of them in the file."""
    best: dict[Any, tuple[Any, int]] = {}
    if source.use == "chat":
        for i, (conversation, turn) in enumerate(zip(columns[source.conversation], columns[source.turn], strict=True)):
            if conversation not in best or turn < best[conversation][0]:
                best[conversation] = (turn, i)
    return {i for _, i in best.values()}


def _value(value: Any, path: list[str]) -> str:
    """A cell as text; what lies at a path of its JSON, or nothing where nothing lies there."""
    if path and isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            return ""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return ""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _table(path: Path) -> pa.Table:
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path, use_threads=False)
        return pyarrow.json.read_json(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"cannot be read: {str(error).splitlines()[0]}", source=str(path), hint="Parquet, or JSON a line (NDJSON)"
        ) from None
