"""A reviewer's answers, as the sheet's file holds them: two questions an item, and what they leave possible."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

from stillwatch.audit.draw import Key
from stillwatch.errors import InputError, MissingSource

COLUMNS = ("item", "act_as_one", "collect_training_data", "why", "reviewer")
"""Of the file that a reviewer fills in."""

WORDS = ("yes", "no", "unsure")


OPEN = {"yes": (True,), "no": (False,), "unsure": (True, False), "": (True, False)}

NAMES = {
    (True, True): "campaign",
    (True, False): "network",
    (False, True): "harvest",
    (False, False): "honest",
}
"""Whether accounts act as one while they pass for strangers, and whether they collect training data."""


def judgement(act_as_one: str, collect: str) -> frozenset[str]:
    """What the two answers leave possible."""
    return frozenset(NAMES[one, other] for one in OPEN[act_as_one] for other in OPEN[collect])


def read_answers(path: Path, key: Key) -> tuple[dict[str, frozenset[str]], int]:
    """Item -> what it may be, and the number of items on which reviewers differ: these may be what either says.

    Items without answers are left out. Raises: MissingSource; InputError with the line, where an item is not of this
    audit or an answer is none.
    """
    try:
        data = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise MissingSource(f"the answers cannot be read: {error.strerror}", source=str(path)) from error
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8", source=str(path), hint="save the sheet as CSV in UTF-8") from error
    known = {one.item for one in key.items}
    said: dict[str, set[frozenset[str]]] = {}
    for line, row in _rows(data, str(path)):
        item = str(row.get("item") or "").strip()
        if item not in known:
            raise InputError(
                f"{item or 'nothing'} is no item of this audit",
                source=str(path),
                line=line,
                hint="the answers belong to another sheet; name its key with --key",
            )
        words = [str(row.get(name) or "").strip().lower() for name in COLUMNS[1:3]]
        if not any(words):
            continue
        for name, word in zip(COLUMNS[1:3], words, strict=True):
            if word not in (*WORDS, ""):
                raise InputError(
                    f"{name} is {word!r}", source=str(path), line=line, hint=f"one of {', '.join(WORDS)}, or nothing"
                )
        said.setdefault(item, set()).add(judgement(*words))
    judged = {item: frozenset[str]().union(*found) for item, found in said.items()}
    return judged, sum(len(found) > 1 for found in said.values())


def _rows(data: str, source: str) -> list[tuple[int, Mapping[str, object]]]:
    """Rows with their line numbers, of CSV or of NDJSON."""
    if data.lstrip().startswith("{"):
        out: list[tuple[int, Mapping[str, object]]] = []
        for line, text in enumerate(data.splitlines(), 1):
            if not text.strip():
                continue
            try:
                row = json.loads(text)
            except ValueError as error:
                raise InputError(f"is no JSON: {error}", source=source, line=line) from error
            if not isinstance(row, dict):
                raise InputError("is no JSON object", source=source, line=line)
            out.append((line, row))
        return out
    reader = csv.DictReader(io.StringIO(data))
    lacking = [name for name in COLUMNS[:3] if name not in (reader.fieldnames or ())]
    if lacking:
        raise InputError(
            f"lacks the column {', '.join(lacking)}", source=source, line=1, hint=f"columns are {', '.join(COLUMNS)}"
        )
    return [(reader.line_num, row) for row in reader]
