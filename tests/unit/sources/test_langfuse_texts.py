"""Texts of Langfuse's observations: every shape of an input and an output, and what was cut or taken out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langfuse_samples import CHAT, event, one
from log_samples import read, write_lines

from stillwatch.sources.langfuse import CUT_NOTE

INPUTS: dict[str, Any] = {
    "messages": CHAT,
    "body": {"model": "gpt-4o", "messages": CHAT, "temperature": 0.5},
    "twice": json.dumps(json.dumps(CHAT)),
    "anthropic": {"system": "Be brief.", "max_tokens": 9, "messages": [{"role": "user", "content": [
        {"type": "text", "text": "What is the capital of France?"}]}]},
    "responses": {"instructions": "Be brief.", "input": [{"type": "message", "role": "user", "content": [
        {"type": "input_text", "text": "What is the capital of France?"}]}]},
    "gemini": {"config": {"system_instruction": "Be brief."}, "contents": [
        {"role": "user", "parts": [{"text": "What is the capital of France?"}]}]},
    "langchain": [{"type": "system", "content": "Be brief."},
                  {"type": "human", "content": "What is the capital of France?", "additional_kwargs": {}}],
    "langchain-batch": [[{"lc": 1, "type": "constructor", "id": ["langchain", "schema", "SystemMessage"],
                          "kwargs": {"content": "Be brief."}},
                         {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "HumanMessage"],
                          "kwargs": {"content": "What is the capital of France?"}}]],
    "langchain-data": [{"type": "system", "data": {"content": "Be brief."}},
                       {"type": "human", "data": {"content": "What is the capital of France?"}}],
    "opentelemetry": [{"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
                      {"role": "user", "parts": [{"type": "text", "content": "What is the capital of France?"}]}],
    "transcript": "system: Be brief.\nuser: What is the capital of France?",
    "rendered": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhat is the capital of France?<|im_end|>",
    "function": {"args": [], "kwargs": {"messages": CHAT}},
    "with-tools": [*CHAT, {"role": "tool", "content": {"type": "function", "function": {"name": "search"}}}],
}  # fmt: skip


OUTPUTS: dict[str, Any] = {
    "text": "Paris.",
    "quoted": '"Paris."',
    "message": {"role": "assistant", "content": "Paris."},
    "messages": [{"role": "assistant", "content": "Paris."}],
    "chat": {"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Paris."}}]},
    "chunks": [{"choices": [{"index": 0, "delta": {"content": "Par"}}]},
               {"choices": [{"index": 0, "delta": {"content": "is."}, "finish_reason": "stop"}]}],
    "anthropic": {"type": "message", "role": "assistant", "stop_reason": "end_turn", "content": [
        {"type": "thinking", "thinking": "hm", "signature": "S" * 80}, {"type": "text", "text": "Paris."},
        {"type": "tool_use", "name": "search", "input": {}}]},
    "responses": {"object": "response", "status": "completed", "output": [
        {"type": "reasoning", "summary": [], "encrypted_content": "E" * 80},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Paris."}]}]},
    "gemini": {"candidates": [{"content": {"role": "model", "parts": [{"text": "Paris."}]}, "finishReason": "STOP"}]},
    "langchain": {"type": "ai", "content": "Paris.", "tool_calls": [], "response_metadata": {"finish_reason": "stop"}},
    "generations": {"generations": [[{"text": "Paris.", "message": {"type": "ai", "content": "Paris."}}]]},
    "opentelemetry": [{"role": "assistant", "parts": [{"type": "text", "content": "Paris."}], "finish_reason": "stop"}],
    "indexed": {"index": 0, "message": {"role": "assistant", "content": "Paris."}},
    "content": [{"type": "text", "text": "Paris."}],
    "field": {"text": "Paris."},
}  # fmt: skip


class TestTexts:
    """Inputs and outputs are JSON of any shape, as objects or in strings."""

    @pytest.mark.parametrize("decoded", [True, False])
    @pytest.mark.parametrize("name", INPUTS)
    def test_every_shape_of_an_input_is_the_same_chat(self, name: str, decoded: bool) -> None:
        """System prompt, prompt and digests are those of the plain messages."""
        value = INPUTS[name]
        row = one(event(input=value if decoded or isinstance(value, str) else json.dumps(value)))
        plain = one(event())
        for column in ("system_prompt", "prompt", "turns", "message_digests", "prompt_source"):
            assert row[column] == plain[column], column

    @pytest.mark.parametrize("decoded", [True, False])
    @pytest.mark.parametrize("name", OUTPUTS)
    def test_every_shape_of_an_output_is_the_same_answer(self, name: str, decoded: bool) -> None:
        """The text without calls and reasoning; the reason to stop where it is said; opaque blocks apart."""
        value = OUTPUTS[name]
        row = one(event(output=value if decoded or isinstance(value, str) else json.dumps(value)))
        assert row["response"] == "Paris."
        said = {"chat": "stop", "chunks": "stop", "anthropic": "end_turn", "responses": "stop", "gemini": "STOP",
                "langchain": "stop", "opentelemetry": "stop"}  # fmt: skip
        assert row["finish_reason"] == said.get(name)
        assert len(row.get("reasoning_out") or ()) == (name in ("anthropic", "responses"))

    def test_json_of_the_applications_own_is_kept(self) -> None:
        """No text is lost because its shape is unknown, and structured output is an answer."""
        row = one(event(input={"country": "France", "ask": "capital"}, output={"capital": "Paris", "sure": True}))
        assert row["prompt"] == '{"ask": "capital", "country": "France"}'
        assert row["response"] == '{"capital": "Paris", "sure": true}'
        assert one(event(input={"anything": "only text"}))["prompt"] == "only text"

    def test_a_definition_among_the_messages_is_a_tool(self) -> None:
        """LangChain's tracer adds the tools as messages of role tool: the last message is still the user's."""
        row = one(event(input=INPUTS["with-tools"], tool_definitions={}))
        assert (row["tools"], row["prompt_source"]) == (["search"], "human")

    def test_calls_and_results_are_told(self) -> None:
        """A result is the last message, under the role of its tool too; signatures handed in are digested."""
        block = {"type": "thinking", "thinking": "hm", "signature": "S" * 80}
        messages = [
            *CHAT,
            {"role": "assistant", "content": [block, {"type": "text", "text": "Let me see."}],
             "additional_kwargs": {"tool_calls": [{"function": {"name": "search", "arguments": "{}"}}]}},
            {"role": "search", "content": "Paris"},
        ]  # fmt: skip
        row = one(event(input=messages))
        assert (row["prompt"], row["prompt_source"], row["turns"]) == ("Paris", "tool_result", 2)
        assert row["reasoning_in"] == one(event(output=OUTPUTS["anthropic"]))["reasoning_out"]

    @pytest.mark.parametrize("value", [None, "", "null", "[]", "{}", []])
    def test_no_text(self, value: Any) -> None:
        """A log without text is a log of metadata."""
        row = one(event(input=value, output=value))
        assert [row.get(name) for name in ("prompt", "system_prompt", "response", "turns")] == [None] * 4

    def test_texts_that_events_core_cut_are_left_out(self, tmp_path: Path) -> None:
        """JSON that ends after 200 characters is no text, and it is said; whole JSON of that length, and text, are."""
        long = json.dumps([{"role": "user", "content": "word " * 100}])
        whole = json.dumps([{"role": "user", "content": ""}])
        whole = whole.replace('""', '"' + "x" * (200 - len(whole)) + '"')
        documents = [
            event(0, input=long[:200], output=long[:200]),
            event(1, input=long),
            event(2, input=whole),
            event(3, input="é" * 200),
        ]
        outcome = read(write_lines(tmp_path / "core.jsonl", documents))
        rows = [outcome.row(f"span-{i}") for i in range(4)]
        assert [row["prompt"] is None for row in rows] == [True, False, False, False]
        assert [row["response"] for row in rows] == [None, "Paris.", "Paris.", "Paris."]
        assert rows[0]["input_tokens"] == 40
        assert any(f"{CUT_NOTE} (1 records)" in said for said in outcome.said)

    @pytest.mark.parametrize("text", ["redacted-by-litellm", "<truncated due to size exceeding limit>"])
    def test_what_was_taken_out_is_absent(self, text: str) -> None:
        """A word in place of a text would look like a template that everybody shares."""
        row = one(event(input=text, output=text))
        assert (row.get("prompt"), row.get("response")) == (None, None)
        assert one(event(input=[{"role": "user", "content": text}])).get("prompt") is None


NAMES = [
    "role", "content", "type", "text", "parts", "tool_calls", "function", "messages", "input", "output", "choices",
    "message", "delta", "candidates", "kwargs", "data", "id", "system", "tools", "additional_kwargs", "generations",
    "signature", "object", "finish_reason",
]  # fmt: skip


WORDS = [
    "x", "{", "user", "tool", "ai", "constructor", "text", "tool_use", "message", "message_start", "response.created",
    "response",
]  # fmt: skip


JSON = st.recursive(
    st.sampled_from([None, True, 0, 1.5, 2**70, "", '{"a": 1}', "S" * 80, *WORDS]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(asked=JSON, answered=JSON)
def test_no_text_keeps_its_exchange_out_of_a_scan(asked: Any, answered: Any) -> None:
    """What a caller may have sent is read or left out, and never raises: nobody hides by an odd message."""
    assert one(event(input=asked, output=answered))["exchange_id"] == "span-0"
