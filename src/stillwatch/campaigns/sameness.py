"""Sameness: whether accounts differ in what they ask as people do, or are so many heaps dealt from one pile.

Every person has subjects, a language and a way of writing of his own, whatever tool he uses: two prompts of one account
are more alike than two of different accounts. A driver that deals out its work makes its accounts interchangeable.
"""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch import schema
from stillwatch.campaigns.calibration import Floats
from stillwatch.profiles.index import Ints
from stillwatch.profiles.kernels import add_projections
from stillwatch.profiles.profile import matrix

MAX_UNITS = 200
"""Units of a group that are looked at: by their numbers, which follow hashes."""

TIMES_SAMPLE = 16
"""First messages of a group that are looked at, in samples of `counts.SAMPLE`."""

LEAST_UNITS = 5
LEAST_PAIRS = 100
"""Pairs of first messages of one account that a group must have, in all."""


def chosen_pairs(owner: Ints, n_groups: int) -> Ints:
    """(n_pairs,) a number of each (group, unit) pair that is looked at, -1 of all others.

    Shapes: owner (n_pairs,) the group of each, ascending.
    """
    size = np.bincount(owner, minlength=n_groups)
    first = np.concatenate([[0], np.cumsum(size)[:-1]])
    step = np.maximum(-(-size // MAX_UNITS), 1)
    taken = (size[owner] >= LEAST_UNITS) & ((np.arange(len(owner)) - first[owner]) % step[owner] == 0)
    return np.where(taken, np.cumsum(taken) - 1, -1)


def between_accounts(connection: duckdb.DuckDBPyConnection, owner: Ints, number: Ints, n_groups: int) -> Floats:
    """Share of the variance of first messages that lies between accounts; NaN where too few of them sent several.

    It is the intraclass correlation, from mean inner products of projections: of pairs of one account, of pairs of two,
    and of messages with themselves. 0 where accounts are interchangeable.
    Shapes: owner, number (n_pairs,) as in `chosen_pairs`; result (n_groups,).   The connection holds `grouped`, with
    `number`, what was counted, and `exchanges`.
    Source: Fisher, Statistical methods for research workers, 1925, of vectors; Donner, A review of inference procedures
    for the intraclass correlation coefficient, Int. Stat. Review 1986.
    """
    n, dims = int(number.max(initial=-1)) + 1, schema.PROJECTION_DIMS
    sums, squares, counts = np.zeros((n, dims), np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    for batch in connection.sql(_MESSAGES).to_arrow_reader(100_000):
        vectors, present = matrix(batch.column(1).cast(pa.binary(dims)), np.int8)
        add_projections(batch.column(0).to_numpy(), vectors, present, sums, squares, counts)
    group = owner[number >= 0]

    def total(column: npt.NDArray[Any]) -> Floats:
        summed: Floats = np.bincount(group, column, n_groups).astype(np.float64)
        return summed

    own = (sums.astype(np.float64) ** 2).sum(axis=1)
    messages, own_pairs = total(counts), total(counts * (counts - 1.0))
    whole = np.zeros((n_groups, dims))
    np.add.at(whole, group, sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        within = total(own - squares) / own_pairs
        between = ((whole**2).sum(axis=1) - total(own)) / (messages**2 - total(counts**2))
        share = (within - between) / (total(squares) / messages - between)
    several = total(counts > 1)
    return np.where((several >= LEAST_UNITS) & (own_pairs >= 2 * LEAST_PAIRS), share, np.nan)


_MESSAGES = f"""
    select g.number, e.projection
    from grouped g join firsts f using (cell) join exchanges e using (position)
    where g.number >= 0 and f.bucket < {TIMES_SAMPLE} * g.most and e.projection is not null
"""
