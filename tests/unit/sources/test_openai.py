"""OpenAI's pairs, in the ways people log them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stillwatch.errors import BadRecord
from stillwatch.sources.messages import DEFAULT_KEY, complete
from stillwatch.sources.openai import parse, sniff, write

CHAT = {
    "request": {
        "model": "gpt-4.1",
        "messages": [
            {"role": "developer", "content": "You are a helpful assistant."},
            {"role": "user", "content": "What is the weather in Paris?"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "18 C, sunny"},
        ],
        "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}],
        "max_completion_tokens": 256,
        "temperature": 0.2,
        "safety_identifier": "user-4711",
        "n": 1,
    },
    "response": {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion",
        "created": 1741569952,
        "model": "gpt-4.1-2025-04-14",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "logprobs": None,
                "message": {
                    "role": "assistant",
                    "content": "It is 18 degrees and sunny.",
                    "refusal": None,
                    "annotations": [],
                },
            }
        ],
        "usage": {
            "prompt_tokens": 81,
            "completion_tokens": 10,
            "total_tokens": 91,
            "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 0},
        },
        "service_tier": "default",
    },
    "account_id": "acme",
    "client_ip": "203.0.113.7",
    "headers": {"User-Agent": "OpenAI/Python 2.54.0", "X-Stainless-Lang": "python", "X-Stainless-OS": "Linux"},
}
RESPONSES = {
    "timestamp": "2026-03-01T12:00:00Z",
    "headers": {"openai-organization": "org-abc", "openai-project": "proj_1"},
    "request": {
        "model": "gpt-5",
        "instructions": "Be brief.",
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What is this?"},
                    {"type": "input_image", "image_url": "data:image/png;base64,AA"},
                ],
            },
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAAB" + "x" * 80},
            {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "a cat"},
            {"type": "item_reference", "id": "msg_1"},
            {"role": "user", "content": "Then describe it."},
        ],
        "tools": [{"type": "function", "name": "look"}, {"type": "web_search"}],
        "max_output_tokens": 500,
        "conversation": {"id": "conv_1"},
        "include": ["reasoning.encrypted_content"],
    },
    "response": {
        "id": "resp_67ccd2bed1ec8190b14f964abc054267",
        "object": "response",
        "created_at": 1741476542,
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "output": [
            {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gAAAAAC" + "y" * 80},
            {
                "type": "message",
                "id": "msg_2",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "A black cat", "annotations": []}],
            },
        ],
        "usage": {
            "input_tokens": 328,
            "input_tokens_details": {"cached_tokens": 128},
            "output_tokens": 52,
            "output_tokens_details": {"reasoning_tokens": 40},
            "total_tokens": 380,
        },
    },
}


def one(document: dict[str, Any]) -> dict[str, Any]:
    """The only exchange of a document, completed."""
    (row,) = parse(document)
    return complete(row, DEFAULT_KEY)


def test_a_chat_completion_fills_the_columns() -> None:
    """Bodies, headers and wrapper of a logged pair become one exchange."""
    row = one(CHAT)
    expected = {
        "exchange_id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "requested_at": 1741569952,
        "account_id": "acme",
        "ip": "203.0.113.7",
        "client": "OpenAI/Python 2.54.0",
        "sdk": "x-stainless-lang=python; x-stainless-os=Linux",
        "model": "gpt-4.1",
        "system_prompt": "You are a helpful assistant.",
        "prompt": "18 C, sunny",
        "prompt_source": "tool_result",
        "first_user": "What is the weather in Paris?",
        "turns": 2,
        "tools": ["get_weather"],
        "max_tokens": 256,
        "temperature": 0.2,
        "input_tokens": 81,
        "output_tokens": 10,
        "cached_tokens": 64,
        "reasoning_tokens": 3,
        "finish_reason": "stop",
        "status": 200,
        "response": "It is 18 degrees and sunny.",
        "end_user_id": "user-4711",
    }
    assert {name: row.get(name) for name in expected} == expected


def test_a_response_fills_the_columns() -> None:
    """Instructions, items, opaque reasoning and an answer that was cut off are read from the Responses API."""
    row = one(RESPONSES)
    assert (row["system_prompt"], row["prompt"], row["first_user"]) == (
        "Be brief.",
        "Then describe it.",
        "What is this?\n[image]",
    )
    assert row["turns"] == 3
    assert (len(row["reasoning_in"]), len(row["reasoning_out"])) == (1, 1)
    assert (row["finish_reason"], row["response"]) == ("length", "A black cat")
    assert (row["input_tokens"], row["cached_tokens"], row["reasoning_tokens"]) == (328, 128, 40)
    assert (row["session_id"], row["tools"], row["max_tokens"]) == ("conv_1", ["look", "web_search"], 500)
    assert (row["account_id"], row["org_id"]) == ("proj_1", "org-abc")


def test_a_block_is_the_same_wherever_it_was_logged() -> None:
    """A reasoning block given out in one exchange and handed in with another has one digest."""
    block = {"type": "reasoning", "summary": [], "encrypted_content": "gAAAAAC" + "y" * 80}
    later = {**RESPONSES, "request": {"model": "gpt-5", "input": [block, {"role": "user", "content": "Go on."}]}}
    assert one(later)["reasoning_in"] == one(RESPONSES)["reasoning_out"]


def test_a_plain_string_input_is_the_prompt() -> None:
    """The Responses API takes a string, which is one user message."""
    row = one({**RESPONSES, "request": {"model": "gpt-5", "input": "Tell me a story."}})
    assert (row["prompt"], row["turns"], row["prompt_source"]) == ("Tell me a story.", 0, "human")


@pytest.mark.parametrize(
    "logged",
    [
        {"request_body": json.dumps(CHAT["request"]), "response_body": json.dumps(CHAT["response"])},
        {
            "request": {"url": "https://api.openai.com/v1/chat/completions", "body": json.dumps(CHAT["request"])},
            "response": {"status": 200, "headers": {"x-request-id": "req_1"}, "body": json.dumps(CHAT["response"])},
        },
        {"requestBody": CHAT["request"], "responseBody": CHAT["response"]},
        {**CHAT["request"], "response": CHAT["response"]},
        {
            "custom_id": "line-1",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": CHAT["request"],
            "response": {"status_code": 200, "request_id": "req_1", "body": CHAT["response"]},
        },
    ],
    ids=["strings", "http-capture", "camel-case", "bare", "batch-joined"],
)
def test_wrappers_of_all_kinds_hold_the_same_exchange(logged: dict[str, Any]) -> None:
    """However a pair was wrapped, its conversation, usage and answer come out alike."""
    names = ("prompt", "history_digest", "input_tokens", "response", "finish_reason", "model", "status", "tools")
    expected, row = one(CHAT), one({**logged, "accountId": "acme"})
    assert {name: row[name] for name in names} == {name: expected[name] for name in names}
    assert sniff(logged) >= 0.8


CHUNKS = [
    {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1741569952,
        "model": "gpt-4.1",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}],
    },
    {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Hel"}}]},
    {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "lo"}}]},
    {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    },
    {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "choices": [],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2},
    },
]


@pytest.mark.parametrize(
    "stream",
    [
        CHUNKS,
        [json.dumps(one) for one in CHUNKS],
        "".join(f"data: {json.dumps(one)}\n\n" for one in CHUNKS) + "data: [DONE]\n\n",
    ],
    ids=["objects", "strings", "sse"],
)
def test_a_stream_of_chunks_is_put_together(stream: Any) -> None:
    """Chunks, however they were logged, are the answer that the caller saw, with the usage of the last one."""
    row = one(
        {
            "account_id": "a",
            "request": {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hi"}]},
            "response": stream,
        }
    )
    assert (row["response"], row["finish_reason"], row["output_tokens"]) == ("Hello", "stop", 2)


def test_events_of_a_response_are_put_together_even_when_cut() -> None:
    """A stream of the Responses API gives its final response; one that broke off gives what had arrived."""
    events = [
        {
            "type": "response.created",
            "response": {"id": "resp_1", "object": "response", "created_at": 1741476542, "output": []},
        },
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {"type": "message", "role": "assistant", "content": []},
        },
        {"type": "response.output_text.delta", "output_index": 0, "delta": "Hel"},
        {"type": "response.output_text.delta", "output_index": 0, "delta": "lo"},
    ]
    pair = {"account_id": "a", "request": {"model": "gpt-5", "input": "Hi"}}
    assert one({**pair, "response": events})["response"] == "Hello"
    done = {"type": "response.completed", "response": {**RESPONSES["response"], "status": "completed"}}
    assert one({**pair, "response": [*events, done]})["response"] == "A black cat"


def test_a_batch_output_line_is_an_exchange_without_a_prompt() -> None:
    """Batch results hold the answer and its time; the prompt stands in the input file."""
    line = {
        "id": "batch_req_1",
        "custom_id": "request-2",
        "error": None,
        "account_id": "a",
        "response": {"status_code": 200, "request_id": "req_c187b3", "body": CHAT["response"]},
    }
    row = one(line)
    assert (row["exchange_id"], row.get("prompt")) == ("req_c187b3", None)
    assert (row["status"], row["response"]) == (200, "It is 18 degrees and sunny.")


def test_an_error_has_the_status_of_its_type() -> None:
    """Without a logged status the error's type tells it; a logged status wins."""
    error = {
        "error": {"message": "Rate limit reached", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    }
    pair = {
        "account_id": "a",
        "timestamp": 1741569952,
        "request_id": "r",
        "request": CHAT["request"],
        "response": error,
    }
    assert one(pair)["status"] == 429
    assert one({**pair, "status_code": 503})["status"] == 503


@pytest.mark.parametrize(
    ("header", "known"),
    [
        ("Bearer sk-proj-" + "Ab1" * 20, True),
        ("Bearer sk-...wxyz", False),
        ("[REDACTED]", False),
        ("Bearer ****", False),
    ],
)
def test_a_key_is_its_hash_and_a_masked_key_is_nobody(header: str, known: bool) -> None:
    """A secret leaves as a hash; what was masked would be one key for everybody, so it is absent."""
    row = one({**CHAT, "headers": {"Authorization": header}})
    assert (row["api_key_id"] is not None) == known
    assert "sk-" not in str(row["api_key_id"])


def test_the_callers_organisation_is_not_everybodys() -> None:
    """Where the wrapper has accounts of its own, the header names the gateway and is no organisation of theirs."""
    row = one({**CHAT, "headers": {"openai-organization": "org-gateway"}})
    assert (row["account_id"], row["org_id"]) == ("acme", None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"account_id": None, "request": {"model": "m", "messages": []}, "headers": None}, "names no account"),
        ({"response": None}, "lacks a time"),
        (
            {"response": {"type": "message", "role": "assistant", "content": [], "stop_reason": "end_turn"}},
            "no exchange with",
        ),
        ({"request": None, "response": None}, "neither"),
    ],
)
def test_what_is_missing_is_said(change: dict[str, Any], reason: str) -> None:
    """A pair that cannot be used says what to log."""
    with pytest.raises(BadRecord, match=reason):
        one({**CHAT, **change})


def test_opaque_blocks_are_written_as_responses() -> None:
    """Reasoning blocks survive writing: equal ones stay equal, in and out."""
    base = {
        "exchange_id": "x",
        "requested_at": 1772366400.0,
        "account_id": "a",
        "model": "m",
        "prompt": "p",
        "response": "r",
    }
    rows = [
        {**base, "reasoning_in": ["ab" * 16]},
        {**base, "reasoning_out": ["ab" * 16], "finish_reason": "tool_calls"},
    ]
    first, second = (one(document) for document in write(rows))
    assert first["reasoning_in"] == second["reasoning_out"]
    assert second["finish_reason"] == "tool_calls"
