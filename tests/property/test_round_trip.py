"""Exchanges written in a format and read back fill the columns that the format's table says it fills, and no other.

It goes over every registered format that is written: a new one is held to its own table by being registered.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_samples import NOW, as_table, read

from stillwatch import schema
from stillwatch.sources.messages import DEFAULT_KEY, complete
from stillwatch.sources.registry import formats

WRITTEN = [name for name, fmt in formats().items() if fmt.write is not None]

NOT_WRITTEN = {"mapping": "reads what others write, by the user's own file"}
"""Formats without a way back, and why."""

STANDS_IN = {"reasoning_out"}
"""An exchange holds digests of the blocks that an answer gave out, so that a writer can only stand in for a block:
equal ones stay equal, and the digests are others. In the canonical table they are what they were."""

SAID_BY_ITSELF = {"bedrock": {"platform"}}
"""Columns that a format fills by being what it is."""

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=40),
    st.sampled_from(
        [
            "What is 2 + 2?", "  spaces around  ", "two\nlines\n\nand three", '{"a": 1}', "[1, 2]", '"quoted"', "null",
            "Grüße, 你好, 👩‍👩‍👧, \u202eright to left", "a\\b\tc", "x" * 3_000, "<b>&amp;</b>", "0x1F", "12", "true",
        ]
    ),
)  # fmt: skip
IDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.", min_size=1, max_size=20)
BLOCKS = st.text("ABCDEFabcdef0123456789+/", min_size=64, max_size=90)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)
START = datetime(2026, 5, 1, tzinfo=UTC)


@st.composite
def chats(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Messages in OpenAI's shape: a system prompt or none, questions, answers with calls and blocks, tools' results."""
    messages: list[dict[str, Any]] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(TEXTS)})
    for _ in range(draw(st.integers(0, 3))):
        messages.append({"role": "user", "content": draw(TEXTS)})
        answer: dict[str, Any] = {"role": "assistant", "content": draw(TEXTS)}
        if draw(st.booleans()):
            answer["thinking_blocks"] = [{"type": "thinking", "thinking": "", "signature": draw(BLOCKS)}]
        messages.append(answer)
        if draw(st.booleans()):
            arguments = json.dumps({"query": draw(TEXTS)})
            call = {"id": "call_0", "type": "function", "function": {"name": draw(NAMES), "arguments": arguments}}
            answer["tool_calls"] = [call]
            messages.append({"role": "tool", "tool_call_id": "call_0", "content": draw(TEXTS)})
            if draw(st.booleans()):
                return messages
            messages.append({"role": "assistant", "content": draw(TEXTS)})
    messages.append({"role": "user", "content": draw(TEXTS)})
    return messages


WHO = {
    "org_id": IDS,
    "api_key_id": IDS.map("key-{}".format),
    "payment_id": IDS,
    "email_domain": st.sampled_from(["example.com", "mail.example.org"]),
    "ip": st.sampled_from(["192.0.2.7", "2001:db8::7"]),
    "asn": st.integers(1, 2**31),
    "country": st.sampled_from(["DE", "BR"]),
    "client": st.sampled_from(["OpenAI/Python 2.1.0", "curl/8.5.0"]),
    "client_fingerprint": st.just("t13d1516h2_8daaf6152771_b186095e22b6"),
    "platform": st.sampled_from(["openai", "bedrock"]),
    "session_id": IDS,
    "end_user_id": IDS.map("end-user-{}".format),
    "sdk": st.just("x-stainless-lang=python; x-stainless-os=Linux"),
}
ASKED = {
    "tools": st.lists(NAMES, min_size=1, max_size=3),
    "max_tokens": st.integers(1, 10**6),
    "temperature": st.sampled_from([0.0, 0.25, 1.0]),
    "messages": chats(),
}
ANSWERED = {
    "response": TEXTS,
    "reasoning_out": st.lists(
        st.text("0123456789abcdef", min_size=32, max_size=32), min_size=1, max_size=2, unique=True
    ),
    "cached_tokens": st.integers(0, 100),
    "reasoning_tokens": st.integers(0, 10**6),
}


@st.composite
def exchanges(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Some exchanges, every optional column there or not by itself; an answer, with its usage, where none failed."""
    rows = []
    for i in range(draw(st.integers(1, 4))):
        row: dict[str, Any] = {
            "exchange_id": f"{draw(IDS)}-{i}",
            "requested_at": START + timedelta(microseconds=draw(st.integers(0, 10**12))),
            "account_id": draw(IDS),
            "model": draw(NAMES),
            # A call that did not fail is one that succeeded: no format can say that it does not know.
            "status": draw(st.sampled_from([200, 200, 429, 500])),
        }
        optional = {**WHO, **ASKED}
        if row["status"] == 200:
            optional |= ANSWERED
            row |= {"input_tokens": draw(st.integers(100, 10**6)), "output_tokens": draw(st.integers(0, 10**6))}
            row["finish_reason"] = draw(st.sampled_from(["stop", "length"]))
        rows.append(row | {name: draw(values) for name, values in optional.items() if draw(st.booleans())})
    return rows


def back(name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """What reading gives of what the format writes."""
    write = formats()[name].write
    assert write is not None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.ndjson"
        documents = list(write([dict(row) for row in rows]))
        path.write_text("".join(json.dumps(one, default=str) + "\n" for one in documents), encoding="utf-8")
        outcome = read(path, format=name, now=NOW + timedelta(days=365))
    assert outcome.reasons == []
    assert outcome.table.num_rows == len(rows)
    return outcome.table


@pytest.mark.parametrize("name", WRITTEN)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=exchanges())
def test_what_is_written_is_read_back(name: str, rows: list[dict[str, Any]]) -> None:
    """Each column in the format's table comes back as it was, digests of messages included; others stay absent."""
    fills = formats()[name].fills
    whole = [complete(dict(row), DEFAULT_KEY) for row in rows]
    got = back(name, [{**one, **row} for one, row in zip(whole, rows, strict=True)])
    expected = as_table(whole)
    for column in schema.EXCHANGE.names:
        ours, theirs = expected[column].to_pylist(), got[column].to_pylist()
        if column in SAID_BY_ITSELF.get(name, ()):
            assert None not in theirs, column
        elif column not in fills:
            assert theirs == [None] * len(rows), column
        elif column in STANDS_IN and name != "canonical":
            assert [one and len(one) for one in theirs] == [one and len(one) for one in ours], column
        else:
            assert theirs == ours, column


@pytest.mark.parametrize("name", WRITTEN)
def test_equal_blocks_of_answers_stay_equal(name: str) -> None:
    """What an answer gave out is told from what another did, and equal blocks are equal in every row."""
    if "reasoning_out" not in formats()[name].fills:
        pytest.skip("this format has no blocks of answers")
    first, second = "a" * 32, "b" * 32
    rows = [
        {
            "exchange_id": f"exchange-number-{i}", "requested_at": START, "account_id": "a", "model": "m",
            "prompt": "p", "response": "r", "status": 200, "finish_reason": "stop", "reasoning_out": blocks,
        }
        for i, blocks in enumerate(([first], [second], [first, second]))
    ]  # fmt: skip
    one, two, both = back(name, rows)["reasoning_out"].to_pylist()
    assert (one != two, both) == (True, [*one, *two])


@pytest.mark.parametrize("name", WRITTEN)
def test_a_table_without_messages_is_written_too(name: str) -> None:
    """Of the columns of a conversation alone come prompt, system prompt, first question and turns."""
    row = {
        "exchange_id": "exchange-number-1", "requested_at": START, "account_id": "a", "model": "m",
        "system_prompt": "Be brief.", "prompt": "And of Chile?", "first_user": "The capital of Peru?",
        "prompt_source": "human", "turns": 4, "history_length": 4, "response": "Santiago.", "status": 200,
        "finish_reason": "stop",
    }  # fmt: skip
    (got,) = back(name, [row]).to_pylist()
    names = ("system_prompt", "prompt", "first_user", "prompt_source", "turns", "history_length", "response")
    assert {column: got[column] for column in names} == {column: row[column] for column in names}


def test_every_format_is_here() -> None:
    """A format is written and read back, or it is said why not."""
    assert set(formats()) == {*WRITTEN, *NOT_WRITTEN}
