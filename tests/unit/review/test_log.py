"""The log of analysts' verdicts: only added to, and every change of what was written is told."""

from __future__ import annotations

import numpy as np
import pytest

from stillwatch.errors import InputError
from stillwatch.review.log import Entry, append, in_force, packed, read_log


def entry(finding_id: str = "C-1", decision: str = "confirm", accounts: int = 3) -> Entry:
    """A verdict."""
    members, digest = packed(np.arange(accounts, dtype=np.int64) - 1)
    return Entry(
        at="2026-03-01T00:00:00Z",
        finding_id=finding_id,
        verdict="campaign",
        decision=decision,  # type: ignore[arg-type]
        why="looked at it",
        by="ana",
        accounts=accounts,
        exchanges=100,
        first_at="2026-02-01T00:00:00Z",
        last_at="2026-02-11T00:00:00Z",
        digest=digest,
        members=members,
        moulds=["ffffffffffffffff", "0000000000000001"],
        use="red team" if decision == "dismiss" else "",
        owner="ana" if decision == "dismiss" else "",
        until="2026-06-01" if decision == "dismiss" else "",
    )


def test_what_is_written_is_read_in_its_order(tmp_path):
    """Entries come back as they were given, with negative hashes and keys of all 64 bits."""
    log = tmp_path / "log"
    for one in (entry("C-1"), entry("C-2", "dismiss"), entry("C-1", "dismiss")):
        append(log, one)
    found, _ = read_log(log)
    assert [(one.finding_id, one.decision) for one in found] == [
        ("C-1", "confirm"),
        ("C-2", "dismiss"),
        ("C-1", "dismiss"),
    ]
    assert found[0].hashes.tolist() == [-1, 0, 1]
    assert found[0].keys.tolist() == [-1, 1]


def test_the_last_verdict_on_a_finding_is_in_force(tmp_path):
    """A finding that was confirmed and later dismissed is dismissed; nothing is taken out of the log for it."""
    log = tmp_path / "log"
    for one in (entry("C-1"), entry("C-2", "dismiss"), entry("C-1", "dismiss")):
        append(log, one)
    found, _ = read_log(log)
    assert [(one.finding_id, one.decision) for one in in_force(found)] == [("C-2", "dismiss"), ("C-1", "dismiss")]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda lines: lines[1:], 1),
        (lambda lines: [lines[0], lines[2]], 2),
        (lambda lines: [lines[0].replace(b"looked at it", b"looked away"), *lines[1:]], 2),
        (lambda lines: [lines[1], lines[0], lines[2]], 1),
        (lambda lines: [lines[0], lines[1][:50], lines[2]], 2),
        (lambda lines: [lines[0].replace(b'"digest":"', b'"digest":"0'), *lines[1:]], 1),
    ],
    ids=["first taken out", "middle taken out", "words changed", "exchanged", "cut off", "other accounts"],
)
def test_a_log_that_was_changed_is_refused_with_its_line(tmp_path, change, line):
    """Each line vouches for the one before it."""
    log = tmp_path / "log"
    for name in ("C-1", "C-2", "C-3"):
        append(log, entry(name))
    log.write_bytes(b"\n".join(change(log.read_bytes().splitlines())) + b"\n")
    with pytest.raises(InputError, match=f":{line}:"):
        read_log(log)


def test_nothing_is_added_to_a_damaged_log(tmp_path):
    """Whoever adds to a log reads it first."""
    log = tmp_path / "log"
    log.write_text("{}\n")
    with pytest.raises(InputError):
        append(log, entry())
    assert log.read_text() == "{}\n"
