"""Langfuse's exports: enriched observations (`events_full`), the older observations and traces, and its API's answers.

Names may be in snake case (blob storage, ClickHouse) or in camel case (the UI's exports, the API). Only observations of
type GENERATION are exchanges. In the older tables the user stands on the trace: traces and spans are read for what they
tell of the generations in them. `user_id` is whatever the application sent, so a customer named in the metadata goes
before it. `events_core` keeps 200 characters of a text: JSON that was cut there is left out, and said.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from stillwatch.errors import BadRecord
from stillwatch.sources import litellm
from stillwatch.sources.any_chat import answered, asked, unpacked
from stillwatch.sources.envelope import iso_time, without_nulls
from stillwatch.sources.joining import Link
from stillwatch.sources.langfuse_fields import (
    as_map,
    identity,
    model_of,
    set_number,
    snake,
    status_of,
    told_of,
    tools_of,
    usage_of,
    user_of,
    write_metadata,
    write_usage,
)
from stillwatch.sources.messages import CONVERSATION, rebuild_messages
from stillwatch.sources.registry import Document, Format, Row, register

CUT_CHARACTERS = 200
"""Of input and output in `events_core`, by the definition of its view."""

CUT_NOTE = "messages are cut at 200 characters, as in events_core, and left out: export events_full"
NO_ACCOUNT = (
    "names no account: neither it nor its trace has a user (have the application set user_id; export traces too)"
)

KINDS = frozenset(
    ("GENERATION", "SPAN", "EVENT", "AGENT", "TOOL", "CHAIN", "RETRIEVER", "EVALUATOR", "EMBEDDING", "GUARDRAIL")
)

_GONE = (*litellm.REDACTED, "<truncated due to size exceeding limit>", "<failed to serialize>")
_LIMITS = ("max_completion_tokens", "max_output_tokens", "max_tokens", "max_tokens_to_sample", "max_new_tokens")


def parse(document: Document) -> Iterator[Row]:
    """The exchanges and facts that a record holds, or a page of them.

    Raises: BadRecord where it is none of Langfuse's.
    """
    for record in _records(document):
        kind = _kind(record)
        if kind is None:
            raise BadRecord("is no record of a Langfuse export")
        if kind in ("score", "manifest") or record.get("is_deleted") in (1, "1", True):
            continue
        if kind == "GENERATION":
            yield _exchange(record)
        else:
            facts = _facts(record, record.get("id") if kind == "trace" else record.get("trace_id"), kind == "trace")
            if facts is not None:
                yield facts


def sniff(document: Document) -> float:
    """Sure with a type of observation among Langfuse's columns, or with a trace's."""
    if not isinstance(document, dict):
        return 0.0
    listed = _listed(document)
    if listed is None:
        return _sureness(document)
    page = [_sureness(one) for one in listed[:5] if isinstance(one, dict)]
    return sum(page) / len(page) if page else 0.0


def split(data: bytes) -> Iterator[bytes] | None:
    """The records of a page of the API, or of a downloaded trace, one by one; None for any other document."""
    if b'"data"' not in data and b'"observations"' not in data:
        return None
    try:
        whole = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        name = "data" if "meta" in whole else "observations"
        listed = msgspec.json.decode(whole.get(name, b"null"), type=list[msgspec.Raw] | None) or []
        own = {one: value for one, value in whole.items() if one not in ("observations", "scores", "data", "meta")}
        above = own.get("trace", msgspec.json.encode(own))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not listed or any(bytes(one[:1]) != b"{" for one in map(bytes, listed)):
        return None
    records = (bytes(one) for one in listed)
    return records if name == "data" else iter((bytes(above), *records))


def write(rows: Iterable[Row]) -> Iterator[Document]:
    """Rows of `events_full` as a blob storage export has them."""
    for row in rows:
        chat = rebuild_messages(row)
        offered = None if row.get("tools") is None else [_definition(name) for name in row["tools"]]
        request = {"messages": chat} if chat else {}
        if offered is not None:
            request["tools"] = offered
        end_user, status = row.get("end_user_id"), row.get("status")
        failed = status is not None and status >= 400
        answer = litellm.answer(row)
        start = iso_time(row["requested_at"])
        yield {
            "id": row["exchange_id"],
            "trace_id": row.get("session_id"),
            "start_time": start,
            "end_time": start,
            "project_id": "project",
            "parent_observation_id": None,
            "type": "GENERATION",
            "name": "chat",
            "level": None if status is None else "ERROR" if failed else "DEFAULT",
            "status_message": f"Error code: {status}" if failed else "",
            "environment": "default",
            "user_id": end_user or row["account_id"],
            "session_id": row.get("session_id"),
            "provided_model_name": row["model"],
            "model_parameters": _dumped(without_nulls({name: row.get(name) for name in ("max_tokens", "temperature")})),
            "usage_details": write_usage(row),
            "tool_definitions": {one["function"]["name"]: _dumped(one) for one in offered or ()},
            "input": _dumped(request) if request else "",
            "output": "" if answer is None else _dumped(answer),
            "metadata": write_metadata(row, row["account_id"] if end_user else None),
        }


def _exchange(record: Mapping[str, Any]) -> Row:
    told = told_of(record)
    trace = record.get("trace_id")
    user = user_of(record, told)
    row = identity(told, user)
    notes = []
    texts = {}
    for name in ("input", "output"):
        value = record.get(name)
        if _is_cut(value):
            notes.append(CUT_NOTE)
        elif not (isinstance(value, str) and value.startswith(_GONE)):
            texts[name] = value
    messages, body = asked(texts.get("input"))
    if any(isinstance(one.get("content"), str) and one["content"].startswith(_GONE) for one in messages):
        messages = []
    parameters = as_map(record.get("model_parameters"))
    told_first = parameters.get("instructions")
    if isinstance(told_first, str) and told_first and not any(one.get("role") == "system" for one in messages):
        # OpenAI's Responses have the system prompt beside the messages, and tracers put it among the parameters.
        messages = [{"role": "system", "content": told_first}, *messages]
    answer = answered(texts.get("output"))
    if str(answer.get("response") or "").startswith(_GONE):
        answer["response"] = None
    row |= answer
    row |= usage_of(record)
    session = row.pop("session_id")
    row |= {
        "exchange_id": record.get("span_id") or record.get("id"),
        "requested_at": record.get("start_time"),
        "model": model_of(record, parameters, body, told, answer),
        "session_id": record.get("session_id") or None,
        "messages": messages,
        "tools": tools_of(record, body, parameters),
        "max_tokens": _limit(parameters) or _limit(body),
        "temperature": set_number(parameters.get("temperature", body.get("temperature"))),
        "status": status_of(record, told),
        "notes": list(dict.fromkeys(notes)),
        "no_account": NO_ACCOUNT,
    }
    if row.get("finish_reason") is None:
        row["finish_reason"] = told.get("finish_reason") or parameters.get("finishReason")
    # What the trace says of its session and of whose it is goes before what only the call says.
    otherwise = {name: value for name, value in (("account_id", user), ("session_id", session or trace)) if value}
    return {**row, "link": Link(None, above=None if trace is None else str(trace), otherwise=otherwise)}


def _limit(parameters: Mapping[str, Any]) -> Any:
    for name in _LIMITS:
        if name in parameters and (limit := set_number(parameters[name])) is not None:
            return limit
    return None


def _facts(record: Mapping[str, Any], trace: Any, whole: bool) -> Row | None:
    """What a trace or another observation of it says of the generations below; None where it says nothing.

    whole: whether its metadata is about the request; that of a tool's call is about the tool.
    """
    told = told_of(record) if whole or not (record.get("parent_span_id") or record.get("parent_observation_id")) else {}
    user = user_of(record, told)
    row = identity(told, user)
    row["account_id"] = row["account_id"] or user
    row["session_id"] = record.get("session_id") or row["session_id"]
    # What served another step of the trace did not serve this one.
    row = {name: value for name, value in row.items() if value not in (None, "") and name != "platform"}
    if not trace or not row:
        return None
    return {**row, "link": Link(str(trace), facts_only=True)}


def _records(document: Document) -> Iterator[Mapping[str, Any]]:
    """The records of a page or a downloaded trace, or the one that the document is, names in snake case."""
    listed = _listed(document)
    for one in [document] if listed is None else listed:
        if not isinstance(one, dict):
            raise BadRecord("is no record of a Langfuse export")
        yield _renamed(one)


def _renamed(record: Mapping[str, Any]) -> Mapping[str, Any]:
    if "trace_id" in record or "user_id" in record or "project_id" in record:
        return record
    return {snake(name): value for name, value in record.items()}


def _listed(document: Mapping[str, Any]) -> list[Any] | None:
    data, below = document.get("data"), document.get("observations")
    if isinstance(data, list) and isinstance(document.get("meta"), dict):
        return data
    if isinstance(below, list) and below and all(isinstance(one, dict) for one in below):
        trace = document.get("trace")
        own = {name: value for name, value in document.items() if name not in ("observations", "scores")}
        return [trace if isinstance(trace, dict) else own, *below]
    return None


def _kind(record: Mapping[str, Any]) -> str | None:
    """The type of an observation, `trace`, `score`, `manifest` (of an export's files), or None."""
    kind = record.get("type")
    if isinstance(kind, str) and kind.upper() in KINDS and ("trace_id" in record or "start_time" in record):
        return kind.upper()
    if "value" in record and ("data_type" in record or "string_value" in record):
        return "score"
    if "timestamp" in record and "id" in record and len(_TRACE & set(record)) >= 2:
        return "trace"
    return "manifest" if "export_source" in record and "files" in record else None


_TRACE = frozenset(("user_id", "session_id", "bookmarked", "public", "tags", "release", "project_id", "html_path"))
_ONLY_TRACES = frozenset(("bookmarked", "public", "tags", "release", "html_path"))
_ONLY_OBSERVATIONS = frozenset(
    (
        "span_id", "parent_span_id", "parent_observation_id", "project_id", "status_message", "completion_start_time",
        "provided_model_name", "model_parameters", "usage_details", "provided_usage_details", "cost_details",
        "prompt_version", "trace_name",
    )
)  # fmt: skip
"""Columns that hardly anybody else has."""


def _sureness(document: Mapping[str, Any]) -> float:
    record = _renamed(document)
    kind = _kind(record)
    if kind is None:
        return 0.0
    if kind in KINDS:
        marks = len(_ONLY_OBSERVATIONS & set(record))
        return 0.0 if "trace_id" not in record or marks < 2 else 0.95 if marks >= 4 else 0.8
    if kind == "trace":
        return 0.9 if len(_ONLY_TRACES & set(record)) >= 2 else 0.4
    return 0.9 if "trace_id" in record or kind == "manifest" else 0.0


def _is_cut(value: Any) -> bool:
    """Whether a text is JSON that ends at the length at which `events_core` cuts."""
    if not isinstance(value, str) or len(value) != CUT_CHARACTERS:
        return False
    return value.lstrip()[:1] in ("{", "[") and isinstance(unpacked(value), str)


def _definition(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


LANGFUSE = register(
    Format(
        name="langfuse",
        title="Langfuse exports: events_full, observations and traces, API pages (JSONL, JSON, CSV, Parquet)",
        fills={
            "exchange_id": "span_id, or id",
            "requested_at": "start_time",
            "account_id": "metadata: account_id, customer_id or tenant_id, or LiteLLM's user_api_key_user_id or "
            "_hash; else user_id, also of the trace: whatever the application sent, an end user of the project's",
            "org_id": "metadata: org_id or organization_id, or LiteLLM's user_api_key_org_id; never project_id",
            "api_key_id": "metadata: api_key_id, or LiteLLM's user_api_key_hash; never ingestion_api_key",
            "email_domain": "metadata: user_email",
            "ip": "metadata: client_ip, client.address, requester_ip_address or x-forwarded-for",
            "country": "metadata: country",
            "client": "metadata: user_agent, user_agent.original, or a user-agent header",
            "client_fingerprint": "metadata: ja4 or ja3",
            "platform": "metadata: provider, ls_provider or gen_ai.system",
            "model": "provided_model_name, or model",
            "system_prompt": "input",
            **dict.fromkeys(
                CONVERSATION,
                "input",
            ),
            "tools": "tools in input, or tool_definitions",
            "max_tokens": "model_parameters",
            "temperature": "model_parameters",
            "input_tokens": "usage_details: all that is input, cached tokens too",
            "output_tokens": "usage_details: all that is output, reasoning too",
            "cached_tokens": "usage_details: input_cached_tokens or input_cache_read",
            "reasoning_tokens": "usage_details: output_reasoning_tokens or output_reasoning",
            "finish_reason": "output",
            "status": "level, and the code in status_message",
            "response": "output",
            "session_id": "session_id, also of the trace, else trace_id",
            "end_user_id": "user_id, where the metadata names the account",
            "sdk": "metadata: x-stainless-* headers",
            "reasoning_in": "signatures in input",
            "reasoning_out": "signatures in output",
        },
        turn_on={
            "account_id": "have the gateway put the billed customer into the metadata as account_id, or into user_id",
            "org_id": "put the customer's organisation into the metadata as org_id",
            "api_key_id": "put the key's id or hash into the metadata as api_key_id",
            "ip": "put the client's address into the metadata as client_ip",
            "client": "put the client's user agent into the metadata as user_agent",
            "client_fingerprint": "put the client's JA4 into the metadata as ja4",
            "sdk": "put the client's x-stainless-* headers into the metadata",
            "prompt": "export events_full (enriched observations) with the field group io: events_core cuts texts",
            "response": "export events_full (enriched observations) with the field group io: events_core cuts texts",
            "tools": "export the field group tools, or log tools in input",
            "session_id": "set session_id on the trace",
            "end_user_id": "put the billed customer into the metadata as account_id, and its own user into user_id",
            "payment_id": "bring it in the account registry (--accounts)",
        },
        parse=parse,
        sniff=sniff,
        write=write,
        split=split,
        joined=True,
    )
)
