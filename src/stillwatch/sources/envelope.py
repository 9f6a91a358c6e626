"""What people put round a provider's request and response when they log them: bodies, headers, times, who asked.

Providers define the two bodies, and nobody defines the wrapper. So its fields are found by the names that gateways,
proxies and hand-written middleware use, written in any case (`accountId`, `account-id`, `account_id`). Bodies may be
JSON in a string; headers may stand in the wrapper, in the request, or in the response.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

from stillwatch.sources.addresses import clean_address
from stillwatch.sources.registry import Document, Row
from stillwatch.sources.values import EPOCH, microseconds

ACCOUNT = (
    "account_id",
    "account",
    "customer_id",
    "customer",
    "tenant_id",
    "tenant",
    "consumer_id",
    "consumer",
    "user_id",
)
API_KEY = ("api_key_id", "key_id", "api_key_hash", "key_hash", "virtual_key", "proxy_key_id", "api_key")
ORGANISATION = ("org_id", "organization_id", "organisation_id", "organization", "organisation", "org", "workspace_id")
TIME = (
    "requested_at", "timestamp", "request_created_at", "request_time", "start_time", "started_at", "received_at",
    "created_at", "created", "time", "ts", "@timestamp", "date",
)  # fmt: skip
IDENTITY = ("exchange_id", "request_id", "event_id", "call_id", "id", "uuid")
ADDRESS = ("client_ip", "ip", "ip_address", "client_address", "source_ip", "x_forwarded_for")
ADDRESS_HEADERS = ("cf-connecting-ip", "true-client-ip", "x-forwarded-for", "x-real-ip")
PEER = ("remote_addr", "remote_address", "peer")
SESSION = ("session_id", "conversation_id", "thread_id", "chat_id", "trace_id")
STATUS = ("status_code", "http_status", "response_status", "status")
PLATFORM = ("platform", "provider")

_REQUEST = ("request", "request_body", "req", "body", "params", "input_body", "request_json")
_RESPONSE = ("response", "response_body", "resp", "res", "result", "chunks", "events", "output_body", "response_json")
_HEADERS = ("headers", "request_headers", "response_headers", "req_headers", "res_headers")
_NESTED = ("account", "user", "client", "caller", "auth", "context", "metadata", "meta", "properties", "log")
_FINGERPRINTS = ("ja4", "ja3")
_HEADER_KEYS = ("x-api-key", "api-key", "authorization")
_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MASKS = re.compile(r"[*•…]+|\.{2,}|x{4,}|redacted|masked|hidden|present|removed|secret|bearer|filtered", re.IGNORECASE)
SHORTEST_KEY = 16
"""Characters of a secret at least: what is shorter was cut, and strangers share it."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A logged pair, opened.

    request: its body, {} where there is none.  response: its body: an object, a list of chunks or events, a text, or
    None.  headers: of request and response, names in lower case.  fields: what else the wrapper says, names in snake
    case.  bare: whether the request's parameters stand in the wrapper itself.
    """

    request: dict[str, Any]
    response: Any
    headers: dict[str, str]
    fields: dict[str, Any]
    bare: bool


def open_envelope(document: Document, request_marks: frozenset[str]) -> Envelope:
    """The two bodies and what is written round them.

    request_marks: names of which a request's body has at least one, such as `messages`.
    """
    fields = {_snake(name): value for name, value in document.items() if value is not None}
    headers: dict[str, str] = {}
    for name in _HEADERS:
        _add_headers(headers, fields.pop(name, None))
    request = _body(fields, _REQUEST, headers, request_marks)
    response = _body(fields, _RESPONSE, headers, None)
    bare = False
    if not isinstance(request, dict):
        bare = bool(request_marks & set(document))
        request = {name: value for name, value in document.items() if name not in _RESPONSE} if bare else {}
    if bare:
        # The request's own user and metadata are the caller's words, not the wrapper's.
        for name in ("user", "metadata", "model", *request_marks):
            fields.pop(name, None)
    for name in _NESTED:
        value = fields.get(name)
        if isinstance(value, dict):
            for inner, one in value.items():
                inner = _snake(str(inner))
                if not isinstance(one, dict | list) and one is not None:
                    fields.setdefault(f"{name}_id" if inner == "id" else inner, one)
    return Envelope(request, response, headers, fields, bare)


def wrapper_columns(envelope: Envelope) -> Row:
    """The columns that the wrapper and the headers fill; absent ones are None."""
    fields, headers = envelope.fields, envelope.headers
    sdk = "; ".join(f"{name}={headers[name]}" for name in sorted(headers) if name.startswith("x-stainless-"))
    addresses = (*(fields.get(name) for name in ADDRESS), *(headers.get(name) for name in ADDRESS_HEADERS))
    email = _scalar(fields, ("email_domain", "email", "user_email", "account_email"))
    return {
        "requested_at": request_time(envelope),
        "org_id": _scalar(fields, ORGANISATION),
        "api_key_id": api_key(envelope),
        "email_domain": str(email).rpartition("@")[2].lower() if email else None,
        "ip": clean_address(next((one for one in (*addresses, *(fields.get(name) for name in PEER)) if one), None)),
        "country": _scalar(fields, ("country", "country_code")) or headers.get("cf-ipcountry"),
        "client": _scalar(fields, ("user_agent", "client")) or headers.get("user-agent"),
        "client_fingerprint": _scalar(fields, ("client_fingerprint", *_FINGERPRINTS))
        or next((value for name, value in headers.items() if any(mark in name for mark in _FINGERPRINTS)), None),
        "platform": _scalar(fields, PLATFORM),
        "session_id": _scalar(fields, SESSION) or headers.get("x-session-id"),
        "end_user_id": _scalar(fields, ("end_user_id", "end_user")),
        "sdk": sdk or None,
    }


def account(envelope: Envelope) -> str | None:
    """Who is billed, where the wrapper names an account."""
    found = _scalar(envelope.fields, ACCOUNT)
    if found is None and not envelope.bare:
        found = _scalar(envelope.fields, ("user",))
    return None if found is None else str(found)


def exchange_id(envelope: Envelope, response_id: Any) -> Any:
    """The wrapper's id, else the request id header, else the response's; plain numbers last, as files repeat them."""
    number = None
    for name in IDENTITY:
        value = envelope.fields.get(name)
        if isinstance(value, str) and value and not value.isdigit():
            return value
        if isinstance(value, int | str) and value != "" and number is None:
            number = value
    header = next((envelope.headers[name] for name in ("x-request-id", "request-id") if name in envelope.headers), None)
    return header or response_id or number


def status(envelope: Envelope, error: Any, types: Mapping[str, int], answered: bool) -> int | None:
    """The HTTP status: as logged, else by the type of the error, else 200 where there is an answer."""
    for name in STATUS:
        value = envelope.fields.get(name)
        if isinstance(value, bool):
            continue
        if isinstance(value, int) or (isinstance(value, str) and value.isdigit()):
            return int(value)
        if isinstance(value, str) and value.lower() in ("ok", "success", "succeeded", "completed") and not error:
            return 200
    if error:
        known = [error.get(name) for name in ("status", "code", "type")] if isinstance(error, dict) else [error]
        for one in known:
            if isinstance(one, int) or (isinstance(one, str) and one.isdigit()):
                return int(one)
            if isinstance(one, str) and one in types:
                return types[one]
        return None
    return 200 if answered else None


def api_key(envelope: Envelope) -> str | None:
    """The key's id as the wrapper has it; where only the secret was logged, its SHA-256; None where that was masked."""
    for value in (
        *(envelope.fields.get(name) for name in API_KEY),
        *(envelope.headers.get(name) for name in _HEADER_KEYS),
    ):
        if isinstance(value, str) and value:
            secret = value.removeprefix("Bearer ").strip()
            if not secret.startswith("sk-") and value not in (envelope.headers.get(name) for name in _HEADER_KEYS):
                return value
            if len(secret) >= SHORTEST_KEY and not _MASKS.search(secret):
                return "sha256:" + sha256(secret.encode()).hexdigest()
    return None


def request_time(envelope: Envelope) -> Any:
    """When the request came in, by the wrapper or the response's Date header; None where neither says."""
    found = _scalar(envelope.fields, TIME)
    if found is not None:
        return found
    header = envelope.headers.get("date")
    if header:
        try:
            return parsedate_to_datetime(header)
        except ValueError:
            return header
    return None


def sdk_headers(row: Row) -> dict[str, str]:
    """The headers of the client's SDK that a row's `sdk` was put together from."""
    pairs = (pair.partition("=") for pair in (row.get("sdk") or "").split("; "))
    return {name: value for name, equals, value in pairs if equals}


def wrap(row: Row, request: dict[str, Any], response: dict[str, Any] | None, headers: dict[str, str]) -> Document:
    """A pair in the wrapper that `docs/formats` recommends."""
    headers |= sdk_headers(row)
    for name, column in (("user-agent", "client"), ("x-ja4", "client_fingerprint")):
        if row.get(column):
            headers[name] = row[column]
    wrapped: Document = {
        "request_id": row["exchange_id"],
        "timestamp": iso_time(row["requested_at"]),
        "account_id": row["account_id"],
    }
    for name, column in (
        ("organization_id", "org_id"), ("api_key_id", "api_key_id"), ("email_domain", "email_domain"),
        ("client_ip", "ip"), ("country", "country"), ("platform", "platform"), ("session_id", "session_id"),
        ("status_code", "status"),
    ):  # fmt: skip
        if row.get(column) is not None:
            wrapped[name] = row[column]
    return {**wrapped, "headers": headers, "request": request, "response": response}


WRAPPER_FILLS = {
    "exchange_id": "the wrapper's request_id or id, else x-request-id or request-id, else the response's id",
    "requested_at": "the wrapper's timestamp (also created_at, start_time, ...), else the Date header",
    "email_domain": "the wrapper's email",
    "ip": "the wrapper's client_ip or ip, else x-forwarded-for and alike",
    "country": "the wrapper's country, else cf-ipcountry",
    "client": "the user-agent header",
    "client_fingerprint": "a ja4 or ja3 header, or the wrapper's",
    "platform": "the wrapper's platform or provider",
    "session_id": "the wrapper's session_id, conversation_id, thread_id or trace_id",
    "sdk": "the x-stainless-* headers",
    "api_key_id": "the wrapper's api_key_id or api_key_hash, else the SHA-256 of the key in the headers, unless masked",
}
"""Columns that any wrapper fills, whatever the provider."""


def decoded(value: Any) -> Any:
    """The value, or what it holds where it is JSON in a string."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    """The object without its absent members, as clients send them."""
    return {name: one for name, one in value.items() if one is not None}


def iso_time(value: Any) -> str:
    """A row's time in ISO 8601, UTC, to the microsecond."""
    stamp = microseconds(value)
    return str(value) if stamp is None else (EPOCH + timedelta(microseconds=stamp)).isoformat()


def _body(fields: dict[str, Any], names: tuple[str, ...], headers: dict[str, str], marks: frozenset[str] | None) -> Any:
    for name in names:
        if name not in fields:
            continue
        value = decoded(fields[name])
        if marks is not None and not isinstance(value, dict):
            continue
        del fields[name]
        if isinstance(value, dict):
            _add_headers(headers, value.get("headers"))
            for inner in ("body", "json", "message", "params"):
                # A message is Anthropic's batch result; a request's or a response's body is what HTTP captures hold.
                if inner in value and not (marks or frozenset(("choices", "output", "content"))) & set(value):
                    for key in ("url", "method", "path", *STATUS, "request_id"):
                        if isinstance(value.get(key), str | int) and not (inner == "message" and key == "status"):
                            fields.setdefault(key, value[key])
                    inside = decoded(value[inner])
                    if isinstance(inside, dict | list) or (isinstance(inside, str) and inner == "body"):
                        return inside
        return value
    return None


def _add_headers(headers: dict[str, str], value: Any) -> None:
    value = decoded(value)
    if isinstance(value, dict):
        pairs: list[tuple[Any, Any]] = list(value.items())
    elif isinstance(value, list):
        # HAR and WSGI: lists of {"name", "value"}, or of pairs.
        pairs = [(one.get("name"), one.get("value")) for one in value if isinstance(one, dict)]
        pairs += [(one[0], one[1]) for one in value if isinstance(one, list) and len(one) == 2]
    else:
        return
    for name, one in pairs:
        if isinstance(one, list):
            one = one[0] if one else None
        if isinstance(name, str) and isinstance(one, str | int | float):
            headers.setdefault(name.lower(), str(one))


def _scalar(fields: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        value = fields.get(name)
        if isinstance(value, str | int | float | datetime) and not isinstance(value, bool) and value != "":
            return value
    return None


@lru_cache(maxsize=4096)
def _snake(name: str) -> str:
    return _BOUNDARY.sub("_", name).lower().replace("-", "_")
