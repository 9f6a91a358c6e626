"""Whether the bits mean what they say: promised against observed false findings, and bits against log odds.

Bits of an account (`accounts.parquet`: the most of any group it was tested in) are held against what it is. On the axis
of coordination it is one that acts with others where it is in a network of the truth, honest ones too; on the axis of
extraction where it drives a campaign or makes training data in the open. Carriers and owners of stolen keys count on
neither side there, since the bits are their group's. Only accounts of groups that were tested count. The line of log
odds over bits is fitted on all honest populations but one, and then tried on that one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.special import expit

from stillwatch.evaluate.accounts import HARVESTERS
from stillwatch.evaluate.reading import OWN, Scanned, Truth

MOST_BITS = 40
"""Bits beyond it are counted as so many."""

BINS = ((0, 2), (2, 4), (4, 6), (6, 8), (8, 12), (12, 20), (20, MOST_BITS), (MOST_BITS, MOST_BITS + 1))
"""Bits of a row of the table: from, and below; the last holds all that have more."""

ROUNDS = 30
RIDGE = 0.01


class BitCount(msgspec.Struct, frozen=True, kw_only=True):
    """Accounts of one population with so many whole bits on one axis; true: whether they are what the axis asks."""

    axis: str
    population: str
    true: bool
    bits: int
    accounts: int


class ProbabilityBin(msgspec.Struct, frozen=True, kw_only=True):
    """Exchanges of campaign findings with probabilities of one tenth; said: their mean; own: the campaigns' own."""

    tenth: int
    exchanges: int
    said: float
    own: int


class BitsRow(msgspec.Struct, frozen=True, kw_only=True):
    """One range of bits: accounts of both sides, and the bits that they bear witness to.

    observed: log2 of the true ones' share over the others', a half added to each; null where one side is empty.
    """

    axis: str
    low: int
    high: int
    true: int
    honest: int
    observed: float | None


class HeldOut(msgspec.Struct, frozen=True, kw_only=True):
    """The line of log odds over bits, fitted without one honest population or one corpus, tried on it.

    slope: log2 odds a bit (1 is what bits mean).  accounts: of the population that were tested.  expected, observed:
    of these, as many as would be on the wrong side by the line, in expectation, and as many as have that many bits as
    the line takes for even odds.
    """

    axis: str
    population: str
    slope: float
    accounts: int
    expected: float
    observed: int


def bit_counts(scanned: Scanned, truth: Truth) -> list[BitCount]:
    """Accounts by their bits on each axis, of those that were tested in some group."""
    rows = scanned.accounts.select(["account_id", "coordination_bits", "extraction_bits"]).to_pylist()
    kinds, drivers, members = truth.kind_of, truth.drivers, set().union(*truth.networks.values())
    between = set(truth.roles["account_id"].to_pylist()) - drivers
    counts: Counter[tuple[str, str, bool, int]] = Counter()
    for row in rows:
        account = row["account_id"]
        if row["coordination_bits"] <= 0 and row["extraction_bits"] <= 0:
            continue
        kind = kinds.get(account, "not in the world")
        true = {"coordination": account in members, "extraction": account in drivers or kind in HARVESTERS}
        for axis, is_ in true.items():
            if axis == "extraction" and account in between:
                continue
            counts[axis, kind, is_, int(min(max(row[f"{axis}_bits"], 0.0), MOST_BITS))] += 1
    return [
        BitCount(axis=axis, population=kind, true=is_, bits=bits, accounts=n)
        for (axis, kind, is_, bits), n in sorted(counts.items())
    ]


def probability_bins(scanned: Scanned, truth: Truth) -> list[ProbabilityBin]:
    """Exchanges of campaign findings by the probability that the scan gives them."""
    if "probability" not in scanned.claimed.column_names or not len(scanned.claimed):
        return []
    campaigns = set(scanned.campaigns)
    joined = scanned.claimed.join(truth.exchanges.select(["exchange_id", "label"]), "exchange_id", join_type="inner")
    mine = np.array([one in campaigns for one in joined["finding_id"].to_pylist()])
    p = joined["probability"].to_numpy()[mine]
    own = np.array([one in OWN for one in joined["label"].to_pylist()])[mine]
    tenth = np.minimum((p * 10).astype(int), 9)
    return [
        ProbabilityBin(
            tenth=int(t), exchanges=int((tenth == t).sum()), said=float(p[tenth == t].mean()),
            own=int(own[tenth == t].sum()),
        )
        for t in np.unique(tenth)
    ]  # fmt: skip


def bits_table(counted: Iterable[BitCount]) -> list[BitsRow]:
    """Bits against log odds: what was said, and what the accounts bear witness to."""
    counted = list(counted)
    out = []
    for axis in ("coordination", "extraction"):
        total = {side: sum(c.accounts for c in counted if c.axis == axis and c.true == side) for side in (True, False)}
        for low, high in BINS:
            n = {
                side: sum(
                    c.accounts for c in counted if c.axis == axis and c.true == side and low <= c.bits < high
                )
                for side in (True, False)
            }  # fmt: skip
            known = min(total.values()) > 0 and sum(n.values()) > 0
            ratio = [(n[side] + 0.5) / (total[side] + 0.5) for side in (True, False)]
            out.append(
                BitsRow(
                    axis=axis,
                    low=low,
                    high=high,
                    true=n[True],
                    honest=n[False],
                    observed=float(np.log2(ratio[0] / ratio[1])) if known else None,
                )
            )
    return out


def held_out(counted: Sequence[BitCount]) -> list[HeldOut]:
    """The line fitted without each honest population in turn, and how it does on it."""
    out = []
    for axis in ("coordination", "extraction"):
        mine = [c for c in counted if c.axis == axis]
        for name in sorted({c.population for c in mine if not c.true}):
            fit = [c for c in mine if c.true or c.population != name]
            if len({c.true for c in fit}) < 2:
                continue
            out.append(_tried(axis, name, fit, [c for c in mine if not c.true and c.population == name]))
    return out


def corpus_held_out(of_corpus: Mapping[str, Sequence[BitCount]]) -> list[HeldOut]:
    """The line fitted on worlds of all corpora but one, and how it does on that one's honest accounts."""
    out = []
    for name, left in of_corpus.items():
        others = [c for corpus, counted in of_corpus.items() if corpus != name for c in counted]
        for axis in ("coordination", "extraction"):
            fit = [c for c in others if c.axis == axis]
            if len({c.true for c in fit}) == 2:
                honest = [c for c in left if c.axis == axis and not c.true]
                out.append(_tried(axis, f"corpus {name or 'grammar'}", fit, honest))
    return out


def _tried(axis: str, name: str, fit: Sequence[BitCount], honest: Sequence[BitCount]) -> HeldOut:
    start, slope = _line(fit)
    n = np.array([c.accounts for c in honest], float)
    odds = start + slope * np.array([c.bits for c in honest], float)
    return HeldOut(
        axis=axis,
        population=name,
        slope=float(slope / np.log(2)),
        accounts=int(n.sum()),
        expected=float((n * expit(odds)).sum()),
        observed=int(n[odds >= 0].sum()),
    )


def _line(counted: Sequence[BitCount]) -> npt.NDArray[np.float64]:
    """(start, slope) of a logistic regression of truth on bits, in nats; both sides weigh the same."""
    x = np.column_stack([np.ones(len(counted)), [c.bits + 0.5 for c in counted]])
    own = np.array([c.true for c in counted])
    n = np.array([c.accounts for c in counted], float)
    weight = np.where(own, n / n[own].sum(), n / n[~own].sum()) * min(n[own].sum(), n[~own].sum())
    beta = np.zeros(2)
    for _ in range(ROUNDS):
        p = expit(x @ beta)
        slope = x.T @ (weight * (own - p)) - RIDGE * beta
        bend = (x * (weight * np.maximum(p * (1 - p), 1e-9))[:, None]).T @ x + RIDGE * np.eye(2)
        step = np.linalg.solve(bend, slope)
        beta += step / max(1.0, float(np.abs(step).max()))
    return np.asarray(beta, np.float64)
