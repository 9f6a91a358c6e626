"""Where the words of a text are: compiled functions that every kernel over text shares.

A word is a run of ASCII letters (case folded), digits, underscores and of UTF-8 characters that are neither
punctuation nor of a script written without spaces; a character of such a script (ideographs, kana, Hangul, Thai, Lao,
Khmer, Burmese) is a word by itself. Bytes that are no UTF-8 count as word characters: any bytes are legal. A run of
more than `WORD_BYTES` bytes is cut into words of that length.

The bytes are read 64 at a time into a folded copy that is padded, so that no load leaves the caller's buffer.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stillwatch.fingerprint.machine import fold_block, load64, ones_in, trailing_zeros

U = np.uint64
SEED = U(0x9E3779B97F4A7C15)
PRIME = U(0x9DDFEA08EB382D69)
BASE = U(0xD6E8FEB86659FD93)
MIX_1 = U(0xFF51AFD7ED558CCD)
MIX_2 = U(0xC4CEB9FE1A85EC53)
DIGITS = U(0x1010101010101010)
ONES = U(0xFFFFFFFFFFFFFFFF)

SEGMENT = 16384
"""Bytes of a text that are looked at in one go: they and what is found in them stay in the nearest cache."""

WORD_BYTES = 4096
"""Longest word; a longer run (a base64 blob) is cut."""

NO_SCRIPT, LATIN, CYRILLIC, GREEK, ARABIC, HEBREW, DEVANAGARI, THAI, HAN, KANA, HANGUL, OTHER = range(12)
N_SCRIPTS = 12

# What a character is to the words: part of one, a word by itself, or between words.
PART, ALONE, BETWEEN = 0, 1, 2


@njit(cache=True, nogil=True)
def mix(h):  # type: ignore[no-untyped-def]
    """The 64-bit finaliser of MurmurHash3: every bit of the input changes every bit of the output."""
    h ^= h >> U(33)
    h *= MIX_1
    h ^= h >> U(33)
    h *= MIX_2
    return h ^ (h >> U(33))


@njit(cache=True, nogil=True)
def hash_word(address, length):  # type: ignore[no-untyped-def]
    """Hash of a word of at least one byte; eight bytes behind its last one must be readable."""
    h = SEED
    while length > 8:
        h = (h ^ load64(address)) * PRIME
        h ^= h >> U(29)
        address += 8
        length -= 8
    h = (h ^ (load64(address) & (ONES >> U(64 - 8 * length)))) * PRIME
    return h ^ (h >> U(29))


@njit(cache=True, nogil=True)
def hash_word_and_digits(address, length):  # type: ignore[no-untyped-def]
    """Hash of a word, as `hash_word` has it, and a mask that is 0 when no digit is in it.

    A digit is a byte with bit 4 set and bits 6 and 7 clear: among word characters nothing else is.
    """
    if length <= 8:
        x = load64(address) & (ONES >> U(64 - 8 * length))
        h = (SEED ^ x) * PRIME
        return h ^ (h >> U(29)), x & ~(x >> U(2)) & ~(x >> U(3)) & DIGITS
    h = SEED
    digits = U(0)
    while length > 8:
        x = load64(address)
        digits |= x & ~(x >> U(2)) & ~(x >> U(3)) & DIGITS
        h = (h ^ x) * PRIME
        h ^= h >> U(29)
        address += 8
        length -= 8
    x = load64(address) & (ONES >> U(64 - 8 * length))
    h = (h ^ x) * PRIME
    return h ^ (h >> U(29)), digits | (x & ~(x >> U(2)) & ~(x >> U(3)) & DIGITS)


@njit(cache=True, nogil=True)
def decode(data, at, stop):  # type: ignore[no-untyped-def]
    """The character at a position whose byte is above 0x7f: its code point and length; (-1, 1) if it is no UTF-8."""
    lead = np.int64(data[at])
    if 0xC2 <= lead < 0xE0:
        length, code, least = 2, lead & 0x1F, 0x80
    elif 0xE0 <= lead < 0xF0:
        length, code, least = 3, lead & 0x0F, 0x800
    elif 0xF0 <= lead < 0xF5:
        length, code, least = 4, lead & 0x07, 0x10000
    else:
        return -1, 1
    if at + length > stop:
        return -1, 1
    for i in range(at + 1, at + length):
        follower = np.int64(data[i])
        if follower & 0xC0 != 0x80:
            return -1, 1
        code = (code << 6) | (follower & 0x3F)
    if code < least or 0xD800 <= code < 0xE000 or code > 0x10FFFF:
        return -1, 1
    return code, length


@njit(cache=True, nogil=True)
def kind_of(code):  # type: ignore[no-untyped-def]
    """Whether a code point above 0x7f is part of a word, a word alone, or between words."""
    if code < 0xC0:
        return PART if code == 0xAA or code == 0xB5 or code == 0xBA or code < 0 else BETWEEN
    if code == 0xD7 or code == 0xF7:
        return BETWEEN
    if code < 0x0E00:
        return BETWEEN if code == 0x060C or code == 0x061B or code == 0x061F else PART
    if code < 0x0F00:
        return ALONE
    if 0x1000 <= code < 0x10A0 or 0x1780 <= code < 0x1800:
        return ALONE
    if 0x2000 <= code < 0x2070 or 0x3000 <= code < 0x3040:
        return PART if code == 0x3005 else BETWEEN
    if 0x3040 <= code < 0x3100 or 0x31F0 <= code < 0x3200 or 0x3400 <= code < 0x4DC0 or 0x4E00 <= code < 0xA000:
        return ALONE
    if 0xAC00 <= code < 0xD7A4 or 0xF900 <= code < 0xFB00 or 0x20000 <= code < 0x40000:
        return ALONE
    if 0xFF00 <= code < 0xFF66:
        letter = 0xFF10 <= code < 0xFF1A or 0xFF21 <= code < 0xFF3B or 0xFF41 <= code < 0xFF5B
        return PART if letter else BETWEEN
    if 0xFF66 <= code < 0xFFA0:
        return ALONE
    return PART


@njit(cache=True, nogil=True)
def script_of(code):  # type: ignore[no-untyped-def]
    """The script of a code point."""
    if 97 <= code < 123 or 0xC0 <= code < 0x250 or 0x1E00 <= code < 0x1F00:
        return LATIN
    if code < 0x370:
        return NO_SCRIPT if code < 0xC0 else OTHER
    if code < 0x400:
        return GREEK
    if code < 0x530:
        return CYRILLIC
    if 0x590 <= code < 0x600:
        return HEBREW
    if 0x600 <= code < 0x780:
        return ARABIC
    if 0x900 <= code < 0x980:
        return DEVANAGARI
    if 0xE00 <= code < 0xE80:
        return THAI
    if 0x3040 <= code < 0x3100 or 0x31F0 <= code < 0x3200 or 0xFF66 <= code < 0xFFA0:
        return KANA
    if 0x3400 <= code < 0x4DC0 or 0x4E00 <= code < 0xA000 or 0xF900 <= code < 0xFB00 or 0x20000 <= code < 0x40000:
        return HAN
    if 0xAC00 <= code < 0xD7A4:
        return HANGUL
    return OTHER


@njit(cache=True, nogil=True)
def _set_bits(masks, first, count, value):  # type: ignore[no-untyped-def]
    for i in range(first, first + count):
        bit = U(1) << U(i & 63)
        if value:
            masks[i >> 6] |= bit
        else:
            masks[i >> 6] &= ~bit


@njit(cache=True, nogil=True)
def _place_characters(data, begin, stop, words, high, forced, n_blocks):  # type: ignore[no-untyped-def]
    """Correct the masks for what the characters above 0x7f are: `words` and where a word must start in `forced`."""
    forced[: n_blocks + 1] = U(0)
    skip = begin
    for b in range(n_blocks):
        left = high[b]
        while left:
            at = begin + 64 * b + trailing_zeros(left)
            left &= left - U(1)
            if at < skip:
                continue
            code, length = decode(data, at, stop)
            skip = at + length
            kind = kind_of(code)
            if kind == BETWEEN:
                _set_bits(words, at - begin, length, False)
            elif kind == ALONE:
                _set_bits(forced, at - begin, 1, True)
                if skip < stop:
                    _set_bits(forced, skip - begin, 1, True)


@njit(cache=True, nogil=True)
def _cut_long_words(starts, ends, n_words):  # type: ignore[no-untyped-def]
    """Cut words of more than WORD_BYTES in place; how many words there are then."""
    longest = 0
    for i in range(n_words):
        longest = max(longest, ends[i] - starts[i])
    if longest <= WORD_BYTES:
        return n_words
    more = 0
    for i in range(n_words):
        more += (ends[i] - starts[i] - 1) // WORD_BYTES
    at = n_words + more
    for i in range(n_words - 1, -1, -1):
        start, end = starts[i], ends[i]
        pieces = (end - start - 1) // WORD_BYTES
        for piece in range(pieces, -1, -1):
            at -= 1
            starts[at] = start + piece * WORD_BYTES
            ends[at] = min(end, start + (piece + 1) * WORD_BYTES)
    return n_words + more


@njit(cache=True, nogil=True)
def find_words(data, begin, stop, folded, masks, starts, ends):  # type: ignore[no-untyped-def]
    """The words of data[begin:stop], as far as one segment reaches.

    Fills: folded with the bytes; starts, ends with the words' places in it; masks[3] with structure's bytes.
    Returns: how many words; where the next segment begins (`stop` when done); newlines; whether any byte is
    above 0x7f; and the number of 64-byte blocks.
    Shapes: folded (SEGMENT + 64 + 64,); masks (4, SEGMENT // 64 + 2); starts, ends (SEGMENT + 2,) int32.
    """
    n = min(stop - begin, SEGMENT)
    if begin + n < stop:
        for _ in range(3):
            if data[begin + n] & 0xC0 == 0x80:
                n -= 1
    source, target = data.ctypes.data + begin, folded.ctypes.data
    n_blocks = (n + 63) >> 6
    words, high, forced, special = masks[0], masks[1], masks[2], masks[3]
    newlines = 0
    any_high = U(0)
    for b in range(n_blocks):
        if 64 * b + 64 <= n:
            w, h, line, s = fold_block(source + 64 * b, target + 64 * b)
        else:
            tail = folded[64 * b : 64 * b + 64]
            tail[:] = 0
            for i in range(n - 64 * b):
                tail[i] = data[begin + 64 * b + i]
            w, h, line, s = fold_block(target + 64 * b, target + 64 * b)
        words[b] = w
        high[b] = h
        special[b] = s
        any_high |= h
        newlines += ones_in(line)
    words[n_blocks] = U(0)
    if any_high:
        _place_characters(data, begin, begin + n, words, high, forced, n_blocks)
    carry = U(0)
    n_starts = 0
    n_ends = 0
    for b in range(n_blocks + 1):
        w = words[b]
        before = (w << U(1)) | carry
        carry = w >> U(63)
        if any_high:
            first = w & (~before | forced[b])
            last = before & (~w | forced[b])
        else:
            first = w & ~before
            last = before & ~w
        base = 64 * b
        while first:
            starts[n_starts] = base + trailing_zeros(first)
            n_starts += 1
            first &= first - U(1)
        while last:
            ends[n_ends] = base + trailing_zeros(last)
            n_ends += 1
            last &= last - U(1)
    n_starts = _cut_long_words(starts, ends, n_starts)
    following = begin + n
    cut = following < stop and n_starts > 0 and ends[n_starts - 1] == n
    if cut and n - starts[n_starts - 1] < WORD_BYTES:
        n_starts -= 1
        following = begin + starts[n_starts]
    return n_starts, following, newlines, any_high != U(0), n_blocks


@njit(cache=True, nogil=True)
def hash_mould(folded, start, stop, room):  # type: ignore[no-untyped-def]
    """Hash of a word with every run of digits taken as one `0`, and whether nothing but digits was there."""
    length = 0
    digit = False
    only = True
    for i in range(start, stop):
        c = folded[i]
        if 48 <= c < 58:
            if not digit:
                room[length] = 48
                length += 1
            digit = True
        else:
            room[length] = c
            length += 1
            digit = False
            only = False
    return hash_word(room.ctypes.data, length), only


@njit(cache=True, nogil=True)
def _word_hashes(data, exact, mould):  # type: ignore[no-untyped-def]
    folded = np.zeros(SEGMENT + 128, np.uint8)
    masks = np.zeros((4, SEGMENT // 64 + 2), np.uint64)
    starts, ends = np.empty(SEGMENT + 2, np.int32), np.empty(SEGMENT + 2, np.int32)
    room = np.zeros(WORD_BYTES + 8, np.uint8)
    at, count, n_mould, after_number = 0, 0, 0, False
    while at < data.shape[0]:
        n_words, at, _, _, _ = find_words(data, at, data.shape[0], folded, masks, starts, ends)
        for i in range(n_words):
            exact[count] = hash_word(folded.ctypes.data + starts[i], ends[i] - starts[i])
            count += 1
            h, number = hash_mould(folded, starts[i], ends[i], room)
            if not (number and after_number):
                mould[n_mould] = h
                n_mould += 1
            after_number = number
    return count, n_mould


def word_hashes(data: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Hashes of a text's words: exact, and as the mould has them (digits folded, a row of numbers taken as one)."""
    exact, mould = np.empty(data.shape[0] + 1, np.uint64), np.empty(data.shape[0] + 1, np.uint64)
    count, n_mould = _word_hashes(data, exact, mould)
    return exact[:count], mould[:n_mould]
