"""Which exchanges a bounded sample of texts takes: compiled, row after row, on plain arrays.

A key is one head, one tail or one system prompt. Each holds the few exchanges with the smallest (hash, position) that
were shown so far, and an exchange is kept as long as a key holds it. No text is touched here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stillwatch.fingerprint.words import PRIME, U

PER_KEY = 8
"""Exchanges kept of one head, one tail, or one system prompt."""

KINDS = 3
"""Heads, tails, system prompts."""

DONE, FULL, TOO_MUCH = 0, 1, 2
"""Why `_consider` came back: all rows were shown; there is no room for another; what is kept is above the limit."""

Words = NDArray[np.uint64]
Ints = NDArray[np.int64]


@njit(cache=True, nogil=True)
def _slot_of(key, kind, keys, kinds):  # type: ignore[no-untyped-def]
    """The slot that a key has in an open table of a power of two slots, or would have; kinds: -1 where it is free."""
    slots = U(keys.shape[0] - 1)
    h = (key ^ U(kind + 1)) * PRIME
    slot = (h ^ (h >> U(32))) & slots
    while kinds[slot] >= 0 and (keys[slot] != key or kinds[slot] != kind):
        slot = (slot + U(1)) & slots
    return slot


@njit(cache=True, nogil=True)
def _before(one, other, hashes, positions):  # type: ignore[no-untyped-def]
    if hashes[one] != hashes[other]:
        return hashes[one] < hashes[other]
    return positions[one] < positions[other]


@njit(cache=True, nogil=True)
def _hold(entry, slot, n_held, held, hashes, positions):  # type: ignore[no-untyped-def]
    """Have a key hold an entry that it has place for, or that comes before its last; the entry it lets go, or -1."""
    n = np.int64(n_held[slot])
    gone = np.int64(-1)
    if n == PER_KEY:
        gone = np.int64(held[slot, PER_KEY - 1])
        n -= 1
    at = n
    while at > 0 and _before(entry, held[slot, at - 1], hashes, positions):
        held[slot, at] = held[slot, at - 1]
        at -= 1
    held[slot, at] = entry
    n_held[slot] = n + 1
    return gone


@njit(cache=True, nogil=True)
def _consider(  # type: ignore[no-untyped-def]
    first, hash_of, position_of, key_of, has_key, size_of, most, limit, counts,
    keys, kinds, n_held, held, hashes, positions, rows, sizes, holders,
):  # fmt: skip
    """Show rows from `first` on; why it came back, and the next row.

    Shapes: rows: hash_of, position_of, size_of (n,); key_of, has_key (n, KINDS).  A table of keys: keys, kinds, n_held
    (slots,); held (slots, PER_KEY) int32.  Entries: hashes, positions, rows, sizes, holders (room,).
    counts (3,): entries, keys, size of all that is kept.
    """
    n_rows, room = hash_of.shape[0], hashes.shape[0]
    wanted = np.empty(KINDS, np.int64)
    for row in range(first, n_rows):
        if hash_of[row] > most:
            continue
        if counts[0] == room or (counts[1] + KINDS) * 2 > keys.shape[0]:
            return FULL, row
        entry = counts[0]
        hashes[entry], positions[entry] = hash_of[row], position_of[row]
        n_wanted = 0
        for kind in range(KINDS):
            if not has_key[row, kind]:
                continue
            slot = _slot_of(key_of[row, kind], kind, keys, kinds)
            if kinds[slot] < 0:
                keys[slot], kinds[slot], n_held[slot] = key_of[row, kind], kind, 0
                counts[1] += 1
            elif n_held[slot] == PER_KEY and not _before(entry, held[slot, PER_KEY - 1], hashes, positions):
                continue
            wanted[n_wanted] = slot
            n_wanted += 1
        if not n_wanted:
            continue
        rows[entry], sizes[entry], holders[entry] = row, size_of[row], n_wanted
        counts[0] += 1
        counts[2] += size_of[row]
        for i in range(n_wanted):
            gone = _hold(entry, wanted[i], n_held, held, hashes, positions)
            if gone >= 0:
                holders[gone] -= 1
                if not holders[gone]:
                    counts[2] -= sizes[gone]
        if counts[2] * 2 > limit:
            return TOO_MUCH, row + 1
    return DONE, n_rows


@njit(cache=True, nogil=True)
def _let_go(most, counts, kinds, n_held, held, hashes, sizes, holders):  # type: ignore[no-untyped-def]
    """Have every key let go of the entries whose hash is above `most`."""
    for slot in range(kinds.shape[0]):
        while n_held[slot] and hashes[held[slot, n_held[slot] - 1]] > most:
            n_held[slot] -= 1
            gone = held[slot, n_held[slot]]
            holders[gone] -= 1
            if not holders[gone]:
                counts[2] -= sizes[gone]


@njit(cache=True, nogil=True)
def _move(keys, kinds, n_held, held, renamed, new_keys, new_kinds, new_n_held, new_held):  # type: ignore[no-untyped-def]
    """Put the keys that hold something into another table, with entries by their new numbers; how many keys."""
    n = 0
    for slot in range(kinds.shape[0]):
        if kinds[slot] < 0 or n_held[slot] == 0:
            continue
        to = _slot_of(keys[slot], kinds[slot], new_keys, new_kinds)
        new_keys[to], new_kinds[to], new_n_held[to] = keys[slot], kinds[slot], n_held[slot]
        for i in range(n_held[slot]):
            new_held[to, i] = renamed[held[slot, i]]
        n += 1
    return n


@njit(cache=True, nogil=True)
def _fill(kind_of, key_of, entry_of, counts, keys, kinds, n_held, held, hashes, positions, holders):  # type: ignore[no-untyped-def]
    """Have keys hold entries as they did, one by one, in a table that has room for them."""
    for i in range(kind_of.shape[0]):
        slot = _slot_of(key_of[i], kind_of[i], keys, kinds)
        if kinds[slot] < 0:
            keys[slot], kinds[slot], n_held[slot] = key_of[i], kind_of[i], 0
            counts[1] += 1
        _hold(entry_of[i], slot, n_held, held, hashes, positions)
        holders[entry_of[i]] += 1


@dataclass(frozen=True, slots=True)
class Holdings:
    """What keys hold, row for row: kind and key, and the entry's number. Shapes: (n,) each."""

    kind: NDArray[np.int8]
    key: Words
    entry: Ints


class Choice:
    """The exchanges that are kept: their hashes, positions, sizes, and whatever else is said of them, by entry.

    limit: twice what they may come to together; sizes are those that `consider` is told.
    Shapes: of `n` entries: hashes, positions, rows, sizes, holders (room,), of which the first n count.
    """

    def __init__(self, limit: int, halvings: int = 0) -> None:
        self.limit, self.halvings = limit, halvings
        self._counts = np.zeros(3, np.int64)
        self._make_entries(1 << 12)
        self._make_table(1 << 13)

    @property
    def n(self) -> int:
        """Entries, those among them that nobody holds any more."""
        return int(self._counts[0])

    @property
    def most(self) -> np.uint64:
        """The largest hash that is still taken."""
        return np.uint64((1 << (64 - self.halvings)) - 1)

    def live(self) -> Ints:
        """The entries that are kept, ascending."""
        return np.flatnonzero(self.holders[: self.n]).astype(np.int64)

    def consider(
        self, hashes: Words, positions: Ints, keys: Words, has_key: NDArray[np.bool_], sizes: Ints
    ) -> tuple[Ints, Ints]:
        """Show some exchanges in their order; the new entries that are kept, and the rows they came from.

        Entries may be renumbered: `rows` says -1 of those that were there before, whose `places` move along.
        """
        self.rows[: self.n] = -1
        # An id may be made to have the hash 0, which no threshold would let go of.
        hashes = np.maximum(hashes, np.uint64(1))
        why, row = FULL, 0
        while why != DONE:
            why, row = _consider(
                row, hashes, positions, keys, has_key, sizes, self.most, self.limit, self._counts,
                self._keys, self._kinds, self._n_held, self._held,
                self.hashes, self.positions, self.rows, self.sizes, self.holders,
            )  # fmt: skip
            if why == FULL:
                self._make_room()
            while self._counts[2] * 2 > self.limit:
                self.halvings += 1
                _let_go(
                    self.most, self._counts, self._kinds, self._n_held, self._held,
                    self.hashes, self.sizes, self.holders,
                )  # fmt: skip
        live = self.live()
        new = live[self.rows[live] >= 0]
        return new, self.rows[new]

    def holdings(self) -> Holdings:
        """What keys hold, in the order of kinds and keys, and of their entries."""
        slots = np.flatnonzero(self._n_held)
        slots = slots[np.lexsort((self._keys[slots], self._kinds[slots]))]
        n_held = self._n_held[slots].astype(np.int64)
        of_slot = np.repeat(slots, n_held)
        within = np.arange(len(of_slot)) - np.repeat(np.cumsum(n_held) - n_held, n_held)
        return Holdings(self._kinds[of_slot], self._keys[of_slot], self._held[of_slot, within].astype(np.int64))

    def restore(self, hashes: Words, positions: Ints, sizes: Ints, places: Ints, holdings: Holdings) -> None:
        """Have the entries, and what keys hold, that another choice had. Assumes: this one is new."""
        n = len(hashes)
        self._make_entries(max(len(self.hashes), _room(n)))
        self._make_table(_room(len(holdings.key)))
        self._counts[:] = n, 0, int(sizes.sum())
        self.hashes[:n], self.positions[:n], self.sizes[:n], self.places[:n] = hashes, positions, sizes, places
        _fill(
            holdings.kind, holdings.key, holdings.entry, self._counts,
            self._keys, self._kinds, self._n_held, self._held, self.hashes, self.positions, self.holders,
        )  # fmt: skip

    def _make_entries(self, room: int) -> None:
        self.hashes, self.positions, self.rows = (
            np.zeros(room, np.uint64),
            np.zeros(room, np.int64),
            np.zeros(room, np.int64),
        )
        self.sizes, self.holders = np.zeros(room, np.int64), np.zeros(room, np.int8)
        # at, system_bytes, prompt_bytes: for whoever keeps the texts.
        self.places = np.zeros((room, 3), np.int64)

    def _make_table(self, slots: int) -> None:
        self._keys, self._kinds = np.zeros(slots, np.uint64), np.full(slots, -1, np.int8)
        self._n_held, self._held = np.zeros(slots, np.int8), np.zeros((slots, PER_KEY), np.int32)

    def _make_room(self) -> None:
        """Forget entries that nobody holds and keys that hold nothing; have twice as much room as is then needed."""
        live = self.live()
        n = len(live)
        renamed = np.zeros(len(self.hashes), np.int32)
        renamed[live] = np.arange(n)
        hashes, positions, rows = self.hashes[live], self.positions[live], self.rows[live]
        sizes, holders, places = self.sizes[live], self.holders[live], self.places[live]
        self._make_entries(_room(n))
        self.hashes[:n], self.positions[:n], self.rows[:n] = hashes, positions, rows
        self.sizes[:n], self.holders[:n], self.places[:n] = sizes, holders, places
        old_table = self._keys, self._kinds, self._n_held, self._held
        self._make_table(2 * _room(int(np.count_nonzero(self._n_held))))
        n_keys = _move(*old_table, renamed, self._keys, self._kinds, self._n_held, self._held)
        self._counts[:2] = n, n_keys


def _room(n: int) -> int:
    """A power of two of at least twice as many."""
    return 1 << max(12, int(2 * n).bit_length())
