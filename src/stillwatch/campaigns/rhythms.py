"""What the times of a network's keys say: whose bursts go together, which come from one queue, which are plainly apart.

The ratio of two keys' rates varies by no more than counting explains where one driver deals both out; two customers
have ups and downs of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import duckdb
import numpy as np
import numpy.typing as npt

from stillwatch.campaigns.cells import Cells
from stillwatch.profiles.index import Ints

SAME_RHYTHM = 0.3
"""Cosine of the hours of a key and a group of keys, everybody's hours taken out, if their parameters are the same."""

OTHER_RHYTHM = 0.6
"""The same where their parameters differ."""

ONE_QUEUE = 0.1
"""Variance of the ratio of two keys' rates below which, two standard errors added, they come from one queue."""

APART = 0.3
"""The same above which, three standard errors taken off, they are two drivers' or customers'."""

QUEUE_HOURS = 6
QUEUE_TRAJECTORIES = 100
"""Their rates are those of six hours each; fewer trajectories have none."""

AROUND_HOURS = 3

RHYTHM_EXCHANGES = 20
"""Fewer exchanges have no rhythm."""

HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Hours of a network's keys. Shapes: key, parameters, hour, n, begun (m,) int64; everybody (n_hours,) exchanges.

    begun: agent loops and chats that were gone on with in that hour, each counted once.
    """

    key: Ints
    parameters: Ints
    hour: Ints
    n: Ints
    begun: Ints
    everybody: npt.NDArray[np.float64]


def exchanges_by_hour(connection: duckdb.DuckDBPyConnection) -> npt.NDArray[np.float64]:
    """(n_hours,) exchanges of everybody, from the first hour on. The connection holds `exchanges`."""
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


def rhythms_of(
    connection: duckdb.DuckDBPyConnection, cells: Cells, everybody: npt.NDArray[np.float64], n_networks: int
) -> list[Rhythm]:
    """Each network's rhythm, in one pass over the exchanges. The connection holds `keyed` and `member_units`."""
    table = connection.sql(
        f"""
        with gone_on as (
            select m.network, k.key, k.parameters, epoch_us(k.requested_at) // {HOUR_US} as hour, k.trajectory,
                count(*) as n
            from keyed k join member_units m on k.unit = m.unit group by all
        )
        select network, key, parameters,
            hour - (select min(epoch_us(requested_at)) from exchanges) // {HOUR_US} as hour,
            sum(n)::bigint as n, count(*) as begun
        from gone_on group by all order by all
        """
    ).to_arrow_table()
    network, key, parameters, hour, n, begun = (
        table[name].to_numpy().astype(np.int64) for name in ("network", "key", "parameters", "hour", "n", "begun")
    )
    key = np.searchsorted(cells.key_hash, key)
    return [
        Rhythm(key[low:high], parameters[low:high], hour[low:high], n[low:high], begun[low:high], everybody)
        for low, high in bounds_of(network, n_networks)
    ]


def bounds_of(network: Ints, n_networks: int) -> list[tuple[int, int]]:
    """The rows of each network, in a column that is sorted by it."""
    at = np.searchsorted(network, np.arange(n_networks + 1)).tolist()
    return list(pairwise(at))


@dataclass(frozen=True, slots=True)
class Rates:
    """Trajectories of a network's keys by spells of some hours. Shapes: keys (k,) sorted; begun (k, n_spells)."""

    keys: Ints
    begun: npt.NDArray[np.float64]

    def of(self, key: int) -> npt.NDArray[np.float64]:
        """Those of one key."""
        found: npt.NDArray[np.float64] = self.begun[np.searchsorted(self.keys, key)]
        return found


def rates_of(cells: Cells, candidates: Ints, rhythm: Rhythm) -> Rates:
    """The rates of some keys, by `QUEUE_HOURS`. Shapes: candidates (k,) numbers of keys."""
    rows = np.flatnonzero(np.isin(rhythm.key, candidates))
    keys, which = np.unique(rhythm.key[rows], return_inverse=True)
    begun = np.zeros((len(keys), -(-len(rhythm.everybody) // QUEUE_HOURS)))
    np.add.at(begun, (which, rhythm.hour[rows] // QUEUE_HOURS), rhythm.begun[rows])
    return Rates(keys, begun)


def _difference(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Variance of the ratio of two rates beyond what counting explains, and its standard error; infinite of few.

    It is the excess of the chi-square of homogeneity over its degrees of freedom, by the harmonic size.
    Shapes: one, other (n_spells,) counts.
    """
    n_one, n_other = float(one.sum()), float(other.sum())
    if min(n_one, n_other) < QUEUE_TRAJECTORIES:
        return 0.0, float("inf")
    both = one + other
    seen = both > 0
    gap = (one * n_other - other * n_one)[seen]
    chi = float((gap**2 / both[seen]).sum()) / (n_one * n_other)
    free, size = int(seen.sum()) - 1, n_one * n_other / (n_one + n_other)
    return (chi - free) / size, float(np.sqrt(2.0 * max(free, 1))) / size


def apart(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    """Whether two rates are plainly those of two. Shapes: (n_spells,) both."""
    variance, error = _difference(one, other)
    return bool(variance - 3.0 * error > APART)


def of_one_time(labels: Ints, telling: Ints, rates: Rates) -> Ints:
    """Labels in which groups of keys whose times, all taken together, are plainly apart are single keys again.

    Hands alone say little in a proxy, where all customers have the same; and of many small customers no two can be
    shown to be apart. Together they can: the excess of the chi-square of homogeneity of all keys over its degrees of
    freedom, by their trajectories, is the variance of their rates around the group's.
    """
    out = labels.copy()
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        if len(mine) == 1:
            continue
        counts = np.stack([rates.of(int(key)) for key in telling[mine]])
        total = counts.sum(axis=0)
        seen = total > 0
        expected = counts.sum(axis=1)[:, None] * total[seen] / max(total.sum(), 1.0)
        known = expected.sum(axis=1) > 0
        free = (len(expected[known]) - 1) * (int(seen.sum()) - 1)
        if free <= 0:
            continue
        chi = float(((counts[known][:, seen] - expected[known]) ** 2 / expected[known]).sum())
        size = float(total.sum())
        if (chi - free - 3.0 * np.sqrt(2.0 * free)) / size > APART:
            out[mine] = mine
    return out


def one_queue(rates: Rates, telling: Ints) -> Ints:
    """(len(telling),) number of the queue that each key comes from; -1 where that cannot be told.

    Largest first, a key joins the queue that it is nearest to; what has joined is taken together.
    """
    out = np.full(len(telling), -1, np.int64)
    counts = [rates.of(int(key)) for key in telling]
    queues: list[npt.NDArray[np.float64]] = []
    for at in np.argsort([-float(count.sum()) for count in counts], kind="stable"):
        if counts[at].sum() < QUEUE_TRAJECTORIES:
            break
        best, nearest = -1, ONE_QUEUE
        for number, pooled in enumerate(queues):
            variance, error = _difference(counts[at], pooled)
            if variance + 2.0 * error < nearest:
                best, nearest = number, variance + 2.0 * error
        if best < 0:
            best = len(queues)
            queues.append(np.zeros_like(counts[at]))
        queues[best] = queues[best] + counts[at]
        out[at] = best
    return out


def of_its_own(queue: Ints, telling: Ints, rates: Rates, rhythm: Rhythm) -> Ints:
    """The queues whose rates are not those of whatever else the network sends; -1 for all other keys.

    Customers of one proxy who all have their country's days and nights look as if they came from one queue.
    """
    everything = np.bincount(rhythm.hour // QUEUE_HOURS, rhythm.begun, rates.begun.shape[1])
    out = queue.copy()
    for number in np.unique(queue[queue >= 0]):
        pooled = np.sum([rates.of(int(key)) for key in telling[queue == number]], axis=0)
        variance, error = _difference(pooled, everything - pooled)
        if variance - 2.0 * error < ONE_QUEUE:
            out[queue == number] = -1
    return out


def same_rhythm(cells: Cells, candidates: Ints, rhythm: Rhythm, main: Ints, rates: Rates) -> Ints:
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
    leaders: list[npt.NDArray[np.float64]] = []
    lengths: list[float] = []
    pooled_rates: list[npt.NDArray[np.float64]] = []
    parameters: list[int] = []
    members: list[list[int]] = []
    for k in np.argsort(-size, kind="stable"):
        if size[k] < RHYTHM_EXCHANGES:
            continue
        best, at = 0.0, -1
        length = float(np.linalg.norm(excess[k]))
        for number, pooled in enumerate(leaders):
            norm = length * lengths[number]
            alike = float(excess[k] @ pooled) / norm if norm > 0 else 0.0
            least = SAME_RHYTHM if parameters[number] == main[keys[k]] else OTHER_RHYTHM
            if alike >= max(least, best) and not apart(rates.of(int(keys[k])), pooled_rates[number]):
                best, at = alike, number
        if at < 0:
            leaders.append(excess[k].copy())
            lengths.append(length)
            pooled_rates.append(rates.of(int(keys[k])).copy())
            parameters.append(int(main[keys[k]]))
            members.append([int(k)])
        else:
            leaders[at] += excess[k]
            lengths[at] = float(np.linalg.norm(leaders[at]))
            pooled_rates[at] += rates.of(int(keys[k]))
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


def main_parameters(cells: Cells, rhythm: Rhythm) -> Ints:
    """(n_keys,) the parameters under which the network sent a key most often; 0 for keys that it did not send."""
    names, number = np.unique(rhythm.parameters, return_inverse=True)
    keys, which = np.unique(rhythm.key, return_inverse=True)
    pair, at = np.unique(which * len(names) + number, return_inverse=True)
    count = np.bincount(at, rhythm.n)
    best = np.lexsort((pair, count))
    main = np.zeros(cells.n_keys, np.int64)
    main[keys[pair[best] // len(names)]] = names[pair[best] % len(names)]
    return main
