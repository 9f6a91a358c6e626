"""The null of networks: the whole search, run on decoys in which strangers are strangers.

A decoy keeps every family's structure (who shares what with how many, hubs and all) and breaks only the ties between
families: each family's links move, as a block, to another unit of like volume. What the search still finds there is
what dense sharing within one family, selection and chance make of honest traffic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillwatch.links.kinds import FAMILIES
from stillwatch.links.links import Links, assemble
from stillwatch.networks.group import FAMILY_OF_GROUP, MEMBER_CAP_BITS, Floats, Units
from stillwatch.networks.kernels import score_groups
from stillwatch.networks.search import Network, find_networks
from stillwatch.networks.threads import in_threads

N_STRATA = 16
"""Strata of like volume that random groups are matched by."""

OTHERS = 4
"""Units of a stratum and region, for each of the group's own, from which random groups are matched by region too."""

DECOY_STRATA = 4
"""Strata within which decoys deal out links. In narrower ones a class or a fleet, whose accounts are of like volume,
would meet itself again."""

N_DECOYS = 3
"""Decoys of a scan: they show what chance and selection reach, and cost as much as the network step each."""


def decoy(links: Links, volume: npt.NDArray[np.int64], rng: np.random.Generator, without: Units | None = None) -> Links:
    """Links in which each family but the first was dealt to other units of like volume; those of `without` left out."""
    unit = np.repeat(np.arange(links.n_units), np.diff(links.unit_offsets))
    indicator, counts = links.unit_indicators.astype(np.int64), links.unit_counts
    if without is not None and len(without):
        kept = ~np.isin(unit, without)
        unit, indicator, counts = unit[kept], indicator[kept], counts[kept]
    moved = unit.copy()
    strata = _strata(volume, DECOY_STRATA)
    for family in range(1, len(FAMILIES)):
        mine = links.family[indicator] == family
        moved[mine] = _shuffled(strata, rng)[unit[mine]]
    return assemble(moved, links.kind[indicator].astype(np.int64), links.value[indicator], counts, links.n_units)


def decoy_networks(
    links: Links,
    volume: npt.NDArray[np.int64],
    rng: np.random.Generator,
    n_worlds: int,
    without: Units | None = None,
) -> list[list[Network]]:
    """What the search finds in each of `n_worlds` decoys."""
    return [find_networks(decoy(links, volume, rng, without), rng) for _ in range(n_worlds)]


def best_of_decoys(
    links: Links, volume: npt.NDArray[np.int64], rng: np.random.Generator, without: Units
) -> list[float]:
    """The strongest network of each decoy, in bits summed over its members; 0 where the search finds none.

    without: units of networks that are under suspicion. What ties a fleet within each family would make a network of
    any decoy, and the larger the fleet, the better it would hide all others.
    """
    return [
        max((network.total_bits for network in networks), default=0.0)
        for networks in decoy_networks(links, volume, rng, N_DECOYS, without)
    ]


@dataclass(frozen=True, slots=True)
class Strata:
    """Units by their volume, and by their region, told apart once for all groups.

    People of one region share its carriers' and hosters' prefixes and its hours; random groups of everybody do not.
    Shapes: of (n_units,) stratum of volume; pools: units of each; region (n_units,) numbers from 0; order (n_units,)
    units by stratum and region, of which those of stratum s and region r begin at first[s, r].
    """

    of: npt.NDArray[np.int64]
    pools: list[npt.NDArray[np.int64]]
    region: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]

    @classmethod
    def by(cls, volume: npt.NDArray[np.int64], region: npt.NDArray[np.int64] | None = None) -> Strata:
        """Strata of units by their volume (n_units,) and region (n_units,), any numbers; all of one where None."""
        number = _strata(volume)
        place = np.zeros(len(volume), np.int64) if region is None else np.unique(region, return_inverse=True)[1]
        n_regions = int(place.max(initial=0)) + 1
        key = number * n_regions + place
        first = np.searchsorted(np.sort(key), np.arange(N_STRATA * n_regions + 1))
        pools = [np.flatnonzero(number == one) for one in range(N_STRATA)]
        return cls(number, pools, place.astype(np.int64), np.argsort(key, kind="stable"), first)

    def draw(self, like: Units, n: int, rng: np.random.Generator) -> Units:
        """n random groups of as many units of the same volumes, and regions as far as these have enough others.

        A region in which the group itself is more than one in `OTHERS` is not matched: it would meet itself again.
        Shapes: result (n, len(like)), sorted rows.
        """
        n_regions = (len(self.first) - 1) // N_STRATA
        drawn = []
        for stratum, pool in enumerate(self.pools):
            mine = like[self.of[like] == stratum]
            if len(mine) == 0:
                continue
            regions, size = np.unique(self.region[mine], return_counts=True)
            keys = stratum * n_regions + regions
            matched = self.first[keys + 1] - self.first[keys] >= OTHERS * size
            left = int(size[~matched].sum())
            # Nobody is drawn twice: who stands for a region that is not matched comes from none that is.
            rest = pool[~np.isin(self.region[pool], regions[matched])] if left else pool
            if left and len(rest) < OTHERS * left:
                matched[:], left, rest = False, len(mine), pool
            for key, k in zip(keys[matched], size[matched], strict=True):
                drawn.append(_draw(self.order[self.first[key] : self.first[key + 1]], int(k), n, rng))
            if left:
                drawn.append(_draw(rest, left, n, rng))
        return np.sort(np.concatenate(drawn, axis=1), axis=1).astype(np.int32)


def random_family_bits(
    links: Links,
    like: Units,
    strata: Strata,
    rng: np.random.Generator,
    n: int,
    degree: npt.NDArray[np.int64] | None = None,
) -> Floats:
    """Mean bits a member, by family, of random groups whose volumes and regions match those of `like`.

    degree: of the links, where it is known already.   Shapes: result (n, n_families).
    """
    members = strata.draw(like, n, rng)
    out = np.zeros((n, len(FAMILIES)))

    def score(first: int, last: int) -> None:
        score_groups(
            members,
            first,
            last,
            links.unit_offsets,
            links.unit_indicators,
            degrees,
            links.group,
            FAMILY_OF_GROUP,
            links.log_values,
            links.n_units,
            MEMBER_CAP_BITS,
            out,
        )

    degrees = links.degree() if degree is None else degree
    in_threads(score, np.full(n, members.shape[1]))
    return out


def _draw(pool: npt.NDArray[np.int64], size: int, n: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Samples from a pool, (n, size), each without repetition: windows of permutations of the pool."""
    at_once = len(pool) // size
    rounds = -(-n // at_once)
    windows = [rng.permutation(pool)[: at_once * size].reshape(at_once, size) for _ in range(rounds)]
    return np.concatenate(windows)[:n]


def _strata(volume: npt.NDArray[np.int64], n_strata: int = N_STRATA) -> npt.NDArray[np.int64]:
    order = np.argsort(volume, kind="stable")
    rank = np.empty(len(volume), np.int64)
    rank[order] = np.arange(len(volume))
    return rank * n_strata // max(len(volume), 1)


def _shuffled(strata: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """A permutation of all units that keeps everybody in his stratum."""
    order = np.argsort(strata, kind="stable")
    keys = rng.random(len(strata))
    target = np.lexsort((keys, strata))
    out = np.empty(len(strata), np.int64)
    out[order] = target
    return out
