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
