"""OpenInference, the convention of Phoenix, Arize and Envoy's AI gateway: spans with flat, indexed attributes.

Spans of kind LLM are the exchanges; those of chains, agents, tools and retrievers are not, but what they say of who
called holds for the calls below them. What tracers redact (`__REDACTED__`) is absent: it would look like one template
that everybody shares.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from stillwatch.sources.any_chat import answered, asked, unpacked
from stillwatch.sources.flat_keys import items, nest
from stillwatch.sources.joining import Link
from stillwatch.sources.messages import CONVERSATION, opaque_blocks, text_of, tool_names
from stillwatch.sources.otel import NO_ACCOUNT, all_input, as_parts, is_call, rows_of, span_of, sureness
from stillwatch.sources.otlp import Attributes, Record, export, split
from stillwatch.sources.registry import Document, Format, Row, register
from stillwatch.sources.span_identity import (
    IDENTITY_FILLS,
    IDENTITY_TURN_ON,
    facts_row,
    first,
    identity,
    scalar,
    status,
    write_identity,
)

REDACTED = "__REDACTED__"
"""What OpenInference's own tracers write in the place of what they were told to hide."""

KIND = "openinference.span.kind"

_TENANT = ("account_id", "customer_id", "tenant_id", "accountId", "customerId", "tenantId")
_MEMBERS = {"user_id": "user.id", "userId": "user.id", "session_id": "session.id", "org_id": "organization.id"}
_TAKEN_APART = ("user", "session", "input", "output", "client", "enduser", "account", "tenant", "organization")
_REQUEST_IDS = ("request_id", "requestId", "litellm_call_id")
_HEADER_IDS = ("http.response.header.x-request-id", "http.request.header.x-request-id")
_ANSWER_ID = re.compile(r'"id":\s*"((?:chatcmpl-|msg_|resp_)[\w-]{16,})"')
_ANSWER_HEAD = 65_536
"""Characters of an answer's JSON in which its id is looked for."""


def parse(document: Document) -> Iterator[Row]:
    """The calls that a document tells of, and what its other spans say of who called.

    Raises: BadRecord where it holds no spans.
    """
    return rows_of(document, _rows, "is no span of OpenInference")


def sniff(document: Document) -> float:
    """Sure with a span of kind LLM; undecided between conventions with spans of no kind."""
    return sureness(document, _sureness)


def write(rows: Iterable[Row]) -> Iterator[Document]:
    """OTLP exports of one span of kind LLM each."""
    for row in rows:
        chat, answer = as_parts(row)
        parameters = {"model": row["model"], "max_tokens": row.get("max_tokens"), "temperature": row.get("temperature")}
        attributes: dict[str, Any] = {
            KIND: "LLM",
            "llm.provider": row.get("platform"),
            "llm.model_name": row["model"],
            "llm.invocation_parameters": _json({name: one for name, one in parameters.items() if one is not None}),
            "llm.finish_reason": row.get("finish_reason"),
            "llm.token_count.prompt": row.get("input_tokens"),
            "llm.token_count.completion": row.get("output_tokens"),
            "llm.token_count.prompt_details.cache_read": row.get("cached_tokens"),
            "llm.token_count.completion_details.reasoning": row.get("reasoning_tokens"),
            "session.id": row.get("session_id"),
            "metadata": _json({"request_id": row["exchange_id"]}),
            **_flat("llm.input_messages", chat),
            **_flat("llm.output_messages", [answer] if answer else []),
            **write_identity(row),
        }
        for i, name in enumerate(row.get("tools") or ()):
            schema = {"type": "function", "function": {"name": name}}
            attributes[f"llm.tools.{i}.tool.json_schema"] = _json(schema)
        yield export(span_of(row, "ChatCompletion", attributes), "gateway")


def _rows(record: Record) -> Iterator[Row]:
    kind = _kind(record.attributes)
    if kind == "LLM":
        attributes = _with_metadata(record.attributes)
        otherwise = {**identity(record.resource), "exchange_id": record.key}
        row = _call(record, attributes)
        yield {**row, "link": Link(record.key, "span", above=record.above, otherwise=otherwise)}
    elif kind is None and is_call(record.attributes):
        yield {"link": Link(None), "fault": "is in format otel, in a file of format openinference"}
    elif record.is_span:
        record.attributes = _with_metadata(record.attributes)
        yield facts_row(record)


def _call(record: Record, attributes: Attributes) -> Row:
    llm = _object(
        nest({name: value for name, value in attributes.items() if name.partition(".")[0] == "llm"}).get("llm")
    )
    parameters = _object(unpacked(llm.get("invocation_parameters")))
    tokens = _object(llm.get("token_count"))
    details_in, details_out = _object(tokens.get("prompt_details")), _object(tokens.get("completion_details"))
    cached = scalar(details_in.get("cache_read"))
    limits = (parameters.get(name) for name in ("max_completion_tokens", "max_tokens", "max_output_tokens"))
    request, response = _object(llm.get("request")), _object(llm.get("response"))
    models = (request.get("model_name"), parameters.get("model"), parameters.get("model_name"))
    row = identity(attributes, record.server)
    row |= {
        "requested_at": record.at,
        "exchange_id": _exchange_id(attributes),
        "platform": scalar(llm.get("provider")) or scalar(llm.get("system")),
        "model": next(
            (one for one in (*models, llm.get("model_name"), response.get("model_name")) if scalar(one) is not None),
            None,
        ),
        "max_tokens": next((one for one in limits if one is not None), None),
        "temperature": parameters.get("temperature"),
        "input_tokens": all_input(scalar(tokens.get("prompt")), cached, scalar(details_in.get("cache_write"))),
        "output_tokens": scalar(tokens.get("completion")),
        "cached_tokens": cached,
        "reasoning_tokens": scalar(details_out.get("reasoning")),
        "status": status(record),
        "no_account": NO_ACCOUNT,
    }
    body = _fill_messages(row, llm, attributes)
    tools = [_object(one).get("tool", one) for one in items(llm.get("tools"))]
    schemas = [unpacked(_object(one).get("json_schema", one)) for one in tools]
    offered = schemas or parameters.get("tools") or parameters.get("functions") or body.get("tools")
    row["tools"] = tool_names(offered) if offered else None
    _fill_answer(row, llm, attributes)
    return row


def _fill_messages(row: Row, llm: Mapping[str, Any], attributes: Attributes) -> Mapping[str, Any]:
    """Put `messages` into a row; the request's body comes back where only that was logged."""
    body: Mapping[str, Any] = {}
    messages = [_message(_object(one)) for one in _listed(llm.get("input_messages"))]
    if not messages:
        prompts = [_object(_object(one).get("prompt", one)).get("text") for one in items(llm.get("prompts"))]
        messages = [message for one in prompts if one for message in asked(one)[0]]
    if not messages and attributes.get("input.value") is not None:
        messages, body = asked(attributes["input.value"])
    if messages and not any(REDACTED in _texts(message) for message in messages):
        row["messages"] = messages
    return body


def _fill_answer(row: Row, llm: Mapping[str, Any], attributes: Attributes) -> None:
    said = [_message(_object(one)) for one in _listed(llm.get("output_messages"))]
    answer: Row = {}
    if said:
        spoken = next((one for one in said if text_of(one.get("content"))), said[0])
        answer = {"response": text_of(spoken.get("content")) or None}
        answer["reasoning_out_blocks"] = [block for one in said for block in opaque_blocks(one)]
    else:
        choices = [_object(_object(one).get("completion", one)).get("text") for one in items(llm.get("choices"))]
        value = next((one for one in choices if one), attributes.get("output.value"))
        answer = answered(value) if value is not None else {}
    answer["finish_reason"] = scalar(llm.get("finish_reason")) or answer.get("finish_reason")
    if REDACTED in str(answer.get("response") or ""):
        answer["response"] = None
    row |= {name: one for name, one in answer.items() if name != "model"}


def _listed(value: Any) -> list[Any]:
    """Messages by their index, also out of JSON in a string."""
    return items(nest({"": unpacked(value)})[""] if isinstance(value, str) else value)


def _message(one: Mapping[str, Any]) -> dict[str, Any]:
    """A message as chats have it, of one whose names were flattened."""
    inner = _object(one.get("message", one))
    parts = [_part(_object(_object(part).get("message_content", part))) for part in items(inner.get("contents"))]
    content = inner.get("content")
    if parts and isinstance(content, str) and content and not any(part.get("type") == "text" for part in parts):
        parts.append({"type": "text", "text": content})
    message: dict[str, Any] = {"role": inner.get("role"), "content": parts or content}
    calls, thinking = [], []
    for listed in items(inner.get("tool_calls")):
        call = _object(_object(listed).get("tool_call", listed))
        calls.append({"id": call.get("id"), "type": "function", "function": _object(call.get("function"))})
        if isinstance(call.get("reasoning_signature"), str):
            thinking.append({"type": "thinking", "signature": call["reasoning_signature"]})
    if inner.get("function_call_name"):
        arguments = inner.get("function_call_arguments_json")
        calls.append({"function": {"name": inner["function_call_name"], "arguments": arguments}})
    if calls:
        message["tool_calls"] = calls
    if thinking:
        message["thinking_blocks"] = thinking
    return message


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    kind = part.get("type")
    if kind == "reasoning":
        if part.get("data"):
            return {"type": "redacted_thinking", "data": part["data"]}
        return {
            "type": "reasoning",
            **{name: part[name] for name in ("signature", "encrypted_content") if name in part},
        }
    if kind == "tool_use":
        call = _object(part.get("tool_call", part))
        function = _object(call.get("function"))
        return {"type": "tool_use", "name": function.get("name"), "input": unpacked(function.get("arguments"))}
    if kind == "text" or (kind is None and "text" in part):
        text = {"type": "text", "text": part.get("text")}
        return {**text, "signature": part["signature"]} if "signature" in part else text
    # An image is its mark, whatever its address: bytes and links are not kept.
    return {"type": str(kind)}


def _texts(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else text_of(content)


def _exchange_id(attributes: Attributes) -> Any:
    """The request's id as the metadata or a header has it, else the answer's; None where only the span has one."""
    known = first(attributes, (*(f"metadata.{name}" for name in _REQUEST_IDS), *_HEADER_IDS, "gen_ai.response.id"))
    value = attributes.get("output.value")
    if known is None and isinstance(value, str) and value[:1] in "{[":
        found = _ANSWER_ID.search(value, 0, _ANSWER_HEAD)
        return found.group(1) if found else None
    return known


def _with_metadata(attributes: Attributes) -> Attributes:
    """The attributes, with what the metadata says of who called under the names of the general conventions.

    Names that a trace store took apart into objects (`user`: `id`) are put together again, but for those of messages.
    """
    for name in _TAKEN_APART:
        if isinstance(attributes.get(name), dict):
            attributes = {**{f"{name}.{key}": one for key, one in attributes[name].items()}, **attributes}
    metadata = unpacked(attributes.get("metadata"))
    if not isinstance(metadata, dict):
        return attributes
    known = {f"metadata.{name}": value for name, value in metadata.items()}
    for name, value in metadata.items():
        if name in _TENANT:
            known.setdefault("account.id", value)
        elif name in _MEMBERS:
            known.setdefault(_MEMBERS[name], value)
    return {**known, **attributes}


def _kind(attributes: Attributes) -> str | None:
    kind = attributes.get(KIND, _object(_object(attributes.get("openinference")).get("span")).get("kind"))
    return kind.upper() if isinstance(kind, str) else None


def _sureness(record: Record) -> float | None:
    kind = _kind(record.attributes)
    if kind == "LLM":
        marks = ("llm.", "input.", "output.")
        return 0.95 if any(name.startswith(marks) or name == "llm" for name in record.attributes) else 0.9
    if kind is not None:
        return 0.8
    if any(name.startswith(("gen_ai.", "traceloop.")) for name in record.attributes):
        return 0.0
    # A span of anything: of a trace in which calls may follow, in whatever convention.
    return 0.5 if record.is_span and record.key is not None and record.name else None


def _flat(prefix: str, messages: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Messages with parts, as the convention flattens them."""
    out: dict[str, Any] = {}
    for i, message in enumerate(messages):
        at = f"{prefix}.{i}.message"
        out[f"{at}.role"] = message["role"]
        calls = [part for part in message["parts"] if part["type"] == "tool_call"]
        parts = [part for part in message["parts"] if part["type"] != "tool_call"]
        if len(parts) == 1 and "signature" not in parts[0]:
            out[f"{at}.content"] = parts[0].get("content", parts[0].get("response"))
        else:
            for j, part in enumerate(parts):
                inside = f"{at}.contents.{j}.message_content"
                out[f"{inside}.type"] = "reasoning" if part["type"] == "reasoning" else "text"
                text = part.get("content", part.get("response"))
                if text:
                    out[f"{inside}.text"] = text
                if "signature" in part:
                    out[f"{inside}.signature"] = part["signature"]
        for j, call in enumerate(calls):
            inside = f"{at}.tool_calls.{j}.tool_call"
            out[f"{inside}.id"] = call["id"]
            out[f"{inside}.function.name"] = call["name"]
            arguments = call["arguments"]
            out[f"{inside}.function.arguments"] = arguments if isinstance(arguments, str) else _json(arguments)
    return out


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


_HIDDEN = "leave OPENINFERENCE_HIDE_INPUTS, _HIDE_INPUT_MESSAGES and _HIDE_INPUT_TEXT unset"
_HIDDEN_OUT = "leave OPENINFERENCE_HIDE_OUTPUTS, _HIDE_OUTPUT_MESSAGES and _HIDE_OUTPUT_TEXT unset"

OPENINFERENCE = register(
    Format(
        name="openinference",
        title="OpenInference spans of Phoenix, Arize and Envoy AI Gateway (OTLP JSON, span exports)",
        fills={
            **IDENTITY_FILLS,
            "account_id": "user.id; before it account.id, or account_id, customer_id or tenant_id in metadata; also of "
            "a span above it or of the resource",
            "session_id": "session.id",
            "exchange_id": "request_id in metadata, the x-request-id header, the answer's id in output.value, else "
            "trace and span",
            "requested_at": "the span's start",
            "platform": "llm.provider, else llm.system",
            "model": "llm.request.model_name, model in llm.invocation_parameters, else llm.model_name",
            "system_prompt": "llm.input_messages.N of role system",
            **dict.fromkeys(
                CONVERSATION,
                "llm.input_messages.N.message.*, else llm.prompts.N, else input.value",
            ),
            "tools": "llm.tools.N.tool.json_schema, else tools in llm.invocation_parameters",
            "max_tokens": "llm.invocation_parameters",
            "temperature": "llm.invocation_parameters",
            "input_tokens": "llm.token_count.prompt",
            "output_tokens": "llm.token_count.completion",
            "cached_tokens": "llm.token_count.prompt_details.cache_read",
            "reasoning_tokens": "llm.token_count.completion_details.reasoning",
            "finish_reason": "llm.finish_reason, else output.value",
            "status": "http.response.status_code, else the exception's type, else 200 where the span did not fail",
            "response": "llm.output_messages.N.message.*, else llm.choices.N, else output.value",
            "reasoning_in": "message_content.signature, data and encrypted_content in llm.input_messages",
            "reasoning_out": "message_content.signature, data and encrypted_content in llm.output_messages",
        },
        turn_on={
            **IDENTITY_TURN_ON,
            "account_id": "using_attributes(user_id=...) round the calls; Envoy AI Gateway: map the header that names "
            "your customer to user.id",
            "session_id": "using_attributes(session_id=...) round the calls; Envoy AI Gateway: map a header to it",
            "prompt": _HIDDEN,
            "system_prompt": _HIDDEN,
            "response": _HIDDEN_OUT,
            "tools": "leave OPENINFERENCE_HIDE_LLM_TOOLS unset",
            "max_tokens": "leave OPENINFERENCE_HIDE_LLM_INVOCATION_PARAMETERS unset",
        },
        parse=parse,
        sniff=sniff,
        write=write,
        split=split,
        joined=True,
    )
)
