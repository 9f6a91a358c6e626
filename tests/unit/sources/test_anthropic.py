"""Anthropic's pairs, in the ways people log them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stillwatch.errors import BadRecord
from stillwatch.sources.anthropic import parse, sniff, write
from stillwatch.sources.messages import DEFAULT_KEY, complete

PAIR = {
    "timestamp": "2026-03-01T12:00:00.250Z",
    "account_id": "acme",
    "request_headers": {
        "anthropic-version": "2023-06-01",
        "user-agent": "Anthropic/Python 2.12.0",
        "x-stainless-lang": "python",
        "x-forwarded-for": "203.0.113.7, 10.0.0.1",
    },
    "response_headers": {"request-id": "req_018EeWyXxfu5pfWkrYcMdjWG", "anthropic-organization-id": "org-uuid"},
    "request": {
        "model": "claude-sonnet-4-5",
        "max_tokens": 1024,
        "temperature": 1,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is it?"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Let me look.", "signature": "EqQB" + "s" * 80},
                    {"type": "redacted_thinking", "data": "EmwK" + "d" * 80},
                    {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "cat"}},
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "a cat"}]},
        ],
        "tools": [
            {"name": "look", "input_schema": {"type": "object"}},
            {"type": "computer_20250124", "name": "computer"},
        ],
        "metadata": {"user_id": "13803d75-b4b5-4c3e-b2a2-6f21399b021b"},
        "thinking": {"type": "enabled", "budget_tokens": 16000},
    },
    "response": {
        "id": "msg_013Zva2CMHLNnjNjJKqJ2EF",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [
            {"type": "thinking", "thinking": "A cat.", "signature": "EqQC" + "t" * 80},
            {"type": "text", "text": "It is a cat."},
            {"type": "tool_use", "id": "toolu_2", "name": "look", "input": {}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 100,
            "cache_creation_input_tokens": 20,
            "cache_read_input_tokens": 300,
            "output_tokens": 50,
            "service_tier": "standard",
            "inference_geo": "us",
        },
    },
}


def one(document: dict[str, Any]) -> dict[str, Any]:
    """The only exchange of a document, completed."""
    (row,) = parse(document)
    return complete(row, DEFAULT_KEY)


def test_a_pair_fills_the_columns() -> None:
    """Bodies, both sides' headers and the wrapper become one exchange, cached tokens counted in."""
    row = one(PAIR)
    expected = {
        "exchange_id": "req_018EeWyXxfu5pfWkrYcMdjWG",
        "requested_at": "2026-03-01T12:00:00.250Z",
        "account_id": "acme",
        "ip": "203.0.113.7",
        "client": "Anthropic/Python 2.12.0",
        "sdk": "x-stainless-lang=python",
        "model": "claude-sonnet-4-5",
        "system_prompt": "Be brief.",
        "prompt": "a cat",
        "prompt_source": "tool_result",
        "first_user": "What is it?\n[image]",
        "turns": 2,
        "tools": ["look", "computer"],
        "max_tokens": 1024,
        "temperature": 1,
        "input_tokens": 420,
        "cached_tokens": 300,
        "output_tokens": 50,
        "finish_reason": "tool_use",
        "status": 200,
        "response": "It is a cat.",
        "end_user_id": "13803d75-b4b5-4c3e-b2a2-6f21399b021b",
    }
    assert {name: row.get(name) for name in expected} == expected
    assert (len(row["reasoning_in"]), len(row["reasoning_out"])) == (2, 1)


def test_the_account_may_come_from_the_headers() -> None:
    """Without an account of the wrapper's own, the organisation that Anthropic names in its headers is it."""
    row = one({**PAIR, "account_id": None})
    assert (row["account_id"], row["org_id"]) == ("org-uuid", "org-uuid")
    assert one(PAIR)["org_id"] is None


@pytest.mark.parametrize(
    ("user_id", "user", "session"),
    [
        ("u-1", "u-1", None),
        (
            "user_" + "0f" * 32 + "_account__session_5d1a8f6e-0000-4000-8000-1234567890ab",
            "user_" + "0f" * 32 + "_account_",
            "5d1a8f6e-0000-4000-8000-1234567890ab",
        ),
        ('{"device_id": "d1", "account_uuid": "", "session_id": "s1"}', "d1", "s1"),
    ],
    ids=["plain", "joined", "json"],
)
def test_sessions_in_the_user_id_are_taken_apart(user_id: str, user: str, session: str | None) -> None:
    """Coding tools pack a session into metadata.user_id; left in, every session would be another user."""
    row = one({**PAIR, "request": {**PAIR["request"], "metadata": {"user_id": user_id}}})
    assert (row["end_user_id"], row["session_id"]) == (user, session)


EVENTS = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [],
            "usage": {"input_tokens": 25, "cache_read_input_tokens": 5, "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "EqQC" + "t" * 80}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hel"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "lo"}},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 15},
    },
    {"type": "message_stop"},
]


@pytest.mark.parametrize(
    "stream",
    [
        EVENTS,
        [{"event": event["type"], "data": event} for event in EVENTS],
        "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in EVENTS),
    ],
    ids=["objects", "event-and-data", "sse"],
)
def test_a_stream_of_events_is_put_together(stream: Any) -> None:
    """Events, however they were logged, are the answer, with the last usage and the signature whole."""
    row = one({**PAIR, "response": stream})
    assert (row["response"], row["finish_reason"]) == ("Hello", "end_turn")
    assert (row["input_tokens"], row["output_tokens"]) == (30, 15)
    assert row["reasoning_out"] == one(PAIR)["reasoning_out"]


def test_batches_are_read() -> None:
    """A batch's request has its body in params; a result wraps the message, and an error has its status."""
    base = {"custom_id": "c1", "timestamp": "2026-03-01T12:00:00Z", "account_id": "a", "request_id": "r1"}
    whole = {**base, "params": PAIR["request"], "result": {"type": "succeeded", "message": PAIR["response"]}}
    assert (one(whole)["prompt"], one(whole)["response"]) == ("a cat", "It is a cat.")
    assert sniff(whole) > 0.9
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "max_tokens"}}
    failed = one({**base, "params": PAIR["request"], "result": {"type": "errored", "error": error}})
    assert (failed["status"], failed.get("response")) == (400, None)


def test_an_error_has_the_status_of_its_type() -> None:
    """An overloaded server is 529 without a logged status."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_1"}
    assert one({**PAIR, "response": error})["status"] == 529


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"timestamp": None}, "lacks a time"),
        ({"account_id": None, "response_headers": None, "request": {"model": "m", "messages": []}}, "names no account"),
        ({"response": {"object": "chat.completion", "choices": []}}, "no exchange with"),
    ],
)
def test_what_is_missing_is_said(change: dict[str, Any], reason: str) -> None:
    """A pair that cannot be used says what to log."""
    with pytest.raises(BadRecord, match=reason):
        one({**PAIR, **change})


def test_a_conversation_survives_writing() -> None:
    """Messages with calls, results and thinking come out of a written pair with the digests they went in with."""
    row = one(PAIR)
    messages = [{"role": "system", "content": PAIR["request"]["system"]}, *PAIR["request"]["messages"]]
    (document,) = write([{**row, "messages": messages}])
    assert {name: one(document)[name] for name in ("history_digest", "message_digests", "reasoning_in", "prompt")} == {
        name: row[name] for name in ("history_digest", "message_digests", "reasoning_in", "prompt")
    }
