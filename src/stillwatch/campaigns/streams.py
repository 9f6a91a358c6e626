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

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array

from stillwatch.campaigns.cells import Cells
from stillwatch.campaigns.keys import UNPOURED, is_pooled
from stillwatch.campaigns.mixed import mixed_in
from stillwatch.campaigns.precedence import imitated
from stillwatch.campaigns.rhythms import (
    Rates,
    Rhythm,
    apart,
    bounds_of,
    exchanges_by_hour,
    main_parameters,
    of_its_own,
    of_one_time,
    one_queue,
    rates_of,
    rhythms_of,
    same_rhythm,
)
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

DEALT_EXCHANGES = 100
DEALT_EXPECTED = 3.0
DEALT_SHARE = 0.25
"""Groups of keys keep clear of each other where they have a quarter of the accounts in common that chance would give
them, and chance would give them three; a hundred exchanges are enough to see it."""

TIED_BITS = 3.0
TIED_SHARE = 0.5
"""And are on one infrastructure where payments, domains and prefixes tie half of the accounts of one to the other."""


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
    everybody = exchanges_by_hour(connection)
    number = np.repeat(np.arange(len(networks)), [len(members) for members in networks])
    units = np.concatenate(networks).astype(np.int64) if networks else np.zeros(0, np.int64)
    connection.register("member_units", pa.table({"network": number, "unit": units}))
    rhythms, hands = rhythms_of(connection, cells, everybody, len(networks)), _hands(connection, cells, len(networks))
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
    rhythm: Rhythm,
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
    main = main_parameters(cells, rhythm)
    rates = rates_of(cells, candidates, rhythm)
    group = same_rhythm(cells, candidates, rhythm, main, rates)
    telling = candidates[(units_in[candidates] >= MIN_KEY_UNITS) | (group[candidates] >= 0)]
    # A pool has everybody's hands.
    poured = ~is_pooled(cells.key_hash[telling])
    labels = np.arange(len(telling))
    labels[poured] = np.flatnonzero(poured)[_same_hands(cells, hands, telling[poured], rates)]
    labels = of_one_time(labels, telling, rates)
    queue = one_queue(rates, telling)
    labels = _together(_together(labels, group[telling]), queue)
    parts = _together(_together(np.arange(len(telling)), group[telling]), of_its_own(queue, telling, rates, rhythm))
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


def _same_hands(cells: Cells, hands: _Hands, telling: Ints, rates: Rates) -> Ints:
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
            if not apart(mine, rates.of(int(telling[other]))):
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
    for low, high in bounds_of(columns["network"], n_networks):
        mine = {name: column[low:high] for name, column in columns.items()}
        pairs = np.stack([mine["unit"], mine["parameters"]])
        hand = np.unique(pairs, axis=1, return_inverse=True)[1].ravel().astype(np.int64)
        key = np.searchsorted(cells.key_hash, mine["key"])
        out.append(_Hands(key, mine["unit"], hand, mine["n"], mine["first_at"], mine["last_at"]))
    return out
