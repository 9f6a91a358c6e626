"""Evasions: each dial moves what it says it moves, and leaves the rest of a campaign as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.cli import run
from stillwatch.errors import UsageError
from stillwatch.traffic_range.evasions import DIALS, parse_dials
from stillwatch.traffic_range.population import populations
from stillwatch.traffic_range.worlds import WORLDS, Cast, World
from stillwatch.traffic_range.write import write_world

MADE = ["input_tokens", "output_tokens", "reasoning_tokens", "cached_tokens"]
"""Follow from texts and limits."""

MOVES: dict[str, set[str]] = {
    "unique_payments": {"payment_id of the registry"},
    "residential": {"ip", "asn", "country", "signup_ip of the registry"},
    "spoofed_clients": {"client", "client_fingerprint", "sdk", "session_id"},
    "account_age": {"created_at of the registry", "valid_from of the registry"},
    "split_orgs": {"org_id", "org_id of the registry", "verified of the registry"},
    "paraphrase_account": {"prompt", "system_prompt", "message_digests", *MADE, "finish_reason"},
    "paraphrase_request": {"prompt", "system_prompt", "message_digests", *MADE, "finish_reason"},
    "languages": {"prompt", "system_prompt", "message_digests", *MADE, "finish_reason"},
    "overlapping_items": {"prompt", "message_digests", *MADE, "finish_reason"},
}
"""Columns that may differ from those of the plain campaign, of dials that leave rows and their order alone."""


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Worlds of a campaign alone, with dials; each is written once."""
    made: dict[str, Path] = {}

    def write(population: str = "harvest_campaign", **dials: float) -> Path:
        key = f"{population} {dials}"
        if key not in made:
            made[key] = tmp_path_factory.mktemp("evading") / "world"
            cast = Cast(population, 36, {"per_day": 5.0}, dials, name="it", targets=("reasoning", "grading"))
            write_world(World("alone", "", WORLDS["demo"].calendar, (cast,)), made[key], seed=3)
        return made[key]

    return write


def ask(world: Path, query: str) -> list[tuple]:
    """Rows of a query over a world's log, registry and truth."""
    with duckdb.connect() as db:
        db.sql(f"create view log as select * from '{world}/logs.parquet'")
        db.sql(f"create view registry as select * from '{world}/accounts.parquet'")
        db.sql(f"create view truth as select * from '{world}/truth/exchanges.parquet'")
        return db.sql(query).fetchall()


def one(world: Path, query: str) -> float:
    """The number that a query gives."""
    return float(ask(world, query)[0][0])


def moved(plain: Path, dialled: Path) -> set[str]:
    """Columns that differ."""
    out = set()
    for file, suffix in (("logs.parquet", ""), ("accounts.parquet", " of the registry")):
        before, after = pq.read_table(plain / file), pq.read_table(dialled / file)
        assert len(before) == len(after)
        out |= {name + suffix for name in before.column_names if not before[name].equals(after[name])}
    return out


@pytest.mark.parametrize("dial", sorted(DIALS))
@pytest.mark.parametrize("population", ["harvest_campaign", "relay_campaign", "agentic_campaign"])
def test_a_dial_at_nothing_is_the_plain_campaign(campaign: Callable[..., Path], population: str, dial: str) -> None:
    """At 0 every file is the same to the byte, but for the description."""
    plain, dialled = campaign(population), campaign(population, **{dial: 0.0})
    for file in ("logs.parquet", "accounts.parquet", "truth/exchanges.parquet"):
        assert (plain / file).read_bytes() == (dialled / file).read_bytes()


@pytest.mark.parametrize("dial", sorted(MOVES))
def test_a_dial_moves_its_own_columns_and_no_others(campaign: Callable[..., Path], dial: str) -> None:
    """Turned all the way up, what it names differs, and every other column is the same row by row."""
    changed = moved(campaign(), campaign(**{dial: 1.0}))
    assert changed
    assert changed <= MOVES[dial]


@pytest.mark.parametrize("dial", ["jitter", "human_hours", "human_gaps"])
def test_times_move_and_nothing_else_does(campaign: Callable[..., Path], dial: str) -> None:
    """Every account has as many requests as before, with the same texts, retries aside, at other times."""
    query = "select account_id, prompt, count(*) > 0 from log group by all order by all"
    plain, dialled = campaign(), campaign(**{dial: 1.0})
    assert ask(plain, query) == ask(dialled, query)
    times = "select list(epoch_us(requested_at) // 1000000) from log where status = 200"
    assert ask(plain, times) != ask(dialled, times)


def test_jitter_breaks_step(campaign: Callable[..., Path]) -> None:
    """The shifts of a campaign in step are smeared over the day."""
    hours = "select count(distinct date_trunc('hour', requested_at)) from log"
    plain = one(campaign("reasoning_campaign"), hours)
    assert one(campaign("reasoning_campaign", jitter=0.5), hours) > 1.5 * plain


def test_human_hours_have_nights(campaign: Callable[..., Path]) -> None:
    """Between one and five, local time, hardly anybody of whom half are awake is."""
    night = "select avg((hour(requested_at) % 24 between 1 and 4)::int) from log"
    world = campaign(human_hours=1.0)
    # Zones differ, so nights are looked for account by account: the quietest six hours.
    quiet = """
        with hours as (select account_id, hour(requested_at) h, count(*) n from log group by all),
        every as (select distinct account_id, range h from log, range(24)),
        counts as (select account_id, h, coalesce(n, 0) n from every left join hours using (account_id, h)),
        turned as (select a.account_id, a.h, sum(b.n) n from counts a join counts b
                   on a.account_id = b.account_id and (b.h - a.h + 24) % 24 < 6 group by all)
        select sum(least) / (select count(*) from log) from (select min(n) least from turned group by account_id)
    """
    assert one(world, quiet) < 0.6 * one(campaign(), quiet)
    assert 0 < one(world, night) < 0.5


def test_human_gaps_come_in_sittings(campaign: Callable[..., Path]) -> None:
    """The median gap between an account's requests is minutes, where it was hours."""
    gap = """
        select median(gap) from (select epoch(requested_at - lag(requested_at) over
        (partition by account_id order by requested_at)) gap from log) where gap > 30
    """
    assert one(campaign(), gap) > 3600
    assert one(campaign(human_gaps=1.0), gap) < 600


def test_uneven_load_is_uneven(campaign: Callable[..., Path]) -> None:
    """Counts an account vary as people's do, and the whole stays what it was."""
    spread = "select stddev(n) / avg(n) from (select count(*) n from log group by account_id)"
    plain, uneven = campaign(), campaign(uneven_load=1.0)
    assert one(plain, spread) < 0.25
    assert one(uneven, spread) > 0.6
    assert one(uneven, "select count(*) from log") == pytest.approx(one(plain, "select count(*) from log"), rel=0.02)


def test_cover_is_a_share_of_the_traffic(campaign: Callable[..., Path]) -> None:
    """The share that the dial says is cover, and the campaign's own exchanges stay the same ones."""
    plain, covered = campaign(), campaign(cover=0.5)
    share = one(covered, "select avg((label = 'cover')::int) from truth")
    assert share == pytest.approx(0.5, abs=0.06)
    mine = "select prompt from log join truth using (exchange_id) where label = 'driven' order by requested_at, prompt"
    assert sorted(ask(plain, mine)) == sorted(ask(covered, mine))


def test_payments_become_unique(campaign: Callable[..., Path]) -> None:
    """A share of the accounts has a card that no other has."""
    alone = """
        select avg((n = 1)::int) from registry
        join (select payment_id, count(*) n from registry group by all) using (payment_id)
    """
    assert one(campaign(), alone) < 0.1
    assert one(campaign(unique_payments=1.0), alone) == 1.0
    assert 0.3 < one(campaign(unique_payments=0.5), alone) < 0.8


def test_addresses_become_homes(campaign: Callable[..., Path]) -> None:
    """No two accounts send from one address any more, and none from a hoster."""
    hosted = "select avg((ip similar to '24[6-9].*')::int) from log"
    assert one(campaign(), hosted) > 0.5
    assert one(campaign(residential=1.0), hosted) == 0
    shared = "select count(*) from (select ip from log group by ip having count(distinct account_id) > 1)"
    assert one(campaign(residential=1.0), shared) == 0


def test_programs_become_everybodys(campaign: Callable[..., Path]) -> None:
    """Where two thirds sent with two builds, the accounts have many."""
    top = """
        select sum(n) / (select count(distinct account_id) from log) from (
            select client_fingerprint, count(distinct account_id) n from log group by all order by n desc limit 2)
    """
    assert one(campaign(), top) > 0.4
    assert one(campaign(spoofed_clients=1.0), top) < 0.35


def test_accounts_become_old(campaign: Callable[..., Path]) -> None:
    """All were opened a month before at least, each on a day of its own."""
    days = "select count(distinct date_trunc('day', created_at)) from registry"
    old = "select avg((created_at < timestamptz '2026-01-03 01:00:00+00')::int) from registry"
    assert one(campaign(account_age=1.0), old) == 1.0
    assert one(campaign(account_age=1.0), days) > one(campaign(), days)


def test_organisations_split_accounts(campaign: Callable[..., Path]) -> None:
    """Several organisations of a few accounts, none of them verified."""
    world = campaign(split_orgs=1.0)
    assert one(world, "select count(*) from registry where org_id is null or verified") == 0
    assert 3 <= one(world, "select count(distinct org_id) from registry") <= 12
    assert one(campaign(), "select count(org_id) from registry") == 0


@pytest.mark.slow
@pytest.mark.parametrize("population", ["harvest_campaign", "relay_campaign", "agentic_campaign"])
def test_paraphrase_leaves_less_in_common(campaign: Callable[..., Path], population: str) -> None:
    """Of the runs of eight words in a prompt, far fewer are ones that a third of the accounts send, by either dial."""

    def common(**dials: float) -> float:
        rows = ask(
            campaign(population, **dials),
            "select account_id, coalesce(system_prompt, '') || ' ' || prompt from log"
            " where prompt_source = 'human' and status = 200",
        )
        senders: dict[tuple[str, ...], set[str]] = {}
        count: dict[tuple[str, ...], int] = {}
        for account, text in rows:
            words = text.split()
            for i in range(len(words) - 7):
                run_ = tuple(words[i : i + 8])
                senders.setdefault(run_, set()).add(account)
                count[run_] = count.get(run_, 0) + 1
        n = len({account for account, _ in rows})
        return sum(count[one] for one, who in senders.items() if 3 * len(who) > n) / sum(count.values())

    plain = common()
    assert plain > 0.05
    assert common(paraphrase_account=1.0) < 0.4 * plain
    assert common(paraphrase_request=1.0) < 0.4 * plain


def test_an_account_keeps_its_own_wording(campaign: Callable[..., Path]) -> None:
    """Worded anew for each account, an account's moulds stay few; for each request, every one is another."""
    first = "select account_id, count(distinct prompt[:40]) / count(*) from log where system_prompt is null group by 1"
    share = {
        name: np.mean([row[1] for row in ask(campaign(**dials), first)])
        for name, dials in {"each": {"paraphrase_account": 1.0}, "always": {"paraphrase_request": 1.0}}.items()
    }
    assert share["each"] < 0.25
    assert share["always"] > 0.9


def test_items_overlap(campaign: Callable[..., Path]) -> None:
    """Ends of prompts, which are items, come from several accounts."""
    shared = """
        select avg((n > 1)::int) from (select regexp_extract(prompt, '\\n(.{60})', 1) item,
        count(distinct account_id) n from log where status = 200 group by all)
    """
    assert one(campaign(overlapping_items=1.0), shared) > one(campaign(), shared) + 0.1


def test_languages_are_others(campaign: Callable[..., Path]) -> None:
    """Most prompts hold letters that English has not, of moulds in five scripts."""
    other = "select avg((prompt similar to '(?s).*[^\\x00-\\x7F].*')::int) from log"
    assert one(campaign(), other) < 0.1
    assert one(campaign(languages=1.0), other) > 0.8
    assert 0.2 < one(campaign(languages=0.5), other) < 0.7


@pytest.mark.slow
@pytest.mark.parametrize("population", sorted(name for name, one in populations().items() if one.campaign))
def test_every_campaign_takes_every_dial(population: str, tmp_path: Path) -> None:
    """Turned all the way up, all kinds of campaigns still play, and keep exchanges of their own."""
    dials = dict.fromkeys(DIALS, 1.0) | {"cover": 0.5}
    cast = [Cast(population, 24, dials=dials, name="it")]
    if population == "guest_campaign":
        cast = [
            Cast("proxy_network", 40, name="host", dials=dials),
            Cast(population, 24, dials=dials, name="it", on="host"),
        ]
    written = write_world(World("alone", "", WORLDS["demo"].calendar, tuple(cast)), tmp_path / "world")
    assert written.by_label["driven"] + written.by_label["harvested_relay"] > 100


def test_dials_are_read_and_refused() -> None:
    """A name and a number from 0 to 1; anything else is said to be wrong, with what would be right."""
    assert parse_dials(["cover=0.5", "jitter=1"]) == {"cover": 0.5, "jitter": 1.0}
    for wrong in ("fog=0.5", "cover=1.5", "cover=x", "cover"):
        with pytest.raises(UsageError, match="dial"):
            parse_dials([wrong])


def test_dials_of_the_command_line_are_in_the_description(tmp_path: Path) -> None:
    """They are set on campaigns, not on honest populations, and world.json says so."""
    import json

    world = tmp_path / "world"
    assert run(["range", "demo", "--out", str(world), "--scale", "0.01", "--dial", "cover=0.4", "--quiet"]) == 0
    described = {entry["name"]: entry for entry in json.loads((world / "world.json").read_text())["populations"]}
    assert described["hydra_campaign"]["dials"] == {"cover": 0.4}
    assert "dials" not in described["chatters"]


def test_tables_have_the_same_shape_with_dials(campaign: Callable[..., Path]) -> None:
    """No evasion changes what columns a log has."""
    schema: pa.Schema = pq.read_schema(campaign(**dict.fromkeys(DIALS, 0.5)) / "logs.parquet")
    assert schema.equals(pq.read_schema(campaign() / "logs.parquet"))
