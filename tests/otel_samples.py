"""One call in every shape that OpenTelemetry's conventions had for it, and what reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from log_samples import Outcome, read, write_lines

from stillwatch.sources.otlp import typed

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALL = "00f067aa0ba902b7"
ANSWER_ID = "chatcmpl-9J3uIL87gldCFtiIbyaOvTeYBRA3l"
JOKE = " Why did the developer bring OpenTelemetry to the party? Because it always knows how to trace the fun!"
ASKED = [
    {"role": "system", "parts": [{"type": "text", "content": "You are a helpful bot"}]},
    {"role": "user", "parts": [{"type": "text", "content": "Tell me a joke about OpenTelemetry"}]},
]
SAID = [{"role": "assistant", "parts": [{"type": "text", "content": JOKE}], "finish_reason": "stop"}]
ABOUT: dict[str, Any] = {
    "gen_ai.provider.name": "openai",
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4",
    "gen_ai.request.max_tokens": 200,
    "gen_ai.request.top_p": 1.0,
    "gen_ai.response.id": ANSWER_ID,
    "gen_ai.response.model": "gpt-4-0613",
    "gen_ai.usage.output_tokens": 47,
    "gen_ai.usage.input_tokens": 52,
    "gen_ai.response.finish_reasons": ["stop"],
}
"""The convention's own example of a chat completion."""

CONTENT = {"gen_ai.input.messages": json.dumps(ASKED), "gen_ai.output.messages": json.dumps(SAID)}
USER = {"user.id": "customer-1"}


def attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Attributes as OTLP JSON has them."""
    return [typed(name, value) for name, value in values.items()]


def span(values: dict[str, Any], span_id: str = CALL, parent: str = "", **more: Any) -> dict[str, Any]:
    """A span of OTLP JSON."""
    return {
        "traceId": TRACE,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": "chat gpt-4",
        "kind": 3,
        "startTimeUnixNano": "1777593600123456789",
        "endTimeUnixNano": "1777593602000000000",
        "attributes": attributes(values),
        "status": {},
        **more,
    }


def event(name: str, values: dict[str, Any], body: Any = None, **more: Any) -> dict[str, Any]:
    """A log record of OTLP JSON, in the span of the call."""
    record = {"timeUnixNano": "1777593602000000000", "traceId": TRACE, "spanId": CALL, "eventName": name}
    if body is not None:
        record["body"] = typed("", body)["value"]
    return {**record, "attributes": attributes(values), **more}


def spans(*listed: dict[str, Any], **resource: Any) -> dict[str, Any]:
    """An export of traces."""
    scope = {"scope": {"name": "opentelemetry.instrumentation.openai_v2"}, "spans": list(listed)}
    about = {"attributes": attributes({"service.name": "gateway", **resource})}
    return {"resourceSpans": [{"resource": about, "scopeSpans": [scope]}]}


def logs(*listed: dict[str, Any]) -> dict[str, Any]:
    """An export of logs."""
    return {"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {}, "logRecords": list(listed)}]}]}


def read_all(tmp_path: Path, *documents: dict[str, Any], **options: Any) -> Outcome:
    """What reading a file of these documents gives."""
    return read(write_lines(tmp_path / "telemetry.jsonl", documents), **options)


def only(tmp_path: Path, *documents: dict[str, Any]) -> dict[str, Any]:
    """The one exchange of these documents."""
    outcome = read_all(tmp_path, *documents, format="otel")
    assert outcome.reasons == []
    (row,) = outcome.table.to_pylist()
    return dict(row)


def old_events(*, content: bool = True) -> list[tuple[str, dict[str, Any]]]:
    """Names and bodies of the events of 1.28 to 1.36 for the example."""
    if not content:
        called = {"tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "get_weather"}}]}
        return [
            ("gen_ai.system.message", {}),
            ("gen_ai.user.message", {}),
            ("gen_ai.assistant.message", called),
            ("gen_ai.tool.message", {"id": "call_1"}),
            ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"role": "assistant"}}),
        ]
    return [
        ("gen_ai.system.message", {"content": "You are a helpful bot"}),
        ("gen_ai.user.message", {"content": "Tell me a joke about OpenTelemetry"}),
        ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"content": JOKE}}),
    ]


FLAT = {
    "gen_ai.prompt.0.role": "system",
    "gen_ai.prompt.0.content": "You are a helpful bot",
    "gen_ai.prompt.1.role": "user",
    "gen_ai.prompt.1.content": "Tell me a joke about OpenTelemetry",
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": JOKE,
    "gen_ai.completion.0.finish_reason": "stop",
}
OPENAI = [
    {"role": "system", "content": "You are a helpful bot"},
    {"role": "user", "content": "Tell me a joke about OpenTelemetry"},
]
OLD_ABOUT = {
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-4",
    "gen_ai.request.max_tokens": 200,
    "gen_ai.response.id": ANSWER_ID,
    "gen_ai.usage.prompt_tokens": 52,
    "gen_ai.usage.completion_tokens": 47,
    "gen_ai.response.finish_reasons": ["stop"],
    **USER,
}
NOW = {**ABOUT, **USER}
SHAPES: dict[str, list[dict[str, Any]]] = {
    "span-json": [spans(span({**NOW, **CONTENT}))],
    "span-objects": [spans(span({**NOW, "gen_ai.input.messages": ASKED, "gen_ai.output.messages": SAID}))],
    "span-strings-in-a-list": [
        spans(span({**NOW, **CONTENT, "gen_ai.input.messages": [json.dumps(one) for one in ASKED]}))
    ],
    "system-instructions": [
        spans(
            span(
                {
                    **NOW,
                    **CONTENT,
                    "gen_ai.system_instructions": json.dumps(ASKED[0]["parts"]),
                    "gen_ai.input.messages": json.dumps(ASKED[1:]),
                }
            )
        )
    ],
    "event-and-span": [
        spans(span(NOW)),
        logs(
            event(
                "gen_ai.client.inference.operation.details",
                {**NOW, "gen_ai.input.messages": ASKED, "gen_ai.output.messages": SAID},
            )
        ),
    ],
    "event-before-span": [
        logs(event("gen_ai.client.inference.operation.details", {**NOW, **CONTENT})),
        spans(span(NOW)),
    ],
    "span-event": [
        spans(
            span(
                NOW,
                events=[
                    {"name": "gen_ai.client.inference.operation.details", "attributes": attributes({**NOW, **CONTENT})}
                ],
            )
        )
    ],
    "message-events": [logs(*(event(name, {}, body) for name, body in old_events())), spans(span(OLD_ABOUT))],
    "message-events-named-in-attributes": [
        logs(*(event("", {"event.name": name}, body) for name, body in old_events())),
        spans(span(OLD_ABOUT)),
    ],
    "message-span-events": [
        spans(
            span(
                OLD_ABOUT,
                events=[
                    {"name": name, "attributes": attributes({"gen_ai.event.content": json.dumps(body)})}
                    for name, body in old_events()
                ],
            )
        )
    ],
    "prompt-and-completion": [
        spans(
            span(
                {
                    **OLD_ABOUT,
                    "gen_ai.prompt": json.dumps(OPENAI),
                    "gen_ai.completion": json.dumps([{"role": "assistant", "content": JOKE}]),
                }
            )
        )
    ],
    "content-span-events": [
        spans(
            span(
                OLD_ABOUT,
                events=[
                    {
                        "name": "gen_ai.content.prompt",
                        "attributes": attributes({"gen_ai.prompt": json.dumps(OPENAI)}),
                    },
                    {
                        "name": "gen_ai.content.completion",
                        "attributes": attributes(
                            {"gen_ai.completion": json.dumps([{"role": "assistant", "content": JOKE}])}
                        ),
                    },
                ],
            )
        )
    ],
    "openllmetry": [spans(span({**OLD_ABOUT, **FLAT, "llm.request.type": "chat"}))],
    "openllmetry-older": [
        spans(
            span(
                {
                    "llm.request.type": "chat",
                    "llm.request.model": "gpt-4",
                    "gen_ai.system": "openai",
                    "llm.request.max_tokens": 200,
                    "gen_ai.response.id": ANSWER_ID,
                    "llm.usage.prompt_tokens": 52,
                    "llm.usage.completion_tokens": 47,
                    **USER,
                    **{
                        name.replace("gen_ai.prompt", "llm.prompts").replace(
                            "gen_ai.completion", "llm.completions"
                        ): one
                        for name, one in FLAT.items()
                    },
                }
            )
        )
    ],
    "pydantic": [
        spans(
            span(
                {
                    **OLD_ABOUT,
                    "gen_ai.operation.name": "chat",
                    "events": json.dumps([{"event.name": name, **body} for name, body in old_events()]),
                }
            )
        )
    ],
    "vercel": [
        spans(
            span(
                {
                    **OLD_ABOUT,
                    "ai.operationId": "ai.generateText.doGenerate",
                    "ai.prompt.messages": json.dumps(
                        [OPENAI[0], {"role": "user", "content": [{"type": "text", "text": OPENAI[1]["content"]}]}]
                    ),
                    "ai.response.text": JOKE,
                }
            )
        )
    ],
}
