"""Arrow's texts as plain arrays and back, for the range's kernels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

SLACK = 16
"""Bytes behind the texts that `copied` may read, and those that it may write, beyond what it is asked for."""

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


@intrinsic
def _copy_slack(typing, out, end, data, start):  # type: ignore[no-untyped-def]
    """`SLACK` bytes of one array into another: two instructions where a loop over bytes takes as many as these are."""

    def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
        to, source = (
            builder.gep(context.make_array(signature.args[k])(context, builder, values[k]).data, [values[k + 1]])
            for k in (0, 2)
        )
        size = context.get_constant(types.intp, SLACK)
        cgutils.raw_memcpy(builder, to, source, size, 1)  # type: ignore[no-untyped-call]
        return context.get_dummy_value()

    return types.void(out, end, data, start), generate


@njit(cache=True, nogil=True)
def copied(out, end, data, start, stop):  # type: ignore[no-untyped-def]
    """Where the copy of some bytes ends that is put into an array. Assumes: `SLACK` bytes more in both arrays."""
    last = end + (stop - start)
    while end < last:
        _copy_slack(out, end, data, start)  # type: ignore[call-arg]
        end += SLACK
        start += SLACK
    return last
