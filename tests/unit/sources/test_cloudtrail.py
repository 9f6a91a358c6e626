"""CloudTrail's files beside Bedrock's invocation log give its calls an address and a client, and add no exchange."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from log_samples import read, write_lines

from stillwatch.sources.cloudtrail import parse, side, split


def invocation(number: int) -> dict[str, Any]:
    """A record of the invocation log."""
    return {
        "schemaType": "ModelInvocationLog", "timestamp": f"2026-03-01T12:00:{number:02d}Z", "accountId": "123456789012",
        "identity": {"arn": f"arn:aws:iam::123456789012:user/u{number}"}, "requestId": f"r-{number}",
        "operation": "Converse", "modelId": "anthropic.claude-3-haiku-20240307-v1:0",
        "input": {"inputBodyJson": {"messages": [{"role": "user", "content": [{"text": f"Hi {number}"}]}]}},
        "output": {"outputBodyJson": {"stopReason": "end_turn"}, "outputTokenCount": 2},
    }  # fmt: skip


def event(number: int, **more: Any) -> dict[str, Any]:
    """A record of the trail."""
    return {
        "eventVersion": "1.11", "eventTime": "2026-03-01T12:00:00Z", "eventSource": "bedrock.amazonaws.com",
        "eventName": "Converse", "awsRegion": "us-east-1", "sourceIPAddress": f"198.51.100.{number}",
        "userAgent": f"Boto3/1.{number}", "requestID": f"r-{number}", "recipientAccountId": "123456789012", **more,
    }  # fmt: skip


def trail(path: Path, *events: dict[str, Any]) -> Path:
    """One of a trail's files."""
    path.write_bytes(gzip.compress(json.dumps({"Records": list(events)}).encode()))
    return path


@pytest.mark.parametrize("name", ["A_trail.json.gz", "Z_trail.json.gz"])
def test_calls_take_address_and_client_from_the_trail(tmp_path: Path, name: str) -> None:
    """Wherever the trail's file stands among the others, each call has its own; other events tell nothing."""
    write_lines(tmp_path / "Log.jsonl", [invocation(n) for n in range(1, 4)])
    other = event(9, eventName="ListFoundationModels"), event(8, eventSource="s3.amazonaws.com")
    trail(tmp_path / name, event(3), *other, event(1))
    outcome = read(tmp_path)
    rows = {row["exchange_id"]: row for row in outcome.table.to_pylist()}
    assert {n: (row["ip"], row["client"]) for n, row in rows.items()} == {
        "r-1": ("198.51.100.1", "Boto3/1.1"),
        "r-2": (None, None),
        "r-3": ("198.51.100.3", "Boto3/1.3"),
    }
    assert rows["r-1"]["prompt"] == "Hi 1"
    assert outcome.reasons == []


def test_calls_that_the_log_does_not_hold_are_put_aside(tmp_path: Path) -> None:
    """They are no exchanges, and the reason says so."""
    write_lines(tmp_path / "Log.jsonl", [invocation(1)])
    trail(tmp_path / "trail.json.gz", event(1), event(5))
    outcome = read(tmp_path)
    assert outcome.ids == ["r-1"]
    assert [reason for _, reason in outcome.reasons] == [
        "is CloudTrail's record of a call that the invocation log does not hold"
    ]


def test_a_service_of_aws_is_no_address() -> None:
    """A call that another service made for somebody has its name where the address stands."""
    (row,) = parse(event(1, sourceIPAddress="bedrock-agent.amazonaws.com"))
    assert row["ip"] is None


def test_files_are_told_apart() -> None:
    """By their first bytes; what is no trail is not split."""
    assert side(json.dumps({"Records": [event(1)]}).encode()) == "more"
    assert side(json.dumps(invocation(1)).encode()) == "whole"
    assert side(b'{"model": "m"}') == ""
    assert split(json.dumps(invocation(1)).encode()) is None
    pieces = split(json.dumps({"Records": [event(1), event(2)]}).encode())
    assert pieces is not None
    assert [json.loads(one)["requestID"] for one in pieces] == ["r-1", "r-2"]
