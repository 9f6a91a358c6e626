"""What measures are counted from: the traffic by cell, in tables that one pass over the exchanges makes.

Groups overlap, and are measured in several rounds. What is the same in all of them is counted here once: most prompts
are sent once only, and of those a number a cell is enough; what is left is far smaller than the traffic.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.campaigns.cells import Cells
from stillwatch.campaigns.replays import find_replays
from stillwatch.engine.rows import drop_rows, keep_rows
from stillwatch.fingerprint.hashing import hash_text

DAY_US = 86_400_000_000
BIN_US = 600_000_000

RELEASE_UNITS = 10
"""Accounts that use a model on the day on which it first appears, for it to count as released then."""

REFUSED = ("content_filter", "refusal", "content_filtered", "guardrail_intervened", "safety", "blocked", "prohibited")
"""Finish reasons of answers that were refused, in the words of the formats that are read, in small letters."""

LEAST_WORDS = 16
"""Words of a follow-up below which its ending is all of it."""

SAID_WORDS = 8
"""Words of a follow-up below which people say the same: «go on», «thanks»."""

SAMPLE = 128
"""First messages of a group that `focus` looks at, chosen by hash: enough for a mean over 8,000 pairs."""

BUCKETS = 1 << 20

LONG = frozenset({"again", "bins", "follow_ups"})
"""Counts that may be as long as the traffic."""


def count_traffic(connection: duckdb.DuckDBPyConnection, cells: Cells, folder: Path | None = None) -> None:
    """Make the tables that measures are counted from, by the cells of the table `keyed`. The connection holds
    `exchanges` besides.

    of_cells: cell (row number of `cells`), key, unit.  span: low, high, time of the logs in UTC microseconds.
    rhythm: p2, chance that two exchanges of everybody are of one bin.  released: release, at.  begun: unit, at.
    once: cell, unit, n, prompts that nobody sent twice.  again: cell, unit, prompt_hash, day, tested, refused, n, all
    others.  bins: cell, bin, n.  days: cell, day of the logs, n.  tests: cell, day, n, refused, first messages with a
    finish reason that were sent once.  follow_ups: cell, conversation, prompt_hash, and head_hash and tail_hash of what
    is longer than both.  moved: cell, release, before, during, moved.  firsts: cell, position, bucket, of the first
    messages that `focus` may look at.  replayed: see `replays`.

    What may have a row an exchange goes to `folder`, or stays in memory where that is None.
    """
    unit = cells.unit.astype(np.int64)
    numbers = {"cell": np.arange(len(unit)).astype(np.int32), "key": cells.key_hash[cells.key], "unit": unit}
    begun = np.full(int(unit.max()) + 1 if len(unit) else 0, np.iinfo(np.int64).max)
    np.minimum.at(begun, unit, cells.first_at)
    known = np.unique(unit)
    _keep(connection, "of_cells", {**numbers, "most": buckets_looked_at(cells.n)})
    _keep(connection, "begun", {"unit": known, "at": begun[known]})
    connection.execute(
        "create or replace temp table span as "
        "select min(epoch_us(requested_at)) as low, max(epoch_us(requested_at)) as high from exchanges"
    )
    connection.execute(_RELEASED)
    connection.execute(_RHYTHM)
    keep_rows(connection, "sent", _SENT, folder)
    for name, query in _COUNTS.items():
        keep_rows(connection, name, query, folder if name in LONG else None)
    drop_rows(connection, "sent", folder)
    find_replays(connection)


def buckets_looked_at(exchanges: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """From which bucket on `focus` looks at no first message of a group. Shapes: exchanges (n,); result (n,)."""
    first: npt.NDArray[np.int64] = np.ceil(BUCKETS * np.minimum(1.0, SAMPLE / np.maximum(exchanges, 1.0))).astype(
        np.int64
    )
    return first


def _keep(connection: duckdb.DuckDBPyConnection, name: str, columns: dict[str, object]) -> None:
    connection.register("kept", pa.table(columns))
    connection.execute(f"create or replace temp table {name} as select * from kept")
    connection.unregister("kept")


_RELEASED = f"""
    create or replace temp table released as
    with first as (
        select model, min(epoch_us(requested_at)) as at from exchanges where model is not null group by model
    ), new as (select f.* from first f, span where f.at > span.low + {DAY_US})
    select row_number() over (order by f.at, f.model)::tinyint as release, f.model, f.at
    from new f join exchanges e on e.model = f.model
    where epoch_us(e.requested_at) < f.at + {DAY_US}
    group by f.model, f.at having count(distinct e.unit) >= {RELEASE_UNITS}
"""

_RHYTHM = f"""
    create or replace temp table rhythm as
    with everybody as (
        select bin, sum(x) as x from (
            select unit, epoch_us(requested_at) // {BIN_US} as bin, least(count(*), 8) as x from exchanges group by all
        ) group by bin
    ), t as (select sum(x)::double as n from everybody)
    select sum(x * x)::double / any_value(t.n) ** 2 as p2 from everybody, t
"""


def _spelt(words: tuple[str, ...]) -> list[int]:
    """Hashes of words in small letters, in capitals and as names are written."""
    spelt = sorted({spelling for word in words for spelling in (word, word.upper(), word.capitalize())})
    return [hash_text(spelling.encode()) for spelling in spelt]


_SENT = f"""
    with repeated as (
        select prompt_hash from exchanges where prompt_hash is not null group by prompt_hash having count(*) > 1
    )
    select c.cell, c.unit::int as unit, e.position, epoch_us(e.requested_at) as us, e.prompt_hash,
        r.prompt_hash is not null as again, coalesce(e.turns, 0) = 0 as first,
        case when (e.exchange & {BUCKETS - 1}) < c.most then (e.exchange & {BUCKETS - 1})::int end as bucket,
        coalesce(e.turns, 0) = 0 and e.finish is not null as tested,
        coalesce(e.finish in ({", ".join(map(str, _spelt(REFUSED)))}), false) as refused,
        coalesce(e.turns > 0 and not coalesce(e.from_tool, false) and e.prompt_words >= {SAID_WORDS}, false)
            as follow_up,
        e.trajectory as conversation,
        case when e.prompt_words >= {LEAST_WORDS} then e.head_hash end as head_hash,
        case when e.prompt_words >= {LEAST_WORDS} then e.tail_hash end as tail_hash, m.release
    from keyed e join of_cells c on c.key = e.key and c.unit = e.unit
        left join repeated r on r.prompt_hash = e.prompt_hash left join released m on m.model = e.model
"""

_COUNTS = {
    "once": "select cell, unit, count(*) as n from sent where prompt_hash is not null and not again group by all",
    "again": f"""
        select cell, unit, prompt_hash, us // {DAY_US} as day, tested, refused, count(*) as n
        from sent where again group by all
    """,
    "bins": f"select cell, us // {BIN_US} as bin, count(*) as n from sent group by all",
    "days": f"select cell, (us - span.low) // {DAY_US} as day, count(*) as n from sent, span group by all",
    "tests": f"""
        select cell, us // {DAY_US} as day, count(*) as n, count(*) filter (refused) as refused
        from sent where tested and not again group by all
    """,
    "follow_ups": "select cell, conversation, prompt_hash, head_hash, tail_hash from sent where follow_up",
    "moved": f"""
        select s.cell, r.release, count(*) filter (s.us < r.at) as before,
            count(*) filter (s.us >= r.at and s.us < r.at + {DAY_US}) as during,
            count(*) filter (s.release = r.release and s.us < r.at + {DAY_US}) as moved
        from sent s, released r group by all
    """,
    "firsts": "select cell, position, bucket from sent where first and bucket is not null",
}
