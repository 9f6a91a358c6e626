"""Random ids by the column: nothing in them tells who made them or when."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

_HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint16)
"""The two digits of each byte."""


def random_ids(rng: np.random.Generator, n: int, prefix: str = "", digits: int = 16) -> pa.StringArray:
    """n ids: a prefix and hexadecimal digits, an even number. Assumes: 16 digits keep a hundred million ids apart."""
    drawn = np.frombuffer(rng.bytes(n * digits // 2), np.uint8)
    return _fixed(prefix, _HEX[drawn].view(np.uint8).reshape(n, digits))


def hexadecimal(words: np.typing.NDArray[np.uint64]) -> pa.StringArray:
    """A text a row: the row's numbers, 16 hexadecimal digits each."""
    n, each = words.shape
    return _fixed("", _HEX[np.ascontiguousarray(words).view(np.uint8)].view(np.uint8).reshape(n, each * 16))


def _fixed(prefix: str, digits: np.typing.NDArray[np.uint8]) -> pa.StringArray:
    """Texts of one length: a prefix, and a row of bytes each."""
    n, front = len(digits), np.frombuffer(prefix.encode(), np.uint8)
    data = digits
    if len(front):
        data = np.empty((n, len(front) + digits.shape[1]), np.uint8)
        data[:, : len(front)] = front
        data[:, len(front) :] = digits
    offsets = np.arange(n + 1, dtype=np.int32) * np.int32(data.shape[1])
    return pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data)))


def nulls(n: int) -> pa.StringArray:
    """n absent texts."""
    return pa.nulls(n, pa.string())


def only(mask: np.typing.NDArray[np.bool_], texts: pa.Array) -> pa.Array:
    """The texts where the mask holds, null elsewhere."""
    return pa.compute.if_else(pa.array(mask), texts, pa.scalar(None, texts.type))


def groups(rng: np.random.Generator, n: int, size: float) -> np.typing.NDArray[np.int64]:
    """A group for each of n members, in groups of about a size, uneven, in no order."""
    return rng.integers(0, max(1, round(n / size)), n).astype(np.int64)
