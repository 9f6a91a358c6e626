"""OpenInference in the shapes that tracers, Phoenix and gateways write it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from log_samples import Outcome, exchange, read, write_lines

from stillwatch.errors import BadRecord
from stillwatch.sources.flat_keys import items, nest
from stillwatch.sources.openinference import parse, sniff, write
from stillwatch.sources.otlp import typed

TRACE, CALL = "409df945e0584829b240cfbdd2ff4488", "01fa961201b84358"
NESTED: dict[str, Any] = {
    "openinference.span.kind": "LLM",
    "llm.system": "openai",
    "llm.input_messages": [
        {"message.role": "system", "message.content": "You are a Shakespearean writing assistant."},
        {"message.role": "user", "message.content": "what is 23 times 87"},
        {
            "message.role": "assistant",
            "message.content": None,
            "message.tool_calls": [
                {
                    "tool_call.function.name": "multiply",
                    "tool_call.function.arguments": '{\n  "a": 23,\n  "b": 87\n}',
                }
            ],
        },
        {"message.role": "tool", "message.content": "2001", "message.name": "multiply"},
    ],
    "llm.model_name": "gpt-3.5-turbo-0613",
    "llm.invocation_parameters": '{"model": "gpt-3.5-turbo-0613", "temperature": 0.1, "max_tokens": null}',
    "output.value": "The product of 23 times 87 is 2001.",
    "output.mime_type": "text/plain",
    "llm.output_messages": [{"message.role": "assistant", "message.content": "The product of 23 times 87 is 2001."}],
    "llm.token_count.prompt": 259,
    "llm.token_count.completion": 14,
    "llm.token_count.total": 273,
    "user.id": "customer-1",
}
"""The specification's own example, with a user."""


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """Attributes as the specification flattens them."""
    if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        out: dict[str, Any] = {}
        for key, one in pairs:
            out |= flat(one, f"{name}.{key}" if name else str(key))
        return out
    return {} if value is None else {name: value}


FLAT = flat(NESTED)


def span(attributes: dict[str, Any], span_id: str = CALL, parent: str | None = None, **more: Any) -> dict[str, Any]:
    """A span as the specification shows them."""
    return {
        "name": "ChatCompletion",
        "context": {"trace_id": TRACE, "span_id": span_id},
        "span_kind": "SPAN_KIND_INTERNAL",
        "parent_id": parent,
        "start_time": "2026-05-01T10:45:17.982858-07:00",
        "end_time": "2026-05-01T10:45:18.517639-07:00",
        "status_code": "OK",
        "status_message": "",
        "attributes": attributes,
        "events": [],
        **more,
    }


def otlp(*listed: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An export of OTLP with a span a set of attributes."""
    spans = [
        {
            "traceId": TRACE,
            "spanId": f"{i:016x}",
            "name": "ChatCompletion",
            "kind": 1,
            "startTimeUnixNano": "1777657517982858000",
            "attributes": [typed(name, value) for name, value in one.items()],
            **more,
        }
        for i, one in enumerate(listed, 1)
    ]
    return {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"scope": {}, "spans": spans}]}]}


def read_all(tmp_path: Path, *documents: dict[str, Any], **options: Any) -> Outcome:
    """What reading a file of these documents gives."""
    return read(write_lines(tmp_path / "spans.jsonl", documents), **options)


def only(tmp_path: Path, *documents: dict[str, Any]) -> dict[str, Any]:
    """The one exchange of these documents."""
    outcome = read_all(tmp_path, *documents, format="openinference")
    assert outcome.reasons == []
    (row,) = outcome.table.to_pylist()
    return dict(row)


PHOENIX = {
    "context.span_id": CALL,
    "context.trace_id": TRACE,
    "name": "ChatCompletion",
    "span_kind": "LLM",
    "parent_id": None,
    "start_time": "2026-05-01T17:45:17.982858+00:00",
    "status_code": "OK",
    "events": [],
    **{f"attributes.{name}": one for name, one in NESTED.items() if name != "openinference.span.kind"},
}
"""A row of Phoenix's data frame of spans."""

TREE = {
    "openinference": {"span": {"kind": "LLM"}},
    "llm": nest(NESTED)["llm"],
    "user": {"id": "customer-1"},
}
SHAPES: dict[str, dict[str, Any]] = {
    "flat": span(FLAT),
    "lists": span(NESTED),
    "tree": span(TREE),
    "otlp": otlp(FLAT),
    "phoenix": PHOENIX,
    "messages-as-json": span({**NESTED, "llm.input_messages": json.dumps(NESTED["llm.input_messages"])}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_the_example_says_the_same(tmp_path: Path, shape: str) -> None:
    """The specification's span, flat, nested, in OTLP and as Phoenix exports it, is one exchange with one content."""
    row = only(tmp_path, SHAPES[shape])
    assert (row["system_prompt"], row["first_user"]) == (
        "You are a Shakespearean writing assistant.",
        "what is 23 times 87",
    )
    assert (row["prompt"], row["prompt_source"], row["turns"]) == ("2001", "tool_result", 2)
    assert row["response"] == "The product of 23 times 87 is 2001."
    assert (row["model"], row["temperature"], row["max_tokens"]) == ("gpt-3.5-turbo-0613", 0.1, None)
    assert (row["input_tokens"], row["output_tokens"], row["status"]) == (259, 14, 200)
    assert (row["account_id"], row["requested_at"].isoformat()) == ("customer-1", "2026-05-01T17:45:17.982858+00:00")
    assert row["message_digests"] == only(tmp_path, SHAPES["flat"])["message_digests"]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_guessed(tmp_path: Path, shape: str) -> None:
    """A file of any of these shapes is read without its format's name."""
    outcome = read_all(tmp_path, SHAPES[shape])
    assert (outcome.formats, outcome.table.num_rows) == (["openinference"], 1)


def test_a_data_frame_in_parquet_is_read(tmp_path: Path) -> None:
    """Phoenix's data frame of spans, saved as Parquet: chains are no exchanges, numbers may be floats."""
    rows = [
        {
            **PHOENIX,
            "context.span_id": f"{i:016x}",
            "span_kind": "LLM" if i else "CHAIN",
            "start_time": datetime(2026, 5, 1, 0, 0, i, tzinfo=UTC),
            "attributes.llm.token_count.prompt": 259.0,
            "attributes.metadata": {"tenant_id": "t-1"},
        }
        for i in range(3)
    ]
    path = tmp_path / "spans.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    outcome = read(path)
    assert (outcome.formats, outcome.reasons) == (["openinference"], [])
    assert outcome.table["account_id"].to_pylist() == ["t-1", "t-1"]
    assert outcome.table["input_tokens"].to_pylist() == [259, 259]
    assert outcome.table["response"].to_pylist() == ["The product of 23 times 87 is 2001."] * 2


GENAI = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-4-0613",
    "llm.invocation_parameters": '{"model":"gpt-4","temperature":0.5,"top_p":0.9,"max_completion_tokens":200}',
    "llm.system": "openai",
    "llm.provider": "openai",
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.contents.0.message_content.type": "text",
    "llm.input_messages.0.message.contents.0.message_content.text": "Weather in Paris?",
    "llm.input_messages.1.message.role": "assistant",
    "llm.input_messages.1.message.contents.0.message_content.type": "text",
    "llm.input_messages.1.message.contents.0.message_content.text": "Absolutely!",
    "llm.input_messages.1.message.tool_calls.0.tool_call.id": "1234",
    "llm.input_messages.1.message.tool_calls.0.tool_call.function.name": "get_weather",
    "llm.input_messages.1.message.tool_calls.0.tool_call.function.arguments": '{"location":"Paris"}',
    "llm.input_messages.2.message.role": "tool",
    "llm.input_messages.2.message.content": "rainy, 57°F",
    "llm.input_messages.2.message.tool_call_id": "1234",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.contents.0.message_content.type": "text",
    "llm.output_messages.0.message.contents.0.message_content.text": "The weather in Paris is currently rainy.",
    "llm.token_count.completion": 52,
    "llm.token_count.prompt": 97,
    "llm.token_count.prompt_details.cache_read": 60,
    "llm.token_count.completion_details.reasoning": 10,
    "llm.tools.0.tool.json_schema": '{"type": "function", "function": {"name": "get_weather"}}',
    "llm.tools.1.tool.json_schema": '{"name": "search", "input_schema": {}}',
    "llm.finish_reason": "stop",
    "session.id": "s-1",
    "metadata": '{"tenant_id": "t-1", "request_id": "req-1"}',
    "user.id": "u-1",
}
"""A call out of the tests of OpenInference's own instrumentation, with a session, a tenant and tools."""


def test_contents_tools_and_who_asked(tmp_path: Path) -> None:
    """Parts, tools' names, tokens of cache and reasoning, session, and the tenant that the metadata names."""
    row = only(tmp_path, span(GENAI))
    assert (row["model"], row["max_tokens"], row["platform"]) == ("gpt-4", 200, "openai")
    assert (row["prompt"], row["response"]) == ("rainy, 57°F", "The weather in Paris is currently rainy.")
    assert (row["tools"], row["finish_reason"]) == (["get_weather", "search"], "stop")
    assert (row["cached_tokens"], row["reasoning_tokens"]) == (60, 10)
    assert (row["exchange_id"], row["account_id"], row["session_id"]) == ("req-1", "t-1", "s-1")


def test_more_than_ten_messages_stay_in_order(tmp_path: Path) -> None:
    """Message 10 comes after message 9, not after message 1."""
    many = {"openinference.span.kind": "LLM", "llm.model_name": "m", "user.id": "u"}
    for i in range(13):
        many[f"llm.input_messages.{i}.message.role"] = "assistant" if i % 2 else "user"
        many[f"llm.input_messages.{i}.message.content"] = f"message {i}"
    row = only(tmp_path, span(many))
    assert (row["prompt"], row["first_user"], row["turns"]) == ("message 12", "message 0", 12)


def test_reasoning_is_digested_from_both_sides(tmp_path: Path) -> None:
    """Signatures, redacted and encrypted blocks of contents and of tool calls are taken, and leave the text alone."""
    block, hidden, sealed, call = "S" * 80, "D" * 80, "E" * 80, "C" * 80
    contents = [
        {"message_content.type": "reasoning", "message_content.text": "hm", "message_content.signature": block},
        {"message_content.type": "reasoning", "message_content.data": hidden},
        {"message_content.type": "reasoning", "message_content.encrypted_content": sealed},
        {"message_content.type": "text", "message_content.text": "Paris."},
    ]
    calls = [
        {"tool_call.function.name": "f", "tool_call.function.arguments": "{}", "tool_call.reasoning_signature": call}
    ]
    spoken = {"message.role": "assistant", "message.contents": contents, "message.tool_calls": calls}
    values = {
        **NESTED,
        "llm.input_messages": [
            {"message.role": "user", "message.content": "Where?"},
            spoken,
            {"message.role": "user", "message.content": "Sure?"},
        ],
        "llm.output_messages": [spoken],
    }
    row = only(tmp_path, span(flat(values)))
    assert (row["prompt"], row["response"]) == ("Sure?", "Paris.")
    assert len(row["reasoning_in"]) == 4
    assert row["reasoning_in"] == row["reasoning_out"]


def test_bodies_are_read_where_messages_are_missing(tmp_path: Path) -> None:
    """Plain text, a request's body and rendered prompts in input.value; the answer and its id in output.value."""
    kind = {"openinference.span.kind": "LLM", "llm.model_name": "m", "user.id": "u"}
    plain = only(tmp_path, span({**kind, "input.value": "What is 2 + 2?", "output.value": "4"}))
    assert (plain["prompt"], plain["response"], plain["exchange_id"]) == ("What is 2 + 2?", "4", f"{TRACE}-{CALL}")
    body = {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2 + 2?"}]}
    answer = {
        "id": "chatcmpl-9J3uIL87gldCFtiIbyaOvTeYBRA3l",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "4"}, "finish_reason": "stop"}],
    }
    row = only(tmp_path, span({**kind, "input.value": json.dumps(body), "output.value": json.dumps(answer)}))
    assert (row["system_prompt"], row["prompt"], row["response"]) == ("Be brief.", "2 + 2?", "4")
    assert (row["finish_reason"], row["exchange_id"]) == ("stop", answer["id"])
    older = {"llm.prompts.0.prompt.text": "def fib(n):", "llm.choices.0.completion.text": "  return n"}
    row = only(tmp_path, span({**kind, **older}))
    assert (row["prompt"], row["response"]) == ("def fib(n):", "  return n")


def test_hidden_text_is_absent(tmp_path: Path) -> None:
    """What tracers redact is no template that everybody shares; tokens and times stay."""
    hidden = {name: "__REDACTED__" if name.endswith(".content") else one for name, one in FLAT.items()}
    row = only(tmp_path, span(hidden | {"output.value": "__REDACTED__"}))
    assert (row["prompt"], row["system_prompt"], row["response"]) == (None, None, None)
    assert (row["message_digests"], row["input_tokens"]) == (None, 259)


def test_only_spans_of_kind_llm_are_exchanges(tmp_path: Path) -> None:
    """A chain, an agent and a tool are none, and are said; the user on the chain is that of the call below it."""
    call = {name: one for name, one in FLAT.items() if name != "user.id"}
    chain = {"openinference.span.kind": "CHAIN", "input.value": "Hi", "user.id": "of-the-chain", "session.id": "s"}
    agent = {"openinference.span.kind": "AGENT", "llm.token_count.prompt": 259, "llm.model_name": "m"}
    outcome = read_all(
        tmp_path,
        span({"openinference.span.kind": "TOOL", "tool.name": "multiply"}, "c" * 16, "b" * 16),
        span(call, parent="b" * 16),
        span(agent, "b" * 16, "a" * 16),
        span(chain, "a" * 16),
    )
    (row,) = outcome.table.to_pylist()
    assert (row["account_id"], row["session_id"], outcome.reasons) == ("of-the-chain", "s", [])
    assert any("3 records hold no exchange" in one for one in outcome.said)


def test_one_call_traced_twice_is_kept_once(tmp_path: Path) -> None:
    """A framework's span above the client's bears the same answer: told by its id, it is a duplicate."""
    answer = {"output.value": '{"id": "chatcmpl-9J3uIL87gldCFtiIbyaOvTeYBRA3l", "choices": []}'}
    outcome = read_all(tmp_path, span({**FLAT, **answer}, parent="b" * 16), span({**FLAT, **answer}, "b" * 16))
    assert (outcome.table.num_rows, outcome.n_duplicates) == (2, 1)


def test_errors_are_statuses(tmp_path: Path) -> None:
    """A failed call has the status of its exception's type."""
    event = {"name": "exception", "attributes": {"exception.type": "openai.RateLimitError"}}
    assert only(tmp_path, span(FLAT, status_code="ERROR", events=[event]))["status"] == 429


def test_calls_of_the_other_convention_are_named(tmp_path: Path) -> None:
    """A GenAI call in the same file goes to quarantine as that; one with both conventions' names is read."""
    other = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.usage.input_tokens": 5,
        "user.id": "u",
    }
    outcome = read_all(tmp_path, otlp(FLAT, {**FLAT, **other}, other, FLAT))
    assert (outcome.formats, outcome.table.num_rows) == (["openinference"], 3)
    assert [reason for _, reason in outcome.reasons] == ["is in format otel, in a file of format openinference"]
    assert outcome.n_read == 4


def test_broken_spans_cost_no_other(tmp_path: Path) -> None:
    """Attributes of another kind, a time that is none and nobody's calls are aside, each with its reason."""
    nobody = {name: one for name, one in FLAT.items() if name != "user.id"}
    broken = [
        span({**FLAT, "llm.token_count.prompt": "many"}, "1" * 16),
        span(FLAT, "2" * 16, start_time="yesterday"),
        span(nobody, "3" * 16),
        span({**FLAT, "llm.input_messages.0": 5, "llm.invocation_parameters": "{"}, "4" * 16),
    ]
    outcome = read_all(tmp_path, span(FLAT), *broken, span(FLAT, "5" * 16), format="openinference")
    assert outcome.n_read == 6
    assert [reason.partition(" ")[0] for _, reason in sorted(outcome.reasons)] == [
        "input_tokens",
        "requested_at",
        "names",
    ]
    assert outcome.row(f"{TRACE}-{'4' * 16}")["temperature"] is None


def test_something_else_is_refused() -> None:
    """A document without spans is none, and no format's guess falls on it."""
    with pytest.raises(BadRecord, match="no span of OpenInference"):
        list(parse({"model": "gpt-4", "messages": []}))
    assert sniff({"resourceSpans": 5}) == sniff({"attributes": {"llm.model_name": "m"}}) == 0.0


def test_flattened_names_nest() -> None:
    """Indexes count, lists in values nest too, and what holds something wins over a plain value of that name."""
    assert nest({"a.0.b": 1, "a.10.b": 3, "a.2.b": 2})["a"] == {"0": {"b": 1}, "10": {"b": 3}, "2": {"b": 2}}
    assert [one["b"] for one in items(nest({"a.0.b": 1, "a.10.b": 3, "a.2.b": 2})["a"])] == [1, 2, 3]
    assert nest({"a": "x", "a.b": 1}) == nest({"a.b": 1, "a": "x"}) == {"a": {"b": 1}}
    assert nest({"a": [{"b.c": 1}]}) == {"a": [{"b": {"c": 1}}]}
    assert items({"0": 1, "x": 2}) == [1]
    assert items("text") == []


def test_written_spans_are_the_conventions() -> None:
    """What is written is flat, of kind LLM, and names messages, tools and parameters as the specification does."""
    (document,) = write([exchange(1, tools=["f"], response="Paris.", max_tokens=9)])
    (one,) = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    named = {item["key"]: next(iter(item["value"].values())) for item in one["attributes"]}
    assert named["openinference.span.kind"] == "LLM"
    assert named["llm.input_messages.0.message.content"] == "What is the capital of country number 1?"
    assert named["llm.output_messages.0.message.content"] == "Paris."
    assert json.loads(named["llm.tools.0.tool.json_schema"])["function"]["name"] == "f"
    assert json.loads(named["llm.invocation_parameters"]) == {"model": "large-1", "max_tokens": 9}
