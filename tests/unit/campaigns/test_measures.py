"""Measures of groups, against counting exchange by exchange, and in whatever round a group is asked for."""

from __future__ import annotations

from dataclasses import fields

import duckdb
import numpy as np
import pytest
from traffic_by_hand import DAY, HOUR, Traffic

from stillwatch.campaigns.cells import Cells, make_cells
from stillwatch.campaigns.keys import key_exchanges
from stillwatch.campaigns.measures import Measures, Measuring

N = 600
RNG = np.random.default_rng(11)
UNIT, MOULD, PROMPT = RNG.integers(0, 6, N), RNG.integers(1, 4, N), RNG.integers(0, 400, N)
AT = np.sort(RNG.integers(0, 20 * DAY, N))
"""Six units pour from three moulds for twenty days; many a prompt is sent once, many twice, by one unit or by two."""


@pytest.fixture
def traffic() -> tuple[duckdb.DuckDBPyConnection, Cells]:
    """The traffic above, keyed."""
    made = Traffic()
    made.add(UNIT, AT, template=MOULD, prompt_hash=10**9 + PROMPT, model=7)
    connection = made.connection()
    key_exchanges(connection, [])
    return connection, make_cells(connection)


def some_groups(cells: Cells) -> list[np.ndarray]:
    """Everything, single units, single moulds and single cells; they overlap."""
    wholes = [np.flatnonzero(cells.unit == unit) for unit in range(6)]
    return [np.arange(len(cells.n)), *wholes, *(np.flatnonzero(cells.key == key) for key in range(3)), np.array([4])]


def rows_of(cells: Cells, group: np.ndarray) -> np.ndarray:
    """The exchanges of a group."""
    pairs = {(int(cells.key_hash[cells.key[cell]]), int(cells.unit[cell])) for cell in group}
    return np.array([at for at in range(N) if (int(MOULD[at]), int(UNIT[at])) in pairs])


def test_prompts_are_counted_as_one_by_one(traffic: tuple[duckdb.DuckDBPyConnection, Cells]) -> None:
    """Distinct prompts, and those that two units of the group sent, are what a plain count says."""
    connection, cells = traffic
    groups = some_groups(cells)
    found = Measuring(connection, cells).measure(groups)
    for at, group in enumerate(groups):
        rows = rows_of(cells, group)
        sent = {(int(UNIT[row]), int(PROMPT[row])) for row in rows}
        senders = {prompt: len([unit for unit, one in sent if one == prompt]) for _, prompt in sent}
        assert found.distinct[at] == pytest.approx(len(senders) / len(rows))
        assert found.overlap[at] == pytest.approx(sum(n for n in senders.values() if n > 1) / len(sent))


def test_weeks_and_bins_are_counted_as_one_by_one(traffic: tuple[duckdb.DuckDBPyConnection, Cells]) -> None:
    """What lies outside the busiest week is what a plain count says; one unit alone coincides with nobody."""
    connection, cells = traffic
    groups = some_groups(cells)
    found = Measuring(connection, cells).measure(groups)
    for at, group in enumerate(groups):
        day = (AT[rows_of(cells, group)] - AT[0]) // DAY
        busiest = max(((day >= first) & (day < first + 7)).sum() for first in range(-7, 21))
        assert found.outside[at] == pytest.approx(1.0 - busiest / len(day))
    assert found.sync[1:7].tolist() == [0.0] * 6


def test_accounts_that_act_at_once_are_in_step() -> None:
    """Two units that send in the same minutes coincide far oftener than everybody's hours explain."""
    made = Traffic()
    beats = np.arange(0, 300, 7) * HOUR
    made.add(np.zeros(len(beats)), beats, template=1)
    made.add(np.ones(len(beats)), beats + 60_000_000, template=1)
    made.add(np.arange(200) % 20 + 2, RNG.integers(0, 300 * HOUR, 200), template=2)
    connection = made.connection()
    key_exchanges(connection, [])
    cells = make_cells(connection)
    found = Measuring(connection, cells).measure([np.flatnonzero(cells.key == 0), np.flatnonzero(cells.key == 1)])
    assert found.sync[0] > 2.0 > 1.0 > found.sync[1]


def test_a_group_measures_the_same_in_every_round(traffic: tuple[duckdb.DuckDBPyConnection, Cells]) -> None:
    """Asked for at once, one by one, or twice, a group's measures are the same."""
    connection, cells = traffic
    groups = some_groups(cells)
    measuring = Measuring(connection, cells)
    single = [measuring.measure([group]) for group in [*groups, *groups]]
    assert_same(measuring.measure([*groups, *groups]), single)
    assert_same(Measuring(connection, cells).measure([*groups, *groups]), single)


def assert_same(measures: Measures, single: list[Measures]) -> None:
    """Every measure of every group is that of the group by itself."""
    for field in fields(Measures):
        apart = np.concatenate([getattr(one, field.name) for one in single])
        np.testing.assert_allclose(getattr(measures, field.name), apart, rtol=1e-12)


def test_without_text_nothing_is_said_of_prompts() -> None:
    """A log without prompts has no distinct ones, and no overlap."""
    made = Traffic()
    made.add(np.arange(60) % 3, np.arange(60) * HOUR, text=False, system_hash=5)
    connection = made.connection()
    key_exchanges(connection, [])
    cells = make_cells(connection)
    found = Measuring(connection, cells).measure([np.arange(len(cells.n))])
    assert np.isnan([found.distinct[0], found.overlap[0]]).all()
