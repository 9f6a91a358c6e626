"""Any other JSON or Parquet, by a mapping file: our column <- path in the document. See docs/formats/mapping.md."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stillwatch import schema
from stillwatch.errors import BadRecord, InputError, MissingSource
from stillwatch.sources.addresses import clean_address
from stillwatch.sources.messages import as_messages, tool_names
from stillwatch.sources.registry import Document, Format, Row, register

COLUMNS = (*schema.EXCHANGE.names, "messages")
UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_REQUIRED = ("exchange_id", "requested_at", "account_id", "model")
_OPTIONS = {"time_unit", "rows", "title"}
_STEP = re.compile(r'([^.\[\]"]+)|"([^"]*)"|\[(-?\d+|\*)\]')

Step = str | int | None
"""A name, an index, or None for every element."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping file, checked. columns: our column -> paths, the first that is there wins.

    time_unit: units a second of numeric times; None: told by their size.  rows: path of the list of exchanges in a
    document; None: the document is one.  shown: the paths as they were written.
    """

    columns: dict[str, tuple[tuple[Step, ...], ...]]
    time_unit: int | None = None
    rows: tuple[Step, ...] | None = None
    shown: dict[str, list[str]] = field(default_factory=dict)


def load_mapping(path: Path) -> Format:
    """The format that a mapping file describes.

    Raises: MissingSource where it cannot be read; InputError that names the key that is wrong.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingSource(f"the mapping cannot be read: {error.strerror}", source=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"the mapping is no TOML: {error}", source=str(path)) from None
    mapping = _checked(table, str(path))
    options = table.get("format", {})

    def parse(document: Document) -> Iterator[Row]:
        return apply_mapping(mapping, document)

    return Format(
        name="mapping",
        title=str(options.get("title", f"mapped by {path.name}")),
        fills={name: " or ".join(_as_list(table["columns"][name])) for name in mapping.columns},
        parse=parse,
    )


def apply_mapping(mapping: Mapping, document: Document) -> Iterator[Row]:
    """The exchanges of a document.

    Raises: BadRecord where the list of exchanges, or what every exchange needs, is not where the mapping says.
    """
    documents: Any = [document]
    if mapping.rows is not None:
        documents = _follow(document, mapping.rows)
        if not isinstance(documents, list):
            raise BadRecord("has no list where format.rows points")
    for one in documents:
        row: Row = {}
        for name, paths in mapping.columns.items():
            value = next((found for path in paths if (found := _follow(one, path)) is not None), None)
            if value is not None:
                row[name] = _adapted(name, value, mapping.time_unit)
            elif name in _REQUIRED:
                raise BadRecord(f"lacks {name}: nothing stands at {' or '.join(mapping.shown[name])}")
        yield row


def _adapted(name: str, value: Any, time_unit: int | None) -> Any:
    if name == "requested_at" and time_unit is not None and isinstance(value, int | float):
        # Seconds are the one unit whose size cannot be mistaken for a finer one.
        return value / time_unit if time_unit > 1 else float(value)
    if name == "ip":
        return clean_address(value)
    if name == "tools":
        return tool_names(value)
    if name == "messages":
        return as_messages(value)
    return value


def _follow(value: Any, path: tuple[Step, ...]) -> Any:
    for i, step in enumerate(path):
        if step is None:
            if not isinstance(value, list | tuple):
                return None
            return [found for one in value if (found := _follow(one, path[i + 1 :])) is not None]
        if isinstance(step, int):
            if not isinstance(value, list | tuple) or not -len(value) <= step < len(value):
                return None
            value = value[step]
        else:
            if isinstance(value, str) and value[:1] in ("{", "["):
                # A JSON object in a string, as tables often hold it.
                from stillwatch.sources.documents import decode

                try:
                    value = decode(value.encode())
                except ValueError:
                    return None
            if not isinstance(value, dict):
                return None
            value = value.get(step)
    return value


def _checked(table: dict[str, Any], source: str) -> Mapping:
    def wrong(what: str, hint: str) -> InputError:
        return InputError(what, source=source, hint=hint)

    for section in table:
        if section not in ("columns", "format"):
            raise wrong(f"[{section}] is no section of a mapping", "there are [columns] and [format]")
    columns = table.get("columns")
    if not isinstance(columns, dict) or not columns:
        raise wrong("the mapping has no [columns]", 'write one line a column, such as account_id = "user.id"')
    paths: dict[str, tuple[tuple[Step, ...], ...]] = {}
    for name, value in columns.items():
        if name not in COLUMNS:
            raise wrong(f"columns.{name} is no column of ours", f"there are {', '.join(COLUMNS)}")
        texts = _as_list(value)
        if not texts or not all(isinstance(text, str) for text in texts):
            raise wrong(
                f"columns.{name} is no path",
                'write "path.to[0].field", or a list of them: the first that is there wins',
            )
        try:
            paths[name] = tuple(_path(text) for text in texts)
        except ValueError as error:
            raise wrong(
                f"columns.{name}: {error}", 'names that hold dots go into quotes: attributes."user.id"'
            ) from None
    missing = [name for name in _REQUIRED if name not in paths]
    if missing:
        raise wrong(f"columns lacks {', '.join(missing)}", "a scan needs these four")
    options = table.get("format", {})
    for name in options:
        if name not in _OPTIONS:
            raise wrong(f"format.{name} is no option", f"there are {', '.join(sorted(_OPTIONS))}")
    unit = options.get("time_unit")
    if unit is not None and unit not in UNITS:
        raise wrong(f"format.time_unit is {unit!r}", f"it may be {', '.join(UNITS)}, or be left out")
    rows = options.get("rows")
    try:
        rows_path = None if rows is None else _path(str(rows))
    except ValueError as error:
        raise wrong(f"format.rows: {error}", 'write "path.to.list"') from None
    shown = {name: [str(one) for one in _as_list(value)] for name, value in columns.items()}
    return Mapping(paths, None if unit is None else UNITS[unit], rows_path, shown)


def _path(text: str) -> tuple[Step, ...]:
    steps: list[Step] = []
    position = 0
    text = text.removeprefix("$.")
    while position < len(text):
        if steps and text[position] == ".":
            position += 1
        match = _STEP.match(text, position)
        if match is None:
            raise ValueError(f"{text!r} is no path (at character {position + 1})")
        name, quoted, index = match.groups()
        steps.append(
            name if name is not None else quoted if quoted is not None else None if index == "*" else int(index)
        )
        position = match.end()
    if not steps:
        raise ValueError("the path is empty")
    return tuple(steps)


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


MAPPING = register(
    Format(
        name="mapping",
        title="any other JSON, CSV or Parquet, by a mapping file (--mapping FILE)",
        fills=dict.fromkeys(schema.EXCHANGE.names, "the path in the mapping file"),
    )
)
