"""Kinds of campaigns: each does what its name says, and its truth says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from stillwatch.errors import UsageError
from stillwatch.traffic_range.worlds import WORLDS, Cast, World
from stillwatch.traffic_range.write import write_world

Ask = Callable[..., list[tuple]]


@pytest.fixture
def played(tmp_path: Path) -> Callable[..., Ask]:
    """Plays a few entries for themselves, and gives a way to ask of their tables."""

    def play(*cast: Cast, world: str = "demo", seed: int = 4) -> Ask:
        write_world(World("alone", "", WORLDS[world].calendar, cast), tmp_path / "world", seed=seed)
        db = duckdb.connect()
        db.sql("set timezone = 'UTC'")
        db.sql(f"create view log as select * from '{tmp_path}/world/logs.parquet'")
        db.sql(f"create view registry as select * from '{tmp_path}/world/accounts.parquet'")
        for name in ("exchanges", "account_campaign", "account_network", "campaign_network", "campaigns", "accounts"):
            db.sql(f"create view truth_{name} as select * from '{tmp_path}/world/truth/{name}.parquet'")
        db.sql("create view known as select * from log join truth_exchanges using (exchange_id)")
        return lambda query: db.sql(query).fetchall()

    return play


def test_a_relay_sends_what_people_do(played: Callable[..., Ask]) -> None:
    """About six requests an account and day, hardly a prompt twice, in many languages, over accounts."""
    ask = played(Cast("relay_campaign", 60, {"per_day": 6.0, "tail": 0.0}))
    ((a_day, distinct),) = ask("select count(*) / 60 / 21, count(distinct prompt) / count(*) from known")
    assert 4.5 < a_day < 7
    assert distinct > 0.97
    ((over_accounts,),) = ask("""
        select avg((n > 1)::int) from (select count(distinct account_id) n from known
        group by trajectory having count(*) > 2)
    """)
    assert over_accounts > 0.3
    assert ask("select distinct label from known") == [("harvested_relay",)]


def test_a_tail_is_behind_every_prompt_of_a_relay(played: Callable[..., Ask]) -> None:
    """With a tail, prompts end in a few endings; without, in none that come again."""
    query = "select count(distinct prompt[-40:]) / count(*) from known where status = 200"
    ((with_tail,),) = played(Cast("relay_campaign", 30, {"tail": 1.0}))(query)
    ((without,),) = played(Cast("relay_campaign", 30, {"tail": 0.0}))(query)
    assert with_tail < 0.05
    assert without > 0.9


def test_sessions_of_a_relay_do_not_cross_accounts(played: Callable[..., Ask]) -> None:
    """A conversation moves on to another account, its session's id does not."""
    ask = played(Cast("relay_campaign", 40))
    crossing = "select count(*) from (select session_id from log where session_id is not null group by 1"
    assert ask(crossing + " having count(distinct account_id) > 1)") == [(0,)]


def test_blocks_are_handed_back_by_other_accounts(played: Callable[..., Ask]) -> None:
    """Each block that is handed in was given out before, mostly to another account."""
    ask = played(Cast("replay_campaign", 30))
    ((n, known, other),) = ask("""
        with given as (select unnest(reasoning_out) block, account_id, requested_at from log),
        handed as (select unnest(reasoning_in) block, account_id, requested_at from log)
        select count(*), count(given.block), avg((given.account_id <> handed.account_id)::int)
        from handed left join given on handed.block = given.block and given.requested_at < handed.requested_at
    """)
    assert n > 500
    assert known == n
    assert other > 0.9
    # A block stands in a conversation: what was asked before it is the first account's own prompt.
    begun = """
        select count(*), count(distinct b.prompt) > 1, bool_and(b.message_digests[1] = a.message_digests[1]),
        bool_and(len(a.message_digests) = 3 and a.turns = 2) from log a
        join log b on a.first_user = b.prompt and list_has(b.reasoning_out, a.reasoning_in[1])
    """
    assert ask(begun) == [(n, True, True, True)]


def test_probing_comes_first_and_is_refused_at_times(played: Callable[..., Ask]) -> None:
    """Thousands of distinct tests from few accounts in the first days, a third refused; the work comes after."""
    ask = played(Cast("probing_campaign", 50, {"tests": 2000.0}))
    early = "from known where requested_at < timestamptz '2026-02-08 12:00:00+00'"
    late = early.replace("<", ">")
    ((tests, distinct, refused, accounts),) = ask(f"""
        select count(*), count(distinct prompt), avg((finish_reason = 'content_filter')::int),
        count(distinct account_id) {early}
    """)
    ((after, after_accounts),) = ask(
        f"select avg((finish_reason = 'content_filter')::int), count(distinct account_id) {late}"
    )
    assert tests > 1500
    assert distinct > 0.95 * tests
    assert 0.2 < refused < 0.4
    assert accounts <= 5
    assert after < 0.02
    assert after_accounts > 40


def test_banned_accounts_are_replaced_at_once(played: Callable[..., Ask]) -> None:
    """For each account that is closed another one is opened within hours, on the same card."""
    ask = played(Cast("rotation_campaign", 60))
    ((closed, followed),) = ask("""
        select count(*), count(*) filter (exists (select 1 from registry n where n.payment_id = r.payment_id
        and n.created_at between r.closed_at and r.closed_at + interval 8 hour)) from registry r
        where closed_at is not null
    """)
    assert closed >= 45
    assert followed > 0.95 * closed
    ((alive,),) = ask("""
        select max(n) from (select count(distinct account_id) n from known group by date_trunc('hour', requested_at))
    """)
    assert alive <= 30


def test_owners_go_on_beside_their_stolen_keys(played: Callable[..., Ask]) -> None:
    """On each key there is honest traffic too, from other addresses; the account is stolen and no driver."""
    ask = played(Cast("stolen_keys_campaign", 30))
    assert ask("select distinct role from truth_account_campaign") == [("stolen",)]
    assert ask("select distinct kind from truth_accounts") == [("key_owners",)]
    both = "select count(*) from (select account_id from known group by 1 having count(distinct label) = 2)"
    assert ask(both)[0][0] > 20
    shared = """
        select count(*) from (select account_id, ip from known group by all having count(distinct label) > 1)
    """
    assert ask(shared)[0][0] <= 1
    assert ask("select distinct campaign is null from known where label = 'honest'") == [(True,)]
    keys = (
        "select max(n) from (select count(distinct api_key_id) n from known where label = 'driven' group by account_id)"
    )
    assert ask(keys) == [(1,)]


def test_who_is_framed_is_innocent(played: Callable[..., Ask]) -> None:
    """He has the campaign's moulds and exits, and belongs to no campaign and no network."""
    ask = played(Cast("framing_campaign", 30))
    ((n_framed,),) = ask("select count(*) from truth_accounts where kind = 'framed_customer'")
    assert n_framed >= 3
    innocent = "select account_id from truth_accounts where kind = 'framed_customer'"
    assert ask(f"select count(*) from truth_account_campaign where account_id in ({innocent})") == [(0,)]
    assert ask(f"select count(*) from truth_account_network where account_id in ({innocent})") == [(0,)]
    ((exits,),) = ask("""
        select count(*) from (select ip from known group by ip having count(distinct label) = 2)
    """)
    assert exits >= 3
    ((moulds,),) = ask("""
        select count(*) from (select prompt[:60] from known where system_prompt is null group by 1
        having count(distinct label) = 2)
    """)
    assert moulds >= 1


def test_an_organisation_of_its_own_is_one_and_unverified(played: Callable[..., Ask]) -> None:
    """All accounts are in it, it pays for all, and nobody verified it."""
    ask = played(Cast("one_organisation_campaign", 40))
    ((orgs, missing, cards, verified),) = ask("""
        select count(distinct org_id), count(*) - count(org_id), count(distinct payment_id), sum(verified::int)
        from registry
    """)
    assert (orgs, missing, cards, verified) == (1, 0, 1, 0)
    assert ask("select count(distinct org_id) from log") == [(1,)]


def test_a_move_to_a_weaker_model_takes_half_a_day(played: Callable[..., Ask]) -> None:
    """Before it hardly any request goes to the smallest model, after it nearly all do."""
    ask = played(Cast("harvest_campaign", 30, {"weaker_at": 15.0}))
    share = "select avg((model like '%mini')::int) from known where requested_at"
    ((before,),) = ask(f"{share} < timestamptz '2026-02-17 00:00:00+00'")
    ((after,),) = ask(f"{share} > timestamptz '2026-02-17 13:00:00+00'")
    assert before < 0.5
    assert after > 0.85


def test_long_horizons_are_hundreds_of_requests_a_day(played: Callable[..., Ask]) -> None:
    """Some 860 an account and day, in trajectories of dozens of steps."""
    ask = played(Cast("long_horizon_campaign", 2, {"per_day": 860.0}))
    ((a_day,),) = ask(
        "select median(n) from (select count(*) n from known group by account_id, date_trunc('day', requested_at))"
    )
    ((steps,),) = ask("select avg(n) from (select count(*) n from known group by trajectory)")
    assert 600 < a_day < 1150
    assert steps > 20


def test_slow_is_slow_and_lasts(played: Callable[..., Ask]) -> None:
    """Two requests an account and day, through fourteen weeks."""
    ask = played(Cast("slow_campaign", 20), world="slow")
    ((days, a_day),) = ask("""
        select date_diff('day', min(requested_at), max(requested_at)), count(*) / 20 / 98 from known
    """)
    assert days > 90
    assert 1 < a_day < 3


def test_two_operators_share_a_network_with_honest_customers(played: Callable[..., Ask]) -> None:
    """Both campaigns run on it, each has drivers of its own, an account may be both's, and the rest is cover."""
    ask = played(
        Cast("proxy_network", 60, {"per_day": 3.0}, name="proxy"),
        Cast("guest_campaign", 30, name="one", operator="x", targets=("reasoning",), on="proxy"),
        Cast("guest_campaign", 30, {"relay": 0.5}, name="two", operator="y", targets=("grading",), on="proxy"),
    )
    assert ask("select * from truth_campaign_network order by all") == [("one", "proxy_proxy"), ("two", "proxy_proxy")]
    assert ask("select campaign, operator from truth_campaigns order by all") == [("one", "x"), ("two", "y")]
    assert ask("select count(*), count(distinct account_id) from truth_accounts") == [(60, 60)]
    assert ask("select count(*) from registry") == [(60,)]
    roles = "select campaign, role, count(*) from truth_account_campaign group by all order by all"
    assert ask(roles) == [("one", "carrier", 30), ("one", "driver", 30), ("two", "carrier", 30), ("two", "driver", 30)]
    ((both,),) = ask("""
        select count(*) from (select account_id from truth_account_campaign where role = 'driver'
        group by 1 having count(*) = 2)
    """)
    assert 0 < both < 30
    labels = "select campaign, label from truth_exchanges group by all order by all nulls last"
    assert ask(labels) == [("one", "driven"), ("two", "driven"), ("two", "harvested_relay"), (None, "cover")]
    strays = """
        select count(*) from known k where campaign is not null and not exists (select 1 from truth_account_campaign a
        where a.account_id = k.account_id and a.campaign = k.campaign and role = 'driver')
    """
    assert ask(strays) == [(0,)]


def test_a_guest_needs_a_network(played: Callable[..., Ask]) -> None:
    """Without one it is a mistake in the world's list, and said."""
    with pytest.raises(UsageError, match="runs on a network"):
        played(Cast("guest_campaign", 10))


def test_two_of_a_kind_are_two(played: Callable[..., Ask]) -> None:
    """Different names, moulds, accounts and operators; the truth keeps them apart."""
    ask = played(
        Cast("harvest_campaign", 20, name="one", operator="x"), Cast("harvest_campaign", 20, name="two", operator="y")
    )
    assert ask("select campaign, operator from truth_campaigns order by all") == [("one", "x"), ("two", "y")]
    assert ask("select network, count(*) from truth_account_network group by 1 order by 1") == [
        ("one_ring", 20),
        ("two_ring", 20),
    ]
    assert ask("""
        select count(*) from (select prompt[:50] from known group by 1 having count(distinct campaign) > 1)
    """) == [(0,)]
