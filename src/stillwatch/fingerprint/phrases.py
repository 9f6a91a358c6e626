"""Phrases in a stream of words: which markers they set. The table is made by `markers.phrase_table`."""

from __future__ import annotations

import numpy as np
from numba import njit

from stillwatch.fingerprint.machine import trailing_zeros
from stillwatch.fingerprint.words import PRIME, SEED, U

EDGE_WORDS = 64
"""Head and tail chunks begin within this many words of the prompt's beginning or end; of a system prompt only
such words are looked at."""

FILTER_BITS = 16
"""Index bits of the bitmaps that say where a phrase may end: nearly all words stop there."""

FILTER_SHIFT = U(64 - FILTER_BITS)

SURE = np.int64(0xFFFFFFFF)
"""Bits of phrases that set a marker by themselves; those of hints lie above."""


@njit(cache=True, nogil=True)
def may_end(word, before, ending):  # type: ignore[no-untyped-def]
    """Whether a phrase may end with a word that stands behind another: of most that do not, it says no.

    ending: bitmaps of the words that are phrases, and of the pairs of words that end longer ones.
    """
    pair = (SEED ^ word) * PRIME
    pair ^= pair >> U(32)
    pair = (pair ^ before) * PRIME
    pair >>= FILTER_SHIFT
    word >>= FILTER_SHIFT
    found = (ending[0, word >> U(6)] >> (word & U(63))) | (ending[1, pair >> U(6)] >> (pair & U(63)))
    return (found & U(1)) != U(0)


@njit(cache=True, nogil=True)
def phrases_ending(ring, count, keys, bits, groups, hinted):  # type: ignore[no-untyped-def]
    """The markers of all phrases that end with the newest word, and of hints that have found a second, different one.

    ring: hashes of the last 16 words.  hinted: (32,) the group of the first hint of each marker so far; 0 for none.
    The table holds the ends of phrases too: where the last words are the end of none, no more of them can be one.
    """
    found = np.int64(0)
    key = SEED
    slots = U(keys.shape[0] - 1)
    for back in range(min(count, 10)):
        key = (key ^ ring[(count - 1 - back) & 15]) * PRIME
        key ^= key >> U(32)
        slot = key & slots
        while keys[slot] and keys[slot] != key:
            slot = (slot + U(1)) & slots
        if keys[slot] == U(0):
            break
        found |= bits[slot] & SURE
        hints = U(bits[slot]) >> U(32)
        while hints:
            bit = trailing_zeros(hints)
            hints &= hints - U(1)
            if hinted[bit] == 0:
                hinted[bit] = groups[slot]
            elif hinted[bit] != groups[slot]:
                found |= np.int64(1) << np.int64(bit)
    return found


@njit(cache=True, nogil=True)
def edge_marks(edge, count, ring, hinted, keys, bits, groups, ending):  # type: ignore[no-untyped-def]
    """The markers of phrases within the last `EDGE_WORDS` of `count` words. edge: their hashes, as a ring.

    ring, hinted: room, as `_phrases` has it.
    """
    hinted[:] = 0
    found = np.int64(0)
    begin = max(0, count - EDGE_WORDS)
    for n in range(count - begin):
        h = edge[(begin + n) & (EDGE_WORDS - 1)]
        ring[n & 15] = h
        if may_end(h, ring[(n - 1) & 15], ending):
            found |= phrases_ending(ring, n + 1, keys, bits, groups, hinted)
    return found
