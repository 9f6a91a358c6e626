"""How a network deals its traffic out to its accounts: mixed, as a proxy does, or each mould kept to some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.campaigns.cells import Cells
from stillwatch.campaigns.streams import Stream
from stillwatch.profiles.index import Ints

MIN_TRAJECTORIES = 30
"""Fewer have no spread worth the name."""

KEPT_TO = 0.5
"""A key is kept where it uses no more than half of the accounts that mixing would use."""


@dataclass(frozen=True, slots=True)
class Dealing:
    """The keys of a network's streams and their spread: accounts used, over those that mixing would use.

    Shapes: keys (k,) sorted; spread (k,) NaN where a key is too small to tell; n (k,) exchanges in the network.
    """

    keys: Ints
    spread: npt.NDArray[np.float64]
    n: Ints

    def of(self, keys: Ints) -> float:
        """Spread of some of the keys, weighted by their exchanges; NaN where none can be told."""
        at = np.searchsorted(self.keys, np.intersect1d(keys, self.keys))
        at = at[np.isfinite(self.spread[at])]
        return float(np.average(self.spread[at], weights=self.n[at])) if len(at) else float("nan")


def dealing(cells: Cells, members: npt.NDArray[np.int32], streams: Sequence[Stream]) -> Dealing:
    """How a network, given as its units, deals out the keys of its streams.

    Mixing deals each trajectory to a unit in proportion to what that sends while the key is in use: an agent's steps
    and a chat's turns stay where they began.
    """
    keys = np.unique(np.concatenate([stream.keys for stream in streams])) if streams else np.zeros(0, np.int64)
    members = np.unique(members)
    inside = np.flatnonzero(np.isin(cells.unit, members))
    member = np.searchsorted(members, cells.unit[inside])
    load = cells.n_trajectories[inside]
    first, last = cells.first_at[inside], cells.last_at[inside]
    rows = np.flatnonzero(np.isin(cells.key[inside], keys))
    bounds = np.searchsorted(cells.key[inside][rows], keys), np.searchsorted(cells.key[inside][rows], keys, "right")
    spread, n = np.full(len(keys), np.nan), np.zeros(len(keys), np.int64)
    for at, (low, high) in enumerate(zip(*bounds, strict=True)):
        mine = rows[low:high]
        n[at] = int(cells.n[inside[mine]].sum())
        trajectories = float(load[mine].sum())
        if trajectories < MIN_TRAJECTORIES:
            continue
        begin, end = np.quantile(first[mine], 0.05), np.quantile(last[mine], 0.95)
        volume = _sent_meanwhile(member, load, first, last, begin, end, np.zeros(len(members), np.int64))
        share = np.minimum(volume / volume.sum(), 1.0 - 1e-12)
        mixed = float(-np.expm1(trajectories * np.log1p(-share)).sum())
        spread[at] = len(np.unique(member[mine])) / max(mixed, 1.0)
    return Dealing(keys, spread, n)


@njit(cache=True, nogil=True)
def _sent_meanwhile(member, load, first, last, begin, end, volume):  # type: ignore[no-untyped-def]
    """Load of each member's cells that are in use between two times.   Shapes: volume (n_members,), zero before."""
    for row in range(member.shape[0]):
        if first[row] <= end and last[row] >= begin:
            volume[member[row]] += load[row]
    return volume
