"""Streams: what of a network's traffic comes from one driver, and what is cover.

A key (template or plumbing) is the driver's where the network's accounts use it far more, exchange for exchange, than
everybody else does. Keys make one stream where the same accounts carry both in the same weeks; or where they share
parameters that are the network's own and follow one rhythm, so that a mould reworded for every account stays one
stream. Two operators in one network stay two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.campaigns.cells import Cells
from stillwatch.profiles.index import Ints

TELLING_BITS = 2.0
"""A key is telling where the network uses it at least four times as much as others do."""

MIN_KEY_UNITS = 3
MIN_KEY_EXCHANGES = 5

MIN_STREAM_UNITS = 4
"""A stream of fewer accounts is one of the network's customers."""

SAME_UNITS = 0.3
"""Cosine of two keys' exchanges by account above which the same accounts carry both."""

SAME_TIMES = 0.5
"""Part of the time of both keys that they must have in common."""

SAME_RHYTHM = 0.3
"""Cosine of the hours of a key and a group of keys, everybody's hours taken out, if their parameters are the same."""

OTHER_RHYTHM = 0.6
"""The same where their parameters differ."""

AROUND_HOURS = 3

RHYTHM_EXCHANGES = 20
"""Fewer exchanges have no rhythm."""

HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Stream:
    """Cells of one campaign in one network. Shapes: cells (k,) row numbers of `Cells`; keys, bits (j,) key numbers."""

    keys: Ints
    cells: Ints
    bits: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Rhythm:
    """Hours of a network's keys. Shapes: key, plumbing, hour, n (m,) int64; everybody (n_hours,) exchanges of all."""

    key: Ints
    plumbing: Ints
    hour: Ints
    n: Ints
    everybody: npt.NDArray[np.float64]


def split_streams(
    connection: duckdb.DuckDBPyConnection, cells: Cells, networks: Sequence[npt.NDArray[np.int32]]
) -> list[list[Stream]]:
    """The streams of each network, given as its units; largest first. The connection holds `exchanges` and `keyed`."""
    everybody = _everybody(connection)
    return [_split(connection, cells, members, everybody) for members in networks]


def _split(
    connection: duckdb.DuckDBPyConnection,
    cells: Cells,
    members: npt.NDArray[np.int32],
    everybody: npt.NDArray[np.float64],
) -> list[Stream]:
    inside = np.isin(cells.unit, members)
    total_in, total_out = int(cells.n[inside].sum()), int(cells.n[~inside].sum())
    n_in = np.bincount(cells.key[inside], cells.n[inside], cells.n_keys)
    n_out = np.bincount(cells.key[~inside], cells.n[~inside], cells.n_keys)
    units_in = np.bincount(cells.key[inside], minlength=cells.n_keys)
    lift = np.log2(((n_in + 0.5) / (total_in + 1)) / ((n_out + 0.5) / (total_out + 1)))
    candidates = np.flatnonzero((lift >= TELLING_BITS) & (n_in >= MIN_KEY_EXCHANGES))
    if len(candidates) == 0:
        return []
    rhythm = _rhythm(connection, cells, members, everybody)
    group = _same_rhythm(cells, candidates, rhythm)
    telling = candidates[(units_in[candidates] >= MIN_KEY_UNITS) | (group[candidates] >= 0)]
    labels = _same_hands(cells, inside, telling)
    for number in np.unique(group[telling]):
        together = labels[group[telling] == number]
        if number >= 0:
            labels[np.isin(labels, together)] = together.min()
    out = []
    for label in np.unique(labels):
        keys = telling[labels == label]
        rows = np.flatnonzero(inside & np.isin(cells.key, keys))
        if len(np.unique(cells.unit[rows])) >= MIN_STREAM_UNITS:
            out.append(Stream(keys, rows, lift[keys]))
    return sorted(out, key=lambda s: (-int(cells.n[s.cells].sum()), int(cells.key_hash[s.keys[0]])))


def _everybody(connection: duckdb.DuckDBPyConnection) -> npt.NDArray[np.float64]:
    table = connection.sql(
        f"""
        with h as (select epoch_us(requested_at) // {HOUR_US} as hour, count(*) as n from exchanges group by hour)
        select hour - (select min(hour) from h) as hour, n from h order by hour
        """
    ).to_arrow_table()
    hours = table["hour"].to_numpy()
    out = np.zeros(int(hours[-1]) + 1 if len(hours) else 1)
    out[hours] = table["n"].to_numpy()
    return out


def _rhythm(
    connection: duckdb.DuckDBPyConnection,
    cells: Cells,
    members: npt.NDArray[np.int32],
    everybody: npt.NDArray[np.float64],
) -> _Rhythm:
    connection.register("member_units", pa.table({"unit": members.astype(np.int64)}))
    table = connection.sql(
        f"""
        select k.key, k.plumbing, epoch_us(e.requested_at) // {HOUR_US}
            - (select min(epoch_us(requested_at)) from exchanges) // {HOUR_US} as hour, count(*) as n
        from keyed k semi join member_units m on k.unit = m.unit join exchanges e using (position)
        group by all order by all
        """
    ).to_arrow_table()
    connection.unregister("member_units")
    key, plumbing, hour, n = (table[name].to_numpy().astype(np.int64) for name in ("key", "plumbing", "hour", "n"))
    return _Rhythm(np.searchsorted(cells.key_hash, key), plumbing, hour, n, everybody)


def _same_rhythm(cells: Cells, candidates: Ints, rhythm: _Rhythm) -> Ints:
    """(n_keys,) number of the group of keys that follow one rhythm, largest key first; -1 for keys by themselves.

    A key joins the group whose bursts, taken together, go best with its own, everybody's hours taken out of both. Days
    and nights are smooth, and say nothing: strangers have them in common.
    """
    rows = np.flatnonzero(np.isin(rhythm.key, candidates))
    keys, which = np.unique(rhythm.key[rows], return_inverse=True)
    n_hours = len(rhythm.everybody)
    usual = rhythm.everybody / max(rhythm.everybody.sum(), 1.0)
    hours = np.zeros((len(keys), n_hours))
    np.add.at(hours, (which, rhythm.hour[rows]), rhythm.n[rows])
    size = hours.sum(axis=1)
    excess = _bursts(hours - size[:, None] * usual)
    main = _main_parameters(rhythm, rows, which, len(keys))
    leaders: list[npt.NDArray[np.float64]] = []
    parameters: list[int] = []
    members: list[list[int]] = []
    for k in np.argsort(-size, kind="stable"):
        if size[k] < RHYTHM_EXCHANGES:
            continue
        best, at = 0.0, -1
        for number, pooled in enumerate(leaders):
            norm = float(np.linalg.norm(excess[k]) * np.linalg.norm(pooled))
            alike = float(excess[k] @ pooled) / norm if norm > 0 else 0.0
            least = SAME_RHYTHM if parameters[number] == main[k] else OTHER_RHYTHM
            if alike >= max(least, best):
                best, at = alike, number
        if at < 0:
            leaders.append(excess[k].copy())
            parameters.append(int(main[k]))
            members.append([int(k)])
        else:
            leaders[at] += excess[k]
            members[at].append(int(k))
    out = np.full(cells.n_keys, -1, np.int64)
    for number, group in enumerate(members):
        if len(group) > 1:
            out[keys[group]] = number
    return out


def _bursts(hours: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rows of hourly counts less the mean of the hours around."""
    width = 2 * AROUND_HOURS + 1
    padded = np.pad(hours, ((0, 0), (AROUND_HOURS + 1, AROUND_HOURS)), mode="edge")
    sums = np.cumsum(padded, axis=1)
    out: npt.NDArray[np.float64] = hours - (sums[:, width:] - sums[:, :-width]) / width
    return out


def _main_parameters(rhythm: _Rhythm, rows: Ints, which: Ints, n_keys: int) -> Ints:
    """(n_keys,) the parameters under which a key was sent most often."""
    names, number = np.unique(rhythm.plumbing[rows], return_inverse=True)
    counts = np.zeros((n_keys, len(names)))
    np.add.at(counts, (which, number), rhythm.n[rows])
    main: Ints = names[counts.argmax(axis=1)]
    return main


def _same_hands(cells: Cells, inside: npt.NDArray[np.bool_], telling: Ints) -> Ints:
    """Label telling keys so that those with the same accounts at the same times share one."""
    position = np.full(cells.n_keys, -1, np.int64)
    position[telling] = np.arange(len(telling))
    rows = np.flatnonzero(inside & (position[cells.key] >= 0))
    units, unit = np.unique(cells.unit[rows], return_inverse=True)
    counts = np.zeros((len(telling), len(units)))
    counts[position[cells.key[rows]], unit] = cells.n[rows]
    first = np.full(len(telling), np.iinfo(np.int64).max)
    last = np.zeros(len(telling), np.int64)
    np.minimum.at(first, position[cells.key[rows]], cells.first_at[rows])
    np.maximum.at(last, position[cells.key[rows]], cells.last_at[rows])
    norm = np.linalg.norm(counts, axis=1)
    cosine = counts @ counts.T / np.maximum(np.outer(norm, norm), 1e-9)
    labels = np.arange(len(telling))
    order = np.argsort(-counts.sum(axis=1), kind="stable")
    for at, key in enumerate(order):
        earlier = order[:at]
        span = np.minimum(last[key], last[earlier]) - np.maximum(first[key], first[earlier])
        whole = np.maximum(last[key], last[earlier]) - np.minimum(first[key], first[earlier])
        fit = np.flatnonzero((cosine[key, earlier] >= SAME_UNITS) & (span >= SAME_TIMES * whole))
        if len(fit):
            labels[labels == labels[key]] = labels[earlier[fit[0]]]
    return labels
