"""Random ids by the column: nothing in them tells who made them or when."""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def random_ids(rng: np.random.Generator, n: int, prefix: str = "", digits: int = 16) -> pa.StringArray:
    """n ids: a prefix and hexadecimal digits. Assumes: 16 digits keep a hundred million ids apart."""
    front = np.frombuffer(prefix.encode(), np.uint8)
    width = len(front) + digits
    data = np.empty((n, width), np.uint8)
    data[:, : len(front)] = front
    drawn = rng.bytes(n * (digits + 1) // 2 + digits).hex().encode()
    data[:, len(front) :] = np.frombuffer(drawn, np.uint8)[: n * digits].reshape(n, digits)
    offsets = (np.arange(n + 1, dtype=np.int32) * width).astype(np.int32)
    return pa.StringArray.from_buffers(n, pa.py_buffer(offsets.tobytes()), pa.py_buffer(data.tobytes()))


def nulls(n: int) -> pa.StringArray:
    """n absent texts."""
    return pa.nulls(n, pa.string())


def only(mask: np.typing.NDArray[np.bool_], texts: pa.Array) -> pa.Array:
    """The texts where the mask holds, null elsewhere."""
    return pa.compute.if_else(pa.array(mask), texts, pa.scalar(None, texts.type))


def groups(rng: np.random.Generator, n: int, size: float) -> np.typing.NDArray[np.int64]:
    """A group for each of n members, in groups of about a size, uneven, in no order."""
    return rng.integers(0, max(1, round(n / size)), n).astype(np.int64)
