"""Rows of Langfuse's exports, and what reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from log_samples import Outcome, read, write_lines

from stillwatch.sources.langfuse import parse
from stillwatch.sources.messages import DEFAULT_KEY, complete

CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is the capital of France?"},
]


def event(number: int = 0, **columns: Any) -> dict[str, Any]:
    """A row of events_full as ClickHouse writes it with FORMAT JSONEachRow: names apart from values, counts as text."""
    return {
        "project_id": "7a88fb47",
        "trace_id": f"trace-{number}",
        "span_id": f"span-{number}",
        "parent_span_id": "",
        "start_time": "2026-05-01 12:00:00.123456",
        "end_time": "2026-05-01 12:00:02.000000",
        "name": "ChatOpenAI",
        "type": "GENERATION",
        "environment": "default",
        "user_id": "alice",
        "session_id": "",
        "tags": [],
        "level": "DEFAULT",
        "status_message": "",
        "provided_model_name": "gpt-4o",
        "model_parameters": '{"temperature":0.5,"max_tokens":"256"}',
        "provided_usage_details": {},
        "usage_details": {"input": "30", "input_cached_tokens": "10", "output": "5", "output_reasoning_tokens": "2"},
        "tool_definitions": {"search": '{"description":"d"}'},
        "tool_calls": [],
        "tool_call_names": [],
        "input": json.dumps(CHAT),
        "output": json.dumps({"role": "assistant", "content": "Paris."}),
        "metadata_names": ["client_ip", "attributes.user_agent.original"],
        "metadata_values": ["203.0.113.7", "sdk/1.0"],
        "ingestion_api_key": "pk-lf-1",
        "telemetry_sdk_name": "opentelemetry",
        "is_deleted": 0,
        **columns,
    }


def observation(number: int = 0, **columns: Any) -> dict[str, Any]:
    """An observation of the API's first version or the UI's export: camel case, values decoded, no user."""
    return {
        "id": f"obs-{number}",
        "traceId": f"trace-{number}",
        "projectId": "7a88fb47",
        "parentObservationId": None,
        "type": "GENERATION",
        "name": "chat",
        "startTime": "2026-05-01T12:00:00.123Z",
        "endTime": "2026-05-01T12:00:02.000Z",
        "level": "DEFAULT",
        "statusMessage": None,
        "model": "gpt-4o",
        "modelParameters": {"temperature": 0.5, "max_tokens": 256},
        "usageDetails": {"input": 30, "input_cached_tokens": 10, "output": 5, "output_reasoning_tokens": 2},
        "promptTokens": 40,
        "input": CHAT,
        "output": {"role": "assistant", "content": "Paris."},
        "metadata": {"client_ip": "203.0.113.7"},
        **columns,
    }


def trace(number: int = 0, **columns: Any) -> dict[str, Any]:
    """A trace of the API's first version, which the user and the session stand on."""
    return {
        "id": f"trace-{number}",
        "timestamp": "2026-05-01T12:00:00.000Z",
        "name": "request",
        "projectId": "7a88fb47",
        "userId": "alice",
        "sessionId": "s-1",
        "tags": [],
        "public": False,
        "bookmarked": False,
        "release": None,
        "metadata": {"user_agent": "sdk/1.0"},
        "input": None,
        "output": None,
        **columns,
    }


def one(document: dict[str, Any]) -> dict[str, Any]:
    """The only exchange of a document, completed, without what other records say of it."""
    (row,) = [row for row in parse(document) if not row["link"].facts_only]
    return complete(dict(row), DEFAULT_KEY)


def scanned(tmp_path: Path, *files: tuple[str, list[dict[str, Any]]]) -> Outcome:
    """What comes of a folder with these files."""
    for name, documents in files:
        write_lines(tmp_path / name, documents)
    return read(tmp_path, format="langfuse")
