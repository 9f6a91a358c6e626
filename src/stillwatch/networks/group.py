"""Scoring one group of units against everybody else: bits a member, group of kinds and family."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from stillwatch.links.kinds import FAMILIES, GROUPS, KINDS
from stillwatch.links.links import Links
from stillwatch.networks.belonging import find_belonging
from stillwatch.networks.kernels import (
    SELDOM,
    clear,
    count_members,
    fill_lifts,
    find_sharers,
    score_apart,
    score_units,
    seen_seldom,
)

Floats = npt.NDArray[np.float64]
Units = npt.NDArray[np.int32]

FAMILY_OF_GROUP = np.array(
    [FAMILIES.index(next(kind.family for kind in KINDS if kind.group == group)) for group in GROUPS], np.int64
)

MEMBER_CAP_BITS = 12.0
"""No family says more than this of one account: one value shared is one fact, however rare."""


@dataclass(slots=True)
class Scorer:
    """Scratch space for scoring groups on the same links, one after the other."""

    links: Links
    _degree: npt.NDArray[np.int64]
    _counts: npt.NDArray[np.int32]
    _inside: npt.NDArray[np.float32]
    _outside: npt.NDArray[np.float32]
    _telling: npt.NDArray[np.bool_]
    _heard: npt.NDArray[np.float32]

    @classmethod
    def of(cls, links: Links) -> Scorer:
        """A scorer with fresh scratch space."""
        n = links.n_indicators
        return cls(
            links,
            links.degree(),
            np.zeros(n, np.int32),
            np.zeros(n, np.float32),
            np.zeros(n, np.float32),
            np.zeros(n, np.bool_),
            np.zeros((links.n_units, len(FAMILIES)), np.float32),
        )

    @property
    def degree(self) -> npt.NDArray[np.int64]:
        """Units of each indicator."""
        return self._degree

    def by_group(self, members: Units, units: Units | None = None, *, only: Units | None = None) -> Floats:
        """Bits of each unit (the members themselves by default) for belonging, by group of kinds.

        only: indicators that count; all of them by default.
        Shapes: members (n,) sorted; units (k,); result (k, n_groups).
        Assumes: members are left out of their own comparison.
        """
        links = self.links
        asked = members if units is None else units
        space = int(np.sum(links.unit_offsets[members + 1] - links.unit_offsets[members])) + 1
        touched = np.empty(space, np.int32)
        n = count_members(members, links.unit_offsets, links.unit_indicators, self._counts, touched)
        out = np.zeros((len(asked), len(GROUPS)))
        inside = np.ones(len(asked), bool) if units is None else np.isin(asked, members)
        fill_lifts(
            touched,
            n,
            self._counts,
            self._degree,
            links.group,
            len(GROUPS),
            len(members),
            links.n_units,
            self._inside,
            self._outside,
        )
        clear(self._counts, touched, n)
        if only is not None:
            others = np.setdiff1d(touched[:n], only, assume_unique=True)
            clear(self._inside, others, len(others))
            clear(self._outside, others, len(others))
        score_units(
            asked,
            inside,
            links.unit_offsets,
            links.unit_indicators,
            links.group,
            links.log_values,
            self._inside,
            self._outside,
            out,
        )
        clear(self._inside, touched, n)
        clear(self._outside, touched, n)
        return out

    def apart(self, members: Units, party: npt.NDArray[np.int64]) -> Floats:
        """Bits of each member for belonging to the others that are not of its party, by group of kinds.

        Shapes: members (n,) sorted; party (n,) a number of each; result (n, n_groups).
        """
        links = self.links
        touched = np.empty(int(np.sum(links.unit_offsets[members + 1] - links.unit_offsets[members])) + 1, np.int32)
        n = count_members(members, links.unit_offsets, links.unit_indicators, self._counts, touched)
        less = np.zeros((len(GROUPS), SELDOM))
        seen_seldom(touched, n, self._counts, links.group, less)
        order = np.argsort(party, kind="stable")
        bits = np.zeros((len(members), len(GROUPS)))
        score_apart(
            members[order],
            np.append(np.unique(party[order], return_index=True)[1], len(members)),
            self._counts,
            less,
            len(members),
            links.unit_offsets,
            links.unit_indicators,
            self._degree,
            links.group,
            links.log_values,
            links.n_units,
            np.zeros_like(self._counts),
            bits,
        )
        clear(self._counts, touched, n)
        out = np.empty_like(bits)
        out[order] = bits
        return out

    def belonging(self, members: Units, needed: float, speaks: float, common: float, tied_twice: float) -> Units:
        """Units that belong to a group by evidence of their own, members or not, ascending.

        needed: bits that a unit's families come to together.  speaks: bits of a family that counts as one of two.
        tied_twice: share of those who reach what is needed from which two families are not asked of the others, as far
        as these have what a share `common` of them has and, to the same share, hardly anybody else.
        Shapes: members (n,) sorted.
        """
        links = self.links
        found: Units = find_belonging(
            members,
            needed,
            speaks,
            common,
            tied_twice,
            MEMBER_CAP_BITS,
            links.unit_offsets,
            links.unit_indicators,
            links.indicator_offsets,
            links.indicator_units,
            self._degree,
            links.group,
            links.family,
            FAMILY_OF_GROUP,
            links.log_values,
            links.n_units,
            self._counts,
            self._inside,
            self._outside,
            self._telling,
            self._heard,
        )
        return found

    def shared(self, members: Units, least: int = 2) -> tuple[Units, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Indicators that at least `least` members show: their numbers, members that show them, all that show them."""
        links = self.links
        space = int(np.sum(links.unit_offsets[members + 1] - links.unit_offsets[members])) + 1
        touched = np.empty(space, np.int32)
        n = count_members(members, links.unit_offsets, links.unit_indicators, self._counts, touched)
        found = np.sort(touched[:n])
        inside = self._counts[found].astype(np.int64)
        clear(self._counts, touched, n)
        keep = inside >= least
        return found[keep], inside[keep], self._degree[found[keep]]

    def sharers(self, members: Units, indicators: Units) -> list[npt.NDArray[np.int64]]:
        """Rows of the members that show each of some indicators, ascending.   Shapes: members (n,); indicators (k,)."""
        links = self.links
        space = int(np.sum(links.unit_offsets[members + 1] - links.unit_offsets[members]))
        offsets, rows = np.zeros(len(indicators) + 1, np.int64), np.empty(space, np.int64)
        find_sharers(members, indicators, links.unit_offsets, links.unit_indicators, self._counts, offsets, rows)
        return [rows[low:high] for low, high in pairwise(offsets.tolist())]


def by_family(bits: Floats) -> Floats:
    """The best group of each family, capped: (n, n_groups) -> (n, n_families)."""
    out = np.zeros((len(bits), len(FAMILIES)))
    for number in range(len(FAMILIES)):
        columns = np.flatnonzero(number == FAMILY_OF_GROUP)
        out[:, number] = bits[:, columns].max(axis=1) if len(columns) else 0.0
    return np.minimum(out, MEMBER_CAP_BITS)
