"""The network that an address is in: its /24 (IPv4) or /48 (IPv6), as text and as a hash."""

from __future__ import annotations

import ipaddress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from stillwatch.fingerprint.hashing import hash_strings, texts_of

IPV6_BITS = 48


@njit(cache=True, nogil=True)
def _ipv4_networks(data, offsets, valid, out):  # type: ignore[no-untyped-def]
    """The first three bytes of dotted IPv4 addresses as a number; -1 for anything else. Shapes: out (n,) int64."""
    for row in range(valid.shape[0]):
        out[row] = -1
        at, stop = offsets[row], offsets[row + 1]
        if not valid[row] or stop - at < 7 or stop - at > 15:
            continue
        number, part, parts, digits = np.int64(0), np.int64(0), 0, 0
        legal = True
        for i in range(at, stop + 1):
            c = np.int64(data[i]) if i < stop else 46
            if 48 <= c < 58 and digits < 3 and not (digits > 0 and part == 0):
                part = part * 10 + c - 48
                digits += 1
            elif c == 46 and digits > 0 and part < 256 and parts < 4:
                number = (number << 8) | part
                part = np.int64(0)
                digits = 0
                parts += 1
            else:
                legal = False
                break
        if legal and parts == 4:
            out[row] = number >> 8


def _other_network(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None  # a pseudonym, a host name: it has no prefix
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.IPv6Network((int(address) >> 80 << 80, IPV6_BITS)))
        address = address.ipv4_mapped
    return str(ipaddress.IPv4Network((int(address) >> 8 << 8, 24)))


def ip_prefix_texts(array: pa.Array) -> pa.DictionaryArray:
    """The networks that addresses are in, such as `192.0.2.0/24` and `2001:db8:1::/48`; null for what is no address.

    Cost: a pass over the addresses that differ; Python only for IPv6 and for each network.
    """
    coded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    values = coded.dictionary
    texts = texts_of(values)
    numbers = np.empty(len(values), np.int64)
    _ipv4_networks(texts.data, texts.offsets, texts.valid, numbers)
    networks, inverse = np.unique(numbers, return_inverse=True)
    spelled = [f"{n >> 16}.{n >> 8 & 255}.{n & 255}.0/24" if n >= 0 else None for n in networks.tolist()]
    prefixes = pa.array(spelled, pa.string()).take(pa.array(inverse.astype(np.int64)))
    others = np.flatnonzero(numbers < 0)
    if len(others):
        rest = values.take(pa.array(others)).to_pylist()
        found = [None if text is None else _other_network(text) for text in rest]
        mask = np.zeros(len(values), np.bool_)
        mask[others] = True
        prefixes = pc.replace_with_mask(prefixes, pa.array(mask), pa.array(found, pa.string()))
    again = prefixes.dictionary_encode()
    return pa.DictionaryArray.from_arrays(again.indices.take(coded.indices), again.dictionary)


def ip_prefix(array: pa.Array) -> pa.Int64Array:
    """The hash of each address's network, as `ip_prefix_texts` spells it; null for what is no address."""
    if array.null_count == len(array):
        return pa.nulls(len(array), pa.int64())
    return hash_strings(ip_prefix_texts(array))
