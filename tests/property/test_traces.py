"""Traces of any shape, in any order and files, told by spans, events or both: each call to a model is one exchange."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_samples import NOW, read

from stillwatch.sources.otlp import typed

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
DETAILS = "gen_ai.client.inference.operation.details"
KINDS = {
    "server": {"http.route": "/v1/chat"},
    "agent": {"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 9},
    "tool": {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f"},
    "workflow": {"traceloop.span.kind": "workflow", "gen_ai.system": "x", "gen_ai.request.model": "m"},
}
CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 9}


def messages(number: int) -> list[dict[str, Any]]:
    """What a call asks."""
    return [{"role": "user", "parts": [{"type": "text", "content": f"question {number}"}]}]


def record(kind: str, number: int, parent: int | None, user: str | None) -> dict[str, Any]:
    """A span without content."""
    values = {**(CALL if kind == "call" else KINDS[kind]), **({"user.id": user} if user else {})}
    return {
        "traceId": TRACE,
        "spanId": f"{number + 1:016x}",
        "parentSpanId": "" if parent is None else f"{parent + 1:016x}",
        "name": kind,
        "startTimeUnixNano": "1777593600000000000",
        "attributes": values,
    }


def told(span: dict[str, Any], number: int, how: str) -> list[tuple[str, dict[str, Any]]]:
    """The spans and log records that tell of a call with its content."""
    asked = {"gen_ai.input.messages": json.dumps(messages(number))}
    if how == "span":
        return [("span", {**span, "attributes": {**span["attributes"], **asked}})]
    place = {"traceId": TRACE, "spanId": span["spanId"], "timeUnixNano": "1777593601000000000"}
    if how == "details":
        return [("span", span), ("log", {**place, "eventName": DETAILS, "attributes": {**CALL, **asked}})]
    body = typed("", {"content": f"question {number}"})["value"]
    return [("span", span), ("log", {**place, "eventName": "gen_ai.user.message", "attributes": {}, "body": body})]


def exports(parts: list[tuple[str, dict[str, Any]]], size: int) -> list[dict[str, Any]]:
    """Documents of up to so many spans or log records each, in order."""
    out: list[dict[str, Any]] = []
    for start in range(0, len(parts), size):
        batch = [
            (kind, {**one, "attributes": [typed(key, value) for key, value in one["attributes"].items()]})
            for kind, one in parts[start : start + size]
        ]
        spans, logs = ([one for kind, one in batch if kind == wanted] for wanted in ("span", "log"))
        if spans:
            out.append({"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": spans}]}]})
        if logs:
            out.append({"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {}, "logRecords": logs}]}]})
    return out


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_each_call_is_one_exchange_of_the_nearest_user(data: st.DataObject) -> None:
    """Whatever stands above and beside a call, and in whatever order: one exchange, its own text, its nearest user."""
    n_spans = data.draw(st.integers(1, 12))
    parents: list[int | None] = [None] + [data.draw(st.integers(0, i - 1)) for i in range(1, n_spans)]
    kinds = ["server"] + [data.draw(st.sampled_from(["call", "call", *KINDS])) for _ in range(1, n_spans)]
    # A call has no spans below it that matter here: what it did not say itself it may still take from above.
    users = ["of-the-root"] + [data.draw(st.sampled_from([None, f"user-{i}"])) for i in range(1, n_spans)]
    parts: list[tuple[str, dict[str, Any]]] = []
    expected = {}
    for i, kind in enumerate(kinds):
        span = record(kind, i, parents[i], users[i])
        if kind != "call":
            parts.append(("span", span))
            continue
        parts += told(span, i, data.draw(st.sampled_from(["span", "details", "messages"])))
        # What another call says of its user holds for that call alone.
        above: int | None = i
        while above is not None and (users[above] is None or (above != i and kinds[above] == "call")):
            above = parents[above]
        assert above is not None
        expected[f"{TRACE}-{i + 1:016x}"] = (users[above], f"question {i}", 9)
    parts = data.draw(st.permutations(parts))
    # One call is always there, so that there is an exchange.
    parts.append(("span", record("call", 99, None, "sure")))
    files = {"telemetry": parts}
    if data.draw(st.booleans(), label="traces and logs apart"):
        first, second = data.draw(st.permutations(["1", "2"]))
        logs = [one for one in parts if one[0] == "log"]
        files = {first: [one for one in parts if one[0] == "span"], second: logs[::2], f"{second}-more": logs[1::2]}
    size = data.draw(st.integers(1, 8))
    with tempfile.TemporaryDirectory() as folder:
        for name, told_in in files.items():
            if told_in:
                text = "".join(json.dumps(one) + "\n" for one in exports(told_in, size))
                (Path(folder) / f"{name}.jsonl").write_text(text)
        outcome = read(folder, format="otel", now=NOW)
    assert outcome.reasons == []
    assert outcome.n_duplicates == 0
    rows = {row["exchange_id"]: row for row in outcome.table.to_pylist() if row["account_id"] != "sure"}
    assert {key: (row["account_id"], row["prompt"], row["input_tokens"]) for key, row in rows.items()} == expected
    assert outcome.table.num_rows == len(expected) + 1
