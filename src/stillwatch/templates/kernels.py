"""Compiled parts of gathering pours: their keys, their anchors, and where both are found again.

A *pour* is a distinct pair of system prompt and prompt: a thousand retries are one pour. An *anchor* is one hash of a
place where a mould can show: the head, the tail, the system prompt, or a chunk in one of three regions (head, tail,
all of the prompt). No kernel depends on the order of exchanges: pours are numbered by their hashes.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from stillwatch.fingerprint.words import MIX_1, MIX_2, SEED, U, mix

IN_HEAD, IN_TAIL, IN_ALL, HEAD, TAIL, SYSTEM = range(6)
"""Kinds of anchors: a chunk in one of three regions, the first words, the last words, the system prompt."""

REGION_STARTS = (0, 4, 8, 16)
"""Where the three regions' chunks lie in the fingerprint's `chunks`."""

PER_POUR = 19
"""Anchors of a pour at most: 16 chunks, head, tail, system prompt."""

_SALT = U(0xA0761D6478BD642F)


@njit(cache=True, nogil=True)
def salted(value, kind):  # type: ignore[no-untyped-def]
    """An anchor's key: its hash, told apart by kind."""
    return mix(U(value) ^ (_SALT * U(kind + 1)))


@njit(cache=True, nogil=True)
def pour_keys(prompts, has_prompt, systems, has_system, out):  # type: ignore[no-untyped-def]
    """Key of each exchange's pour; 0 where it has no text. Shapes: prompts, systems, out (n,) uint64."""
    for row in range(out.shape[0]):
        if not has_prompt[row] and not has_system[row]:
            out[row] = U(0)
            continue
        h = (prompts[row] ^ SEED) * MIX_1 if has_prompt[row] else SEED
        h = mix(h)
        if has_system[row]:
            h = (h ^ systems[row]) * MIX_2
        out[row] = max(mix(h), U(1))


@njit(cache=True, nogil=True)
def index_keys(keys, shift, starts):  # type: ignore[no-untyped-def]
    """Where keys with each value of their top bits begin. keys ascending; starts (2**bits + 1,)."""
    at = 0
    n = keys.shape[0]
    for bucket in range(starts.shape[0] - 1):
        while at < n and (keys[at] >> shift) < U(bucket):
            at += 1
        starts[bucket] = at
    starts[starts.shape[0] - 1] = n


@njit(cache=True, nogil=True)
def locate(keys, starts, shift, key):  # type: ignore[no-untyped-def]
    """Place of a key in ascending, evenly spread keys; -1 where it is not one of them."""
    bucket = np.int64(key >> shift)
    low, high = starts[bucket], starts[bucket + 1]
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < starts[bucket + 1] and keys[low] == key else np.int64(-1)


@njit(cache=True, nogil=True)
def find_pours(wanted, keys, starts, shift, out):  # type: ignore[no-untyped-def]
    """Number of each exchange's pour, -1 without text."""
    for row in range(wanted.shape[0]):
        out[row] = locate(keys, starts, shift, wanted[row]) if wanted[row] else np.int64(-1)


@njit(cache=True, nogil=True)
def first_rows(pours, seen, out):  # type: ignore[no-untyped-def]
    """Rows that show a pour for the first time, into `out`; how many. seen: a bit a pour, kept between calls."""
    n = 0
    for row in range(pours.shape[0]):
        pour = pours[row]
        if pour >= 0 and not (seen[pour >> 3] >> (pour & 7)) & 1:
            seen[pour >> 3] |= np.uint8(1 << (pour & 7))
            out[n] = row
            n += 1
    return n


@njit(cache=True, nogil=True)
def anchors_of(row, chunks, ends, present, keys, texts, kinds):  # type: ignore[no-untyped-def]
    """The anchors of a row: their keys, what text they stand for, their kinds; how many.

    Shapes: chunks (n, 16) uint64; ends, present (n, 3): head, tail, system prompt.
    """
    n = 0
    for region in range(3):
        for i in range(REGION_STARTS[region], REGION_STARTS[region + 1]):
            value = chunks[row, i]
            if value:
                keys[n], texts[n], kinds[n] = salted(value, region), value, region
                n += 1
    for end in range(3):
        if present[row, end]:
            kind = HEAD + end
            keys[n] = salted(ends[row, end], kind)
            texts[n], kinds[n] = keys[n], kind
            n += 1
    return n


@njit(cache=True, nogil=True)
def list_anchors(rows, chunks, ends, present, out):  # type: ignore[no-untyped-def]
    """Keys of the anchors of some rows, one after the other; how many. Shapes: out (19 n_rows,) uint64."""
    texts, kinds = np.empty(PER_POUR, np.uint64), np.empty(PER_POUR, np.int8)
    keys = np.empty(PER_POUR, np.uint64)
    n = 0
    for i in range(rows.shape[0]):
        k = anchors_of(rows[i], chunks, ends, present, keys, texts, kinds)
        out[n : n + k] = keys[:k]
        n += k
    return n


@njit(cache=True, nogil=True)
def deal_out(keys, n_pieces, ends, out):  # type: ignore[no-untyped-def]
    """Keys by the piece of their range that they lie in, in the order they came; where each piece ends in `out`."""
    ends[:] = 0
    for i in range(keys.shape[0]):
        ends[((keys[i] >> U(32)) * U(n_pieces)) >> U(32)] += 1
    at = np.cumsum(ends) - ends
    for i in range(keys.shape[0]):
        piece = ((keys[i] >> U(32)) * U(n_pieces)) >> U(32)
        out[at[piece]] = keys[i]
        at[piece] += 1
    ends[:] = at


@njit(cache=True, nogil=True)
def place_anchors(  # type: ignore[no-untyped-def]
    rows, pours, chunks, ends, present, words, keys, starts, shift, at,
    anchor_text, anchor_kind, pour_start, pour_count, pour_anchors, limits, n_kept, pour_words,
):  # fmt: skip
    """Write the frequent anchors of some rows' pours behind place `at` of pour_anchors; the next free place.

    Also: limits (n_pours, 3) uint16: top bits of the largest chunk that each region could have kept; n_kept
    (n_pours, 3) uint8: chunks that it kept; pour_words (n_pours,).
    """
    key, text, kind = np.empty(PER_POUR, np.uint64), np.empty(PER_POUR, np.uint64), np.empty(PER_POUR, np.int8)
    for i in range(rows.shape[0]):
        row = rows[i]
        pour = pours[row]
        pour_start[pour] = at
        k = anchors_of(row, chunks, ends, present, key, text, kind)
        for j in range(k):
            anchor = locate(keys, starts, shift, key[j])
            if anchor >= 0:
                anchor_text[anchor] = text[j]
                anchor_kind[anchor] = kind[j]
                pour_anchors[at] = anchor
                at += 1
        pour_count[pour] = at - pour_start[pour]
        for region in range(3):
            last = REGION_STARTS[region + 1] - 1
            full = chunks[row, last] != U(0)
            limits[pour, region] = np.uint16(chunks[row, last] >> U(48)) if full else np.uint16(0xFFFF)
            n = 0
            for c in range(REGION_STARTS[region], last + 1):
                n += chunks[row, c] != U(0)
            n_kept[pour, region] = n
        pour_words[pour] = min(words[row], 65535)
    return at


@njit(cache=True, nogil=True)
def sample_pours(pour_start, pour_count, pour_groups, group_start, sample):  # type: ignore[no-untyped-def]
    """The first pours of each group (an anchor, a template), as many as its room holds.

    pour_groups: the groups of pour i at pour_start[i] and on; -1 for none.  Shapes: group_start (n_groups + 1,).
    """
    filled = np.zeros(group_start.shape[0] - 1, np.int32)
    for pour in range(pour_start.shape[0]):
        for at in range(pour_start[pour], pour_start[pour] + pour_count[pour]):
            group = pour_groups[at]
            if group >= 0 and group_start[group] + filled[group] < group_start[group + 1]:
                sample[group_start[group] + filled[group]] = pour
                filled[group] += 1
