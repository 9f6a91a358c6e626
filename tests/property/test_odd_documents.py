"""Any value of a format's document replaced by any other: the record is read or put aside, its neighbours are read."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_samples import exchange, read

from stillwatch.sources.registry import formats

WRITTEN = [name for name, fmt in formats().items() if fmt.write is not None]
ODD: list[Any] = [
    None, True, 0, -1, 1.5, 2**70, float("nan"), "", "x", "\0", "9" * 400, "{", "[1]", '{"a": 1}', "2026-05-01", [],
    [None], [[]], [5, "a"], {}, {"": None}, {"type": "text"},
    [{"role": 5, "content": {"a": []}}], {"type": 7, "text": []},
]  # fmt: skip


def documents(name: str) -> list[dict[str, Any]]:
    """Three documents of a format with much in them."""
    write = formats()[name].write
    assert write is not None
    rows = [
        exchange(
            i,
            messages=[
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": f"Question {i}?"}]},
                {"role": "assistant", "content": "Answer.", "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "c", "content": "result"},
                {"role": "user", "content": f"And {i}?"},
            ],
            tools=["f", "g"], response=f"Response {i}", finish_reason="stop", end_user_id="u", session_id="s",
        )
        for i in range(3)
    ]  # fmt: skip
    return json.loads(json.dumps(list(write(rows)), default=str))  # type: ignore[no-any-return]


def nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to everything inside a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from nodes(inner, (*path, key))


def replaced(document: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The document with another value at a path."""
    out = copy.deepcopy(document)
    inside: Any = out
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return out


@pytest.mark.parametrize("name", WRITTEN)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_an_odd_value_costs_one_record_at_most(name: str, data: st.DataObject) -> None:
    """Nothing that stands in a document raises, and the documents round it come out."""
    good = documents(name)
    if len(good) != 3:
        pytest.skip("this format puts several exchanges into one document")
    odd = good[1]
    for _ in range(data.draw(st.integers(1, 3))):
        paths = list(nodes(odd))
        if paths:
            odd = replaced(odd, data.draw(st.sampled_from(paths)), data.draw(st.sampled_from(ODD)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.ndjson"
        path.write_text("".join(json.dumps(one) + "\n" for one in (good[0], odd, good[2])))
        outcome = read(path, format=name)
    assert {"x0", "x2"} <= set(outcome.ids)
    aside = any("hold no exchange" in one for one in outcome.said)
    assert outcome.n_read >= 3 or aside
    assert all(line == 2 for line, _ in outcome.reasons)
