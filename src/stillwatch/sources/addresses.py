"""Client addresses as logs write them, and their pseudonyms, which keep what prefixes have in common."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from hashlib import blake2b
from typing import Any


def clean_address(value: Any) -> str | None:
    """The client's address in its shortest form, without port or brackets; None where there is none.

    Of a list, as X-Forwarded-For has it, the first. An IPv4 address inside IPv6 is the IPv4 address.
    """
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    return _cleaned(value) if isinstance(value, str) else None


@lru_cache(maxsize=1 << 16)
def _cleaned(value: str) -> str | None:
    text = value.split(",")[0].strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    if not text or text.lower() in {"unknown", "none", "null", "-"}:
        return None
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def pseudonym_address(text: str, key: bytes) -> str:
    """Another address, such that two share exactly as many leading bits as the true ones do.

    What is no address becomes a keyed hash. Cost: a hash a byte.
    Source: Xu, Fan, Ammar, Moon, "Prefix-preserving IP address anonymization", ICNP 2002 (Crypto-PAn), with keyed
    BLAKE2b as its random function; the flips of the eight bits of a byte come out of one digest.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        cleaned = clean_address(text)
        if cleaned is not None and cleaned != text:
            return pseudonym_address(cleaned, key)
        return blake2b(text.encode(), digest_size=16, key=key, person=b"address").hexdigest()
    packed = address.packed
    hidden = bytearray()
    for i, byte in enumerate(packed):
        person = b"ip4" if len(packed) == 4 else b"ip6"
        flips = blake2b(packed[:i], digest_size=32, key=key, person=person).digest()
        out = 0
        for bit in range(8):
            # A node of the binary tree over the byte's bits: its leading bits with a 1 in front.
            node = (1 << bit) | (byte >> (8 - bit))
            flip = flips[node >> 3] >> (node & 7) & 1
            out = out << 1 | ((byte >> (7 - bit)) & 1) ^ flip
        hidden.append(out)
    return str(ipaddress.ip_address(bytes(hidden)))
