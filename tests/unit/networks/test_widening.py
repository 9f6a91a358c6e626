"""Who has a little of everything that a network buys belongs to it; who uses its tool alone does not."""

from __future__ import annotations

import numpy as np
import pytest
from links_by_hand import Made, N

from stillwatch.networks.group import Scorer
from stillwatch.networks.widening import widened

MOULD, CARDS, HOSTS, HOURS = 900_000, 910_000, 920_000, 930_000
NEEDED, SPEAKS = 3.0, 2.0


def ring(seed: int) -> tuple[Made, np.ndarray, np.ndarray]:
    """Sixty with a mould and cards four by four, and ten with that mould, one host, and an hour of sign-up."""
    made = Made(seed)
    core, loose = made.take(60), made.take(10)
    made.add(core, "template", MOULD)
    made.add(core, "payment", CARDS + np.arange(60) // 4)
    made.add(core, "signup-hour", HOURS + np.arange(60) // 12)
    made.add(core, "prefix", HOSTS + np.arange(60) // 12)
    made.add(loose, "template", MOULD)
    made.add(loose, "signup-hour", HOURS + np.arange(10) % 5)
    made.add(loose, "prefix", HOSTS + np.arange(10) % 5)
    return made, core, loose


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_weak_ties_together_are_a_strong_one(seed: int) -> None:
    """Whoever shares host, hour and mould with a standing network is taken in, and hardly a stranger with him."""
    made, core, loose = ring(seed)
    wider = widened(Scorer.of(made.links()), core.astype(np.int32), NEEDED, SPEAKS, N // 2)
    assert np.isin(core, wider).all()
    assert np.isin(loose, wider).mean() >= 0.8
    assert len(np.setdiff1d(wider, np.union1d(core, loose))) <= 1


def test_users_of_the_same_tool_are_left_where_they_are() -> None:
    """A tool's mould, client and tool set are one fact: two hundred who have no more than these stay outside."""
    made, core, _ = ring(4)
    users = made.take(200)
    for kind in ("template", "client", "tools"):
        made.add(np.union1d(core, users), kind, MOULD + 7)
    wider = widened(Scorer.of(made.links()), core.astype(np.int32), NEEDED, SPEAKS, N // 2)
    assert np.isin(users, wider).mean() <= 0.01


def test_no_network_becomes_everybody() -> None:
    """What would grow beyond the largest that a network may be stays as it is."""
    made, core, _ = ring(5)
    assert widened(Scorer.of(made.links()), core.astype(np.int32), NEEDED, SPEAKS, 60).tolist() == core.tolist()
