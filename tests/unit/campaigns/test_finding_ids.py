"""Ids of findings: the same for the same finding, and never one for two."""

from __future__ import annotations

import pyarrow as pa

from stillwatch.campaigns.findings import finding_id_of


def exchanges(n: int, prefix: str = "x") -> pa.ChunkedArray:
    """Ids of so many exchanges."""
    return pa.chunked_array([[f"{prefix}{at}" for at in range(n)]])


def test_an_id_stays_when_the_finding_grows() -> None:
    """It comes from the earliest exchanges alone."""
    assert finding_id_of("network", exchanges(10), set()) == finding_id_of("network", exchanges(99), set())


def test_findings_that_begin_alike_have_ids_of_their_own() -> None:
    """Networks that share accounts share their earliest exchanges: each has an id all the same, again and again."""
    taken: set[str] = set()
    for _ in range(4):
        taken.add(finding_id_of("network", exchanges(9), taken))
    assert len(taken) == 4
    assert all(one.startswith("N-") and len(one) == 14 for one in taken)
