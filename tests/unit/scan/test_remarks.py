"""What a scan says of the logs themselves."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pytest

from stillwatch.scan.remarks import remarks_on

Row = tuple[int, int, int | None, int | None, int | None]


def said_of(rows: Sequence[Row]) -> list[str]:
    """Remarks on exchanges given as (unit, account, session, turns, ip)."""
    with duckdb.connect() as connection:
        connection.execute(
            "create table exchanges (unit bigint, account bigint, session bigint, turns bigint, ip bigint)"
        )
        connection.executemany("insert into exchanges values (?, ?, ?, ?, ?)", rows)
        return remarks_on(connection, 1 + max(row[0] for row in rows))


def conversations(kept: float, addresses: int = 400) -> list[Row]:
    """Two hundred sessions of twelve exchanges, of which a share was logged."""
    rng = np.random.default_rng(1)
    return [
        (who, who, who, 2 * step, who % addresses) for who in range(200) for step in range(12) if rng.random() < kept
    ]


@pytest.mark.parametrize(("kept", "told"), [(1.0, ""), (0.97, ""), (0.5, "hold 5"), (0.2, "hold 2")])
def test_sampled_logs_are_told_by_the_gaps_in_their_sessions(kept: float, told: str) -> None:
    """A scan of a tenth of the traffic must not look like a scan of all of it."""
    said = said_of(conversations(kept))
    assert bool(said) == bool(told)
    assert all(told in one for one in said)


def test_a_proxys_address_is_told() -> None:
    """Where all come from one address, the log holds the proxy's."""
    assert ["100% of the traffic comes from one address" in one for one in said_of(conversations(1.0, 1))] == [True]


def test_logs_without_sessions_and_addresses_say_nothing() -> None:
    """What cannot be told is not told; one account may have one address."""
    assert said_of([(0, 0, None, None, None), (1, 1, None, 2, None)]) == []
    assert said_of([(0, 0, None, None, 7)] * 50) == []
