"""Heaps of one pile are told from people, and the sums give what comparing every pair gives."""

from __future__ import annotations

from itertools import combinations

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from stillwatch.campaigns.counts import BUCKETS
from stillwatch.campaigns.sameness import MAX_UNITS, between_accounts, chosen_pairs
from stillwatch.schema import PROJECTION_DIMS

Ints = npt.NDArray[np.int64]


def prompts(rng: np.random.Generator, n_units: int, each: int, own: float) -> tuple[Ints, npt.NDArray[np.int8]]:
    """Units and projections of their prompts; own: how far a unit's subject shows beside the prompt's own words."""
    unit = np.repeat(np.arange(n_units), each)
    subject = rng.normal(0, 20, (n_units, PROJECTION_DIMS)) * own
    words = rng.normal(0, 20, (len(unit), PROJECTION_DIMS))
    mould = rng.normal(0, 20, PROJECTION_DIMS)
    return unit, np.clip(np.round(mould + subject[unit] + words), -127, 127).astype(np.int8)


def measured(unit: Ints, vectors: npt.NDArray[np.int8]) -> float:
    """What is measured of one group."""
    connection = duckdb.connect()
    units, pair = np.unique(unit, return_inverse=True)
    owner = np.zeros(len(units), np.int64)
    number = chosen_pairs(owner, 1)
    connection.register(
        "grouped", pa.table({"cell": np.arange(len(units)), "number": number, "most": [BUCKETS] * len(units)})
    )
    at = np.arange(len(unit))
    connection.register("firsts", pa.table({"cell": pair, "position": at, "bucket": np.zeros(len(unit), np.int64)}))
    packed = pa.array([row.tobytes() for row in vectors], pa.binary(PROJECTION_DIMS))
    connection.register("exchanges", pa.table({"position": at, "projection": packed}))
    return float(between_accounts(connection, owner, number, 1)[0])


def pair_by_pair(unit: Ints, vectors: npt.NDArray[np.int8]) -> float:
    """The same from every pair."""
    wide = vectors.astype(np.int64)
    inner = wide @ wide.T
    pairs = list(combinations(range(len(unit)), 2))
    within = np.mean([inner[i, j] for i, j in pairs if unit[i] == unit[j]])
    between = np.mean([inner[i, j] for i, j in pairs if unit[i] != unit[j]])
    return float((within - between) / (np.diag(inner).mean() - between))


@pytest.mark.parametrize("own", [0.0, 0.5, 1.0])
def test_sums_say_what_pairs_say(own: float) -> None:
    """The share that lies between accounts is that of comparing every prompt with every other."""
    unit, vectors = prompts(np.random.default_rng(3), 8, 9, own)
    assert measured(unit, vectors) == pytest.approx(pair_by_pair(unit, vectors), abs=1e-9)


def test_one_pile_and_people() -> None:
    """Of heaps dealt from one pile accounts explain nothing; of people with subjects what these show."""
    rng = np.random.default_rng(5)
    assert abs(measured(*prompts(rng, 40, 25, 0.0))) < 0.01
    assert measured(*prompts(rng, 40, 25, 0.5)) == pytest.approx(0.2, abs=0.03)


def test_too_few_say_nothing() -> None:
    """Four accounts, or one prompt an account, give no number."""
    rng = np.random.default_rng(6)
    assert np.isnan(measured(*prompts(rng, 4, 30, 0.5)))
    assert np.isnan(measured(*prompts(rng, 40, 1, 0.5)))


def test_of_large_groups_some_accounts_are_looked_at() -> None:
    """No group is looked at with more accounts than the limit; small ones are looked at whole, or not at all."""
    owner = np.repeat(np.arange(4), [3, 5, MAX_UNITS, 10 * MAX_UNITS + 1])
    number = chosen_pairs(owner, 4)
    looked_at = np.bincount(owner[number >= 0], minlength=4)
    assert looked_at[:3].tolist() == [0, 5, MAX_UNITS]
    assert MAX_UNITS / 2 <= looked_at[3] <= MAX_UNITS
    assert np.sort(number[number >= 0]).tolist() == list(range(int((number >= 0).sum())))
