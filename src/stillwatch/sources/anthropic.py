"""Anthropic's own request and response pairs, as people log them: Messages, streamed or not, and message batches.

The Messages API names neither the account nor the time, so both stand in the wrapper (`sources.envelope`). Its
`input_tokens` leave cached tokens out; ours have them in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from stillwatch.errors import BadRecord
from stillwatch.sources import streamed
from stillwatch.sources.envelope import (
    WRAPPER_FILLS,
    account,
    decoded,
    exchange_id,
    open_envelope,
    status,
    without_nulls,
    wrap,
    wrapper_columns,
)
from stillwatch.sources.messages import (
    CONVERSATION,
    as_messages,
    calls_of,
    opaque_blocks,
    rebuild_messages,
    stand_in,
    text_of,
    tool_names,
)
from stillwatch.sources.registry import Document, Format, Row, register

MARKS = frozenset(("messages", "prompt"))
ERRORS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""Type of an error -> its HTTP status."""

_STOPS = {
    "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded",
}  # fmt: skip
_CODING_TOOL_USER = re.compile(r"^(user_[0-9a-f]+(?:_account_[0-9a-f-]*)?)_session_([0-9a-f-]{8,})$")
"""A coding tool packs its session into `metadata.user_id`: left in, each session would be a user."""


def parse(document: Document) -> Iterator[Row]:
    """The exchange that a pair is.

    Raises: BadRecord for another provider's pair, and for one that lacks its time or names nobody.
    """
    envelope = open_envelope(document, MARKS)
    request, answer = envelope.request, _answer(envelope.response)
    if _others(answer) or not (request or answer):
        raise BadRecord("is no exchange with Anthropic's API")
    row = wrapper_columns(envelope)
    row["exchange_id"] = exchange_id(envelope, answer.get("id"))
    metadata = request.get("metadata")
    user, session = caller(metadata.get("user_id") if isinstance(metadata, dict) else None)
    row["end_user_id"] = row["end_user_id"] or user
    row["session_id"] = row["session_id"] or session
    own = account(envelope)
    if own is None and row["org_id"] is None:
        # Where the wrapper has accounts of its own, the header names who logs, and would make one of all of them.
        row["org_id"] = envelope.headers.get("anthropic-organization-id")
    row["account_id"] = own or row["api_key_id"] or row["org_id"] or row["end_user_id"]
    if row["requested_at"] is None:
        raise BadRecord("lacks a time: the Messages API gives none, so log a timestamp beside request and response")
    if row["account_id"] is None:
        raise BadRecord("names no account: log an account_id, an api_key_id, or the anthropic-organization-id header")
    row["model"] = request.get("model") or answer.get("model")
    fill_request(row, request)
    fill_answer(row, answer)
    error = answer.get("error") or envelope.fields.get("error")
    if isinstance(error, dict) and isinstance(error.get("error"), dict):
        error = error["error"]
    row["status"] = status(envelope, error, ERRORS, bool(answer) and not error)
    yield row


def sniff(document: Document) -> float:
    """Sure with a message or an error of Anthropic's; with a request alone, by its headers, address or model."""
    try:
        return _sureness(document)
    except (AttributeError, TypeError, ValueError):
        # What is put together so oddly is surely nobody's pair; reading it gives the reason.
        return 0.0


def write(rows: Iterable[Row]) -> Iterator[Document]:
    """Pairs in the wrapper that docs/formats/anthropic.md recommends."""
    for row in rows:
        headers = {"anthropic-version": "2023-06-01"}
        if row.get("org_id"):
            headers["anthropic-organization-id"] = row["org_id"]
        system, messages = as_anthropic(rebuild_messages(row))
        request = {
            "model": row["model"],
            "system": system,
            "messages": messages or None,
            "max_tokens": row.get("max_tokens"),
            "temperature": row.get("temperature"),
            "metadata": {"user_id": row["end_user_id"]} if row.get("end_user_id") else None,
        }
        if row.get("tools") is not None:
            request["tools"] = [{"name": name, "input_schema": {"type": "object"}} for name in row["tools"]]
        yield wrap(row, without_nulls(request), write_answer(row), headers)


def fill_request(row: Row, request: Mapping[str, Any]) -> None:
    """What a body of the Messages API asks for, and its messages; also of the older completions."""
    row["tools"] = tool_names(request.get("tools"))
    row["max_tokens"] = request.get("max_tokens", request.get("max_tokens_to_sample"))
    row["temperature"] = request.get("temperature")
    messages: list[dict[str, Any]] = []
    if request.get("messages"):
        messages = as_messages(request["messages"])
    elif isinstance(request.get("prompt"), str):
        messages = [{"role": "user", "content": request["prompt"]}]
    if request.get("system"):
        messages.insert(0, {"role": "system", "content": request["system"]})
    row["messages"] = messages


def fill_answer(row: Row, answer: Mapping[str, Any]) -> None:
    """Text, stop reason, usage and opaque blocks of a message; cached tokens are counted in."""
    usage = answer.get("usage") or {}
    counts = [usage.get(f"{name}input_tokens") for name in ("", "cache_read_", "cache_creation_")]
    row["input_tokens"] = all_input(counts)
    row["output_tokens"] = usage.get("output_tokens")
    row["cached_tokens"] = counts[1]
    details = usage.get("output_tokens_details") or {}
    row["reasoning_tokens"] = details.get("thinking_tokens", details.get("reasoning_tokens"))
    content = answer.get("content")
    spoken = [one for one in content if not _is_call(one)] if isinstance(content, list) else content
    text = text_of(spoken) if spoken else answer.get("completion", answer.get("text"))
    row["response"] = text or None
    row["finish_reason"] = answer.get("stop_reason")
    row["reasoning_out_blocks"] = list(opaque_blocks(content)) if isinstance(content, list) else []


def all_input(counts: Sequence[Any]) -> Any:
    """Tokens in, cached ones counted in, of fresh, read and written ones; what is no number stays for its fault."""
    odd = next((one for one in counts if one is not None and not isinstance(one, int | float)), None)
    return odd if odd is not None else None if counts[0] is None else sum(one or 0 for one in counts)


def is_answer(answer: Mapping[str, Any]) -> bool:
    """Whether a body is a message, a completion or an error of Anthropic's."""
    if answer.get("type") in ("message", "completion"):
        return True
    if answer.get("type") == "error" and isinstance(answer.get("error"), dict):
        return True
    if answer.get("type") in ("errored", "expired", "canceled"):
        return True
    return isinstance(answer.get("content"), list) and "stop_reason" in answer


def caller(user_id: Any) -> tuple[str | None, str | None]:
    """End user and session of a `metadata.user_id`, which coding tools make of several ids."""
    if not isinstance(user_id, str) or not user_id:
        return None, None
    packed = decoded(user_id)
    if isinstance(packed, dict):
        parts = [str(packed[name]) for name in ("account_uuid", "device_id", "user_id") if packed.get(name)]
        session = packed.get("session_id")
        return (parts[0] if parts else user_id), (str(session) if session else None)
    match = _CODING_TOOL_USER.match(user_id)
    return (match.group(1), match.group(2)) if match else (user_id, None)


def as_anthropic(chat: Sequence[Mapping[str, Any]]) -> tuple[Any, list[dict[str, Any]]]:
    """System prompt and messages of the Messages API, of messages in OpenAI's shape; what fits is kept as it is."""
    system: list[Any] = []
    out: list[dict[str, Any]] = []
    for message in chat:
        role, content = message.get("role"), message.get("content")
        if role in ("system", "developer"):
            system.append(content)
            continue
        thinking = list(message.get("thinking_blocks") or ())
        if thinking and role != "assistant" and out and out[-1]["role"] == "assistant":
            # An opaque block stands in the answer that it came with.
            out[-1]["content"] = thinking + _blocks(out[-1]["content"])
            thinking = []
        if role == "tool":
            call = message.get("tool_call_id") or "call"
            result = {"type": "tool_result", "tool_use_id": call, "content": content}
            out.append({"role": "user", "content": [*thinking, result]})
            continue
        calls = [
            {"type": "tool_use", "id": f"call_{i}", "name": name, "input": _arguments(arguments)}
            for i, (name, arguments) in enumerate(calls_of({**message, "content": None}))
        ]
        if thinking or calls:
            content = [*thinking, *_blocks(content), *calls]
        out.append({"role": role or "user", "content": "" if content is None else content})
    if not system:
        return None, out
    if len(system) == 1:
        return system[0], out
    return "\n\n".join(text_of(one) for one in system), out


def write_answer(row: Row) -> dict[str, Any]:
    """A row's answer as a message, or as an error where the status says so and there is none."""
    blocks, code = row.get("reasoning_out"), row.get("status")
    if (
        code is not None
        and code >= 400
        and all(row.get(name) is None for name in ("response", "finish_reason", "input_tokens"))
    ):
        kind = next((name for name, known in ERRORS.items() if known == code), "api_error")
        return {"type": "error", "error": {"type": kind, "message": "not logged"}, "request_id": row["exchange_id"]}
    content: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": "", "signature": stand_in(one)} for one in blocks or ()
    ]
    if row.get("response") is not None:
        content.append({"type": "text", "text": row["response"]})
    total, cached = row.get("input_tokens"), row.get("cached_tokens")
    usage = {
        "input_tokens": None if total is None else total - (cached or 0),
        "cache_read_input_tokens": cached,
        "output_tokens": row.get("output_tokens"),
    }
    if row.get("reasoning_tokens") is not None:
        usage["output_tokens_details"] = {"thinking_tokens": row["reasoning_tokens"]}
    return {
        "id": row["exchange_id"],
        "type": "message",
        "role": "assistant",
        "model": row["model"],
        "content": content,
        "stop_reason": row.get("finish_reason"),
        "usage": usage,
    }


def _sureness(document: Document) -> float:
    if "startTime" in document or "schemaType" in document:
        return 0.0
    envelope = open_envelope(document, MARKS)
    answer = _answer(envelope.response)
    if is_answer(answer):
        return 0.95 if envelope.request else 0.85
    if _others(answer) or not MARKS & set(envelope.request):
        return 0.0
    request = envelope.request
    marks = (
        any(name.startswith("anthropic-") for name in envelope.headers),
        str(envelope.fields.get("url") or envelope.fields.get("path") or "").endswith("/messages"),
        str(request.get("model") or "").startswith("claude"),
        "system" in request or "anthropic_version" in request,
    )
    return 0.9 if any(marks) and not envelope.bare else 0.5 if any(marks) else 0.0


def _answer(value: Any) -> dict[str, Any]:
    value = decoded(value)
    stream = streamed.events(value)
    if stream is not None:
        if any(event.get("type") in ("message_start", "content_block_delta") for event in stream):
            return streamed.message(stream)
        if all(event.get("type") in ("text", "thinking", "tool_use", "redacted_thinking") for event in stream):
            return {"type": "message", "content": stream}
        return {"events": stream}
    if isinstance(value, str):
        return {"text": value} if value else {}
    return dict(value) if isinstance(value, dict) else {}


def _others(answer: Mapping[str, Any]) -> bool:
    """Whether a mark of OpenAI's or another's is on the answer."""
    kind = str(answer.get("object") or "")
    return "choices" in answer or kind.startswith(("chat.completion", "response")) or (bool(answer.get("events")))


def _is_call(block: Any) -> bool:
    # Calls and what a server's own tool gave back are no words of the model's.
    kind = str(block.get("type") or "") if isinstance(block, dict) else ""
    return kind.endswith(("tool_use", "tool_result"))


def _blocks(content: Any) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return list(content or ())


def _arguments(text: str) -> Any:
    value = decoded(text)
    return value if isinstance(value, dict) else {"value": value}


ANTHROPIC = register(
    Format(
        name="anthropic",
        title="Anthropic Messages request and response pairs, message batches (JSON, NDJSON)",
        fills={
            **WRAPPER_FILLS,
            "account_id": "the wrapper's account_id, customer_id, tenant_id or user_id, else the key, else the "
            "anthropic-organization-id header, else metadata.user_id",
            "org_id": "the wrapper's organization_id; where it names no account either, the anthropic-organization-id "
            "header",
            "model": "request.model",
            "end_user_id": "request.metadata.user_id, without the session that coding tools put into it",
            "session_id": "the wrapper's session_id, else the session in metadata.user_id",
            "system_prompt": "request.system",
            **dict.fromkeys(
                CONVERSATION,
                "request.messages",
            ),
            "tools": "request.tools",
            "max_tokens": "request.max_tokens",
            "temperature": "request.temperature",
            "input_tokens": "response.usage: input_tokens + cache_read_input_tokens + cache_creation_input_tokens",
            "output_tokens": "response.usage.output_tokens",
            "cached_tokens": "response.usage.cache_read_input_tokens",
            "reasoning_tokens": "response.usage.output_tokens_details, where the API gives it",
            "finish_reason": "response.stop_reason",
            "status": "the wrapper's status_code, else the error's type",
            "response": "text blocks of response.content",
            "reasoning_in": "signature of thinking and data of redacted_thinking blocks in request.messages",
            "reasoning_out": "signature of thinking and data of redacted_thinking blocks in response.content",
        },
        turn_on={
            "requested_at": "log a timestamp beside request and response: the Messages API gives none",
            "account_id": "log your own account_id beside request and response: the bodies do not say who asked",
            "org_id": "log the response's headers: anthropic-organization-id",
            "ip": "log client_ip, or the request's headers with x-forwarded-for",
            "client": "log the request's headers, user-agent among them",
            "sdk": "log the request's headers, x-stainless-* among them",
            "session_id": "log a session_id",
            "end_user_id": "have callers send metadata.user_id",
            "reasoning_in": "log whole messages, thinking blocks with their signature included",
            "reasoning_out": "log whole answers, thinking blocks with their signature included",
            "payment_id": "bring it in the account registry (--accounts)",
        },
        parse=parse,
        sniff=sniff,
        write=write,
    )
)
