"""Bytes from one address to another, for compiled code that puts texts together: short ones, many millions of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

BLOCK = 32


def _copy_block_code(typingctx: Any, source: Any, target: Any) -> Any:
    """Copy 32 bytes, aligned or not."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = ir.VectorType(ir.IntType(8), BLOCK)
        block = builder.load(builder.inttoptr(args[0], vector.as_pointer()), typ=vector)
        block.align = 1
        builder.store(block, builder.inttoptr(args[1], vector.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), code


_copy_block: Callable[..., Any] = intrinsic(_copy_block_code)


@njit(cache=True, nogil=True)
def copy_text(source, at, target, to, length):  # type: ignore[no-untyped-def]
    """Copy source[at : at + length] to target[to : to + length]. Assumes: both are there, and do not overlap."""
    if length < BLOCK:
        for i in range(length):
            target[to + i] = source[at + i]
        return
    first, second = source.ctypes.data + at, target.ctypes.data + to
    done = 0
    while done + BLOCK <= length:
        _copy_block(first + done, second + done)
        done += BLOCK
    if done < length:
        # The last block lies over the one before it, so that nothing behind the text is touched.
        _copy_block(first + length - BLOCK, second + length - BLOCK)
