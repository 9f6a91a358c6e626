"""Which finding of today is which of yesterday, on small tables."""

from __future__ import annotations

import numpy as np
import pytest

from stillwatch.store.identity import Body, Lineage, new_id, trace


def body(finding_id: str, first: int, end: int) -> Body:
    """A finding of the exchanges from `first` up to `end`; its kind is in its id."""
    return Body(finding_id, finding_id[0], np.arange(first, end, dtype=np.int64))


CASES = {
    "nothing before": ([body("C-a", 0, 9)], [], [Lineage()]),
    "the same": ([body("C-a", 0, 9)], [body("C-a", 0, 9)], [Lineage("C-a")]),
    "grown backwards, so that its earliest are others": (
        [body("C-b", 0, 90)], [body("C-a", 50, 60)], [Lineage("C-a")],
    ),
    "shrunk": ([body("C-b", 50, 60)], [body("C-a", 0, 90)], [Lineage("C-a")]),
    "slid on by a window": ([body("C-b", 10, 40)], [body("C-a", 0, 30)], [Lineage("C-a")]),
    "less than half in common": ([body("C-b", 20, 50)], [body("C-a", 0, 30)], [Lineage()]),
    "merged: who brought more names it": (
        [body("C-c", 0, 90)], [body("C-a", 0, 30), body("C-b", 40, 90)], [Lineage("C-b", ("C-a",))],
    ),
    "split: the larger goes on": (
        [body("C-c", 0, 30), body("C-d", 30, 90)], [body("C-a", 0, 90)], [Lineage(None, (), "C-a"), Lineage("C-a")],
    ),
    "split: who holds the earliest keeps the id made from them": (
        [body("C-a", 0, 30), body("C-d", 30, 90)], [body("C-a", 0, 90)], [Lineage("C-a"), Lineage(None, (), "C-a")],
    ),
    "of another kind": ([body("N-a", 0, 9)], [body("C-a", 0, 9)], [Lineage()]),
    "alike to two: the older is named first": (
        [body("C-c", 0, 20)], [body("C-b", 0, 10), body("C-a", 10, 20)], [Lineage("C-b", ("C-a",))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_findings_are_told_again(case: str) -> None:
    """One to one, by what they have in common; what is left over has merged, or was split."""
    now, past, expected = CASES[case]
    assert expected == trace(now, past)


def test_a_member_in_several_findings_counts_in_each() -> None:
    """Networks share accounts: each is still told by its own."""
    now = [body("N-x", 0, 10), body("N-y", 5, 20)]
    past = [body("N-a", 0, 10), body("N-b", 5, 20)]
    assert [Lineage("N-a"), Lineage("N-b")] == trace(now, past)


def test_an_id_that_is_taken_gives_another() -> None:
    """A part that was split off may begin with exchanges that named a past finding."""
    assert new_id("C-a", set()) == "C-a"
    other = new_id("C-a", {"C-a"})
    assert other.startswith("C-")
    assert other != "C-a"
    assert new_id("C-a", {"C-a", other}) not in {"C-a", other}
