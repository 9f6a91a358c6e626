"""Links made by hand: four thousand strangers, and groups among them that share what the maker says."""

from __future__ import annotations

import numpy as np

from stillwatch.links.kinds import KINDS
from stillwatch.links.links import Links, assemble
from stillwatch.networks.search import Network, find_networks

KIND = {kind.name: number for number, kind in enumerate(KINDS)}
N = 4000


class Made:
    """Links under construction."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.rows: list[np.ndarray] = []
        everybody = np.arange(N)
        self.add(everybody, "template", self.rng.zipf(1.5, N) % 300)
        self.add(everybody, "client", self.rng.zipf(1.6, N) % 100)
        self.add(everybody, "prefix", self.rng.integers(0, 1600, N))
        self.add(everybody, "email-domain", self.rng.zipf(1.8, N) % 500)
        self.free = self.rng.permutation(N)

    def take(self, n: int) -> np.ndarray:
        """Accounts that nobody else has taken."""
        taken, self.free = self.free[:n], self.free[n:]
        return np.sort(taken)

    def add(self, units: np.ndarray, kind: str, values: object) -> None:
        """Units show values of a kind."""
        column = np.broadcast_to(np.asarray(values), len(units))
        self.rows.append(np.stack([units, np.full(len(units), KIND[kind]), column]))

    def links(self) -> Links:
        """The links so far."""
        unit, kind, value = np.unique(np.concatenate(self.rows, axis=1), axis=1)
        return assemble(unit, kind, value, np.ones(len(unit), np.int64), N)

    def find(self) -> list[Network]:
        """The networks of the links so far."""
        return find_networks(self.links(), self.rng)


def campaign(made: Made, n: int, *, mould: int, accounts_a_card: int, exits: int) -> np.ndarray:
    """Accounts that share a mould, a few cards and a pool of exits."""
    units = made.take(n)
    made.add(units, "template", mould)
    made.add(units, "payment", mould + 1000 + np.arange(n) // accounts_a_card)
    made.add(units, "prefix", mould + 5000 + made.rng.integers(0, exits, n))
    return units
