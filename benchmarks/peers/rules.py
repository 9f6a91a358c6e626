"""What gateways do today: rules on one account at a time, weighted and summed, with rate limits among them.

Two forms. `points`: each measure counts by how far it exceeds its limit, on a log scale, with weights set by hand, as
an operator would who has seen no campaign. `learned`: a logistic regression on the same measures, fitted on the labels
of other seeds of the very same worlds: what such rules could reach at the most, for an operator who has seen each of
these campaigns before. No operator has; it is here so that a reader sees how much of a result is the range's sameness.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmarks.peers.world import Ints, World, numbers

Floats = NDArray[np.float64]

_HOUR, _DAY, _MINUTE = 3_600_000_000, 86_400_000_000, 60_000_000

LIMITS: tuple[tuple[str, float, float], ...] = (
    ("requests in the busiest minute", 30.0, 1.0),
    ("requests in the busiest day", 500.0, 2.0),
    ("tokens out in the busiest day", 200_000.0, 2.0),
    ("requests in all", 2_000.0, 1.0),
    ("hours of the day in which it is active", 16.0, 1.0),
    ("refused or failed requests, percent", 10.0, 1.0),
    ("addresses", 10.0, 1.0),
    ("requests with the commonest beginning, percent", 50.0, 1.0),
    ("distinct prompts, percent", 95.0, 1.0),
    ("tokens out of a request", 800.0, 1.0),
    ("days since it was opened, inverted", 1.0, 1.0),
)
"""Measure, its limit, and its weight."""


def measures(world: World) -> Floats:
    """The measures of each account. Shapes: (n_accounts, len(LIMITS))."""
    n, account = world.n, world.account
    total = np.bincount(account, minlength=n).astype(np.float64)
    many = np.maximum(total, 1.0)
    day = (world.at_us - world.at_us.min()) // _DAY
    hours = np.unique(account * 24 + (world.at_us // _HOUR) % 24) // 24
    bad = (world.status >= 400).astype(np.float64)
    first = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(first, account, world.at_us)
    age_days = np.where(total > 0, (first - world.created_us) / _DAY, 365.0)
    prompt = numbers(pa.chunked_array([pa.array(world.prompts, pa.string())]))
    tokens_day = account * 4096 + day
    busiest_tokens = np.zeros(n)
    names, at = np.unique(tokens_day, return_inverse=True)
    np.maximum.at(busiest_tokens, names // 4096, np.bincount(at, weights=world.tokens_out))
    return np.column_stack(
        [
            _busiest(account, world.at_us // _MINUTE, n),
            _busiest(account, day, n),
            busiest_tokens,
            total,
            np.bincount(hours, minlength=n),
            100.0 * np.bincount(account, weights=bad, minlength=n) / many,
            _distinct(account, world.shared["ip"], n),
            100.0 * _busiest(account, world.shared["head"], n) / many,
            100.0 * _distinct(account, prompt, n) / many,
            np.bincount(account, weights=world.tokens_out.astype(np.float64), minlength=n) / many,
            1.0 / np.maximum(age_days, 0.05),
        ]
    )


def points(world: World) -> Floats:
    """Sum of weight times log2 of each measure over half its limit, where that is positive. Shapes: (n_accounts,)."""
    limits = np.array([limit for _, limit, _ in LIMITS])
    weights = np.array([weight for _, _, weight in LIMITS])
    over = np.maximum(np.log2(np.maximum(measures(world), 1e-9) / (limits / 2.0)), 0.0)
    return np.asarray(over @ weights)


def learn(worlds: Sequence[World], measured: Sequence[Floats]) -> tuple[Floats, Floats, Floats]:
    """Means, spreads and weights (the last is the offset) of a logistic regression on the logs of the measures."""
    rows = np.vstack([np.log1p(table)[~world.neutral] for world, table in zip(worlds, measured, strict=True)])
    truth = np.concatenate([world.driver[~world.neutral] for world in worlds]).astype(np.float64)
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    scaled = (rows - mean) / spread
    table = np.column_stack([scaled, scaled**2, np.ones(len(rows))])

    def loss(weights: Floats) -> tuple[float, Floats]:
        logit = table @ weights
        p = 1.0 / (1.0 + np.exp(-np.clip(logit, -30, 30)))
        value = float(np.mean(np.logaddexp(0.0, logit) - truth * logit) + 1e-4 * weights @ weights)
        return value, table.T @ (p - truth) / len(truth) + 2e-4 * weights

    found = minimize(loss, np.zeros(table.shape[1]), jac=True, method="L-BFGS-B")
    return mean, spread, np.asarray(found.x)


def learned(world: World, fitted: tuple[Floats, Floats, Floats]) -> Floats:
    """Log odds of each account under `learn`'s weights. Shapes: (n_accounts,)."""
    mean, spread, weights = fitted
    scaled = (np.log1p(measures(world)) - mean) / spread
    return np.asarray(np.column_stack([scaled, scaled**2, np.ones(len(scaled))]) @ weights)


def _busiest(account: Ints, value: Ints, n: int) -> Floats:
    """Most rows of one value, account by account."""
    base = int(value.max()) + 2
    names, counts = np.unique(account * base + value + 1, return_counts=True)
    out = np.zeros(n)
    np.maximum.at(out, names // base, counts)
    return out


def _distinct(account: Ints, value: Ints, n: int) -> Floats:
    """Distinct values, account by account."""
    _, codes = np.unique(value, return_inverse=True)
    base = int(codes.max()) + 1
    return np.bincount(np.unique(account * base + codes) // base, minlength=n).astype(np.float64)
