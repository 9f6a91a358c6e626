"""Compiled parts of finding moulds: which anchors go together, which mould a pour came from, what moulds fix and share.

Every array of pours is numbered as in `anchors.Pours`; nothing depends on the order in which exchanges came.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from stillwatch.templates.kernels import HEAD, IN_ALL, PER_POUR, TAIL

EDGE_WORDS = 64.0
"""Words that the head's and the tail's chunks are taken from."""

END_WORDS = 8.0

FEW = 10
"""What fewer pours of a larger mould have in common may well be the value of a slot that was sent again."""

MOST_NEIGHBOURS = 40
"""Anchors that one anchor goes together with, at most; a mould has 19 in any one pour."""

MANY = 40
"""What so many pours have in common is hardly a slot's value that was sent again."""

_TABLE = 2048
"""Room for the anchors of all sampled pours, twice over; a power of two."""


@njit(cache=True, nogil=True)
def _slot(table, stamp, now, anchor):  # type: ignore[no-untyped-def]
    slot = (np.int64(anchor) * 0x9E3779B1) & (_TABLE - 1)
    while stamp[slot] == now and table[slot] != anchor:
        slot = (slot + 1) & (_TABLE - 1)
    return slot


@njit(cache=True, nogil=True)
def shared_anchors(  # type: ignore[no-untyped-def]
    first, last, group_start, sample, pour_start, pour_count, pour_anchors, level, kind, limits, share, least,
    neighbours, n_neighbours,
):  # fmt: skip
    """Anchors that most of a group's sampled pours show, for groups [first, last).

    A pour in which a region kept only chunks smaller than an anchor says nothing about that anchor, and isn't counted:
    so the share is the text's, not the sample's of its chunks. share: the least; least: pours that must speak.
    Filled: neighbours (last - first, MOST_NEIGHBOURS) int32, ascending; n_neighbours (last - first,).
    """
    table, count = np.empty(_TABLE, np.int32), np.empty(_TABLE, np.int32)
    stamp = np.zeros(_TABLE, np.int64)
    touched = np.empty(_TABLE, np.int32)
    for group in range(first, last):
        now = np.int64(group - first + 1)
        n_touched = 0
        begin, end = group_start[group], group_start[group + 1]
        for i in range(begin, end):
            pour = sample[i]
            for at in range(pour_start[pour], pour_start[pour] + pour_count[pour]):
                anchor = pour_anchors[at]
                slot = _slot(table, stamp, now, anchor)
                if stamp[slot] != now:
                    stamp[slot] = now
                    table[slot] = anchor
                    count[slot] = 0
                    touched[n_touched] = slot
                    n_touched += 1
                count[slot] += 1
        n = 0
        row = neighbours[group - first]
        for t in range(n_touched):
            slot = touched[t]
            if count[slot] < least:
                continue
            anchor = table[slot]
            heard = end - begin
            if kind[anchor] <= IN_ALL:
                heard = 0
                for i in range(begin, end):
                    heard += limits[sample[i], kind[anchor]] >= level[anchor]
            if heard >= least and count[slot] >= share * heard and n < MOST_NEIGHBOURS:
                row[n] = anchor
                n += 1
        row[:n] = np.sort(row[:n])
        n_neighbours[group - first] = n


@njit(cache=True, nogil=True)
def _root(parent, i):  # type: ignore[no-untyped-def]
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(cache=True, nogil=True)
def _overlap(starts, neighbours, a, b):  # type: ignore[no-untyped-def]
    """Jaccard overlap of two anchors' neighbours."""
    i, j, both = starts[a], starts[b], 0
    while i < starts[a + 1] and j < starts[b + 1]:
        if neighbours[i] == neighbours[j]:
            both += 1
            i += 1
            j += 1
        elif neighbours[i] < neighbours[j]:
            i += 1
        else:
            j += 1
    return both / (starts[a + 1] - starts[a] + starts[b + 1] - starts[b] - both)


@njit(cache=True, nogil=True)
def join_mutual(starts, neighbours, alike, parent):  # type: ignore[no-untyped-def]
    """Union of anchors that are each other's neighbours and have alike neighbours (Jaccard overlap).

    Every set is named by its smallest member, in `parent`. Alike neighbours keep apart the moulds on both sides of a
    phrase that they share: it may choose anchors of both, but these do not choose each other.
    """
    for a in range(parent.shape[0]):
        for i in range(starts[a], starts[a + 1]):
            b = neighbours[i]
            if b <= a:
                continue
            low, high = starts[b], starts[b + 1]
            while low < high:
                middle = (low + high) >> 1
                if neighbours[middle] < a:
                    low = middle + 1
                else:
                    high = middle
            if low < starts[b + 1] and neighbours[low] == a and _overlap(starts, neighbours, a, b) >= alike:
                ra, rb = _root(parent, a), _root(parent, b)
                if ra < rb:
                    parent[rb] = ra
                elif rb < ra:
                    parent[ra] = rb
    for a in range(parent.shape[0]):
        parent[a] = _root(parent, a)


@njit(cache=True, nogil=True)
def _within(pour, mould, other, pour_start, pour_count, pour_anchors, mould_of, starts, neighbours):  # type: ignore[no-untyped-def]
    """Whether most pours that show an anchor of a mould, as this pour does, show another mould too."""
    for at in range(pour_start[pour], pour_start[pour] + pour_count[pour]):
        anchor = pour_anchors[at]
        if mould_of[anchor] == mould:
            for i in range(starts[anchor], starts[anchor + 1]):
                if mould_of[neighbours[i]] == other:
                    return True
    return False


@njit(cache=True, nogil=True)
def _moulds_of(  # type: ignore[no-untyped-def]
    pour, pour_start, pour_count, pour_anchors, kind, n_kept, pour_words, mould_of, usable, moulds, matched, covers
):
    """The usable moulds that a pour shows, and about how many words of it each covers; how many moulds.

    A region's share of kept chunks that are the mould's is the share of its words, as far as so few can tell.
    Filled: moulds, covers (PER_POUR,).  Room: matched (PER_POUR, 6).
    """
    n = 0
    for at in range(pour_start[pour], pour_start[pour] + pour_count[pour]):
        anchor = pour_anchors[at]
        mould = mould_of[anchor]
        if not usable[mould]:
            continue
        m = 0
        while m < n and moulds[m] != mould:
            m += 1
        if m == n:
            moulds[n] = mould
            matched[n, :] = 0
            n += 1
        matched[m, kind[anchor]] += 1
    words = np.float64(pour_words[pour])
    for m in range(n):
        cover = END_WORDS * (matched[m, HEAD] + matched[m, TAIL])
        for region in range(3):
            if matched[m, region]:
                reach = words if region == IN_ALL else min(words, EDGE_WORDS)
                cover = max(cover, reach * matched[m, region] / n_kept[pour, region])
        covers[m] = min(cover, words)
    return n


@njit(cache=True, nogil=True)
def weigh_moulds(  # type: ignore[no-untyped-def]
    pour_start, pour_count, pour_anchors, kind, n_kept, pour_words, mould_of, usable, n_shown, covered, words
):
    """Add up, over all pours that show a mould, how many they are, their words that it covers, and all their words.

    Shapes: n_shown, covered, words (n_moulds,) int64, zeros.
    """
    moulds, covers = np.empty(PER_POUR, np.int64), np.empty(PER_POUR, np.float64)
    matched = np.empty((PER_POUR, 6), np.int64)
    for pour in range(pour_start.shape[0]):
        n = _moulds_of(
            pour, pour_start, pour_count, pour_anchors, kind, n_kept, pour_words, mould_of, usable,
            moulds, matched, covers,
        )  # fmt: skip
        for m in range(n):
            n_shown[moulds[m]] += 1
            covered[moulds[m]] += np.int64(covers[m])
            words[moulds[m]] += pour_words[pour]


@njit(cache=True, nogil=True)
def _fits(  # type: ignore[no-untyped-def]
    pour, mould, pour_start, pour_count, pour_anchors, mould_of, starts, neighbours, kind, level, limits, least
):
    """Whether a pour shows enough of what the pours of a mould show: of the anchors that most pours with its own
    anchors of that mould have, as far as its chunks can tell, at least a share `least`.
    """  # fmt: skip
    heard, seen = 0, 0
    begin, end = pour_start[pour], pour_start[pour] + pour_count[pour]
    for at in range(begin, end):
        anchor = pour_anchors[at]
        if mould_of[anchor] != mould:
            continue
        for i in range(starts[anchor], starts[anchor + 1]):
            other = neighbours[i]
            if mould_of[other] != mould or (kind[other] <= IN_ALL and limits[pour, kind[other]] < level[other]):
                continue
            heard += 1
            for j in range(begin, end):
                if pour_anchors[j] == other:
                    seen += 1
                    break
    return seen >= least * heard


@njit(cache=True, nogil=True)
def choose_moulds(  # type: ignore[no-untyped-def]
    first, last, pour_start, pour_count, pour_anchors, mould_of, n_pours_of, usable, changed, weight, strong,
    starts, neighbours, kind, level, limits, least, out,
):  # fmt: skip
    """The mould that each pour [first, last) came from, -1 for none.

    mould_of (n_anchors,); n_pours_of, usable, weight (words that it covers), strong (n_moulds,); starts, neighbours: of
    `shared_anchors`, by anchor.
    A pour's moulds are tried from the most frequent on. The next one takes over
    - where it hardly occurs without the one before, and weighs half as much: then that one is a phrase that several
      moulds share, or a tool's mould with a special use. If that one is strong, the next must be in at least the
      square root of its pours, and in FEW or a fourth of them: rarer ones are values of its slots;
    - where both also occur without each other, one is a slot's value that was sent again. It weighs more than a mould
      that is not strong; from a strong one it takes over only if it is in MANY pours, weighs more, and is at an end
      of the prompt where the other is not.
    A mould known by the system prompt alone has no weight here, and is at no end: one that is strong takes over.
    A mould of which the pour lacks too much (`_fits`, least) is passed over.
    Pours that show no mould that is `changed` (n_moulds,) keep what they came from.
    """
    moulds, at_end = np.empty(PER_POUR, np.int64), np.empty(PER_POUR, np.bool_)
    for pour in range(first, last):
        kept = True
        for at in range(pour_start[pour], pour_start[pour] + pour_count[pour]):
            kept &= not changed[mould_of[pour_anchors[at]]]
        if kept:
            continue
        n = 0
        for at in range(pour_start[pour], pour_start[pour] + pour_count[pour]):
            anchor = pour_anchors[at]
            mould = mould_of[anchor]
            if not usable[mould]:
                continue
            m = n
            while m > 0 and (
                n_pours_of[mould] > n_pours_of[moulds[m - 1]]
                or (n_pours_of[mould] == n_pours_of[moulds[m - 1]] and mould < moulds[m - 1])
            ):
                m -= 1
            end = kind[anchor] == HEAD or kind[anchor] == TAIL
            if m > 0 and moulds[m - 1] == mould:
                at_end[m - 1] |= end
                continue
            for j in range(n, m, -1):
                moulds[j] = moulds[j - 1]
                at_end[j] = at_end[j - 1]
            moulds[m] = mould
            at_end[m] = end
            n += 1
        current, current_end = np.int64(-1), False
        for m in range(n):
            mould = moulds[m]
            if current >= 0:
                size, current_size = n_pours_of[mould], n_pours_of[current]
                by_system = weight[current] == 0
                settled = by_system or strong[current]
                if by_system and not strong[mould]:
                    continue
                if settled and (size**2 < current_size or 4 * size < min(current_size, 4 * FEW)):
                    continue
                within = _within(
                    pour, mould, current, pour_start, pour_count, pour_anchors, mould_of, starts, neighbours
                )
                if within:
                    if 2 * weight[mould] < weight[current]:
                        continue
                elif weight[mould] <= weight[current] or (
                    settled and (size < MANY or current_end or (not by_system and not at_end[m]))
                ):
                    continue
            if _fits(
                pour, mould, pour_start, pour_count, pour_anchors, mould_of, starts, neighbours, kind, level, limits,
                least,
            ):  # fmt: skip
                current, current_end = mould, at_end[m]
        out[pour] = current


@njit(cache=True, nogil=True)
def mould_shares(  # type: ignore[no-untyped-def]
    pour_template, pour_start, pour_count, pour_anchors, kind, n_kept, fixed_start, fixed, out
):
    """Share of each pour's chunks that its template fixes, in thousandths; 0 without a template."""
    for pour in range(pour_template.shape[0]):
        out[pour] = 0
        template = pour_template[pour]
        if template < 0 or n_kept[pour, IN_ALL] == 0:
            continue
        n = 0
        for at in range(pour_start[pour], pour_start[pour] + pour_count[pour]):
            anchor = pour_anchors[at]
            if kind[anchor] == IN_ALL:
                low, high = fixed_start[template], fixed_start[template + 1]
                place = low + np.searchsorted(fixed[low:high], anchor)
                n += place < high and fixed[place] == anchor
        out[pour] = 1000 * n // n_kept[pour, IN_ALL]


@njit(cache=True, nogil=True)
def lead_families(order, starts, texts, n_texts, share, least, most, lead):  # type: ignore[no-untyped-def]
    """The leader of each template's family: each joins the earlier leader whose fixed texts overlap most, or leads.

    Nobody joins a follower, so families cannot chain. order: templates, largest first.  texts: numbers of the texts
    that each template fixes, at starts[i] and on.  share: least Jaccard; least: texts in common; most: leaders that
    one text is remembered for, the largest.
    """
    known = np.full((n_texts, most), -1, np.int32)
    n_known = np.zeros(n_texts, np.int32)
    common = np.zeros(starts.shape[0] - 1, np.int32)
    touched = np.empty(MOST_NEIGHBOURS * most, np.int32)
    for i in range(order.shape[0]):
        me = order[i]
        n = 0
        for at in range(starts[me], starts[me + 1]):
            for k in range(n_known[texts[at]]):
                leader = known[texts[at], k]
                if common[leader] == 0:
                    touched[n] = leader
                    n += 1
                common[leader] += 1
        best, best_share = -1, 0.0
        for t in range(n):
            leader = touched[t]
            both = common[leader]
            common[leader] = 0
            union = starts[leader + 1] - starts[leader] + starts[me + 1] - starts[me] - both
            jaccard = both / union
            better = jaccard > best_share or (jaccard == best_share and (best < 0 or leader < best))
            if both >= least and jaccard >= share and better:
                best, best_share = leader, jaccard
        if best >= 0:
            lead[me] = best
            continue
        lead[me] = me
        for at in range(starts[me], starts[me + 1]):
            if n_known[texts[at]] < most:
                known[texts[at], n_known[texts[at]]] = me
                n_known[texts[at]] += 1
