"""Streams: what of a network's traffic comes from one driver, and what is cover.

A key (template or plumbing) is the driver's where the network's accounts use it far more, exchange for exchange, than
everybody else does. Keys make one stream where they come from one queue: where they rise and fall together to within
what counting explains, as no two customers do; where the same hands (accounts with their parameters) send both in the
same weeks; where they follow one rhythm, so that a mould reworded for every account stays one stream; and where they
keep clear of each other's accounts on one infrastructure, since a proxy mixes its customers and a driver deals out its
work. Hands and rhythm join none whose times are plainly apart, and none that the network mixes over all of its accounts
where the others keep to some (`mixed.mixed_in`). Two operators in one network stay two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array

from stillwatch.campaigns.cells import Cells
from stillwatch.campaigns.keys import UNPOURED, is_pooled
from stillwatch.campaigns.mixed import mixed_in
from stillwatch.campaigns.precedence import imitated
from stillwatch.links.kinds import FAMILIES
from stillwatch.networks.group import Scorer, by_family
from stillwatch.profiles.index import Ints

TELLING_BITS = 2.0
"""A key is telling where the network uses it at least four times as much as others do."""

MIN_KEY_UNITS = 3
MIN_KEY_EXCHANGES = 5

MIN_STREAM_UNITS = 4
"""A stream of fewer accounts is one of the network's customers."""

SAME_HANDS = 0.3
"""Cosine of two keys' exchanges by account and parameters above which the same hands send both."""

SAME_TIMES = 0.5
"""Part of the time of both keys that they must have in common."""

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

DEALT_EXCHANGES = 100
DEALT_EXPECTED = 3.0
DEALT_SHARE = 0.25
"""Groups of keys keep clear of each other where they have a quarter of the accounts in common that chance would give
them, and chance would give them three; a hundred exchanges are enough to see it."""

TIED_BITS = 3.0
TIED_SHARE = 0.5
"""And are on one infrastructure where payments, domains and prefixes tie half of the accounts of one to the other."""

HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Stream:
    """Cells of one campaign in one network. Shapes: cells (k,) row numbers of `Cells`; keys, bits, parts (j,).

    parts: of each key a number; keys of one part are together by more than the hands and the hours that everything
    around them has.
    imitated: units of the network whose mould it imitates, and that are none of its own; see `precedence.imitated`.
    """

    keys: Ints
    cells: Ints
    bits: npt.NDArray[np.float64]
    parts: Ints
    imitated: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class _Rhythm:
    """Hours of a network's keys. Shapes: key, parameters, hour, n, begun (m,) int64; everybody (n_hours,) exchanges.

    begun: agent loops and chats that were gone on with in that hour, each counted once.
    """

    key: Ints
    parameters: Ints
    hour: Ints
    n: Ints
    begun: Ints
    everybody: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Hands:
    """Who sent a network's keys. Shapes (m,) int64; hand: account and parameters together."""

    key: Ints
    unit: Ints
    hand: Ints
    n: Ints
    first_at: Ints
    last_at: Ints


def split_streams(
    connection: duckdb.DuckDBPyConnection,
    cells: Cells,
    scorer: Scorer,
    networks: Sequence[npt.NDArray[np.int32]],
    declared: npt.NDArray[np.bool_],
) -> list[list[Stream]]:
    """The streams of each network, given as its units; largest first. The connection holds `exchanges` and `keyed`.

    Shapes: declared (n_units,): units that are organisations of several accounts.
    """
    everybody = _everybody(connection)
    number = np.repeat(np.arange(len(networks)), [len(members) for members in networks])
    units = np.concatenate(networks).astype(np.int64) if networks else np.zeros(0, np.int64)
    connection.register("member_units", pa.table({"network": number, "unit": units}))
    rhythms, hands = _rhythms(connection, cells, everybody, len(networks)), _hands(connection, cells, len(networks))
    connection.unregister("member_units")
    n_of_key = np.bincount(cells.key, cells.n, cells.n_keys).astype(np.float64)
    return [
        _split(cells, scorer, declared, n_of_key, *network) for network in zip(networks, rhythms, hands, strict=True)
    ]


def _split(
    cells: Cells,
    scorer: Scorer,
    declared: npt.NDArray[np.bool_],
    n_of_key: npt.NDArray[np.float64],
    members: npt.NDArray[np.int32],
    rhythm: _Rhythm,
    hands: _Hands,
) -> list[Stream]:
    inside = np.flatnonzero(np.isin(cells.unit, members))
    n_in = np.bincount(cells.key[inside], cells.n[inside], cells.n_keys)
    n_out = n_of_key - n_in
    total_in, total_out = int(n_in.sum()), int(n_out.sum())
    units_in = np.bincount(cells.key[inside], minlength=cells.n_keys)
    lift = np.log2(((n_in + 0.5) / (total_in + 1)) / ((n_out + 0.5) / (total_out + 1)))
    candidates = np.flatnonzero((lift >= TELLING_BITS) & (n_in >= MIN_KEY_EXCHANGES) & (cells.key_hash != UNPOURED))
    if len(candidates) == 0:
        return []
    main = _main_parameters(cells, rhythm)
    rates = _rates(cells, candidates, rhythm)
    group = _same_rhythm(cells, candidates, rhythm, main, rates)
    telling = candidates[(units_in[candidates] >= MIN_KEY_UNITS) | (group[candidates] >= 0)]
    # A pool has everybody's hands.
    poured = ~is_pooled(cells.key_hash[telling])
    labels = np.arange(len(telling))
    labels[poured] = np.flatnonzero(poured)[_same_hands(cells, hands, telling[poured], rates)]
    labels = _of_one_time(labels, telling, rates)
    queue = _one_queue(rates, telling)
    labels = _together(_together(labels, group[telling]), queue)
    parts = _together(_together(np.arange(len(telling)), group[telling]), _of_its_own(queue, telling, rates, rhythm))
    dealt = _dealt_out(cells, hands, scorer, telling, labels, len(members))
    parts = _together(parts, np.where(dealt != labels, dealt, -1))
    cover = mixed_in(cells, inside, telling, dealt)
    labels = np.where(cover, len(telling) + np.arange(len(telling)), dealt)
    out = []
    for label in np.unique(labels):
        keys = telling[labels == label]
        rows = inside[np.isin(cells.key[inside], keys)]
        others = imitated(cells, rows, scorer, declared)
        rows = rows[~np.isin(cells.unit[rows], others)]
        if len(np.unique(cells.unit[rows])) >= MIN_STREAM_UNITS:
            out.append(Stream(keys, rows, lift[keys], parts[labels == label], others))
    return sorted(out, key=lambda s: (-int(cells.n[s.cells].sum()), int(cells.key_hash[s.keys[0]])))


def _together(labels: Ints, joined: Ints) -> Ints:
    """Labels in which those are one that have members in one group. Shapes: (n,) both; joined: -1 for no group."""
    out = labels.copy()
    for number in np.unique(joined[joined >= 0]):
        mine = out[joined == number]
        out[np.isin(out, mine)] = mine.min()
    return out


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


def _rhythms(
    connection: duckdb.DuckDBPyConnection, cells: Cells, everybody: npt.NDArray[np.float64], n_networks: int
) -> list[_Rhythm]:
    """Each network's rhythm, in one pass over the exchanges."""
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
        _Rhythm(key[low:high], parameters[low:high], hour[low:high], n[low:high], begun[low:high], everybody)
        for low, high in _bounds(network, n_networks)
    ]


def _bounds(network: Ints, n_networks: int) -> list[tuple[int, int]]:
    """The rows of each network, in a column that is sorted by it."""
    at = np.searchsorted(network, np.arange(n_networks + 1)).tolist()
    return list(pairwise(at))


@dataclass(frozen=True, slots=True)
class _Rates:
    """Trajectories of a network's keys by spells of some hours. Shapes: keys (k,) sorted; begun (k, n_spells)."""

    keys: Ints
    begun: npt.NDArray[np.float64]

    def of(self, key: int) -> npt.NDArray[np.float64]:
        """Those of one key."""
        found: npt.NDArray[np.float64] = self.begun[np.searchsorted(self.keys, key)]
        return found


def _rates(cells: Cells, candidates: Ints, rhythm: _Rhythm) -> _Rates:
    rows = np.flatnonzero(np.isin(rhythm.key, candidates))
    keys, which = np.unique(rhythm.key[rows], return_inverse=True)
    begun = np.zeros((len(keys), -(-len(rhythm.everybody) // QUEUE_HOURS)))
    np.add.at(begun, (which, rhythm.hour[rows] // QUEUE_HOURS), rhythm.begun[rows])
    return _Rates(keys, begun)


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


def _apart(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    variance, error = _difference(one, other)
    return bool(variance - 3.0 * error > APART)


def _of_one_time(labels: Ints, telling: Ints, rates: _Rates) -> Ints:
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


def _one_queue(rates: _Rates, telling: Ints) -> Ints:
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


def _of_its_own(queue: Ints, telling: Ints, rates: _Rates, rhythm: _Rhythm) -> Ints:
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


def _same_rhythm(cells: Cells, candidates: Ints, rhythm: _Rhythm, main: Ints, rates: _Rates) -> Ints:
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
            if alike >= max(least, best) and not _apart(rates.of(int(keys[k])), pooled_rates[number]):
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


def _main_parameters(cells: Cells, rhythm: _Rhythm) -> Ints:
    """(n_keys,) the parameters under which the network sent a key most often; 0 for keys that it did not send."""
    names, number = np.unique(rhythm.parameters, return_inverse=True)
    keys, which = np.unique(rhythm.key, return_inverse=True)
    pair, at = np.unique(which * len(names) + number, return_inverse=True)
    count = np.bincount(at, rhythm.n)
    best = np.lexsort((pair, count))
    main = np.zeros(cells.n_keys, np.int64)
    main[keys[pair[best] // len(names)]] = names[pair[best] % len(names)]
    return main


def _same_hands(cells: Cells, hands: _Hands, telling: Ints, rates: _Rates) -> Ints:
    """Label telling keys so that those that the same hands send in the same weeks share one.

    A hand is an account with its parameters: a proxy mixes its customers' requests over all of its accounts, but a
    driver sets its own limits and temperature.
    """
    position = np.full(cells.n_keys, -1, np.int64)
    position[telling] = np.arange(len(telling))
    rows = np.flatnonzero(position[hands.key] >= 0)
    n_hands = int(hands.hand.max()) + 1 if len(hands.hand) else 1
    counts = csr_array(
        (hands.n[rows].astype(np.float64), (position[hands.key[rows]], hands.hand[rows])), shape=(len(telling), n_hands)
    )
    first = np.full(len(telling), np.iinfo(np.int64).max)
    last = np.zeros(len(telling), np.int64)
    np.minimum.at(first, position[hands.key[rows]], hands.first_at[rows])
    np.maximum.at(last, position[hands.key[rows]], hands.last_at[rows])
    norm = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
    cosine = (counts @ counts.T).toarray() / np.maximum(np.outer(norm, norm), 1e-9)
    labels = np.arange(len(telling))
    order = np.argsort(-np.asarray(counts.sum(axis=1)).ravel(), kind="stable")
    for at, key in enumerate(order):
        earlier = order[:at]
        span = np.minimum(last[key], last[earlier]) - np.maximum(first[key], first[earlier])
        whole = np.maximum(last[key], last[earlier]) - np.minimum(first[key], first[earlier])
        fit = np.flatnonzero((cosine[key, earlier] >= SAME_HANDS) & (span >= SAME_TIMES * whole))
        mine = rates.of(int(telling[key]))
        for other in earlier[fit]:
            if not _apart(mine, rates.of(int(telling[other]))):
                labels[labels == labels[key]] = labels[other]
                break
    return labels


def _dealt_out(cells: Cells, hands: _Hands, scorer: Scorer, telling: Ints, labels: Ints, n_members: int) -> Ints:
    """Labels in which groups of keys that keep clear of each other's accounts, on the same infrastructure, are one.

    Two customers of a proxy, mixed over its n accounts, have a x b / n of them in common. Two operators whose accounts
    were taken for one network keep clear of each other too, but share no cards and exits.
    """
    of_key = np.full(cells.n_keys, -1, np.int64)
    of_key[telling] = labels
    rows = np.flatnonzero(of_key[hands.key] >= 0)
    size = np.bincount(of_key[hands.key[rows]], hands.n[rows])
    clusters: list[tuple[int, npt.NDArray[np.int32]]] = []
    out = labels.copy()
    for label in np.argsort(-size, kind="stable"):
        if size[label] < DEALT_EXCHANGES:
            break
        units = np.unique(hands.unit[rows[of_key[hands.key[rows]] == label]]).astype(np.int32)
        for at, (name, theirs) in enumerate(clusters):
            expected = len(units) * len(theirs) / n_members
            common = len(np.intersect1d(units, theirs, assume_unique=True))
            if expected < DEALT_EXPECTED or common > DEALT_SHARE * expected:
                continue
            ties = by_family(scorer.by_group(theirs, units))[:, FAMILIES.index("identity")]
            if (ties >= TIED_BITS).mean() >= TIED_SHARE:
                out[labels == label] = name
                clusters[at] = (name, np.union1d(units, theirs).astype(np.int32))
                break
        else:
            clusters.append((int(label), units))
    return out


def _hands(connection: duckdb.DuckDBPyConnection, cells: Cells, n_networks: int) -> list[_Hands]:
    """Each network's hands, in one pass over the exchanges."""
    table = connection.sql(
        """
        select m.network, k.key, k.unit, k.parameters, count(*) as n, min(epoch_us(k.requested_at)) as first_at,
            max(epoch_us(k.requested_at)) as last_at
        from keyed k join member_units m on k.unit = m.unit
        group by m.network, k.key, k.unit, k.parameters order by m.network, k.key, k.unit, k.parameters
        """
    ).to_arrow_table()
    columns = {name: table[name].to_numpy().astype(np.int64) for name in table.column_names}
    out = []
    for low, high in _bounds(columns["network"], n_networks):
        mine = {name: column[low:high] for name, column in columns.items()}
        pairs = np.stack([mine["unit"], mine["parameters"]])
        hand = np.unique(pairs, axis=1, return_inverse=True)[1].ravel().astype(np.int64)
        key = np.searchsorted(cells.key_hash, mine["key"])
        out.append(_Hands(key, mine["unit"], hand, mine["n"], mine["first_at"], mine["last_at"]))
    return out
