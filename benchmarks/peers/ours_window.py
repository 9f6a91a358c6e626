"""Our test of a window of pooled queries: a change of form, or a crowd, whichever the benign windows explain worse.

Built for few queries of a campaign among many honest ones, where the mean of an embedding moves too little to be seen:

- *Form*. How a query is made (length, lines, punctuation, whether it speaks of itself, of what was said before, of the
  person who asks; `forms`) hardly varies within a campaign and widely among people, whatever the topic. Each measure is
  turned into normal scores by its benign distribution, so that no long paste counts for more than its rank; the scores
  are made uncorrelated; the squared mean of a window, times its size, is Hotelling's T squared with known covariance.
  Topics cannot move it: no word but the commonest pronouns is looked at.
- *Crowd*. A spatial scan (Kulldorff 1997) on the embedding: around each query, at each of seven likenesses, the
  window's queries of other senders are counted, against the rate at which a benign sample lies there. What is popular
  among honest people (a well-known tool's mould) is dense in the sample too, and expected. The most surprising
  neighbourhood counts.

Each is turned into a p-value by its law in benign windows, and the smaller one decides. Benign windows are to be drawn
from different people (half of the conversations each), not query by query from one pool: two pools of people differ by
more than their queries' chance. Form does not keep its level when other honest people come in; crowd does, far better
(docs/peers.md has both): what the benign windows are drawn from has to be of the same days.

No distillation set is used to fit any of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincc, log_ndtr, ndtri

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

LIKENESSES = (0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8)
"""Cosines at which neighbours are counted."""

SAMPLE = 5_000
"""Benign queries that rates are taken from."""

READ = 2_000
"""Characters of a query that its form is taken from."""

RIDGE = 1e-3
"""Added to the variance of each normal score before they are made uncorrelated."""

RAREST = 0.002
"""Normal scores end at this tail: what lies beyond was seen too seldom to be ranked."""

_BACK = re.compile(r"\b(this|that|it|these|above|previous)\b", re.IGNORECASE)
_SELF = re.compile(r"\b(i|my|me|we|our)\b", re.IGNORECASE)
_YOU = re.compile(r"\byou\b", re.IGNORECASE)
_ARTICLE = re.compile(r"\b(the|a)\b", re.IGNORECASE)
_PLEASE = re.compile(r"please", re.IGNORECASE)


def forms(texts: Sequence[str]) -> Floats:
    """How each query is made, whatever it is about. Shapes: (n, 33). Raises: ValueError for an empty text."""
    return np.array([_form(text) for text in texts], np.float32)


def _form(text: str) -> list[float]:
    head = text[:READ]
    n, words, lines = len(head), len(text.split()), text.count("\n") + 1
    if not words:
        raise ValueError("an empty text has no form")
    last, first = text[-1], text[0]
    one, capital, ended, own = lines == 1, first.isupper(), last in ".?!", bool(_SELF.search(head))
    back = bool(_BACK.search(head))
    alone = not (own or back)
    sentence = one and capital and ended
    return [
        float(np.log1p(len(text))),
        float(np.log1p(words)),
        float(np.log1p(lines)),
        min(len(text) / words, 12.0),
        last in ".!",
        last == "?",
        last in ".!?:",
        capital,
        sum(c.isdigit() for c in head) / n,
        sum(c.isupper() for c in head) / n,
        sum(ord(c) > 127 for c in head) / n,
        sum(c in "{}()[]<>=;_`" for c in head) / n,
        head.count(",") / n,
        head.count(".") / n,
        head.count('"') / n,
        "?" in text,
        ":" in text,
        "\n\n" in text,
        "-" in text,
        any(c.isdigit() for c in head),
        own,
        bool(_YOU.search(head)),
        bool(_ARTICLE.search(head)),
        back,
        bool(_PLEASE.search(head)),
        "  " in text,
        sentence,
        sentence and 4 <= words <= 30,
        sentence and 4 <= words <= 30 and alone,
        capital and ended and not one,
        capital and ended and alone,
        words < 4,
        words > 200,
    ]


@dataclass(frozen=True, slots=True)
class Benign:
    """What benign queries are like. grid: (points, measures) values by rank; sample: (SAMPLE, d) unit vectors."""

    grid: Doubles
    mean: Doubles
    white: Doubles
    sample: Floats


@dataclass(frozen=True, slots=True)
class Queries:
    """What a test needs of each query, worked out once: form (n, measures) and rate (n, likenesses)."""

    form: Floats
    rate: Floats

    def take(self, rows: NDArray[np.int64]) -> Queries:
        """Some of them."""
        return Queries(self.form[rows], self.rate[rows])

    def with_others(self, others: Queries) -> Queries:
        """These and others."""
        return Queries(np.concatenate([self.form, others.form]), np.concatenate([self.rate, others.rate]))


def fit_benign(form: Floats, vectors: Floats, rng: np.random.Generator) -> Benign:
    """What benign queries are like, from their forms and their unit vectors. Shapes: (n, measures), (n, d)."""
    grid = np.quantile(form.astype(np.float64), np.linspace(0.0, 1.0, 1_001), axis=0)
    scores = _normal_scores(grid, form)
    covariance = np.cov(scores.T) + RIDGE * np.eye(scores.shape[1])
    white = np.linalg.inv(np.linalg.cholesky(covariance)).T
    return Benign(grid, scores.mean(axis=0), white, vectors[rng.permutation(len(vectors))[:SAMPLE]])


def queries(benign: Benign, form: Floats, vectors: Floats, *, at_once: int = 2_000) -> Queries:
    """Queries made ready for the test. Cost: their number times SAMPLE inner products."""
    white = (_normal_scores(benign.grid, form) - benign.mean) @ benign.white
    rate = np.empty((len(vectors), len(LIKENESSES)), np.float32)
    for start in range(0, len(vectors), at_once):
        alike = vectors[start : start + at_once] @ benign.sample.T
        for place, likeness in enumerate(LIKENESSES):
            rate[start : start + at_once, place] = (alike >= likeness).sum(axis=1)
    return Queries(white.astype(np.float32), ((rate + 0.5) / len(benign.sample)).astype(np.float32))


def change_of_form(window: Queries) -> float:
    """Hotelling's T squared of a window's mean form: about chi squared in benign windows, more where they drift."""
    mean = window.form.mean(axis=0, dtype=np.float64)
    return float(len(window.form) * (mean @ mean))


def crowd(window: Queries, products: Floats, sender: NDArray[np.int64]) -> float:
    """The largest surprise of a neighbourhood, in nats: -log of the Poisson chance of as many neighbours.

    products: (n, n) cosines of the window's pairs; sender: (n,) whose query each is, or what conversation it belongs
    to: people repeat themselves, so that only queries of different senders are neighbours.
    Cost: the likenesses' number times n squared comparisons.
    """
    n, surprise = len(products), 0.0
    products = np.where(sender[:, None] == sender[None, :], np.float32(-1.0), products)
    for place, likeness in enumerate(LIKENESSES):
        neighbours = (products >= likeness).sum(axis=1)
        expected = window.rate[:, place].astype(np.float64) * (n - 1)
        crowded = (neighbours >= 2) & (neighbours > expected)
        if crowded.any():
            chance = gammainc(neighbours[crowded], expected[crowded])
            surprise = max(surprise, float(-np.log(np.maximum(chance, 1e-300)).max()))
    return surprise


@dataclass(frozen=True, slots=True)
class Law:
    """What both parts are like in benign windows of one size: a gamma for form, a normal of the logarithm for crowd."""

    form_shape: float
    form_scale: float
    crowd_mean: float
    crowd_spread: float


def fit_law(form: Sequence[float], crowds: Sequence[float]) -> Law:
    """The laws of `change_of_form` and `crowd` by their moments in benign windows of one size."""
    mean, variance = float(np.mean(form)), float(np.var(form))
    logs = np.log1p(np.array(crowds))
    return Law(mean * mean / variance, variance / mean, float(logs.mean()), float(logs.std()) + 1e-9)


def window_score(form: float, crowded: float, law: Law) -> float:
    """-log2 of the smaller p-value of both parts: bits against a benign window, before they are calibrated.

    The gamma's and the normal's tails are extrapolations: a threshold comes from benign windows, not from them.
    """
    of_form = -np.log(max(float(gammaincc(law.form_shape, form / law.form_scale)), 1e-300))
    of_crowd = -float(log_ndtr(-(np.log1p(crowded) - law.crowd_mean) / law.crowd_spread))
    return float(max(of_form, of_crowd) / np.log(2.0))


def _normal_scores(grid: Doubles, form: Floats) -> Doubles:
    """Each measure as the normal quantile of its middle rank among benign queries."""
    out = np.empty(form.shape)
    steps = len(grid) - 1
    for column in range(form.shape[1]):
        value = form[:, column].astype(np.float64)
        below = np.searchsorted(grid[:, column], value - 1e-7)
        above = np.searchsorted(grid[:, column], value + 1e-7)
        out[:, column] = ndtri(np.clip((below + above) / 2.0 / (steps + 1), RAREST, 1.0 - RAREST))
    return out
