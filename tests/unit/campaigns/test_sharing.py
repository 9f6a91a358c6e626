"""What accounts share, in bits: groups of all sizes weigh alike, though large ones are compared with few others."""

from __future__ import annotations

import numpy as np
import pytest

from stillwatch.campaigns.sharing import BY_DESIGN, LARGE, N_RANDOM, Sharing, weigh_sharing
from stillwatch.links.kinds import FAMILIES, KINDS
from stillwatch.links.links import assemble
from stillwatch.networks.group import Scorer
from stillwatch.networks.null import Strata

KIND = {kind.name: number for number, kind in enumerate(KINDS)}
N = 4000
TEXT, IDENTITY = FAMILIES.index("text"), FAMILIES.index("identity")


def weighed(rng: np.random.Generator, n: int, colluders: int) -> Sharing:
    """The sharing of n units, among 4,000 that all have a template and a prefix; the first of them share a card too."""
    everybody = np.arange(N)
    rows = [
        (everybody, "template", rng.zipf(1.5, N) % 300),
        (everybody, "prefix", rng.integers(0, 1600, N)),
        (everybody[:colluders], "payment", 10_000 + np.arange(colluders) // 5),
    ]
    unit, kind, value = (
        np.concatenate(column)
        for column in zip(
            *((units, np.full(len(units), KIND[name]), values) for units, name, values in rows), strict=True
        )
    )
    links = assemble(unit, kind, value, np.ones(len(unit), np.int64), N)
    units = np.arange(n, dtype=np.int32)
    return weigh_sharing(Scorer.of(links), links, units, Strata.by(rng.lognormal(3, 1, N).astype(np.int64)), rng)


@pytest.mark.parametrize("n", [40, LARGE, LARGE + 1, 1000])
def test_cards_weigh_alike_in_groups_of_all_sizes(n: int) -> None:
    """Cards of five weigh as much as the largest null could show, and what everybody shares weighs little."""
    sharing = weighed(np.random.default_rng(n), n, n)
    assert sharing.family_bits[IDENTITY] == pytest.approx(np.log2(N_RANDOM + 1))
    assert sharing.family_bits[TEXT] < 7
    assert sharing.extrapolated == (n > LARGE)
    assert sharing.n_random == len(sharing.random) == (63 if n > LARGE else N_RANDOM)


def test_large_groups_of_strangers_say_as_little_as_chance() -> None:
    """Of groups drawn at random four bits or more come at the rate of one in sixteen, extrapolated or not."""
    rng = np.random.default_rng(5)
    bits = [weighed(rng, LARGE + 44, 0).family_bits[IDENTITY] for _ in range(120)]
    assert np.mean(np.array(bits) >= 4.0) <= 1 / 16 + 3 * np.sqrt(1 / 16 / 120)
    assert max(bits) < 9.0


def kept(pairs: list[tuple[int, int]]) -> float:
    """Bits for owners with several accounts, of sixteen on eight cards, where work goes on between some."""
    rng = np.random.default_rng(1)
    rows = [
        (np.arange(N), "prefix", rng.integers(0, 1600, N)),
        (np.arange(16), "payment", 10_000 + np.arange(16) // 2),
        (np.arange(16), "template", np.full(16, 77)),
        *((np.array(pair), "handoff", np.full(2, 50_000 + at)) for at, pair in enumerate(pairs)),
    ]
    unit, kind, value = (
        np.concatenate(column)
        for column in zip(
            *((units, np.full(len(units), KIND[name]), values) for units, name, values in rows), strict=True
        )
    )
    links = assemble(unit, kind, value, np.ones(len(unit), np.int64), N)
    units = np.arange(16, dtype=np.int32)
    strata = Strata.by(rng.lognormal(3, 1, N).astype(np.int64))
    return weigh_sharing(Scorer.of(links), links, units, strata, rng).kept_bits


def test_work_that_stays_with_its_owner_speaks_for_owners() -> None:
    """Two pairs of one card each are what chance gives one driver once in about two hundred; four cannot say more."""
    assert kept([]) == 0.0
    assert kept([(0, 1), (2, 3)]) == pytest.approx(2 * np.log2(0.95 * 15), abs=0.01)
    assert kept([(0, 1), (2, 3), (4, 5), (6, 7)]) == BY_DESIGN


def test_work_that_goes_on_anywhere_does_not() -> None:
    """One driver hands it to any of his accounts."""
    assert kept([(0, 5), (2, 9), (4, 13), (6, 1)]) == 0.0
    assert kept([(0, 1), (2, 3), (4, 9)]) == 0.0
