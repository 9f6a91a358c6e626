"""The promise is divided between streams that look as one customer of many does and all others."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stillwatch.campaigns.finding import Evidence
from stillwatch.campaigns.verdicts import LEAST_BITS, OF_CUSTOMERS, expected_false, judge


def stream(bits: float, *, one_of_many: bool = False, n_exchanges: int = 5000) -> Any:
    """A stream of accounts that act as one and hide it, and collect so much."""
    pieces = [
        Evidence(family=family, axis="coordination", name=name, bits=12.0, observed=0, expected=0, sentence="")
        for family, name in (("text", "shared-template"), ("identity", "shared-payment"))
    ]
    return SimpleNamespace(
        evidence=pieces,
        strangers=1.0,
        whole=False,
        n_exchanges=n_exchanges,
        extraction_bits=bits,
        margin_bits=bits,
        coordination_bits=24.0,
        network_number=0,
        network=SimpleNamespace(total_bits=100.0),
        one_of_many=one_of_many,
        doubt=0.0,
        unnamed=False,
    )


def verdicts(subjects: list[Any]) -> tuple[list[str], Any]:
    """Verdicts of thirty days at the usual promise."""
    return judge(subjects, 100, [0.0], 30.0, 0.05)


def test_customers_of_a_proxy_do_not_hide_a_campaign_elsewhere() -> None:
    """A hundred honest customers of a proxy raise what customers must reach, and hardly what others must."""
    alone = verdicts([stream(7.5)])
    beside = verdicts([stream(7.5), *(stream(1.0, one_of_many=True) for _ in range(100))])
    assert alone[0] == ["campaign"]
    assert beside[0] == ["campaign"] + ["clear"] * 100
    assert beside[1].campaign <= alone[1].campaign + 1.0
    assert beside[1].customers >= np.log2(100 / (OF_CUSTOMERS * 0.05))


@pytest.mark.parametrize("n_customers", [0, 1, 40])
@pytest.mark.parametrize("n_others", [1, 7])
def test_both_halves_keep_the_promise(n_customers: int, n_others: int) -> None:
    """Were all streams honest, together they would reach their bars no more often than was promised."""
    subjects = [stream(0.0, one_of_many=True)] * n_customers + [stream(0.0)] * n_others
    _, limits = verdicts(subjects)
    chance = n_others * 2.0**-limits.campaign
    if n_customers:
        chance += n_customers * 2.0**-limits.customers
    assert chance <= 0.05 + 1e-9 or limits.campaign == LEAST_BITS
    at_bar = stream(limits.campaign)
    assert expected_false(at_bar, "campaign", limits) <= 0.05 * 1.2 or limits.campaign == LEAST_BITS


def test_a_group_is_told_the_bar_that_it_had_to_reach() -> None:
    """A small part the bar of small parts; what goes on as published the window's, but only where it needs that."""
    small, other = stream(8.9, one_of_many=True), stream(7.5)
    _, limits = verdicts([small, other, *(stream(1.0, one_of_many=True) for _ in range(40))])
    assert (limits.n_streams, limits.n_customers_tested) == (42, 41)
    assert limits.taken(small, "clear") == (limits.coordination, limits.customers)
    assert limits.taken(other, "campaign") == (limits.coordination, limits.campaign)
    window = replace(limits, coordination=limits.coordination - 1.0, customers=8.0)
    stored = replace(limits, published=window)
    assert stored.taken(small, "campaign") == (window.coordination, 8.0)
    assert stored.taken(small, "clear") == (limits.coordination, limits.customers)
    assert stored.taken(other, "campaign") == (limits.coordination, limits.campaign)
