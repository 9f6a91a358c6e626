"""How a network deals out its traffic: what is mixed over all accounts, and what keeps to some of them."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from stillwatch.campaigns.cells import Cells
from stillwatch.campaigns.concealment import DOUBT_BITS, doubt
from stillwatch.campaigns.dealing import KEPT_TO, dealing
from stillwatch.campaigns.streams import Stream

N_UNITS = 100
HOUR = 3_600_000_000


def cells_of(key: np.ndarray, unit: np.ndarray, n: np.ndarray, trajectories: np.ndarray) -> Cells:
    """Cells with what dealing looks at; everything lasts a week."""
    zero = np.zeros(len(key), np.int64)
    order = np.lexsort((unit, key))
    told = {
        "key": key[order],
        "unit": unit[order],
        "n": n[order],
        "n_trajectories": trajectories[order],
        "last_at": zero + 168 * HOUR,
        "markers": np.zeros((len(key), 1), np.int64),
        "key_hash": np.arange(key.max() + 1),
        "is_template": np.ones(key.max() + 1, bool),
    }
    return Cells(**{field.name: told.get(field.name, zero) for field in fields(Cells)})


def dealt(rng: np.random.Generator, *parts: tuple[np.ndarray, int, int]) -> Cells:
    """One key a part: (accounts, trajectories, exchanges of each), dealt to its accounts at random."""
    rows = []
    for number, (accounts, trajectories, each) in enumerate(parts):
        count = np.bincount(rng.choice(accounts, trajectories), minlength=N_UNITS)
        used = np.flatnonzero(count)
        rows.append(np.stack([np.full(len(used), number), used, count[used] * each, count[used]]))
    return cells_of(*np.concatenate(rows, axis=1).astype(np.int64))


def streams(n: int) -> list[Stream]:
    """A stream a key."""
    return [
        Stream(np.array([k]), np.zeros(0, np.int64), np.zeros(1), np.zeros(1, np.int64), np.zeros(0, np.int32))
        for k in range(n)
    ]


def test_a_mixed_key_uses_the_accounts_that_mixing_would_and_a_kept_one_does_not() -> None:
    """Of two keys of like volume one goes to everybody, the other to a fifth of the accounts."""
    everybody = np.arange(N_UNITS)
    made = dealt(np.random.default_rng(1), (everybody, 900, 1), (everybody[:20], 900, 1), (everybody, 3000, 1))
    spread = dealing(made, everybody.astype(np.int32), streams(3))
    assert spread.of(np.array([0])) == pytest.approx(1.0, abs=0.1)
    assert spread.of(np.array([1])) < KEPT_TO


def test_an_agents_loops_stay_where_they_began_and_are_mixed_none_the_less() -> None:
    """A hundred loops of forty steps reach some sixty accounts of a hundred, just as mixing whole loops would."""
    everybody = np.arange(N_UNITS)
    made = dealt(np.random.default_rng(2), (everybody, 100, 40), (everybody, 3000, 1))
    spread = dealing(made, everybody.astype(np.int32), streams(2))
    assert spread.of(np.array([0])) == pytest.approx(1.0, abs=0.15)


def test_too_few_trajectories_tell_nothing() -> None:
    """A key of ten chats is neither mixed nor kept."""
    everybody = np.arange(N_UNITS)
    made = dealt(np.random.default_rng(3), (everybody, 10, 1), (everybody, 3000, 1))
    assert np.isnan(dealing(made, everybody.astype(np.int32), streams(2)).of(np.array([0])))


def test_the_less_accounts_hide_the_more_is_taken_off() -> None:
    """Nothing for strangers, or where no identity is known; all of it for accounts that share a card."""
    assert doubt(0.9) == doubt(float("nan")) == 0.0
    assert 0.0 < doubt(0.7) < doubt(0.6) < doubt(0.4) == float("inf")


def test_a_log_that_names_no_one_shows_no_strangers() -> None:
    """A company with many accounts looks the same there: as much is taken off as where they only half hide it."""
    assert doubt(float("nan"), unnamed=True) == DOUBT_BITS
    assert doubt(0.9, unnamed=True) == 0.0
