"""Declared uses: who does what with permission, who answers for it, and until when.

A declared use is a statement of the provider's own people about accounts, not of the accounts about themselves. It
names accounts (`account_id`, `org_id`, `payment_id`) or moulds (`template`). Declared accounts are taken out of a
campaign, and nobody besides them is. A declared mould protects nobody: that many share it is known and says nothing, so
that it ties nobody together; whoever imitates a declared customer's mould is found by everything else.
"""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from stillwatch.errors import InputError, MissingSource

WHO = ("account_id", "org_id", "payment_id", "template")
"""What a declared use may name."""

FIELDS = (*WHO, "use", "owner", "until", "why")

_EXAMPLE = 'an entry is like: account_id = ["a-1", "a-2"], use = "red team", owner = "jane", until = "2026-12-31"'


@dataclass(frozen=True, slots=True)
class DeclaredUse:
    """One declared use. who: name of `WHO` -> values.  use: in the owner's words.  until: the last day it holds."""

    who: Mapping[str, tuple[str, ...]]
    use: str
    owner: str
    until: date
    why: str = ""

    def holds(self, day: date) -> bool:
        """Whether it holds on a day."""
        return day <= self.until


def read_declared(path: Path) -> tuple[list[DeclaredUse], str]:
    """The declared uses of a file, told by its ending (.toml, .json, .csv, .yaml), and a digest of it.

    Raises: MissingSource where it cannot be read; InputError with the number of the entry that is wrong.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MissingSource(f"the declared uses cannot be read: {error.strerror}", source=str(path)) from error
    found = [_use(entry, number, str(path)) for number, entry in enumerate(_entries(data, path), 1)]
    return found, blake2b(data, digest_size=12).hexdigest()


def _entries(data: bytes, path: Path) -> Sequence[object]:
    """Entries of a file as it holds them, not yet looked at."""
    ending = path.suffix.lower()
    readers: dict[str, Callable[[str], object]] = {
        ".toml": tomllib.loads,
        ".json": json.loads,
        ".csv": _csv,
        ".yaml": _yaml,
        ".yml": _yaml,
    }
    read = readers.get(ending)
    if read is None:
        raise InputError(
            "cannot tell what format the declared uses have",
            source=str(path),
            hint="name the file .toml, .json, .csv or .yaml",
        )
    try:
        found = read(data.decode("utf-8-sig"))
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"is damaged: {error}", source=str(path), hint=_EXAMPLE) from error
    if isinstance(found, dict) and list(found) == ["declared"]:
        found = found["declared"]
    if not isinstance(found, list):
        raise InputError("is no list of declared uses", source=str(path), hint="call the list `declared`")
    return found


def _csv(text: str) -> object:
    rows = csv.DictReader(io.StringIO(text))
    return [{name: value for name, value in row.items() if value} for row in rows]


def _yaml(text: str) -> object:
    if find_spec("yaml") is None:
        raise InputError("YAML needs the package pyyaml", hint="pip install pyyaml, or write the same as .toml")
    yaml = import_module("yaml")
    try:
        found: object = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    return found


def _use(entry: object, number: int, source: str) -> DeclaredUse:
    def fault(what: str) -> InputError:
        return InputError(f"entry {number}: {what}", source=source, hint=_EXAMPLE)

    if not isinstance(entry, dict):
        raise fault("is no declared use")
    unknown = [str(name) for name in entry if name not in FIELDS]
    if unknown:
        raise fault(f"has the unknown field {', '.join(unknown)}; fields are {', '.join(FIELDS)}")
    who: dict[str, tuple[str, ...]] = {}
    for name in WHO:
        value = entry.get(name)
        values = value if isinstance(value, list) else [] if value is None else [value]
        if any(not isinstance(one, (str, int)) or isinstance(one, bool) or not str(one).strip() for one in values):
            raise fault(f"{name} is no id and no list of ids")
        if values:
            who[name] = tuple(str(one).strip() for one in values)
    if not who:
        raise fault(f"names nobody: it wants one of {', '.join(WHO)}")
    for mould in who.get("template", ()):
        if len(mould) != 16 or any(sign not in "0123456789abcdef" for sign in mould):
            raise fault(f"{mould!r} is no template's id: findings.json and the report have them, 16 digits each")
    said = {name: str(entry.get(name) or "").strip() for name in ("use", "owner", "why")}
    for name in ("use", "owner"):
        if not said[name]:
            raise fault(f"lacks {name}")
    return DeclaredUse(who=who, until=_day(entry.get("until"), fault), **said)


def _day(value: object, fault: Callable[[str], InputError]) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if value is None:
        raise fault("lacks until: no declared use holds for ever")
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise fault(f"until is {value!r}, and no day like 2026-12-31") from None
