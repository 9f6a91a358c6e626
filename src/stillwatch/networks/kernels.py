"""Compiled scoring of groups: how much likelier each member's indicators are inside the group than outside it."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def count_members(members, unit_offsets, unit_indicators, counts, touched):  # type: ignore[no-untyped-def]
    """Members that show each indicator, into `counts`; the indicators touched, into `touched`; how many those are."""
    n = 0
    for m in range(members.shape[0]):
        unit = members[m]
        for at in range(unit_offsets[unit], unit_offsets[unit + 1]):
            indicator = unit_indicators[at]
            if counts[indicator] == 0:
                touched[n] = indicator
                n += 1
            counts[indicator] += 1
    return n


@njit(cache=True, nogil=True)
def lift(inside, sharers, size, n_units, is_member):  # type: ignore[no-untyped-def]
    """log2 of how much likelier an indicator is in the group (the unit itself left out) than outside it.

    inside: members that show it.  sharers: all units that show it.  Laplace's rule on both sides: one unit's worth.
    """
    own = 1 if is_member else 0
    others = inside - own
    outside = (sharers - inside + 1.0) / (n_units - size + 1.0)
    p = (others + outside) / (size - own + 1.0)
    return np.log2(p / outside)


@njit(cache=True, nogil=True)
def score_units(  # type: ignore[no-untyped-def]
    units, member, size, unit_offsets, unit_indicators, degree, group, n_values, counts, n_units, out
):
    """Best lift of each unit's indicators, by group of kinds; 0 where none is shared with another member.

    Shapes: units (n,) int32; member (n,) bool; n_values (n_units, n_groups); out (n, n_groups) float64.
    A unit that shows many values of a group pays log2 of their number: the best of many is no surprise.
    """
    for row in range(units.shape[0]):
        unit = units[row]
        for g in range(out.shape[1]):
            out[row, g] = 0.0
        own = 1 if member[row] else 0
        for at in range(unit_offsets[unit], unit_offsets[unit + 1]):
            indicator = unit_indicators[at]
            if counts[indicator] - own < 1:
                continue
            g = group[indicator]
            bits = lift(counts[indicator], degree[indicator], size, n_units, member[row])
            bits -= np.log2(max(1.0, np.float64(n_values[unit, g])))
            if bits > out[row, g]:
                out[row, g] = bits


@njit(cache=True, nogil=True)
def score_groups(  # type: ignore[no-untyped-def]
    groups, unit_offsets, unit_indicators, degree, group, family_of_group, n_values, n_units, cap, out
):
    """Mean bits a member, by family (its best group of kinds, capped), of many groups of one size.

    Shapes: groups (n, size) int32, sorted rows; out (n, n_families) float64.
    """
    n, size = groups.shape
    n_groups, n_families = n_values.shape[1], out.shape[1]
    counts = np.zeros(degree.shape[0], np.int32)
    largest = 0
    for row in range(n):
        total = 0
        for m in range(size):
            total += unit_offsets[groups[row, m] + 1] - unit_offsets[groups[row, m]]
        largest = max(largest, total)
    touched = np.empty(largest + 1, np.int32)
    best = np.zeros((size, n_groups))
    yes = np.ones(size, np.bool_)
    for row in range(n):
        k = count_members(groups[row], unit_offsets, unit_indicators, counts, touched)
        score_units(
            groups[row], yes, size, unit_offsets, unit_indicators, degree, group, n_values, counts, n_units, best
        )
        clear(counts, touched, k)
        for f in range(n_families):
            total_bits = 0.0
            for m in range(size):
                top = 0.0
                for g in range(n_groups):
                    if family_of_group[g] == f and best[m, g] > top:
                        top = best[m, g]
                total_bits += min(top, cap)
            out[row, f] = total_bits / size


@njit(cache=True, nogil=True)
def clear(counts, touched, n):  # type: ignore[no-untyped-def]
    """Set the touched counters back to zero."""
    for i in range(n):
        counts[touched[i]] = 0


@njit(cache=True, nogil=True)
def screen(  # type: ignore[no-untyped-def]
    which,
    indicator_offsets,
    indicator_units,
    unit_offsets,
    unit_indicators,
    degree,
    group,
    family,
    family_of_group,
    n_values,
    n_units,
    min_bits,
    out_covered,
    out_bits,
):
    """For each indicator, taken as a hypothesis that its sharers act as one: how many of them other families tie.

    A sharer is covered when its indicators of the other families, taken together (the best of each group of kinds, the
    best group of each family), are at least `min_bits` likelier among the sharers than outside.
    Shapes: which (n,) indicators; out_covered (n,) int64; out_bits (n,) float64 sum of covered bits.
    """
    n_groups = n_values.shape[1]
    n_families = 4
    counts = np.zeros(degree.shape[0], np.int32)
    largest = 0
    for w in range(which.shape[0]):
        total = 0
        i = which[w]
        for at in range(indicator_offsets[i], indicator_offsets[i + 1]):
            unit = indicator_units[at]
            total += unit_offsets[unit + 1] - unit_offsets[unit]
        largest = max(largest, total)
    touched = np.empty(largest + 1, np.int32)
    best = np.zeros((1, n_groups))
    one = np.zeros(1, np.int32)
    yes = np.ones(1, np.bool_)
    for w in range(which.shape[0]):
        i = which[w]
        members = indicator_units[indicator_offsets[i] : indicator_offsets[i + 1]]
        size = members.shape[0]
        n = count_members(members, unit_offsets, unit_indicators, counts, touched)
        covered = 0
        bits = 0.0
        for m in range(size):
            one[0] = members[m]
            score_units(one, yes, size, unit_offsets, unit_indicators, degree, group, n_values, counts, n_units, best)
            total_bits = 0.0
            for f in range(n_families):
                if f == family[i]:
                    continue
                top = 0.0
                for g in range(n_groups):
                    if family_of_group[g] == f and best[0, g] > top:
                        top = best[0, g]
                total_bits += top
            if total_bits >= min_bits:
                covered += 1
                bits += total_bits
        out_covered[w] = covered
        out_bits[w] = bits
        clear(counts, touched, n)


def warm() -> None:
    """Compile the kernels of this module into their cache."""
    i32, i64 = np.zeros(1, np.int32), np.zeros(1, np.int64)
    offsets = np.array([0, 1], np.int64)
    out = np.zeros((1, 2))
    screen(
        i64,
        offsets,
        i32,
        offsets,
        i32,
        np.ones(1, np.int64),
        np.zeros(1, np.int8),
        np.zeros(1, np.int8),
        np.zeros(2, np.int64),
        np.zeros((1, 2), np.int32),
        1,
        3.0,
        i64.copy(),
        np.zeros(1),
    )
    score_units(
        i32,
        np.ones(1, np.bool_),
        1,
        offsets,
        i32,
        np.ones(1, np.int64),
        np.zeros(1, np.int8),
        np.zeros((1, 2), np.int32),
        np.zeros(1, np.int32),
        1,
        out,
    )
