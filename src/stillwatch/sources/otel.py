"""OpenTelemetry's GenAI convention: spans and log records, in OTLP JSON or one by one, under today's and older names.

One call to a model is one exchange, although a span, a log record of the whole call and log records of single messages
may tell of it: they are joined by trace and span. Spans of agents, tools, workflows and requests that were served are
no exchanges, even where they repeat the usage of the calls below them; what they say of who called holds for those.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from itertools import islice
from typing import Any
from zlib import crc32

import msgspec

from stillwatch.errors import BadRecord
from stillwatch.sources.envelope import decoded
from stillwatch.sources.joining import Link
from stillwatch.sources.messages import CONVERSATION, normalise, opaque_blocks, rebuild_messages, stand_in
from stillwatch.sources.otel_content import DETAILS, event_row, fill_content, has_content, is_content_event
from stillwatch.sources.otlp import Attributes, Record, export, holds_records, records, split, typed
from stillwatch.sources.registry import Document, Format, Row, register
from stillwatch.sources.span_identity import (
    IDENTITY_FILLS,
    IDENTITY_TURN_ON,
    by_names,
    facts_row,
    first,
    identity,
    names_to_columns,
    status,
    write_identity,
)
from stillwatch.sources.values import microseconds

CALLS = ("chat", "text_completion", "generate_content", "completion", "message", "messages", "responses", "response")
"""Operations that call a model for an answer."""

OTHER_OPERATIONS = (
    "invoke_", "create_", "execute_", "fetch_", "search_", "update_", "upsert_", "delete_", "embed", "retriev",
    "rerank", "plan", "evaluat", "moderat", "guardrail", "transcri", "speech", "image",
)  # fmt: skip
"""What the names of operations begin with that are no such call; any other name is a tracer's own."""

MODEL = ("gen_ai.request.model", "llm.request.model", "gen_ai.response.model", "llm.response.model")
INPUT_TOKENS = (
    "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens", "llm.usage.input_tokens",
    "ai.usage.inputTokens", "ai.usage.promptTokens",
)  # fmt: skip
OUTPUT_TOKENS = (
    "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens",
    "llm.usage.output_tokens", "ai.usage.outputTokens", "ai.usage.completionTokens",
)  # fmt: skip
CACHED_TOKENS = (
    "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.input_tokens.cached", "llm.usage.cache_read_input_tokens", "ai.usage.cachedInputTokens",
)  # fmt: skip
WRITTEN_TOKENS = (
    "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
)  # fmt: skip
REASONING_TOKENS = (
    "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens", "gen_ai.usage.output_tokens.reasoning",
    "llm.usage.reasoning_tokens", "ai.usage.reasoningTokens",
)  # fmt: skip
MAX_TOKENS = (
    "gen_ai.request.max_tokens", "gen_ai.request.max_completion_tokens", "gen_ai.request.max_output_tokens",
    "llm.request.max_tokens", "ai.settings.maxOutputTokens", "ai.settings.maxTokens",
)  # fmt: skip
TEMPERATURE = ("gen_ai.request.temperature", "llm.request.temperature", "llm.temperature")

_NAMES = names_to_columns(
    {
        "answer_id": ("gen_ai.response.id", "gen_ai.request.id", "ai.response.id"),
        "platform": ("gen_ai.provider.name", "gen_ai.system"),
        "model": MODEL,
        "max_tokens": MAX_TOKENS,
        "temperature": TEMPERATURE,
        "input_tokens": INPUT_TOKENS,
        "output_tokens": OUTPUT_TOKENS,
        "cached_tokens": CACHED_TOKENS,
        "written_tokens": WRITTEN_TOKENS,
        "reasoning_tokens": REASONING_TOKENS,
    }
)

LOOKED_AT = 100
"""Records of a document at most when its format is told."""

_SHORT_ID = re.compile(r"^(?:chat)?cmpl-\d{1,6}$")
"""A local server's random number: a log of a day repeats it."""

NO_ACCOUNT = "names no account: set user.id on the span of the call, or on one above it"
NO_CALL = (
    "is a message of a call whose span is neither near it nor in another file: export spans, or whole calls as events"
)
NO_SPAN = (
    "is the event of a call whose span, which names the account, is neither near it nor in another file: export both"
)

_SPANS = re.compile(
    rb'"(?:resourceSpans|resource_spans|batches|parent_id|parentSpanId|parent_span_id|attributes\.gen_ai[^"]*)"\s*:'
)
_EVENTS = re.compile(rb'"(?:resourceLogs|resource_logs|severity_number|severityNumber)"\s*:')
_AROUND = frozenset(("workflow", "task", "agent", "tool"))


def parse(document: Document) -> Iterator[Row]:
    """The calls that a document tells of, and what its other spans say of who called.

    Raises: BadRecord where it holds neither spans nor log records.
    """
    return rows_of(document, _rows, "is no span and no log record of OpenTelemetry")


def rows_of(document: Document, of_record: Callable[[Record], Iterator[Row]], nothing: str) -> Iterator[Row]:
    """The rows of a document's records; `nothing` is the reason of one that has none, and is no export of metrics."""
    n_records = 0
    for record in records(document):
        n_records += 1
        yield from of_record(record)
    if not n_records and not holds_records(document) and "resourceMetrics" not in document:
        raise BadRecord(nothing)


def sniff(document: Document) -> float:
    """Sure with a call in GenAI's names; undecided between conventions with spans that are no calls."""
    return sureness(document, _sureness)


def sureness(document: Document, of_record: Callable[[Record], float | None]) -> float:
    """How sure a convention is of a document, by its first records.

    of_record: how sure of one; 0.5 of any span, 0 of another convention's, None where the record says nothing.
    """
    try:
        told = [one for record in islice(records(document), LOOKED_AT) if (one := of_record(record)) is not None]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        # What is put together so oddly is read by nobody; reading it gives the reason.
        return 0.0
    own, others = [one for one in told if one > 0.5], told.count(0.0)
    if own:
        return max(own) * len(own) / (len(own) + others)
    return 0.5 if told and not others else 0.0


def side(head: bytes) -> str:
    """Whether a file begins with spans, or with log records, whose spans may stand in another file."""
    return "whole" if _SPANS.search(head) else "more" if _EVENTS.search(head) else ""


def is_call(attributes: Attributes) -> bool:
    """Whether a span or an event tells of a call to a model, in GenAI's names."""
    operation = attributes.get("gen_ai.operation.name", attributes.get("llm.request.type"))
    if isinstance(operation, str) and operation.lower() in CALLS:
        return first(attributes, MODEL) is not None
    if isinstance(operation, str) and operation.lower().startswith(OTHER_OPERATIONS):
        return False
    if attributes.get("traceloop.span.kind") in _AROUND or attributes.get("openinference.span.kind", "LLM") != "LLM":
        return False
    if any(
        name.startswith(("gen_ai.agent.", "gen_ai.tool.")) and name != "gen_ai.tool.definitions" for name in attributes
    ):
        return False
    named = any(name.startswith("gen_ai.") or name == "llm.request.model" for name in attributes)
    told = has_content(attributes) or any(first(attributes, one) is not None for one in (INPUT_TOKENS, OUTPUT_TOKENS))
    system = first(attributes, ("gen_ai.system", "gen_ai.provider.name")) is not None
    return named and first(attributes, MODEL) is not None and (told or system)


def all_input(total: Any, cached: Any, written: Any) -> Any:
    """Tokens in, cached ones included: some tracers leave them out, as Anthropic's own counts do."""
    apart = [one for one in (cached, written) if isinstance(one, int) and not isinstance(one, bool)]
    if isinstance(total, int) and sum(apart) > total:
        return total + sum(apart)
    return total


def write(rows: Iterable[Row]) -> Iterator[Document]:
    """OTLP exports of one span each, in today's names, messages as JSON in a string."""
    for row in rows:
        chat, answer = as_parts(row)
        finish = row.get("finish_reason")
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": row.get("platform"),
            "gen_ai.request.model": row["model"],
            "gen_ai.request.max_tokens": row.get("max_tokens"),
            "gen_ai.request.temperature": row.get("temperature"),
            "gen_ai.response.id": row["exchange_id"],
            "gen_ai.response.finish_reasons": [finish] if finish else None,
            "gen_ai.usage.input_tokens": row.get("input_tokens"),
            "gen_ai.usage.output_tokens": row.get("output_tokens"),
            "gen_ai.usage.cache_read.input_tokens": row.get("cached_tokens"),
            "gen_ai.usage.reasoning.output_tokens": row.get("reasoning_tokens"),
            "gen_ai.conversation.id": row.get("session_id"),
            "gen_ai.input.messages": _json(chat) if chat else None,
            "gen_ai.output.messages": _json([_finished(answer, finish)]) if answer else None,
            **write_identity(row),
        }
        if row.get("tools") is not None:
            attributes["gen_ai.tool.definitions"] = _json([{"type": "function", "name": one} for one in row["tools"]])
        yield export(span_of(row, f"chat {row['model']}", attributes), "gateway")


def span_of(row: Row, name: str, attributes: dict[str, Any]) -> dict[str, Any]:
    """A client's span with these attributes, of which those that are None are left out."""
    digest = blake2b(str(row["exchange_id"]).encode("utf-8", "replace"), digest_size=24).hexdigest()
    start = str((microseconds(row["requested_at"]) or 0) * 1_000)
    code = row.get("status")
    failed = code is not None and code >= 400
    if failed:
        attributes["error.type"] = str(code)
    return {
        "traceId": digest[:32],
        "spanId": digest[32:],
        "name": name,
        "kind": 3,
        "startTimeUnixNano": start,
        "endTimeUnixNano": start,
        "attributes": [typed(key, value) for key, value in attributes.items() if value is not None],
        "status": {"code": 2} if failed else {},
    }


def as_parts(row: Row) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """A row's messages and answer as the convention has them: roles, and parts with a type; None without an answer."""
    raw = rebuild_messages(row)
    blocks = [{"type": "reasoning", "content": "", "signature": one} for m in raw for one in opaque_blocks(m)]
    chat: list[dict[str, Any]] = []
    for message in normalise(raw):
        parts: list[dict[str, Any]] = []
        if message.role == "tool":
            parts.append({"type": "tool_call_response", "id": "call", "response": message.text})
        elif message.text:
            parts.append({"type": "text", "content": message.text})
        for i, (name, arguments) in enumerate(message.calls):
            parts.append({"type": "tool_call", "id": f"call_{i}", "name": name, "arguments": decoded(arguments)})
        chat.append({"role": message.role, "parts": parts})
    if blocks:
        # An opaque block stands in the answer that it came with.
        spoken = [one for one in chat if one["role"] == "assistant"]
        (spoken or chat)[-1]["parts"][:0] = blocks
    given = [{"type": "reasoning", "content": "", "signature": stand_in(one)} for one in row.get("reasoning_out") or ()]
    if row.get("response") is not None:
        given.append({"type": "text", "content": row["response"]})
    return chat, {"role": "assistant", "parts": given} if given else None


def _rows(record: Record) -> Iterator[Row]:
    if not record.is_span:
        yield from _of_log(record)
        return
    attributes = record.attributes
    for name, inner in record.events:
        if name == DETAILS:
            attributes = {**inner, **attributes}
    if is_call(attributes):
        row = _call(record, attributes)
        row |= {"requested_at": record.at, "status": status(record), "no_account": NO_ACCOUNT}
        otherwise = {**identity(record.resource), "exchange_id": record.key}
        yield {**row, "link": Link(record.key, "span", above=record.above, otherwise=otherwise)}
    elif str(attributes.get("openinference.span.kind")).upper() == "LLM":
        yield {"link": Link(None), "fault": "is in format openinference, in a file of format otel"}
    else:
        yield facts_row(record)


def _of_log(record: Record) -> Iterator[Row]:
    otherwise = {**identity(record.resource), "exchange_id": record.key, "requested_at": record.at}
    if is_content_event(record.name):
        otherwise["no_account"] = NO_CALL
        row = event_row(record.name, record.attributes, record.body)
        if record.key is not None:
            # Of a call's many records each tells a part; the span, or the event of the whole call, tells the rest.
            row = {**identity(record.attributes), **row}
            yield {**row, "link": Link(record.key, _part(record), piece=True, otherwise=otherwise)}
            return
        yield {**row, "link": Link(None, otherwise=otherwise)}
        return
    attributes = record.attributes
    if record.name == DETAILS and isinstance(record.body, dict):
        attributes = {**record.body, **attributes}
    if is_call(attributes):
        row = _call(record, attributes)
        code = status(record)
        if code == 200:
            otherwise["status"] = code
        else:
            row["status"] = code
        otherwise["no_account"] = NO_SPAN
        yield {**row, "link": Link(record.key, "details", otherwise=otherwise)}


def _part(record: Record) -> str:
    """What tells a log record from the others of its call: an export that was retried brings the same ones again."""
    return f"{record.name} {crc32(msgspec.json.encode((record.at, record.attributes, record.body))):x}"


def _call(record: Record, attributes: Attributes) -> Row:
    row = identity(attributes, record.server)
    found = by_names(attributes, _NAMES)
    answer_id, written = found.pop("answer_id", None), found.pop("written_tokens", None)
    row |= found
    row["exchange_id"] = None if answer_id is None or _SHORT_ID.match(str(answer_id)) else answer_id
    row["input_tokens"] = all_input(found.get("input_tokens"), found.get("cached_tokens"), written)
    fill_content(row, attributes, record.events)
    return row


def _sureness(record: Record) -> float | None:
    attributes = record.attributes
    if (record.is_span or record.name == DETAILS) and is_call(attributes):
        return 0.95 if has_content(attributes) else 0.9
    if is_content_event(record.name) or record.name == DETAILS:
        return 0.9
    if "openinference.span.kind" in attributes:
        return 0.0
    if any(name.startswith(("gen_ai.", "traceloop.")) for name in attributes):
        return 0.8
    # A span of anything: of a trace in which calls may follow, in whatever convention.
    return 0.5 if record.is_span and record.key is not None and record.name else None


def _finished(answer: dict[str, Any], reason: Any) -> dict[str, Any]:
    return {**answer, "finish_reason": reason} if reason else answer


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_MESSAGES = "gen_ai.input.messages; before: gen_ai.prompt, gen_ai.prompt.N.*, gen_ai.*.message events"
_CONTENT = (
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY or EVENT_ONLY with "
    "OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental (older instrumentations: =true; OpenLLMetry: "
    "TRACELOOP_TRACE_CONTENT=true)"
)

OTEL = register(
    Format(
        name="otel",
        title="OpenTelemetry GenAI spans and events (OTLP JSON, console exporters), today's names and older ones",
        fills={
            **IDENTITY_FILLS,
            "exchange_id": "gen_ai.response.id, else trace and span",
            "requested_at": "the span's start, else the event's time",
            "platform": "gen_ai.provider.name, before gen_ai.system",
            "model": "gen_ai.request.model, else gen_ai.response.model",
            "system_prompt": "gen_ai.system_instructions, or messages of role system",
            **dict.fromkeys(
                CONVERSATION,
                _MESSAGES,
            ),
            "tools": "gen_ai.tool.definitions, before llm.request.functions.N.name",
            "max_tokens": "gen_ai.request.max_tokens",
            "temperature": "gen_ai.request.temperature",
            "input_tokens": "gen_ai.usage.input_tokens, before gen_ai.usage.prompt_tokens, llm.usage.prompt_tokens",
            "output_tokens": "gen_ai.usage.output_tokens, before gen_ai.usage.completion_tokens",
            "cached_tokens": "gen_ai.usage.cache_read.input_tokens",
            "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
            "finish_reason": "gen_ai.response.finish_reasons, else gen_ai.output.messages",
            "status": "http.response.status_code, else error.type, else 200 where the span did not fail",
            "response": "gen_ai.output.messages; before: gen_ai.completion, gen_ai.completion.N.content, gen_ai.choice",
            "reasoning_in": "signatures on parts of gen_ai.input.messages",
            "reasoning_out": "signatures on parts of gen_ai.output.messages",
        },
        turn_on={
            **IDENTITY_TURN_ON,
            "prompt": _CONTENT,
            "response": _CONTENT,
            "tools": "the same switch as for content: gen_ai.tool.definitions is opt-in",
            "reasoning_in": "few instrumentations keep signatures of reasoning: log requests at a gateway",
            "reasoning_out": "few instrumentations keep signatures of reasoning: log answers at a gateway",
        },
        parse=parse,
        sniff=sniff,
        write=write,
        split=split,
        joined=True,
        apart=side,
    )
)
