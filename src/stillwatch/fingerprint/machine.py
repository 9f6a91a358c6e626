"""The few machine operations that numba has no words for: unaligned loads, bit counts, 64 bytes at a time.

Little-endian machines only, as Arrow's own files are in practice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def _load64(typingctx: Any, address: Any) -> Any:
    """Eight bytes at an address, little-endian, aligned or not."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = builder.load(builder.inttoptr(args[0], ir.IntType(64).as_pointer()), typ=ir.IntType(64))
        value.align = 1
        return value

    return types.uint64(types.int64), code


def _trailing_zeros(typingctx: Any, value: Any) -> Any:
    """Index of the lowest bit that is set; 64 for zero."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), code


def _ones_in(typingctx: Any, value: Any) -> Any:
    """How many bits are set."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), code


_SPECIAL = b"`<{\\|$"


def _fold_block(typingctx: Any, source: Any, target: Any) -> Any:
    """Copy 64 bytes from one address to another with ASCII case folded; four bit masks of what they are.

    The masks: word characters, bytes above 0x7f, newlines, and bytes that structure is told by.
    """
    out: Any = types.UniTuple(types.uint64, 4)  # type: ignore[no-untyped-call]

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte, word = ir.IntType(8), ir.IntType(64)
        vector = ir.VectorType(byte, 64)

        def all_of(value: int) -> Any:
            return ir.Constant(vector, [value] * 64)

        def equal(block: Any, value: int) -> Any:
            return builder.icmp_unsigned("==", block, all_of(value))

        def within(block: Any, first: int, count: int) -> Any:
            return builder.icmp_unsigned("<", builder.sub(block, all_of(first)), all_of(count))

        block = builder.load(builder.inttoptr(args[0], vector.as_pointer()), typ=vector)
        block.align = 1
        folded = builder.add(block, builder.select(within(block, 65, 26), all_of(32), all_of(0)))
        builder.store(folded, builder.inttoptr(args[1], vector.as_pointer()), align=1)
        high = builder.icmp_signed("<", block, all_of(0))
        words = builder.or_(builder.or_(within(folded, 97, 26), within(block, 48, 10)), equal(block, 95))
        words = builder.or_(words, high)
        special = equal(block, _SPECIAL[0])
        for value in _SPECIAL[1:]:
            special = builder.or_(special, equal(block, value))
        masks = [builder.bitcast(mask, word) for mask in (words, high, equal(block, 10), special)]
        return context.make_tuple(builder, signature.return_type, masks)

    return out(types.int64, types.int64), code


# Named with their types: to a type checker, numba's decorator would still show the compiler's own first argument.
load64: Callable[..., Any] = intrinsic(_load64)
trailing_zeros: Callable[..., Any] = intrinsic(_trailing_zeros)
ones_in: Callable[..., Any] = intrinsic(_ones_in)
fold_block: Callable[..., Any] = intrinsic(_fold_block)
