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
    """Units by their volume, told apart once for all groups. Shapes: of (n_units,) stratum; pools: units of each."""

    of: npt.NDArray[np.int64]
    pools: list[npt.NDArray[np.int64]]

    @classmethod
    def by(cls, volume: npt.NDArray[np.int64]) -> Strata:
        """Strata of units by their volume (n_units,)."""
        number = _strata(volume)
        return cls(number, [np.flatnonzero(number == one) for one in range(N_STRATA)])


def random_family_bits(
    links: Links,
    like: Units,
    strata: Strata,
    rng: np.random.Generator,
    n: int,
    degree: npt.NDArray[np.int64] | None = None,
) -> Floats:
    """Mean bits a member, by family, of random groups whose volumes match those of `like`.

    degree: of the links, where it is known already.   Shapes: result (n, n_families).
    """
    size = np.bincount(strata.of[like], minlength=N_STRATA)
    drawn = [_draw(strata.pools[one], int(size[one]), n, rng) for one in np.flatnonzero(size)]
    members = np.sort(np.concatenate(drawn, axis=1), axis=1).astype(np.int32)
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
