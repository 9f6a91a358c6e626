"""SEAT: a set of queries made for extraction holds many pairs that are more alike than honest ones are.

Source: Zhang, Chen, Wagner, SEAT: similarity encoder by adversarial training for detecting model extraction attack
queries, AISec 2021, section 4: pairs nearer than a threshold are counted, and an account with more than N of them is
cancelled. The paper trains an encoder of pictures; here the embedder that all peers share stands in its place, and the
share of pairs stands for their number, so that windows of different size compare, as arXiv 2606.05725 takes it.
"""

from __future__ import annotations

import numpy as np

from benchmarks.peers.window import Floats, Statistic, Window

PERCENTILE = 99.0
"""Of benign pairs: what is more alike counts as similar."""

PAIRS = 400_000
"""Benign pairs that the threshold is taken from."""


def fit_seat(benign: Floats, rng: np.random.Generator, percentile: float = PERCENTILE) -> Statistic:
    """The share of a window's pairs that are more alike than this percentile of benign pairs."""
    first, second = rng.integers(0, len(benign), (2, PAIRS))
    different = first != second
    alike = np.einsum("ij,ij->i", benign[first[different]], benign[second[different]])
    threshold = float(np.percentile(alike, percentile))

    def seat(window: Window) -> float:
        n = len(window)
        return (int((window.products >= threshold).sum()) - n) / max(n * (n - 1), 1)

    return seat
