"""Answers that were logged as they streamed, put together: lists of chunks or events, or the text of the stream itself.

Every function takes the events in order, however far the stream came: one that broke off gives what had arrived.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Event = dict[str, Any]


def events(value: Any) -> list[Event] | None:
    """The events of a logged stream; None where the value is no stream.

    Takes lists of objects, of JSON strings, of `{"event": ..., "data": ...}`, of Bedrock's `{"chunk": {"bytes": ...}}`
    and the raw text of server-sent events.
    """
    if isinstance(value, str):
        if "data:" not in value:
            return None
        value = [line.partition("data:")[2].strip() for line in value.splitlines() if line.startswith("data:")]
    if not isinstance(value, list):
        return None
    out: list[Event] = []
    for item in value:
        if isinstance(item, dict) and "data" in item and ("event" in item or len(item) == 1):
            item = item["data"]
        if isinstance(item, dict) and isinstance(item.get("chunk"), dict):
            item = item["chunk"].get("bytes")
        if isinstance(item, str):
            text = item.strip().removeprefix("data:").strip()
            if not text.startswith("{"):
                continue
            try:
                item = json.loads(text)
            except ValueError:
                # The last event of a stream that broke off.
                continue
        if isinstance(item, dict):
            out.append(dict(item))
    return out or None


def chat_completion(chunks: Sequence[Event]) -> Event:
    """OpenAI's `chat.completion.chunk`s as one chat completion, its first choice only."""
    whole: Event = {"object": "chat.completion"}
    message: Event = {"role": "assistant"}
    texts: list[str] = []
    calls: dict[int, Event] = {}
    finish = None
    for chunk in chunks:
        for name in ("id", "created", "model", "usage", "error", "service_tier"):
            if chunk.get(name) is not None:
                whole[name] = chunk[name]
        for choice in chunk.get("choices") or ():
            if choice.get("index"):
                continue
            delta = choice.get("delta") or {}
            texts += [
                one for one in (delta.get("content"), delta.get("refusal"), choice.get("text")) if isinstance(one, str)
            ]
            for call in delta.get("tool_calls") or ():
                known = calls.setdefault(call.get("index") or 0, {"name": "", "arguments": ""})
                function = call.get("function") or {}
                known["name"] += function.get("name") or ""
                known["arguments"] += function.get("arguments") or ""
            finish = choice.get("finish_reason") or finish
    message["content"] = "".join(texts)
    if calls:
        message["tool_calls"] = [{"type": "function", "function": calls[index]} for index in sorted(calls)]
    return {**whole, "choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def response(stream: Sequence[Event]) -> Event:
    """Events of OpenAI's Responses as one response: the one that the last event carries, else what had arrived."""
    whole: Event = {"object": "response"}
    items: dict[int, Event] = {}
    texts: dict[int, str] = {}
    for event in stream:
        kind = str(event.get("type") or "")
        if isinstance(event.get("response"), dict):
            whole = event["response"]
        elif kind in ("response.output_item.added", "response.output_item.done") and isinstance(
            event.get("item"), dict
        ):
            items[event.get("output_index") or 0] = event["item"]
        elif kind in ("response.output_text.delta", "response.refusal.delta"):
            index = event.get("output_index") or 0
            texts[index] = texts.get(index, "") + str(event.get("delta") or "")
        elif kind == "error":
            whole = {**whole, "error": event}
    if whole.get("output"):
        return whole
    for index, text in texts.items():
        item = items.setdefault(index, {"type": "message", "role": "assistant"})
        if not item.get("content"):
            items[index] = {**item, "content": [{"type": "output_text", "text": text}]}
    return {**whole, "output": [items[index] for index in sorted(items)]}


def message(stream: Sequence[Event]) -> Event:
    """Anthropic's events as one message; usage as the last event has it."""
    whole: Event = {"type": "message", "role": "assistant"}
    blocks: dict[int, Event] = {}
    for event in stream:
        kind = event.get("type")
        if kind == "message_start" and isinstance(event.get("message"), dict):
            whole = dict(event["message"])
        elif kind == "content_block_start" and isinstance(event.get("content_block"), dict):
            blocks[event.get("index") or 0] = dict(event["content_block"])
        elif kind == "content_block_delta":
            _add_delta(blocks.setdefault(event.get("index") or 0, {"type": "text"}), event.get("delta") or {})
        elif kind == "message_delta":
            whole.update({name: one for name, one in (event.get("delta") or {}).items() if one is not None})
            whole["usage"] = {**(whole.get("usage") or {}), **(event.get("usage") or {})}
        elif kind == "error":
            whole["error"] = event.get("error") or event
    for block in blocks.values():
        if isinstance(block.get("partial_json"), str):
            try:
                block["input"] = json.loads(block.pop("partial_json") or "{}")
            except ValueError:
                block["input"] = {}
    return {**whole, "content": [blocks[index] for index in sorted(blocks)]}


def converse(stream: Sequence[Event]) -> Event:
    """Events of Bedrock's ConverseStream, or of Nova, as one answer of Converse."""
    blocks: dict[int, Event] = {}
    whole: Event = {}
    for event in stream:
        if isinstance(event.get("contentBlockStart"), dict):
            start = event["contentBlockStart"]
            blocks[start.get("contentBlockIndex") or 0] = dict(start.get("start") or {})
        elif isinstance(event.get("contentBlockDelta"), dict):
            delta = event["contentBlockDelta"].get("delta") or {}
            block = blocks.setdefault(event["contentBlockDelta"].get("contentBlockIndex") or 0, {})
            if isinstance(delta.get("text"), str):
                block["text"] = block.get("text", "") + delta["text"]
            if isinstance(delta.get("reasoningContent"), dict):
                reasoning = block.setdefault("reasoningContent", {})
                known = reasoning.setdefault("reasoningText", {})
                for name, one in delta["reasoningContent"].items():
                    if name == "redactedContent":
                        reasoning[name] = one
                    elif isinstance(one, str):
                        known[name] = known.get(name, "") + one
        elif isinstance(event.get("messageStop"), dict):
            whole["stopReason"] = event["messageStop"].get("stopReason")
        elif isinstance(event.get("metadata"), dict):
            whole["usage"] = event["metadata"].get("usage")
    return {**whole, "output": {"message": {"role": "assistant", "content": [blocks[i] for i in sorted(blocks)]}}}


def _add_delta(block: Event, delta: Mapping[str, Any]) -> None:
    for name in ("text", "thinking", "signature", "partial_json"):
        if isinstance(delta.get(name), str):
            block[name] = str(block.get(name) or "") + delta[name]
