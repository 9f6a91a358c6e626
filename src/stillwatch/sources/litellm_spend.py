"""LiteLLM's table of spend, `LiteLLM_SpendLogs`: from its database, or exported as Parquet, CSV or JSON.

JSON columns may be objects or strings. Messages are `{}` unless LiteLLM was told to store prompts; then, or where the
whole request was stored in `proxy_server_request`, they are read from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from stillwatch.errors import BadRecord
from stillwatch.sources import litellm
from stillwatch.sources.litellm import as_object, first
from stillwatch.sources.messages import rebuild_messages
from stillwatch.sources.registry import Document, Format, Row, register


def parse(document: Document) -> Iterator[Row]:
    """The exchange that a row of the table is."""
    if document.get("startTime") is None:
        raise BadRecord("lacks startTime")
    metadata = as_object(document.get("metadata"))
    row = litellm.shared_columns({**document, "response": as_object(document.get("response"))}, metadata)
    key = first(document.get("api_key"), metadata.get("user_api_key"), metadata.get("user_api_key_hash"))
    row["exchange_id"] = document.get("request_id")
    row["account_id"] = litellm.account(first(document.get("user"), metadata.get("user_api_key_user_id")), key)
    row["org_id"] = first(document.get("organization_id"), metadata.get("user_api_key_org_id"))
    row["api_key_id"] = key
    row["session_id"] = first(document.get("session_id"))
    request = as_object(document.get("proxy_server_request"))
    request = as_object(request.get("body")) or request
    litellm.fill_request(row, request or as_object(metadata.get("model_parameters")))
    messages = document.get("messages")
    stored = messages if messages and messages not in ("{}", "[]", "null") else None
    litellm.fill_messages(row, first(stored, request.get("messages"), request.get("input")), request)
    litellm.fill_answer(row, document.get("response"))
    yield row


def sniff(document: Document) -> float:
    """Sure with the table's own mixture of snake and camel case."""
    marks = ("request_id", "api_key", "startTime", "spend", "call_type")
    return sum(mark in document for mark in marks) / len(marks) if "startTime" in document else 0.0


def write(rows: Iterable[Row]) -> Iterator[Document]:
    """Rows of the table; JSON columns as strings, as an export has them."""
    for row in rows:
        (payload,) = litellm.write([row])
        messages = rebuild_messages(row)
        request: dict[str, Any] = payload["model_parameters"]
        metadata = {**payload["metadata"], "status": payload["status"]}
        if "error_information" in payload:
            metadata["error_information"] = payload["error_information"]
        yield {
            "request_id": row["exchange_id"],
            "call_type": "acompletion",
            "api_key": row.get("api_key_id") or "",
            "spend": 0.0,
            "total_tokens": (row.get("input_tokens") or 0) + (row.get("output_tokens") or 0),
            "prompt_tokens": row.get("input_tokens"),
            "completion_tokens": row.get("output_tokens"),
            "startTime": litellm.iso(row["requested_at"]),
            "endTime": litellm.iso(row["requested_at"]),
            "model": row["model"],
            "custom_llm_provider": row.get("platform"),
            "user": "" if row.get("account_id") == row.get("api_key_id") else row["account_id"],
            "metadata": json.dumps(metadata),
            "request_tags": "[]",
            "team_id": None,
            "organization_id": row.get("org_id"),
            "end_user": row.get("end_user_id") or "",
            "requester_ip_address": row.get("ip"),
            "messages": json.dumps(messages) if messages else "{}",
            "response": json.dumps(payload["response"] or {}),
            "proxy_server_request": json.dumps(request),
            "session_id": row.get("session_id"),
            "status": payload["status"],
        }


LITELLM_SPEND = register(
    Format(
        name="litellm-spend",
        title="LiteLLM_SpendLogs (Parquet, CSV, postgresql://)",
        fills={
            "exchange_id": "request_id",
            "account_id": "user, else api_key",
            "org_id": "organization_id",
            "api_key_id": "api_key",
            "session_id": "session_id",
            "tools": "proxy_server_request",
            "max_tokens": "proxy_server_request",
            "temperature": "proxy_server_request",
            **litellm.FILLS,
        },
        turn_on={
            **litellm.TURN_ON,
            "prompt": "general_settings: store_prompts_in_spend_logs: true",
            "response": "general_settings: store_prompts_in_spend_logs: true",
            "tools": "general_settings: store_prompts_in_spend_logs: true",
        },
        parse=parse,
        sniff=sniff,
        write=write,
    )
)
