"""Compiled search for whoever belongs to a group by evidence of his own, and how many of its members do."""

from __future__ import annotations

import numpy as np
from numba import njit

from stillwatch.networks.kernels import best_of_unit, by_families, clear, count_members, fill_inside, fill_lifts


@njit(cache=True, nogil=True)
def count_held(  # type: ignore[no-untyped-def]
    first,
    last,
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
    """How many members of the groups [first, last) have evidence of two families that comes to what is needed.

    speaks: bits of a family that counts.  Group g's members are
    units[offsets[g]:offsets[g + 1]].   Shapes: needed (n_groups,) bits; out (n_groups,) int64.
    """
    counts, lifts = np.zeros(degree.shape[0], np.int32), np.zeros(degree.shape[0], np.float32)
    largest = 0
    for g in range(first, last):
        space = 0
        for row in range(offsets[g], offsets[g + 1]):
            space += unit_offsets[units[row] + 1] - unit_offsets[units[row]]
        largest = max(largest, space)
    touched = np.empty(largest + 1, np.int32)
    best, top = np.zeros(log_values.shape[1]), np.zeros(4)
    for g in range(first, last):
        members = units[offsets[g] : offsets[g + 1]]
        n = count_members(members, unit_offsets, unit_indicators, counts, touched)
        fill_inside(touched, n, counts, degree, group, log_values.shape[1], members.shape[0], n_units, lifts)
        clear(counts, touched, n)
        for m in range(members.shape[0]):
            best_of_unit(members[m], unit_offsets, unit_indicators, group, log_values, lifts, best)
            total = by_families(best, family_of_group, cap, top)
            families = 0
            for f in range(4):
                if top[f] >= speaks:
                    families += 1
            if families >= 2 and total >= needed[g]:
                out[g] += 1
        clear(lifts, touched, n)


@njit(cache=True, nogil=True)
def reach(highest, needed):  # type: ignore[no-untyped-def]
    """The least that the best family has to say for all together to reach what is needed; infinite if they can't.

    Shapes: highest (n_families,) what each says at most.
    """
    if highest.sum() < needed:
        return np.inf
    order = np.sort(highest)
    below = 0.0
    for f in range(order.shape[0]):
        level = (needed - below) / (order.shape[0] - f)
        if level <= order[f]:
            return level
        below += order[f]
    return order[-1]


@njit(cache=True, nogil=True)
def find_belonging(  # type: ignore[no-untyped-def]
    members,
    needed,
    speaks,
    common_share,
    tied_twice,
    cap,
    unit_offsets,
    unit_indicators,
    indicator_offsets,
    indicator_units,
    degree,
    group,
    family,
    family_of_group,
    log_values,
    n_units,
    counts,
    inside,
    outside,
    telling,
    heard,
):
    """Units that belong to a group by evidence of their own, ascending: `networks.search.belonging` says which.

    Only members and those who show something telling of them are asked: what two members show, four times as frequent
    among them as elsewhere, and enough that four families of it come to what is needed. Of these nobody is scored whose
    families cannot come to that: the lists of what says most are read first, each unit keeps the best of each family,
    and what was not read says less than its threshold (MaxScore: Turtle and Flood, Query evaluation: strategies and
    optimizations, Information Processing and Management 31, 1995).

    Scratch, zero before and after: counts, inside, outside, telling (n_indicators,); heard (n_units, n_families).
    """
    size = members.shape[0]
    n_families = heard.shape[1]
    space = 1
    for m in range(size):
        space += unit_offsets[members[m] + 1] - unit_offsets[members[m]]
    touched = np.empty(space, np.int32)
    n = count_members(members, unit_offsets, unit_indicators, counts, touched)
    fill_lifts(touched, n, counts, degree, group, log_values.shape[1], size, n_units, inside, outside)
    highest = np.zeros(n_families)
    any_telling = False
    for i in range(n):
        indicator = touched[i]
        shown, lift = counts[indicator], outside[indicator]
        elsewhere = (degree[indicator] - shown + 1.0) / (n_units - size + 1.0)
        if shown > 1 and shown >= 4.0 * elsewhere * size and lift >= needed / n_families:
            telling[indicator] = True
            any_telling = True
        if lift > highest[family[indicator]]:
            highest[family[indicator]] = min(lift, cap)
    found = np.empty(0, np.int32)
    if any_telling:
        asked = _worth_asking(
            members, touched[:n], needed, highest, cap, indicator_offsets, indicator_units, family, outside, heard
        )
        found = _belonging_of(
            members,
            asked,
            needed,
            speaks,
            common_share,
            tied_twice,
            cap,
            unit_offsets,
            unit_indicators,
            degree,
            group,
            family_of_group,
            log_values,
            counts,
            touched[:n],
            inside,
            outside,
            telling,
        )
    for i in range(n):
        indicator = touched[i]
        counts[indicator] = 0
        inside[indicator] = 0.0
        outside[indicator] = 0.0
        telling[indicator] = False
    return found


READ_ON = 2.0
"""Bits below that to which lists are read on: to read one costs less than to score the units that it rules out."""


@njit(cache=True, nogil=True)
def _worth_asking(  # type: ignore[no-untyped-def]
    members, touched, needed, highest, cap, indicator_offsets, indicator_units, family, outside, heard
):
    """Members, and whoever else can reach what is needed, ascending."""
    level = reach(highest, needed)
    n = 0
    if level == np.inf:
        return members
    level = max(level - READ_ON, 0.0)
    n_families = heard.shape[1]
    space = 0
    for i in range(touched.shape[0]):
        if outside[touched[i]] > level:
            space += indicator_offsets[touched[i] + 1] - indicator_offsets[touched[i]]
    seen = np.empty(space, np.int32)
    for i in range(touched.shape[0]):
        indicator = touched[i]
        lift = min(outside[indicator], cap)
        if outside[indicator] <= level:
            continue
        f = family[indicator]
        for at in range(indicator_offsets[indicator], indicator_offsets[indicator + 1]):
            unit = indicator_units[at]
            new = True
            for other in range(n_families):
                if heard[unit, other] > 0.0:
                    new = False
            if new:
                seen[n] = unit
                n += 1
            if lift > heard[unit, f]:
                heard[unit, f] = lift
    unread = np.minimum(highest, level)
    # what is compared is rounded otherwise than what is scored
    needed = needed - 1e-3
    kept = 0
    for s in range(n):
        unit = seen[s]
        total = 0.0
        for f in range(n_families):
            total += max(heard[unit, f], unread[f])
            heard[unit, f] = 0.0
        if total >= needed:
            seen[kept] = unit
            kept += 1
    both = np.concatenate((members, seen[:kept]))
    return np.unique(both)


@njit(cache=True, nogil=True)
def _belonging_of(  # type: ignore[no-untyped-def]
    members,
    asked,
    needed,
    speaks,
    common_share,
    tied_twice,
    cap,
    unit_offsets,
    unit_indicators,
    degree,
    group,
    family_of_group,
    log_values,
    counts,
    touched,
    inside,
    outside,
    telling,
):
    """Those of the units asked that belong. `counts` ends as it is needed no more: not zero where `touched` says."""
    n_asked = asked.shape[0]
    best, top = np.zeros(log_values.shape[1]), np.zeros(4)
    member = np.zeros(n_asked, np.bool_)
    belongs, outweighs = np.zeros(n_asked, np.bool_), np.zeros(n_asked, np.bool_)
    at_member = 0
    for a in range(n_asked):
        unit = asked[a]
        while at_member < members.shape[0] and members[at_member] < unit:
            at_member += 1
        member[a] = at_member < members.shape[0] and members[at_member] == unit
        if not member[a]:
            shows = False
            for at in range(unit_offsets[unit], unit_offsets[unit + 1]):
                if telling[unit_indicators[at]]:
                    shows = True
                    break
            if not shows:
                continue
        lifts = inside if member[a] else outside
        best_of_unit(unit, unit_offsets, unit_indicators, group, log_values, lifts, best)
        if by_families(best, family_of_group, cap, top) >= needed:
            outweighs[a] = True
            families = 0
            for f in range(top.shape[0]):
                if top[f] >= speaks:
                    families += 1
            belongs[a] = families >= 2
    n_strict = belongs.sum()
    if n_strict == outweighs.sum() or n_strict < tied_twice * outweighs.sum():
        return asked[belongs]
    # One family is enough for the others, as far as it is what those who belong have, and hardly others.
    strict = asked[belongs]
    for i in range(touched.shape[0]):
        counts[touched[i]] = 0
    for s in range(n_strict):
        for at in range(unit_offsets[strict[s]], unit_offsets[strict[s] + 1]):
            counts[unit_indicators[at]] += 1
    least = max(2, int(np.ceil(common_share * n_strict)))
    for i in range(touched.shape[0]):
        indicator = touched[i]
        if counts[indicator] < least or counts[indicator] < tied_twice * degree[indicator]:
            inside[indicator] = 0.0
            outside[indicator] = 0.0
    for s in range(n_strict):
        for at in range(unit_offsets[strict[s]], unit_offsets[strict[s] + 1]):
            counts[unit_indicators[at]] = 0
    for a in range(n_asked):
        if outweighs[a] and not belongs[a]:
            lifts = inside if member[a] else outside
            best_of_unit(asked[a], unit_offsets, unit_indicators, group, log_values, lifts, best)
            belongs[a] = by_families(best, family_of_group, cap, top) >= needed
    return asked[belongs]
