"""Cores: sharers of one indicator whom the other families tie together more than random groups of their size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stillwatch.links.links import Links
from stillwatch.networks.group import FAMILY_OF_GROUP, MEMBER_CAP_BITS, Floats, Units
from stillwatch.networks.screening import cover_groups, screen
from stillwatch.networks.threads import MANY, in_threads

MIN_COVER_BITS = 3.0
"""A sharer counts as tied to the others when other families make it eight times likelier than for a stranger."""

MIN_COVER = 0.3
"""Share of an indicator's sharers that must be tied for the indicator itself to be telling."""

MAX_SHARE = 0.5
"""Larger groups than this share of all units are 'everybody'."""

N_RANDOM = 40
"""Random groups of each size that the cover of an indicator must exceed, as long as they have no more than `MANY`
members together: the larger a group, the less its cover varies."""

Ints = npt.NDArray[np.int64]


def find_cores(links: Links, rng: np.random.Generator) -> tuple[list[Units], list[Units]]:
    """Sharers of telling indicators that other families tie together, strongest first; and, where these are more, all
    sharers of each."""
    degree = links.degree()
    which = np.flatnonzero((degree >= 3) & (degree <= MAX_SHARE * links.n_units))
    if len(which) == 0:
        return [], []
    covered, bits, _ = _screened(links, which)
    share = covered / degree[which]
    expected = _random_cover(links, rng)
    floor = np.array(expected)[np.ceil(np.log2(degree[which])).astype(np.int64)]
    telling = np.flatnonzero((covered >= 3) & (share >= np.maximum(MIN_COVER, floor)))
    if len(telling) == 0:
        return [], []
    telling = telling[np.lexsort((which[telling], -bits[telling]))]
    order = which[telling]
    covered, _, tied = _screened(links, order, covered[telling])
    cores: dict[bytes, Units] = {}
    whole: dict[bytes, Units] = {}
    for indicator, core in zip(order.tolist(), np.split(tied, np.cumsum(covered)[:-1]), strict=True):
        cores.setdefault(core.tobytes(), core)
        if len(core) < degree[indicator]:
            members = links.members(indicator)
            whole.setdefault(members.tobytes(), members)
    return list(cores.values()), list(whole.values())


def _screened(links: Links, which: Ints, covered: Ints | None = None) -> tuple[Ints, Floats, Units]:
    """How many sharers of each indicator other families tie to the others, and by how many bits together.

    covered: how many are known to be, where the sharers themselves are wanted as well, one indicator's after the other.
    """
    degree, n = links.degree(), np.zeros(len(which), np.int64)
    bits, offsets = np.zeros(len(which)), np.zeros(0, np.int64)
    if covered is not None:
        offsets = np.concatenate([[0], np.cumsum(covered)])
    units = np.zeros(int(offsets[-1]) if len(offsets) else 0, np.int32)

    def look(first: int, last: int) -> None:
        screen(
            first,
            last,
            which,
            links.indicator_offsets,
            links.indicator_units,
            links.unit_offsets,
            links.unit_indicators,
            degree,
            links.group,
            links.family,
            FAMILY_OF_GROUP,
            links.log_values,
            links.n_units,
            MIN_COVER_BITS,
            MIN_COVER,
            n,
            bits,
            offsets,
            units,
        )

    in_threads(look, degree[which])
    return n, bits, units


def _random_cover(links: Links, rng: np.random.Generator) -> list[float]:
    """Largest cover that random groups reach, by log2 of their size: what sharing an indicator must exceed.

    Random groups are drawn among units that have links, in proportion to their number of links, as sharers are.
    """
    n_links = np.diff(links.unit_offsets)
    drawn = np.cumsum(n_links).astype(np.float64)
    n_linked = int((n_links > 0).sum())
    out = []
    for power in range(int(np.ceil(np.log2(max(links.n_units, 2)))) + 1):
        size = min(2**power, n_linked // 2)
        if size < 3:
            out.append(0.0)
            continue
        n_groups = min(N_RANDOM, max(1, MANY // size))
        groups = np.stack([_draw(drawn, size, rng) for _ in range(n_groups)])
        out.append(float(_covers(links, groups).max()))
    return out


def _draw(drawn: Floats, size: int, rng: np.random.Generator) -> Units:
    """So many different units, sorted, each drawn in proportion to its links; `drawn` is these numbers' running sum."""
    chosen = np.zeros(len(drawn), np.bool_)
    members = np.zeros(0, np.int64)
    while len(members) < size:
        more = np.searchsorted(drawn, rng.random(size - len(members)) * drawn[-1], side="right")
        more = np.sort(more[~chosen[more]])
        chosen[more] = True
        members = np.concatenate([members, more[np.append(True, np.diff(more) > 0)[: len(more)]]])
    return np.sort(members).astype(np.int32)


def _covers(links: Links, groups: Units) -> Floats:
    """(n_groups,) share of each group's members whom the families other than their strongest tie to the others."""
    out = np.zeros(len(groups))
    degree = links.degree()

    def look(first: int, last: int) -> None:
        cover_groups(
            groups,
            first,
            last,
            links.unit_offsets,
            links.unit_indicators,
            degree,
            links.group,
            FAMILY_OF_GROUP,
            links.log_values,
            links.n_units,
            MEMBER_CAP_BITS,
            MIN_COVER_BITS,
            out,
        )

    in_threads(look, np.full(len(groups), groups.shape[1]))
    return out
