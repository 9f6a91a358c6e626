"""What accounts share, in bits: groups of all sizes weigh alike, though large ones are compared with few others."""

from __future__ import annotations

import numpy as np
import pytest

from stillwatch.campaigns.sharing import LARGE, N_RANDOM, Sharing, weigh_sharing
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
