"""Compiled screening: whom the other families tie together among the sharers of each indicator."""

from __future__ import annotations

import numpy as np
from numba import njit

from stillwatch.networks.kernels import (
    SELDOM,
    best_of_unit,
    by_families,
    clear,
    count_members,
    fill_inside,
    less_for_seldom,
)

SLOTS = 8192
"""Of the table in which a small group's indicators are counted; no group that shows more than half of it is small."""

ENOUGH = 512
"""Members of a large group from which it is seen that hardly any is tied."""


@njit(cache=True, nogil=True)
def screen(  # type: ignore[no-untyped-def]
    first,
    last,
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
    min_share,
    out_covered,
    out_bits,
    out_offsets,
    out_units,
):
    """For the indicators which[first:last], taken as hypotheses that their sharers act as one: whom other families tie.

    A sharer is covered when its indicators of the other families, taken together (the best of each group of kinds, the
    best group of each family), are at least `min_bits` likelier among the sharers than outside. Where of the first
    members of a large group not half of `min_share` are, none is said to be.
    Shapes: out_covered (n,) int64; out_bits (n,) float64 sum of covered bits.  Where there are offsets (n + 1,), those
    covered are put into out_units (offsets[-1],) int32.
    """
    n_groups = log_values.shape[1]
    counts, lifts = np.zeros(0, np.int32), np.zeros(0, np.float32)
    touched = np.empty(0, np.int32)
    table, slots = np.full(SLOTS, -1, np.int32), np.empty(SLOTS // 2, np.int32)
    known, times = np.empty(SLOTS // 2, np.int32), np.empty(SLOTS // 2, np.int32)
    at_link, gains = np.empty(SLOTS // 2, np.int32), np.empty(SLOTS // 2, np.float32)
    best, top = np.zeros(n_groups), np.zeros(4)
    for w in range(first, last):
        i = which[w]
        members = indicator_units[indicator_offsets[i] : indicator_offsets[i + 1]]
        size = members.shape[0]
        n_links = 0
        for m in range(size):
            n_links += unit_offsets[members[m] + 1] - unit_offsets[members[m]]
        small = n_links <= SLOTS // 2
        if small:
            n = _number(members, unit_offsets, unit_indicators, table, slots, known, times, at_link)
            telling = _gains(known, times, n, degree, group, family, n_groups, size, n_units, family[i], gains)
            for s in range(n):
                table[slots[s]] = -1
            if not telling:
                out_covered[w] = 0
                out_bits[w] = 0.0
                continue
        else:
            if counts.shape[0] == 0:
                counts, lifts = np.zeros(degree.shape[0], np.int32), np.zeros(degree.shape[0], np.float32)
            if touched.shape[0] < n_links:
                touched = np.empty(2 * n_links, np.int32)
            n = count_members(members, unit_offsets, unit_indicators, counts, touched)
            fill_inside(touched, n, counts, degree, group, n_groups, size, n_units, lifts)
            clear(counts, touched, n)
        covered = 0
        bits = 0.0
        link = 0
        for m in range(size):
            unit = members[m]
            if small:
                best[:] = 0.0
                for at in range(unit_offsets[unit], unit_offsets[unit + 1]):
                    gain = gains[at_link[link]]
                    link += 1
                    if gain > 0.0:
                        g = group[unit_indicators[at]]
                        gain -= log_values[unit, g]
                        if gain > best[g]:
                            best[g] = gain
            else:
                best_of_unit(unit, unit_offsets, unit_indicators, group, log_values, lifts, best)
            by_families(best, family_of_group, np.inf, top)
            top[family[i]] = 0.0
            total_bits = top.sum()
            if total_bits >= min_bits:
                if out_offsets.shape[0]:
                    out_units[out_offsets[w] + covered] = unit
                covered += 1
                bits += total_bits
            if m + 1 == ENOUGH and size > 2 * ENOUGH and covered < min_share / 2.0 * ENOUGH:
                covered, bits = 0, 0.0
                break
        out_covered[w] = covered
        out_bits[w] = bits
        if not small:
            clear(lifts, touched, n)


@njit(cache=True, nogil=True)
def _number(members, unit_offsets, unit_indicators, table, slots, known, times, at_link):  # type: ignore[no-untyped-def]
    """Numbers for what the members show, in a table small enough for the nearest cache; how many there are.

    table: -1 everywhere; slots: those that were taken.  known, times: each number's indicator, and who shows it.
    at_link: the number at each link of the members, one member's after the other.
    """
    n = 0
    link = 0
    for m in range(members.shape[0]):
        for at in range(unit_offsets[members[m]], unit_offsets[members[m] + 1]):
            indicator = unit_indicators[at]
            slot = ((np.int64(indicator) * 2654435769) >> 19) & (SLOTS - 1)
            while table[slot] >= 0 and known[table[slot]] != indicator:
                slot = (slot + 1) & (SLOTS - 1)
            if table[slot] < 0:
                table[slot] = n
                slots[n] = slot
                known[n] = indicator
                times[n] = 0
                n += 1
            times[table[slot]] += 1
            at_link[link] = table[slot]
            link += 1
    return n


@njit(cache=True, nogil=True)
def _gains(  # type: ignore[no-untyped-def]
    known, times, n, degree, group, family, n_groups, size, n_units, own, gains
):
    """`fill_inside` of numbered indicators; whether any of another family than the own says anything."""
    shared = False
    for s in range(n):
        if times[s] > 1 and family[known[s]] != own:
            shared = True
            break
    if not shared:
        return False
    seen = np.zeros((n_groups, SELDOM + 2))
    for s in range(n):
        if times[s] <= SELDOM + 1:
            seen[group[known[s]], times[s]] += 1.0
    less = np.zeros((n_groups, SELDOM))
    less_for_seldom(seen, less)
    telling = False
    for s in range(n):
        gains[s] = 0.0
        if times[s] > 1:
            indicator = known[s]
            elsewhere = (degree[indicator] - times[s] + 1.0) / (n_units - size + 1.0)
            lift = np.log2((times[s] - 1 + elsewhere) / (size * elsewhere))
            gains[s] = lift if times[s] - 1 > SELDOM else lift + less[group[indicator], times[s] - 2]
            telling |= gains[s] > 0.0 and family[indicator] != own
    return telling


@njit(cache=True, nogil=True)
def cover_groups(  # type: ignore[no-untyped-def]
    groups,
    first,
    last,
    unit_offsets,
    unit_indicators,
    degree,
    group,
    family_of_group,
    log_values,
    n_units,
    cap,
    min_bits,
    out,
):
    """Share of members with so many bits besides their strongest family, of the groups [first, last) of one size.

    Shapes: groups (n, size) int32, sorted rows; out (n,) float64.
    """
    size = groups.shape[1]
    counts, lifts = np.zeros(degree.shape[0], np.int32), np.zeros(degree.shape[0], np.float32)
    best, top = np.zeros(log_values.shape[1]), np.zeros(4)
    for row in range(first, last):
        space = 1
        for m in range(size):
            space += unit_offsets[groups[row, m] + 1] - unit_offsets[groups[row, m]]
        touched = np.empty(space, np.int32)
        n = count_members(groups[row], unit_offsets, unit_indicators, counts, touched)
        fill_inside(touched, n, counts, degree, group, log_values.shape[1], size, n_units, lifts)
        clear(counts, touched, n)
        covered = 0
        for m in range(size):
            best_of_unit(groups[row, m], unit_offsets, unit_indicators, group, log_values, lifts, best)
            if by_families(best, family_of_group, cap, top) - top.max() >= min_bits:
                covered += 1
        clear(lifts, touched, n)
        out[row] = covered / size
