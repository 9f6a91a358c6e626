"""Focus: how alike the first messages of a group are, against everybody's, from sums of their projections."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from stillwatch import schema
from stillwatch.campaigns.calibration import Floats
from stillwatch.profiles.index import Ints
from stillwatch.profiles.kernels import add_projections
from stillwatch.profiles.profile import matrix

SAMPLE = 128
"""First messages of a group that are looked at, chosen by hash: enough for a mean over 8,000 pairs."""

LEAST = 20
"""First messages that a group must have."""

BUCKETS = 1 << 20

EVERYBODY = 20_000
"""First messages that everybody's mean is taken from."""


def focus(connection: duckdb.DuckDBPyConnection, n: int, exchanges: Floats) -> Floats:
    """Mean cosine of pairs of first messages of each group, everybody's mean taken out. Shape (n,); NaN below `LEAST`.

    The connection holds `grouped` (grp, key, unit), `keyed` and `exchanges`; exchanges (n,) how many a group has.
    Source: Gretton et al., A kernel two-sample test, JMLR 2012: the first term of MMD with a linear kernel.
    """
    dims = schema.PROJECTION_DIMS
    sums, squares, counts = np.zeros((n + 1, dims), np.int64), np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    limit = np.ceil(BUCKETS * np.minimum(1.0, SAMPLE / np.maximum(exchanges, 1.0))).astype(np.int64)
    connection.register("sampled_share", pa.table({"grp": np.arange(n), "bucket": limit}))
    _add(connection, _OF_GROUPS, sums, squares, counts)
    connection.unregister("sampled_share")
    everybody = int(connection.sql("select count(*) from exchanges").fetchall()[0][0])
    share = max(1, int(BUCKETS * min(1.0, EVERYBODY / max(everybody, 1))))
    _add(connection, _OF_EVERYBODY.format(row=n, share=share), sums, squares, counts)
    mean = sums[n] / max(int(counts[n]), 1)
    total = sums[:n] - counts[:n, None] * mean
    own = squares[:n] - 2.0 * sums[:n] @ mean + counts[:n] * float(mean @ mean)
    with np.errstate(invalid="ignore", divide="ignore"):
        alike = ((total**2).sum(axis=1) - own) / ((counts[:n] - 1) * own)
    return np.where(counts[:n] >= LEAST, alike, np.nan)


_OF_GROUPS = f"""
    select g.grp, e.projection
    from grouped g join sampled_share s using (grp) join keyed k on k.key = g.key and k.unit = g.unit
        join exchanges e using (position)
    where e.projection is not null and coalesce(e.turns, 0) = 0 and (e.exchange & {BUCKETS - 1}) < s.bucket
"""

_OF_EVERYBODY = f"""
    select {{row}}::bigint as grp, projection from exchanges
    where projection is not null and coalesce(turns, 0) = 0 and (exchange & {BUCKETS - 1}) < {{share}}
"""


def _add(connection: duckdb.DuckDBPyConnection, sql: str, sums: Ints, squares: Ints, counts: Ints) -> None:
    for batch in connection.sql(sql).to_arrow_reader(100_000):
        vectors, present = matrix(batch.column(1).cast(pa.binary(schema.PROJECTION_DIMS)), np.int8)
        add_projections(batch.column(0).to_numpy(), vectors, present, sums, squares, counts)
