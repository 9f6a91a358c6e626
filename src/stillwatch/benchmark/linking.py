"""Networks: planted groups of ordinary degree among a million accounts, to be found by what they share.

Links are as a large log has them: values that thousands share, a long tail of what two or three share by chance, and
organisations that declare themselves. Colluders have as many links as everybody else; in place of a third of them they
have some of their group's.
"""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stillwatch.benchmark.measured import Column, Measured, Row
from stillwatch.links.kinds import KINDS
from stillwatch.links.links import Links, assemble
from stillwatch.networks.search import find_networks

ACCOUNTS = 1_200_000
LINKS = 25_000_000
COLLUDERS = 24_000
GROUP = 150
LEAST = 40
"""At scale 1; accounts of a planted group on average, and at the least."""

VALUES = 3_000_000
"""Values at scale 1 that are not popular: most are shown by a few accounts, by chance; the groups' are among them."""

SHARE_OF_POPULAR = 0.35
GIVEN_UP = 0.36
"""Share of links that are to popular values; and of a colluder's links that it has not, in place of its group's."""

ORGANISATION = 50
IN_ORGANISATIONS = 0.3
SEED = 5
SIZES = (0.04, 0.2, 1.0)
"""Shares of the full size that are measured at scale 1; no scale makes them less than a tenth of these."""

Ints = npt.NDArray[np.int64]

_KIND = {kind.name: number for number, kind in enumerate(KINDS)}
_POPULAR = ("template", "client", "tools", "prefix", "email-domain")
_OWN, _OWN_SHARES = ("template", "payment", "prefix", "rhythm"), (0.15, 0.15, 0.35, 0.35)


def planted(scale: float, seed: int = SEED) -> tuple[Links, Ints]:
    """Links, and the planted group of each unit; -1 for honest ones. A declared organisation is one unit."""
    rng = np.random.default_rng(seed)
    n, n_links = int(ACCOUNTS * scale), int(LINKS * scale)
    degree = np.minimum(rng.lognormal(2.6, 0.9, n), 400)
    account = np.repeat(np.arange(n), rng.poisson(degree / degree.sum() * n_links))
    kind, value = np.empty(len(account), np.int64), np.empty(len(account), np.int64)
    many = rng.random(len(account)) < SHARE_OF_POPULAR
    kind[many] = rng.choice([_KIND[name] for name in _POPULAR], many.sum())
    value[many] = np.minimum(rng.zipf(1.2, many.sum()), n // 20)
    kind[~many] = rng.choice([_KIND[name] for name in _OWN], (~many).sum(), p=_OWN_SHARES)
    value[~many] = n + rng.integers(0, int(VALUES * scale), (~many).sum())
    # The first accounts are those of organisations.
    in_organisation = int(n * IN_ORGANISATIONS) // ORGANISATION * ORGANISATION
    unit_of = np.arange(n)
    unit_of[:in_organisation] //= ORGANISATION
    unit_of[in_organisation:] -= in_organisation - in_organisation // ORGANISATION
    n_units = int(unit_of[-1]) + 1
    colluders = rng.choice(np.arange(in_organisation, n), int(COLLUDERS * scale), replace=False)
    n_groups = max(1, len(colluders) // GROUP)
    least = min(LEAST, len(colluders) // n_groups)
    sizes = least + rng.multinomial(len(colluders) - least * n_groups, np.full(n_groups, 1 / n_groups))
    kept = ~(np.isin(account, colluders) & (rng.random(len(account)) < GIVEN_UP))
    rows = [np.stack([unit_of[account[kept]], kind[kept], value[kept]])]
    group = np.full(n_units, -1, np.int64)
    for number, members in enumerate(np.split(unit_of[colluders], np.cumsum(sizes)[:-1])):
        group[members] = number
        n_values = int(rng.integers(20, 120))
        kinds = rng.choice([_KIND[name] for name in _OWN], n_values, p=_OWN_SHARES)
        values = n + rng.integers(0, int(VALUES * scale), n_values)
        at, which = np.nonzero(rng.random((len(members), n_values)) < min(0.9, rng.uniform(5, 10) / n_values))
        rows.append(np.stack([members[at], kinds[which], values[which]]))
    unit, kind, value = np.concatenate(rows, axis=1)
    most = int(value.max()) + 1
    shown = np.unique((unit * len(KINDS) + kind) * most + value)
    unit, kind, value = shown // (len(KINDS) * most), shown // most % len(KINDS), shown % most
    return assemble(unit, kind, value, np.ones(len(unit), np.int64), n_units), group


def measure_networks(scale: float = 1.0) -> Measured:
    """Time, recall and precision of the network step at three sizes, beside connected components of the same links."""
    rows = []
    for size in SIZES:
        links, group = planted(max(size * scale, size / 10))
        begin = time.perf_counter()
        networks = find_networks(links, np.random.default_rng(SEED))
        ours = time.perf_counter() - begin
        begin = time.perf_counter()
        _components(links)
        theirs = time.perf_counter() - begin
        found = np.unique(np.concatenate([network.members for network in networks])) if networks else np.zeros(0, int)
        right = int((group[found] >= 0).sum())
        figures: dict[str, float | None] = {
            "links": len(links.unit_indicators),
            "seconds": ours,
            "times": ours / theirs,
            "recall": right / int((group >= 0).sum()),
            "precision": right / max(len(found), 1),
        }
        rows.append(Row(f"{links.n_units:,} accounts", figures))
    return Measured(
        "networks",
        f"networks: groups of {GROUP} of ordinary degree among links of chance, one account in {ACCOUNTS // COLLUDERS}",
        (
            Column("links", "links", "{:,.0f}"),
            Column("seconds", "seconds", "{:,.1f}"),
            Column("times", "of connected components' time", "{:,.0f} x"),
            Column("recall", "recall", "{:.3f}"),
            Column("precision", "precision", "{:.3f}"),
        ),
        tuple(rows),
        ("connected components put nearly all accounts into one, and find nothing: their time is a yardstick alone",),
    )


def _components(links: Links) -> int:
    """Connected components of units and values."""
    units = np.repeat(np.arange(links.n_units), np.diff(links.unit_offsets))
    n = links.n_units + links.n_indicators
    graph = coo_array((np.ones(len(units), np.int8), (units, links.n_units + links.unit_indicators)), shape=(n, n))
    return int(connected_components(graph, directed=False)[0])
