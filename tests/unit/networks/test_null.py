"""Random groups are like the group that they are compared with: in volume, and in region where it has enough others."""

from __future__ import annotations

import numpy as np
import pytest

from stillwatch.networks.null import N_STRATA, OTHERS, Strata

N = 6400


def units(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Volumes of all, and regions: one in ten of the second, one in forty of the third, the others of the first."""
    region = rng.choice([70, 80, 90], N, p=[0.875, 0.1, 0.025])
    return rng.lognormal(3, 1, N).astype(np.int64), region


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_groups_of_one_region_are_compared_with_that_region(seed: int) -> None:
    """Forty of the second region meet nobody of another, and as many of each volume as they are."""
    rng = np.random.default_rng(seed)
    volume, region = units(rng)
    strata = Strata.by(volume, region)
    like = np.sort(rng.choice(np.flatnonzero(region == 80), 40, replace=False)).astype(np.int32)
    groups = strata.draw(like, 50, rng)
    assert groups.shape == (50, 40)
    assert (region[groups] == 80).mean() >= 0.8
    expected = np.bincount(strata.of[like], minlength=N_STRATA)
    for group in groups:
        assert len(np.unique(group)) == 40
        assert np.bincount(strata.of[group], minlength=N_STRATA).tolist() == expected.tolist()


def test_a_region_that_is_mostly_the_group_is_not_matched() -> None:
    """Where the group is half of its region it would meet itself: it is compared with everybody."""
    rng = np.random.default_rng(4)
    volume, region = units(rng)
    mine = np.flatnonzero(region == 90)
    like = mine[: len(mine) // 2].astype(np.int32)
    both = np.union1d(like, np.flatnonzero(region == 80)[:30]).astype(np.int32)
    for members in (like, both):
        groups = Strata.by(volume, region).draw(members, 50, rng)
        assert (region[groups] == 90).mean() < 0.1
        assert all(len(np.unique(group)) == len(members) for group in groups)
    assert OTHERS >= 2


def test_without_regions_volume_alone_is_matched() -> None:
    """No region known: groups of everybody."""
    rng = np.random.default_rng(5)
    volume, region = units(rng)
    groups = Strata.by(volume).draw(np.arange(0, N, 80, dtype=np.int32), 50, rng)
    assert groups.shape == (50, 80)
    assert 0.05 < (region[groups] == 80).mean() < 0.15
