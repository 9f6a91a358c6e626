"""What was possible at all: an oracle that knows who is who, and may use all that the logs show.

For every column it takes, from the truth itself, the likelihood ratio of each value, campaign against honest, counted
by accounts, and weighs the columns together as they tell best (logistic regression on the ratios, of each exchange and
of its account's mean). An account's own truth is kept from it: ratios and weights are those of the other four fifths of
the accounts, so that what only one account has says nothing. What no column shows, it cannot find either.

It says what traffic like this gives away, and no more: one column at a time and their sum, no interplay of two. A scan
may do better where accounts betray themselves by an order or a structure that no single value holds.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.special import expit

from stillwatch.evaluate.columns import Column, Ints, Shown, observed
from stillwatch.evaluate.reading import Truth

Floats = npt.NDArray[np.float64]

FOLDS = 5
PRECISION = 0.99
LEAST_ACCOUNTS = 2 * FOLDS
"""Of fewer drivers nothing can be learnt and tried on others."""

RIDGE = 1.0
"""Pull of the weights to nought, in accounts."""

ROUNDS = 12

LEARNT_ON = 4000
"""Rows of each side at most that weights are learnt on."""


class Possible(msgspec.Struct, frozen=True, kw_only=True):
    """What an oracle finds of one campaign at `PRECISION`.

    exchange_recall, account_recall: null where it has too few accounts to learn on.  gives_away: the columns that tell
    most by themselves, with the share of accounts that each finds at that precision, best first, at most five.
    """

    campaign: str
    exchange_recall: float | None
    account_recall: float | None
    gives_away: dict[str, float]


def possible(truth: Truth) -> list[Possible]:
    """What was possible for each campaign of a world, by name; empty for a log that is not canonical Parquet.

    Cost: seconds; of more than 200 thousand exchanges the accounts are sampled.
    """
    shown = observed(truth) if truth.campaigns else None
    if shown is None:
        return []
    fold = np.random.default_rng(1).integers(0, FOLDS, shown.n_accounts)
    pairs = [_pairs(column, shown) for column in shown.columns]
    return [_one(name, at, shown, pairs, fold) for at, name in enumerate(truth.campaigns)]


def _one(name: str, at: int, shown: Shown, pairs: list[Ints], fold: Ints) -> Possible:
    """One campaign; exchanges of the others are left out."""
    rows = np.flatnonzero((shown.campaign == at) | (shown.campaign < 0))
    own = shown.campaign[rows] == at
    account = shown.account[rows]
    drivers = np.unique(account[own])
    if len(drivers) < LEAST_ACCOUNTS:
        return Possible(campaign=name, exchange_recall=None, account_recall=None, gives_away={})
    ratios = np.column_stack(
        [_ratios(column, table, at, shown, fold) for column, table in zip(shown.columns, pairs, strict=True)]
    )[rows]
    present, number = np.unique(account, return_inverse=True)
    n_each = np.bincount(number)
    mean = np.column_stack([np.bincount(number, ratios[:, c]) / n_each for c in range(ratios.shape[1])])
    high = np.full_like(mean, -np.inf)
    np.maximum.at(high, number, ratios)
    drives = np.isin(present, drivers)
    weight = np.zeros(len(present))
    weight[number] = shown.weight[rows]
    # How much of a prompt is the campaign's, beside the words that tell most.
    much = np.column_stack(
        [
            _ratios(column, table, at, shown, fold, most=False)[rows]
            for column, table in zip(shown.columns, pairs, strict=True)
            if len(column.row) != len(shown.account)
        ]
        or [np.zeros(len(rows))]
    )
    by_exchange = _crossed(np.hstack([ratios, mean[number], much]), own, fold[account])
    by_account = _crossed(np.hstack([mean, high]), drives, fold[present])
    alone = {
        column.name: _recall(np.maximum(_whole(mean[:, c]), _whole(high[:, c])), drives, weight)
        for c, column in enumerate(shown.columns)
    }
    best = sorted(alone.items(), key=lambda one: (-one[1], one[0]))[:5]
    return Possible(
        campaign=name,
        exchange_recall=_recall(by_exchange, own, shown.weight[rows]),
        account_recall=_recall(by_account, drives, weight),
        gives_away={column: round(recall, 4) for column, recall in best if recall > 0},
    )


def _pairs(column: Column, shown: Shown) -> Ints:
    """(value, account, campaign) that occur, each once."""
    rows = column.row
    stacked = np.column_stack([column.value, shown.account[rows], shown.campaign[rows] + 1])
    sizes = stacked.max(axis=0, initial=0) + 1
    flat = np.unique((stacked[:, 0] * sizes[1] + stacked[:, 1]) * sizes[2] + stacked[:, 2])
    out: Ints = np.column_stack([flat // sizes[2] // sizes[1], flat // sizes[2] % sizes[1], flat % sizes[2] - 1])
    return out


def _ratios(column: Column, pairs: Ints, at: int, shown: Shown, fold: Ints, *, most: bool = True) -> Floats:
    """log2 of campaign over honest of each exchange's value, by the accounts of the other folds; 0 for new values.

    Of an exchange with many values (words) the one that tells most for the campaign counts, or their mean.
    """
    n_values = int(column.value.max(initial=-1)) + 1
    k, n = [], []
    for which in (at, -1):
        mine = pairs[pairs[:, 2] == which]
        table = np.bincount(mine[:, 0] * FOLDS + fold[mine[:, 1]], minlength=n_values * FOLDS)
        k.append(_others(table.reshape(n_values, FOLDS)))
        accounts = np.unique(shown.account[shown.campaign == which])
        n.append(_others(np.bincount(fold[accounts], minlength=FOLDS)[None, :]))
    share = n[0] / np.maximum(n[0] + n[1], 1)
    of_value = np.log2((k[0] + share) / np.maximum(n[0], 1)) - np.log2((k[1] + 1 - share) / np.maximum(n[1], 1))
    each = of_value[column.value, fold[shown.account[column.row]]]
    if len(each) == len(shown.account):
        return np.asarray(each, np.float64)
    n_each = np.maximum(np.bincount(column.row, minlength=len(shown.account)), 1)
    mean: Floats = np.bincount(column.row, each, minlength=len(shown.account)) / n_each
    if not most:
        return mean
    out = np.full(len(shown.account), -np.inf)
    np.maximum.at(out, column.row, each)
    return np.where(np.isfinite(out), out, 0.0)


def _others(table: npt.NDArray[np.int64]) -> Floats:
    """Counts outside of each fold."""
    outside: Floats = (table.sum(axis=1, keepdims=True) - table).astype(np.float64)
    return outside


def _crossed(x: Floats, own: npt.NDArray[np.bool_], fold: Ints) -> Floats:
    """Log odds of each row by weights that were learnt on the other folds."""
    centre, spread = x.mean(axis=0), x.std(axis=0) + 1e-9
    z = np.column_stack([np.ones(len(x)), (x - centre) / spread])
    out = np.zeros(len(x))
    mixed = np.random.default_rng(2).permutation(len(x))
    for f in range(FOLDS):
        test = fold == f
        others = mixed[~test[mixed]]
        learnt = np.concatenate([others[own[others]][:LEARNT_ON], others[~own[others]][:LEARNT_ON]])
        if own[learnt].any() and not own[learnt].all():
            out[test] = z[test] @ _logistic(z[learnt], own[learnt])
    return out


def _logistic(z: Floats, own: npt.NDArray[np.bool_]) -> Floats:
    """Weights of a logistic regression with a ridge, by Newton's steps; both sides weigh the same."""
    n = len(z)
    weight = np.where(own, 0.5 * n / own.sum(), 0.5 * n / (~own).sum())
    beta = np.zeros(z.shape[1])
    ridge = np.full(z.shape[1], RIDGE)
    for _ in range(ROUNDS):
        p = expit(z @ beta)
        slope = z.T @ (weight * (own - p)) - ridge * beta
        bend = (z * (weight * np.maximum(p * (1 - p), 1e-6))[:, None]).T @ z + np.diag(ridge)
        step = np.linalg.solve(bend, slope)
        beta += step / max(1.0, float(np.abs(step).max()) / 2)
        if np.abs(step).max() < 1e-3:
            break
    return np.asarray(beta, np.float64)


def _recall(score: Floats, own: npt.NDArray[np.bool_], weight: Floats) -> float:
    """The largest recall of a threshold at `PRECISION`; 0 where none reaches it."""
    order = np.argsort(-score, kind="stable")
    hits, all_ = np.cumsum((weight * own)[order]), np.cumsum(weight[order])
    ends = np.append(np.diff(score[order]) != 0, True)
    good = ends & (hits >= PRECISION * all_)
    return float(hits[good].max(initial=0.0) / max(hits[-1], 1e-12))


def _whole(column: Floats) -> Floats:
    return np.round(column, 6)
