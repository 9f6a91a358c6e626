"""Compiled scoring of groups: how much likelier each member's indicators are inside the group than outside it."""

from __future__ import annotations

import numpy as np
from numba import njit

SELDOM = 4
"""Members up to which what they show is counted with how often that happens in the group."""


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
def find_sharers(  # type: ignore[no-untyped-def]
    members, indicators, unit_offsets, unit_indicators, number, offsets, rows
):
    """Rows of the members that show each indicator, ascending: those of i are rows[offsets[i]:offsets[i + 1]].

    Shapes: indicators (k,) distinct; offsets (k + 1,) int64, zero before; rows (n,) int64, as many as members show.
    number: scratch (n_indicators,), zero before and after.
    """
    for i in range(indicators.shape[0]):
        number[indicators[i]] = i + 1
    for m in range(members.shape[0]):
        for at in range(unit_offsets[members[m]], unit_offsets[members[m] + 1]):
            if number[unit_indicators[at]]:
                offsets[number[unit_indicators[at]]] += 1
    for i in range(indicators.shape[0]):
        offsets[i + 1] += offsets[i]
    filled = offsets.copy()
    for m in range(members.shape[0]):
        for at in range(unit_offsets[members[m]], unit_offsets[members[m] + 1]):
            i = number[unit_indicators[at]]
            if i:
                rows[filled[i - 1]] = m
                filled[i - 1] += 1
    for i in range(indicators.shape[0]):
        number[indicators[i]] = 0


@njit(cache=True, nogil=True)
def mark_sharers(indicators, indicator_offsets, indicator_units, marked):  # type: ignore[no-untyped-def]
    """Set `marked` (n_units,) for every unit that shows one of the indicators."""
    for i in range(indicators.shape[0]):
        for at in range(indicator_offsets[indicators[i]], indicator_offsets[indicators[i] + 1]):
            marked[indicator_units[at]] = True


@njit(cache=True, nogil=True)
def less_for_seldom(seen, bits):  # type: ignore[no-untyped-def]
    """`seen_seldom` from the number of indicators seen so many times.   Shapes: seen (n_groups, n + 2)."""
    for g in range(bits.shape[0]):
        for r in range(1, bits.shape[1] + 1):
            bits[g, r - 1] = min(np.log2(((r + 1.0) * seen[g, r + 1] + r) / (r * seen[g, r] + r)), 0.0)


@njit(cache=True, nogil=True)
def seen_seldom(touched, n, counts, group, bits):  # type: ignore[no-untyped-def]
    """What an indicator that few members show is worth less than their number says, by group of kinds, in bits.

    Of what was seen r times, a new member shows r + 1 times the number seen r + 1 times over r times the number seen r
    times (Good, The population frequencies of species and the estimation of population parameters, Biometrika 40,
    1953; one indicator's worth is added to both): among strangers hardly anything is seen twice.
    Shapes: bits (n_groups, n); column r - 1 is for what is seen r times; what is seen more often is worth its count.
    """
    most = bits.shape[1]
    seen = np.zeros((bits.shape[0], most + 2))
    for i in range(n):
        times = counts[touched[i]]
        if times <= most + 1:
            seen[group[touched[i]], times] += 1.0
    less_for_seldom(seen, bits)


@njit(cache=True, nogil=True)
def fill_lifts(  # type: ignore[no-untyped-def]
    touched, n, counts, degree, group, n_groups, size, n_units, inside, outside
):
    """log2 of how much likelier each touched indicator is in the group than outside it.

    inside: for a member, who is left out of his own comparison; 0 where no other shows it.  outside: for anybody else.
    Laplace's rule on both sides: one unit's worth; and `seen_seldom`.
    Shapes: counts, inside, outside (n_indicators,).
    """
    less = np.zeros((n_groups, SELDOM))
    seen_seldom(touched, n, counts, group, less)
    for i in range(n):
        indicator = touched[i]
        members = counts[indicator]
        elsewhere = (degree[indicator] - members + 1.0) / (n_units - size + 1.0)
        lift = np.log2((members + elsewhere) / ((size + 1.0) * elsewhere))
        outside[indicator] = lift if members > SELDOM else lift + less[group[indicator], members - 1]
        inside[indicator] = 0.0
        if members > 1:
            lift = np.log2((members - 1 + elsewhere) / (size * elsewhere))
            inside[indicator] = lift if members - 1 > SELDOM else lift + less[group[indicator], members - 2]


@njit(cache=True, nogil=True)
def fill_inside(touched, n, counts, degree, group, n_groups, size, n_units, inside):  # type: ignore[no-untyped-def]
    """The same for members alone, where everybody who is asked is one."""
    less = np.zeros((n_groups, SELDOM))
    seen_seldom(touched, n, counts, group, less)
    for i in range(n):
        indicator = touched[i]
        members = counts[indicator]
        if members > 1:
            elsewhere = (degree[indicator] - members + 1.0) / (n_units - size + 1.0)
            lift = np.log2((members - 1 + elsewhere) / (size * elsewhere))
            inside[indicator] = lift if members - 1 > SELDOM else lift + less[group[indicator], members - 2]


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
def by_families(best, family_of_group, cap, top):  # type: ignore[no-untyped-def]
    """The best group of each family, capped; and their sum.   Shapes: best (n_groups,); top (n_families,)."""
    top[:] = 0.0
    for g in range(best.shape[0]):
        top[family_of_group[g]] = max(top[family_of_group[g]], min(best[g], cap))
    return top.sum()


@njit(cache=True, nogil=True)
def score_apart(  # type: ignore[no-untyped-def]
    units, offsets, counts, less, size, unit_offsets, unit_indicators, degree, group, log_values, n_units, own, out
):
    """Bits of members for belonging to a group, each with its whole party left out of the comparison.

    A party's members are units[offsets[p]:offsets[p + 1]].  counts: members of the group that show each indicator.
    less: `seen_seldom` of it.  size: of the group.  own: scratch, zero before and after.
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
                    if others <= SELDOM:
                        bits += less[g, others - 1]
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
        fill_inside(touched, k, counts, degree, group, n_groups, size, n_units, lifts)
        clear(counts, touched, k)
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
