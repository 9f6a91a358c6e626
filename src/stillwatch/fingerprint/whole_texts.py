"""Texts as wholes: one hash of all their words, and of system prompts the markers of their edges."""

from __future__ import annotations

import numpy as np
from numba import njit

from stillwatch.fingerprint.phrases import EDGE_WORDS, edge_marks
from stillwatch.fingerprint.words import (
    PRIME,
    SEED,
    SEGMENT,
    WORD_BYTES,
    U,
    find_words,
    hash_mould,
    hash_word,
    hash_word_and_digits,
    mix,
)


@njit(cache=True, nogil=True)
def exact_rows(data, offsets, valid, first_row, last_row, hashes):  # type: ignore[no-untyped-def]
    """The hash of all words of rows [first_row, last_row) as they are.

    Shapes: as in `kernels.prompt_rows`; hashes (n,) uint64.
    """
    folded = np.zeros(SEGMENT + 128, np.uint8)
    masks = np.zeros((4, SEGMENT // 64 + 2), np.uint64)
    starts, ends = np.empty(SEGMENT + 2, np.int32), np.empty(SEGMENT + 2, np.int32)
    source = folded.ctypes.data
    for row in range(first_row, last_row):
        if not valid[row]:
            continue
        at, stop = offsets[row], offsets[row + 1]
        exact, count = SEED, U(0)
        while at < stop:
            n_words, at, _, _, _ = find_words(data, at, stop, folded, masks, starts, ends)
            for w in range(n_words):
                exact = (exact ^ hash_word(source + starts[w], ends[w] - starts[w])) * PRIME
                exact ^= exact >> U(32)
            count += U(n_words)
        hashes[row] = mix(exact ^ count)


@njit(cache=True, nogil=True)
def system_rows(  # type: ignore[no-untyped-def]
    data, offsets, valid, first_row, last_row, keys, phrase_bits, groups, ending, hashes, markers
):
    """Hashes of all words of rows [first_row, last_row) as a mould has them; markers of their edges.

    Only phrases within the first `EDGE_WORDS` words or within the last ones count: a long system prompt names its part
    and its task there, and speaks of everything in between.
    Shapes: as in `kernels.prompt_rows`; hashes (n,) uint64; markers (n,) int64.
    """
    edge = np.zeros(EDGE_WORDS, np.uint64)
    ring, hinted = np.zeros(16, np.uint64), np.zeros(32, np.int64)
    folded = np.zeros(SEGMENT + 128, np.uint8)
    masks = np.zeros((4, SEGMENT // 64 + 2), np.uint64)
    starts, ends = np.empty(SEGMENT + 2, np.int32), np.empty(SEGMENT + 2, np.int32)
    room = np.zeros(WORD_BYTES + 8, np.uint8)
    source = folded.ctypes.data
    for row in range(first_row, last_row):
        if not valid[row]:
            continue
        at, stop = offsets[row], offsets[row + 1]
        mould, count, n_mould = SEED, U(0), U(0)
        head = np.int64(0)
        after_number = False
        while at < stop:
            n_words, at, _, _, _ = find_words(data, at, stop, folded, masks, starts, ends)
            for w in range(n_words):
                start, end = starts[w], ends[w]
                h, digits = hash_word_and_digits(source + start, end - start)
                if count == U(EDGE_WORDS):
                    head = edge_marks(edge, EDGE_WORDS, ring, hinted, keys, phrase_bits, groups, ending)
                edge[count & U(EDGE_WORDS - 1)] = h
                count += U(1)
                number = False
                if digits:
                    h, number = hash_mould(folded, start, end, room)
                    if number and after_number:
                        continue
                after_number = number
                mould = (mould ^ h) * PRIME
                mould ^= mould >> U(32)
                n_mould += U(1)
        hashes[row] = mix(mould ^ n_mould)
        markers[row] = head | edge_marks(edge, np.int64(count), ring, hinted, keys, phrase_bits, groups, ending)
