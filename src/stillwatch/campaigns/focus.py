"""Focus: how alike the first messages of a group are, against everybody's, from sums of their projections."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from stillwatch import schema
from stillwatch.campaigns.calibration import Floats
from stillwatch.campaigns.counts import BUCKETS
from stillwatch.profiles.index import Ints
from stillwatch.profiles.kernels import add_projections
from stillwatch.profiles.profile import matrix

LEAST = 20
"""First messages that a group must have."""

EVERYBODY = 20_000
"""First messages that everybody's mean is taken from."""


def everybodys_mean(connection: duckdb.DuckDBPyConnection) -> Floats:
    """Mean projection of a sample of everybody's first messages. Shape (n_dims,). The connection holds `exchanges`."""
    sums = np.zeros((1, schema.PROJECTION_DIMS), np.int64)
    squares, counts = np.zeros(1, np.int64), np.zeros(1, np.int64)
    everybody = int(connection.sql("select count(*) from exchanges").fetchall()[0][0])
    share = max(1, int(BUCKETS * min(1.0, EVERYBODY / max(everybody, 1))))
    _add(connection, _OF_EVERYBODY.format(share=share), sums, squares, counts)
    mean: Floats = sums[0] / max(int(counts[0]), 1)
    return mean


def focus(connection: duckdb.DuckDBPyConnection, n: int, mean: Floats) -> Floats:
    """Mean cosine of pairs of first messages of each group, everybody's mean taken out. Shape (n,); NaN below `LEAST`.

    The connection holds `grouped`, what was counted, and `exchanges`; mean (n_dims,) everybody's.
    Source: Gretton et al., A kernel two-sample test, JMLR 2012: the first term of MMD with a linear kernel.
    """
    dims = schema.PROJECTION_DIMS
    sums, squares, counts = np.zeros((n, dims), np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    _add(connection, _OF_GROUPS, sums, squares, counts)
    total = sums - counts[:, None] * mean
    own = squares - 2.0 * sums @ mean + counts * float(mean @ mean)
    with np.errstate(invalid="ignore", divide="ignore"):
        alike = ((total**2).sum(axis=1) - own) / ((counts - 1) * own)
    return np.where(counts >= LEAST, alike, np.nan)


_OF_GROUPS = """
    select g.grp, e.projection
    from grouped g join firsts f using (cell) join exchanges e using (position)
    where f.bucket < g.most and e.projection is not null
"""

_OF_EVERYBODY = f"""
    select 0::bigint as grp, projection from exchanges
    where projection is not null and coalesce(turns, 0) = 0 and (exchange & {BUCKETS - 1}) < {{share}}
"""


def _add(connection: duckdb.DuckDBPyConnection, sql: str, sums: Ints, squares: Ints, counts: Ints) -> None:
    for batch in connection.sql(sql).to_arrow_reader(100_000):
        vectors, present = matrix(batch.column(1).cast(pa.binary(schema.PROJECTION_DIMS)), np.int8)
        add_projections(batch.column(0).to_numpy(), vectors, present, sums, squares, counts)
