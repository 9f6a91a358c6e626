"""LiteLLM's StandardLoggingPayload, as its callbacks write it to files, object storage and webhooks.

The account is `metadata.user_api_key_user_id`; where there is none, or only the `default_user_id` that LiteLLM gives
to everybody, it is the key's hash. Text that LiteLLM redacted is absent: it would look like one template that
everybody shares.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from stillwatch.errors import BadRecord
from stillwatch.sources.addresses import clean_address
from stillwatch.sources.envelope import sdk_headers
from stillwatch.sources.messages import as_messages, opaque_blocks, rebuild_messages, stand_in, text_of, tool_names
from stillwatch.sources.registry import Document, Format, Row, register
from stillwatch.sources.values import microseconds

REDACTED = ("redacted-by-litellm", "redacted by litellm")
EVERYBODY = "default_user_id"
_FINGERPRINTS = ("ja4", "ja3")


def parse(document: Document) -> Iterator[Row]:
    """The exchange that a payload holds."""
    if "startTime" not in document:
        raise BadRecord("lacks startTime")
    metadata = as_object(document.get("metadata"))
    row = shared_columns(document, metadata)
    row["exchange_id"] = first(document.get("id"), document.get("call_id"), document.get("litellm_call_id"))
    row["account_id"] = account(metadata.get("user_api_key_user_id"), metadata.get("user_api_key_hash"))
    row["org_id"] = first(metadata.get("user_api_key_org_id"))
    row["api_key_id"] = first(metadata.get("user_api_key_hash"))
    row["session_id"] = first(document.get("session_id"), metadata.get("session_id"), document.get("trace_id"))
    parameters = as_object(document.get("model_parameters"))
    fill_request(row, parameters)
    fill_messages(row, document.get("messages"), parameters)
    fill_answer(row, document.get("response"))
    yield row


def sniff(document: Document) -> float:
    """Sure with its camel-case times, its call type and its key metadata."""
    if "startTime" not in document or not isinstance(document.get("metadata"), dict):
        return 0.0
    marks = ("call_type", "model_map_information", "hidden_params", "model_parameters", "response_cost", "trace_id")
    score = sum(mark in document for mark in marks) / len(marks)
    named = any(str(name).startswith("user_api_key_") for name in document["metadata"])
    return 0.0 if "request_id" in document and "api_key" in document else min(1.0, score + 0.4 * named)


def write(rows: Iterable[Row]) -> Iterator[Document]:
    """Payloads of the exchanges."""
    for row in rows:
        start = (microseconds(row["requested_at"]) or 0) / 1e6
        ok = row.get("status") in (None, 200)
        account_is_key = row.get("account_id") == row.get("api_key_id")
        document: Document = {
            "id": row["exchange_id"],
            "trace_id": row.get("session_id"),
            "call_type": "acompletion",
            "response_cost": 0.0,
            "status": "success" if ok else "failure",
            "custom_llm_provider": row.get("platform"),
            "startTime": start,
            "endTime": start,
            "model": row["model"],
            "metadata": {
                "user_api_key_hash": row.get("api_key_id"),
                "user_api_key_user_id": None if account_is_key else row["account_id"],
                "user_api_key_org_id": row.get("org_id"),
                "user_api_key_user_email": f"user@{row['email_domain']}" if row.get("email_domain") else None,
                "user_agent": row.get("client"),
                "requester_custom_headers": _headers(row),
                "usage_object": usage(row),
            },
            "request_tags": [],
            "end_user": row.get("end_user_id") or "",
            "requester_ip_address": row.get("ip"),
            "messages": rebuild_messages(row) or None,
            "response": answer(row),
            "model_parameters": parameters(row),
            "prompt_tokens": row.get("input_tokens"),
            "completion_tokens": row.get("output_tokens"),
            "hidden_params": {},
        }
        if not ok:
            document["error_information"] = {"error_code": str(row["status"])}
        yield document


def shared_columns(document: Document, metadata: Mapping[str, Any]) -> Row:
    """Columns that payload and spend log write the same way."""
    headers = {str(name).lower(): value for name, value in as_object(metadata.get("requester_custom_headers")).items()}
    usage_object = as_object(metadata.get("usage_object")) or as_object(
        as_object(document.get("response")).get("usage")
    )
    details_in = as_object(usage_object.get("prompt_tokens_details"))
    details_out = as_object(usage_object.get("completion_tokens_details"))
    email = metadata.get("user_api_key_user_email")
    sdk = "; ".join(f"{name}={headers[name]}" for name in sorted(headers) if name.startswith("x-stainless-"))
    fingerprint = (value for name, value in headers.items() if any(mark in name for mark in _FINGERPRINTS))
    return {
        "requested_at": document["startTime"],
        "email_domain": email.rpartition("@")[2].lower() if isinstance(email, str) and "@" in email else None,
        "ip": clean_address(first(document.get("requester_ip_address"), metadata.get("requester_ip_address"))),
        "client": first(document.get("user_agent"), metadata.get("user_agent"), headers.get("user-agent"))
        or _tagged_agent(document.get("request_tags")),
        "client_fingerprint": next(fingerprint, None),
        "platform": first(document.get("custom_llm_provider")),
        "model": first(document.get("model"), document.get("model_group")),
        "input_tokens": document.get("prompt_tokens"),
        "output_tokens": document.get("completion_tokens"),
        "cached_tokens": first(usage_object.get("cache_read_input_tokens"), details_in.get("cached_tokens")),
        "reasoning_tokens": details_out.get("reasoning_tokens"),
        "status": _status(document, metadata),
        "end_user_id": first(document.get("end_user"), metadata.get("user_api_key_end_user_id")),
        "sdk": sdk or None,
    }


def account(user: Any, key: Any) -> Any:
    """The user, else the key's hash."""
    return first(None if user == EVERYBODY else user, key)


def fill_request(row: Row, parameters: Mapping[str, Any]) -> None:
    """What the request asked for: tools, limit, temperature."""
    row["tools"] = tool_names(parameters.get("tools") or parameters.get("functions"))
    limit = first(
        parameters.get("max_completion_tokens"), parameters.get("max_tokens"), parameters.get("max_output_tokens")
    )
    row["max_tokens"] = limit
    row["temperature"] = parameters.get("temperature")


def fill_messages(row: Row, messages: Any, parameters: Mapping[str, Any]) -> None:
    """The conversation, unless it was redacted or not stored."""
    if isinstance(messages, str):
        stripped = messages.strip()
        if not stripped or stripped in ("{}", "[]", "null") or stripped.startswith(REDACTED):
            return
    if not messages:
        return
    listed = as_messages(messages)
    if any(str(message.get("content")).startswith(REDACTED) for message in listed):
        return
    system = parameters.get("system") or parameters.get("instructions")
    if system and not any(message.get("role") in ("system", "developer") for message in listed):
        listed.insert(0, {"role": "system", "content": system})
    row["messages"] = listed


def fill_answer(row: Row, response: Any) -> None:
    """Text, finish reason and reasoning blocks of a response: chat completion, Responses, Messages, or plain text."""
    if isinstance(response, str):
        stripped = response.strip()
        decoded = _decoded(stripped) if stripped[:1] in ("{", "[") else None
        if decoded is None:
            row["response"] = response if stripped and not stripped.startswith(REDACTED) else None
            return
        response = decoded
    if isinstance(response, list):
        response = {"output": response}
    if not isinstance(response, dict) or not response:
        return
    choices = response.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = choice.get("message") or choice.get("delta") or {}
    content = message if message else response.get("content") or response.get("output")
    if isinstance(message, dict) and message:
        text = text_of(message.get("content"))
    elif choice.get("text"):
        text = str(choice["text"])
    elif isinstance(content, list):
        items = [one for one in content if not isinstance(one, dict) or one.get("type") in (None, "text", "message")]
        text = text_of(
            [one.get("content", one) if isinstance(one, dict) and "content" in one else one for one in items]
        )
        if not text:
            text = "\n".join(
                text_of(one["content"])
                for one in items
                if isinstance(one, dict) and isinstance(one.get("content"), list)
            )
    else:
        text = text_of(content) if content else str(response.get("text") or "")
    row["response"] = text if text and not text.startswith(REDACTED) else None
    row["finish_reason"] = first(choice.get("finish_reason"), response.get("stop_reason"), response.get("status"))
    row["reasoning_out_blocks"] = list(opaque_blocks(content if isinstance(content, list | dict) else []))


def as_object(value: Any) -> dict[str, Any]:
    """A JSON object, also where it was logged as a string; empty where it is none."""
    if isinstance(value, str) and value[:1] == "{":
        value = _decoded(value)
    return dict(value) if isinstance(value, dict) else {}


def first(*values: Any) -> Any:
    """The first value that is neither null nor empty."""
    return next((value for value in values if value is not None and value != ""), None)


def parameters(row: Row) -> dict[str, Any]:
    """A row's request parameters, as LiteLLM logs them."""
    out: dict[str, Any] = {}
    if row.get("max_tokens") is not None:
        out["max_tokens"] = row["max_tokens"]
    if row.get("temperature") is not None:
        out["temperature"] = row["temperature"]
    if row.get("tools") is not None:
        out["tools"] = [{"type": "function", "function": {"name": name}} for name in row["tools"]]
    return out


def usage(row: Row) -> dict[str, Any]:
    """A row's usage, as LiteLLM logs it."""
    return {
        "prompt_tokens": row.get("input_tokens"),
        "completion_tokens": row.get("output_tokens"),
        "prompt_tokens_details": {"cached_tokens": row.get("cached_tokens")},
        "completion_tokens_details": {"reasoning_tokens": row.get("reasoning_tokens")},
    }


def answer(row: Row) -> dict[str, Any] | None:
    """A row's response as a chat completion; None where there is nothing of it."""
    blocks = row.get("reasoning_out")
    if row.get("response") is None and row.get("finish_reason") is None and not blocks:
        return None
    message: dict[str, Any] = {"role": "assistant", "content": row.get("response")}
    if blocks:
        message["thinking_blocks"] = [
            {"type": "thinking", "thinking": "", "signature": stand_in(one)} for one in blocks
        ]
    return {"choices": [{"index": 0, "finish_reason": row.get("finish_reason"), "message": message}]}


def iso(value: Any) -> str:
    """A row's time as the database writes it."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _headers(row: Row) -> dict[str, str]:
    headers = sdk_headers(row)
    if row.get("client_fingerprint"):
        headers["x-ja4"] = row["client_fingerprint"]
    return headers


def _tagged_agent(tags: Any) -> str | None:
    if isinstance(tags, str):
        tags = _decoded(tags)
    # LiteLLM writes two tags, the product and the whole; the whole is the longer one.
    agents = [tag.removeprefix("User-Agent: ") for tag in tags or () if str(tag).startswith("User-Agent: ")]
    return max(agents, key=len, default=None)


def _status(document: Document, metadata: Mapping[str, Any]) -> int | None:
    status = first(document.get("status"), metadata.get("status"))
    if status == "success":
        return 200
    error = as_object(document.get("error_information")) or as_object(metadata.get("error_information"))
    code = str(error.get("error_code") or "")
    if code.isdigit():
        return int(code)
    return 200 if status is None and not error else None


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


FILLS = {
    "requested_at": "startTime",
    "email_domain": "metadata.user_api_key_user_email",
    "ip": "requester_ip_address",
    "client": "user_agent, metadata.user_agent, or request_tags",
    "client_fingerprint": "a ja4 or ja3 header in metadata.requester_custom_headers",
    "platform": "custom_llm_provider",
    "model": "model",
    "system_prompt": "messages",
    "prompt": "messages",
    "first_user": "messages",
    "prompt_source": "messages",
    "history_digest": "messages",
    "history_length": "messages",
    "message_digests": "messages",
    "turns": "messages",
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "cached_tokens": "metadata.usage_object",
    "reasoning_tokens": "metadata.usage_object",
    "finish_reason": "response",
    "status": "status, error_information.error_code",
    "response": "response",
    "end_user_id": "end_user",
    "sdk": "x-stainless-* in metadata.requester_custom_headers",
    "reasoning_in": "signatures in messages",
    "reasoning_out": "signatures in response",
}
TURN_ON = {
    "account_id": "give every key a user_id (/key/generate), else the key's hash is the account",
    "org_id": "put keys into organisations (/organization/new)",
    "ip": "general_settings: use_x_forwarded_for: true, where a proxy stands before LiteLLM",
    "prompt": "litellm_settings: turn_off_message_logging: false",
    "response": "litellm_settings: turn_off_message_logging: false",
    "client_fingerprint": "have the proxy in front add the fingerprint as an x- header",
    "payment_id": "bring it in the account registry (--accounts)",
}

LITELLM = register(
    Format(
        name="litellm",
        title="LiteLLM StandardLoggingPayload (JSON array, NDJSON)",
        fills={
            "exchange_id": "id",
            "account_id": "metadata.user_api_key_user_id, else user_api_key_hash",
            "org_id": "metadata.user_api_key_org_id",
            "api_key_id": "metadata.user_api_key_hash",
            "session_id": "session_id, else trace_id",
            "tools": "model_parameters.tools",
            "max_tokens": "model_parameters",
            "temperature": "model_parameters",
            **FILLS,
        },
        turn_on=TURN_ON,
        parse=parse,
        sniff=sniff,
        write=write,
    )
)
