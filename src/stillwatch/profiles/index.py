"""Who is who: accounts by number, and the units that stand for one party each.

A declared organisation counts as one unit: being alike inside it proves nothing. An organisation that somebody looked
at and did not verify gets no exemption; one of which nobody knows is given the benefit of the doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class AccountIndex:
    """Accounts by number, in the order of their hashes.

    Shapes: hashes (n_accounts,) sorted int64; names (n_accounts,); unit (n_accounts,) int64 in 0..n_units-1, numbered
    by the smallest account in them; pooled (n_units,) whether a unit is a declared organisation of several accounts;
    verified (n_accounts,) -1 unknown, 0 no, 1 yes.
    """

    hashes: Ints
    names: Sequence[str]
    unit: Ints
    pooled: npt.NDArray[np.bool_]
    verified: npt.NDArray[np.int8]

    @property
    def n_accounts(self) -> int:
        """Accounts seen in the traffic."""
        return len(self.hashes)

    @property
    def n_units(self) -> int:
        """Accounts, those of one declared organisation counted once."""
        return len(self.pooled)

    def codes(self, hashes: Ints) -> Ints:
        """Account numbers of account hashes; every hash must be known."""
        return np.searchsorted(self.hashes, hashes)


def rows_of(column: npt.NDArray[np.integer[Any]], wanted: npt.NDArray[np.integer[Any]]) -> Ints:
    """Row numbers of the wanted values in a column that is sorted, value by value.

    Cost: as many searches as values are wanted, whatever the column's length.
    """
    low, high = np.searchsorted(column, wanted), np.searchsorted(column, wanted, "right")
    count = high - low
    rows: Ints = np.repeat(low - (np.cumsum(count) - count), count) + np.arange(int(count.sum()))
    return rows


def index_accounts(
    hashes: Ints, names: Sequence[str], org: Ints, has_org: npt.NDArray[np.bool_], verified: npt.NDArray[np.int8]
) -> AccountIndex:
    """Number the accounts and pool those of a declared organisation.

    Shapes: all (n_accounts,), in the order of `hashes`, which is sorted. Accounts of one organisation are pooled
    unless the registry says that it is not verified.
    """
    n = len(hashes)
    pool = has_org & (verified != 0)
    leader = np.arange(n)
    if pool.any():
        members = np.flatnonzero(pool)
        _, first, inverse = np.unique(org[members], return_index=True, return_inverse=True)
        leader[members] = members[first[inverse]]
    leaders, unit = np.unique(leader, return_inverse=True)
    return AccountIndex(
        hashes=hashes,
        names=names,
        unit=unit.astype(np.int64),
        pooled=np.bincount(unit, minlength=len(leaders)) > 1,
        verified=verified,
    )
