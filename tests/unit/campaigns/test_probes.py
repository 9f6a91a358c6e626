"""Tests before the work, and endings around follow-ups; what everybody does all the time is neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from stillwatch.campaigns.cells import Cells
from stillwatch.campaigns.counts import DAY_US, count_traffic
from stillwatch.campaigns.probes import probed, wrapped
from stillwatch.fingerprint.hashing import hash_text

Row = dict[str, int | bool | None]


def traffic(rows: Sequence[Row]) -> duckdb.DuckDBPyConnection:
    """Tables as a scan has them; every row is of the group that it names, which is one account's."""
    connection = duckdb.connect()
    n = len(rows)

    def column(name: str) -> pa.Array:
        return pa.array([row.get(name) for row in rows], pa.int64())

    group = np.array([row.get("grp", 0) for row in rows], np.int64)
    names = ("prompt_hash", "head_hash", "tail_hash", "prompt_words", "turns", "finish", "model")
    trajectory = pa.array([row.get("session", row.get("prompt_hash")) for row in rows], pa.int64())
    exchanges = {
        "unit": group,
        "position": pa.array(range(n)),
        "exchange": pa.array(range(n)),
        "requested_at": column("at").cast(pa.timestamp("us", "UTC")),
        "from_tool": pa.array([row.get("from_tool") for row in rows], pa.bool_()),
        **{name: column(name) for name in names},
    }
    connection.register("exchanges", pa.table(exchanges))
    connection.register("keyed", pa.table({**exchanges, "key": group, "trajectory": trajectory}))
    groups, counts = np.unique(group, return_counts=True)
    told = {
        "key": np.arange(len(groups)),
        "unit": groups,
        "n": counts,
        "key_hash": groups,
        "is_template": np.zeros(len(groups), bool),
        "markers": np.zeros((len(groups), 1), np.int64),
    }
    zero = np.zeros(len(groups), np.int64)
    count_traffic(connection, Cells(**{field.name: told.get(field.name, zero) for field in fields(Cells)}))
    connection.execute("create table grouped as select key as grp, cell, key, unit from of_cells")
    return connection


def asked(day: int, n: int, refused: float, group: int = 0, finish: str = "content_filter") -> list[Row]:
    """n first messages of one day, all different, of which a share is refused."""
    no, stop = hash_text(finish), hash_text("stop")
    return [
        {
            "grp": group, "at": day * DAY_US + i, "turns": 0, "prompt_hash": 1000 * day + i,
            "finish": no if i < refused * n else stop,
        }
        for i in range(n)
    ]  # fmt: skip


@pytest.mark.parametrize("finish", ["content_filter", "refusal", "SAFETY"])
def test_tests_before_the_work_are_seen(finish: str) -> None:
    """A day of which a third was refused, and then work that passes, whatever the format calls a refusal."""
    rows = [*asked(0, 60, 1 / 3, finish=finish), *asked(1, 100, 0.0), *asked(2, 100, 0.02)]
    assert probed(traffic(rows), 1).tolist() == [pytest.approx(1 / 3 - 0.01)]


def test_who_is_refused_every_day_tests_nothing() -> None:
    """A red team is refused for what it does, and goes on; so is whoever begins to be refused at the end."""
    rows = [one for day in range(4) for one in asked(day, 60, 1 / 3)]
    rows += [*asked(0, 60, 0.0, 1), *asked(1, 60, 0.0, 1), *asked(2, 60, 1 / 3, 1)]
    assert probed(traffic(rows), 2).tolist() == [pytest.approx(0.0), pytest.approx(0.0)]


def test_a_few_are_no_share() -> None:
    """Too few on a day, or fewer after it, say nothing; the same message again is no second test."""
    few, end = asked(0, 10, 0.5), [*asked(0, 60, 0.5, 1), *asked(1, 30, 0.0, 1)]
    same = [{**one, "grp": 2, "prompt_hash": 7} for one in [*asked(0, 60, 0.5), *asked(1, 60, 0.0)]]
    assert np.isnan(probed(traffic([*few, *end, *same]), 3)).all()


def follow(n: int, *, tail: int | None = None, group: int = 0, words: int = 40, from_tool: bool = False) -> list[Row]:
    """n follow-ups, all different but for the ending, if one is given."""
    return [
        {
            "grp": group, "at": i, "turns": 2, "prompt_hash": i, "head_hash": 10_000 + i, "prompt_words": words,
            "tail_hash": tail or 20_000 + i, "from_tool": from_tool,
        }
        for i in range(n)
    ]  # fmt: skip


def test_one_ending_on_everybodys_follow_ups_is_seen() -> None:
    """Thirty different follow-ups with one ending, beside ten without: three in four are wrapped."""
    rows = [
        *follow(30, tail=5),
        *({**one, "prompt_hash": 99, "head_hash": 500 + i} for i, one in enumerate(follow(10))),
    ]
    assert wrapped(traffic(rows), 1).tolist() == [0.75]


def test_people_tools_and_short_answers_are_not_wrapped() -> None:
    """Follow-ups that share nothing give zero; results of tools, short ones and first messages are not looked at."""
    rows = [*follow(40), *follow(40, tail=5, group=1, from_tool=True), *follow(40, tail=5, group=2, words=7)]
    rows += [{**one, "grp": 3, "turns": 0} for one in follow(40, tail=5)]
    found = wrapped(traffic(rows), 4)
    assert found[0] == 0.0
    assert np.isnan(found[1:]).all()


def test_the_same_follow_up_again_is_no_ending() -> None:
    """Forty times the same words is one person who repeats himself."""
    rows = [{**one, "prompt_hash": 1, "head_hash": 1} for one in follow(40, tail=5)]
    assert wrapped(traffic(rows), 1).tolist() == [0.0]


def test_the_same_question_in_every_conversation_is_put_there() -> None:
    """One long question that goes on with thirty conversations is wrapped round them; thirty turns of one are not."""
    asked = [{**one, "prompt_hash": 99, "head_hash": 1} for one in follow(30, tail=5, words=12)]
    others = [{**one, "session": i} for i, one in enumerate(follow(10))]
    many = [{**one, "session": i} for i, one in enumerate(asked)]
    alone = [{**one, "session": 1, "grp": 1} for one in asked]
    assert wrapped(traffic([*many, *others, *alone]), 2).tolist() == [0.75, 0.0]
