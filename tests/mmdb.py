"""A MaxMind database written byte by byte, as small as a test needs. Format: MaxMind DB specification 2.0."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path

BUILT = 1_767_225_600
"""2026-01-01, as seconds of the epoch."""

_POINTER_FREE_GAP = 16
"""Zero bytes between tree and data."""


_INTEGERS = {
    "record_size": 5,
    "ip_version": 5,
    "binary_format_major_version": 5,
    "binary_format_minor_version": 5,
    "build_epoch": 9,
}
"""Integers of the metadata that are not of 32 bits (type 6)."""


def write_mmdb(
    path: Path,
    networks: Mapping[str, Mapping[str, object]],
    *,
    title: str = "Test-ASN",
    version: int = 6,
    built: int = BUILT,
) -> Path:
    """A database that answers with a record for each network; networks must not overlap."""
    tree: list[list[int | None]] = [[None, None]]
    leaves: dict[tuple[int, int], bytes] = {}
    for text, record in networks.items():
        network = ipaddress.ip_network(text)
        bits = f"{int(network.network_address):0{network.max_prefixlen}b}"[: network.prefixlen]
        if version == 6 and network.version == 4:
            bits = "0" * 96 + bits
        node = 0
        for bit in map(int, bits[:-1]):
            child = tree[node][bit]
            if child is None:
                child = len(tree)
                tree.append([None, None])
                tree[node][bit] = child
            node = child
        leaves[node, int(bits[-1])] = encode(record)
    data, places = b"", {}
    for leaf, content in leaves.items():
        places[leaf] = len(data)
        data += content
    out = b""
    for number, children in enumerate(tree):
        for bit, child in enumerate(children):
            place = places.get((number, bit))
            value = len(tree) if child is None else child
            out += (value if place is None else len(tree) + _POINTER_FREE_GAP + place).to_bytes(4, "big")
    about = {
        "node_count": len(tree),
        "record_size": 32,
        "ip_version": version,
        "database_type": title,
        "languages": ["en"],
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": built,
        "description": {"en": "made up for a test"},
    }
    path.write_bytes(out + bytes(_POINTER_FREE_GAP) + data + b"\xab\xcd\xefMaxMind.com" + encode(about))
    return path


def encode(value: object, kind: int = 6) -> bytes:
    """A value in the format's own encoding; kind: of an integer."""
    if isinstance(value, bool):
        return _control(14, int(value))
    if isinstance(value, int):
        content = value.to_bytes((value.bit_length() + 7) // 8, "big")
        return _control(kind, len(content)) + content
    if isinstance(value, str):
        return _control(2, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return _control(11, len(value)) + b"".join(map(encode, value))
    if isinstance(value, Mapping):
        pairs = b"".join(encode(key) + encode(item, _INTEGERS.get(key, 6)) for key, item in value.items())
        return _control(7, len(value)) + pairs
    raise TypeError(f"no encoding for {value!r}")


def _control(kind: int, size: int) -> bytes:
    """Type and size; types above 7 take a byte of their own."""
    more = b""
    if size >= 29:
        size, more = 29, bytes([size - 29])
    first = (kind << 5 | size) if kind <= 7 else size
    return bytes([first]) + (bytes([kind - 7]) if kind > 7 else b"") + more
