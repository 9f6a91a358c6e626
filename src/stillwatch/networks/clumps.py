"""Compiled joining of clumps: members that show one value are a clump, and clumps that overlap enough are one."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def home_of(clump, home):  # type: ignore[no-untyped-def]
    """The clump that a clump has gone into, which is noted as its home."""
    at = home[clump]
    while home[at] != at:
        at = home[at]
    home[clump] = at
    return at


@njit(cache=True, nogil=True)
def join_clumps(  # type: ignore[no-untyped-def]
    clump_offsets, clump_rows, row_offsets, row_clumps, bridge, home
):
    """Join clumps, from the smallest on, with what has the largest share of their rows in common; into `home`.

    A clump joins another where a share `bridge` of the smaller one's rows, and one at the least, belongs to both. What
    is larger takes in all that is smaller and belongs to it at one go, and is not looked at for each.
    Shapes: clump_offsets (n + 1,), clump_rows (n_shown,): rows of each clump; row_offsets (n_rows + 1,), row_clumps
    (n_shown,): the same by row.  home (n,): each clump's own number.
    """
    n = home.shape[0]
    size = np.diff(clump_offsets)
    # A clump's rows are a chain through the entries; those of one that joins are hung behind the other's.
    first, last = clump_offsets[:-1].copy(), clump_offsets[1:] - 1
    following = np.arange(1, clump_rows.shape[0] + 1)
    for clump in range(n):
        following[last[clump]] = -1
    grown = np.zeros(n, np.int64)
    common, counted_for = np.zeros(n, np.int64), np.full(n, -1, np.int64)
    others, joining = np.empty(n, np.int64), np.empty(n + 1, np.int64)
    queue = [(size[clump], clump, 0) for clump in range(n)]
    heapify(queue)
    while len(queue) > 0:
        mine, number, then = heappop(queue)
        if home[number] != number or grown[number] != then:
            continue
        n_others = 0
        at = first[number]
        while at >= 0:
            row = clump_rows[at]
            begin, end = row_offsets[row], row_offsets[row + 1]
            for k in range(begin, end):
                other = home_of(row_clumps[k], home)
                counted = other == number
                for before in range(begin, k):
                    if home[row_clumps[before]] == other:
                        counted = True
                        break
                if not counted:
                    if counted_for[other] < 0:
                        counted_for[other] = 0
                        common[other] = 0
                        others[n_others] = other
                        n_others += 1
                    common[other] += 1
            at = following[at]
        if n_others == 0:
            continue
        best = others[0]
        for o in range(n_others):
            other = others[o]
            counted_for[other] = -1
            closer = common[other] - common[best]
            if closer == 0:
                closer = size[other] - size[best]
            if closer > 0 or (closer == 0 and other < best):
                best = other
        joining[0] = number
        n_joining = 1
        whole = number
        for o in range(n_others):
            other = others[o]
            if other != best and size[other] >= mine:
                continue
            if common[other] >= max(1.0, bridge * min(mine, size[other])):
                joining[n_joining] = other
                n_joining += 1
                if size[other] > size[whole] or (size[other] == size[whole] and other < whole):
                    whole = other
        if n_joining == 1:
            continue
        for j in range(n_joining):
            part = joining[j]
            if part == whole:
                continue
            at = first[part]
            while at >= 0:
                row, after = clump_rows[at], following[at]
                inside = False
                for k in range(row_offsets[row], row_offsets[row + 1]):
                    if home_of(row_clumps[k], home) == whole:
                        inside = True
                        break
                if not inside:
                    following[last[whole]] = at
                    last[whole] = at
                    following[at] = -1
                    size[whole] += 1
                at = after
            home[part] = whole
        grown[whole] += 1
        heappush(queue, (size[whole], whole, grown[whole]))


@njit(cache=True, nogil=True)
def elect(row_offsets, row_clumps, times, home, out):  # type: ignore[no-untyped-def]
    """The home to which most of what a row shows has gone; `out` keeps its value where the row shows nothing.

    Shapes: times (n,) values that make each clump; out (n_rows,).
    """
    votes = np.zeros(home.shape[0], np.int64)
    for row in range(out.shape[0]):
        begin, end = row_offsets[row], row_offsets[row + 1]
        best = -1
        for k in range(begin, end):
            votes[home_of(row_clumps[k], home)] += times[row_clumps[k]]
        for k in range(begin, end):
            at = home[row_clumps[k]]
            if best < 0 or votes[at] > votes[best] or (votes[at] == votes[best] and at < best):
                best = at
        for k in range(begin, end):
            votes[home[row_clumps[k]]] = 0
        if best >= 0:
            out[row] = best
