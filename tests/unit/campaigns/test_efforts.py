"""Streams of one purpose are told from as many independent customers."""

from __future__ import annotations

import numpy as np

from stillwatch.campaigns.efforts import PURPOSE_BITS, of_one_purpose


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
