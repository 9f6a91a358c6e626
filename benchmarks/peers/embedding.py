"""The offline embedder that all peers share: hashed words and word pairs, weighted by rarity, projected at random.

Source: Weinberger et al., Feature hashing for large scale multitask learning, ICML 2009; Kane and Nelson, Sparser
Johnson-Lindenstrauss transforms, JACM 2014 (each feature goes to `SPREAD` of the dimensions, with a sign each).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stillwatch.fingerprint.words import word_hashes

Floats = NDArray[np.float32]

DIMENSIONS = 256
SPREAD = 16
"""Dimensions that a feature goes to."""

BUCKETS = 1 << 18
"""Places that rarities are counted in."""

LARGEST_RARITY = 6.0
"""Nats: what was never seen weighs as much as what one text of 400 holds, or names and typing errors decide alone."""

LONGEST = 4_000
"""Characters of a text that are read: the head says what is asked, the rest is mostly pasted."""

_BETWEEN = "endofonetextzq"
"""A word that no text holds, put between two of them so that one pass hashes the words of all."""

_AT_ONCE = 20_000
"""Texts hashed in one pass."""


@dataclass(frozen=True, slots=True)
class Embedder:
    """Texts to unit vectors. rarity: (BUCKETS,) nats by hashed feature, fitted on benign texts only."""

    rarity: Floats

    def __call__(self, texts: Sequence[str]) -> Floats:
        """Unit vectors, zeros for texts without words. Shapes: (n, DIMENSIONS)."""
        out = np.zeros((len(texts), DIMENSIONS), np.float32)
        for start in range(0, len(texts), _AT_ONCE):
            words, offsets = features(texts[start : start + _AT_ONCE])
            _project(words, offsets, self.rarity, out[start : start + _AT_ONCE])
        return out


def fit_embedder(texts: Sequence[str]) -> Embedder:
    """An embedder whose weights are the rarity of features in these texts, log (n + 1) / (holding + 1), capped."""
    holding = np.zeros(BUCKETS, np.int64)
    for start in range(0, len(texts), _AT_ONCE):
        words, offsets = features(texts[start : start + _AT_ONCE])
        _count(words, offsets, holding)
    rarity = np.log((len(texts) + 1.0) / (holding + 1.0))
    return Embedder(np.clip(rarity, 0.0, LARGEST_RARITY).astype(np.float32))


def features(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Hashes of the words of texts, one after the other, and where each text's begin. Shapes: (words,), (n + 1,)."""
    joined = "".join(f"{text[:LONGEST]}\n{_BETWEEN}\n" for text in texts).encode("utf-8", "replace")
    hashes = word_hashes(np.frombuffer(joined, np.uint8))[0]
    mark = word_hashes(np.frombuffer(_BETWEEN.encode(), np.uint8))[0][0]
    ends = np.flatnonzero(hashes == mark)
    if len(ends) != len(texts):
        raise ValueError(f"a text holds the word {_BETWEEN!r}")
    offsets = np.concatenate([[0], ends - np.arange(len(ends))]).astype(np.int64)
    return hashes[hashes != mark], offsets


@njit(cache=True)
def _mix(x):  # type: ignore[no-untyped-def]
    x = (x ^ (x >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    x = (x ^ (x >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return x ^ (x >> np.uint64(33))


@njit(cache=True)
def _features_of(words):  # type: ignore[no-untyped-def]
    """Words and pairs of neighbours, sorted."""
    n = words.shape[0]
    out = np.empty(max(0, 2 * n - 1), np.uint64)
    for i in range(n):
        out[i] = _mix(words[i])
        if i:
            out[n + i - 1] = _mix(words[i - 1] * np.uint64(0x9E3779B97F4A7C15) + words[i])
    out.sort()
    return out


@njit(cache=True)
def _count(words, offsets, holding):  # type: ignore[no-untyped-def]
    for row in range(offsets.shape[0] - 1):
        found = _features_of(words[offsets[row] : offsets[row + 1]])
        for i in range(found.shape[0]):
            if i == 0 or found[i] != found[i - 1]:
                holding[np.int64(found[i] & np.uint64(BUCKETS - 1))] += 1


@njit(cache=True)
def _project(words, offsets, rarity, out):  # type: ignore[no-untyped-def]
    for row in range(offsets.shape[0] - 1):
        found = _features_of(words[offsets[row] : offsets[row + 1]])
        times = 0
        for i in range(found.shape[0]):
            times += 1
            if i + 1 < found.shape[0] and found[i + 1] == found[i]:
                continue
            weight = rarity[np.int64(found[i] & np.uint64(BUCKETS - 1))] * np.float32(1.0 + np.log(times))
            times = 0
            code = found[i]
            for part in range(SPREAD):
                code = _mix(code + np.uint64(part + 1))
                place = np.int64(code & np.uint64(DIMENSIONS - 1))
                out[row, place] += weight if code >> np.uint64(63) else -weight
        length = np.sqrt(np.sum(out[row] * out[row]))
        if length > 0:
            out[row] /= length
