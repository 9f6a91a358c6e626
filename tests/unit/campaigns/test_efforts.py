"""Streams of one purpose are told from as many independent customers."""

from __future__ import annotations

import numpy as np
import pytest

from stillwatch.campaigns.efforts import PURPOSE_BITS, dealt_alike, of_one_purpose


def test_a_dozen_streams_that_all_ask_a_little_have_one_purpose() -> None:
    """Each by itself is what one customer in eight asks for."""
    assert of_one_purpose([3.0] * 12)


def test_independent_customers_have_none() -> None:
    """Ranks among honest moulds, as those of customers are: at most the share that the bits allow, twice over."""
    rng = np.random.default_rng(3)
    found = sum(of_one_purpose(rng.exponential(1.0 / np.log(2.0), n)) for n in (4, 7, 12, 25) for _ in range(1000))
    assert found / 4000 <= 2.0 ** (1.0 - PURPOSE_BITS)


def test_two_operators_beside_customers_are_no_purpose_of_all() -> None:
    """However much they say themselves."""
    assert not of_one_purpose([12.0, 12.0, 0.3, 1.0, 0.1, 0.8, 2.1, 0.5])


def test_of_a_few_streams_nothing_is_said() -> None:
    """Two beside the strongest two, at least."""
    assert not of_one_purpose([11.0, 11.0, 11.0])
    assert not of_one_purpose([])


ACCOUNTS = 600


def dealt(seed: int, n: int, low: int = 0, high: int = ACCOUNTS) -> np.ndarray:
    """What a stream of n trajectories sends on each of 600 accounts, dealt out over some of them."""
    return np.bincount(np.random.default_rng(seed).integers(low, high, n), minlength=ACCOUNTS).astype(float)


@pytest.mark.parametrize("n", [300, 900, 5000])
def test_two_kinds_of_work_of_one_driver_are_dealt_out_alike(n: int) -> None:
    """Also where the smaller has too few requests to come to every account."""
    assert dealt_alike(dealt(1, 9000), dealt(2, n))
    assert dealt_alike(dealt(2, n), dealt(1, 9000))


@pytest.mark.parametrize(("low", "high"), [(0, 400), (200, 600), (0, 60)])
def test_who_rents_a_part_of_a_proxy_is_not(low: int, high: int) -> None:
    """Two operators have parts of their own, though these overlap, or one has a part of what the other has."""
    assert not dealt_alike(dealt(1, 9000, 100, 500), dealt(2, 3000, low, high))
    assert not dealt_alike(dealt(1, 9000), dealt(2, 3000, low, high))
