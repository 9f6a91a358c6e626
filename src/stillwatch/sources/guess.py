"""Which format a log has, when nobody said: by its first documents, or by its columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from stillwatch import schema
from stillwatch.errors import UnknownFormat
from stillwatch.sources.registry import Format, formats

SURE = 0.5
"""A format is taken when its first documents are at least so sure on average."""

FOREIGN = 0.8
"""A document that is no exchange of its file's format is another format's when that is at least so sure."""

DOCUMENTS = 20
"""Looked at: enough for formats that mix kinds of documents."""

_CANONICAL = {"exchange_id", "requested_at", "account_id"}
_REGISTRY_ONLY = set(schema.ACCOUNT.names) - set(schema.EXCHANGE.names)


def format_named(name: str) -> Format:
    """The format of that name.

    Raises: UnknownFormat with the names there are.
    """
    known = formats()
    if name not in known:
        raise UnknownFormat(f"no format is called {name!r}", hint=f"there are {', '.join(known)}")
    return known[name]


def guess_format(documents: Sequence[dict[str, Any]]) -> Format | None:
    """The format that the first documents have; None where none is sure."""
    looked = documents[:DOCUMENTS]
    if not looked:
        return None
    best, best_score = None, 0.0
    for fmt in formats().values():
        if fmt.sniff is None:
            continue
        score = sum(fmt.sniff(document) for document in looked) / len(looked)
        # The first documents may be broken or foreign; one that is certain counts for half a vote of all.
        score = max(score, max(fmt.sniff(document) for document in looked) / 2)
        if score > best_score:
            best, best_score = fmt, score
    return best if best_score >= SURE else None


def foreign_format(document: dict[str, Any], own: Format) -> str | None:
    """Name of another format that the document plainly has; None where there is none."""
    if own.sniff is not None and own.sniff(document) >= SURE:
        return None
    scored = [
        (fmt.sniff(document), fmt.name) for fmt in formats().values() if fmt.sniff is not None and fmt.name != own.name
    ]
    score, name = max(scored, default=(0.0, ""))
    return name if score >= FOREIGN else None


def is_canonical(columns: Iterable[str]) -> bool:
    """Whether a table with these columns is the canonical one."""
    return set(columns) >= _CANONICAL


def is_registry(columns: Iterable[str]) -> bool:
    """Whether a table with these columns is an account registry and no log."""
    names = set(columns)
    if "account_id" not in names or "requested_at" in names or "exchange_id" in names:
        return False
    return names <= set(schema.ACCOUNT.names) or bool(names & _REGISTRY_ONLY)
