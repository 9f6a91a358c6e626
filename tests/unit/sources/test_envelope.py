"""What stands round a logged pair, and rendered prompts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from stillwatch.sources.anthropic import ANTHROPIC
from stillwatch.sources.bedrock import BEDROCK
from stillwatch.sources.chat_templates import prompt_messages
from stillwatch.sources.envelope import account, exchange_id, open_envelope, wrapper_columns
from stillwatch.sources.openai import OPENAI
from stillwatch.sources.streamed import events

MARKS = frozenset(("messages",))


@pytest.mark.parametrize(
    ("wrapper", "expected"),
    [
        ({"accountId": "a"}, "a"),
        ({"customer-id": 7}, "7"),
        ({"user": {"id": "u", "email": "u@e.org"}}, "u"),
        ({"context": {"tenant_id": "t"}}, "t"),
        ({"user": "u", "account_id": "a"}, "a"),
        ({"region": "eu"}, None),
    ],
)
def test_the_account_is_found_by_its_usual_names(wrapper: dict[str, Any], expected: str | None) -> None:
    """Wrappers write the account in many ways, and nested."""
    assert account(open_envelope({**wrapper, "request": {"messages": []}}, MARKS)) == expected


def test_a_bare_requests_user_is_not_the_account() -> None:
    """Where the request's parameters stand in the wrapper, `user` and `metadata` are the caller's words."""
    assert account(open_envelope({"messages": [], "user": "u", "metadata": {"account_id": "a"}}, MARKS)) is None


def test_numbers_are_the_last_resort_for_an_id() -> None:
    """A row number repeats from file to file, so a response's id goes before it."""
    envelope = open_envelope({"id": 17, "request": {"messages": []}}, MARKS)
    assert exchange_id(envelope, "chatcmpl-1") == "chatcmpl-1"
    assert exchange_id(envelope, None) == 17


def test_headers_are_read_from_everywhere() -> None:
    """Headers in lists, in the request and in the response, whatever their case, fill their columns."""
    row = wrapper_columns(
        open_envelope(
            {
                "request": {"headers": [{"name": "User-Agent", "value": "x/1"}], "body": {"messages": []}},
                "response": {"headers": {"Date": "Sun, 01 Mar 2026 12:00:00 GMT"}, "body": "{}"},
                "headers": {"X-JA4": "t13d1516h2", "CF-IPCountry": "NZ", "X-Forwarded-For": ["198.51.100.2"]},
            },
            MARKS,
        )
    )
    assert (row["client"], row["client_fingerprint"], row["country"], row["ip"]) == (
        "x/1",
        "t13d1516h2",
        "NZ",
        "198.51.100.2",
    )
    assert row["requested_at"] == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_quoted_transcript_stays_one_message() -> None:
    """Only a prompt that ends as the older API asked for is taken apart; a transcript that is quoted is not."""
    quoted = "Summarise:\n\nHuman: Hi\n\nAssistant: Hello\n\nThanks"
    assert prompt_messages(quoted) == [{"role": "user", "content": quoted}]


def test_turns_of_a_rendered_prompt_come_apart() -> None:
    """Earlier turns of a rendered prompt are messages of their own."""
    turns = [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello"), ("user", "Why?")]
    text = "".join(f"<|im_start|>{role}\n{content}<|im_end|>\n" for role, content in turns) + "<|im_start|>assistant\n"
    assert [(one["role"], one["content"]) for one in prompt_messages(text)] == turns


def test_a_broken_last_event_does_not_hide_the_others() -> None:
    """A stream that was cut in the middle of an event gives the events before."""
    assert events('data: {"a": 1}\n\ndata: {"a": ') == [{"a": 1}]
    assert events({"a": 1}) is None


@pytest.mark.parametrize(
    "document",
    [
        {"request": {"messages": [{"role": "user", "content": "Hi"}]}, "response": [{"choices": ["x"]}, 7]},
        {
            "request": 1,
            "response": [{"type": "message_start", "message": 3}, {"type": "content_block_delta", "delta": "x"}],
        },
        {"request": {"messages": {"a": 1}}, "response": {"choices": {}, "usage": "none"}, "headers": [["a"], 1, {}]},
        {"modelId": 5, "schemaType": [], "identity": {"arn": 7}, "input": [], "output": "x", "message": "{"},
    ],
    ids=["chunks", "events", "bodies", "record"],
)
def test_odd_documents_break_no_guess(document: dict[str, Any]) -> None:
    """Telling a format never fails, however oddly a document is put together."""
    for fmt in (OPENAI, ANTHROPIC, BEDROCK):
        assert fmt.sniff is not None
        assert 0.0 <= fmt.sniff(document) <= 1.0
