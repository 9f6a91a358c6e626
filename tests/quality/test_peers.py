"""The comparison of detectors on worlds runs whole: every peer tuned, every peer scored, ours beside them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.peers.on_worlds import BUDGETS, OURS, compare
from benchmarks.peers.tables import worlds_tables


@pytest.mark.slow
def test_every_peer_is_tuned_on_other_seeds_and_scored_beside_ours() -> None:
    """A line each, on the same drivers and honest accounts; a larger budget accuses no fewer; the tables hold all."""
    lines = compare(["demo"], [101], [1], scale=0.04, say=lambda text: None)
    assert [line.peer for line in lines].count(OURS) == 1
    assert len(lines) == 12
    totals = {(o.drivers, o.honest, o.exchanges) for line in lines for o in line.tuned.values()}
    assert len(totals) == 1
    for line in lines[:-1]:
        accused = [line.hindsight[budget].honest_flagged for budget in BUDGETS]
        assert accused == sorted(accused)
        assert accused[0] == 0
    table = "\n".join(worlds_tables(lines))
    assert all(table.count(f"| {line.peer} |") == 3 for line in lines)


def test_a_seed_is_not_both_tuned_and_tested_on() -> None:
    """Tuning on what is scored would be no comparison: it is refused."""
    with pytest.raises(ValueError, match="tuned on"):
        compare(["demo"], [1], [1])
