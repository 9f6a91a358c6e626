"""Whoever has far less in common with a network than its usual member has is no member."""

from __future__ import annotations

import numpy as np
import pytest
from links_by_hand import Made

from stillwatch.networks import search

BASE = 900_000


def ring(seed: int) -> tuple[Made, np.ndarray, np.ndarray]:
    """Sixty who share mould, tools, cards and much else; eight strangers have its program and its exits."""
    made = Made(seed)
    core, strays, others = made.take(60), made.take(8), made.take(120)
    made.add(core, "template", BASE)
    made.add(core, "tools", BASE + 1)
    made.add(core, "payment", BASE + 100 + np.arange(60) // 6)
    made.add(core, "signup-hour", BASE + 200 + np.arange(60) // 10)
    made.add(core, "rhythm", BASE + 400 + np.arange(60) // 20)
    made.add(core, "session", BASE + 300 + np.arange(60) // 10)
    made.add(np.concatenate([core, strays, others]), "client", BASE + 2)
    made.add(np.concatenate([core, strays, others[:20]]), "prefix", BASE + 10)
    return made, core, strays


def members(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The largest network's members, the ring and the strays."""
    made, core, strays = ring(seed)
    return made.find()[0].members, core, strays


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_stray_is_no_member(seed: int) -> None:
    """He shares two things of eight, which others share too."""
    found, core, strays = members(seed)
    assert np.isin(core, found).all()
    assert not np.isin(strays, found).any()


def test_without_the_rule_he_would_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the test above says something."""
    monkeypatch.setattr(search, "OF_THE_USUAL", 0.0)
    found, _, strays = members(1)
    assert np.isin(strays, found).any()
