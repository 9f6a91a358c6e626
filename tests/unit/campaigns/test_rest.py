"""People have a night, programs have none."""

from __future__ import annotations

from dataclasses import fields

import duckdb
import numpy as np
import pyarrow as pa

from stillwatch.campaigns.cells import Cells
from stillwatch.campaigns.rest import at_night

RNG = np.random.default_rng(11)


def night(hours_of_accounts: list[np.ndarray]) -> float:
    """Of one group, whose accounts send once in each of some hours."""
    n = len(hours_of_accounts)
    zero = np.zeros(n, np.int64)
    told = {"unit": np.arange(n), "key_hash": np.zeros(1, np.int64)}
    cells = Cells(**{field.name: told.get(field.name, zero) for field in fields(Cells)})
    cell = np.repeat(np.arange(n), [len(hours) for hours in hours_of_accounts]).astype(np.int32)
    with duckdb.connect() as connection:
        bins = np.concatenate(hours_of_accounts) * 6
        connection.register("bins", pa.table({"cell": cell, "bin": bins, "n": np.ones(len(bins), np.int64)}))
        return float(at_night(connection, cells, [np.arange(n)])[0])


def test_programs_send_in_every_hour() -> None:
    """A third of a day has nearly a third of the exchanges; the quietest third of sixty a little less."""
    assert 0.1 < night([RNG.integers(0, 24 * 20, 60) for _ in range(20)]) < 0.33


def test_people_sleep_each_in_a_night_of_his_own() -> None:
    """Wherever they live."""
    awake = [24 * RNG.integers(0, 20, 60) + (RNG.integers(0, 14, 60) + 3 * k) % 24 for k in range(8)]
    assert night(awake) == 0.0


def test_of_accounts_that_send_little_nothing_is_said() -> None:
    """Ten exchanges have a quiet third of the day by chance."""
    assert np.isnan(night([RNG.integers(0, 24 * 20, 10) for _ in range(20)]))
