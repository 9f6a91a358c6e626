"""The tables that the steps hand to each other, as Arrow schemas: the one page to read first.

Every column carries a comment in its field metadata (`describe` prints them, the docs are made from them).
A column marked nullable may be missing from a log; no step fails for want of it.

Hashes are int64 bit patterns of our own 64-bit hash (`fingerprint.hashing`), never an engine's, so that they are
the same on every machine. Sketches are fixed-size binary. Times are UTC microseconds.
"""

from __future__ import annotations

import pyarrow as pa

FINGERPRINT_VERSION = 4
"""Raised whenever a fingerprint of the same exchange would come out differently."""

FINDINGS_VERSION = 1
"""Raised whenever `findings.json` changes its shape."""

TIME = pa.timestamp("us", tz="UTC")

SKETCH_BINS = 128
"""One byte a bin: Jaccard error about 0.025 (one-permutation MinHash, measured by `stillwatch bench sketch`)."""

N_CHUNKS = 16
"""Content-defined chunk hashes kept of a prompt: 4 of its head, 4 of its tail, 8 of all of it."""

PROJECTION_DIMS = 64
"""Signed bytes of the random projection that the two-sample tests use."""

TOOLS_KEPT = 64
"""Tool names kept of an exchange."""


def _field(name: str, kind: pa.DataType, comment: str, *, optional: bool = True) -> pa.Field:
    return pa.field(name, kind, nullable=optional, metadata={"comment": comment})


def _must(name: str, kind: pa.DataType, comment: str) -> pa.Field:
    return _field(name, kind, comment, optional=False)


EXCHANGE = pa.schema(
    [
        _must("exchange_id", pa.string(), "one request and its response; duplicates are kept once"),
        _must("requested_at", TIME, "when the request came in"),
        _must("account_id", pa.string(), "who is billed"),
        _field("org_id", pa.string(), "the organisation that the account declares"),
        _field("api_key_id", pa.string(), "the key that was used, never the secret"),
        _field("payment_id", pa.string(), "the payment instrument"),
        _field("email_domain", pa.string(), "domain of the account's address"),
        _field("ip", pa.string(), "the client's address"),
        _field("asn", pa.int64(), "the address's autonomous system"),
        _field("country", pa.string(), "the address's country; shown, never evidence"),
        _field("client", pa.string(), "user agent"),
        _field("client_fingerprint", pa.string(), "JA4 or alike"),
        _field("platform", pa.string(), "first party, or a cloud's"),
        _must("model", pa.string(), "the model that was asked for"),
        _field("system_prompt", pa.string(), "the system prompt"),
        _field("prompt", pa.string(), "the last user message"),
        _field("first_user", pa.string(), "the first user message, where it is not the last"),
        _field("prompt_source", pa.string(), "human or tool_result"),
        _field("history_digest", pa.string(), "chained keyed digest of the messages before the last"),
        _field("history_length", pa.int64(), "messages that history_digest covers"),
        _field("message_digests", pa.list_(pa.string()), "keyed digests of the last eight messages, in order"),
        _field("turns", pa.int64(), "messages before the last"),
        _field("tools", pa.list_(pa.string()), "names of the tools offered"),
        _field("max_tokens", pa.int64(), "limit asked for"),
        _field("temperature", pa.float64(), "sampling temperature"),
        _field("input_tokens", pa.int64(), "tokens in, cached ones included"),
        _field("output_tokens", pa.int64(), "tokens out, reasoning included"),
        _field("cached_tokens", pa.int64(), "tokens in that came from a cache"),
        _field("reasoning_tokens", pa.int64(), "tokens out that were reasoning"),
        _field("finish_reason", pa.string(), "stop, length, tool_calls, content_filter, ..."),
        _field("status", pa.int64(), "HTTP status"),
        _field("response", pa.string(), "the answer's text"),
        _field("session_id", pa.string(), "the conversation or trace that the caller names"),
        _field("end_user_id", pa.string(), "the caller's own user"),
        _field("sdk", pa.string(), "x-stainless-* headers and alike, in one string"),
        _field("reasoning_in", pa.list_(pa.string()), "keyed digests of opaque reasoning blocks handed in"),
        _field("reasoning_out", pa.list_(pa.string()), "keyed digests of opaque reasoning blocks given out"),
    ]
)
"""A request log, whatever its format was."""

ACCOUNT = pa.schema(
    [
        _must("account_id", pa.string(), "who is billed"),
        _field("api_key_id", pa.string(), "a key of the account: logs that know only the key join by it"),
        _field("created_at", TIME, "when the account was opened"),
        _field("org_id", pa.string(), "the organisation that the account declares"),
        _field("payment_id", pa.string(), "the payment instrument"),
        _field("email_domain", pa.string(), "domain of the account's address"),
        _field("signup_ip", pa.string(), "address at sign-up"),
        _field("signup_country", pa.string(), "country at sign-up; shown, never evidence"),
        _field("plan", pa.string(), "free, paid, enterprise, ..."),
        _field("verified", pa.bool_(), "whether somebody verified the organisation"),
        _field("closed_at", TIME, "when the account was closed"),
        _field("closed_reason", pa.string(), "why it was closed"),
        _field("valid_from", TIME, "first moment at which this row held"),
        _field("valid_to", TIME, "first moment at which it no longer held"),
    ]
)
"""The account registry: the second feed, since no LLM log carries a payment."""

_HASH = pa.int64()

FINGERPRINT = pa.schema(
    [
        _must("position", pa.int64(), "source number << 40 | line of the source: where the exchange stands"),
        _must("exchange", _HASH, "hash of exchange_id"),
        _must("requested_at", TIME, "when the request came in"),
        _must("account", _HASH, "hash of account_id"),
        _field("org", _HASH, "hash of org_id"),
        _field("api_key", _HASH, "hash of api_key_id"),
        _field("payment", _HASH, "hash of payment_id"),
        _field("email_domain", _HASH, "hash of email_domain"),
        _field("ip", _HASH, "hash of the whole address"),
        _field("ip_prefix", _HASH, "hash of the /24 (IPv4) or /48 (IPv6)"),
        _field("asn", pa.int64(), "the address's autonomous system"),
        _field("country", _HASH, "hash of country; for contradictions only"),
        _field("address_kinds", pa.uint8(), "bit set: sources.address_lists.KINDS; null without a database that tells"),
        _field("client", _HASH, "hash of the user agent"),
        _field("client_fingerprint", _HASH, "hash of the TLS or HTTP fingerprint"),
        _field("platform", _HASH, "hash of platform"),
        _must("model", _HASH, "hash of model"),
        _field("session", _HASH, "hash of session_id"),
        _field("end_user", _HASH, "hash of end_user_id"),
        _field("sdk", _HASH, "hash of sdk"),
        _field("system_hash", _HASH, "hash of the system prompt's words: case, space and digits folded"),
        _field("tools_hash", _HASH, "hash of the sorted tool names"),
        _field("first_user_hash", _HASH, "hash of the first user message's words"),
        _field("prompt_hash", _HASH, "hash of the prompt's words; null without text"),
        _field("head_hash", _HASH, "hash of the prompt's first 8 words"),
        _field("tail_hash", _HASH, "hash of the prompt's last 8 words"),
        _field("chunks", pa.binary(N_CHUNKS * 8), "smallest chunk hashes: 4 of the head, 4 of the tail, 8 of all"),
        _field(
            "sketch",
            pa.binary(SKETCH_BINS),
            "one-permutation MinHash of 5-word shingles, a byte a bin, 0 where it is empty",
        ),
        _field("projection", pa.binary(PROJECTION_DIMS), "signed random projection of words and word pairs, int8"),
        _field("prompt_bytes", pa.int64(), "length of the prompt"),
        _field("prompt_words", pa.int64(), "words of the prompt; an ideograph is a word"),
        _field("prompt_lines", pa.int64(), "lines of the prompt"),
        _field("system_bytes", pa.int64(), "length of the system prompt"),
        _field("response_bytes", pa.int64(), "length of the answer"),
        _field("script", pa.int8(), "most frequent script: fingerprint.record.SCRIPTS"),
        _field("markers", pa.int64(), "bit set: fingerprint.record.MARKERS"),
        _field("system_markers", pa.int64(), "the same of the system prompt's first and last 64 words"),
        _field("from_tool", pa.bool_(), "whether the last message is a tool's result"),
        _field("history", _HASH, "hash of history_digest"),
        _field("history_length", pa.int64(), "messages that it covers"),
        _field("messages", pa.list_(_HASH), "hashes of message_digests"),
        _field("turns", pa.int64(), "messages before the last"),
        _field("n_tools", pa.int64(), "tools offered"),
        _field("max_tokens", pa.int64(), "limit asked for"),
        _field("temperature", pa.float32(), "sampling temperature"),
        _field("input_tokens", pa.int64(), "tokens in"),
        _field("output_tokens", pa.int64(), "tokens out"),
        _field("cached_tokens", pa.int64(), "tokens in from a cache"),
        _field("reasoning_tokens", pa.int64(), "tokens out that were reasoning"),
        _field("finish", _HASH, "hash of finish_reason"),
        _field("status", pa.int64(), "HTTP status"),
        _field("reasoning_in", pa.list_(_HASH), "hashes of reasoning blocks handed in"),
        _field("reasoning_out", pa.list_(_HASH), "hashes of reasoning blocks given out"),
    ]
)
"""What is left of an exchange once its text is gone: everything that later steps live on."""

QUARANTINE = pa.schema(
    [
        _must("source", pa.string(), "the file as the user named it"),
        _must("line", pa.int64(), "line or row, from 1; 0: the file as a whole"),
        _must("reason", pa.string(), "why it could not be read, and the mend"),
        _field("raw", pa.string(), "its first 200 bytes, masked; null without exemplars or with pseudonyms"),
    ]
)

TEMPLATE = pa.schema(
    [
        _must("template", pa.int64(), "id: hash of the mould's fixed chunks"),
        _must("family", pa.int64(), "id of the group of templates that are variations of one another"),
        _must("n_exchanges", pa.int64(), "exchanges poured from it"),
        _must("n_accounts", pa.int64(), "accounts that sent it"),
        _must("first_at", TIME, "first seen"),
        _must("last_at", TIME, "last seen"),
        _must("fixed_share", pa.float64(), "median share of a prompt that is mould, 0 to 1"),
        _must("distinct_share", pa.float64(), "distinct prompts over prompts, 0 to 1"),
    ]
)

EXCHANGE_TEMPLATE = pa.schema(
    [
        _must("position", pa.int64(), "of the exchange"),
        _must("template", pa.int64(), "its template"),
    ]
)

FINDING_ACCOUNTS = pa.schema(
    [
        _must("finding_id", pa.string(), "the finding"),
        _must("account_id", pa.string(), "the account"),
        _must("role", pa.string(), "driver, carrier, stolen or adjacent"),
        _must("bits", pa.float64(), "the account's own evidence for belonging, beyond its group's"),
    ]
)

FINDING_EXCHANGES = pa.schema(
    [
        _must("finding_id", pa.string(), "the finding, of verdict campaign or harvest"),
        _must("exchange_id", pa.string(), "the exchange; in at most one campaign"),
        _must("stream_id", pa.string(), "the stream it belongs to"),
        _must("probability", pa.float64(), "that it belongs, 0 to 1"),
    ]
)

FINDING_LINKS = pa.schema(
    [
        _must("campaign_id", pa.string(), "finding of verdict campaign"),
        _must("network_id", pa.string(), "the network that it runs on"),
    ]
)

ACCOUNTS = pa.schema(
    [
        _must("account_id", pa.string(), "the account"),
        _must("verdict", pa.string(), "campaign, network, harvest or clear"),
        _must("coordination_bits", pa.float64(), "evidence that it acts as one with others"),
        _must("extraction_bits", pa.float64(), "evidence that its traffic collects training data"),
        _must("exchanges", pa.int64(), "exchanges kept"),
    ]
)


TESTED = pa.schema(
    [
        _must("entry", pa.string(), "a group that was tested (g...), or a party in none (p...)"),
        _must("stratum", pa.string(), "campaigns, harvests, networks, near misses, clear groups or nobody's"),
        _must("of", pa.int64(), "entries of that stratum in this traffic; of nobody's only a sample is listed"),
        _must("verdict", pa.string(), "campaign, network, harvest or clear"),
        _field("finding_id", pa.string(), "the finding, where it is one"),
        _must("coordination_bits", pa.float64(), "evidence that its accounts act as one"),
        _must("extraction_bits", pa.float64(), "evidence that its traffic collects training data"),
        _must("margin_bits", pa.float64(), "over the best honest explanation"),
        _must("accounts", pa.list_(pa.string()), "its accounts, sorted"),
        _must("exchanges", pa.int64(), "exchanges of it; of a stream, the stream's"),
        _field("facts", pa.string(), "what a reviewer is shown, as JSON (audit.facts.Facts); null where not drawn"),
    ]
)
"""What a scan looked at, the groups below the threshold included: the frame that `stillwatch audit` draws from."""


def describe(schema: pa.Schema) -> list[tuple[str, str, bool, str]]:
    """Name, type, whether it may be missing, and comment of every column of a schema."""
    return [
        (field.name, str(field.type), field.nullable, (field.metadata or {}).get(b"comment", b"").decode())
        for field in schema
    ]
