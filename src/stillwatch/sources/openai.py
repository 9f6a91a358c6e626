"""OpenAI's own request and response pairs, as people log them: chat completions, Responses, completions, batches.

OpenAI defines the bodies and says nothing of who is billed, so that stands in the wrapper (`sources.envelope`). A
streamed answer may be a list of chunks or events, or the text of the stream. Of several choices the first is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from stillwatch.errors import BadRecord
from stillwatch.sources import streamed
from stillwatch.sources.documents import decode
from stillwatch.sources.envelope import (
    WRAPPER_FILLS,
    Envelope,
    account,
    decoded,
    exchange_id,
    open_envelope,
    status,
    without_nulls,
    wrap,
    wrapper_columns,
)
from stillwatch.sources.joining import Link
from stillwatch.sources.messages import (
    CONVERSATION,
    as_messages,
    opaque_blocks,
    rebuild_messages,
    stand_in,
    text_of,
    tool_names,
)
from stillwatch.sources.registry import Document, Format, Row, register

MARKS = frozenset(("messages", "input", "instructions", "prompt"))
"""A request's body has at least one of these."""

ERRORS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "insufficient_quota": 429,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "requests": 429,
    "tokens": 429,
    "context_length_exceeded": 400,
    "content_filter": 400,
    "server_error": 500,
}
"""Type or code of an error -> its HTTP status."""

NO_TIME = "lacks a time: log a timestamp beside request and response"
NO_ACCOUNT = "names no account: log an account_id, an api_key_id, or the openai-organization header"
NO_RESULT = "is a request of a batch whose result is in none of these files: name the batch's results too"

_OF_RESULTS = ("exchange_id", "requested_at", "status")
_LOOKED_AT = 4096
_FINISHED = {"completed": "stop", "max_output_tokens": "length"}
_LEFT_OUT = {"item_reference", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response", "compaction"}
_ITEMS = {
    "function_call",
    "custom_tool_call",
    "function_call_output",
    "custom_tool_call_output",
    "reasoning",
    "message",
}


def parse(document: Document) -> Iterator[Row]:
    """The exchange that a pair is.

    Raises: BadRecord for another provider's pair, and for one that lacks its time or names nobody.
    """
    envelope = open_envelope(document, MARKS)
    request = envelope.request
    answer = _answer(envelope.response)
    custom_id = document.get("custom_id")
    in_batch = isinstance(custom_id, str) and bool(custom_id) and not (request and answer)
    if _others(envelope, answer) and not _is_answer(answer):
        raise BadRecord("is no exchange with OpenAI's API")
    if not request and not answer and not (in_batch and envelope.fields.get("error")):
        raise BadRecord("holds neither a request nor a response")
    row = wrapper_columns(envelope)
    row["exchange_id"] = exchange_id(envelope, answer.get("id"))
    row["requested_at"] = row["requested_at"] or answer.get("created") or answer.get("created_at")
    row["end_user_id"] = row["end_user_id"] or request.get("safety_identifier") or request.get("user")
    own = account(envelope)
    if own is None and row["org_id"] is None:
        # Where the wrapper has accounts of its own, the header names who logs, and would make one of all of them.
        row["org_id"] = envelope.headers.get("openai-organization")
    row["account_id"] = (
        own or row["api_key_id"] or envelope.headers.get("openai-project") or row["org_id"] or row["end_user_id"]
    )
    if row["requested_at"] is None and not in_batch:
        raise BadRecord(NO_TIME)
    if row["account_id"] is None and not in_batch:
        raise BadRecord(NO_ACCOUNT)
    row["model"] = request.get("model") or answer.get("model")
    conversation = request.get("conversation") or answer.get("conversation")
    if row["session_id"] is None and conversation:
        row["session_id"] = conversation.get("id") if isinstance(conversation, dict) else conversation
    row["tools"] = tool_names(request.get("tools", request.get("functions")))
    limits = (request.get(name) for name in ("max_completion_tokens", "max_output_tokens", "max_tokens"))
    row["max_tokens"] = next((one for one in limits if one is not None), None)
    row["temperature"] = request.get("temperature")
    row["messages"] = _messages(request)
    _fill_answer(row, answer)
    error = answer.get("error") or envelope.fields.get("error")
    row["status"] = status(envelope, error, ERRORS, bool(answer) and not error)
    yield _of_batch(row, str(custom_id), bool(request)) if in_batch else row


def side(head: bytes) -> str:
    """Whether a file begins with a batch's results, or with its requests, whose results may stand in another file."""
    first = head.split(b"\n", 1)[0]
    if b'"custom_id"' not in first:
        return ""
    try:
        line = decode(first)
    except ValueError:
        # Longer than what is looked at: a request, of which the body comes last.
        return "more" if b'"method"' in first[:_LOOKED_AT] else ""
    if not isinstance(line, dict) or "custom_id" not in line:
        return ""
    return "whole" if {"response", "result", "error"} & set(line) else "more" if {"body", "params"} & set(line) else ""


def _of_batch(row: Row, custom_id: str, asks: bool) -> Row:
    """A line of one of a batch's two files, which are joined by `custom_id`; ids are a batch's own."""
    if asks:
        # The line has no id but this, which the result's would have to give way to.
        row = {name: value for name, value in row.items() if value not in (None, []) and name not in _OF_RESULTS}
        return {**row, "link": Link(custom_id, "request", local=True, otherwise={"fault": NO_RESULT})}
    row = {name: value for name, value in row.items() if value not in (None, [])}
    return {**row, "fault": "", "no_account": NO_ACCOUNT, "link": Link(custom_id, "result", local=True)}


def sniff(document: Document) -> float:
    """Sure with an answer of OpenAI's; with a request alone, as far as no other provider's mark is on it."""
    try:
        return _sureness(document)
    except (AttributeError, TypeError, ValueError):
        # What is put together so oddly is surely nobody's pair; reading it gives the reason.
        return 0.0


def write(rows: Iterable[Row]) -> Iterator[Document]:
    """Pairs in the wrapper that docs/formats/openai.md recommends.

    Responses where opaque reasoning blocks went to or fro, else chat completions.
    """
    for row in rows:
        chat = rebuild_messages(row)
        responses = bool(row.get("reasoning_out")) or any(True for message in chat for _ in opaque_blocks(message))
        headers = {"openai-organization": row["org_id"]} if row.get("org_id") else {}
        request: dict[str, Any] = {"model": row["model"]}
        if responses:
            request["input"] = [item for message in chat for item in _items(message)] or None
            request["max_output_tokens"] = row.get("max_tokens")
        else:
            request["messages"] = chat or None
            request["max_completion_tokens"] = row.get("max_tokens")
        request["temperature"] = row.get("temperature")
        request["safety_identifier"] = row.get("end_user_id")
        if row.get("tools") is not None:
            names = [{"name": name} for name in row["tools"]]
            flat = [{"type": "function", **one} for one in names]
            request["tools"] = flat if responses else [{"type": "function", "function": one} for one in names]
        yield wrap(row, without_nulls(request), _write_answer(row, responses), headers)


def _messages(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    if request.get("messages"):
        return as_messages(request["messages"])
    messages: list[dict[str, Any]] = []
    given = next((request[name] for name in ("input", "prompt") if request.get(name)), None)
    if isinstance(given, str):
        messages.append({"role": "user", "content": given})
    elif isinstance(given, dict) and "role" not in given:
        # A stored prompt and its variables: the text is with OpenAI.
        variables = given.get("variables")
        if variables:
            messages.append({"role": "user", "content": json.dumps(variables, sort_keys=True, ensure_ascii=False)})
    elif given is not None and not (isinstance(given, list) and given and isinstance(given[0], int | list)):
        # What is left out are prompts that were sent as tokens.
        messages += [item for one in as_messages(given) if (item := _item(one)) is not None]
    if request.get("instructions"):
        messages.insert(0, {"role": "system", "content": request["instructions"]})
    return messages


def _item(item: dict[str, Any]) -> dict[str, Any] | None:
    """An item of Responses as a message; None for one that says nothing."""
    kind = str(item.get("type") or "")
    if "role" in item or kind in _ITEMS or not kind:
        return item
    if kind in _LEFT_OUT:
        return None
    if kind.endswith("_output"):
        return {"type": "function_call_output", "output": item.get("output")}
    if kind.endswith("_call"):
        return {"type": "function_call", "name": item.get("name") or kind, "arguments": item.get("action") or {}}
    return {"role": "user", "content": [item]}


def _sureness(document: Document) -> float:
    if "startTime" in document or "schemaType" in document:
        return 0.0
    if "custom_id" in document and str(document.get("id")).startswith("batch_req_"):
        return 0.95
    envelope = open_envelope(document, MARKS)
    answer = _answer(envelope.response)
    if _is_answer(answer):
        # Where the pair stands in a wrapper of somebody's own, other formats claim nothing.
        return 0.95 if envelope.request else 0.85
    if _others(envelope, answer) or not MARKS & set(envelope.request) or "model" not in envelope.request:
        return 0.0
    url = str(envelope.fields.get("url") or envelope.fields.get("path") or "")
    return 0.9 if url.endswith(("/completions", "/responses")) else 0.3 if envelope.bare else 0.6


def _answer(value: Any) -> dict[str, Any]:
    """The body of an answer, put together where it streamed; {} where there is none."""
    value = decoded(value)
    stream = streamed.events(value)
    if stream is not None:
        if any(str(event.get("type") or "").startswith("response.") for event in stream):
            return streamed.response(stream)
        if any("choices" in event for event in stream):
            return streamed.chat_completion(stream)
        # Output items without the response round them.
        items = isinstance(value, list) and all(str(event.get("type")) in _ITEMS for event in stream)
        return {"object": "response", "output": stream} if items else {"events": stream}
    if isinstance(value, str):
        return {"text": value} if value else {}
    return dict(value) if isinstance(value, dict) else {}


def _fill_answer(row: Row, answer: Mapping[str, Any]) -> None:
    usage = answer.get("usage") or {}
    details_in = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
    details_out = usage.get("completion_tokens_details") or usage.get("output_tokens_details") or {}
    row["input_tokens"] = usage.get("prompt_tokens", usage.get("input_tokens"))
    row["output_tokens"] = usage.get("completion_tokens", usage.get("output_tokens"))
    row["cached_tokens"] = details_in.get("cached_tokens")
    row["reasoning_tokens"] = details_out.get("reasoning_tokens")
    choices = answer.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        choice = choices[0]
        message = choice.get("message") or choice.get("delta") or {}
        row["response"] = text_of(message.get("content")) or message.get("refusal") or choice.get("text") or None
        row["finish_reason"] = choice.get("finish_reason")
        row["reasoning_out_blocks"] = list(opaque_blocks(message))
    elif isinstance(answer.get("output"), list):
        items = [item for item in answer["output"] if isinstance(item, dict)]
        spoken = [item.get("content") for item in items if item.get("type") in (None, "message")]
        row["response"] = "\n".join(text for one in spoken if (text := text_of(one))) or None
        row["finish_reason"] = _finish(answer, items)
        row["reasoning_out_blocks"] = list(opaque_blocks(items))
    else:
        text = answer.get("text", answer.get("output_text"))
        row["response"] = text if isinstance(text, str) and text else None


def _finish(answer: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> Any:
    state = answer.get("status")
    if state == "completed" and any(item.get("type") in ("function_call", "custom_tool_call") for item in items):
        return "tool_calls"
    details = answer.get("incomplete_details")
    state = details.get("reason") if isinstance(details, dict) and details.get("reason") else state
    return _FINISHED.get(str(state), state)


def _is_answer(answer: Mapping[str, Any]) -> bool:
    if answer.get("type") in ("message", "error"):
        # Gateways give Anthropic's answers OpenAI's ids.
        return False
    kind = str(answer.get("object") or "")
    if kind.startswith(("chat.completion", "text_completion")) or kind == "response":
        return True
    choices = answer.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return bool({"message", "delta", "text"} & set(choices[0]))
    return str(answer.get("id") or "").startswith(("chatcmpl-", "resp_", "cmpl-"))


def _others(envelope: Envelope, answer: Mapping[str, Any]) -> bool:
    """Whether a mark of Anthropic's Messages is on the pair."""
    request = envelope.request
    return (
        answer.get("type") in ("message", "error")
        or "stop_reason" in answer
        or any(event.get("type") in ("message_start", "ping") for event in answer.get("events") or [])
        or any(name.startswith("anthropic-") for name in envelope.headers)
        or "anthropic_version" in request
        or "system" in request
        or str(request.get("model") or "").startswith("claude")
        or str(envelope.fields.get("url") or "").endswith("/messages")
    )


def _items(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A chat message as items of Responses."""
    for block in opaque_blocks(message):
        yield {"type": "reasoning", "summary": [], "encrypted_content": block}
    if message.get("role") == "tool":
        call = message.get("tool_call_id") or "call"
        yield {"type": "function_call_output", "call_id": call, "output": message.get("content")}
        return
    calls = message.get("tool_calls") or ()
    content = message.get("content")
    if content or not calls:
        yield {"role": message.get("role") or "user", "content": content or ""}
    for call in calls:
        function = call.get("function") or call
        yield {
            "type": "function_call",
            "call_id": call.get("id") or "call",
            "name": function.get("name"),
            "arguments": function.get("arguments"),
        }


def _write_answer(row: Row, responses: bool) -> dict[str, Any] | None:
    blocks, finish = row.get("reasoning_out"), row.get("finish_reason")
    failed = row.get("status") is not None and row["status"] >= 400
    if failed and row.get("response") is None and finish is None and not blocks and row.get("input_tokens") is None:
        return {"error": {"message": "not logged", "type": None, "code": None}}
    if responses:
        usage = {
            "input_tokens": row.get("input_tokens"),
            "input_tokens_details": {"cached_tokens": row.get("cached_tokens")},
            "output_tokens": row.get("output_tokens"),
            "output_tokens_details": {"reasoning_tokens": row.get("reasoning_tokens")},
        }
        output: list[dict[str, Any]] = [
            {"type": "reasoning", "summary": [], "encrypted_content": stand_in(one)} for one in blocks or ()
        ]
        if row.get("response") is not None:
            part = {"type": "output_text", "text": row["response"], "annotations": []}
            output.append({"type": "message", "role": "assistant", "content": [part]})
        if finish == "tool_calls":
            name = (row.get("tools") or ["tool"])[0]
            output.append({"type": "function_call", "call_id": "call", "name": name, "arguments": "{}"})
        cut = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(finish or "")
        state = "incomplete" if cut else "completed" if finish in ("stop", "tool_calls") else finish
        body = {"object": "response", "id": row["exchange_id"], "model": row["model"], "status": state}
        return {**body, "incomplete_details": {"reason": cut} if cut else None, "output": output, "usage": usage}
    usage = {
        "prompt_tokens": row.get("input_tokens"),
        "prompt_tokens_details": {"cached_tokens": row.get("cached_tokens")},
        "completion_tokens": row.get("output_tokens"),
        "completion_tokens_details": {"reasoning_tokens": row.get("reasoning_tokens")},
    }
    message = {"role": "assistant", "content": row.get("response")}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    body = {"object": "chat.completion", "id": row["exchange_id"], "model": row["model"]}
    return {**body, "choices": [choice], "usage": usage}


OPENAI = register(
    Format(
        name="openai",
        title="OpenAI request and response pairs: chat completions, Responses, batches (JSON, NDJSON)",
        fills={
            **WRAPPER_FILLS,
            "account_id": "the wrapper's account_id, customer_id, tenant_id or user_id, else the key, else the "
            "openai-project or openai-organization header, else safety_identifier or user",
            "org_id": "the wrapper's organization_id; where it names no account either, the openai-organization header",
            "model": "request.model",
            "end_user_id": "request.safety_identifier, else request.user",
            "system_prompt": "request.messages, request.instructions",
            **dict.fromkeys(
                CONVERSATION,
                "request.messages, request.input",
            ),
            "tools": "request.tools, request.functions",
            "max_tokens": "request.max_completion_tokens, max_output_tokens or max_tokens",
            "temperature": "request.temperature",
            "input_tokens": "response.usage",
            "output_tokens": "response.usage",
            "cached_tokens": "response.usage: cached_tokens of the input's details",
            "reasoning_tokens": "response.usage: reasoning_tokens of the output's details",
            "finish_reason": "response.choices[0].finish_reason; Responses: status and incomplete_details",
            "status": "the wrapper's status_code, else the error's type",
            "response": "response.choices[0].message, response.output",
            "reasoning_in": "encrypted_content of reasoning items in request.input",
            "reasoning_out": "encrypted_content of reasoning items in response.output",
        },
        turn_on={
            "account_id": "log your own account_id beside request and response: OpenAI's bodies do not say who asked",
            "ip": "log client_ip, or the request's headers with x-forwarded-for",
            "client": "log the request's headers, user-agent among them",
            "sdk": "log the request's headers, x-stainless-* among them",
            "session_id": "log a session_id, or use conversation in Responses",
            "end_user_id": "have callers send safety_identifier",
            "reasoning_in": 'have callers ask for include: ["reasoning.encrypted_content"], and log whole bodies',
            "reasoning_out": 'have callers ask for include: ["reasoning.encrypted_content"], and log whole bodies',
            "output_tokens": 'streams: have callers send stream_options: {"include_usage": true}',
            "payment_id": "bring it in the account registry (--accounts)",
        },
        parse=parse,
        sniff=sniff,
        write=write,
        joined=True,
        apart=side,
    )
)
