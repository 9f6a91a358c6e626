"""The one pass over a prompt: compiled functions on Arrow's offsets and bytes, no Python object a row.

Every word is hashed as it is (for `prompt_hash` and markers) and as a mould would have it (runs of digits folded, a row
of numbers taken as one: for everything else). Over the mould's words run the sketch, the chunks, head and tail and the
projection. A row depends on nothing but its own bytes.

Source: one-permutation hashing, Li, Owen, Zhang 2012; optimal densification, Shrivastava 2017; sparse random
projection, Kane and Nelson 2014; content-defined chunking, Muthitacharoen, Chen, Mazieres 2001, here over words.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from stillwatch.fingerprint.machine import trailing_zeros
from stillwatch.fingerprint.phrases import EDGE_WORDS, may_end, phrases_ending
from stillwatch.fingerprint.words import (
    BASE,
    LATIN,
    MIX_1,
    MIX_2,
    N_SCRIPTS,
    NO_SCRIPT,
    ONES,
    PRIME,
    SEED,
    SEGMENT,
    WORD_BYTES,
    U,
    decode,
    find_words,
    hash_mould,
    hash_word_and_digits,
    mix,
    script_of,
)

SHINGLE_WORDS = 5
SHINGLE_OUT = U(pow(int(BASE), SHINGLE_WORDS, 2**64))
"""Weight with which the oldest word leaves a rolling shingle."""

BINS = 128
EMPTY_BIN = np.uint32(0xFFFFFFFF)

CHUNK_LEAST, CHUNK_MOST = 3, 24
CHUNK_BOUNDARY = U(2**64 // 5)
"""A pair of words ends a chunk when its hash is below this: one in five, so that chunks have 7 words on average."""

HEAD_CHUNKS, TAIL_CHUNKS, ALL_CHUNKS = 4, 4, 8
END_WORDS = 8
"""Words of head_hash and tail_hash."""

DIMS = 64

LONG_WORD = 5
"""A word of at least this many bytes weighs twice in the projection: short ones are mostly grammar."""

BLOB_BYTES = 80
LONG_LINE_BYTES = 4000
BARS_OF_A_TABLE = 6

HAS_CODE, HAS_JSON, HAS_LIST, HAS_MATH, HAS_TAGS = range(5)
HAS_QUESTION, HAS_TABLE, HAS_BLOB, HAS_LONG_LINE, HAS_SLOTS = range(5, 10)
"""Places in `shape_bits`, which says the bit of each shape's marker."""


@njit(cache=True, nogil=True)
def fill_bins(smallest, out):  # type: ignore[no-untyped-def]
    """A byte for every bin's smallest hash, 1 to 255 by its low 16 bits; 0 for an empty bin.

    Shapes: smallest (BINS,) uint32; out (BINS,) uint8.
    """
    for i in range(BINS):
        low = smallest[i] & np.uint32(0xFFFF)
        byte = np.uint8((low * np.uint32(255) >> np.uint32(16)) + np.uint32(1))
        out[i] = byte if smallest[i] != EMPTY_BIN else np.uint8(0)


@njit(cache=True, nogil=True)
def keep_smallest(kept, value):  # type: ignore[no-untyped-def]
    """Put a value into an ascending array of distinct smallest values, if it belongs there.

    Without branches: where a hash belongs cannot be foretold, and each wrong guess would cost more than all of this.
    """
    last = kept.shape[0] - 1
    if value >= kept[last]:
        return
    there = False
    for i in range(last):
        there |= kept[i] == value
    value = ONES if there else value
    for i in range(last, 0, -1):
        kept[i] = min(kept[i], max(kept[i - 1], value))
    kept[0] = min(kept[0], value)


@njit(cache=True, nogil=True)
def quantise(sums, out):  # type: ignore[no-untyped-def]
    """Sums to int8 of length 127 together, after a signed square root that keeps repeated words from ruling."""
    total = 0
    for d in range(DIMS):
        total += abs(sums[d])
    if total == 0:
        out[:] = 0
        return
    scale = 127.0 / np.sqrt(np.float64(total))
    for d in range(DIMS):
        value = np.rint(np.sqrt(np.float64(abs(sums[d]))) * scale)
        out[d] = np.int8(value if sums[d] >= 0 else -value)


@njit(cache=True, nogil=True)
def _bin(shingle, smallest):  # type: ignore[no-untyped-def]
    g = (shingle ^ (shingle >> U(32))) * MIX_1
    g ^= g >> U(29)
    b = g >> U(57)
    smallest[b] = min(smallest[b], np.uint32(g))


@njit(cache=True, nogil=True)
def _spread(h, weight, sums):  # type: ignore[no-untyped-def]
    """Add a feature to four of the 64 sums, one in each quarter, with a sign each."""
    for quarter in range(4):
        code = np.int64(h >> U(59))
        h <<= U(5)
        sums[16 * quarter + (code & 15)] += weight if code & 16 else -weight


@njit(cache=True, nogil=True)
def _structure(data, at, begin, stop):  # type: ignore[no-untyped-def]
    """What a byte that structure is told by says, with its neighbours, as a place in `shape_bits`; -1 for nothing."""
    c = data[at]
    after = data[at + 1] if at + 1 < stop else np.uint8(0)
    if c == 96:
        fence = after == 96 and at + 2 < stop and data[at + 2] == 96
        return HAS_CODE if fence else -1
    if c == 60:
        letter = (97 <= (after | 32) < 123) or after == 47
        return HAS_TAGS if letter else -1
    if c == 92:
        return HAS_MATH if after == 40 or after == 91 else -1
    if c == 36:
        return HAS_MATH if after == 36 else -1
    if c == 124:
        return HAS_TABLE
    if after == 123:
        return HAS_SLOTS
    i = at + 1
    while i < stop and i < at + 64 and (data[i] == 32 or data[i] == 10 or data[i] == 13 or data[i] == 9):
        i += 1
    return HAS_JSON if i < stop and data[i] == 34 else -1


@njit(cache=True, nogil=True)
def _is_list_number(data, first, last, begin, stop):  # type: ignore[no-untyped-def]
    """Whether the number at data[first:last] begins a line and is followed by a dot or a bracket."""
    if last >= stop or last - first > 3 or (data[last] != 46 and data[last] != 41):
        return False
    i = first - 1
    while i >= begin and (data[i] == 32 or data[i] == 9):
        i -= 1
    return i < begin or data[i] == 10


@njit(cache=True, nogil=True)
def _ends_in_question(data, begin, stop):  # type: ignore[no-untyped-def]
    i = stop - 1
    while i >= begin and (data[i] <= 32 or data[i] == 34 or data[i] == 39):
        i -= 1
    if i < begin:
        return False
    if data[i] == 63:
        return True
    if i - begin >= 2 and data[i] == 0x9F and data[i - 1] == 0xBC and data[i - 2] == 0xEF:
        return True
    return i - begin >= 1 and data[i] == 0x9F and data[i - 1] == 0xD8


@njit(cache=True, nogil=True)
def _longest_line(data, begin, stop):  # type: ignore[no-untyped-def]
    longest, start = 0, begin
    for i in range(begin, stop):
        if data[i] == 10:
            longest = max(longest, i - start)
            start = i + 1
    return max(longest, stop - start)


@njit(cache=True, nogil=True)
def _last_words(ring, count, wanted):  # type: ignore[no-untyped-def]
    """Hash of the last `wanted` of `count` words. ring: hashes of the last 16 words."""
    h = SEED
    for i in range(max(0, count - wanted), count):
        h = (h ^ ring[i & 15]) * PRIME
        h ^= h >> U(32)
    return mix(h ^ U(min(count, wanted)))


@njit(cache=True, nogil=True)
def prompt_rows(  # type: ignore[no-untyped-def]
    data, offsets, valid, first_row, last_row, keys, phrase_bits, groups, ending, shape_bits,
    hashes, counts, scripts, markers, chunks, sketches, projections,
):  # fmt: skip
    """Fill the prompt columns of rows [first_row, last_row).

    Shapes: data (n_bytes,) uint8; offsets (n + 1,); valid (n,) bool;
    keys, phrase_bits, groups, ending of `markers.phrase_table`; shape_bits (10,) int64.  Filled: hashes (n, 3) uint64:
    all words, head, tail; counts (n, 2) int64: words, lines; scripts (n,) int8; markers (n,) int64;
    chunks (n, 16) uint64; sketches (n, 128) uint8; projections (n, 64) int8.
    """
    folded = np.zeros(SEGMENT + 128, np.uint8)
    masks = np.zeros((4, SEGMENT // 64 + 2), np.uint64)
    starts, ends = np.empty(SEGMENT + 2, np.int32), np.empty(SEGMENT + 2, np.int32)
    room = np.zeros(WORD_BYTES + 8, np.uint8)
    words, moulds = np.zeros(16, np.uint64), np.zeros(16, np.uint64)
    smallest = np.empty(BINS, np.uint32)
    sums = np.empty(DIMS, np.int64)
    late_hash, late_start = np.empty(32, np.uint64), np.empty(32, np.int64)
    in_script = np.empty(N_SCRIPTS, np.int64)
    seen = np.empty(10, np.int64)
    hinted = np.empty(32, np.int64)
    source = folded.ctypes.data
    for row in range(first_row, last_row):
        if not valid[row]:
            continue
        begin, stop = offsets[row], offsets[row + 1]
        smallest[:] = EMPTY_BIN
        sums[:] = 0
        in_script[:] = 0
        seen[:] = 0
        hinted[:] = 0
        head, tail, everywhere = chunks[row, :4], chunks[row, 4:8], chunks[row, 8:]
        chunks[row, :] = ONES
        all_words, head_hash = SEED, U(0)
        count, n_mould, n_lines, n_late, chunk_start, n_latin = 0, 0, 0, 0, 0, 0
        shingle, chunk, before = U(0), SEED, U(0)
        after_number = False
        marks = np.int64(0)
        listed = 0
        at = begin
        while at < stop:
            n_words, following, newlines, _, n_blocks = find_words(data, at, stop, folded, masks, starts, ends)
            n_lines += newlines
            for b in range(n_blocks):
                special = masks[3, b]
                while special:
                    place = at + 64 * b + trailing_zeros(special)
                    special &= special - U(1)
                    if place < following:
                        shape = _structure(data, place, begin, stop)
                        if shape >= 0:
                            seen[shape] += 1
            for w in range(n_words):
                start, end = starts[w], ends[w]
                length = end - start
                initial = folded[start]
                h, digits = hash_word_and_digits(source + start, length)
                all_words = (all_words ^ h) * PRIME
                all_words ^= all_words >> U(32)
                words[count & 15] = h
                count += 1
                if may_end(h, words[(count - 2) & 15], ending):
                    marks |= phrases_ending(words, count, keys, phrase_bits, groups, hinted)
                if initial < 128:
                    n_latin += initial >= 97
                else:
                    code, _ = decode(folded, start, end)
                    in_script[script_of(code) if code >= 0 else NO_SCRIPT] += 1
                mould = h
                number = False
                if digits:
                    mould, number = hash_mould(folded, start, end, room)
                    if number:
                        listed += _is_list_number(data, at + start, at + end, begin, stop)
                        if after_number:
                            continue
                    elif length >= BLOB_BYTES:
                        seen[HAS_BLOB] += 1
                after_number = number
                # From here on, words are the mould's.
                shingle = shingle * BASE + mould
                if n_mould >= SHINGLE_WORDS:
                    shingle -= moulds[(n_mould - SHINGLE_WORDS) & 15] * SHINGLE_OUT
                moulds[n_mould & 15] = mould
                n_mould += 1
                if n_mould >= SHINGLE_WORDS:
                    _bin(shingle, smallest)
                pair = (before * BASE + mould) * MIX_2
                pair ^= pair >> U(32)
                pair *= MIX_1
                _spread(mould * MIX_2, 2 if length >= LONG_WORD else 1, sums)
                if n_mould > 1:
                    _spread(pair, 1, sums)
                before = mould
                chunk = chunk * BASE + mould
                size = n_mould - chunk_start
                if size >= CHUNK_LEAST and (pair < CHUNK_BOUNDARY or size == CHUNK_MOST):
                    late_hash[n_late & 31] = mix(chunk)
                    late_start[n_late & 31] = chunk_start
                    keep_smallest(everywhere, late_hash[n_late & 31])
                    if chunk_start < EDGE_WORDS:
                        keep_smallest(head, late_hash[n_late & 31])
                    n_late += 1
                    chunk_start = n_mould
                    chunk = SEED
                if n_mould == END_WORDS:
                    head_hash = _last_words(moulds, n_mould, END_WORDS)
            at = following
        if chunk_start < n_mould:
            late_hash[n_late & 31] = mix(chunk)
            late_start[n_late & 31] = chunk_start
            keep_smallest(everywhere, late_hash[n_late & 31])
            if chunk_start < EDGE_WORDS:
                keep_smallest(head, late_hash[n_late & 31])
            n_late += 1
        for i in range(max(0, n_late - 32), n_late):
            if late_start[i & 31] >= n_mould - EDGE_WORDS:
                keep_smallest(tail, late_hash[i & 31])
        for i in range(HEAD_CHUNKS + TAIL_CHUNKS + ALL_CHUNKS):
            if chunks[row, i] == ONES:
                chunks[row, i] = U(0)
        if 0 < n_mould < SHINGLE_WORDS:
            _bin(shingle, smallest)
        fill_bins(smallest, sketches[row])
        quantise(sums, projections[row])
        hashes[row, 0] = mix(all_words ^ U(count))
        hashes[row, 2] = _last_words(moulds, n_mould, END_WORDS)
        hashes[row, 1] = head_hash if n_mould >= END_WORDS else hashes[row, 2]
        counts[row, 0] = count
        counts[row, 1] = n_lines + 1 if stop > begin else 0
        best_script = NO_SCRIPT
        in_script[LATIN] += n_latin
        for script in range(1, N_SCRIPTS):
            if in_script[script] > (in_script[best_script] if best_script else 0):
                best_script = script
        scripts[row] = best_script
        seen[HAS_LIST] = listed
        seen[HAS_QUESTION] = _ends_in_question(data, begin, stop)
        if stop - begin > LONG_LINE_BYTES:
            seen[HAS_LONG_LINE] = _longest_line(data, begin, stop) > LONG_LINE_BYTES
        for shape in range(10):
            least = BARS_OF_A_TABLE if shape == HAS_TABLE else 2 if shape in (HAS_LIST, HAS_TAGS) else 1
            if seen[shape] >= least:
                marks |= shape_bits[shape]
        markers[row] = marks


@njit(cache=True, nogil=True)
def sketch_rows(data, offsets, valid, first_row, last_row, sketches):  # type: ignore[no-untyped-def]
    """Fill the sketches of rows [first_row, last_row) and nothing else. Shapes: as in `prompt_rows`."""
    folded = np.zeros(SEGMENT + 128, np.uint8)
    masks = np.zeros((4, SEGMENT // 64 + 2), np.uint64)
    starts, ends = np.empty(SEGMENT + 2, np.int32), np.empty(SEGMENT + 2, np.int32)
    room = np.zeros(WORD_BYTES + 8, np.uint8)
    moulds = np.zeros(16, np.uint64)
    smallest = np.empty(BINS, np.uint32)
    source = folded.ctypes.data
    for row in range(first_row, last_row):
        if not valid[row]:
            continue
        at, stop = offsets[row], offsets[row + 1]
        smallest[:] = EMPTY_BIN
        shingle, n_mould = U(0), 0
        after_number = False
        while at < stop:
            n_words, at, _, _, _ = find_words(data, at, stop, folded, masks, starts, ends)
            for w in range(n_words):
                start, end = starts[w], ends[w]
                mould, digits = hash_word_and_digits(source + start, end - start)
                number = False
                if digits:
                    mould, number = hash_mould(folded, start, end, room)
                    if number and after_number:
                        continue
                after_number = number
                shingle = shingle * BASE + mould
                if n_mould >= SHINGLE_WORDS:
                    shingle -= moulds[(n_mould - SHINGLE_WORDS) & 15] * SHINGLE_OUT
                moulds[n_mould & 15] = mould
                n_mould += 1
                if n_mould >= SHINGLE_WORDS:
                    _bin(shingle, smallest)
        if 0 < n_mould < SHINGLE_WORDS:
            _bin(shingle, smallest)
        fill_bins(smallest, sketches[row])
