"""The honest samples that streams are compared with: groups that use one mould, single units, their moulds, bags."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stillwatch.campaigns.cells import Cells
from stillwatch.campaigns.streams import Stream
from stillwatch.networks.search import Network
from stillwatch.profiles.index import Ints

MIN_REFERENCE_UNITS = 5
"""Units that an honest reference group has at least."""

MAX_REFERENCES = 4000
MIN_NULL_EXCHANGES = 15
"""Exchanges that a stream of the null has at least: the shares of a handful are extreme by chance."""
MAX_SINGLES = 20_000

N_BAGS = 63
BAG = 40
"""Bags of so many honest units each, thrown together as a reseller's customers are."""

LIVES_ON = 0.2
"""Share of a unit's exchanges under the keys of found streams, from which it is no honest comparison."""

MAX_OF_TEMPLATE = 3
"""Single units that the null takes of those that live on one template."""


def suspects_of(cells: Cells, networks: Sequence[Network], split: Sequence[Sequence[Stream]]) -> npt.NDArray[np.int64]:
    """Units that the null is taken without: members of networks, and whoever lives on the keys of their streams."""
    if not networks:
        return np.zeros(0, np.int64)
    keys = [stream.keys for streams in split for stream in streams]
    mine = np.isin(cells.key, np.concatenate(keys)) if keys else np.zeros(len(cells.key), bool)
    volume = np.bincount(cells.unit, cells.n)
    share = np.bincount(cells.unit[mine], cells.n[mine], len(volume)) / np.maximum(volume, 1)
    return np.unique(np.concatenate([np.flatnonzero(share >= LIVES_ON), *(n.members for n in networks)]))


def references_of(cells: Cells, suspects: npt.NDArray[np.int64]) -> list[Ints]:
    """Honest groups: units outside all networks that use one key."""
    rows = np.flatnonzero(~np.isin(cells.unit, suspects))
    units = np.bincount(cells.key[rows], minlength=cells.n_keys)
    volume = np.bincount(cells.key[rows], cells.n[rows], cells.n_keys)
    fit = np.flatnonzero((units >= MIN_REFERENCE_UNITS) & (volume >= MIN_NULL_EXCHANGES))[:MAX_REFERENCES]
    wanted = np.zeros(cells.n_keys, bool)
    wanted[fit] = True
    rows = rows[wanted[cells.key[rows]]]
    return np.split(rows, np.flatnonzero(np.diff(cells.key[rows])) + 1) if len(rows) else []


def singles_of(cells: Cells, suspects: npt.NDArray[np.int64]) -> list[Ints]:
    """Streams of single honest units: each unit's whole traffic, for units with enough of it.

    Of units that live on one template only the first few are taken: neither a popular tool's users nor a campaign that
    was not found may be the null.
    """
    rows = np.flatnonzero(~np.isin(cells.unit, suspects))
    volume = np.bincount(cells.unit[rows], cells.n[rows])
    rows = rows[volume[cells.unit[rows]] >= MIN_NULL_EXCHANGES]
    main = rows[cells.is_template[cells.key[rows]] & (cells.n[rows] * 2 > volume[cells.unit[rows]])]
    main = main[np.argsort(cells.key[main], kind="stable")]
    first = np.searchsorted(cells.key[main], cells.key[main])
    many = cells.unit[main[np.arange(len(main)) - first >= MAX_OF_TEMPLATE]]
    rows = rows[~np.isin(cells.unit[rows], many)]
    rows = rows[np.argsort(cells.unit[rows], kind="stable")]
    groups = np.split(rows, np.flatnonzero(np.diff(cells.unit[rows])) + 1) if len(rows) else []
    step = max(1, len(groups) // MAX_SINGLES)
    return groups[::step]


def bags_of(singles: Sequence[Ints], rng: np.random.Generator) -> list[Ints]:
    """Honest units thrown together, as a reseller's customers are; none where there are too few."""
    if len(singles) < 2 * BAG:
        return []
    drawn = [rng.choice(len(singles), BAG, replace=False) for _ in range(N_BAGS)]
    return [np.sort(np.concatenate([singles[at] for at in bag])) for bag in drawn]


def moulds_of(cells: Cells, suspects: npt.NDArray[np.int64]) -> list[Ints]:
    """What single honest units send of one template each: what a stream is, where it is one customer's.

    Of one template only the first few are taken, as above.
    """
    rows = np.flatnonzero(
        ~np.isin(cells.unit, suspects) & cells.is_template[cells.key] & (cells.n >= MIN_NULL_EXCHANGES)
    )
    rows = rows[np.argsort(cells.key[rows], kind="stable")]
    first = np.searchsorted(cells.key[rows], cells.key[rows])
    rows = rows[np.arange(len(rows)) - first < MAX_OF_TEMPLATE]
    step = max(1, len(rows) // MAX_SINGLES)
    return [rows[at : at + 1] for at in range(0, len(rows), step)]
