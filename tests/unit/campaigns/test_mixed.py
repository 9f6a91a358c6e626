"""Keys that a network mixes over all of its accounts are taken out of a stream that keeps to some of them."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from stillwatch.campaigns.cells import Cells
from stillwatch.campaigns.mixed import mixed_in

ACCOUNTS, DRIVEN = 200, 60
RNG = np.random.default_rng(5)


def cells(sent: list[np.ndarray]) -> Cells:
    """Cells of keys, each given as what it sends by account."""
    key = np.concatenate([np.full(np.count_nonzero(one), at) for at, one in enumerate(sent)])
    unit = np.concatenate([np.flatnonzero(one) for one in sent])
    n = np.concatenate([one[one > 0] for one in sent]).astype(np.int64)
    zero = np.zeros(len(key), np.int64)
    told = {
        "key": key,
        "unit": unit,
        "n": n,
        "n_trajectories": n,
        "key_hash": np.arange(len(sent)),
        "n_keys": len(sent),
    }
    names = {field.name for field in fields(Cells)}
    return Cells(**{name: told.get(name, zero) for name in names})


def mixed(*, among: int, n: int, others: int = 20_000) -> bool:
    """Whether a key that is dealt out among the first accounts counts as mixed, beside a driver on the first 60."""
    driver = np.bincount(RNG.integers(0, DRIVEN, 3000), minlength=ACCOUNTS)
    key = np.bincount(RNG.integers(0, among, n), minlength=ACCOUNTS)
    rest = np.bincount(RNG.integers(0, ACCOUNTS, others), minlength=ACCOUNTS)
    made = cells([driver, key, rest])
    found = mixed_in(made, np.arange(len(made.n)), np.array([0, 1]), np.array([0, 0]))
    assert not found[0]
    return bool(found[1])


def test_a_customers_mould_on_all_accounts_is_mixed() -> None:
    """It is on the driver's accounts as often as on any."""
    assert mixed(among=ACCOUNTS, n=80)


@pytest.mark.parametrize("n", [20, 80, 2000])
def test_a_drivers_second_mould_is_not(n: int) -> None:
    """It keeps to the driver's accounts."""
    assert not mixed(among=DRIVEN, n=n)


def test_a_mould_on_few_accounts_of_its_own_is_not() -> None:
    """A driver deals moulds out to parts of its accounts."""
    driver = np.bincount(RNG.integers(0, 30, 3000), minlength=ACCOUNTS)
    own = np.bincount(RNG.integers(30, 60, 300), minlength=ACCOUNTS)
    rest = np.bincount(RNG.integers(0, ACCOUNTS, 20_000), minlength=ACCOUNTS)
    made = cells([driver, own, rest])
    assert not mixed_in(made, np.arange(len(made.n)), np.array([0, 1]), np.array([0, 0])).any()


def test_nothing_is_mixed_where_the_network_carries_hardly_anything_else() -> None:
    """What a fleet sends besides is no proxy's traffic."""
    assert not mixed(among=ACCOUNTS, n=80, others=500)
