"""Moulds: sets of anchors that come and go together, and the mould that each pour came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillwatch.templates import kernels, mould_kernels
from stillwatch.templates.anchors import Ints, Pours, Words, over_ranges

LEAST_POURS = 3
"""Distinct prompts that must show an anchor before it counts as part of a mould."""

LEAST_ALONE = 5
"""... where nothing but one end of the prompts is alike: eight words in a row are oftener chance than two places."""

TOGETHER = 0.6
"""Two anchors are of one mould when each is in at least this share of the other's prompts.

Above one half, so that a phrase which two moulds of like size share goes to neither; fitted on no data."""

ALIKE = 0.6
"""... and the anchors that most of their prompts show are mostly the same."""

FITS = 0.4
"""Of a mould's anchors that a prompt would show if it came from it, the least share that it must show."""

SAMPLE = 32
"""Pours that are looked at for each anchor and each template: those with the smallest hashes."""

STRONG_WORDS, STRONG_SHARE = 24, 3
"""A mould that covers so many words of its prompts, or one in so many of them, is no mere turn of phrase."""

FIXED_SHARE = 0.5
"""An anchor is part of a template's fixed text when at least this share of its pours show it."""

FAMILY_SHARE, FAMILY_TEXTS = 0.25, 2
"""Least Jaccard overlap, and least number, of the fixed texts that a template shares with its family's leader."""

FAMILY_LEADERS = 32
"""Leaders that one text is remembered for: a text that stands in more moulds than these tells of no family."""

_BLOCK = 1 << 15
_NAMING = np.uint64(0x5851F42D4C957F2D)


@dataclass(frozen=True, slots=True)
class Moulds:
    """Sets of anchors. Shapes: of_anchor (n_anchors,) int32; n_pours, usable, name (n_moulds,): the pours that show its
    most frequent anchor; whether it can be told from a turn of phrase; and its id, the hash of its foremost anchor.
    together: of each anchor, those that most of its pours show.
    """

    of_anchor: npt.NDArray[np.int32]
    n_pours: Ints
    usable: npt.NDArray[np.bool_]
    name: Ints
    together: Fixed


@dataclass(frozen=True, slots=True)
class Fixed:
    """What each group of pours has in common: anchors starts[i] to starts[i + 1] of `anchors`, ascending."""

    starts: Ints
    anchors: npt.NDArray[np.int32]


def _common(pours: Pours, groups: npt.NDArray[np.int32], start: Ints, count: npt.NDArray[np.uint8], sizes: Ints,
            share: float, least: int, threads: int) -> Fixed:  # fmt: skip
    """The anchors that at least `share` of each group's sampled pours show; groups as in `kernels.sample_pours`."""
    group_start = np.concatenate([[0], np.cumsum(np.minimum(sizes, SAMPLE))]).astype(np.int64)
    sample = np.empty(int(group_start[-1]), np.int32)
    kernels.sample_pours(start, count, groups, group_start, sample)
    n = len(sizes)
    level = pours.level
    n_found = np.zeros(n, np.int32)
    pieces: dict[int, npt.NDArray[np.int32]] = {}

    def work(first: int, last: int) -> None:
        found = np.empty((last - first, mould_kernels.MOST_NEIGHBOURS), np.int32)
        mould_kernels.shared_anchors(
            first, last, group_start, sample, pours.start, pours.count, pours.anchors, level, pours.kind,
            pours.limits, share, least, found, n_found[first:last],
        )  # fmt: skip
        pieces[first] = found[np.arange(mould_kernels.MOST_NEIGHBOURS) < n_found[first:last, None]]

    over_ranges(work, n, threads, _BLOCK)
    anchors = np.concatenate([pieces[first] for first in sorted(pieces)]) if pieces else np.zeros(0, np.int32)
    return Fixed(np.concatenate([[0], np.cumsum(n_found)]).astype(np.int64), anchors)


def find_moulds(pours: Pours, *, threads: int) -> Moulds:
    """The moulds of all pours.

    Each anchor asks a sample of its pours which other anchors most of them show; anchors that choose each other are
    of one mould. A phrase that many moulds use chooses none of them, so it binds nothing.
    Cost: n_anchors x SAMPLE x 19; no pass over pairs of pours.
    """
    together = _common(pours, pours.anchors, pours.start, pours.count, pours.shown, TOGETHER, LEAST_POURS, threads)
    parent = np.arange(pours.n_anchors, dtype=np.int32)
    mould_kernels.join_mutual(together.starts, together.anchors, ALIKE, parent)
    _, of_anchor = np.unique(parent, return_inverse=True)
    n = int(of_anchor.max()) + 1 if len(of_anchor) else 0
    n_pours = np.zeros(n, np.int64)
    np.maximum.at(n_pours, of_anchor, pours.shown)
    return Moulds(
        of_anchor.astype(np.int32),
        n_pours,
        _usable(pours, of_anchor, n_pours),
        _names(pours, of_anchor, n_pours),
        together,
    )


def _usable(pours: Pours, of_anchor: Ints, n_pours: Ints) -> npt.NDArray[np.bool_]:
    """A mould shows in the system prompt, in two places, or often at one end; one lone chunk is a turn of phrase."""
    n = len(n_pours)
    order = np.lexsort((pours.text, of_anchor))
    mould, text, kind = of_anchor[order], pours.text[order], pours.kind[order]
    new = np.concatenate([[True], (mould[1:] != mould[:-1]) | (text[1:] != text[:-1])]) if n else np.zeros(0, bool)
    n_texts = np.bincount(mould[new], minlength=n)
    ends = np.bincount(mould[new & (kind >= kernels.HEAD)], minlength=n)
    system = np.bincount(mould[new & (kind == kernels.SYSTEM)], minlength=n)
    out: npt.NDArray[np.bool_] = (system > 0) | (n_texts >= 2) | ((ends > 0) & (n_pours >= LEAST_ALONE))
    return out


def _names(pours: Pours, of_anchor: Ints, n_pours: Ints) -> Ints:
    """Each mould's id: from its head if it has one, else its tail, its system prompt, its smallest chunk.

    One anchor, so that more traffic does not rename it; one of those that at least half of its pours show.
    """
    rank = np.array([4, 5, 3, 0, 1, 2])[pours.kind] + 8 * (2 * pours.shown < n_pours[of_anchor])
    order = np.lexsort((pours.key, rank, of_anchor))
    _, first = np.unique(of_anchor[order], return_index=True)
    return _named(pours.key[order[first]])


def _named(keys: Words) -> Ints:
    return ((keys ^ _NAMING) * np.uint64(0xFF51AFD7ED558CCD)).view(np.int64)


def choose(pours: Pours, moulds: Moulds, *, threads: int) -> npt.NDArray[np.int32]:
    """The mould of each pour, -1 for none; no mould is left with fewer than LEAST_POURS."""
    usable = moulds.usable.copy()
    out = np.full(pours.n, -1, np.int32)
    if not len(usable):
        return out
    n_shown, covered, words = (np.zeros(len(usable), np.int64) for _ in range(3))
    mould_kernels.weigh_moulds(
        pours.start, pours.count, pours.anchors, pours.kind, pours.n_kept, pours.words, moulds.of_anchor, usable,
        n_shown, covered, words,
    )  # fmt: skip
    weight = covered // np.maximum(n_shown, 1)
    level = pours.level
    strong = (weight >= STRONG_WORDS) | (covered * STRONG_SHARE >= words)

    def work(first: int, last: int) -> None:
        mould_kernels.choose_moulds(
            first, last, pours.start, pours.count, pours.anchors, moulds.of_anchor, moulds.n_pours, usable, changed,
            weight, strong, moulds.together.starts, moulds.together.anchors, pours.kind, level, pours.limits, FITS, out,
        )  # fmt: skip

    changed = usable.copy()
    for _ in range(2):
        over_ranges(work, pours.n, threads, _BLOCK)
        left = usable & (np.bincount(out[out >= 0], minlength=len(usable)) >= LEAST_POURS)
        changed, usable = usable & ~left, left
    out[(out >= 0) & ~usable[np.maximum(out, 0)]] = -1
    return out


def fixed_texts(pours: Pours, templates: npt.NDArray[np.int32], sizes: Ints, *, threads: int) -> Fixed:
    """The anchors that each template's pours have in common; templates (n_pours,), -1 for none."""
    start, count = np.arange(pours.n, dtype=np.int64), np.ones(pours.n, np.uint8)
    return _common(pours, templates, start, count, sizes, FIXED_SHARE, 2, threads)


def families(pours: Pours, fixed: Fixed, sizes: Ints) -> Ints:
    """The leader of each template's family."""
    texts, number = np.unique(pours.text[fixed.anchors], return_inverse=True)
    owner = np.repeat(np.arange(len(sizes)), np.diff(fixed.starts))
    pairs = np.unique(owner * max(1, len(texts)) + number)
    owner, number = pairs // max(1, len(texts)), pairs % max(1, len(texts))
    starts = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(sizes)))]).astype(np.int64)
    lead = np.arange(len(sizes))
    order = np.argsort(-sizes, kind="stable")
    mould_kernels.lead_families(order, starts, number, len(texts), FAMILY_SHARE, FAMILY_TEXTS, FAMILY_LEADERS, lead)
    return lead
