"""What was asked and answered, out of an input and an output of any shape: tracing products keep whatever they got.

An input may be OpenAI's or Anthropic's body, Gemini's, LangChain's messages, OpenTelemetry's parts, a rendered prompt,
plain text, or JSON of the application's own; all of these also as a string, or as a string in a string. What bears no
known shape is kept as it is, so that no text is lost: an object of the application's own is its JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from stillwatch.sources import streamed
from stillwatch.sources.chat_templates import prompt_messages
from stillwatch.sources.documents import decode
from stillwatch.sources.messages import opaque_blocks, text_of
from stillwatch.sources.registry import Row

_SPEAKERS = {
    "human": "user",
    "user": "user",
    "ai": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "chatbot": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
    "chat": "user",
}
"""Who speaks, by the role or, in LangChain's messages, by the type, without its `Message` or `MessageChunk`."""

_PLAIN = ("user", "assistant", "system", "tool")
_ITEMS = frozenset(
    ("message", "reasoning", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output")
)
"""Types of items of OpenAI's Responses that say who speaks without a role."""

_ASKED = ("messages", "contents", "input", "prompt", "prompts", "message", "content", "inputText", "query", "question")
_TOLD = ("system", "instructions", "system_instruction", "systemInstruction", "system_prompt", "preamble")
_WRAPPERS = ("request", "body", "kwargs", "params", "data", "value")
_SAID = ("text", "completion", "generation", "output_text", "generated_text", "answer", "response", "result", "output")
_MODEL = ("model", "model_name", "modelVersion", "model_version")
_NOTHING: tuple[Any, ...] = (None, "", "null", [], {})
_FINISHED = ("finish_reason", "stop_reason", "finishReason", "stopReason", "finish_reasons")
_SAYS = frozenset((*_FINISHED, *_MODEL))
_LISTED = ("choices", "candidates", "generations", "outputs", "results")
_TRANSCRIPT = re.compile(r"^(system|developer|user|assistant|tool): ", re.MULTILINE)


def unpacked(value: Any) -> Any:
    """The value, or what it holds where it is JSON in a string, or that in a string once more."""
    for _ in range(2):
        if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "[", '"'):
            break
        try:
            inner = decode(value.encode("utf-8", "surrogatepass"))
        except ValueError:
            break
        value = inner
    return value


def asked(value: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The messages of an input, and the body of the request round them, {} where there is none.

    The body's `tools` are those that stand in it or, as LangChain's tracer writes them, among the messages.
    """
    value = unpacked(value)
    if value in _NOTHING:
        return [], {}
    if isinstance(value, str):
        return _text_messages(value), {}
    if isinstance(value, dict):
        return _of_body(dict(value))
    if isinstance(value, list):
        return _of_list(value)
    return [{"role": "user", "content": _json(value)}], {}


def answered(value: Any) -> Row:
    """The columns of an answer: `response`, `finish_reason`, `model`, `reasoning_out_blocks`, absent where unknown."""
    value = unpacked(value)
    if value in _NOTHING:
        return {}
    if isinstance(value, str):
        return {"response": value}
    if isinstance(value, dict):
        return _of_answer(dict(value))
    if isinstance(value, list):
        return _of_answers(value)
    return {"response": _json(value)}


def _of_body(body: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    if _is_message(body):
        return _of_list([body])
    if "args" in body or "kwargs" in body:
        # A traced function's arguments.
        named, listed = unpacked(body.get("kwargs")), unpacked(body.get("args"))
        if isinstance(named, dict) and named:
            return _of_body(named)
        return asked(listed[0]) if isinstance(listed, list) and len(listed) == 1 else asked(listed)
    config = body.get("config")
    if isinstance(config, dict):
        body = {**config, **body}
    name = next((one for one in _ASKED if body.get(one) not in _NOTHING), None)
    told = next((body[one] for one in _TOLD if body.get(one)), None)
    if name is None:
        inner = next((body[one] for one in _WRAPPERS if isinstance(unpacked(body.get(one)), dict)), None)
        if inner is not None:
            return asked(inner)
        if told is None and not _is_bare(body):
            return [{"role": "user", "content": _own_words(body)}], {}
        messages: list[dict[str, Any]] = []
    else:
        messages, inner_body = asked(body[name])
        body = {**inner_body, **body}
    if told is not None and not any(one.get("role") == "system" for one in messages):
        messages = [
            {"role": "system", "content": told.get("parts", told) if isinstance(told, dict) else told},
            *messages,
        ]
    return messages, body


def _of_list(values: list[Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    values = [unpacked(one) if isinstance(one, str) and one[:1] in ("{", "[") else one for one in values]
    if values and all(isinstance(one, list) for one in values):
        # Batches, of which a tracer writes one at a time.
        return _of_list(values[0])
    messages: list[dict[str, Any]] = []
    tools: list[Any] = []
    called: set[str] = set()
    if not any(isinstance(one, dict) and _is_message(one) for one in values):
        if any(isinstance(one, dict) and not _is_part(one) for one in values) or not all(
            isinstance(one, str | dict) for one in values
        ):
            return [{"role": "user", "content": _json(values)}], {}
        if any(isinstance(one, dict) for one in values):
            return [{"role": "user", "content": values}], {}
    for one in values:
        if isinstance(one, str):
            messages += _text_messages(one)
            continue
        if not isinstance(one, dict):
            continue
        message = _message(one, called)
        content = message.get("content")
        if message.get("role") == "tool" and isinstance(content, dict) and _is_definition(content):
            tools.append(content)
            continue
        calls = message.get("tool_calls")
        if not isinstance(calls, list):
            message.pop("tool_calls", None)
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                inner = call.get("function")
                called.add(str((inner if isinstance(inner, dict) else call).get("name")))
        messages.append(message)
    return messages, {"tools": tools} if tools else {}


def _message(raw: Mapping[str, Any], called: Iterable[str]) -> dict[str, Any]:
    """A message with a role that is known, out of LangChain's ways of writing one or any other."""
    kind = raw.get("type")
    inner = raw.get("kwargs") if kind == "constructor" else raw.get("data")
    if isinstance(inner, dict) and "content" in inner:
        named = raw.get("id")
        kind = named[-1] if kind == "constructor" and isinstance(named, list) and named else kind
        raw = inner
    role = raw.get("role")
    if role in _PLAIN and kind is None and "additional_kwargs" not in raw:
        return dict(raw)
    message = {name: value for name, value in raw.items() if name != "type"}
    if isinstance(role, str) and role:
        speaker = _SPEAKERS.get(role.lower())
        # LangChain's JavaScript gives a tool's result the tool's name as its role.
        message["role"] = speaker or ("tool" if role in called else role)
    elif isinstance(kind, str) and kind in _ITEMS and "content" not in raw:
        return dict(raw)
    else:
        message["role"] = _speaker(kind) or ("assistant" if kind == "message" else "user")
    extra = raw.get("additional_kwargs")
    if not message.get("tool_calls") and isinstance(extra, dict) and extra.get("tool_calls"):
        message["tool_calls"] = extra["tool_calls"]
    return message


def _of_answer(answer: dict[str, Any]) -> Row:
    for name in _LISTED:
        listed = answer.get(name)
        if isinstance(listed, list) and listed and isinstance(listed[0], dict | list):
            first = listed[0][0] if isinstance(listed[0], list) and listed[0] else listed[0]
            return {**_about(answer), **_of_answers([first])}
    about = _about(answer)
    message = unpacked(answer.get("message", answer.get("delta")))
    if isinstance(message, dict):
        return {**about, **_of_answer(dict(message))}
    if isinstance(answer.get("output"), list | dict):
        # An item is a part of an answer: its status is not the answer's.
        return {**answered(answer["output"]), **about}
    content = answer.get("content", answer.get("parts"))
    if isinstance(content, dict):
        content = content.get("parts", content)
    if "content" in answer or "parts" in answer or "tool_calls" in answer or "refusal" in answer:
        text = text_of(content) or answer.get("refusal") or None
        blocks = list(opaque_blocks(answer))
        return {**about, "response": text, **({"reasoning_out_blocks": blocks} if blocks else {})}
    said = next((answer[name] for name in _SAID if isinstance(answer.get(name), str)), None)
    if said is not None and (about or len(answer) <= 3):
        return {**about, "response": said or None}
    # Structured output of the application's own.
    return {"response": _json(answer)}


def _of_answers(values: list[Any]) -> Row:
    first = values[0]
    if len(values) == 1 and isinstance(first, dict) and not _is_part(first) and not _is_call(first):
        return _of_answer(dict(first))
    if all(isinstance(one, list) for one in values):
        return _of_answers(first) if first else {}
    whole = _put_together(values)
    if whole is not None:
        return _of_answer(whole)
    if not all(isinstance(one, dict) for one in values):
        texts = [one for one in values if isinstance(one, str)]
        return {"response": "\n".join(texts) if len(texts) == len(values) else _json(values)}
    if any(_is_message(one) for one in values):
        spoken = [_message(one, ()) for one in values]
        texts = [
            text
            for one in spoken
            if one.get("role", "assistant") == "assistant" and (text := text_of(one.get("content", one.get("parts"))))
        ]
        row: Row = {"response": "\n".join(texts) or None}
        for one in values:
            row |= _about(one)
    elif all(_is_part(one) or _is_call(one) for one in values):
        row = {"response": text_of([one for one in values if _is_part(one) and not _is_call(one)]) or None}
    else:
        return {"response": _json(values)}
    blocks = list(opaque_blocks(values))
    return {**row, "reasoning_out_blocks": blocks} if blocks else row


def _put_together(values: list[Any]) -> dict[str, Any] | None:
    """The answer that a list of a stream's chunks makes; None where it is no such list."""
    first = values[0]
    kind = str(first.get("type")) if isinstance(first, dict) else ""
    of_chunks = "choices" in first if isinstance(first, dict) else False
    if of_chunks and not all(isinstance(one, dict) and _has_choices(one) for one in values):
        return None
    if not of_chunks and kind != "message_start" and not kind.startswith("response."):
        return None
    stream = streamed.events(values) or []
    if of_chunks:
        return streamed.chat_completion(stream)
    return streamed.message(stream) if kind == "message_start" else streamed.response(stream)


def _has_choices(chunk: Mapping[str, Any]) -> bool:
    # The last chunk may have none, only the usage.
    choices = chunk.get("choices", [])
    return isinstance(choices, list) and all(isinstance(one, dict) for one in choices)


def _about(answer: Mapping[str, Any]) -> Row:
    """Model and reason to stop, where the answer itself says them."""
    row: Row = {}
    extra = answer.get("response_metadata")
    for place in (answer, extra if isinstance(extra, dict) else {}):
        if _SAYS.isdisjoint(place):
            continue
        for name in _FINISHED:
            reason = place.get(name)
            reason = reason[0] if isinstance(reason, list) and reason else reason
            if isinstance(reason, str) and reason:
                row.setdefault("finish_reason", reason)
        for name in _MODEL:
            if isinstance(place.get(name), str) and place[name]:
                row.setdefault("model", place[name])
    if answer.get("object") == "response":
        details = answer.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else answer.get("status")
        if isinstance(reason, str):
            row.setdefault("finish_reason", {"completed": "stop", "max_output_tokens": "length"}.get(reason, reason))
    return row


def _text_messages(text: str) -> list[dict[str, Any]]:
    """The messages of a text: of a rendered prompt several."""
    if text.startswith(("system: ", "developer: ")):
        # How OpenTelemetry's older instrumentations join messages into one attribute.
        marks = list(_TRANSCRIPT.finditer(text))
        ends = [mark.start() for mark in marks[1:]] + [len(text)]
        if len(marks) > 1:
            return [
                {"role": mark.group(1), "content": text[mark.end() : end].rstrip("\n")}
                for mark, end in zip(marks, ends, strict=True)
            ]
    return prompt_messages(text)


def _speaker(kind: Any) -> str | None:
    if not isinstance(kind, str):
        return None
    return _SPEAKERS.get(kind.removesuffix("Chunk").removesuffix("Message").lower())


def _is_message(value: Mapping[str, Any]) -> bool:
    if isinstance(value.get("role"), str):
        return True
    kind = value.get("type")
    inner = value.get("kwargs") if kind == "constructor" else value.get("data")
    if isinstance(inner, dict) and "content" in inner and (kind == "constructor" or _speaker(kind) is not None):
        return True
    return isinstance(kind, str) and (kind in _ITEMS or ("content" in value and _speaker(kind) is not None))


def _is_part(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("type"), str) or set(value) == {"text"}


def _is_call(value: Mapping[str, Any]) -> bool:
    kind = str(value.get("type") or "")
    return kind.endswith(("tool_use", "tool_call", "function_call", "tool-call")) or "toolCallId" in value


def _is_definition(content: Mapping[str, Any]) -> bool:
    """Whether a tool's message holds no result but the tool's definition, as LangChain's tracer adds them."""
    return isinstance(content.get("function"), dict) or (
        "name" in content and bool({"input_schema", "parameters", "description"} & set(content))
    )


def _is_bare(body: Mapping[str, Any]) -> bool:
    """Whether a body holds nothing but what goes with a request besides its messages."""
    with_it = {"model", "tools", "functions", "tool_choice", "temperature", "max_tokens", "stream", "top_p", *_ASKED}
    return set(body) <= with_it


def _own_words(body: dict[str, Any]) -> str:
    """An object of the application's own: its only text, else its JSON."""
    if len(body) == 1:
        (only,) = body.values()
        if isinstance(only, str):
            return only
    return _json(body)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
