"""What was asked and answered, out of the attributes and events of OpenTelemetry GenAI, of today and of before.

The convention moved the content about: span events with one attribute, log records of one message each, attributes
with an index (OpenLLMetry's), then `gen_ai.input.messages` and `gen_ai.output.messages`, as objects or as JSON in a
string. All of them are in the field. A string of JSON that a limit on the length of attributes cut off is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from stillwatch.sources.any_chat import answered, asked, unpacked
from stillwatch.sources.flat_keys import items, nest
from stillwatch.sources.messages import opaque_blocks, text_of, tool_names
from stillwatch.sources.otlp import Attributes
from stillwatch.sources.registry import Row

DETAILS = "gen_ai.client.inference.operation.details"
"""The event of today that holds a whole call."""

_ASKED = (
    "gen_ai.input.messages",
    "gen_ai.prompt",
    "gen_ai.prompt_json",
    "ai.prompt.messages",
    "gcp.vertex.agent.llm_request",
)
_ANSWERED = (
    "gen_ai.completion",
    "gen_ai.completion_json",
    "ai.response.text",
    "ai.response.object",
    "gcp.vertex.agent.llm_response",
)
_FINISHED = (
    "gen_ai.response.finish_reasons",
    "gen_ai.response.finish_reason",
    "llm.response.finish_reason",
    "gen_ai.response.stop_reason",
    "llm.response.stop_reason",
    "ai.response.finishReason",
)
_FINISHED_TODAY = {"tool_call": "tool_calls"}
"""Names of the convention for what the models' makers name otherwise."""

_FLAT = ("gen_ai.prompt.", "gen_ai.completion.", "llm.prompts.", "llm.completions.", "llm.request.functions.")
_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_CHOICE, _PROMPT, _COMPLETION = "gen_ai.choice", "gen_ai.content.prompt", "gen_ai.content.completion"
_UNSPOKEN = ("thinking", "reasoning")

CUT_NOTE = (
    "messages were cut off by a limit on the length of attributes and are left out: raise "
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT, or the exporter's own limit"
)


def is_content_event(name: str) -> bool:
    """Whether an event of that name holds one message, a choice, or a prompt or completion, but not a whole call."""
    return name in _ROLES or name in (_CHOICE, _PROMPT, _COMPLETION)


def has_content(attributes: Attributes) -> bool:
    """Whether messages or an answer stand in the attributes."""
    names = ("gen_ai.output.messages", "gen_ai.system_instructions", *_ASKED, *_ANSWERED)
    return any(name in attributes for name in names) or any(name.startswith(_FLAT[:4]) for name in attributes)


def fill_content(row: Row, attributes: Attributes, events: Iterable[tuple[str, Attributes]] = ()) -> None:
    """Put `messages`, the answer and the tools into a row, of a call's attributes and its span's events."""
    indexed = {name: value for name, value in attributes.items() if name.startswith(_FLAT)}
    flat = nest(indexed) if indexed else {}
    from_events: Row = {}
    for name, inner in events:
        _add(from_events, event_row(name, inner, None))
    for one in items(unpacked(attributes.get("events"))):
        # Pydantic AI's way of keeping log records where there is no exporter of logs.
        if isinstance(one, dict) and is_content_event(str(one.get("event.name"))):
            _add(from_events, event_row(str(one["event.name"]), dict(one), None))
    messages, cut = _messages(attributes, flat)
    cut = cut or _is_cut(unpacked(attributes.get("gen_ai.output.messages")))
    messages = messages or from_events.get("more_messages") or []
    if messages:
        row["messages"] = messages
    if cut:
        row["notes"] = [CUT_NOTE]
    for name, value in (from_events | _answer(attributes, flat)).items():
        # An empty list is left out: another record of the call may have what this one lacks.
        if name not in ("more_messages", "notes") and value not in (None, []):
            row[name] = value
    row["tools"] = _tools(attributes, flat)


def event_row(name: str, attributes: Attributes, body: Any) -> Row:
    """The columns that a log record or a span's event of content fills; messages stand in `more_messages`.

    {} where it is none, or where content is not captured.
    """
    if name == _PROMPT:
        return {"more_messages": _asked(attributes.get("gen_ai.prompt", body))[0]}
    if name == _COMPLETION:
        return answered(attributes.get("gen_ai.completion", body))
    if name not in _ROLES and name != _CHOICE:
        return {}
    inside = unpacked(attributes.get("gen_ai.event.content", body))
    if inside is None:
        inside = attributes
    event: dict[str, Any] = dict(inside) if isinstance(inside, dict) else {"content": inside}
    if name == _CHOICE:
        return _choice(event)
    message = {name: unpacked_parts(event[name]) for name in ("content", "parts") if event.get(name)}
    if _has_arguments(event.get("tool_calls")):
        message["tool_calls"] = event["tool_calls"]
    if not message:
        # Without content captured there are roles, and names of tools that were called: taken for a conversation, it
        # would look like everybody's.
        return {}
    role = event.get("role")
    return {"more_messages": [{"role": role if isinstance(role, str) and role else _ROLES[name], **message}]}


def unpacked_parts(value: Any) -> Any:
    """A content, or the list of parts that it is JSON of."""
    if isinstance(value, str) and value[:1] == "[":
        inner = unpacked(value)
        if isinstance(inner, list) and inner and all(isinstance(one, dict) for one in inner):
            return inner
    return value


def _messages(attributes: Attributes, flat: Mapping[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    messages: list[dict[str, Any]] = []
    cut = False
    for name in _ASKED:
        if attributes.get(name) not in (None, "", []):
            messages, cut = _asked(attributes[name])
            break
    else:
        for holder in (_object(flat.get("gen_ai")).get("prompt"), _object(flat.get("llm")).get("prompts")):
            messages = messages or [_flat_message(one) for one in items(holder) if isinstance(one, dict)]
    system = unpacked(attributes.get("gen_ai.system_instructions"))
    if system:
        message = {"role": "system", "content": system.get("parts", system) if isinstance(system, dict) else system}
        text = text_of(message["content"])
        if text and not any(one.get("role") == "system" and _text(one) == text for one in messages):
            messages = [message, *messages]
    return messages, cut


def _asked(value: Any) -> tuple[list[dict[str, Any]], bool]:
    """The messages of a value, and whether it was cut off."""
    inner = unpacked(value)
    if isinstance(inner, list) and inner and all(isinstance(one, dict) and "role" in one for one in inner):
        return [_plain(one) for one in inner], False
    if _is_cut(inner):
        return [], True
    return asked(inner)[0], False


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    """The message with its text as its content, where it is nothing but one text: half the work of all that follows."""
    parts = message.get("parts")
    if isinstance(parts, list) and len(parts) == 1 and "content" not in message and isinstance(parts[0], dict):
        only = parts[0]
        if only.get("type") == "text" and len(only) == 2 and isinstance(only.get("content"), str):
            return {"role": message["role"], "content": only["content"]}
    return message


def _answer(attributes: Attributes, flat: Mapping[str, Any]) -> Row:
    row: Row = {}
    said = unpacked(attributes.get("gen_ai.output.messages"))
    if isinstance(said, list) and said and all(isinstance(one, dict) for one in said):
        # One message a choice. The first that says something; the model's reasoning may come as one of its own.
        spoken = next((one for one in said if _text(one)), said[0])
        row = {"response": _text(spoken) or None, "finish_reason": _string(spoken.get("finish_reason"))}
        row["reasoning_out_blocks"] = list(opaque_blocks(said))
    elif said is not None and not _is_cut(said):
        row = answered(said)
    if row.get("response") is None:
        value = next((attributes[name] for name in _ANSWERED if attributes.get(name) not in (None, "", [])), None)
        if value is not None:
            _add(row, answered(value))
        for holder in (_object(flat.get("gen_ai")).get("completion"), _object(flat.get("llm")).get("completions")):
            choices = [one for one in items(holder) if isinstance(one, dict) and one.get("role") not in _UNSPOKEN]
            if choices:
                first = _flat_message(choices[0])
                content = {"response": _text(first) or None, "finish_reason": _string(choices[0].get("finish_reason"))}
                _add(row, {**content, "reasoning_out_blocks": list(opaque_blocks(first))})
    finished = next((one for name in _FINISHED if name in attributes and (one := _string(attributes[name]))), None)
    reason = finished or row.get("finish_reason")
    row["finish_reason"] = _FINISHED_TODAY.get(reason, reason) if isinstance(reason, str) else reason
    row.pop("model", None)
    return row


def _choice(event: Mapping[str, Any]) -> Row:
    if event.get("index") not in (None, 0, "0"):
        return {}
    message = unpacked_parts(unpacked(event.get("message")))
    if message is None:
        message = {name: event[name] for name in ("content", "parts", "tool_calls") if event.get(name)}
    content = message if isinstance(message, dict) else {"content": message}
    row: Row = {"response": _text(content) or None, "finish_reason": _string(event.get("finish_reason"))}
    blocks = list(opaque_blocks(content))
    return {**row, "reasoning_out_blocks": blocks} if blocks else row


def _tools(attributes: Attributes, flat: Mapping[str, Any]) -> list[str] | None:
    for name in ("gen_ai.tool.definitions", "gen_ai.request.tools", "ai.prompt.tools", "llm.request.tools"):
        value = unpacked(attributes.get(name))
        if isinstance(value, list):
            return tool_names([unpacked(one) for one in value])
        if value is not None:
            return tool_names(value)
    functions = items(_object(_object(flat.get("llm")).get("request")).get("functions"))
    return tool_names([one for one in functions if isinstance(one, dict)]) if functions else None


def _has_arguments(calls: Any) -> bool:
    listed = [_object(call) for call in calls] if isinstance(calls, list) else []
    return any("arguments" in _object(call.get("function", call)) for call in listed)


def _flat_message(one: Mapping[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": one.get("role"), "content": unpacked_parts(one.get("content"))}
    calls = [call for call in items(one.get("tool_calls")) if isinstance(call, dict)]
    if calls:
        message["tool_calls"] = calls
    return message


def _add(row: Row, more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if name == "more_messages":
            row[name] = [*row.get(name, ()), *value]
        elif row.get(name) is None:
            row[name] = value


def _text(message: Mapping[str, Any]) -> str:
    return text_of(message.get("content", message.get("parts")))


def _is_cut(value: Any) -> bool:
    """Whether an unpacked value is still JSON of messages: such a string ends in the middle."""
    return isinstance(value, str) and value.lstrip().startswith(('[{"', '{"role"', '{"messages"'))


def _string(value: Any) -> str | None:
    """A text, or the first of a list of them, also as JSON."""
    value = unpacked(value)
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, str) and value else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
