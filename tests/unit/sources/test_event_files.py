"""Spans in one file, the log records with their messages in another: joined, whatever the order, in bounded memory."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from log_samples import Outcome, exchanges, read, write_lines
from stopped_reading import moments, options, read_all, read_until

from stillwatch.engine.parts import parts
from stillwatch.errors import OutputError
from stillwatch.sources import event_files
from stillwatch.sources import records as records_module
from stillwatch.sources.event_files import EventStore
from stillwatch.sources.joining import Held
from stillwatch.sources.otlp import typed

DETAILS = "gen_ai.client.inference.operation.details"
CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 9}


def identifiers(number: int) -> dict[str, str]:
    """Trace and span of a call."""
    return {"traceId": f"{number // 3 + 1:032x}", "spanId": f"{number + 1:016x}"}


def span(number: int, **more: Any) -> dict[str, Any]:
    """An export of one call's span, without content."""
    attributes = {**CALL, "user.id": f"user-{number % 5}", "gen_ai.response.id": f"answer-{number:06}", **more}
    start = {"startTimeUnixNano": str(1777593600_000000000 + number * 10**9), "name": "chat m"}
    one = {**identifiers(number), **start, "attributes": listed(attributes), "status": {}}
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": [one]}]}]}


def listed(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    """Attributes as OTLP has them."""
    return [typed(name, value) for name, value in attributes.items() if value is not None]


def records(*named: tuple[int, str, dict[str, Any], Any]) -> dict[str, Any]:
    """An export of log records: of which call, under which name, with attributes and body."""
    out = []
    for number, name, attributes, body in named:
        one = {**identifiers(number), "timeUnixNano": "1777593700000000000", "eventName": name}
        out.append({**one, "attributes": listed(attributes), **({"body": typed("", body)["value"]} if body else {})})
    return {"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {}, "logRecords": out}]}]}


def messages(number: int) -> dict[str, Any]:
    """The events of single messages of a call, under the names of 1.36."""
    return records(
        (number, "gen_ai.system.message", {}, {"content": "be brief"}),
        (number, "gen_ai.user.message", {}, {"content": f"question {number}"}),
        (number, "gen_ai.choice", {}, {"index": 0, "message": {"content": f"reply {number}"}, "finish_reason": "stop"}),
    )


def whole(number: int, **more: Any) -> dict[str, Any]:
    """Today's event of a whole call."""
    asked = json.dumps([{"role": "user", "parts": [{"type": "text", "content": f"question {number}"}]}])
    named = {**CALL, "gen_ai.input.messages": asked, "gen_ai.response.id": f"answer-{number:06}", **more}
    return records((number, DETAILS, named, None))


def prompts(outcome: Outcome) -> dict[str, tuple[str | None, str | None]]:
    """Account and prompt of each exchange."""
    return {row["exchange_id"]: (row["account_id"], row["prompt"]) for row in outcome.table.to_pylist()}


EXPECTED = {f"answer-{i:06}": (f"user-{i % 5}", f"question {i}") for i in range(40)}


@pytest.mark.parametrize("tell", [messages, whole], ids=["messages", "whole-calls"])
@pytest.mark.parametrize(
    ("spans_in", "events_in"),
    [("traces.jsonl", "logs.jsonl"), ("a.jsonl", "b.jsonl"), ("t/1.json", "l/1.json.gz"), ("all.jsonl", "z.json")],
    ids=["events-first", "spans-first", "folders", "array"],
)
@pytest.mark.parametrize("backwards", [False, True], ids=["in-order", "backwards"])
def test_messages_in_another_file_meet_their_spans(
    tmp_path: Path, tell: Any, spans_in: str, events_in: str, backwards: bool
) -> None:
    """Account and times of the span, text of the events, one exchange a call: in any order and under any names."""
    write_lines(tmp_path / spans_in, [span(i) for i in range(40)])
    told = [tell(i) for i in (range(39, -1, -1) if backwards else range(40))]
    target = tmp_path / events_in
    target.parent.mkdir(exist_ok=True)
    text = json.dumps(told) if events_in == "z.json" else "".join(json.dumps(one) + "\n" for one in told)
    target.write_bytes(gzip.compress(text.encode()) if target.suffix == ".gz" else text.encode())
    outcome = read(tmp_path)
    assert (prompts(outcome), outcome.reasons, outcome.n_duplicates) == (EXPECTED, [], 0)
    assert outcome.formats == ["otel", "otel"]
    assert sum("read as otel" in one for one in outcome.said) == 2


def test_the_exchange_is_that_of_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every column is what it is where spans and events stand beside each other in one file, however long they are."""
    monkeypatch.setattr(records_module, "PART_BYTES", 2_000)
    near = [one for i in range(40) for one in (span(i), messages(i))]
    together = read(write_lines(tmp_path / "one" / "all.jsonl", near)).table
    write_lines(tmp_path / "two" / "a.jsonl", [span(i) for i in range(40)])
    write_lines(tmp_path / "two" / "b.jsonl", [messages(i) for i in range(40)])
    assert read(tmp_path / "two").table.equals(together)


@pytest.mark.slow
def test_one_file_of_events_then_spans_is_joined_at_any_distance(tmp_path: Path) -> None:
    """A file in which all spans come after all events is joined beyond the window, where another file has spans too."""
    n = 9_000
    write_lines(tmp_path / "a.jsonl", [*map(messages, range(n)), *map(span, range(n))])
    write_lines(tmp_path / "b.jsonl", [span(n)])
    outcome = read(tmp_path)
    expected = {f"answer-{i:06}": (f"user-{i % 5}", f"question {i}") for i in range(n)}
    assert prompts(outcome) == {**expected, f"answer-{n:06}": (f"user-{n % 5}", None)}
    assert outcome.reasons == []


def test_events_whose_span_is_nowhere_are_counted_once(tmp_path: Path) -> None:
    """Messages without a span are one record a call in quarantine, by file and line; calls that name all are kept."""
    write_lines(tmp_path / "traces.jsonl", [span(0)])
    told = [messages(0), messages(1), whole(2, **{"user.id": "of-the-event"}), whole(3)]
    events = write_lines(tmp_path / "events.jsonl", told)
    outcome = read(tmp_path)
    assert prompts(outcome) == {
        "answer-000000": ("user-0", "question 0"),
        "answer-000002": ("of-the-event", "question 2"),
    }
    found = list(zip(outcome.bad["source"].to_pylist(), outcome.reasons, strict=True))
    assert [(source, line) for source, (line, _) in found] == [(str(events), 2), (str(events), 4)]
    assert found[0][1][1].startswith("is a message of a call whose span is neither near it nor in another file")
    assert found[1][1][1].startswith("is the event of a call whose span, which names the account, is neither")


def test_an_export_that_came_twice_adds_no_messages(tmp_path: Path) -> None:
    """A file of events that stands there twice leaves conversations as they are; a span that did is a duplicate."""
    write_lines(tmp_path / "traces.jsonl", [span(i) for i in (0, 1, 0)])
    for name in ("logs-1.jsonl", "logs-2.jsonl"):
        write_lines(tmp_path / name, [messages(0), messages(1)])
    outcome = read(tmp_path)
    assert [(row["prompt"], row["turns"]) for row in outcome.table.to_pylist()] == [
        ("question 0", 0), ("question 1", 0), ("question 0", 0)
    ]  # fmt: skip
    assert (outcome.n_duplicates, outcome.reasons) == (1, [])


def test_broken_lines_of_events_are_put_aside_once(tmp_path: Path) -> None:
    """A bad line in the file that is read beforehand is in quarantine once, by its line; files beside it do no harm."""
    write_lines(tmp_path / "traces.jsonl", [span(0)])
    events = write_lines(tmp_path / "logs.jsonl", [messages(0)])
    events.write_bytes(events.read_bytes() + b'{"resourceLogs": [\n')
    write_lines(tmp_path / "other.ndjson", exchanges(5))
    outcome = read(tmp_path)
    assert outcome.reasons == [(2, "is no JSON (column 19)")]
    assert outcome.table.num_rows == 6
    assert sorted(filter(None, outcome.formats)) == ["canonical", "otel", "otel"]


@pytest.mark.parametrize("name", ["traces", "logs"])
def test_one_kind_alone_is_read_as_it_comes(tmp_path: Path, name: str) -> None:
    """Files of spans alone, or of events alone, are not read beforehand: calls without text, or the reason."""
    make = span if name == "traces" else whole
    for i in range(3):
        write_lines(tmp_path / f"{name}-{i}.jsonl", [make(i)])
    write_lines(tmp_path / "z.ndjson", exchanges(1))
    outcome = read(tmp_path)
    assert outcome.table.num_rows == (4 if name == "traces" else 1)
    assert len(outcome.reasons) == (0 if name == "traces" else 3)


def test_other_logs_are_not_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first files show nothing of OpenTelemetry, the others are opened once, for reading."""
    for i in range(20):
        write_lines(tmp_path / f"{i:02}.ndjson", exchanges(1, i))
    looked = []
    real = event_files._beginning
    monkeypatch.setattr(event_files, "_beginning", lambda place: looked.append(place) or real(place))
    assert read(tmp_path).table.num_rows == 20
    assert len(looked) == event_files.UNMARKED


def test_a_store_of_many_runs_gives_what_was_kept() -> None:
    """Whatever the size of what is sorted at a time: each call's parts in order, and the rest once, in order."""
    for run_rows in (1, 3, 7, 1000):
        store = EventStore(run_rows)
        begin = store.mark()
        for i in range(50):
            row = {"more_messages": [{"role": "user", "content": f"part {i}", "big": 10**30}]}
            store.add(Held(row, i, b"raw\xff", 5, f"call-{i % 20}" if i % 11 else None, None, {f"part {i}"}))
        store.settle()
        assert store.take("call-99") is None
        taken = store.take("call-3")
        assert taken is not None
        assert [one["content"] for one in taken.row["more_messages"]] == ["part 3", "part 23", "part 43"]
        assert (taken.line, taken.raw) == (3, b"raw\xff")
        rest = list(store.rest(begin, store.mark()))
        assert [one.line for one in rest] == sorted(one.line for one in rest)
        n_parts = sum(len(one.row["more_messages"]) for one in rest)
        assert n_parts + 3 == 50
        assert list(store.rest(begin, store.mark())) == []
        store.close()


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where what events tell cannot be kept, the message says so and names the folder and the mend."""
    write_lines(tmp_path / "traces.jsonl", [span(0)])
    write_lines(tmp_path / "logs.jsonl", [messages(i) for i in range(5000)])
    with Path("/dev/full").open("r+b", 0) as full, pytest.raises(OutputError, match="No space left") as raised:
        monkeypatch.setattr(event_files.tempfile, "TemporaryFile", lambda **_: full)
        read(tmp_path)
    assert "TMPDIR" in str(raised.value)


@pytest.mark.parametrize("moment", moments(3, 60, 4))
def test_killed_while_it_reads_it_goes_on(tmp_path: Path, moment: int) -> None:
    """Files told apart, killed at any moment: the next run leaves what an undisturbed one leaves."""
    logs = tmp_path / "logs"
    write_lines(logs / "a-logs.jsonl", [*(messages(i) for i in range(300)), messages(999)])
    write_lines(logs / "b-traces.jsonl", [span(i) for i in range(200)])
    write_lines(logs / "c-traces.jsonl", [span(i) for i in range(200, 300)])
    whole_run = read_all([str(logs)], options(tmp_path / "whole"))
    read_until([str(logs)], options(tmp_path / "out"), moment)
    again = read_all([str(logs)], options(tmp_path / "out"))
    assert again.counts == whole_run.counts
    assert (again.counts["kept"], again.counts["quarantined"]) == (300, 1)

    def fingerprints(name: str) -> pa.Table:
        return pa.concat_tables(pq.read_table(one) for one in parts(tmp_path / f".{name}.partial" / "fingerprint"))

    assert fingerprints("out").equals(fingerprints("whole"))
