"""OpenAI's batches: a file of requests and files of results, joined by the ids that a batch gives its lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from log_samples import Outcome, read, write_lines


def request(number: int, batch: str = "b", **more: Any) -> dict[str, Any]:
    """A line of a batch's input file, as the API's documentation has it."""
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": f"question {number} of {batch}"}]
    body = {"model": "gpt-4.1-mini", "messages": messages, "max_tokens": 1000, "user": f"user-{number % 3}"}
    line = {"custom_id": f"request-{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
    return {**line, **more}


def result(number: int, batch: str = "b", **more: Any) -> dict[str, Any]:
    """A line of a batch's output file."""
    answer = {"role": "assistant", "content": f"answer {number} of {batch}"}
    body = {
        "id": f"chatcmpl-{batch}-{number:08}", "object": "chat.completion", "created": 1777593600 + number,
        "model": "gpt-4.1-mini-2025-04-14", "usage": {"prompt_tokens": 22, "completion_tokens": 2},
        "choices": [{"index": 0, "message": answer, "finish_reason": "stop"}],
    }  # fmt: skip
    response = {"status_code": 200, "request_id": f"req_{batch}{number}", "body": body}
    line = {"id": f"batch_req_{batch}{number}", "custom_id": f"request-{number}", "response": response, "error": None}
    return {**line, **more}


def pairs(outcome: Outcome) -> list[tuple[Any, ...]]:
    """Account, prompt and answer of each exchange, in order of their ids."""
    rows = sorted(outcome.table.to_pylist(), key=lambda row: row["exchange_id"])
    return [(row["account_id"], row["prompt"], row["response"]) for row in rows]


def expected(n: int, batch: str = "b") -> list[tuple[str, str, str]]:
    """What the first lines of a batch come to."""
    return [(f"user-{i % 3}", f"question {i} of {batch}", f"answer {i} of {batch}") for i in range(n)]


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("input.jsonl", "output.jsonl"),
        ("requests.jsonl", "batch_67f_output.jsonl"),
        ("z/1.jsonl", "a/1.jsonl"),
        ("one.jsonl", "one.jsonl"),
    ],
    ids=["named", "as-downloaded", "folders", "one-file"],
)
def test_requests_meet_their_results(tmp_path: Path, asked: str, answered: str) -> None:
    """Each result with its request is one exchange: text and caller of the one, id, time and answer of the other."""
    lines = {asked: [request(i) for i in range(9)]}
    lines[answered] = [*lines.get(answered, []), *(result(i) for i in reversed(range(9)))]
    for name, documents in lines.items():
        write_lines(tmp_path / name, documents)
    outcome = read(tmp_path)
    assert (pairs(outcome), outcome.reasons, outcome.n_duplicates) == (expected(9), [], 0)
    row = outcome.row("req_b4")
    assert (row["system_prompt"], row["max_tokens"], row["input_tokens"], row["status"]) == ("be brief", 1000, 22, 200)
    assert row["requested_at"].timestamp() == 1777593604


def test_ids_that_every_batch_uses_are_told_apart_by_the_files_names(tmp_path: Path) -> None:
    """`request-1` is another request in each batch: files that are named alike belong together."""
    for batch in ("monday", "tuesday"):
        write_lines(tmp_path / f"{batch}_input.jsonl", [request(i, batch) for i in range(5)])
        write_lines(tmp_path / f"{batch}_output.jsonl", [result(i, batch) for i in range(4)])
        failed = {
            "response": {"status_code": 400, "request_id": "r", "body": {"error": {"type": "invalid_request_error"}}}
        }
        write_lines(tmp_path / f"{batch}_error.jsonl", [result(4, batch, **failed)])
    outcome = read(tmp_path)
    answers = [*expected(4, "monday"), *expected(4, "tuesday")]
    assert sorted(one for one in pairs(outcome) if one[2]) == sorted(answers)
    # A result that is an error has no time of its own.
    assert [reason for _, reason in outcome.reasons] == ["lacks requested_at"] * 2


def test_a_result_whose_request_nobody_can_tell_is_kept_without_text(tmp_path: Path) -> None:
    """Where several requests bear the id and no name tells which is meant, none is taken: no text beats another's."""
    for batch in ("monday", "tuesday"):
        write_lines(tmp_path / f"{batch}.jsonl", [request(0, batch)])
    write_lines(tmp_path / "wednesday.jsonl", [result(0, account_id="acme")])
    outcome = read(tmp_path)
    assert pairs(outcome) == [("acme", None, "answer 0 of b")]
    assert [reason.partition(":")[0] for _, reason in outcome.reasons] == [
        "is a request of a batch whose result is in none of these files"
    ] * 2


def test_lines_without_their_other_side(tmp_path: Path) -> None:
    """A request without result is put aside with what to name; a result without request needs an account of its own."""
    write_lines(tmp_path / "b_input.jsonl", [request(0), request(1)])
    write_lines(tmp_path / "b_output.jsonl", [result(0), result(2), result(3, account_id="acme")])
    outcome = read(tmp_path)
    assert pairs(outcome) == [*expected(1), ("acme", None, "answer 3 of b")]
    assert sorted(reason.partition(":")[0] for _, reason in outcome.reasons) == [
        "is a request of a batch whose result is in none of these files",
        "names no account",
    ]
    assert outcome.n_read == 4


def test_the_account_may_stand_on_either_line(tmp_path: Path) -> None:
    """A gateway that writes the account beside requests names it for their results, before the caller's own word."""
    write_lines(tmp_path / "b_input.jsonl", [request(0, account_id="acme")])
    write_lines(tmp_path / "b_output.jsonl", [result(0)])
    (row,) = read(tmp_path).table.to_pylist()
    assert (row["account_id"], row["end_user_id"]) == ("acme", "user-0")
