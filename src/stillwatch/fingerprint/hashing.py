"""Our own 64-bit hash of strings: the same bit pattern on every machine, whatever engine asks.

Eight bytes at a time, little-endian, multiplied and folded; MurmurHash3's finaliser over all of it and the length.
Not a secret: who may choose the strings can make two of them collide, unless a salt is used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from numpy.typing import NDArray

from stillwatch.fingerprint.machine import load64
from stillwatch.fingerprint.words import BASE, ONES, PRIME, SEED, U, mix

_MASK = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Texts:
    """An Arrow array of strings as plain arrays.

    Shapes: data (n_bytes,) uint8, never empty; offsets (n + 1,) int64 into it; valid (n,) bool.
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    valid: NDArray[np.bool_]


def texts_of(array: pa.Array) -> Texts:
    """The buffers of a string, large_string, binary or large_binary array, without a copy of the bytes."""
    kinds = (pa.types.is_large_string, pa.types.is_large_binary, pa.types.is_string, pa.types.is_binary)
    if not any(is_kind(array.type) for is_kind in kinds):
        array = array.cast(pa.large_binary() if pa.types.is_binary_view(array.type) else pa.large_string())
    width = np.int64 if pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type) else np.int32
    _, places, content = array.buffers()
    if places is None or places.size == 0:
        offsets = np.zeros(1, np.int64)
    else:
        offsets = np.frombuffer(places, width)[array.offset : array.offset + len(array) + 1].astype(np.int64)
    data = np.frombuffer(content, np.uint8) if content is not None and content.size else np.zeros(1, np.uint8)
    return Texts(data, offsets, pc.is_valid(array).to_numpy(zero_copy_only=False))


@njit(cache=True, nogil=True)
def _hash_rows(data, offsets, valid, start, out):  # type: ignore[no-untyped-def]
    address = data.ctypes.data
    for row in range(valid.shape[0]):
        if not valid[row]:
            continue
        h = start
        at, stop = offsets[row], offsets[row + 1]
        length = stop - at
        while at + 8 <= stop:
            h = (h ^ load64(address + at)) * PRIME
            h ^= h >> U(29)
            at += 8
        if at < stop:
            if at + 8 <= data.shape[0]:
                x = load64(address + at) & (ONES >> U(64 - 8 * (stop - at)))
            else:
                x = U(0)
                for i in range(stop - at):
                    x |= U(data[at + i]) << U(8 * i)
            h = (h ^ x) * PRIME
            h ^= h >> U(29)
        out[row] = mix(h ^ (U(length) * BASE))


@njit(cache=True, nogil=True)
def _first_rows(data, offsets, hashes, valid, table, out):  # type: ignore[no-untyped-def]
    """The row that shows each row's text first, by hashes and then by bytes. table: slots, a power of two, all -1."""
    slots = U(table.shape[0] - 1)
    for row in range(valid.shape[0]):
        out[row] = row
        if not valid[row]:
            continue
        h = hashes[row]
        slot = (h ^ (h >> U(32))) & slots
        while table[slot] >= 0:
            other = table[slot]
            length = offsets[row + 1] - offsets[row]
            if hashes[other] == h and offsets[other + 1] - offsets[other] == length:
                same = True
                one, two = data[offsets[row] : offsets[row + 1]], data[offsets[other] : offsets[other + 1]]
                at = 0
                while same and at < length:
                    stop = min(at + 64, length)
                    for i in range(at, stop):
                        same &= one[i] == two[i]
                    at = stop
                if same:
                    out[row] = other
                    break
            slot = (slot + U(1)) & slots
        else:
            table[slot] = row


def first_rows(texts: Texts) -> NDArray[np.int64]:
    """For each row the first one that has the same text, itself where there is none before it.

    Shapes: (n,) int64.   Cost: two passes over the bytes, the second over those of texts that come again.
    """
    n = len(texts.valid)
    hashes = np.zeros(n, np.uint64)
    _hash_rows(texts.data, texts.offsets, texts.valid, U(_start(0)), hashes)
    table = np.full(1 << max(4, (2 * n).bit_length()), -1, np.int32)
    out = np.empty(n, np.int64)
    _first_rows(texts.data, texts.offsets, hashes, texts.valid, table, out)
    return out


@njit(cache=True, nogil=True)
def _hash_sets(hashes, offsets, out):  # type: ignore[no-untyped-def]
    for row in range(out.shape[0]):
        members = np.sort(hashes[offsets[row] : offsets[row + 1]])
        h = SEED
        count = U(0)
        for i in range(members.shape[0]):
            if i == 0 or members[i] != members[i - 1]:
                h = (h ^ members[i]) * PRIME
                h ^= h >> U(32)
                count += U(1)
        out[row] = mix(h ^ count)


def _start(salt: int) -> int:
    return int(SEED) ^ _mix(salt & _MASK)


def _mix(h: int) -> int:
    h ^= h >> 33
    h = h * 0xFF51AFD7ED558CCD & _MASK
    h ^= h >> 33
    h = h * 0xC4CEB9FE1A85EC53 & _MASK
    return h ^ (h >> 33)


def signed(pattern: int) -> int:
    """The int64 with the bit pattern of an unsigned 64-bit number."""
    return pattern - 2**64 if pattern >= 2**63 else pattern


def hash_text(text: bytes | str, *, salt: int = 0) -> int:
    """The int64 hash of one string, equal to that of `hash_strings`."""
    content = text.encode() if isinstance(text, str) else text
    h = _start(salt)
    for at in range(0, len(content), 8):
        h = (h ^ int.from_bytes(content[at : at + 8], "little")) * int(PRIME) & _MASK
        h ^= h >> 29
    return signed(_mix(h ^ (len(content) * int(BASE) & _MASK)))


def hash_strings(array: pa.Array | pa.ChunkedArray, *, salt: int = 0) -> pa.Int64Array:
    """The int64 hash of every string, null where the string is null. Cost: a pass over the bytes."""
    if isinstance(array, pa.ChunkedArray):
        pieces = [hash_strings(chunk, salt=salt) for chunk in array.chunks]
        return pa.concat_arrays(pieces) if pieces else pa.array([], pa.int64())
    if array.null_count == len(array):
        return pa.nulls(len(array), pa.int64())
    if pa.types.is_dictionary(array.type):
        return hash_strings(array.dictionary, salt=salt).take(array.indices)
    texts = texts_of(array)
    out = np.zeros(len(array), np.uint64)
    _hash_rows(texts.data, texts.offsets, texts.valid, U(_start(salt)), out)
    return nullable(out, texts.valid)


def hash_lists(array: pa.ListArray | pa.LargeListArray, *, salt: int = 0) -> pa.ListArray:
    """The int64 hashes of every list's strings, in their order; null lists stay null."""
    if array.null_count == len(array):
        return pa.nulls(len(array), pa.list_(pa.int64()))
    offsets = _list_offsets(array).astype(np.int32)
    mask = pc.is_null(array) if array.null_count else None
    return pa.ListArray.from_arrays(pa.array(offsets), hash_strings(array.flatten(), salt=salt), mask=mask)


def hash_sets(array: pa.ListArray | pa.LargeListArray) -> pa.Int64Array:
    """One int64 hash for every list of strings, whatever their order and repetition; null lists stay null."""
    if array.null_count == len(array):
        return pa.nulls(len(array), pa.int64())
    members = hash_strings(pc.fill_null(array.flatten(), "")).to_numpy().view(np.uint64)
    out = np.zeros(len(array), np.uint64)
    _hash_sets(members, _list_offsets(array), out)
    return nullable(out, pc.is_valid(array).to_numpy(zero_copy_only=False))


def nullable(values: NDArray[np.uint64] | NDArray[np.int64], valid: NDArray[np.bool_]) -> pa.Int64Array:
    """Bit patterns as an int64 column that is null where not valid."""
    plain = np.ascontiguousarray(values).view(np.int64)
    return pa.array(plain, pa.int64(), mask=None if valid.all() else ~valid)


def _list_offsets(array: pa.ListArray | pa.LargeListArray) -> NDArray[np.int64]:
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    offsets = np.zeros(len(array) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
