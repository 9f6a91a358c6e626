"""OpenTelemetry GenAI in the shapes that its conventions had, and what of a trace is an exchange."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from log_samples import exchange, read
from otel_samples import (
    ABOUT,
    ANSWER_ID,
    CALL,
    CONTENT,
    JOKE,
    NOW,
    OLD_ABOUT,
    SAID,
    SHAPES,
    TRACE,
    USER,
    event,
    logs,
    old_events,
    only,
    read_all,
    span,
    spans,
)

from stillwatch.errors import BadRecord
from stillwatch.sources.otel import is_call, parse, sniff, write


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_the_example_says_the_same(tmp_path: Path, shape: str) -> None:
    """The convention's chat completion, in each way that it was ever written, is one exchange with one content."""
    row = only(tmp_path, *SHAPES[shape])
    expected = only(tmp_path, *SHAPES["span-json"])
    assert (row["system_prompt"], row["prompt"]) == ("You are a helpful bot", "Tell me a joke about OpenTelemetry")
    assert (row["response"], row["finish_reason"], row["max_tokens"]) == (JOKE, "stop", 200)
    assert row == expected | {"model": row["model"]}


def test_the_example_fills_who_when_and_how_much(tmp_path: Path) -> None:
    """Id, time to the microsecond, model asked for, provider, tokens and status come from the span."""
    row = only(tmp_path, *SHAPES["span-json"])
    assert (row["exchange_id"], row["account_id"], row["model"]) == (ANSWER_ID, "customer-1", "gpt-4")
    assert row["requested_at"].isoformat() == "2026-05-01T00:00:00.123456+00:00"
    assert (row["platform"], row["input_tokens"], row["output_tokens"], row["status"]) == ("openai", 52, 47, 200)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_guessed(tmp_path: Path, shape: str) -> None:
    """A file of any of these shapes is read without its format's name."""
    outcome = read_all(tmp_path, *SHAPES[shape])
    assert outcome.formats == ["otel"]
    assert outcome.ids == [ANSWER_ID]


AGENT = [
    {
        "role": "user",
        "parts": [{"type": "text", "content": "Weather in Paris?"}],
    },
    {
        "role": "assistant",
        "parts": [
            {"type": "reasoning", "content": "Let me see.", "signature": "S" * 80},
            {
                "type": "tool_call",
                "id": "call_VSPygqKTWdrhaFErNvMV18Yl",
                "name": "get_weather",
                "arguments": {"location": "Paris"},
            },
        ],
    },
    {
        "role": "tool",
        "parts": [{"type": "tool_call_response", "id": "call_VSPygqKTWdrhaFErNvMV18Yl", "response": "rainy, 57°F"}],
    },
]
"""The convention's example of a tool call, with a signature."""


def test_tool_calls_and_reasoning(tmp_path: Path) -> None:
    """A tool's result is the prompt, its call is history, signatures are digested, names of tools are kept."""
    said = [
        {
            "role": "assistant",
            "parts": [{"type": "reasoning", "content": "Hm.", "signature": "S" * 80}, *SAID[0]["parts"]],
        }
    ]
    tools = [{"type": "function", "name": "get_weather", "parameters": {"type": "object"}}]
    row = only(
        tmp_path,
        spans(
            span(
                {
                    **NOW,
                    "gen_ai.input.messages": json.dumps(AGENT),
                    "gen_ai.output.messages": json.dumps(said),
                    "gen_ai.tool.definitions": json.dumps(tools),
                }
            )
        ),
    )
    assert (row["prompt"], row["prompt_source"], row["first_user"]) == (
        "rainy, 57°F",
        "tool_result",
        "Weather in Paris?",
    )
    assert (row["turns"], row["tools"], row["response"]) == (2, ["get_weather"], JOKE)
    assert row["reasoning_in"] == row["reasoning_out"]
    assert len(row["reasoning_in"]) == 1


def test_older_tool_calls_digest_to_the_same_messages(tmp_path: Path) -> None:
    """OpenLLMetry's indexed calls, old events and today's parts are one conversation, by their digests."""
    flat = {
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "Weather in Paris?",
        "gen_ai.prompt.1.role": "assistant",
        "gen_ai.prompt.1.tool_calls.0.id": "c",
        "gen_ai.prompt.1.tool_calls.0.name": "get_weather",
        "gen_ai.prompt.1.tool_calls.0.arguments": '{"location":"Paris"}',
        "gen_ai.prompt.2.role": "tool",
        "gen_ai.prompt.2.content": "rainy, 57°F",
        "gen_ai.prompt.2.tool_call_id": "c",
        "llm.request.functions.0.name": "get_weather",
    }
    call = {"id": "c", "type": "function", "function": {"name": "get_weather", "arguments": '{"location": "Paris"}'}}
    told = logs(
        event("gen_ai.user.message", {}, {"content": "Weather in Paris?"}),
        event("gen_ai.assistant.message", {}, {"tool_calls": [call]}),
        event("gen_ai.tool.message", {}, {"content": "rainy, 57°F", "id": "c"}),
    )
    today = only(tmp_path, spans(span({**NOW, "gen_ai.input.messages": AGENT})))
    older = only(tmp_path, spans(span({**OLD_ABOUT, **flat})))
    assert older["message_digests"] == today["message_digests"]
    assert older["tools"] == ["get_weather"]
    assert only(tmp_path, told, spans(span(OLD_ABOUT)))["message_digests"] == today["message_digests"]


def test_only_calls_of_a_trace_are_exchanges(tmp_path: Path) -> None:
    """A server, an agent that repeats its call's usage and content, a tool and embeddings are none, and are said."""
    agent = {**ABOUT, **CONTENT, "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "helper"}
    outcome = read_all(
        tmp_path,
        spans(
            span({**ABOUT, **CONTENT}, parent="b" * 16),
            span({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "get_weather"}, "c" * 16, "b" * 16),
            span(
                {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "e", "gen_ai.usage.input_tokens": 5},
                "d" * 16,
                "b" * 16,
            ),
            span({"traceloop.span.kind": "workflow", "gen_ai.request.model": "gpt-4", "gen_ai.system": "x"}, "e" * 16),
            span(agent, "b" * 16, "a" * 16),
            span(
                {**USER, "client.address": "192.0.2.7", "user_agent.original": "curl/8"},
                "a" * 16,
                kind=2,
                name="POST /v1",
            ),
        ),
    )
    assert outcome.ids == [ANSWER_ID]
    row = outcome.row(ANSWER_ID)
    assert (row["account_id"], row["ip"], row["client"]) == ("customer-1", "192.0.2.7", "curl/8")
    assert (row["input_tokens"], outcome.reasons) == (52, [])
    assert any("5 records hold no exchange" in one for one in outcome.said)


def test_what_stands_nearest_to_the_call_names_the_account(tmp_path: Path) -> None:
    """The call's own user wins over the server's, that over the resource's."""
    server = span({"user.id": "of-the-server"}, "a" * 16, kind=2)
    resource = {"user.id": "of-the-resource"}
    own = {**ABOUT, "user.id": "own"}
    assert only(tmp_path, spans(span(own, parent="a" * 16), server, **resource))["account_id"] == "own"
    assert only(tmp_path, spans(span(ABOUT, parent="a" * 16), server, **resource))["account_id"] == "of-the-server"
    assert only(tmp_path, spans(span(ABOUT), server, **resource))["account_id"] == "of-the-resource"


def test_a_call_of_nobody_goes_to_quarantine_with_the_mend(tmp_path: Path) -> None:
    """Without any account the record is aside, and the reason says which attribute to set; others are read."""
    outcome = read_all(tmp_path, spans(span(NOW), span({**ABOUT, "gen_ai.response.id": "y" * 20}, "f" * 16)))
    assert outcome.ids == [ANSWER_ID]
    assert [reason for _, reason in outcome.reasons] == [
        "names no account: set user.id on the span of the call, or on one above it"
    ]


def test_messages_without_their_call_are_one_record_aside(tmp_path: Path) -> None:
    """Events of a call whose span is nowhere are counted once, with the reason."""
    told = logs(*(event(name, {}, body, spanId="9" * 16) for name, body in old_events()))
    outcome = read_all(tmp_path, spans(span(NOW)), told)
    assert outcome.ids == [ANSWER_ID]
    assert [reason.partition(":")[0] for _, reason in outcome.reasons] == [
        "is a message of a call whose span is neither near it nor in another file"
    ]


def test_a_call_told_by_its_event_alone(tmp_path: Path) -> None:
    """It is an exchange where the event names the account; where only the span would, the reason asks for that."""
    name = "gen_ai.client.inference.operation.details"
    row = only(tmp_path, logs(event(name, {**NOW, **CONTENT})))
    assert (row["exchange_id"], row["account_id"], row["status"], row["response"]) == (
        ANSWER_ID,
        "customer-1",
        200,
        JOKE,
    )
    assert row["requested_at"].isoformat() == "2026-05-01T00:00:02+00:00"
    other = event(name, {**ABOUT, "gen_ai.response.id": "y" * 20}, spanId="9" * 16)
    outcome = read_all(tmp_path, logs(event(name, NOW), other))
    assert [reason.partition(",")[0] for _, reason in outcome.reasons] == ["is the event of a call whose span"]


@pytest.mark.parametrize(
    ("operation", "calls"),
    [
        ("chat", True), ("text_completion", True), ("generate_content", True), ("Completion", True), ("my_chat", True),
        ("invoke_agent", False), ("create_agent", False), ("execute_tool", False), ("embeddings", False),
        ("retrieval", False), ("invoke_workflow", False), ("fetch_response", False), ("rerank", False),
    ],
)  # fmt: skip
def test_operations_that_call_a_model(operation: str, calls: bool) -> None:
    """Those of the convention by name; a tracer's own name is a call's where model and usage say so."""
    assert is_call({**ABOUT, "gen_ai.operation.name": operation}) == calls
    assert not is_call({"gen_ai.operation.name": operation})


def test_a_span_that_came_twice_is_a_duplicate(tmp_path: Path) -> None:
    """Retried exports, and a framework's span above the client's for the same answer, are kept once and counted."""
    outcome = read_all(tmp_path, spans(span(NOW)), spans(span(NOW)), spans(span(NOW, "f" * 16)))
    assert (outcome.table.num_rows, outcome.n_duplicates) == (3, 2)


def test_messages_that_came_twice_count_once(tmp_path: Path) -> None:
    """A batch of message events that was exported again adds no messages to the conversation, and no record."""
    told = logs(*(event(name, {}, body) for name, body in old_events()))
    once, twice = only(tmp_path, told, spans(span(NOW))), only(tmp_path, told, told, spans(span(NOW)))
    assert once == twice


def test_random_numbers_of_local_servers_are_no_ids(tmp_path: Path) -> None:
    """Two calls to which a local server gave the same short id are two exchanges."""
    short = {**NOW, "gen_ai.response.id": "chatcmpl-543"}
    outcome = read_all(tmp_path, spans(span(short), span(short, "f" * 16)))
    assert outcome.ids == [f"{TRACE}-{CALL}", f"{TRACE}-{'f' * 16}"]
    assert outcome.n_duplicates == 0


def test_capture_turned_off_is_no_empty_prompt(tmp_path: Path) -> None:
    """Message events without content, and calls without arguments, leave the conversation absent."""
    row = only(tmp_path, logs(*(event(n, {}, b) for n, b in old_events(content=False))), spans(span(OLD_ABOUT)))
    assert (row["prompt"], row["system_prompt"], row["response"]) == (None, None, None)
    assert (row["turns"], row["message_digests"]) == (None, None)


def test_messages_that_a_limit_cut_are_left_out_and_said(tmp_path: Path) -> None:
    """JSON that ends in the middle is no prompt; the exchange is kept, with a sentence on the limit."""
    cut = {**NOW, "gen_ai.input.messages": CONTENT["gen_ai.input.messages"][:60]}
    outcome = read_all(tmp_path, spans(span(cut)))
    assert outcome.row(ANSWER_ID)["prompt"] is None
    assert any("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT" in one and "(1 records)" in one for one in outcome.said)


def test_errors_are_statuses(tmp_path: Path) -> None:
    """The HTTP status as logged, else by the error's type, else none where the call failed."""
    failed: dict[str, Any] = {"status": {"code": 2}}
    codes = [
        only(tmp_path, spans(span({**NOW, **more}, **failed)))["status"]
        for more in ({"http.response.status_code": 503}, {"error.type": "RateLimitError"}, {"error.type": "429"}, {})
    ]
    assert codes == [503, 429, 429, None]


def test_cached_tokens_that_were_left_out_are_counted_in(tmp_path: Path) -> None:
    """Tokens in include the cached ones, also where a tracer reports the rest alone."""
    cache = {"gen_ai.usage.cache_read.input_tokens": 300, "gen_ai.usage.cache_creation_input_tokens": 20}
    row = only(tmp_path, spans(span({**NOW, **cache})))
    assert (row["input_tokens"], row["cached_tokens"]) == (372, 300)
    cache["gen_ai.usage.cache_read.input_tokens"] = 30
    assert only(tmp_path, spans(span({**NOW, **cache})))["input_tokens"] == 52


CONSOLE = {
    "name": "chat gpt-4",
    "context": {"trace_id": f"0x{TRACE}", "span_id": f"0x{CALL}", "trace_state": "[]"},
    "kind": "SpanKind.CLIENT",
    "parent_id": None,
    "start_time": "2026-05-01T00:00:00.123456Z",
    "end_time": "2026-05-01T00:00:02.000000Z",
    "status": {"status_code": "UNSET"},
    "attributes": {**NOW, **CONTENT},
    "events": [],
    "links": [],
    "resource": {"attributes": {"service.name": "gateway"}, "schema_url": ""},
}
"""What Python's ConsoleSpanExporter prints."""


def test_console_exporters_are_read(tmp_path: Path) -> None:
    """Pretty-printed spans one after the other, and log records, are the exchange of OTLP."""
    path = tmp_path / "console.txt"
    path.write_text(json.dumps(CONSOLE, indent=4) + "\n" + json.dumps(CONSOLE, indent=4) + "\n")
    outcome = read(path)
    assert (outcome.formats, outcome.n_duplicates) == (["otel"], 1)
    assert outcome.table.to_pylist()[0] == only(tmp_path, *SHAPES["span-json"])
    record = {
        "body": None,
        "severity_number": None,
        "attributes": {**NOW, **CONTENT},
        "timestamp": "2026-05-01T00:00:02.000000Z",
        "trace_id": f"0x{TRACE}",
        "span_id": f"0x{CALL}",
        "event_name": "gen_ai.client.inference.operation.details",
        "resource": {"attributes": {}},
    }
    plain = {**CONSOLE, "attributes": NOW}
    assert only(tmp_path, plain, record)["prompt"] == "Tell me a joke about OpenTelemetry"


def test_protobuf_written_generically_is_read(tmp_path: Path) -> None:
    """Names with underscores and ids in base64 are the same span."""
    import base64

    one = span({})
    attribute = [{"key": name, "value": {"string_value": value}} for name, value in {**USER, **CONTENT}.items()]
    attribute += [
        {"key": "gen_ai.operation.name", "value": {"string_value": "chat"}},
        {"key": "gen_ai.request.model", "value": {"string_value": "gpt-4"}},
        {"key": "gen_ai.usage.input_tokens", "value": {"int_value": "52"}},
    ]
    spelt = {
        "trace_id": base64.b64encode(bytes.fromhex(TRACE)).decode(),
        "span_id": base64.b64encode(bytes.fromhex(CALL)).decode(),
        "name": one["name"],
        "start_time_unix_nano": one["startTimeUnixNano"],
        "attributes": attribute,
    }
    row = only(tmp_path, {"resource_spans": [{"scope_spans": [{"spans": [spelt]}]}]})
    assert (row["exchange_id"], row["input_tokens"]) == (f"{TRACE}-{CALL}", 52)
    assert row["prompt"] == "Tell me a joke about OpenTelemetry"


def test_one_bad_span_costs_no_other(tmp_path: Path) -> None:
    """In a batch, what is put together otherwise goes to quarantine alone, and the counts add up."""
    good = [span({**NOW, "gen_ai.response.id": f"chatcmpl-{i:030}"}, f"{i:016x}") for i in range(1, 6)]
    good[2]["attributes"] = [{"key": "gen_ai.usage.input_tokens", "value": {"intValue": "many"}}]
    good[3]["startTimeUnixNano"] = "0"
    outcome = read_all(tmp_path, spans(*good), format="otel")
    assert len(outcome.ids) == 3
    assert [reason for _, reason in outcome.reasons] == [
        "is not as otel has it: a value cannot be read",
        "lacks requested_at",
    ]
    assert outcome.n_read == 5
    older = json.dumps(spans(*good)).replace("resourceSpans", "resource_spans").replace("scopeSpans", "scope_spans")
    assert read_all(tmp_path, json.loads(older), format="otel").reasons == outcome.reasons


def test_a_page_of_an_interface_is_its_spans(tmp_path: Path) -> None:
    """Spans that a trace store's API hands out by the page are read one by one."""
    page = [{**CONSOLE, "attributes": {**NOW, "gen_ai.response.id": f"chatcmpl-{i:030}"}} for i in range(3)]
    page[1]["attributes"]["user.id"] = None
    outcome = read_all(tmp_path, {"data": page, "next_cursor": None})
    assert (outcome.formats, outcome.table.num_rows, outcome.n_read) == (["otel"], 2, 3)


def test_the_other_convention_in_one_file_is_named(tmp_path: Path) -> None:
    """A call in OpenInference's names among these goes to quarantine as that, and costs no other."""
    other = span({"openinference.span.kind": "LLM", "llm.model_name": "gpt-4", "input.value": "Hi", **USER}, "f" * 16)
    outcome = read_all(tmp_path, spans(span(NOW), other, span({**NOW, "gen_ai.response.id": "z" * 30}, "e" * 16)))
    assert (outcome.formats, outcome.ids) == (["otel"], [ANSWER_ID, "z" * 30])
    assert [reason for _, reason in outcome.reasons] == ["is in format openinference, in a file of format otel"]


def test_something_else_is_refused() -> None:
    """A document without spans or log records is none; an export of metrics, or an empty one, holds no exchange."""
    with pytest.raises(BadRecord, match="no span and no log record"):
        list(parse({"model": "gpt-4", "messages": []}))
    assert list(parse({"resourceMetrics": []})) == []
    assert list(parse({"resourceSpans": []})) == []
    assert sniff({"resourceSpans": 5}) == 0.0


def test_traces_that_begin_with_other_spans_are_guessed(tmp_path: Path) -> None:
    """A file of which the first batches hold no call to a model is read all the same."""
    server = [spans(span({"http.route": "/v1"}, f"{i:016x}", kind=2)) for i in range(1, 40)]
    outcome = read_all(tmp_path, *server, spans(span(NOW)))
    assert (outcome.formats, outcome.ids) == (["otel"], [ANSWER_ID])


def test_written_spans_are_the_conventions(tmp_path: Path) -> None:
    """What is written has today's names: operation, provider, messages as JSON of roles and parts."""
    (document,) = write([exchange(1, platform="openai", response="Paris.", finish_reason="stop")])
    (one,) = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    named = {item["key"]: next(iter(item["value"].values())) for item in one["attributes"]}
    assert (named["gen_ai.operation.name"], named["gen_ai.provider.name"], named["user.id"]) == (
        "chat",
        "openai",
        "account-1",
    )
    assert json.loads(named["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "What is the capital of country number 1?"}]}
    ]
    assert json.loads(named["gen_ai.output.messages"])[0]["finish_reason"] == "stop"
    assert (len(one["traceId"]), len(one["spanId"])) == (32, 16)
