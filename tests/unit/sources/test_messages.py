"""Messages of every product become the same conversation columns."""

from __future__ import annotations

from typing import Any

import pytest

from stillwatch.sources.messages import block_digests, complete, opaque_blocks, split_messages, text_of, tool_names

KEY = b"k"

OPENAI = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Weather?"},
    {
        "role": "assistant",
        "content": "Let me see.",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"to": 1, "at": "Ulm"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    {"role": "user", "content": "And then?"},
]
ANTHROPIC = [
    {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
    {"role": "user", "content": "Weather?"},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "S" * 80},
            {"type": "text", "text": "Let me see."},
            {"type": "tool_use", "id": "t", "name": "weather", "input": {"at": "Ulm", "to": 1}},
        ],
    },
    {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "rain"}]},
            {"type": "text", "text": "And then?"},
        ],
    },
]
OTEL = [
    {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
    {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
    {
        "role": "assistant",
        "parts": [
            {"type": "text", "content": "Let me see."},
            {"type": "tool_call", "id": "x", "name": "weather", "arguments": {"at": "Ulm", "to": 1}},
        ],
    },
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "x", "response": "rain"}]},
    {"role": "user", "parts": [{"type": "text", "content": "And then?"}]},
]
BEDROCK = [
    {"role": "system", "content": [{"text": "Be brief."}]},
    {"role": "user", "content": [{"text": "Weather?"}]},
    {
        "role": "assistant",
        "content": [
            {"text": "Let me see."},
            {"toolUse": {"toolUseId": "t", "name": "weather", "input": {"to": 1, "at": "Ulm"}}},
        ],
    },
    {
        "role": "user",
        "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": "rain"}]}}, {"text": "And then?"}],
    },
]
RESPONSES = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me see."}]},
    {"type": "function_call", "call_id": "c", "name": "weather", "arguments": '{"at":"Ulm","to":1}'},
    {"type": "function_call_output", "call_id": "c", "output": "rain"},
    {"role": "user", "content": "And then?"},
]


@pytest.mark.parametrize(
    "messages", [ANTHROPIC, OTEL, BEDROCK, RESPONSES], ids=["anthropic", "otel", "bedrock", "responses"]
)
def test_digests_do_not_depend_on_the_product(messages: list[dict[str, Any]]) -> None:
    """The same conversation has the same columns in every product's shape."""
    expected = split_messages(OPENAI, KEY)
    actual = split_messages(messages, KEY)
    del expected["reasoning_in"], actual["reasoning_in"]
    assert expected == actual
    assert expected["prompt"] == "And then?"
    assert expected["first_user"] == "Weather?"
    assert expected["system_prompt"] == "Be brief."
    assert expected["turns"] == expected["history_length"] == 3
    assert len(expected["message_digests"]) == 4


def test_tool_result_at_the_end_is_the_prompt() -> None:
    """A last message that is a tool's result is the prompt, and is marked as such."""
    row = split_messages(OPENAI[:-1], KEY)
    assert (row["prompt"], row["prompt_source"]) == ("rain", "tool_result")


def test_prefill_is_not_the_prompt() -> None:
    """An assistant's message at the end leaves the user's message before it as the prompt."""
    row = split_messages([{"role": "user", "content": "Go"}, {"role": "assistant", "content": "{"}], KEY)
    assert (row["prompt"], row["turns"], row["history_digest"]) == ("Go", 0, None)


def test_digests_depend_on_key_and_order() -> None:
    """Another key or another order of messages gives other digests; the same gives the same."""
    messages = [{"role": "user", "content": c} for c in "abc"]
    base = split_messages(messages, KEY)
    assert base == split_messages(messages, KEY)
    assert base["history_digest"] != split_messages(messages, b"other")["history_digest"]
    swapped = split_messages([messages[1], messages[0], messages[2]], KEY)
    assert base["history_digest"] != swapped["history_digest"]


def test_next_exchange_carries_the_digest_of_this_one() -> None:
    """A conversation's next exchange holds the digests of the one before it, so trajectories can be rebuilt."""
    first = split_messages(OPENAI[:2], KEY)
    following = split_messages(OPENAI, KEY)
    assert first["message_digests"][0] == following["message_digests"][0]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("plain", "plain"),
        (None, ""),
        ([], ""),
        ([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "x"}}], "a\n[image]"),
        ([{"image": {"format": "png"}}], "[image]"),
        ([{"type": "blob", "modality": "image", "content": "AAAA"}], "[image]"),
        ([{"type": "input_audio", "input_audio": {}}], "[audio]"),
        ([{"type": "document", "source": {"data": "x"}}], "[file]"),
        ([{"type": "reasoning", "content": "secret"}], ""),
        ([{"type": "strange", "x": 1}], "[strange]"),
    ],
)
def test_text_of_content(content: Any, expected: str) -> None:
    """A content's text is its text parts, with a mark for each part that is none."""
    assert expected == text_of(content)


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        (None, None),
        ([{"type": "function", "function": {"name": "f"}}], ["f"]),
        ([{"name": "f", "input_schema": {}}], ["f"]),
        ({"tools": [{"toolSpec": {"name": "f"}}]}, ["f"]),
        ([{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}], ["f", "g"]),
        ([{"type": "web_search"}], ["web_search"]),
        ('[{"name": "f"}]', ["f"]),
        (["f"], ["f"]),
    ],
)
def test_tool_names(tools: Any, expected: list[str] | None) -> None:
    """Names of tools are found in every product's way to write them."""
    assert expected == tool_names(tools)


def test_opaque_blocks_of_64_bytes_count() -> None:
    """Signatures become keyed digests; short ones are left out."""
    blocks = list(opaque_blocks(ANTHROPIC[2]))
    assert blocks == ["S" * 80]
    assert block_digests(["short", *blocks, *blocks], KEY) == split_messages(ANTHROPIC, KEY)["reasoning_in"]
    assert block_digests(["short"], KEY) is None


def test_complete_keeps_what_the_format_knows() -> None:
    """A column that the format filled itself is not overwritten by its messages."""
    row = complete({"messages": OPENAI, "prompt": "mine", "reasoning_out_blocks": ["S" * 64]}, KEY)
    assert ("mine", 1, "messages" in row) == (row["prompt"], len(row["reasoning_out"]), False)


def test_strings_are_read_as_json_or_as_a_prompt() -> None:
    """Messages in a JSON string are read; any other string is one user message."""
    assert split_messages('[{"role":"user","content":"x"}]', KEY)["prompt"] == "x"
    assert split_messages("[not json", KEY)["prompt"] == "[not json"
    with pytest.raises(ValueError, match="not a list"):
        split_messages(3, KEY)
