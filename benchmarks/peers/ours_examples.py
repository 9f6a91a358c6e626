"""Our window test with examples: what queries of other, known campaigns have in common, as log odds for each query.

A logistic regression on forms and on the commonest words and word pairs of benign queries, fitted on benign queries
against examples of other families, each family weighing the same; never on the family that it is tested on. A window's
statistic is the mean log odds of its queries, cut where examples say no more. Where a user has no examples (past
findings, published sets) `ours_window` stands by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmarks.peers.embedding import features

Floats = NDArray[np.float32]
Hashes = NDArray[np.uint64]

WORDS = 800
"""Words and word pairs that are looked at: the commonest among benign queries, so that none names a topic."""

PENALTY = 1e-3
CUT = 5.0
"""Nats that one query may say either way."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words and pairs that are looked at, by hash, sorted."""

    hashes: Hashes


def common_words(texts: Sequence[str]) -> Vocabulary:
    """The commonest words and pairs of benign queries."""
    found, holding = np.unique(np.concatenate(_holdings(texts)), return_counts=True)
    return Vocabulary(np.sort(found[np.argsort(-holding, kind="stable")[:WORDS]]))


def measures(vocabulary: Vocabulary, texts: Sequence[str], form: Floats) -> Floats:
    """What the log odds are made from: forms, their squares, and which common words a query has."""
    has = np.zeros((len(texts), len(vocabulary.hashes)), np.float32)
    for row, held in enumerate(_holdings(texts)):
        place = np.searchsorted(vocabulary.hashes, held)
        place = np.minimum(place, len(vocabulary.hashes) - 1)
        has[row, place[vocabulary.hashes[place] == held]] = 1.0
    bounded = np.clip(form, -4.0, 4.0)
    return np.hstack([bounded, bounded**2 - 1.0, has, np.ones((len(texts), 1), np.float32)])


def learn(benign: Floats, families: Sequence[Sequence[Floats]]) -> Floats:
    """Weights of the log odds of examples against benign queries; the last is the offset."""
    parts = [benign, *(part for family in families for part in family)]
    table = np.vstack(parts)
    truth = np.concatenate([np.zeros(len(benign)), np.ones(len(table) - len(benign))])
    weight = np.concatenate(
        [np.full(len(benign), 1.0 / len(benign))]
        + [np.full(len(part), 1.0 / len(families) / len(family) / len(part)) for family in families for part in family]
    )

    def loss(found: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logit = (table @ found.astype(np.float32)).astype(np.float64)
        wrong = weight * (1.0 / (1.0 + np.exp(-np.clip(logit, -30.0, 30.0))) - truth)
        held = np.append(found[:-1], 0.0)
        value = float(weight @ (np.logaddexp(0.0, logit) - truth * logit) + PENALTY * held @ held)
        return value, (table.T @ wrong.astype(np.float32)).astype(np.float64) + 2.0 * PENALTY * held

    start = np.zeros(table.shape[1])
    done = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 60})
    return np.asarray(done.x, np.float32)


def log_odds(weights: Floats, table: Floats) -> Floats:
    """Log odds of each query, cut to `CUT`. Shapes: (n,)."""
    return np.asarray(np.clip(table @ weights, -CUT, CUT), np.float32)


def _holdings(texts: Sequence[str]) -> list[Hashes]:
    """The distinct words and word pairs of each text, by hash, sorted."""
    words, offsets = features(texts)
    out = []
    for row in range(len(offsets) - 1):
        own = words[offsets[row] : offsets[row + 1]]
        pairs = own[:-1] * np.uint64(0x9E3779B97F4A7C15) + own[1:]
        out.append(np.unique(np.concatenate([own, pairs])))
    return out
