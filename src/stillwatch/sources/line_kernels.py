"""Compiled: blocks of plain JSON lines to columns, a pass that finds the values and one that puts them together.

Plain is a line that is one flat object: strings, whole and decimal numbers, nulls and lists of strings, each name once.
Whatever else turns up makes the pass stop and say so, and the block is read by others: nothing is guessed here.
Little-endian machines only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from stillwatch.engine.copying import copy_text

TEXT, WHOLE, DECIMAL, MOMENT, TEXTS, UNKNOWN = range(6)
"""Kinds of columns: strings, integers, floats, times, lists of strings, and names that nobody knows."""

PADDING = 128
"""Bytes behind a block that may be looked at."""

ESCAPED = 1 << 30
"""Added to the length of a string that holds a backslash."""

NAME_BYTES = 24
"""Longest name of a column."""

_LARGEST = 1 << 53
_TENS = 10.0 ** np.arange(23)
_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def _ends_code(typingctx: Any, address: Any) -> Any:
    """Of 64 bytes at an address, a bit for each that a string cannot go over: quote, backslash, control characters."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte, word = ir.IntType(8), ir.IntType(64)
        vector = ir.VectorType(byte, 64)
        block = builder.load(builder.inttoptr(args[0], vector.as_pointer()), typ=vector)
        block.align = 1

        def all_of(value: int) -> Any:
            return ir.Constant(vector, [value] * 64)

        found = builder.icmp_unsigned("<", block, all_of(32))
        for value in b'"\\':
            found = builder.or_(found, builder.icmp_unsigned("==", block, all_of(value)))
        return builder.bitcast(found, word)

    return types.uint64(types.int64), code


def _first_code(typingctx: Any, value: Any) -> Any:
    """Index of the lowest bit that is set."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), code


_ends: Callable[..., Any] = intrinsic(_ends_code)
_first: Callable[..., Any] = intrinsic(_first_code)


@njit(cache=True, nogil=True)
def _string_end(data, address, at):  # type: ignore[no-untyped-def]
    """Where the string that begins behind a quote ends, and whether it holds a backslash; -1 where it is none."""
    escaped = False
    last = data.shape[0] - PADDING
    while True:
        if at > last:
            return -1, escaped
        found = _ends(address + at)
        if not found:
            at += 64
            continue
        at += _first(found)
        c = data[at]
        if c == 34:
            return at, escaped
        if c != 92:
            return -1, escaped
        escaped = True
        at += 2


@njit(cache=True, nogil=True)
def _blanks(data, at):  # type: ignore[no-untyped-def]
    while data[at] == 32:
        at += 1
    return at


@njit(cache=True, nogil=True)
def _number(data, at):  # type: ignore[no-untyped-def]
    """A number: where it ends, whole part with decimals and sign as one integer, decimals; -1 where it is not plain."""
    negative = data[at] == 45
    at += negative
    first, value, decimals = at, 0, 0
    while 48 <= data[at] < 58:
        value = value * 10 + (data[at] - 48)
        at += 1
        if at - first > 17:
            return -1, 0, 0
    if at == first or (data[first] == 48 and at - first > 1):
        return -1, 0, 0
    if data[at] == 46:
        at += 1
        dot = at
        while 48 <= data[at] < 58:
            value = value * 10 + (data[at] - 48)
            at += 1
            if at - first > 17:
                return -1, 0, 0
        decimals = at - dot
        if not decimals:
            return -1, 0, 0
    if negative and not value:
        return -1, 0, 0
    return at, -value if negative else value, decimals


@njit(cache=True, nogil=True)
def _digits(data, at, n):  # type: ignore[no-untyped-def]
    value = 0
    for i in range(at, at + n):
        if not 48 <= data[i] < 58:
            return -1
        value = value * 10 + (data[i] - 48)
    return value


@njit(cache=True, nogil=True)
def moment(data, at, end):  # type: ignore[no-untyped-def]
    """Whether data[at:end] is an ISO 8601 time with its zone, and its microseconds since 1970."""
    if end - at < 20 or data[at + 4] != 45 or data[at + 7] != 45 or data[at + 13] != 58 or data[at + 16] != 58:
        return False, 0
    if data[at + 10] != 84 and data[at + 10] != 32:
        return False, 0
    year, month, day = _digits(data, at, 4), _digits(data, at + 5, 2), _digits(data, at + 8, 2)
    hour, minute, second = _digits(data, at + 11, 2), _digits(data, at + 14, 2), _digits(data, at + 17, 2)
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if year < 1 or not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1] + (leap and month == 2):
        return False, 0
    if not 0 <= hour < 24 or not 0 <= minute < 60 or not 0 <= second < 60:
        return False, 0
    at += 19
    fraction = 0
    if data[at] == 46:
        n = 0
        at += 1
        while n < 6 and at < end and 48 <= data[at] < 58:
            fraction = fraction * 10 + (data[at] - 48)
            at += 1
            n += 1
        if not n:
            return False, 0
        for _ in range(n, 6):
            fraction *= 10
    offset = 0
    if end - at == 6 and (data[at] == 43 or data[at] == 45) and data[at + 3] == 58:
        hours, minutes = _digits(data, at + 1, 2), _digits(data, at + 4, 2)
        if not 0 <= hours < 24 or not 0 <= minutes < 60:
            return False, 0
        offset = (hours * 60 + minutes) * (60 if data[at] == 43 else -60)
    elif end - at != 1 or data[at] != 90:
        return False, 0
    # Days since 1970 of the proleptic Gregorian calendar, years beginning in March.
    y = year - (month <= 2)
    era = y // 400
    of_era = y - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
    return True, ((days * 24 + hour) * 3600 + minute * 60 + second - offset) * 1_000_000 + fraction


@njit(cache=True, nogil=True)
def find_values(  # type: ignore[no-untyped-def]
    data, stop, names, lengths, kinds, begins, sizes, numbers, list_first, list_count, item_begins, item_sizes
):
    """Where the values of data[:stop]'s lines are; how many lines, -1 where one is not plain, and of unknown names.

    Shapes: data (n_bytes + PADDING,) uint8; names (n_columns, NAME_BYTES) uint8; lengths, kinds (n_columns,), the last
    of which is UNKNOWN, with a length that no name has.
    Filled, by column and row: begins, sizes int32 of strings, -1 for null; numbers int64 (a float's bits; sizes 0);
    list_first, list_count int32 into item_begins, item_sizes.  sizes and list_count come all -1.
    """
    address = data.ctypes.data
    n_columns = kinds.shape[0] - 1
    n_unknown = 0
    follower = np.zeros(n_columns + 1, np.int64)
    one_float, as_bits = np.empty(1, np.float64), np.empty(1, np.int64)
    row, n_items, at = 0, 0, 0
    while at < stop:
        if row == sizes.shape[1]:
            return -1, n_unknown
        at = _blanks(data, at)
        if data[at] != 123:
            return -1, n_unknown
        at = _blanks(data, at + 1)
        before = n_columns
        if data[at] == 125:
            return -1, n_unknown
        while True:
            if data[at] != 34:
                return -1, n_unknown
            begin = at + 1
            end, escaped = _string_end(data, address, begin)
            if end < 0 or escaped:
                return -1, n_unknown
            column = follower[before]
            length = end - begin
            same = lengths[column] == length
            for i in range(length if same else 0):
                same &= names[column, i] == data[begin + i]
            if not same:
                column = n_columns
                for c in range(n_columns):
                    if lengths[c] == length:
                        same = True
                        for i in range(length):
                            same &= names[c, i] == data[begin + i]
                        if same:
                            column = c
                            break
                n_unknown += column == n_columns
                follower[before] = column
            before = column
            kind = kinds[column]
            at = _blanks(data, end + 1)
            if data[at] != 58:
                return -1, n_unknown
            at = _blanks(data, at + 1)
            c = data[at]
            if column < n_columns and (sizes[column, row] >= 0 or list_count[column, row] >= 0):
                return -1, n_unknown
            if c == 34:
                begin = at + 1
                at, escaped = _string_end(data, address, begin)
                if at < 0:
                    return -1, n_unknown
                if kind == TEXT:
                    begins[column, row] = begin
                    sizes[column, row] = (at - begin) | (ESCAPED if escaped else 0)
                elif kind == MOMENT:
                    plain, microseconds = moment(data, begin, at)
                    if not plain:
                        return -1, n_unknown
                    numbers[column, row] = microseconds
                    sizes[column, row] = 0
                elif kind != UNKNOWN:
                    return -1, n_unknown
                at += 1
            elif c == 110:
                if data[at + 1] != 117 or data[at + 2] != 108 or data[at + 3] != 108:
                    return -1, n_unknown
                at += 4
            elif c == 116 and kind == UNKNOWN:
                if data[at + 1] != 114 or data[at + 2] != 117 or data[at + 3] != 101:
                    return -1, n_unknown
                at += 4
            elif c == 102 and kind == UNKNOWN:
                if data[at + 1] != 97 or data[at + 2] != 108 or data[at + 3] != 115 or data[at + 4] != 101:
                    return -1, n_unknown
                at += 5
            elif c == 91:
                if kind != TEXTS and kind != UNKNOWN:
                    return -1, n_unknown
                first = n_items
                at = _blanks(data, at + 1)
                while data[at] != 93:
                    if data[at] != 34 or n_items == item_begins.shape[0]:
                        return -1, n_unknown
                    begin = at + 1
                    at, escaped = _string_end(data, address, begin)
                    if at < 0:
                        return -1, n_unknown
                    item_begins[n_items] = begin
                    item_sizes[n_items] = (at - begin) | (ESCAPED if escaped else 0)
                    n_items += 1
                    at = _blanks(data, at + 1)
                    if data[at] == 44:
                        at = _blanks(data, at + 1)
                        if data[at] == 93:
                            return -1, n_unknown
                    elif data[at] != 93:
                        return -1, n_unknown
                at += 1
                list_first[column, row] = first
                list_count[column, row] = n_items - first
            else:
                at, value, decimals = _number(data, at)
                if at < 0 or not -_LARGEST < value < _LARGEST:
                    return -1, n_unknown
                if kind == WHOLE and decimals == 0:
                    numbers[column, row] = value
                elif kind == DECIMAL:
                    # Both are exact as floats, so that the quotient is the nearest one there is.
                    one_float[0] = np.float64(value) / _TENS[decimals]
                    as_bits[:] = one_float.view(np.int64)
                    numbers[column, row] = as_bits[0]
                elif kind != UNKNOWN:
                    return -1, n_unknown
                sizes[column, row] = 0
            at = _blanks(data, at)
            if data[at] == 44:
                at = _blanks(data, at + 1)
                continue
            if data[at] != 125:
                return -1, n_unknown
            break
        at = _blanks(data, at + 1)
        if data[at] == 13:
            at += 1
        if at < stop and data[at] != 10:
            return -1, n_unknown
        at += 1
        row += 1
    return (row if at == stop or at == stop + 1 else -1), n_unknown


@njit(cache=True, nogil=True)
def _hex(data, at):  # type: ignore[no-untyped-def]
    value = 0
    for i in range(at, at + 4):
        c = data[i]
        if 48 <= c < 58:
            value = value * 16 + c - 48
        elif 97 <= (c | 32) < 103:
            value = value * 16 + (c | 32) - 87
        else:
            return -1
    return value


@njit(cache=True, nogil=True)
def _unescaped(data, at, stop, out, to):  # type: ignore[no-untyped-def]
    """Put a string without its backslashes at out[to:]; where it ends there, -1 where a backslash means nothing."""
    while at < stop:
        c = data[at]
        if c != 92:
            out[to] = c
            at, to = at + 1, to + 1
            continue
        c = data[at + 1]
        at += 2
        if c == 110:
            out[to] = 10
        elif c == 34 or c == 92 or c == 47:
            out[to] = c
        elif c == 116:
            out[to] = 9
        elif c == 114:
            out[to] = 13
        elif c == 98:
            out[to] = 8
        elif c == 102:
            out[to] = 12
        elif c == 117:
            if at + 4 > stop:
                return -1
            code = _hex(data, at)
            at += 4
            if code < 0:
                return -1
            if 0xD800 <= code < 0xE000:
                if code >= 0xDC00 or at + 6 > stop or data[at] != 92 or data[at + 1] != 117:
                    return -1
                low = _hex(data, at + 2)
                if not 0xDC00 <= low < 0xE000:
                    return -1
                at += 6
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
            if code < 0x80:
                out[to] = code
            elif code < 0x800:
                out[to] = 0xC0 | (code >> 6)
                to += 1
                out[to] = 0x80 | (code & 63)
            else:
                if code < 0x10000:
                    out[to] = 0xE0 | (code >> 12)
                else:
                    out[to] = 0xF0 | (code >> 18)
                    to += 1
                    out[to] = 0x80 | ((code >> 12) & 63)
                to += 1
                out[to] = 0x80 | ((code >> 6) & 63)
                to += 1
                out[to] = 0x80 | (code & 63)
        else:
            return -1
        to += 1
    return to


@njit(cache=True, nogil=True)
def put_together(data, begins, sizes, offsets, out):  # type: ignore[no-untyped-def]
    """Strings one behind the other; whether all of them are whole.

    Shapes: begins, sizes (n,); offsets (n + 1,) int32; out (at least the sizes' sum,) uint8.
    """
    to = 0
    for i in range(sizes.shape[0]):
        offsets[i] = to
        size = sizes[i]
        if size < 0:
            continue
        begin = np.int64(begins[i])
        if size & ESCAPED:
            to = _unescaped(data, begin, begin + (size & ~ESCAPED), out, to)
            if to < 0:
                return False
        else:
            copy_text(data, begin, out, to, np.int64(size))
            to += size
    offsets[sizes.shape[0]] = to
    return True


@njit(cache=True, nogil=True)
def list_items(first, count, item_begins, item_sizes, offsets, begins, sizes):  # type: ignore[no-untyped-def]
    """The items of one column's lists, in the order of rows; how many."""
    n = 0
    for row in range(first.shape[0]):
        offsets[row] = n
        for i in range(max(count[row], 0)):
            begins[n], sizes[n] = item_begins[first[row] + i], item_sizes[first[row] + i]
            n += 1
    offsets[first.shape[0]] = n
    return n
