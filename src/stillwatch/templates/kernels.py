"""Compiled parts of template finding: anchors of pours, which anchors go together, and which mould a pour came from.

A *pour* is a distinct pair of system prompt and prompt: a thousand retries are one pour. An *anchor* is one hash of a
place where a mould can show: the head, the tail, the system prompt, or a chunk in one of three regions (head, tail,
all of the prompt). No kernel depends on the order of exchanges: pours are numbered by their hashes.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from stillwatch.fingerprint.words import MIX_1, MIX_2, SEED, U, mix

IN_HEAD, IN_TAIL, IN_ALL, HEAD, TAIL, SYSTEM = range(6)
"""Kinds of anchors: a chunk in one of three regions, the first words, the last words, the system prompt."""

REGION_STARTS = (0, 4, 8, 16)
"""Where the three regions' chunks lie in the fingerprint's `chunks`."""

PER_POUR = 19
"""Anchors of a pour at most: 16 chunks, head, tail, system prompt."""

EDGE_WORDS = 64.0
"""Words that the head's and the tail's chunks are taken from."""

END_WORDS = 8.0

FEW = 10
"""What fewer pours of a larger mould have in common may well be the value of a slot that was sent again."""

MOST_NEIGHBOURS = 40
"""Anchors that one anchor goes together with, at most; a mould has 19 in any one pour."""

_SALT = U(0xA0761D6478BD642F)
_TABLE = 2048


@njit(cache=True, nogil=True)
def salted(value, kind):  # type: ignore[no-untyped-def]
    """An anchor's key: its hash, told apart by kind."""
    return mix(U(value) ^ (_SALT * U(kind + 1)))


@njit(cache=True, nogil=True)
def pour_keys(prompts, has_prompt, systems, has_system, out):  # type: ignore[no-untyped-def]
    """Key of each exchange's pour; 0 where it has no text. Shapes: prompts, systems, out (n,) uint64."""
    for row in range(out.shape[0]):
        if not has_prompt[row] and not has_system[row]:
            out[row] = U(0)
            continue
        h = (prompts[row] ^ SEED) * MIX_1 if has_prompt[row] else SEED
        h = mix(h)
        if has_system[row]:
            h = (h ^ systems[row]) * MIX_2
        out[row] = max(mix(h), U(1))


@njit(cache=True, nogil=True)
def index_keys(keys, shift, starts):  # type: ignore[no-untyped-def]
    """Where keys with each value of their top bits begin. keys ascending; starts (2**bits + 1,)."""
    at = 0
    n = keys.shape[0]
    for bucket in range(starts.shape[0] - 1):
        while at < n and (keys[at] >> shift) < U(bucket):
            at += 1
        starts[bucket] = at
    starts[starts.shape[0] - 1] = n


@njit(cache=True, nogil=True)
def locate(keys, starts, shift, key):  # type: ignore[no-untyped-def]
    """Place of a key in ascending, evenly spread keys; -1 where it is not one of them."""
    bucket = np.int64(key >> shift)
    low, high = starts[bucket], starts[bucket + 1]
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < starts[bucket + 1] and keys[low] == key else np.int64(-1)


@njit(cache=True, nogil=True)
def find_pours(wanted, keys, starts, shift, out):  # type: ignore[no-untyped-def]
    """Number of each exchange's pour, -1 without text."""
    for row in range(wanted.shape[0]):
        out[row] = locate(keys, starts, shift, wanted[row]) if wanted[row] else np.int64(-1)


@njit(cache=True, nogil=True)
def first_rows(pours, seen, out):  # type: ignore[no-untyped-def]
    """Rows that show a pour for the first time, into `out`; how many. seen: a bit a pour, kept between calls."""
    n = 0
    for row in range(pours.shape[0]):
        pour = pours[row]
        if pour >= 0 and not (seen[pour >> 3] >> (pour & 7)) & 1:
            seen[pour >> 3] |= np.uint8(1 << (pour & 7))
            out[n] = row
            n += 1
    return n


@njit(cache=True, nogil=True)
def anchors_of(row, chunks, ends, present, keys, texts, kinds):  # type: ignore[no-untyped-def]
    """The anchors of a row: their keys, what text they stand for, their kinds; how many.

    Shapes: chunks (n, 16) uint64; ends, present (n, 3): head, tail, system prompt.
    """
    n = 0
    for region in range(3):
        for i in range(REGION_STARTS[region], REGION_STARTS[region + 1]):
            value = chunks[row, i]
            if value:
                keys[n], texts[n], kinds[n] = salted(value, region), value, region
                n += 1
    for end in range(3):
        if present[row, end]:
            kind = HEAD + end
            keys[n] = salted(ends[row, end], kind)
            texts[n], kinds[n] = keys[n], kind
            n += 1
    return n


@njit(cache=True, nogil=True)
def list_anchors(rows, chunks, ends, present, out):  # type: ignore[no-untyped-def]
    """Keys of the anchors of some rows, one after the other; how many. Shapes: out (19 n_rows,) uint64."""
    texts, kinds = np.empty(PER_POUR, np.uint64), np.empty(PER_POUR, np.int8)
    keys = np.empty(PER_POUR, np.uint64)
    n = 0
    for i in range(rows.shape[0]):
        k = anchors_of(rows[i], chunks, ends, present, keys, texts, kinds)
        out[n : n + k] = keys[:k]
        n += k
    return n


@njit(cache=True, nogil=True)
def place_anchors(  # type: ignore[no-untyped-def]
    rows, pours, chunks, ends, present, words, keys, starts, shift, at,
    anchor_text, anchor_kind, pour_start, pour_count, pour_anchors, limits, n_kept, pour_words,
):  # fmt: skip
    """Write the frequent anchors of some rows' pours behind place `at` of pour_anchors; the next free place.

    Also: limits (n_pours, 3) uint16: top bits of the largest chunk that each region could have kept; n_kept
    (n_pours, 3) uint8: chunks that it kept; pour_words (n_pours,).
    """
    key, text, kind = np.empty(PER_POUR, np.uint64), np.empty(PER_POUR, np.uint64), np.empty(PER_POUR, np.int8)
    for i in range(rows.shape[0]):
        row = rows[i]
        pour = pours[row]
        pour_start[pour] = at
        k = anchors_of(row, chunks, ends, present, key, text, kind)
        for j in range(k):
            anchor = locate(keys, starts, shift, key[j])
            if anchor >= 0:
                anchor_text[anchor] = text[j]
                anchor_kind[anchor] = kind[j]
                pour_anchors[at] = anchor
                at += 1
        pour_count[pour] = at - pour_start[pour]
        for region in range(3):
            last = REGION_STARTS[region + 1] - 1
            full = chunks[row, last] != U(0)
            limits[pour, region] = np.uint16(chunks[row, last] >> U(48)) if full else np.uint16(0xFFFF)
            n = 0
            for c in range(REGION_STARTS[region], last + 1):
                n += chunks[row, c] != U(0)
            n_kept[pour, region] = n
        pour_words[pour] = min(words[row], 65535)
    return at


@njit(cache=True, nogil=True)
def sample_pours(pour_start, pour_count, pour_groups, group_start, sample):  # type: ignore[no-untyped-def]
    """The first pours of each group (an anchor, a template), as many as its room holds.

    pour_groups: the groups of pour i at pour_start[i] and on; -1 for none.  Shapes: group_start (n_groups + 1,).
    """
    filled = np.zeros(group_start.shape[0] - 1, np.int32)
    for pour in range(pour_start.shape[0]):
        for at in range(pour_start[pour], pour_start[pour] + pour_count[pour]):
            group = pour_groups[at]
            if group >= 0 and group_start[group] + filled[group] < group_start[group + 1]:
                sample[group_start[group] + filled[group]] = pour
                filled[group] += 1


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
    first, last, pour_start, pour_count, pour_anchors, mould_of, n_pours_of, usable, weight, strong,
    starts, neighbours, kind, level, limits, least, out,
):  # fmt: skip
    """The mould that each pour [first, last) came from, -1 for none.

    mould_of (n_anchors,); n_pours_of, usable, weight (words that it covers), strong (n_moulds,); starts, neighbours: of
    `shared_anchors`, by anchor.
    A pour's moulds are tried from the most frequent on. The next one takes over where it weighs more, or half as much
    where it hardly occurs without the one before: then that one is a phrase that several moulds share. Once a strong
    one is found, the next must also be in at least the square root of that one's pours, and in FEW or a fourth of
    them: rarer ones are values of its slots. A mould known by the system prompt alone, which weighs nothing here,
    gives way to one that is strong. A mould of which the pour lacks too much (`_fits`, least) is passed over.
    """
    moulds = np.empty(PER_POUR, np.int64)
    for pour in range(first, last):
        out[pour] = -1
        n = 0
        for at in range(pour_start[pour], pour_start[pour] + pour_count[pour]):
            mould = mould_of[pour_anchors[at]]
            if not usable[mould]:
                continue
            m = n
            while m > 0 and (
                n_pours_of[mould] > n_pours_of[moulds[m - 1]]
                or (n_pours_of[mould] == n_pours_of[moulds[m - 1]] and mould < moulds[m - 1])
            ):
                m -= 1
            if m > 0 and moulds[m - 1] == mould:
                continue
            for j in range(n, m, -1):
                moulds[j] = moulds[j - 1]
            moulds[m] = mould
            n += 1
        current = np.int64(-1)
        for m in range(n):
            mould = moulds[m]
            if current >= 0:
                rare = n_pours_of[mould] ** 2 < n_pours_of[current]
                rare |= 4 * n_pours_of[mould] < min(n_pours_of[current], 4 * FEW)
                by_system = weight[current] == 0
                if rare and (by_system or strong[current]):
                    continue
                if by_system and not strong[mould]:
                    continue
                if weight[mould] <= weight[current] and not (
                    2 * weight[mould] >= weight[current]
                    and _within(
                        pour, mould, current, pour_start, pour_count, pour_anchors, mould_of, starts, neighbours
                    )
                ):
                    continue
            if _fits(
                pour, mould, pour_start, pour_count, pour_anchors, mould_of, starts, neighbours, kind, level, limits,
                least,
            ):  # fmt: skip
                current = mould
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
