"""Customers of a proxy who run applications: each with a life and hours of its own, whatever account carries it."""

from __future__ import annotations

import numpy as np

from stillwatch.traffic_range.grammar import Ints
from stillwatch.traffic_range.stage import HOUR, Stage

N_APPLICATIONS = 60
"""Customers who run applications: their moulds turn up on any account."""

NEW, LEFT = 0.35, 0.3
"""Shares of customers that come, and that go, while the world is watched."""

RESTLESS = 0.5
"""Variance of a customer's day, over the square of its mean."""

NIGHTLY = 0.15
"""Share of customers whose requests come from one batch a day."""


def whose(stage: Stage, rng: np.random.Generator, at: Ints) -> Ints:
    """The customer of each request that was sent at some moment: of those that are there, by what each sends then.

    The customers and their lives are the same for all parts of a population.
    """
    theirs, calendar, n = stage.rng("customers", "lives"), stage.calendar, N_APPLICATIONS
    size = np.diff(np.sqrt(np.arange(n + 1) / n))
    days, hours = np.arange(calendar.days), np.arange(24)
    first = np.where(theirs.random(n) < NEW, theirs.uniform(0, calendar.days * 0.8, n), -1.0)
    last = np.where(theirs.random(n) < LEFT, first + theirs.exponential(calendar.days / 2, n) + 2, calendar.days)
    day = theirs.gamma(1 / RESTLESS, RESTLESS, (calendar.days, n)) * ((days[:, None] >= first) & (days[:, None] < last))
    day *= np.where((days % 7 >= 5)[:, None], theirs.uniform(0.1, 1.1, n), 1.0)
    peak, swing = theirs.uniform(0, 24, n), theirs.uniform(0, 1, n)
    hour = 1 + swing * np.cos((hours[:, None] - peak) * (2 * np.pi / 24))
    nightly = theirs.random(n) < NIGHTLY
    hour = np.where(nightly, 24.0 * (hours[:, None] == peak.astype(np.int64)), hour)
    # Whoever is there without anybody else must be somebody.
    weight = size * (day[:, None, :] * hour[None, :, :]).reshape(-1, n) + 1e-9
    share = np.cumsum(weight, axis=1)
    share /= share[:, -1:]
    bin_of = np.clip((at - calendar.start) // HOUR, 0, len(share) - 1)
    place = np.searchsorted((share + np.arange(len(share))[:, None]).ravel(), bin_of + rng.random(len(at)), "right")
    out: Ints = np.minimum(place - bin_of * n, n - 1).astype(np.int64)
    return out
