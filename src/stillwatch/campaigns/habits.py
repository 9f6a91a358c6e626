"""Habits of whoever drives some traffic: his moulds' fixed parts, his items, his hours, his pace, his models.

Of every party (a finding, or one honest account) the same few numbers, so that how alike two findings are can be
compared with how alike a finding and an honest party are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.profiles.index import Ints
from stillwatch.schema import N_CHUNKS

Floats = npt.NDArray[np.float64]

SAMPLE = 4000
SAMPLE_HONEST = 100
"""Exchanges of a finding, and of an honest party, whose texts are looked at, chosen by the hash of their ids."""

PUBLIC_SHARE = 0.005
PUBLIC_LEAST = 2
"""Pieces of text that more honest parties than these have are nobody's own."""

FIXED = 0.03
"""Share of a party's exchanges in which a piece of text stands that is a fixed part of a mould."""

LEAST = 20
"""Exchanges below which a party has no habits to speak of."""

SIGNAL = 0.2
"""Share of what distinguishes a party's counts from everybody's that must not be the noise of counting."""

HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Habits:
    """What one party does. n: its exchanges that were looked at.

    fixed, items: sorted hashes of the pieces of its texts that recur, and of those that do not.  pieces (n, k): the
    pieces of each exchange; 0 where there is none.  hours (n_hours,), models (n_days * n_models,): its shares less
    everybody's, of length one, as far as counting shows; NaN where it does not.  pace: ln of exchanges an account and
    active day; NaN where it is not known.
    """

    n: int
    fixed: Ints
    items: Ints
    pieces: Ints
    hours: Floats
    models: Floats
    pace: float


def read_habits(
    connection: duckdb.DuckDBPyConnection, parties: Sequence[tuple[Ints, Ints]], n_findings: int
) -> list[Habits]:
    """Habits of parties, each given as the keys (hashes) and units of its cells; the first of them are findings.

    Pieces of text that several of the others have are left out: what strangers have too ties nobody.
    The connection holds `exchanges` and `keyed`.
    """
    n = len(parties)
    mapping = {
        "party": np.repeat(np.arange(n), [len(units) for _, units in parties]),
        "key": np.concatenate([keys for keys, _ in parties]) if n else np.zeros(0, np.int64),
        "unit": np.concatenate([units for _, units in parties]).astype(np.int64) if n else np.zeros(0, np.int64),
    }
    connection.register("party_cells", pa.table(mapping))
    connection.execute(
        f"""
        create or replace temp table done as
        select p.party, e.unit, epoch_us(e.requested_at) // {HOUR_US} as hour, e.model, count(*) as n
        from party_cells p join keyed e on e.key = p.key and e.unit = p.unit group by all
        """
    )
    connection.unregister("party_cells")
    connection.execute(
        f"""
        create or replace temp table everybody as
        select epoch_us(requested_at) // {HOUR_US} as hour, model, count(*) as n from keyed group by all
        """
    )
    low, high = connection.sql("select min(hour), max(hour) from everybody").fetchall()[0]
    hours = _against_everybody(connection, n, f"hour - {low}", int(high - low) + 1)
    days = int(high // 24 - low // 24) + 1
    names = connection.sql("select model from everybody group by model order by sum(n) desc, model limit 12").fetchall()
    connection.register("model_place", pa.table({"model": [name for (name,) in names], "place": np.arange(len(names))}))
    models = _against_everybody(
        connection, n, f"(hour // 24 - {low // 24}) * {len(names)} + place", days * len(names), model=True
    )
    connection.unregister("model_place")
    pace = np.full(n, np.nan)
    rows = connection.sql(
        "select party, avg(ln(n) order by unit, day) from ("
        "select party, unit, hour // 24 as day, sum(n) as n from done group by all) group by party order by party"
    ).fetchall()
    for party, value in rows:
        pace[int(party)] = value
    sent = connection.sql("select party, sum(n)::bigint as n from done group by all").fetchnumpy()
    connection.execute("drop table done; drop table everybody")
    sampled = _sampled(connection, mapping, n_findings, np.bincount(sent["party"], sent["n"], n).astype(np.float64))
    of = sampled["party"].to_numpy()
    pieces = np.concatenate([_chunks(sampled["chunks"]), *(sampled[x].to_numpy()[:, None] for x in "abcd")], axis=1)
    bounds = np.searchsorted(of, np.arange(n + 1))
    public = _public(pieces[bounds[n_findings] :], of[bounds[n_findings] :], n - n_findings)
    pieces[np.isin(pieces, public)] = 0
    out = []
    for party in range(n):
        mine = pieces[bounds[party] : bounds[party + 1]]
        fixed, items = _recurring(mine)
        out.append(Habits(len(mine), fixed, items, mine, hours[party], models[party], float(pace[party])))
    return out


def _sampled(
    connection: duckdb.DuckDBPyConnection, mapping: Mapping[str, Ints], n_findings: int, sent: Floats
) -> pa.Table:
    """Of each party the exchanges that are looked at: those whose ids have the smallest hashes. Shape: sent (n,).

    Only hashes below twice the share that is wanted are sorted, unless these turn out too few.
    """
    most = np.where(np.arange(len(sent)) < n_findings, SAMPLE, SAMPLE_HONEST)
    share = np.where(sent > 4 * most, 2.0 * most / np.maximum(sent, 1.0), 1.0)
    below = np.where(share < 1.0, np.minimum(share, 0.5) * 2.0**64 - 2.0**63, 0.0).astype(np.int64)
    below[share >= 1.0] = np.iinfo(np.int64).max
    party = mapping["party"]
    table = pa.table({**mapping, "most": most[party], "below": below[party]})
    connection.register("party_cells", table)
    connection.execute(_CHOSEN.format(only="where e.exchange <= p.below"))
    chosen = connection.sql("select party, count(*) as n from chosen group by all").fetchnumpy()
    if (np.bincount(chosen["party"], chosen["n"], len(sent)) < np.minimum(sent, most)).any():
        connection.execute(_CHOSEN.format(only=""))
    connection.unregister("party_cells")
    sampled = connection.sql(
        """
        select c.party, e.chunks, coalesce(e.system_hash, 0) as a, coalesce(xor(e.tools_hash, 1), 0) as b,
            coalesce(e.head_hash, 0) as c, coalesce(e.tail_hash, 0) as d
        from exchanges e join chosen c using (position) order by c.party, c.exchange, c.us
        """
    ).to_arrow_table()
    connection.execute("drop table chosen")
    return sampled


_CHOSEN = """
    create or replace temp table chosen as
    select p.party, e.position, e.exchange, epoch_us(e.requested_at) as us
    from party_cells p join keyed e on e.key = p.key and e.unit = p.unit {only}
    qualify row_number() over (partition by p.party order by e.exchange, us) <= p.most
"""


def alike(one: Habits, others: Sequence[Habits]) -> Floats:
    """(n, 5) how alike others are to one: (fixed parts, items, hours, models, pace), NaN where it cannot be known.

    Fixed parts and items: share of the other's exchanges that hold one of the first's.  hours, models: cosines of what
    is not everybody's.  pace: less the distance of its logarithms.
    """
    out = np.full((len(others), len(NAMES)), np.nan)
    able = [at for at, other in enumerate(others) if min(one.n, other.n) >= LEAST]
    if not able:
        return out
    chosen = [others[at] for at in able]
    pieces = np.concatenate([other.pieces for other in chosen])
    starts = np.concatenate([[0], np.cumsum([other.n for other in chosen])])[:-1]
    has_text = np.add.reduceat(pieces.any(axis=1), starts) > 0
    for column, wanted in enumerate((one.fixed, one.items)):
        held = np.add.reduceat(_holds(pieces, wanted), starts) / [other.n for other in chosen]
        out[able, column] = np.where(has_text & (len(wanted) > 0), held, np.nan)
    out[able, 2] = np.minimum(np.stack([other.hours for other in chosen]) @ one.hours, 1.0)
    out[able, 3] = np.minimum(np.stack([other.models for other in chosen]) @ one.models, 1.0)
    out[able, 4] = -np.abs(one.pace - np.array([other.pace for other in chosen]))
    return out


NAMES = ("moulds' fixed parts", "items", "working hours", "models over time", "pace")
FAMILY = ("text", "text", "time", "time", "time")
"""What `alike` compares, and the family of each: within a family they are one fact about who is at work."""


def _chunks(column: pa.ChunkedArray) -> Ints:
    """(n, N_CHUNKS) hashes; 0 where an exchange has no text."""
    width = N_CHUNKS * 8
    data = b"".join(one if one is not None else bytes(width) for one in column.to_pylist())
    return np.frombuffer(data, "<i8").astype(np.int64).reshape(-1, N_CHUNKS)


def _recurring(pieces: Ints) -> tuple[Ints, Ints]:
    """Pieces that stand in many of a party's exchanges, and those that stand in few; sorted."""
    if len(pieces) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    rows = np.repeat(np.arange(len(pieces)), pieces.shape[1])
    flat = pieces.ravel()
    kept = flat != 0
    pairs = np.unique(np.stack([rows[kept], flat[kept]]), axis=1)
    values, n = np.unique(pairs[1], return_counts=True)
    often = n >= max(3, FIXED * len(pieces))
    return values[often], values[~often]


def _holds(pieces: Ints, wanted: Ints) -> npt.NDArray[np.bool_]:
    """(n,) whether each exchange holds one of some pieces, which are sorted."""
    if len(wanted) == 0:
        return np.zeros(len(pieces), bool)
    at = np.minimum(np.searchsorted(wanted, pieces), len(wanted) - 1)
    held: npt.NDArray[np.bool_] = (wanted[at] == pieces).any(axis=1)
    return held


def _public(pieces: Ints, of: Ints, n: int) -> Ints:
    """Pieces that several honest parties have. Shapes: pieces (m, k); of (m,) party."""
    pairs = np.unique(np.stack([np.repeat(of, pieces.shape[1]), pieces.ravel()]), axis=1)
    values, parties = np.unique(pairs[1], return_counts=True)
    return values[parties > max(PUBLIC_LEAST, PUBLIC_SHARE * n)]


def _against_everybody(
    connection: duckdb.DuckDBPyConnection, n: int, place: str, size: int, *, model: bool = False
) -> Floats:
    """(n, size) each party's shares by place, less everybody's; NaN where it does as everybody does, or chance.

    Of length one but for what the counts' noise adds to it, so that few exchanges do not look like nothing in common.
    """
    join = "join model_place using (model)" if model else ""
    out = np.zeros((n, size))
    for party, at, count in connection.sql(
        f"select party, {place} as at, sum(n) from done {join} group by all"
    ).fetchall():
        out[int(party), int(at)] = count
    everybody = np.zeros(size)
    for at, count in connection.sql(f"select {place} as at, sum(n) from everybody {join} group by all").fetchall():
        everybody[int(at)] = count
    sent = np.maximum(out.sum(axis=1, keepdims=True), 1.0)
    shares = out / sent
    rest = shares - everybody / max(everybody.sum(), 1.0)
    noise = (1.0 - (shares**2).sum(axis=1, keepdims=True)) / sent
    square = (rest**2).sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(square - noise >= SIGNAL * square, rest / np.sqrt(square - noise), np.nan)
