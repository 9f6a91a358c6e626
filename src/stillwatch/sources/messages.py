"""A chat, in whatever shape a product logs it, as the conversation columns of an exchange.

`parse` of a format has no key, so that it stays a pure function: it hands the messages over as they stand, in a row's
`messages` (system prompt first, as a message of role `system`), and opaque reasoning blocks of the answer in
`reasoning_out_blocks`. `complete` turns both into columns with the key of the scan.

A digest is the same for the same message whatever product logged it: it covers role, text, and the calls' names and
arguments, after these normalisations. `developer` is `system`; a tool's result is a message of role `tool` of its own,
also where a product puts it into a user's message; neighbouring messages of the assistant are one; reasoning, images'
bytes, ids of calls and annotations are left out; arguments are JSON with sorted keys. System messages stand apart:
they are in no digest, and are not counted as turns.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

DEFAULT_KEY = b"stillwatch: digests without --key or store"
"""Digests made with it can be compared between scans, and by anybody who has both texts."""

DIGESTS_KEPT = 8
"""Messages, counted from the end, whose digests an exchange carries."""

MIN_BLOCK_BYTES = 64
"""Shorter opaque blocks are constants or cut: no evidence of a replay."""

_ROLES = {
    "developer": "system",
    "system": "system",
    "human": "user",
    "user": "user",
    "ai": "assistant",
    "model": "assistant",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_MARKS = (
    ("image", "[image]"),
    ("audio", "[audio]"),
    ("video", "[video]"),
    ("document", "[file]"),
    ("file", "[file]"),
    ("blob", "[file]"),
    ("uri", "[file]"),
    ("computer_screenshot", "[image]"),
)
_CALL_TYPES = {"tool_use", "tool_call", "function_call", "server_tool_use", "server_tool_call", "custom_tool_call"}
_RESULT_TYPES = {
    "tool_result",
    "tool_call_response",
    "server_tool_call_response",
    "function_call_output",
    "custom_tool_call_output",
    "computer_call_output",
}
_REASONING_TYPES = {"thinking", "redacted_thinking", "reasoning", "reasoning_content"}


_BLOCKS = ("signature", "encrypted_content", "thought_signature", "thoughtSignature")
_HOLDERS = (
    "thinking_blocks",
    "content",
    "parts",
    "reasoningContent",
    "reasoningText",
    "provider_specific_fields",
)


CONVERSATION = (
    "prompt", "first_user", "prompt_source", "history_digest", "history_length", "message_digests", "turns",
)  # fmt: skip
"""Columns that messages fill, whatever the format, beside the system prompt and opaque blocks."""


@dataclass(frozen=True, slots=True)
class Message:
    """A normalised message. role: system, user, assistant or tool; calls: (tool, arguments as JSON), in order."""

    role: str
    text: str
    calls: tuple[tuple[str, str], ...] = ()


def complete(row: dict[str, Any], key: bytes) -> dict[str, Any]:
    """The row with `messages` and `reasoning_out_blocks` turned into columns; the same object where it has neither.

    A column that the row fills itself is kept: a format may know better.
    """
    if "messages" in row:
        messages = row.pop("messages")
        if messages:
            for name, value in split_messages(messages, key).items():
                if row.get(name) is None:
                    row[name] = value
    if "reasoning_out_blocks" in row:
        row["reasoning_out"] = block_digests(row.pop("reasoning_out_blocks") or (), key)
    return row


def split_messages(messages: Any, key: bytes) -> dict[str, Any]:
    """Conversation columns of `schema.EXCHANGE` from logged messages.

    messages: a list of messages, a JSON string of one, a single message, or a plain string (one user message).
    Raises: ValueError where it is none of these.
    """
    raw = as_messages(messages)
    normal = normalise(raw)
    system = [message.text for message in normal if message.role == "system" and message.text]
    talk = [message for message in normal if message.role != "system"]
    row: dict[str, Any] = {"system_prompt": "\n\n".join(system) or None}
    blocks = [block for message in raw for block in opaque_blocks(message)]
    row["reasoning_in"] = block_digests(blocks, key)
    if not talk:
        return row
    # What an assistant's message at the end begins is the answer (a prefill), so the message before it was the last.
    last = next((i for i in range(len(talk) - 1, -1, -1) if talk[i].role != "assistant"), None)
    digests = [_digest(message, key) for message in talk]
    n_before = len(talk) - 1 if last is None else last
    if last is not None:
        row["prompt"] = talk[last].text
        row["prompt_source"] = "tool_result" if talk[last].role == "tool" else "human"
        first = next((i for i, message in enumerate(talk) if message.role == "user"), None)
        if first is not None and first < last:
            row["first_user"] = talk[first].text
    row["turns"] = row["history_length"] = n_before
    row["history_digest"] = _chain(digests[:n_before], key)
    row["message_digests"] = [digest.hex() for digest in digests[-DIGESTS_KEPT:]]
    return row


def as_messages(value: Any) -> list[dict[str, Any]]:
    """Logged messages as a list of dicts, whatever way they were put into the log.

    Raises: ValueError where the value is no conversation.
    """
    if isinstance(value, str):
        stripped = value.lstrip()
        if not stripped.startswith(("[", "{")):
            return [{"role": "user", "content": value}]
        try:
            decoded = json.loads(stripped)
        except ValueError:
            return [{"role": "user", "content": value}]
        if isinstance(decoded, list) and not all(isinstance(item, dict) for item in decoded):
            return [{"role": "user", "content": value}]
        if isinstance(decoded, dict) and not _is_message(decoded):
            return [{"role": "user", "content": value}]
        value = decoded
    if isinstance(value, dict):
        inner = value.get("messages", value.get("input"))
        if isinstance(inner, list | str) and "role" not in value:
            return as_messages(inner)
        return [dict(value)]
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        out: list[dict[str, Any]] = []
        for item in value:
            if isinstance(item, str):
                out.append({"role": "user", "content": item})
            elif isinstance(item, dict):
                out.append(dict(item))
            elif item is not None:
                raise ValueError(f"a message is {type(item).__name__}, not an object")
        return out
    raise ValueError(f"messages are {type(value).__name__}, not a list")


def normalise(messages: Iterable[Mapping[str, Any]]) -> list[Message]:
    """Messages in one form, tool results apart, neighbouring assistant messages joined."""
    out: list[Message] = []
    for raw in messages:
        for message in _expand(raw):
            previous = out[-1] if out else None
            if previous is not None and previous.role == message.role == "assistant":
                text = "\n".join(part for part in (previous.text, message.text) if part)
                out[-1] = Message("assistant", text, previous.calls + message.calls)
            else:
                out.append(message)
    return out


def text_of(content: Any) -> str:
    """The text of a message's content: a string, a part, or a list of parts; calls and reasoning left out."""
    texts: list[str] = []
    _read_content(content, texts, [], [])
    return "\n".join(texts)


def calls_of(message: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The tools that a message calls, as (name, arguments as JSON with sorted keys)."""
    return [call for part in _expand(message) for call in part.calls]


def tool_names(tools: Any) -> list[str] | None:
    """Names of the tools offered, in order; None where there is no list of tools.

    Reads OpenAI's, Anthropic's, Bedrock's, Gemini's and OpenTelemetry's way, plain names, and JSON strings of these.
    """
    if isinstance(tools, str):
        try:
            tools = json.loads(tools)
        except ValueError:
            return [tools] if tools else None
    if isinstance(tools, dict):
        if "tools" in tools:
            return tool_names(tools["tools"])
        tools = [tools] if {"name", "type", "function", "toolSpec"} & set(tools) else list(tools)
    if not isinstance(tools, list | tuple):
        return None
    names: list[str] = []
    for tool in tools:
        if isinstance(tool, str):
            names.append(tool)
        elif isinstance(tool, dict):
            for declared in tool.get("function_declarations") or tool.get("functionDeclarations") or [tool]:
                if not isinstance(declared, dict):
                    continue
                inner = declared.get("function") or declared.get("toolSpec") or declared.get("custom") or declared
                name = inner.get("name") if isinstance(inner, dict) else inner
                name = name or declared.get("name") or declared.get("type")
                if name:
                    names.append(str(name))
    return names


def rebuild_messages(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Messages, in OpenAI's shape, that come out as the row's conversation columns again: what `write` needs.

    A row's own `messages` win. Otherwise messages between the first and the last, of which a row holds no text, are
    stood in for, so that `turns` comes out and the digests of the history do not. Reasoning blocks handed in are stood
    in for by their digests, so that equal blocks stay equal.
    """
    if row.get("messages"):
        return as_messages(row["messages"])
    out: list[dict[str, Any]] = []
    if row.get("system_prompt"):
        out.append({"role": "system", "content": row["system_prompt"]})
    if row.get("prompt") is None:
        return out
    before = int(row.get("turns") or 0)
    from_tool = row.get("prompt_source") == "tool_result"
    for i in range(before):
        # Counted from the end, messages of user and assistant take turns, and an assistant's comes before the last.
        role = "assistant" if (before - i) % 2 else "user"
        content = row.get("first_user") if i == 0 and row.get("first_user") else "[not logged]"
        out.append({"role": "user" if i == 0 and row.get("first_user") else role, "content": content})
    last: dict[str, Any] = {"role": "tool" if from_tool else "user", "content": row["prompt"]}
    if from_tool:
        last["tool_call_id"] = "call"
    if row.get("reasoning_in"):
        last["thinking_blocks"] = [{"type": "thinking", "signature": stand_in(one)} for one in row["reasoning_in"]]
    return [*out, last]


def stand_in(digest: str) -> str:
    """A block long enough to count, the same for the same digest."""
    return (digest * 3)[: max(MIN_BLOCK_BYTES, len(digest))].ljust(MIN_BLOCK_BYTES, "=")


def opaque_blocks(value: Any) -> Iterator[str]:
    """Signatures and encrypted reasoning in a message, a content, or an answer, in order, each as it was logged.

    Knows Anthropic's `signature` and `redacted_thinking`, LiteLLM's `thinking_blocks`, OpenAI's `encrypted_content`,
    Bedrock's `reasoningContent` and Gemini's `thought_signature`.
    """
    if isinstance(value, dict):
        if not _may_hold_blocks(value):
            return
        for name in _BLOCKS:
            block = value.get(name)
            if isinstance(block, str) and block:
                yield block
        if value.get("type") == "redacted_thinking" and isinstance(value.get("data"), str):
            yield value["data"]
        if isinstance(value.get("redactedContent"), str):
            yield value["redactedContent"]
        for name in _HOLDERS:
            inner = value.get(name)
            if isinstance(inner, (list, dict)):
                yield from opaque_blocks(inner)
    elif isinstance(value, (list, tuple)):
        for item in value:
            if isinstance(item, (list, dict)):
                yield from opaque_blocks(item)


def _may_hold_blocks(value: dict[str, Any]) -> bool:
    # Nearly all messages and parts hold none: told by a look at what they have, not for what they might have.
    for name, inner in value.items():
        if name in _HOLDERS:
            if isinstance(inner, (list, dict)):
                return True
        elif name in _BLOCKS or name in ("data", "redactedContent"):
            return True
    return False


def block_digests(blocks: Iterable[str], key: bytes) -> list[str] | None:
    """Keyed digests of opaque blocks of at least 64 bytes, each once, in order; None without any."""
    seen: dict[str, None] = {}
    for block in blocks:
        data = block.encode("utf-8", "surrogatepass")
        if len(data) >= MIN_BLOCK_BYTES:
            seen.setdefault(keyed(data, key, b"block").hex())
    return list(seen) or None


def keyed(data: bytes, key: bytes, purpose: bytes) -> bytes:
    """Keyed BLAKE2b of 16 bytes; a purpose keeps equal data of different kinds apart.

    Assumes: keys longer than BLAKE2b's 64 bytes are hashed down first.
    """
    if len(key) > 64:
        key = blake2b(key, digest_size=64).digest()
    return blake2b(data, digest_size=16, key=key, person=purpose[:16]).digest()


def _is_message(value: Mapping[str, Any]) -> bool:
    return "role" in value or isinstance(value.get("messages", value.get("input")), list)


def _expand(raw: Mapping[str, Any]) -> Iterator[Message]:
    role = _ROLES.get(str(raw.get("role") or "").lower())
    kind = raw.get("type")
    texts: list[str] = []
    calls: list[tuple[str, str]] = []
    results: list[str] = []
    if role is None and kind in _CALL_TYPES | _RESULT_TYPES | _REASONING_TYPES:
        # Items of OpenAI's Responses, which have no role.
        _read_content([raw], texts, calls, results)
        role = "assistant"
        if kind in _REASONING_TYPES:
            return
    else:
        _read_content(raw.get("content", raw.get("parts", raw.get("text"))), texts, calls, results)
        for call in raw.get("tool_calls") or ():
            if isinstance(call, dict):
                calls.append(_call(call))
        if isinstance(raw.get("function_call"), dict):
            calls.append(_call(raw["function_call"]))
    role = role or "user"
    for result in results:
        yield Message("tool", result)
    text = "\n".join(texts)
    if text or calls or not results:
        yield Message(role, text, tuple(calls))


def _read_content(content: Any, texts: list[str], calls: list[tuple[str, str]], results: list[str]) -> None:
    if content is None:
        return
    if isinstance(content, str):
        if content:
            texts.append(content)
        return
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list | tuple):
        texts.append(_canonical(content))
        return
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict):
            _read_part(part, texts, calls, results)


def _read_part(part: Mapping[str, Any], texts: list[str], calls: list[tuple[str, str]], results: list[str]) -> None:
    kind = str(part.get("type") or "")
    if kind in _REASONING_TYPES or "reasoningContent" in part or part.get("thought") is True:
        return
    for name in ("toolUse", "functionCall", "function_call"):
        if isinstance(part.get(name), dict):
            calls.append(_call(part[name]))
            return
    for name in ("toolResult", "functionResponse", "function_response"):
        if isinstance(part.get(name), dict):
            inner = part[name]
            results.append(_result_text(inner.get("content", inner.get("response"))))
            return
    if kind in _CALL_TYPES:
        calls.append(_call(part))
        return
    if kind in _RESULT_TYPES or kind.endswith("_tool_result"):
        value = next((part[n] for n in ("content", "response", "result", "output") if part.get(n) is not None), None)
        results.append(_result_text(value))
        return
    text = part.get("text", part.get("content", part.get("refusal")))
    if isinstance(text, str) and kind not in {"blob", "file", "uri"}:
        if text:
            texts.append(text)
        return
    if isinstance(text, dict | list) and not kind.startswith(("image", "document")):
        _read_content(text, texts, calls, results)
        return
    names = (kind, *part) if not kind or kind == "generic" else (kind,)
    for name in names:
        mark = next((mark for word, mark in _MARKS if word in name.lower()), None)
        if mark:
            mime = str(part.get("mime_type") or part.get("modality") or "")
            texts.append("[image]" if mark == "[file]" and mime.startswith("image") else mark)
            return
    texts.append(f"[{kind}]" if kind else _canonical(part))


def _result_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        texts: list[str] = []
        for item in value:
            if isinstance(item, dict) and "json" in item and "type" not in item:
                texts.append(_canonical(item["json"]))
            else:
                _read_content([item] if isinstance(item, dict | str) else item, texts, [], [])
        return "\n".join(texts)
    if value is None:
        return ""
    if isinstance(value, dict) and (value.get("type") in {"text", "image"} or "image_url" in value):
        return text_of(value)
    return _canonical(value)


def _call(call: Mapping[str, Any]) -> tuple[str, str]:
    inner = call.get("function")
    if isinstance(inner, dict):
        call = inner
    name = call.get("name") or call.get("type") or ""
    arguments = next((call[n] for n in ("arguments", "input", "args") if call.get(n) is not None), None)
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments) if arguments else {}
        except ValueError:
            return str(name), str(arguments)
    return str(name), _canonical({} if arguments is None else arguments)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def _digest(message: Message, key: bytes) -> bytes:
    parts = [message.role, message.text]
    for name, arguments in message.calls:
        parts += (name, arguments)
    data = bytearray()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        data += len(encoded).to_bytes(8, "little") + encoded
    return keyed(bytes(data), key, b"message")


def _chain(digests: Sequence[bytes], key: bytes) -> str | None:
    if not digests:
        return None
    chained = b""
    for digest in digests:
        chained = keyed(chained + digest, key, b"history")
    return chained.hex()
