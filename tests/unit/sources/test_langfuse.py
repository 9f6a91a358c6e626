"""Langfuse's exports, in the ways that they leave Langfuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from langfuse_samples import event, observation, one, scanned, trace
from log_samples import Outcome, exchange, read, write_lines

from stillwatch.errors import BadRecord, InputError
from stillwatch.sources.langfuse import NO_ACCOUNT, parse, sniff, split, write

EXPECTED = {
    "account_id": "alice",
    "ip": "203.0.113.7",
    "model": "gpt-4o",
    "system_prompt": "Be brief.",
    "prompt": "What is the capital of France?",
    "turns": 0,
    "max_tokens": 256,
    "temperature": 0.5,
    "input_tokens": 40,
    "cached_tokens": 10,
    "output_tokens": 7,
    "reasoning_tokens": 2,
    "status": 200,
    "response": "Paris.",
}


class TestShapes:
    """Every way out of Langfuse gives the same exchange."""

    def check(self, outcome: Outcome, exchange_id: str, **more: Any) -> None:
        """The one exchange of a log is as expected."""
        assert outcome.reasons == []
        row = outcome.row(exchange_id)
        assert {name: row[name] for name in EXPECTED} == EXPECTED
        assert {name: row[name] for name in more} == more
        assert row["org_id"] is None
        assert row["api_key_id"] is None
        assert row["requested_at"].isoformat().startswith("2026-05-01T12:00:00.123")

    def test_clickhouse_json(self, tmp_path: Path) -> None:
        """Rows of events_full out of ClickHouse: names and values of metadata apart, 64-bit counts as text."""
        outcome = read(write_lines(tmp_path / "events.jsonl", [event()]))
        assert outcome.formats == ["langfuse"]
        self.check(outcome, "span-0", client="sdk/1.0", tools=["search"], session_id="trace-0")

    def test_blob_storage(self, tmp_path: Path) -> None:
        """Enriched observations: `id` for span_id, and metadata as an object."""
        row = event(id="span-0", metadata={"client_ip": "203.0.113.7"}, session_id="s-9")
        for name in ("span_id", "metadata_names", "metadata_values", "parent_span_id"):
            del row[name]
        self.check(read(write_lines(tmp_path / "o.jsonl", [row])), "span-0", session_id="s-9")

    def test_parquet(self, tmp_path: Path) -> None:
        """Maps are lists of pairs there, and strings of older ClickHouse are bytes."""
        row = event(start_time="2026-05-01T12:00:00.123456")
        counts = pa.map_(pa.string(), pa.uint64())
        kinds = {
            "usage_details": counts,
            "provided_usage_details": counts,
            "tool_definitions": pa.map_(pa.binary(), pa.binary()),
        }
        arrays = {}
        for name, value in row.items():
            kind = kinds.get(name)
            if kind is None:
                arrays[name] = pa.array([value])
                if isinstance(value, str):
                    arrays[name] = arrays[name].cast(pa.binary())
            else:
                pairs = [(key, int(one) if kind == counts else one.encode()) for key, one in value.items()]
                arrays[name] = pa.array([pairs], kind)
        pq.write_table(pa.table(arrays), tmp_path / "events.parquet")
        self.check(read(tmp_path / "events.parquet"), "span-0", client="sdk/1.0", tools=["search"])

    @pytest.mark.parametrize("layout", ["array", "lines"])
    def test_the_uis_observations(self, tmp_path: Path, layout: str) -> None:
        """The UI's export of observations carries the trace's user along."""
        rows = [observation(userId="alice", traceName="request", traceTags=[], inputUsage=40)]
        path = tmp_path / "lf-observations-export.json"
        path.write_text(json.dumps(rows, indent=2 if layout == "array" else None))
        self.check(read(path), "obs-0")

    def test_the_uis_csv(self, tmp_path: Path) -> None:
        """Every cell quoted, objects as JSON, texts as they are."""
        row = observation(userId="alice", input="What is the capital of France?", output="Paris.")
        cells = [
            value if isinstance(value, str) else "" if value is None else json.dumps(value) for value in row.values()
        ]
        quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in (list(row), cells)]
        (tmp_path / "export.csv").write_text("\n".join(quoted) + "\n")
        row = read(tmp_path / "export.csv").row("obs-0")
        assert {name: row[name] for name in EXPECTED} == {**EXPECTED, "system_prompt": None}

    @pytest.mark.parametrize("indent", [None, 2])
    def test_pages_of_the_api(self, tmp_path: Path, indent: int | None) -> None:
        """A page of observations after a page of the traces that they belong to."""
        for name, listed in (("1.json", [trace(0), trace(1)]), ("2.json", [observation(0), observation(1)])):
            (tmp_path / name).write_text(
                json.dumps({"data": listed, "meta": {"page": 1, "totalPages": 1}}, indent=indent)
            )
        outcome = read(tmp_path)
        assert outcome.formats == ["langfuse"] * 2
        assert outcome.ids == ["obs-0", "obs-1"]
        self.check(outcome, "obs-0", session_id="s-1", client="sdk/1.0")

    @pytest.mark.parametrize("wrapped", [True, False])
    def test_a_downloaded_trace(self, tmp_path: Path, wrapped: bool) -> None:
        """A trace with its observations inside it or beside it."""
        below = [observation(0, type="SPAN", id="other"), observation(0)]
        document = (
            {"trace": trace(), "observations": below} if wrapped else {**trace(), "observations": below, "scores": []}
        )
        (tmp_path / "trace.json").write_text(json.dumps(document))
        outcome = read(tmp_path / "trace.json")
        assert outcome.formats == ["langfuse"]
        self.check(outcome, "obs-0", session_id="s-1", client="sdk/1.0")

    def test_both_tables_of_a_blob_storage_export(self, tmp_path: Path) -> None:
        """Traces are read before the observations of their window, though their folder comes after."""
        files = []
        for window in range(3):
            files.append((f"p/observations/2026-05-0{window + 1}.jsonl", [observation(window)]))
            files.append((f"p/traces/2026-05-0{window + 1}.jsonl", [trace(window)]))
        outcome = scanned(tmp_path, *files)
        assert outcome.ids == ["obs-0", "obs-1", "obs-2"]
        self.check(outcome, "obs-2", session_id="s-1")
        assert sum("hold no exchange" in said for said in outcome.said) == 3

    @pytest.mark.parametrize(
        "names", [("lf-observations.json", "lf-traces.json"), ("2-observations.csv.json", "9/traces/1.json")]
    )
    def test_traces_go_first_in_whatever_order_they_are_named(self, tmp_path: Path, names: tuple[str, str]) -> None:
        """A user names his files as they come."""
        files = [write_lines(tmp_path / name, [one]) for name, one in zip(names, (observation(), trace()), strict=True)]
        self.check(read(*files), "obs-0", session_id="s-1")

    def test_a_manifest_and_scores_hold_no_exchange(self, tmp_path: Path) -> None:
        """What else lies in an export is passed over, whatever Langfuse names it."""
        score = {"id": "s", "trace_id": "t", "name": "good", "value": 1, "source": "EVAL", "data_type": "NUMERIC",
                 "timestamp": "2026-05-01 12:00:00", "project_id": "p"}  # fmt: skip
        manifest = {"version": 1, "projectId": "p", "exportSource": "EVENTS", "window": {}, "tables": [], "files": []}
        (tmp_path / "DEPRECATION_NOTICE.txt").write_text("DEPRECATION NOTICE\n")
        write_lines(tmp_path / "scores/1.jsonl", [score])
        write_lines(tmp_path / "manifests/1.json", [manifest])
        write_lines(tmp_path / "observations_v2/1.jsonl", [event()])
        outcome = read(tmp_path)
        self.check(outcome, "span-0")
        assert set(outcome.formats) == {"langfuse"}


class TestAccounts:
    """Who is billed, and who only used the application."""

    @pytest.mark.parametrize(
        ("metadata", "expected"),
        [
            ({}, ("alice", None)),
            ({"account_id": "acme"}, ("acme", "alice")),
            ({"tenantId": "acme"}, ("acme", "alice")),
            ({"user_api_key_user_id": "acme", "user_api_key_hash": "k"}, ("acme", "alice")),
            ({"user_api_key_user_id": "default_user_id", "user_api_key_hash": "k"}, ("k", "alice")),
            ({"attributes": {"customer.id": "acme"}}, ("acme", "alice")),
            ({"requester_metadata": '{"account_id": "acme"}'}, ("acme", "alice")),
            ({"account_id": "alice"}, ("alice", None)),
            ({"account_id": {"a": 1}}, ("alice", None)),
        ],
        ids=["user", "account", "tenant", "litellm", "litellm-everybody", "span", "nested", "same", "odd"],
    )
    def test_the_metadata_goes_before_the_user(
        self, tmp_path: Path, metadata: dict[str, Any], expected: tuple[str, str | None]
    ) -> None:
        """A billed customer in the metadata is the account, and the application's user the end user."""
        row = read(write_lines(tmp_path / "o.jsonl", [observation(userId="alice", metadata=metadata)])).row("obs-0")
        assert (row["account_id"], row["end_user_id"]) == expected

    def test_no_user_no_account(self, tmp_path: Path) -> None:
        """Neither session nor trace nor Langfuse's own key stands in for an account: such generations are put aside."""
        documents = [event(0), event(1, user_id="", session_id="s"), event(2, user_id=None)]
        outcome = read(write_lines(tmp_path / "o.jsonl", documents))
        assert outcome.ids == ["span-0"]
        assert outcome.reasons == [(2, NO_ACCOUNT), (3, NO_ACCOUNT)]

    def test_observations_without_their_traces_end_in_a_clear_message(self, tmp_path: Path) -> None:
        """A user who forgot the traces is told of them."""
        path = write_lines(tmp_path / "o.jsonl", [observation(i) for i in range(3)])
        with pytest.raises(InputError, match="export traces too"):
            read(path)

    def test_a_root_span_tells_whose_request_it_is(self, tmp_path: Path) -> None:
        """The user of another observation of the trace is the generations' too; a tool's metadata is not."""
        root = event(0, span_id="root", type="SPAN")
        about = {"metadata_names": ["client_ip", "account_id"], "metadata_values": ["198.51.100.1", "the tool's"]}
        tool = event(0, span_id="tool", type="TOOL", parent_span_id="root", user_id="", **about)
        call = event(0, parent_span_id="root", user_id="", metadata_names=[], metadata_values=[])
        row = read(write_lines(tmp_path / "o.jsonl", [tool, call, root])).row("span-0")
        assert (row["account_id"], row["ip"]) == ("alice", "203.0.113.7")

    def test_a_project_is_no_organisation(self) -> None:
        """An organisation counts as one account: a project is none, unless the application says so."""
        assert one(event())["org_id"] is None
        assert one(event(metadata={"org_id": "acme-group"}))["org_id"] == "acme-group"

    def test_what_belongs_to_the_tracer_is_not_the_callers(self) -> None:
        """Langfuse's key and the tracer's versions, which everybody shares, fill no column."""
        metadata = {
            "resourceAttributes": {"user_agent": "otel", "telemetry.sdk.name": "opentelemetry"},
            "scope": {"name": "langfuse-sdk", "attributes": {"public_key": "pk-lf-1"}},
        }
        row = one(event(metadata=metadata, metadata_names=[], metadata_values=[]))
        assert [row[name] for name in ("api_key_id", "client", "sdk", "ip")] == [None] * 4

    def test_headers_in_metadata(self) -> None:
        """Headers are found in an object, by their flattened names, and as spans record them."""
        headers = {"User-Agent": "ua", "X-Stainless-Lang": "python", "x-forwarded-for": "203.0.113.9, 10.0.0.1"}
        flat = {"attributes.http.request.header.x-stainless-os": '["Linux"]', "tls.client.ja4": "t13d"}
        metadata = {"headers": headers, **flat}
        row = one(event(metadata=metadata, metadata_names=[]))
        assert row["client"] == "ua"
        assert row["sdk"] == "x-stainless-lang=python; x-stainless-os=Linux"
        assert (row["ip"], row["client_fingerprint"]) == ("203.0.113.9", "t13d")


class TestCounts:
    """Tokens, parameters and outcomes."""

    @pytest.mark.parametrize(
        ("details", "expected"),
        [
            ({"input": 30, "input_cached_tokens": 10, "output": 5, "output_reasoning_tokens": 2}, (40, 7, 10, 2)),
            ({"input": 20, "input_cache_read": 15, "input_cache_creation": 5, "output": 1}, (40, 1, 15, None)),
            ({"input_tokens": 20, "cache_read_input_tokens": 20, "output_tokens": 7}, (40, 7, 20, None)),
            ({"input": 40, "input_tokens": 40, "output": 7, "output_tokens": 7}, (40, 7, None, None)),
            ({"input": 5, "input_cache_creation": 9, "input_cache_creation_5m": 9, "output": 1}, (14, 1, None, None)),
            ({"prompt_tokens": 40, "completion_tokens": 7, "total_tokens": 47}, (40, 7, None, None)),
            ({"input": 40, "prompt_details.cache_read": 10, "output": 7, "total": 47}, (40, 7, 10, None)),
            ({}, (None, None, None, None)),
        ],
        ids=["openai", "langchain", "anthropic", "both", "lifetimes", "raw", "spans", "none"],
    )  # fmt: skip
    def test_parts_of_usage_are_added_once(self, details: dict[str, int], expected: tuple[Any, ...]) -> None:
        """Cached tokens are in, and reasoning is out, whatever names the tracer gave them."""
        row = one(event(usage_details=details))
        names = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
        assert tuple(row.get(name) for name in names) == expected

    def test_the_older_usage(self) -> None:
        """Without usage_details, `usage` is read; its zeros say that nothing is known."""
        row = observation(usage={"input": 3, "output": 4, "total": 7, "unit": "TOKENS"})
        del row["usageDetails"]
        assert (one(row)["input_tokens"], one(row)["output_tokens"]) == (3, 4)
        assert one({**row, "usage": {"input": 0, "output": 0}}).get("input_tokens") is None

    @pytest.mark.parametrize("value", ["null", "-1", -1, "inf", "", None, True])
    def test_parameters_that_were_not_set_are_absent(self, value: Any) -> None:
        """Tracers write down defaults that stand for nothing."""
        row = one(event(model_parameters={"max_tokens": value, "temperature": value}))
        assert (row["max_tokens"], row["temperature"]) == (None, None)

    @pytest.mark.parametrize(
        ("level", "message", "expected"),
        [
            ("DEFAULT", "", 200),
            ("WARNING", "slow", 200),
            ("ERROR", "Error code: 429 - {'error': ...}", 429),
            ("ERROR", "503 Service Unavailable", 503),
            ("ERROR", "litellm.RateLimitError: slow down", 429),
            ("ERROR", "the answer had 500 words", None),
            (None, None, None),
        ],
    )
    def test_the_status(self, level: str | None, message: str | None, expected: int | None) -> None:
        """An error's code is read from its message, and a number that is no code is none."""
        assert one(event(level=level, status_message=message))["status"] == expected

    def test_the_model(self) -> None:
        """Of a resource's path its last part; where none was asked for, the one that answered."""
        path = "projects/p/locations/l/publishers/google/models/gemini-2.5-flash"
        assert one(event(provided_model_name=path))["model"] == "gemini-2.5-flash"
        answer = {"model": "gpt-4o-2024", "choices": [{"message": {"content": "Paris."}}]}
        assert one(event(provided_model_name="", output=answer))["model"] == "gpt-4o-2024"


class TestBroken:
    """What is no exchange, and what is broken."""

    @pytest.mark.parametrize("kind", ["SPAN", "EVENT", "AGENT", "TOOL", "CHAIN", "EMBEDDING", "GUARDRAIL"])
    def test_only_generations_are_exchanges(self, kind: str) -> None:
        """Other observations tell facts at most."""
        assert all(row["link"].facts_only for row in parse(event(type=kind)))

    def test_deleted_rows_are_passed_over(self) -> None:
        """ClickHouse gives them until it merges."""
        assert list(parse(event(is_deleted=1))) == []

    def test_updates_of_an_observation_are_duplicates(self, tmp_path: Path) -> None:
        """Without FINAL an observation comes as often as it was written."""
        outcome = read(write_lines(tmp_path / "o.jsonl", [event(), event()]))
        assert (outcome.n_read, outcome.n_duplicates) == (2, 1)

    def test_something_else_is_refused(self) -> None:
        """A record that is none of Langfuse's has a reason."""
        with pytest.raises(BadRecord, match="no record of a Langfuse export"):
            list(parse({"type": "GENERATION"}))
        with pytest.raises(BadRecord, match="no record of a Langfuse export"):
            list(parse({"data": [5], "meta": {}}))

    def test_a_broken_record_costs_no_other_of_its_page(self, tmp_path: Path) -> None:
        """Records of a page are read one by one."""
        page = {"data": [event(0), {**event(1), "start_time": "yesterday"}, {"x": 1}, event(3)], "meta": {}}
        (tmp_path / "page.json").write_text(json.dumps(page))
        outcome = read(tmp_path / "page.json", format="langfuse")
        assert outcome.ids == ["span-0", "span-3"]
        assert len(outcome.reasons) == 2

    def test_only_pages_are_split(self) -> None:
        """A record that has a field `data`, or names its observations by their ids, is one document."""
        for document in (event(input={"data": [{}]}), {**trace(), "observations": ["o"]}, {"data": [], "meta": {}}):
            assert split(json.dumps(document).encode()) is None
        page = {"data": [event(0), event(1)], "meta": {"cursor": "c"}}
        pieces = split(json.dumps(page).encode())
        assert pieces is not None
        assert [json.loads(piece) for piece in pieces] == page["data"]

    def test_a_page_of_nothing(self) -> None:
        """The last page of the API may be empty."""
        assert list(parse({"data": [], "meta": {"page": 9}})) == []


@pytest.mark.parametrize("document", [event(), observation(), trace(), {"data": [observation()], "meta": {}},
                                      {"trace": trace(), "observations": [observation()]}])  # fmt: skip
def test_each_shape_is_known_by_itself(document: dict[str, Any]) -> None:
    """One document is enough to tell the format."""
    assert sniff(document) >= 0.8


@pytest.mark.parametrize("end_user", [None, "u"])
def test_what_is_written_is_read_back(tmp_path: Path, end_user: str | None) -> None:
    """An exchange comes back as it was, its opaque blocks as equal stand-ins."""
    rows = [
        exchange(
            i, org_id="o", email_domain="example.org", country="DE", client="ua", client_fingerprint="t13d",
            platform="openai", system_prompt="Be brief.", first_user="Hello", turns=2, tools=["f", "g"], max_tokens=9,
            temperature=0.5, cached_tokens=3, reasoning_tokens=4, finish_reason="stop", response="Yes.",
            session_id=f"s{i}", end_user_id=end_user, sdk="x-stainless-lang=python; x-stainless-os=Linux",
            reasoning_in=["ab" * 16], reasoning_out=["cd" * 16],
        )
        for i in range(5)
    ]  # fmt: skip
    outcome = read(write_lines(tmp_path / "log.jsonl", list(write(rows))))
    assert outcome.reasons == []
    for row in rows:
        back = outcome.row(row["exchange_id"])
        assert back.pop("requested_at").isoformat() == row.pop("requested_at")
        for name in ("reasoning_in", "reasoning_out"):
            assert len(back.pop(name)) == len(row.pop(name))
        assert {name: back[name] for name in row} == row


def test_failures_and_bare_rows_are_written_too(tmp_path: Path) -> None:
    """A row without text, and one with an error's status, keep what they have."""
    rows = [exchange(0, prompt=None, status=429), exchange(1, prompt=None, status=None, tools=[])]
    outcome = read(write_lines(tmp_path / "log.jsonl", list(write(rows))))
    assert [outcome.row(f"x{i}")["status"] for i in range(2)] == [429, None]
    assert [outcome.row(f"x{i}")["prompt"] for i in range(2)] == [None, None]
    assert outcome.row("x1")["tools"] == []
