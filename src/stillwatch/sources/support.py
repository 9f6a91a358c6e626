"""Which evidence a log can support, by the columns that it fills, and how a product is told to log the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from stillwatch.sources.registry import Format

REGISTRY = "registry."
"""Prefix of columns that only the account registry has."""

ADDRESS_KINDS = "addresses.kinds"
"""What only an address database knows: which addresses are a VPN's, a proxy's or Tor's."""

NEEDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "shared-template": (("prompt", "system_prompt"),),
    "shared-tools": (("tools",),),
    "shared-items": (("prompt",),),
    "shared-payment": (("payment_id", "registry.payment_id"),),
    "shared-email-domain": (("email_domain", "registry.email_domain"),),
    "shared-network-prefix": (("ip", "registry.signup_ip"),),
    "shared-client": (("client_fingerprint", "client", "sdk"),),
    "signup-burst": (("registry.created_at",),),
    "hidden-location": (("ip",), (ADDRESS_KINDS,)),
    "contradicted-location": (("country",), ("registry.signup_country",), (ADDRESS_KINDS,)),
    "shared-end-user": (("end_user_id",),),
    "handoff": (("message_digests", "session_id"),),
    "replay": (("reasoning_in",), ("reasoning_out",)),
    "shared-rhythm": (("requested_at",),),
    "synchrony": (("requested_at",),),
    "succession": (("requested_at",),),
    "even-load": (("account_id",),),
    "interchangeable": (("prompt",),),
    "partition": (("prompt",),),
    "mould-and-slots": (("prompt",),),
    "focus": (("prompt",),),
    "targets": (("prompt",),),
    "pivot": (("model",),),
    "fresh-answers": (("account_id",),),
    "answers": (("account_id",),),
    "single-shot": (("turns",),),
    "long-answers": (("output_tokens",),),
    "reasoning-asked": (("reasoning_tokens",),),
    "probing": (("finish_reason",),),
    "relay-tail": (("prompt",), ("turns",)),
    "replayed-blocks": (("reasoning_in",), ("reasoning_out",), ("message_digests",)),
}
"""Evidence -> what it needs: of each group of columns, one. A test holds it to the evidence that there is."""

ELSEWHERE: dict[str, str] = {
    "payment_id": "no LLM log carries a payment: bring it in the account registry (--accounts FILE)",
    "email_domain": "bring it in the account registry (--accounts FILE)",
    "ip": "have the gateway log the client's address, or bring signup_ip in the account registry",
    ADDRESS_KINDS: "name a database with --addresses (docs/addresses.md)",
    "country": "log the client's address and name a database with --addresses, or have the gateway log its country",
    "registry.signup_country": "bring it in the account registry (--accounts FILE)",
    "registry.created_at": "bring it in the account registry (--accounts FILE)",
    "tools": "log whole requests, the tools that they offer included",
    "prompt": "log the messages of requests; without text, evidence from times, identities and counts is left",
    "client_fingerprint": "log the client's headers (user agent, x-stainless-*), or its JA4",
    "message_digests": "log whole conversations, or session ids",
    "turns": "log whole conversations",
    "output_tokens": "log the usage that answers come with",
    "reasoning_tokens": "log the usage that answers come with, reasoning tokens included",
    "finish_reason": "log answers, and why each of them ended",
    "end_user_id": "have callers send their own user (OpenAI safety_identifier, Anthropic metadata.user_id)",
    "reasoning_in": "log whole messages and answers, opaque reasoning blocks included",
    "reasoning_out": "log whole messages and answers, opaque reasoning blocks included",
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
