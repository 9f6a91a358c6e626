"""Which evidence a log can support, by the columns that it fills, and how a product is told to log the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from stillwatch.sources.registry import Format

REGISTRY = "registry."
"""Prefix of columns that only the account registry has."""

NEEDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "shared-template": (("prompt",),),
    "shared-payment": (("payment_id",),),
    "shared-address": (("ip",),),
    "shared-client": (("client_fingerprint", "client"),),
    "signup-burst": (("registry.created_at",),),
    "synchrony": (("requested_at",),),
    "even-load": (("account_id",),),
    "partition": (("prompt",),),
    "succession": (("requested_at",),),
    "replay": (("reasoning_in",), ("reasoning_out",)),
    "handoff": (("message_digests", "history_digest"),),
    "mould-and-slots": (("prompt",),),
    "focus": (("prompt",),),
    "appetite": (("output_tokens",),),
    "targets": (("prompt",),),
    "pivot": (("model",),),
    "end-user": (("end_user_id",),),
}
"""Evidence -> what it needs: of each group of columns, one."""

SHARPENED: dict[str, str] = {
    "succession": "registry.closed_at",
    "shared-client": "client_fingerprint",
    "partition": "message_digests",
}
"""Evidence -> a column that makes it stronger, where it works without."""

ELSEWHERE: dict[str, str] = {
    "payment_id": "no LLM log carries a payment: bring it in the account registry (--accounts FILE)",
    "registry.created_at": "bring the account registry (--accounts FILE) with created_at",
    "registry.closed_at": "bring the account registry (--accounts FILE) with closed_at",
    "end_user_id": "have callers send their own user (OpenAI safety_identifier, Anthropic metadata.user_id)",
    "reasoning_in": "log whole messages, opaque reasoning blocks included",
    "reasoning_out": "log whole answers, opaque reasoning blocks included",
}
"""Column -> how to get it where the format has no word of its own."""

ENOUGH = 0.01
"""Share of rows that must fill a column for the evidence to say something of the traffic."""


@dataclass(frozen=True, slots=True)
class Support:
    """One evidence: whether there is what it needs, what is missing, and how to turn that on.

    share: of the rows that have what it needs, 0 to 1, as far as single columns tell.
    """

    evidence: str
    supported: bool
    share: float
    missing: tuple[str, ...]
    turn_on: str


def support(filled: Mapping[str, float], seen: Iterable[Format] = ()) -> list[Support]:
    """What each evidence has to work with, in the order of `NEEDS`.

    filled: column -> share of rows that fill it; columns of the registry carry the prefix `registry.`.
    seen: the formats of the logs, whose words on turning columns on are given.
    """
    formats = list(seen)
    out = []
    for evidence, groups in NEEDS.items():
        shares = [max(filled.get(column, 0.0) for column in group) for group in groups]
        missing = tuple(" or ".join(group) for group, share in zip(groups, shares, strict=True) if share < ENOUGH)
        words = [turn_on(group, formats) for group, share in zip(groups, shares, strict=True) if share < ENOUGH]
        out.append(Support(evidence, not missing, min(shares), missing, "; ".join(dict.fromkeys(filter(None, words)))))
    return out


def with_registry(filled: Mapping[str, float], registry: pa.Table | None) -> dict[str, float]:
    """The shares of columns, with those of the registry beside them under their prefix; columns of nulls count 0."""
    shares = dict(filled)
    if registry is not None and registry.num_rows:
        for name in registry.column_names:
            shares[REGISTRY + name] = 1 - registry[name].null_count / registry.num_rows
    return shares


def missing(
    coverage: Mapping[str, float], registry: pa.Table | None, seen: Iterable[Format] = ()
) -> list[dict[str, str]]:
    """The evidence that logs and registry could not support: `evidence`, `needs` (columns) and `turn_on` (how to).

    coverage: column of an exchange -> share of rows that fill it, after the registry was joined.
    """
    return [
        {"evidence": one.evidence, "needs": ", ".join(one.missing), "turn_on": one.turn_on}
        for one in support(with_registry(coverage, registry), seen)
        if not one.supported
    ]


def turn_on(columns: Iterable[str], formats: Iterable[Format]) -> str:
    """How to get one of some columns into the log; "" where nobody knows.

    In the words of the formats, each of the first column that it has words for; else in general ones.
    """
    wanted = tuple(columns)
    words = []
    for fmt in formats:
        word = next((fmt.turn_on[column] for column in wanted if column in fmt.turn_on), None)
        if word is not None:
            words.append(f"{fmt.name}: {word}")
    return "; ".join(words) or next((ELSEWHERE[column] for column in wanted if column in ELSEWHERE), "")


def supported_by(fmt: Format) -> list[str]:
    """Evidence that a format can support without a registry, when everything that it can log is logged."""
    filled = dict.fromkeys(fmt.fills, 1.0)
    return [one.evidence for one in support(filled) if one.supported]
