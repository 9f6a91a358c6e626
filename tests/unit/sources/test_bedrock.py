"""Bedrock's invocation log, in the bodies of the models that it serves."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from log_samples import read, write_lines

from stillwatch.errors import BadRecord
from stillwatch.sources.bedrock import parse, principal, sniff
from stillwatch.sources.messages import DEFAULT_KEY, complete


def record(request: Any, answer: Any, **more: Any) -> dict[str, Any]:
    """A record of the log round two bodies."""
    return {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": "2026-03-01T12:00:00Z",
        "accountId": "123456789012",
        "identity": {"arn": "arn:aws:iam::123456789012:user/alice"},
        "region": "us-east-1",
        "requestId": "915a6a04-3f83-4c70-a277-7fbf7ea546b3",
        "operation": "InvokeModel",
        "modelId": "anthropic.claude-3-haiku-20240307-v1:0",
        "input": {"inputContentType": "application/json", "inputBodyJson": request, "inputTokenCount": 35},
        "output": {"outputContentType": "application/json", "outputBodyJson": answer, "outputTokenCount": 12},
        **more,
    }


def one(document: dict[str, Any]) -> dict[str, Any]:
    """The only exchange of a document, completed."""
    (row,) = parse(document)
    return complete(row, DEFAULT_KEY)


LLAMA = (
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
)
BODIES: dict[str, tuple[Any, Any]] = {
    "converse": (
        {
            "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
            "system": [{"text": "Be brief."}],
            "inferenceConfig": {"maxTokens": 99, "temperature": 0.5},
        },
        {
            "output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 35, "outputTokens": 12, "totalTokens": 47},
            "metrics": {"latencyMs": 3640},
        },
    ),
    "anthropic": (
        {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 99,
            "temperature": 0.5,
            "system": "Be brief.",
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        },
        {
            "id": "msg_bdrk_1",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "text", "text": "Hello"}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 35, "output_tokens": 12},
        },
    ),
    "llama": (
        {"prompt": LLAMA, "max_gen_len": 99, "temperature": 0.5},
        {"generation": "Hello", "prompt_token_count": 35, "generation_token_count": 12, "stop_reason": "end_turn"},
    ),
    "mistral": (
        {"prompt": "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST]", "max_tokens": 99, "temperature": 0.5},
        {"outputs": [{"text": "Hello", "stop_reason": "end_turn"}]},
    ),
    "cohere": (
        {"message": "Hi", "preamble": "Be brief.", "chat_history": [], "max_tokens": 99, "temperature": 0.5},
        {"text": "Hello", "finish_reason": "end_turn"},
    ),
    "openai": (
        {
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
            "max_completion_tokens": 99,
            "temperature": 0.5,
        },
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "end_turn"}]},
    ),
    "nova-stream": (
        {
            "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
            "system": [{"text": "Be brief."}],
            "inferenceConfig": {"max_new_tokens": 99, "temperature": 0.5},
        },
        [
            {"messageStart": {"role": "assistant"}},
            {"contentBlockDelta": {"delta": {"text": "Hel"}, "contentBlockIndex": 0}},
            {"contentBlockDelta": {"delta": {"text": "lo"}, "contentBlockIndex": 0}},
            {"messageStop": {"stopReason": "end_turn"}},
        ],
    ),
    "anthropic-stream": (
        {"max_tokens": 99, "temperature": 0.5, "system": "Be brief.", "messages": [{"role": "user", "content": "Hi"}]},
        [
            {
                "type": "message_start",
                "message": {"id": "msg_1", "type": "message", "content": [], "usage": {"input_tokens": 35}},
            },
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 12}},
            {
                "type": "message_stop",
                "amazon-bedrock-invocationMetrics": {"inputTokenCount": 35, "outputTokenCount": 12},
            },
        ],
    ),
    "llama-stream": (
        {"prompt": LLAMA, "max_gen_len": 99, "temperature": 0.5},
        [{"generation": "Hel"}, {"generation": "lo", "stop_reason": "end_turn"}],
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies_of_every_maker_say_the_same(name: str) -> None:
    """One exchange, sent in each maker's body, fills the same columns and digests to the same message."""
    request, answer = BODIES[name]
    row = one(record(request, answer))
    assert (row["system_prompt"], row["prompt"], row["response"]) == ("Be brief.", "Hi", "Hello")
    assert (row["max_tokens"], row["temperature"], row["finish_reason"]) == (99, 0.5, "end_turn")
    assert (row["input_tokens"], row["output_tokens"]) == (35, 12)
    assert row["message_digests"] == one(record(*BODIES["converse"]))["message_digests"]
    assert one(record(json.dumps(request), json.dumps(answer))) == row


def test_titan_and_the_older_completions_are_read() -> None:
    """Bodies without a system prompt, of models that are still called."""
    titan = record(
        {"inputText": "Hi", "textGenerationConfig": {"maxTokenCount": 99, "temperature": 0}},
        {"inputTextTokenCount": 3, "results": [{"tokenCount": 2, "outputText": "Hello", "completionReason": "FINISH"}]},
    )
    assert {name: one(titan)[name] for name in ("prompt", "max_tokens", "response", "finish_reason")} == {
        "prompt": "Hi",
        "max_tokens": 99,
        "response": "Hello",
        "finish_reason": "FINISH",
    }
    claude = record(
        {"prompt": "\n\nHuman: Hi\n\nAssistant:", "max_tokens_to_sample": 99},
        {"completion": " Hello", "stop_reason": "stop_sequence"},
    )
    assert (one(claude)["prompt"], one(claude)["response"], one(claude)["max_tokens"]) == ("Hi", " Hello", 99)


def test_a_record_fills_who_when_and_what() -> None:
    """Identity, account, model, metadata and counts come from the record, cached tokens counted in."""
    document = record(
        *BODIES["converse"],
        modelId="arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0",
        requestMetadata={"session_id": "s1", "userId": "u1"},
    )
    document["input"] |= {"cacheReadInputTokenCount": 300, "cacheWriteInputTokenCount": 20}
    row = one(document)
    assert (row["account_id"], row["org_id"]) == ("arn:aws:iam::123456789012:user/alice", "123456789012")
    assert row["model"] == "us.anthropic.claude-sonnet-4-20250514-v1:0"
    assert (row["session_id"], row["end_user_id"]) == ("s1", "u1")
    assert (row["input_tokens"], row["cached_tokens"]) == (355, 300)
    assert row["status"] == 200


def test_an_applications_own_customers_are_the_accounts() -> None:
    """Where callers name a customer, that is the account, and the shared AWS account is no organisation of theirs."""
    row = one(record(*BODIES["converse"], requestMetadata={"tenant_id": "t1"}))
    assert (row["account_id"], row["org_id"]) == ("t1", None)


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("arn:aws:sts::1:assumed-role/app/botocore-session-1709290000", "arn:aws:sts::1:assumed-role/app"),
        ("arn:aws:sts::1:assumed-role/app/i-0abc1234def567890", "arn:aws:sts::1:assumed-role/app"),
        (
            "arn:aws:sts::1:assumed-role/AWSReservedSSO_Dev_1/eve@example.org",
            "arn:aws:sts::1:assumed-role/AWSReservedSSO_Dev_1/eve@example.org",
        ),
        ("arn:aws:iam::1:user/BedrockAPIKey-abcd", "arn:aws:iam::1:user/BedrockAPIKey-abcd"),
        (None, None),
    ],
)
def test_session_names_that_software_made_up_are_no_accounts(arn: str | None, expected: str | None) -> None:
    """A role that a program assumes again and again stays one account; people signed in to a role stay apart."""
    assert principal(arn) == expected


def test_large_bodies_are_absent() -> None:
    """A body over 100 KB stands in an object of its own: the exchange is kept, without text."""
    document = record(None, None)
    document["input"] = {"inputBodyS3Path": "s3://b/data/1_input.json.gz", "inputTokenCount": 40000}
    row = one(document)
    assert (row.get("prompt"), row.get("response"), row["input_tokens"]) == (None, None, 40000)


def test_an_error_code_is_a_status() -> None:
    """Throttling is 429."""
    row = one(record(BODIES["converse"][0], None, errorCode="ThrottlingException"))
    assert (row["status"], row.get("response"), row["prompt"]) == (429, None, "Hi")


def test_reasoning_blocks_are_taken_from_both_sides() -> None:
    """Signatures and redacted reasoning of Converse are digested, and leave the text alone."""
    block = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "S" * 80}}}
    hidden = {"reasoningContent": {"redactedContent": "R" * 80}}
    request = {
        "messages": [
            {"role": "user", "content": [{"text": "Hi"}]},
            {"role": "assistant", "content": [block, {"text": "Hello"}]},
            {"role": "user", "content": [{"text": "Go on"}]},
        ]
    }
    answer = {"output": {"message": {"role": "assistant", "content": [hidden, block, {"text": "So."}]}}}
    row = one(record(request, answer))
    assert (row["response"], len(row["reasoning_out"])) == ("So.", 2)
    assert row["reasoning_in"] == [row["reasoning_out"][1]]


def test_an_export_from_cloudwatch_is_read() -> None:
    """CloudWatch wraps the record into an event's message."""
    event = {"timestamp": 1772366400000, "message": json.dumps(record(*BODIES["converse"])), "ingestionTime": 1}
    assert one(event)["prompt"] == "Hi"
    assert sniff(event) == 1.0


def test_something_else_is_refused() -> None:
    """A body out of data/, or another log, is no record."""
    with pytest.raises(BadRecord, match="no record of Bedrock"):
        one(BODIES["anthropic"][0])


LONG = {"messages": [{"role": "user", "content": [{"text": "a long prompt"}]}]}
HOUR = "AWSLogs/123456789012/BedrockModelInvocationLogs/us-east-1/2026/05/01/12"


def large(number: int, side: str = "input", key: str | None = None) -> dict[str, Any]:
    """A record whose one body is in an object of its own."""
    document = record(LONG, BODIES["converse"][1], requestId=f"r-{number}", timestamp="2026-05-01T12:00:00Z")
    address = key or f"s3://bucket/prefix/{HOUR}/data/915a6a04-3f83-4c70-a277-7fbf7ea546b3_{side}.json.gz"
    document[side] = {f"{side}BodyS3Path": address, f"{side}TokenCount": 40_000}
    return document


@pytest.mark.parametrize(
    ("log", "body"),
    [
        (f"{HOUR}/log.json.gz", f"{HOUR}/data/915a6a04-3f83-4c70-a277-7fbf7ea546b3_input.json.gz"),
        (f"prefix/{HOUR}/log.json.gz", f"prefix/{HOUR}/data/915a6a04-3f83-4c70-a277-7fbf7ea546b3_input.json.gz"),
        ("copy/log.json.gz", "copy/data/915a6a04-3f83-4c70-a277-7fbf7ea546b3_input.json.gz"),
        ("all.json", f"{HOUR}/data/915a6a04-3f83-4c70-a277-7fbf7ea546b3_input.json.gz"),
        (f"{HOUR[:-2]}13/log.json", f"{HOUR}/data/915a6a04-3f83-4c70-a277-7fbf7ea546b3_input.json.gz"),
        ("flat/log.json", "flat/915a6a04-3f83-4c70-a277-7fbf7ea546b3_input.json.gz"),
    ],
    ids=["bucket", "with-prefix", "one-hour", "log-above", "another-hour", "beside"],
)
@pytest.mark.parametrize("wrapped", [False, True], ids=["s3", "cloudwatch"])
def test_large_bodies_are_read_from_the_logs_own_folders(tmp_path: Path, log: str, body: str, wrapped: bool) -> None:
    """The body is found by the end of its address under any folder above the log, and the exchange has its text."""
    for path, content in ((log, large(1)), (body, LONG)):
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shown = {"timestamp": 1777636800000, "message": json.dumps(content)} if wrapped and path == log else content
        data = json.dumps(shown).encode()
        target.write_bytes(gzip.compress(data) if path.endswith(".gz") else data)
    outcome = read(tmp_path / log)
    assert [(row["prompt"], row["input_tokens"]) for row in outcome.table.to_pylist()] == [("a long prompt", 40_000)]
    assert not any("over 100 KB" in one for one in outcome.said)
    # Read as a folder, bodies in data/ are no logs of their own.
    if "/data/" in body:
        whole = read(tmp_path)
        assert (whole.table.num_rows, whole.reasons) == (1, [])
        assert any("1 large bodies" in one for one in whole.said)


@pytest.mark.parametrize(
    ("content", "key", "why"),
    [
        (None, None, "are not in the folders of this copy of the log"),
        (b"\x1f\x8b broken", None, "are cut off, damaged or too long"),
        (b"\x89PNG....", None, "are no JSON (pictures, or damaged)"),
        (b"", None, "are no JSON (pictures, or damaged)"),
        (b"{}", "s3://bucket/../../etc/passwd", "have an address that is none of object storage"),
        (b"{}", "https://example.com/x", "have an address that is none of object storage"),
        (b"{}", "s3://bucket/secret/keys.json", "are not in the folders of this copy of the log"),
    ],
    ids=["missing", "damaged", "picture", "empty", "path-out", "web", "no-body"],
)
def test_large_bodies_that_cannot_be_read_are_said(
    tmp_path: Path, content: bytes | None, key: str | None, why: str
) -> None:
    """The exchange is kept without that text, and how many such there are is said with the reason."""
    (tmp_path / "data").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "keys.json").write_text("{}")
    if content is not None:
        (tmp_path / "data" / "915a6a04-3f83-4c70-a277-7fbf7ea546b3_input.json.gz").write_bytes(content)
    log = write_lines(tmp_path / "log.json", [large(1, key=key)])
    outcome = read(log)
    assert [(row["prompt"], row["response"]) for row in outcome.table.to_pylist()] == [(None, "Hello")]
    assert any(f"bodies of input over 100 KB {why}: kept without that text (1 records)" in one for one in outcome.said)


def test_large_answers_are_read_too(tmp_path: Path) -> None:
    """The body that came back may be in an object of its own as well."""
    (tmp_path / "data").mkdir()
    answer = json.dumps(BODIES["converse"][1]).encode()
    (tmp_path / "data" / "915a6a04-3f83-4c70-a277-7fbf7ea546b3_output.json.gz").write_bytes(gzip.compress(answer))
    (row,) = read(write_lines(tmp_path / "log.json", [large(1, "output")])).table.to_pylist()
    assert (row["prompt"], row["response"], row["finish_reason"]) == ("a long prompt", "Hello", "end_turn")
