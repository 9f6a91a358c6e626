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
def mark_sharers(indicators, indicator_offsets, indicator_units, marked):  # type: ignore[no-untyped-def]
    """Set `marked` (n_units,) for every unit that shows one of the indicators."""
    for i in range(indicators.shape[0]):
        for at in range(indicator_offsets[indicators[i]], indicator_offsets[indicators[i] + 1]):
            marked[indicator_units[at]] = True


@njit(cache=True, nogil=True)
def fill_lifts(touched, n, counts, degree, size, n_units, inside, outside):  # type: ignore[no-untyped-def]
    """log2 of how much likelier each touched indicator is in the group than outside it; its counter is set to zero.

    inside: for a member, who is left out of his own comparison; 0 where no other shows it.  outside: for anybody else.
    Laplace's rule on both sides: one unit's worth.   Shapes: counts, inside, outside (n_indicators,).
    """
    for i in range(n):
        indicator = touched[i]
        members = counts[indicator]
        elsewhere = (degree[indicator] - members + 1.0) / (n_units - size + 1.0)
        outside[indicator] = np.log2((members + elsewhere) / ((size + 1.0) * elsewhere))
        inside[indicator] = np.log2((members - 1 + elsewhere) / (size * elsewhere)) if members > 1 else 0.0
        counts[indicator] = 0


@njit(cache=True, nogil=True)
def fill_inside(touched, n, counts, degree, size, n_units, inside):  # type: ignore[no-untyped-def]
    """The same for members alone, where everybody who is asked is one."""
    for i in range(n):
        indicator = touched[i]
        members = counts[indicator]
        if members > 1:
            elsewhere = (degree[indicator] - members + 1.0) / (n_units - size + 1.0)
            inside[indicator] = np.log2((members - 1 + elsewhere) / (size * elsewhere))
        counts[indicator] = 0


@njit(cache=True, nogil=True)
def best_of_unit(unit, unit_offsets, unit_indicators, group, log_values, lifts, best):  # type: ignore[no-untyped-def]
    """Best lift of a unit's indicators, by group of kinds; 0 where none is shared with a member.

    Shapes: log_values (n_units, n_groups); lifts (n_indicators,); best (n_groups,).
    A unit that shows many values of a group pays log2 of their number: the best of many is no surprise.
    """
    best[:] = 0.0
    for at in range(unit_offsets[unit], unit_offsets[unit + 1]):
        indicator = unit_indicators[at]
        bits = lifts[indicator]
        if bits > 0:
            g = group[indicator]
            bits -= log_values[unit, g]
            if bits > best[g]:
                best[g] = bits


@njit(cache=True, nogil=True)
def score_units(  # type: ignore[no-untyped-def]
    units, member, unit_offsets, unit_indicators, group, log_values, inside, outside, out
):
    """`best_of_unit` of many. Shapes: units (n,) int32; member (n,) bool; out (n, n_groups) float64."""
    for row in range(units.shape[0]):
        lifts = inside if member[row] else outside
        best_of_unit(units[row], unit_offsets, unit_indicators, group, log_values, lifts, out[row])


@njit(cache=True, nogil=True)
def count_held(  # type: ignore[no-untyped-def]
    units,
    offsets,
    needed,
    speaks,
    cap,
    unit_offsets,
    unit_indicators,
    degree,
    group,
    family_of_group,
    log_values,
    n_units,
    out,
):
    """How many members of each group have evidence of two families, `speaks` bits each, that comes to what is needed.

    Group g's members are units[offsets[g]:offsets[g + 1]].   Shapes: needed (n_groups,) bits; out (n_groups,) int64.
    """
    counts, lifts = np.zeros(degree.shape[0], np.int32), np.zeros(degree.shape[0], np.float32)
    largest = 0
    for g in range(offsets.shape[0] - 1):
        total = 0
        for row in range(offsets[g], offsets[g + 1]):
            total += unit_offsets[units[row] + 1] - unit_offsets[units[row]]
        largest = max(largest, total)
    touched = np.empty(largest + 1, np.int32)
    best, top = np.zeros(log_values.shape[1]), np.zeros(4)
    for g in range(offsets.shape[0] - 1):
        members = units[offsets[g] : offsets[g + 1]]
        n = count_members(members, unit_offsets, unit_indicators, counts, touched)
        fill_inside(touched, n, counts, degree, members.shape[0], n_units, lifts)
        for m in range(members.shape[0]):
            best_of_unit(members[m], unit_offsets, unit_indicators, group, log_values, lifts, best)
            top[:] = 0.0
            for k in range(best.shape[0]):
                top[family_of_group[k]] = max(top[family_of_group[k]], min(best[k], cap))
            families = 0
            for f in range(4):
                if top[f] >= speaks:
                    families += 1
            if families >= 2 and top.sum() >= needed[g]:
                out[g] += 1
        clear(lifts, touched, n)


@njit(cache=True, nogil=True)
def score_apart(  # type: ignore[no-untyped-def]
    units, offsets, counts, size, unit_offsets, unit_indicators, degree, group, log_values, n_units, own, out
):
    """Bits of members for belonging to a group, each with its whole party left out of the comparison.

    A party's members are units[offsets[p]:offsets[p + 1]].  counts: members of the group that show each indicator.
    size: of the group.  own: scratch, zero before and after.
    Shapes: counts, own (n_indicators,); out (n, n_groups) float64.
    """
    for p in range(offsets.shape[0] - 1):
        first, last = offsets[p], offsets[p + 1]
        for row in range(first, last):
            for at in range(unit_offsets[units[row]], unit_offsets[units[row] + 1]):
                own[unit_indicators[at]] += 1
        for row in range(first, last):
            unit = units[row]
            for at in range(unit_offsets[unit], unit_offsets[unit + 1]):
                indicator = unit_indicators[at]
                others = counts[indicator] - own[indicator]
                if others > 0:
                    elsewhere = (degree[indicator] - counts[indicator] + 1.0) / (n_units - size + 1.0)
                    bits = np.log2((others + elsewhere) / ((size - (last - first) + 1.0) * elsewhere))
                    g = group[indicator]
                    bits -= log_values[unit, g]
                    if bits > out[row, g]:
                        out[row, g] = bits
        for row in range(first, last):
            for at in range(unit_offsets[units[row]], unit_offsets[units[row] + 1]):
                own[unit_indicators[at]] = 0


@njit(cache=True, nogil=True)
def score_groups(  # type: ignore[no-untyped-def]
    groups, first, last, unit_offsets, unit_indicators, degree, group, family_of_group, log_values, n_units, cap, out
):
    """Mean bits a member, by family (its best group of kinds, capped), of the groups [first, last) of one size.

    Shapes: groups (n, size) int32, sorted rows; out (n, n_families) float64.
    """
    size = groups.shape[1]
    n_groups, n_families = log_values.shape[1], out.shape[1]
    counts, lifts = np.zeros(degree.shape[0], np.int32), np.zeros(degree.shape[0], np.float32)
    largest = 0
    for row in range(first, last):
        total = 0
        for m in range(size):
            total += unit_offsets[groups[row, m] + 1] - unit_offsets[groups[row, m]]
        largest = max(largest, total)
    touched = np.empty(largest + 1, np.int32)
    best, top, total_bits = np.zeros(n_groups), np.zeros(n_families), np.zeros(n_families)
    for row in range(first, last):
        k = count_members(groups[row], unit_offsets, unit_indicators, counts, touched)
        fill_inside(touched, k, counts, degree, size, n_units, lifts)
        total_bits[:] = 0.0
        for m in range(size):
            best_of_unit(groups[row, m], unit_offsets, unit_indicators, group, log_values, lifts, best)
            top[:] = 0.0
            for g in range(n_groups):
                top[family_of_group[g]] = max(top[family_of_group[g]], best[g])
            for f in range(n_families):
                total_bits[f] += min(top[f], cap)
        clear(lifts, touched, k)
        for f in range(n_families):
            out[row, f] = total_bits[f] / size


@njit(cache=True, nogil=True)
def clear(table, touched, n):  # type: ignore[no-untyped-def]
    """Set what was touched back to zero."""
    for i in range(n):
        table[touched[i]] = 0


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
    log_values,
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
    n_groups = log_values.shape[1]
    n_families = 4
    counts, lifts = np.zeros(degree.shape[0], np.int32), np.zeros(degree.shape[0], np.float32)
    largest = 0
    for w in range(which.shape[0]):
        total = 0
        i = which[w]
        for at in range(indicator_offsets[i], indicator_offsets[i + 1]):
            unit = indicator_units[at]
            total += unit_offsets[unit + 1] - unit_offsets[unit]
        largest = max(largest, total)
    touched = np.empty(largest + 1, np.int32)
    best = np.zeros(n_groups)
    for w in range(which.shape[0]):
        i = which[w]
        members = indicator_units[indicator_offsets[i] : indicator_offsets[i + 1]]
        size = members.shape[0]
        n = count_members(members, unit_offsets, unit_indicators, counts, touched)
        fill_inside(touched, n, counts, degree, size, n_units, lifts)
        covered = 0
        bits = 0.0
        for m in range(size):
            best_of_unit(members[m], unit_offsets, unit_indicators, group, log_values, lifts, best)
            total_bits = 0.0
            for f in range(n_families):
                if f == family[i]:
                    continue
                top = 0.0
                for g in range(n_groups):
                    if family_of_group[g] == f and best[g] > top:
                        top = best[g]
                total_bits += top
            if total_bits >= min_bits:
                covered += 1
                bits += total_bits
        out_covered[w] = covered
        out_bits[w] = bits
        clear(lifts, touched, n)


def warm() -> None:
    """Compile the kernels of this module into their cache."""
    i32, i64 = np.zeros(1, np.int32), np.zeros(1, np.int64)
    offsets, degree = np.array([0, 1], np.int64), np.ones(1, np.int64)
    group, family, families = np.zeros(1, np.int8), np.zeros(1, np.int8), np.zeros(2, np.int64)
    logs, lifts, out = np.zeros((1, 2), np.float32), np.zeros(1, np.float32), np.zeros((1, 2))
    screen(i64, offsets, i32, offsets, i32, degree, group, family, families, logs, 1, 3.0, i64.copy(), np.zeros(1))
    fill_lifts(i32, 1, np.zeros(1, np.int32), degree, 1, 1, lifts, lifts.copy())
    score_units(i32, np.ones(1, np.bool_), offsets, i32, group, logs, lifts, lifts, out)
    counts = np.zeros(1, np.int32)
    mark_sharers(i32, offsets, i32, np.zeros(1, np.bool_))
    score_apart(i32, offsets, counts, 1, offsets, i32, degree, group, logs, 1, counts.copy(), out)
    score_groups(i32.reshape(1, 1), 0, 1, offsets, i32, degree, group, families, logs, 1, 12.0, out)
