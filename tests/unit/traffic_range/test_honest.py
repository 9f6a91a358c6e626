"""Honest populations do what their names say, each told by a fact or two about what it sends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from stillwatch.traffic_range.addresses import AddressPlan
from stillwatch.traffic_range.causes import Cause
from stillwatch.traffic_range.clients import CLIENTS
from stillwatch.traffic_range.exchanges import BLOCK
from stillwatch.traffic_range.population import populations
from stillwatch.traffic_range.stage import DAY, Calendar, Stage
from stillwatch.traffic_range.worlds import HONEST, WORLDS

NAMES = [one.population for one in HONEST]

QUIET = WORLDS["quiet"].calendar


@cache
def played(name: str, n: int = 60, seed: int = 4, calendar: Calendar = QUIET) -> tuple[pa.Table, pa.Table]:
    """(registry, exchanges) of n accounts of a population."""
    stage = Stage(name, n, seed, calendar, AddressPlan(), kind=name)
    registry, blocks = [], []
    for accounts, made in populations()[name].play(stage):
        registry.append(
            accounts.registry().append_column("kind", accounts.kind).append_column("network", accounts.network)
        )
        blocks += list(made)
    return pa.concat_tables(registry), pa.concat_tables(blocks).combine_chunks()


def moments(table: pa.Table) -> np.ndarray:
    """Times, in µs."""
    at: np.ndarray = table["requested_at"].cast(pa.int64()).to_numpy()
    return at


def accounts_of(table: pa.Table, column: str) -> int:
    """The most accounts that have one value of a column."""
    valid = table.filter(table[column].is_valid())
    counts = valid.group_by(column).aggregate([("account_id", "count_distinct")])
    return int(pc.max(counts["account_id_count_distinct"]).as_py() or 0)


def senders(table: pa.Table, column: str) -> int:
    """The most accounts that have one first element of a column of lists."""
    valid = table.filter(table[column].is_valid())
    first = pa.table({"value": pc.list_element(valid[column], 0), "account_id": valid["account_id"]})
    return accounts_of(first, "value") if len(first) else 0


def share(mask: pa.ChunkedArray | np.ndarray) -> float:
    """Of rows in which it holds."""
    return float(np.asarray(mask).mean())


def refused(table: pa.Table) -> float:
    """The share that the model declined."""
    return share(pc.equal(table["finish_reason"], "content_filter").fill_null(False))


def evenness(table: pa.Table) -> float:
    """Variance over mean of exchanges by account: 1 for a Poisson process, less where they are dealt out."""
    counts = table.group_by("account_id").aggregate([("prompt", "count")])["prompt_count"].to_numpy()
    return float(counts.var() / counts.mean())


def trajectories(table: pa.Table) -> float:
    """Exchanges in a trajectory, on average."""
    return len(table) / len(pc.unique(table["trajectory"]))


Fact = Callable[[pa.Table, pa.Table], bool]

FACTS: dict[str, list[tuple[str, Fact]]] = {
    "chatters": [
        ("conversations go on", lambda _, t: share(pc.greater(t["turns"], 0)) > 0.3),
        ("nobody brings tools", lambda _, t: t["tools"].null_count == len(t)),
    ],
    "app_developers": [("moulds of their own", lambda _, t: accounts_of(t, "system_prompt") == 1)],
    "tool_users": [("strangers share the tool's mould", lambda _, t: accounts_of(t, "system_prompt") > 10)],
    "framework_users": [
        ("strangers share the framework's words", lambda _, t: accounts_of(t, "system_prompt") > 5),
        ("on two programs", lambda _, t: len({one.split("/")[0] for one in pc.unique(t["client"]).to_pylist()}) == 2),
    ],
    "organisations": [("one bill for many", lambda r, _: pc.count_distinct(r["payment_id"]).as_py() < len(r) / 5)],
    "nightly_batches": [
        ("lists in a row", lambda _, t: np.median(np.diff(np.sort(moments(t)))) < 60e6),
    ],
    "classifiers": [("at volume", lambda _, t: len(t) / 60 / 21 > 25)],
    "agent_fleets": [("long trajectories", lambda _, t: trajectories(t) > 8)],
    "evaluators": [("the same items", lambda _, t: accounts_of(t, "prompt") > 2)],
    "class_of_students": [("one campus", lambda _, t: accounts_of(t, "ip") > 20)],
    "hackathon": [
        ("one hall", lambda _, t: accounts_of(t, "ip") > 45),
        ("one weekend", lambda _, t: np.ptp(moments(t)) < 3 * DAY),
    ],
    "agency": [("one card", lambda r, _: pc.count_distinct(r["payment_id"]).as_py() < 8)],
    "declared_reseller": [("its customers as end users", lambda _, t: t["end_user_id"].null_count == 0)],
    "undeclared_reseller": [
        ("declares nothing", lambda r, _: r["org_id"].null_count == len(r)),
        ("shares cards", lambda r, _: pc.count_distinct(r["payment_id"]).as_py() < 20),
    ],
    "vpn_crowd": [("shared exits", lambda _, t: accounts_of(t, "ip") > 1)],
    "carrier_crowd": [("shared exits", lambda _, t: accounts_of(t, "ip") > 2)],
    "failover_pairs": [("a card for two", lambda r, _: pc.count_distinct(r["payment_id"]).as_py() == 30)],
    "trial_abusers": [("free, on shared cards", lambda r, _: pc.count_distinct(r["payment_id"]).as_py() < 15)],
    "data_makers": [
        ("verified, in the open", lambda r, _: share(r["verified"]) == 1 and r["org_id"].null_count == 0),
        ("in quantity", lambda _, t: len(t) / 60 / 21 > 20),
    ],
    "key_owners": [
        ("all pay, and are strangers", lambda r, _: pc.count_distinct(r["payment_id"]).as_py() == 60),
        ("several keys", lambda _, t: pc.count_distinct(t["api_key_id"]).as_py() > 70),
        ("nobody else's addresses", lambda _, t: accounts_of(t, "ip") == 1),
    ],
    "red_teamers": [
        ("many refusals", lambda _, t: 0.2 < refused(t) < 0.5),
        ("with permission", lambda r, _: share(r["verified"]) == 1),
        ("hardly a wording twice", lambda _, t: pc.count_distinct(t["prompt"]).as_py() > 0.9 * len(t)),
    ],
    "balanced_gateway": [
        ("an even load", lambda _, t: evenness(t) < 8),
        ("declared", lambda r, _: r["org_id"].null_count == 0),
        ("reasoning goes from account to account", lambda _, t: handed_on(t) > 20),
    ],
    "shared_sessions": [("reasoning goes from account to account", lambda _, t: handed_on(t) > 20)],
    "tutorial_readers": [("a published block is sent by many strangers", lambda _, t: senders(t, "reasoning_in") > 15)],
}  # fmt: skip
"""What is true of each population."""


def handed_on(table: pa.Table) -> int:
    """Blocks that one account was given and another handed back."""
    blocks = {}
    for name in ("reasoning_out", "reasoning_in"):
        rows = table.filter(table[name].is_valid())
        blocks[name] = pa.table({"block": pc.list_element(rows[name], 0), name: rows["account_id"]})
    both = blocks["reasoning_out"].join(blocks["reasoning_in"], "block", join_type="inner")
    return int(share(pc.not_equal(both["reasoning_out"], both["reasoning_in"])) * len(both)) if len(both) else 0


def test_every_honest_population_has_a_fact() -> None:
    """None is left without one."""
    assert set(FACTS) == set(NAMES)


@pytest.mark.parametrize(
    ("name", "fact"),
    [(name, fact) for name, facts in FACTS.items() for _, fact in facts],
    ids=[f"{name}: {what}" for name, facts in FACTS.items() for what, _ in facts],
)
def test_it_is_what_it_is_called(name: str, fact: Fact) -> None:
    """Each population has the marks of its kind."""
    assert fact(*played(name))


@pytest.mark.parametrize("name", NAMES)
def test_it_is_honest(name: str) -> None:
    """Its blocks are whole, its truth says honest and no campaign, and its accounts are its own kind."""
    registry, table = played(name)
    assert table.schema.equals(BLOCK)
    assert pc.unique(table["label"]).to_pylist() == ["honest"]
    assert table["campaign"].null_count == len(table)
    assert pc.unique(table["population"]).to_pylist() == [name]
    assert pc.unique(registry["kind"]).to_pylist() == [name]
    assert set(pc.unique(table["account_id"]).to_pylist()) <= set(registry["account_id"].to_pylist())


def test_no_two_populations_send_one_text() -> None:
    """Not by accident, and not on purpose."""
    owner: dict[str, str] = {}
    for name in NAMES:
        for prompt in pc.unique(played(name)[1]["prompt"]).to_pylist():
            assert owner.setdefault(prompt, name) == name, prompt


def test_reasoning_comes_back_in_its_own_session() -> None:
    """People on thinking models hand back what they were given, in the conversation that it came from."""
    _, table = played("chatters", 400)
    back = table.filter(table["reasoning_in"].is_valid())
    given = {
        one["reasoning_out"][0]: (one["account_id"], one["trajectory"])
        for one in table.select(["account_id", "trajectory", "reasoning_out"]).to_pylist()
        if one["reasoning_out"]
    }
    assert len(back) > 50
    for one in back.to_pylist():
        assert given[one["reasoning_in"][0]] == (one["account_id"], one["trajectory"])


def test_a_few_customers_make_much_of_the_traffic() -> None:
    """The busiest hundredth of developers have a fifth of their volume at least; most have little."""
    _, table = played("app_developers", 1500)
    counts = np.sort(table.group_by("account_id").aggregate([("prompt", "count")])["prompt_count"].to_numpy())[::-1]
    assert counts[:15].sum() / counts.sum() > 0.2
    assert np.median(counts) < counts.mean() / 2


def test_accounts_rest_and_leave() -> None:
    """Of those who could write in the last week a part does not, more than chance would leave out."""
    registry, table = played("app_developers", 1500)
    at = moments(table)
    busy = set(table.filter(pa.array(at < QUIET.day(7)))["account_id"].to_pylist())
    late = set(table.filter(pa.array(at >= QUIET.day(14)))["account_id"].to_pylist())
    closed = set(registry.filter(registry["closed_at"].is_valid())["account_id"].to_pylist())
    assert 0.02 < len(busy - late - closed) / len(busy) < 0.6


def test_weekends_are_days_of_rest() -> None:
    """An office sends less than half as much on them as on other days."""
    _, table = played("organisations", 800)
    day = (moments(table) - QUIET.start) // DAY % 7
    counts = np.bincount(day, minlength=7)
    assert counts[5:].mean() < 0.5 * counts[:4].mean()


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        (Cause(QUIET.day(2), QUIET.day(3), 429, 0.6, hammering=tuple(range(19))), 3.0),
        (Cause(QUIET.day(2), QUIET.day(3), 503, 0.6, zones=(-12.0, 14.0)), 1.2),
        (Cause(QUIET.day(2), QUIET.day(3), 500, 1.0, platforms=(0,)), 1.2),
    ],
    ids=["a retry storm", "a region", "a platform"],
)
def test_causes_befall_whoever_sends(cause: Cause, told: float) -> None:
    """Requests within the spell fail with its status and are sent again, in a storm many times; no others do."""
    plain = played("app_developers", 300)[1]
    struck = played("app_developers", 300, calendar=replace(QUIET, causes=(cause,), outages=()))[1]

    def inside(table: pa.Table) -> pa.Table:
        at = moments(table)
        return table.filter(pa.array((at >= cause.begin) & (at < cause.end)))

    assert share(pc.equal(inside(struck)["status"], cause.status)) > 0.3
    assert len(inside(struck)) > told * len(inside(plain))
    before = moments(struck) < cause.begin
    assert share(struck["status"].to_numpy()[before] == 200) > 0.97


def test_a_platforms_failure_leaves_the_others_alone() -> None:
    """Where a cause names platforms, only they fail."""
    cause = Cause(QUIET.day(2), QUIET.day(9), 503, 1.0, platforms=(0,))
    table = played("app_developers", 300, calendar=replace(QUIET, causes=(cause,), outages=()))[1]
    at = moments(table)
    inside = table.filter(pa.array((at >= cause.begin) & (at < cause.end)))
    failed = pc.equal(inside["status"], 503)
    assert pc.unique(inside.filter(failed)["platform"]).to_pylist() == ["first_party"]


def test_a_library_is_updated_within_days() -> None:
    """A week after its release most of its users have the new version, of those who had an old one."""
    (update, *_) = QUIET.updates
    _, table = played("app_developers", 1500)
    mine = table.filter(pc.starts_with(table["client"].cast(pa.string()), CLIENTS[update.program]))
    at = moments(mine)
    before, after = (
        np.mean([int(one.split(".")[1]) for one in part["client"].to_pylist()])
        for part in (mine.filter(pa.array(at < update.moment)), mine.filter(pa.array(at > update.moment + 7 * DAY)))
    )
    assert after > before + 0.5


def test_accounts_never_close_before_they_open() -> None:
    """The registry's times are in the order of a life."""
    for name in NAMES:
        registry, _ = played(name)
        closed = registry.filter(registry["closed_at"].is_valid())
        assert pc.all(pc.greater(closed["closed_at"], closed["created_at"])).as_py() is not False
