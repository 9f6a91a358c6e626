"""What is said of findings from one scan to the next, on tables made by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import duckdb
import msgspec
import pyarrow as pa
import pytest
from report_samples import rich_scan

from stillwatch import schema
from stillwatch.campaigns.finding import Findings
from stillwatch.campaigns.findings import Tables
from stillwatch.fingerprint.hashing import hash_text
from stillwatch.report.history import EVENTS, STATUSES, Remembered
from stillwatch.store.changes import Followed, follow
from stillwatch.store.members import ACCOUNTS, EXCHANGES, Members

LABELS = {("model", 1): "m-large", ("model", 2): "m-small"}
PLATFORMS = {1: "first party", 2: "a cloud"}
DAY = 24


@dataclass
class World:
    """Exchanges in a store: number -> (hour, model, platform)."""

    rows: dict[int, tuple[int, int, int]] = field(default_factory=dict)

    def add(self, first: int, end: int, *, hour: int, model: int = 1, platform: int = 1) -> None:
        """Some exchanges in one hour."""
        self.rows |= dict.fromkeys(range(first, end), (hour, model, platform))

    def scan(self, found: Mapping[str, tuple[range, range]], before: Followed | None) -> Followed:
        """A scan that finds campaigns: id -> (its exchanges, its accounts); C-x runs on a network N-x."""
        sample = rich_scan(0).findings.findings[0]
        findings, accounts, exchanges, links = [], [], [], []
        for name, (which, who) in found.items():
            last = max(self.rows[number][0] for number in which)
            at = f"2026-03-{1 + last // DAY:02d}T{last % DAY:02d}:00:00Z"
            verdict = "campaign" if name.startswith("C") else "network"
            findings.append(
                msgspec.structs.replace(
                    sample, finding_id=name, verdict=verdict, accounts=len(who), exchanges=len(which), last_at=at
                )
            )
            accounts += [{"finding_id": name, "account_id": f"a{n}", "role": "driver", "bits": 1.0} for n in who]
            if verdict == "campaign":
                rows = [{"finding_id": name, "exchange_id": f"x{n}", "stream_id": f"{name}/0f"} for n in which]
                exchanges += [{**row, "probability": 1.0} for row in rows]
                links += [{"campaign_id": name, "network_id": f"N{name[1:]}"} for _ in (1,) if f"N{name[1:]}" in found]
        tables = Tables(
            findings=Findings(schema_version=1, findings=findings),
            accounts=pa.Table.from_pylist(accounts, schema.FINDING_ACCOUNTS),
            exchanges=pa.Table.from_pylist(exchanges, schema.FINDING_EXCHANGES),
            links=pa.Table.from_pylist(links, schema.FINDING_LINKS),
            verdicts=schema.ACCOUNTS.empty_table(),
            weighed=[],
        )
        with duckdb.connect() as connection:
            connection.execute(
                "create table fingerprint (exchange bigint, requested_at timestamptz, model bigint, platform bigint)"
            )
            rows = [(hash_text(f"x{n}"), 1772323200 + hour * 3600, m, p) for n, (hour, m, p) in self.rows.items()]
            connection.executemany("insert into fingerprint values (?, to_timestamp(?), ?, ?)", rows)
            past = [] if before is None else before.findings
            members = Members(ACCOUNTS.empty_table(), EXCHANGES.empty_table()) if before is None else before.members
            return follow(tables, past, members, connection, LABELS, PLATFORMS)


@pytest.fixture
def world() -> Iterator[World]:
    """A hundred exchanges of the first hour."""
    made = World()
    made.add(0, 100, hour=0)
    yield made


def told(followed: Followed) -> dict[str, Remembered]:
    """What is remembered, by id."""
    return {one.finding_id: one for one in followed.findings}


def test_a_finding_is_new_then_steady_then_grown(world: World) -> None:
    """Its id stays while its earliest exchanges change, and what came is counted."""
    first = world.scan({"C-a": (range(50, 100), range(5))}, None)
    assert told(first)["C-a"].status == "new"
    again = world.scan({"C-a": (range(50, 100), range(5))}, first)
    assert told(again)["C-a"].status == "steady"
    world.add(100, 140, hour=5)
    grown = told(world.scan({"C-b": (range(140), range(8))}, again))
    assert list(grown) == ["C-a"]
    assert (grown["C-a"].status, grown["C-a"].new_exchanges, grown["C-a"].new_accounts) == ("grown", 90, 3)
    assert grown["C-a"].at_once_id == "C-b"
    assert [event.what for event in grown["C-a"].events] == ["new"]


def test_the_tables_bear_the_published_ids(world: World) -> None:
    """Findings, accounts, exchanges with their streams, and links, all of them sorted."""
    first = world.scan({"C-a": (range(50), range(5)), "N-a": (range(60), range(9))}, None)
    tables = world.scan({"C-b": (range(60), range(5)), "N-b": (range(60), range(9))}, first).tables
    assert [one.finding_id for one in tables.findings.findings] == ["C-a", "N-a"]
    assert set(tables.accounts["finding_id"].to_pylist()) == {"C-a", "N-a"}
    assert set(tables.exchanges["stream_id"].to_pylist()) == {"C-a/0f"}
    assert tables.links.to_pylist() == [{"campaign_id": "C-a", "network_id": "N-a"}]
    assert tables.exchanges.equals(
        tables.exchanges.sort_by([("finding_id", "ascending"), ("exchange_id", "ascending")])
    )


def test_two_that_become_one_have_merged(world: World) -> None:
    """The larger's id goes on; of the other it is said where it went, once."""
    first = world.scan({"C-a": (range(60), range(5)), "C-b": (range(60, 100), range(5, 9))}, None)
    second = world.scan({"C-a": (range(100), range(9))}, first)
    assert told(second)["C-a"].status == "merged"
    assert told(second)["C-a"].merged == ["C-b"]
    assert (told(second)["C-b"].status, told(second)["C-b"].became) == ("merged", "C-a")
    third = told(world.scan({"C-a": (range(100), range(9))}, second))
    assert third["C-a"].status == "steady"
    assert [event.what for event in third["C-b"].events] == ["new", "merged"]


def test_one_that_becomes_two_was_split(world: World) -> None:
    """The part that goes on keeps the id; the other says where it comes from."""
    first = world.scan({"C-a": (range(100), range(9))}, None)
    second = told(world.scan({"C-a": (range(30), range(3)), "C-b": (range(30, 100), range(3, 9))}, first))
    assert second["C-b"].status == "split"
    assert second["C-b"].came_from == "C-a"
    assert "C-a" in second


def test_what_sends_nothing_for_two_days_has_gone_quiet(world: World) -> None:
    """It is said each time, and written down once."""
    first = world.scan({"C-a": (range(50), range(5))}, None)
    world.add(100, 101, hour=49)
    second = world.scan({"C-a": (range(50), range(5))}, first)
    third = told(world.scan({"C-a": (range(50), range(5))}, second))["C-a"]
    assert third.status == "quiet"
    assert [event.what for event in third.events] == ["new", "quiet"]


def test_what_is_not_found_is_lost_and_may_return(world: World) -> None:
    """It is told again by its accounts, under the id that it had, also when other exchanges make it."""
    first = world.scan({"C-a": (range(50), range(6))}, None)
    second = world.scan({}, first)
    assert told(second)["C-a"].status == "lost"
    third = world.scan({}, second)
    assert len(told(third)["C-a"].events) == 2
    fourth = told(world.scan({"C-z": (range(50, 100), range(2, 9))}, third))
    assert fourth["C-a"].status == "returned"
    assert fourth["C-a"].at_once_id == "C-z"


MOVES = {
    "to another model": ({"model": 2}, "model m-large to m-small"),
    "through another platform": ({"platform": 2}, "platform first party to a cloud"),
}


@pytest.mark.parametrize("way", MOVES)
def test_new_exchanges_that_go_another_way_have_moved(world: World, way: str) -> None:
    """More than half of the new ones, and no mere handful."""
    change, sentence = MOVES[way]
    first = world.scan({"C-a": (range(50), range(5))}, None)
    world.add(100, 110, hour=1, **change)
    few = world.scan({"C-a": ([*range(50), *range(100, 110)], range(5))}, first)  # type: ignore[dict-item]
    assert told(few)["C-a"].status == "grown"
    world.add(110, 160, hour=2, **change)
    moved = world.scan({"C-a": ([*range(50), *range(100, 160)], range(5))}, few)  # type: ignore[dict-item]
    assert told(moved)["C-a"].status == "moved"
    assert sentence in told(moved)["C-a"].sentence
    after = world.scan({"C-a": ([*range(50), *range(100, 160)], range(5))}, moved)  # type: ignore[dict-item]
    assert told(after)["C-a"].status == "steady"


def test_a_campaign_that_runs_over_another_network_has_moved(world: World) -> None:
    """Both networks are named."""
    first = world.scan({"C-a": (range(50), range(5)), "N-a": (range(50), range(9))}, None)
    second = told(world.scan({"C-b": (range(50), range(5)), "N-b": (range(50), range(20, 40))}, first))
    assert second["C-a"].status == "moved"
    assert "from network N-a to N-b" in second["C-a"].sentence


def test_every_event_is_a_status() -> None:
    """And each has its words."""
    assert set(EVENTS) < set(STATUSES)
