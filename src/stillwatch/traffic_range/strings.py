"""Arrow's texts as plain arrays and back, for the range's kernels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

_EMPTY = np.zeros(1, np.uint8)


def bytes_of(texts: pa.StringArray) -> tuple[Bytes, Ints]:
    """(data, offsets) of texts: never empty data, a view of Arrow's own, and n + 1 offsets into it."""
    _, places, content = texts.buffers()
    if places is None or not len(texts):
        return _EMPTY, np.zeros(len(texts) + 1, np.int64)
    offsets = np.frombuffer(places, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    return (np.frombuffer(content, np.uint8) if content is not None and content.size else _EMPTY), offsets


def texts_of(data: Bytes, offsets: Ints) -> pa.StringArray:
    """The texts of bytes and n + 1 offsets into them; the bytes are not copied. Assumes: less than 2 GiB of UTF-8."""
    if offsets[-1] >= 2**31:
        raise ValueError("texts of more than 2 GiB at once")
    places = pa.py_buffer(offsets.astype(np.int32))
    return pa.StringArray.from_buffers(len(offsets) - 1, places, pa.py_buffer(data))
