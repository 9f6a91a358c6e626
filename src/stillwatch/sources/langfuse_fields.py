"""What one record of Langfuse's says: who called, with what outcome, and how much it was; names in snake case.

Langfuse has no columns for a client's address, its user agent or an API key: they are found in the metadata, under the
names that gateways and tracers use, in any case and under OpenTelemetry's prefixes too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from stillwatch.sources.addresses import clean_address
from stillwatch.sources.any_chat import unpacked
from stillwatch.sources.envelope import sdk_headers, without_nulls
from stillwatch.sources.litellm import EVERYBODY
from stillwatch.sources.messages import tool_names
from stillwatch.sources.registry import Row
from stillwatch.sources.span_identity import ERRORS

_ACCOUNT = (
    "account_id", "customer_id", "tenant_id", "consumer_id", "account", "customer", "tenant",
    "user_api_key_user_id", "user_api_key_hash",
)  # fmt: skip
_USER = ("langfuse_user_id", "langfuse_trace_user_id", "user_id")
_END_USER = ("end_user_id", "end_user", "user_api_key_end_user_id")
_ORGANISATION = ("org_id", "organization_id", "organisation_id", "user_api_key_org_id")
_API_KEY = ("api_key_id", "api_key_hash", "user_api_key_hash")
_EMAIL = ("email_domain", "user_email", "email", "user_api_key_user_email")
_ADDRESS = (
    "client_ip", "ip", "ip_address", "client_address", "source_ip", "requester_ip_address", "x_forwarded_for",
    "cf_connecting_ip", "x_real_ip", "remote_addr",
)  # fmt: skip
_CLIENT = ("user_agent", "user_agent_original")
_PLATFORM = ("provider", "custom_llm_provider", "ls_provider", "gen_ai_provider_name", "gen_ai_system")
_SESSION = ("langfuse_session_id", "session_id", "conversation_id", "gen_ai_conversation_id", "thread_id")
_NESTED = frozenset(
    ("attributes", "headers", "request_headers", "requester_metadata", "requester_custom_headers", "metadata")
)
_WANTED = frozenset(
    (
        *_ACCOUNT, *_USER, *_END_USER, *_ORGANISATION, *_API_KEY, *_EMAIL, *_ADDRESS, *_CLIENT, *_PLATFORM, *_SESSION,
        "country", "country_code", "http_status", "status_code", "finish_reason", "ls_model_name",
    )
)  # fmt: skip
_PREFIX = re.compile(
    r"^(?:metadata_|attributes_|langfuse_(?:trace|observation)_metadata_)*"
    r"(?:http_request_header_|request_headers_|headers_|requester_custom_headers_)?"
)
_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[.\-\s]")
_CODE = re.compile(r"(?:^|code|status|http|error)\W{0,4}([45]\d\d)\b", re.IGNORECASE)
_CACHED = re.compile(r"cached|cache_read|cache_hit")


def identity(told: Mapping[str, Any], user: Any) -> Row:
    """The columns on who called, out of the metadata; the account only where the metadata names one."""
    account = next((told[name] for name in _ACCOUNT if told.get(name) not in (None, EVERYBODY)), None)
    email = _pick(told, _EMAIL)
    sdk = sorted(name for name in told if name.startswith("x_stainless_"))
    marked = sorted(
        (name for name in told if "ja4" in name or "ja3" in name), key=lambda name: ("ja4" not in name, name)
    )
    return {
        "account_id": account,
        "end_user_id": _pick(told, _END_USER) or (user if account is not None and account != user else None),
        "org_id": _pick(told, _ORGANISATION),
        "api_key_id": _pick(told, _API_KEY),
        "email_domain": None if email is None else str(email).rpartition("@")[2].lower(),
        "ip": clean_address(_pick(told, _ADDRESS)),
        "country": _pick(told, ("country", "country_code")),
        "client": _pick(told, _CLIENT),
        "client_fingerprint": told[marked[0]] if marked else None,
        "platform": _pick(told, _PLATFORM),
        "session_id": _pick(told, _SESSION),
        "sdk": "; ".join(f"{name.replace('_', '-')}={told[name]}" for name in sdk) or None,
    }


def user_of(record: Mapping[str, Any], told: Mapping[str, Any]) -> Any:
    """The user that the application named; None where it named none."""
    return record.get("user_id") or _pick(told, _USER)


def told_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """What the metadata says under names that are known here, those of nested objects among them."""
    metadata = as_map(record.get("metadata"))
    names, values = unpacked(record.get("metadata_names")), unpacked(record.get("metadata_values"))
    if isinstance(names, list) and isinstance(values, list):
        metadata = {**dict(zip(map(str, names), values, strict=False)), **metadata}
    told: dict[str, Any] = {}
    later: list[Mapping[str, Any]] = []
    for name, value in metadata.items():
        known = _known(name)
        if known is None:
            continue
        if known in _NESTED:
            inner = unpacked(value)
            if isinstance(inner, dict):
                later.append(inner)
        elif (found := _single(value)) is not None:
            told.setdefault(known, found)
    for inner in later:
        for name, value in inner.items():
            known = _known(str(name))
            if known is not None and known not in _NESTED and (found := _single(value)) is not None:
                told.setdefault(known, found)
    return told


@lru_cache(maxsize=8192)
def _known(name: str) -> str | None:
    """The plain form of a name in metadata that is looked at; None for any other."""
    plain = _PREFIX.sub("", snake(name))
    wanted = plain in _WANTED or plain in _NESTED or plain.startswith("x_stainless_")
    return plain if wanted or {"ja3", "ja4"} & set(plain.split("_")) else None


@lru_cache(maxsize=8192)
def snake(name: str) -> str:
    """A name in snake case, of camel case or with dots."""
    return _BOUNDARY.sub("_", name).lower()


def tools_of(record: Mapping[str, Any], body: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[str] | None:
    """Names of the tools offered: of the request, else of Langfuse's own column. body: the request's, if it had one."""
    offered = (body.get("tools"), body.get("functions"), parameters.get("tools"), parameters.get("functions"))
    names = tool_names(next((one for one in offered if one is not None), None))
    return names or list(as_map(record.get("tool_definitions"))) or names


def model_of(
    record: Mapping[str, Any],
    parameters: Mapping[str, Any],
    body: Mapping[str, Any],
    told: Mapping[str, Any],
    answer: Row,
) -> Any:
    """The model that was asked for, else the one that answered, which is taken out of the answer's columns."""
    answers = answer.pop("model", None)
    places = (record.get("provided_model_name"), record.get("model"), body.get("model"), parameters.get("model"))
    name = next((one for one in (*places, told.get("ls_model_name"), answers) if one not in (None, "")), None)
    # Google's models have the path of a resource for a name.
    return name.rpartition("/models/")[2] if isinstance(name, str) and name.startswith("projects/") else name


def usage_of(record: Mapping[str, Any]) -> Row:
    """Tokens in and out, whose parts Langfuse keeps beside each other, not inside each other."""
    details = {name: count for name, one in _details(record).items() if (count := _count(one)) is not None}
    if not details:
        return {}
    parts = {name: count for name, count in details.items() if not _is_repeated(name, details)}
    ins = [count for name, count in parts.items() if "input" in name]
    outs = [count for name, count in parts.items() if "output" in name]
    return {
        "input_tokens": sum(ins) if ins else details.get("prompt_tokens"),
        "output_tokens": sum(outs) if outs else details.get("completion_tokens"),
        "cached_tokens": next((count for name, count in details.items() if _CACHED.search(name)), None),
        "reasoning_tokens": next((count for name, count in details.items() if "reasoning" in name), None),
    }


def _details(record: Mapping[str, Any]) -> dict[str, Any]:
    for name in ("usage_details", "provided_usage_details"):
        details = as_map(record.get(name))
        if details or (name in record and "provided_usage_details" not in record):
            return details
    usage = as_map(record.get("usage"))
    counts = {
        "input": usage.get("input", usage.get("promptTokens", record.get("prompt_tokens", record.get("input_usage")))),
        "output": usage.get(
            "output", usage.get("completionTokens", record.get("completion_tokens", record.get("output_usage")))
        ),
    }
    # The API writes 0 where nothing is known.
    return counts if any(counts.values()) else {}


def _is_repeated(name: str, details: Mapping[str, Any]) -> bool:
    """Whether a count says once more what another one says."""
    plain, _, unit = name.rpartition("_")
    return (unit == "tokens" and plain in ("input", "output") and plain in details) or (
        unit in ("5m", "1h") and plain in details
    )


def status_of(record: Mapping[str, Any], told: Mapping[str, Any]) -> int | None:
    """The HTTP status: as the metadata has it, else of the error's message; 200 where the level is no error's."""
    code = next((told[name] for name in ("http_status", "status_code") if str(told.get(name)).isdigit()), None)
    if code is not None:
        return int(code)
    level = record.get("level")
    if level != "ERROR":
        return 200 if level in ("DEFAULT", "DEBUG", "WARNING") else None
    message = str(record.get("status_message") or "")[:500]
    said = _CODE.search(message)
    if said:
        return int(said.group(1))
    plain = re.sub(r"[\s_-]", "", message.lower())
    return next((known for mark, known in ERRORS.items() if mark in plain), None)


def as_map(value: Any) -> dict[str, Any]:
    """A map, as an object, as JSON in a string, or as the pairs that Parquet makes of it; {} where it is none."""
    value = unpacked(value)
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return {_text(one[0]): _text(one[1]) for one in value if isinstance(one, tuple) and len(one) == 2}
    return {}


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _single(value: Any) -> Any:
    """A value that stands by itself; of a list, as headers are logged, its first."""
    if isinstance(value, str) and value[:1] == "[":
        value = unpacked(value)
    if isinstance(value, list):
        value = value[0] if value else None
    value = _text(value)
    return value if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "" else None


def _pick(told: Mapping[str, Any], names: Iterable[str]) -> Any:
    for name in names:
        if name in told:
            return told[name]
    return None


def _count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return int(value)
    except (ValueError, OverflowError):
        return None


def set_number(value: Any) -> Any:
    """A parameter that was set: tracers write -1, "null" and "inf" for those that were not."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        return None
    return int(value) if value == int(value) and isinstance(value, float) else value


def write_usage(row: Row) -> dict[str, int]:
    """A row's tokens as `usage_details`: what was cached or reasoning stands beside the rest."""
    total, out = row.get("input_tokens"), row.get("output_tokens")
    cached, reasoning = row.get("cached_tokens"), row.get("reasoning_tokens")
    counts = {
        "input": None if total is None else total - (cached or 0),
        "input_cached_tokens": cached,
        "output": None if out is None else out - (reasoning or 0),
        "output_reasoning_tokens": reasoning,
    }
    return without_nulls(counts)


def write_metadata(row: Row, account: Any) -> dict[str, Any]:
    """The metadata that comes out as the row's identity again. account: where `user_id` is the end user."""
    named = {
        "account_id": account,
        "org_id": row.get("org_id"),
        "api_key_id": row.get("api_key_id"),
        "email_domain": row.get("email_domain"),
        "client_ip": row.get("ip"),
        "country": row.get("country"),
        "user_agent": row.get("client"),
        "ja4": row.get("client_fingerprint"),
        "provider": row.get("platform"),
    }
    return without_nulls(named | sdk_headers(row))
