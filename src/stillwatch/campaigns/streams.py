"""Streams: what of a network's traffic comes from one driver, and what is cover.

A key (template or plumbing) is the driver's where the network's accounts use it far more, exchange for exchange, than
everybody else does, and at least a few accounts of the network use it. Keys that the same hands use at the same times
make one campaign; two operators in one network stay two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillwatch.campaigns.cells import Cells
from stillwatch.profiles.index import Ints

TELLING_BITS = 2.0
"""A key is telling where the network uses it at least four times as much as others do."""

MIN_KEY_UNITS = 3
MIN_STREAM_UNITS = 4
"""A stream of fewer accounts is one of the network's customers."""
MIN_KEY_EXCHANGES = 5

SAME_UNITS = 0.3
"""Cosine of two keys' exchanges by account above which the same accounts carry both."""

SAME_TIMES = 0.5
"""Cosine of two keys' exchanges by six-hour bin above which they run together."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Cells of one campaign in one network. Shapes: cells (k,) row numbers of `Cells`; keys (j,) key numbers."""

    keys: Ints
    cells: Ints
    bits: npt.NDArray[np.float64]


def split_streams(cells: Cells, members: npt.NDArray[np.int32], n_units: int) -> list[Stream]:
    """The campaigns' streams in a network, largest first."""
    inside = np.isin(cells.unit, members)
    total_in, total_out = int(cells.n[inside].sum()), int(cells.n[~inside].sum())
    n_in = np.bincount(cells.key[inside], cells.n[inside], cells.n_keys)
    n_out = np.bincount(cells.key[~inside], cells.n[~inside], cells.n_keys)
    units_in = np.bincount(cells.key[inside], minlength=cells.n_keys)
    lift = np.log2(((n_in + 0.5) / (total_in + 1)) / ((n_out + 0.5) / (total_out + 1)))
    telling = np.flatnonzero((lift >= TELLING_BITS) & (units_in >= MIN_KEY_UNITS) & (n_in >= MIN_KEY_EXCHANGES))
    if len(telling) == 0:
        return []
    labels = _join(cells, inside, telling)
    out = []
    for label in np.unique(labels):
        keys = telling[labels == label]
        rows = np.flatnonzero(inside & np.isin(cells.key, keys))
        if len(np.unique(cells.unit[rows])) < MIN_STREAM_UNITS:
            continue
        out.append(Stream(keys, rows, lift[keys]))
    return sorted(out, key=lambda s: (-int(cells.n[s.cells].sum()), int(cells.key_hash[s.keys[0]])))


def _join(cells: Cells, inside: npt.NDArray[np.bool_], telling: Ints) -> Ints:
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
    labels = np.arange(len(telling))
    order = np.argsort(-counts.sum(axis=1), kind="stable")
    for at, key in enumerate(order):
        for earlier in order[:at]:
            cosine = float(counts[key] @ counts[earlier] / max(norm[key] * norm[earlier], 1e-9))
            span = min(last[key], last[earlier]) - max(first[key], first[earlier])
            whole = max(last[key], last[earlier]) - min(first[key], first[earlier])
            if cosine >= SAME_UNITS and span >= SAME_TIMES * whole:
                labels[labels == labels[key]] = labels[earlier]
                break
    return labels
