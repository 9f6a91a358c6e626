"""Objects and lists that were flattened into names with dots and indexes, as attributes of spans must be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The object that names such as `messages.0.content` flatten; values that are objects or lists are nested too.

    Where one name says that something is a value and another that it holds something, what it holds is kept.
    """
    root: dict[str, Any] = {}
    for name, value in flat.items():
        place = root
        *outer, last = name.split(".")
        for part in outer:
            inner = place.get(part)
            if not isinstance(inner, dict):
                inner = place[part] = {}
            place = inner
        known, value = place.get(last), _nested(value)
        if not isinstance(known, dict):
            place[last] = value
        elif isinstance(value, dict):
            place[last] = {**value, **known}
    return root


def items(value: Any) -> list[Any]:
    """What an index counts, in its order: of a list, or of an object whose names are numbers; others are left out."""
    if isinstance(value, list):
        return value
    if not value:
        return []
    if not isinstance(value, dict):
        return []
    # By length first: sorted as numbers are, however long.
    numbers = sorted((name for name in value if str(name).isdigit()), key=lambda name: (len(str(name)), str(name)))
    return [value[name] for name in numbers]


def _nested(value: Any) -> Any:
    if isinstance(value, dict):
        return nest({str(name): one for name, one in value.items()})
    return [_nested(one) for one in value] if isinstance(value, list) else value
