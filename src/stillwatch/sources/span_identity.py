"""Who made a call, from a span's attributes: OpenTelemetry's general names, and those that gateways and tracers add."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillwatch.sources.addresses import clean_address
from stillwatch.sources.envelope import sdk_headers
from stillwatch.sources.joining import Link
from stillwatch.sources.otlp import Attributes, Record
from stillwatch.sources.registry import Row

ACCOUNT = (
    "account.id",
    "customer.id",
    "metadata.user_api_key_user_id",
    "metadata.user_api_key_hash",
    "tenant.id",
    "user.id",
    "enduser.id",
    "traceloop.association.properties.user_id",
    "ai.telemetry.metadata.userId",
    "langfuse.user.id",
    "langfuse.trace.user_id",
    "gen_ai.user",
    "llm.user",
)
"""Attributes that say who is billed, the surest first."""

END_USER = ("enduser.id", "metadata.user_api_key_end_user_id", "gen_ai.user", "llm.user")
ORGANISATION = ("organization.id", "metadata.user_api_key_org_id", "traceloop.association.properties.organization_id")
API_KEY = ("api_key.id", "metadata.user_api_key_hash")
EMAIL = ("user.email", "metadata.user_api_key_user_email")
ADDRESS = (
    "client.address",
    "http.client_ip",
    "metadata.requester_ip_address",
    "http.request.header.x-forwarded-for",
    "http.request.header.x_forwarded_for",
)
PEER = ("network.peer.address", "net.sock.peer.addr")
CLIENT = ("user_agent.original", "http.user_agent", "http.request.header.user-agent", "metadata.user_agent")
SESSION = (
    "gen_ai.conversation.id",
    "session.id",
    "traceloop.association.properties.session_id",
    "traceloop.association.properties.chat_id",
    "ai.telemetry.metadata.sessionId",
    "langfuse.session.id",
    "langfuse.trace.session_id",
)
COUNTRY = ("geo.country.iso_code", "client.geo.country_iso_code")

_EVERYBODY = "default_user_id"
_HEADER = "http.request.header."
_STAINLESS = "http.request.header.x-stainless-"
_LAST = 1 << 30

NamesToColumns = dict[str, tuple[tuple[str, int], ...]]
"""Attribute -> columns and ranks, as `names_to_columns` makes it."""

IDENTITY_FILLS = {
    "account_id": "user.id, else enduser.id; before both account.id, customer.id, LiteLLM's "
    "metadata.user_api_key_user_id and _hash, tenant.id; also of a span above it or of the resource",
    "org_id": "organization.id, or LiteLLM's metadata.user_api_key_org_id",
    "api_key_id": "api_key.id, or LiteLLM's metadata.user_api_key_hash",
    "email_domain": "user.email",
    "ip": "client.address, also of a span above it; LiteLLM's metadata.requester_ip_address",
    "country": "geo.country.iso_code",
    "client": "user_agent.original, also of a span above it",
    "client_fingerprint": "tls.client.ja4, tls.client.ja3, or a header with such a name",
    "session_id": "gen_ai.conversation.id, session.id",
    "end_user_id": "enduser.id, where another attribute names the account",
    "sdk": "http.request.header.x-stainless-*",
}
"""Columns that any span fills, whatever the convention for its content."""

IDENTITY_TURN_ON = {
    "account_id": "set user.id to your customer's id on the LLM span or on the server span above it",
    "org_id": "set organization.id on the LLM span or the server span above it",
    "ip": "export the server spans too: client.address stands on them",
    "client": "export the server spans too: user_agent.original stands on them",
    "sdk": "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST=x-stainless-.*",
    "client_fingerprint": "set tls.client.ja3 or ja4, or capture the header that your proxy puts it into",
    "session_id": "set gen_ai.conversation.id or session.id",
    "payment_id": "bring it in the account registry (--accounts)",
}

ERRORS = {
    "badrequest": 400, "invalidrequest": 400, "validation": 400, "contextwindowexceeded": 400, "unprocessable": 422,
    "contentpolicy": 400, "authentication": 401, "unauthorized": 401, "permission": 403, "accessdenied": 403,
    "forbidden": 403, "notfound": 404, "timeout": 408, "conflict": 409, "ratelimit": 429, "throttl": 429,
    "toomanyrequests": 429, "quota": 429, "internalserver": 500, "apierror": 500, "serviceunavailable": 503,
    "overloaded": 529,
}  # fmt: skip
"""What the type of an error holds, in lower case -> HTTP status."""


def identity(attributes: Attributes, server: bool = False) -> Row:
    """The columns on who called; absent ones are absent. server: whether the span served a client's request."""
    found = by_names(attributes, _NAMES)
    marked = [one for one in attributes if one.startswith(_HEADER) or "ja" in one]
    if not found and not marked:
        return {}
    name = next(
        (one for one in ACCOUNT if one in attributes and scalar(attributes[one]) not in (None, _EVERYBODY)), None
    )
    email = found.get("email")
    fingerprint = next((one for mark in ("ja4", "ja3") for one in sorted(marked) if mark in one), None)
    sdk = sorted(one for one in marked if one.startswith(_STAINLESS))
    row: Row = {
        "account_id": None if name is None else scalar(attributes[name]),
        "account_from": name,
        "org_id": found.get("org_id"),
        "api_key_id": found.get("api_key_id"),
        "email_domain": str(email).rpartition("@")[2].lower() if email is not None and "@" in str(email) else None,
        "ip": clean_address(found.get("address") or (found.get("peer") if server else None)),
        "country": found.get("country"),
        "client": found.get("client"),
        "client_fingerprint": None if fingerprint is None else scalar(attributes[fingerprint]),
        "session_id": found.get("session_id"),
        "end_user_id": found.get("end_user_id") if name not in END_USER else None,
        "sdk": "; ".join(f"{one.removeprefix(_HEADER)}={scalar(attributes[one])}" for one in sdk) or None,
    }
    return {column: value for column, value in row.items() if value is not None}


def names_to_columns(names: Mapping[str, tuple[str, ...]]) -> NamesToColumns:
    """Attribute -> the columns that it may fill, each with its rank among those that may."""
    out: dict[str, list[tuple[str, int]]] = {}
    for column, listed in names.items():
        for rank, name in enumerate(listed):
            out.setdefault(name, []).append((column, rank))
    return {name: tuple(places) for name, places in out.items()}


def by_names(attributes: Attributes, where: NamesToColumns) -> Row:
    """The columns that attributes fill, of several attributes the surest; single values only, and none that is empty.

    The same as `first` for each column, by one look at each attribute there is in place of each that there might be.
    """
    ranks: dict[str, int] = {}
    out: Row = {}
    for name, value in attributes.items():
        for column, rank in where.get(name, ()):
            if rank < ranks.get(column, _LAST) and (found := scalar(value)) is not None:
                ranks[column], out[column] = rank, found
    return out


def facts_row(record: Record) -> Row:
    """What a span that is no call to a model says of the calls below it."""
    row = identity(record.attributes, record.server)
    return {**row, "link": Link(record.key, above=record.above, facts_only=True)}


def status(record: Record) -> int | None:
    """The HTTP status: as logged, else by the type of the error, else 200 where there was none."""
    attributes = record.attributes
    code = first(attributes, ("http.response.status_code", "http.status_code", "error.code"))
    if code is not None and str(code).isdigit():
        return int(code)
    kinds = [attributes.get("error.type"), attributes.get("exception.type")]
    kinds += [inner.get("exception.type") for name, inner in record.events if name == "exception"]
    for kind in kinds:
        if isinstance(kind, int | str) and str(kind).isdigit():
            return int(kind)
        if isinstance(kind, str) and kind:
            plain = kind.lower().replace("_", "")
            known = next((one for mark, one in ERRORS.items() if mark in plain), None)
            if known is not None:
                return known
    return None if record.failed or any(kinds) else 200


def write_identity(row: Row) -> dict[str, Any]:
    """The attributes that come out as the row's identity columns again."""
    named = {
        "user.id": row["account_id"],
        "enduser.id": row.get("end_user_id"),
        "organization.id": row.get("org_id"),
        "api_key.id": row.get("api_key_id"),
        "user.email": f"user@{row['email_domain']}" if row.get("email_domain") else None,
        "client.address": row.get("ip"),
        "geo.country.iso_code": row.get("country"),
        "user_agent.original": row.get("client"),
        "tls.client.ja4": row.get("client_fingerprint"),
        "http.response.status_code": row.get("status"),
    }
    named |= {f"{_HEADER}{name}": [value] for name, value in sdk_headers(row).items()}
    return {name: value for name, value in named.items() if value is not None}


def first(attributes: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """The first attribute of these that is a single value, and not empty."""
    for name in names:
        value = attributes.get(name)
        if value is not None and (found := scalar(value)) is not None:
            return found
    return None


def scalar(value: Any) -> Any:
    """A single value; of a list, as headers are logged, its first; None where there is none."""
    if value.__class__ is str:
        return value or None
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "" else None


_NAMES = names_to_columns(
    {
        "account": ACCOUNT,
        "end_user_id": END_USER,
        "org_id": ORGANISATION,
        "api_key_id": API_KEY,
        "email": EMAIL,
        "address": ADDRESS,
        "peer": PEER,
        "client": CLIENT,
        "session_id": SESSION,
        "country": COUNTRY,
    }
)
