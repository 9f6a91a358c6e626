"""Blocks that a stranger was given are replays; those of one owner, and published ones, are none."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from stillwatch.campaigns.replays import find_replays, replayed
from stillwatch.links.kinds import MAX_HOLDERS


def share(
    rows: list[tuple[int, list[int], list[int]]],
    cards: dict[int, int],
    domains: dict[int, int],
    messages: list[list[int] | None] | None = None,
) -> list[float]:
    """Share of replays of units 0, 1, ... from their exchanges: unit, blocks handed in, blocks given out.

    messages: before each; by default no two exchanges have one in common.
    """
    connection = duckdb.connect()
    unit, handed, given = (list(column) for column in zip(*rows, strict=True))
    position = list(range(len(rows)))
    blocks = pa.list_(pa.int64())
    connection.register(
        "exchanges",
        pa.table(
            {
                "position": position,
                "unit": unit,
                "reasoning_in": pa.array(handed, blocks),
                "reasoning_out": pa.array(given, blocks),
                "messages": pa.array(messages or [[100 + at] for at in position], blocks),
            }
        ),
    )
    connection.register("keyed", pa.table({"position": position, "key": unit, "unit": unit}))
    units = sorted(set(unit))
    connection.register("of_cells", pa.table({"cell": units, "key": units, "unit": units}))
    known = sorted({*cards, *domains})
    registry = {
        "unit": pa.array(known, pa.int64()),
        "payment_id": pa.array([str(cards[u]) if u in cards else None for u in known], pa.string()),
        "payment": pa.array([cards.get(u, 0) for u in known], pa.int64()),
        "email_domain": pa.array([str(domains[u]) if u in domains else None for u in known], pa.string()),
        "email": pa.array([domains.get(u, 0) for u in known], pa.int64()),
    }
    connection.register("registry", pa.table(registry))
    find_replays(connection)
    connection.register("grouped", pa.table({"grp": units, "cell": units}))
    return replayed(connection, len(units), np.bincount(unit).astype(float)).tolist()


def test_a_strangers_block_is_a_replay() -> None:
    """Half of what the second account sends hands in blocks that the first was given."""
    rows = [(0, [], [1]), (0, [], [2]), (1, [1], []), (1, [2], []), (1, [], [3]), (1, [3], [])]
    assert share(rows, {0: 7, 1: 8}, {}) == [0.0, 0.5]
    assert share(rows, {}, {}) == [0.0, 0.5]


def test_going_on_with_a_conversation_is_no_replay() -> None:
    """A proxy goes on with its customers' conversations on any account; and where no message is known none can tell."""
    rows = [(0, [], [1]), (1, [1], [])]
    assert share(rows, {}, {}, [[5, 6], [6, 7, 8]]) == [0.0, 0.0]
    assert share(rows, {}, {}, [[5, 6], [7, 8]]) == [0.0, 1.0]
    assert share(rows, {}, {}, [None, [7, 8]]) == share(rows, {}, {}, [[5], None]) == [0.0, 0.0]


def test_one_owner_replays_nothing() -> None:
    """Accounts with one card, or with a domain of their own, go on with each other's work."""
    rows = [(0, [], [1]), (1, [1], [])]
    assert share(rows, {0: 7, 1: 7}, {}) == [0.0, 0.0]
    assert share(rows, {}, {0: 9, 1: 9}) == [0.0, 0.0]


def test_a_mail_provider_makes_nobody_kin() -> None:
    """Thirty strangers have one domain: two of them are strangers still."""
    rows = [(0, [], [1]), (1, [1], [])]
    assert share(rows, {}, dict.fromkeys(range(30), 9)) == [0.0, 1.0]


def test_a_published_block_is_nobodys() -> None:
    """What more accounts hold than may hold an answer was published."""
    rows: list[tuple[int, list[int], list[int]]] = [(0, [], [1])]
    rows += [(unit, [1], []) for unit in range(1, MAX_HOLDERS + 1)]
    assert share(rows, {}, {}) == [0.0] * (MAX_HOLDERS + 1)
    assert share(rows[:-1], {}, {}) == [0.0] + [1.0] * (MAX_HOLDERS - 1)


def test_logs_without_blocks_have_no_replays() -> None:
    """A table without these columns gives nothing, and no error."""
    connection = duckdb.connect()
    connection.register("exchanges", pa.table({"position": [0], "unit": [0]}))
    find_replays(connection)
    connection.register("grouped", pa.table({"grp": [0], "cell": [0]}))
    assert replayed(connection, 1, np.ones(1)).tolist() == [0.0]
