"""Nothing in a world gives the label away that would not in life.

For each campaign its exchanges are set beside those of matched honest accounts, which do the same kind of work. A
column by itself is given the best use that anybody could make of it: the log odds of its values (or of 32 bins), fitted
on half of the accounts and scored on the others, every account counting alike. What means nothing in life must be at
chance; what means something must stay far from certain. A campaign's own mould and number of words may tell, since that
is what the campaign is; but not its vocabulary, so a bag of words is fitted on one world and scored on another, where
the campaign has other moulds.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import rankdata

from stillwatch.traffic_range.worlds import HONEST, WORLDS, Cast, World
from stillwatch.traffic_range.write import write_world

pytestmark = pytest.mark.slow

SCALE = 0.6

MATCHED = {
    "reasoning_campaign": "'app_developers', 'data_makers', 'nightly_batches', 'classifiers', 'agency'",
    "agentic_campaign": "'agent_fleets', 'tool_users', 'hackathon'",
    "hydra_campaign": "'app_developers', 'undeclared_reseller', 'nightly_batches', 'failover_pairs'",
    "relay_campaign": "'app_developers', 'undeclared_reseller', 'chatters', 'failover_pairs'",
    "relay_plain": "'chatters', 'undeclared_reseller', 'vpn_crowd', 'declared_reseller'",
    "replay_campaign": "'app_developers', 'data_makers', 'nightly_batches', 'shared_sessions', 'tutorial_readers'",
    "probing_campaign": "'app_developers', 'data_makers', 'nightly_batches', 'classifiers', 'agency'",
    "rotation_campaign": "'app_developers', 'data_makers', 'nightly_batches', 'trial_abusers'",
    "harvest_campaign": "'app_developers', 'data_makers', 'nightly_batches', 'classifiers', 'agency'",
    "long_horizon_campaign": "'agent_fleets', 'tool_users', 'hackathon'",
    "one_organisation_campaign": "'organisations', 'agency', 'app_developers'",
    "framing_campaign": "'framed_customer'",
    "stolen_keys_campaign": "'key_owners', 'app_developers', 'nightly_batches', 'agency'",
    "guest_campaign": "'undeclared_reseller', 'app_developers', 'nightly_batches', 'failover_pairs'",
}
"""Campaign -> honest populations of the same kind of work."""

MEANINGLESS = {
    "row, last digits": "n % 100",
    "fraction of the second": "epoch_us(requested_at) % 1000000",
    "exchange id, first digits": "substr(exchange_id, 5, 2)",
    "exchange id, last digits": "right(exchange_id, 2)",
    "account id, first digit": "substr(account_id, 5, 1)",
    "key id, first digit": "substr(api_key_id, 5, 1)",
    "status": "status",
    "length of the account id": "length(account_id)",
}
"""Columns that tell nothing in life."""

MEANINGFUL = {
    "hour": "hour(requested_at)",
    "weekday": "dayofweek(requested_at)",
    "country": "country",
    "network": "asn",
    "program": "client",
    "fingerprint": "client_fingerprint",
    "platform": "platform",
    "model": "model",
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "tokens in": "input_tokens",
    "tokens out": "output_tokens",
    "tools": "coalesce(len(tools), 0)",
    "length of the answer": "length(response)",
    "turns": "turns",
    "finish": "finish_reason",
    "nulls": "concat(max_tokens is null, temperature is null, tools is null, session_id is null, sdk is null,"
    " system_prompt is null, response is null, reasoning_in is null, reasoning_out is null, end_user_id is null)",
}
"""Columns that differ between any two kinds of customers; no one of them may settle the matter."""

CHANCE = 0.11
"""How far an AUC may be from one half by chance alone: a hundred accounts of the smallest campaign are scored."""

FAR_FROM_CERTAIN = 0.93

THREE = ("reasoning", "grading", "rewriting")
"""What campaigns are after here: one task alone has words of its own, as it has for an honest owner of that task."""

MANY = 320
"""Accounts of a campaign: so many that an AUC of half of them is within `CHANCE` by three deviations."""

SHIFTS = replace(
    WORLDS["demo"],
    cast=tuple(
        replace(one, accounts=MANY, options={"per_shift": 2.0}) if one.population == "reasoning_campaign" else one
        for one in WORLDS["demo"].cast
    ),
)
"""The demo with more accounts in its smallest campaign."""

KINDS = World(
    "kinds",
    "every other kind of campaign, at a volume of its own, in the demo's honest traffic",
    WORLDS["demo"].calendar,
    (
        *HONEST,
        Cast("relay_campaign", MANY, {"per_day": 4.0}),
        Cast("relay_campaign", MANY, {"per_day": 4.0, "tail": 0.0}, name="relay_plain"),
        Cast("replay_campaign", MANY, {"per_day": 5.0}, targets=THREE),
        Cast("probing_campaign", MANY, {"per_day": 3.0}, targets=THREE),
        Cast("rotation_campaign", 2 * MANY, {"per_day": 5.0}, targets=THREE),
        Cast("harvest_campaign", MANY, {"per_day": 4.0}, targets=THREE),
        Cast("long_horizon_campaign", MANY, {"per_day": 30.0}),
        Cast("one_organisation_campaign", MANY, {"per_day": 4.0}, targets=THREE),
        Cast("framing_campaign", 2 * MANY, {"per_day": 4.0}, targets=THREE),
        Cast("stolen_keys_campaign", MANY, {"per_day": 4.0}, targets=THREE),
        Cast("proxy_network", 2 * MANY),
        Cast("guest_campaign", MANY, {"per_day": 4.0}, on="proxy_network", targets=THREE),
    ),
)
"""For the kinds that the demo has not."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Two worlds of different seeds with the demo's campaigns, and two with the other kinds."""
    out: dict[str, list[Path]] = {}
    for world in (SHIFTS, KINDS):
        for seed in (11, 12):
            folder = tmp_path_factory.mktemp("fair") / str(seed)
            write_world(world, folder, seed=seed, scale=SCALE)
            for cast in world.cast:
                out.setdefault(cast.called, []).append(folder)
    return out


@pytest.fixture
def worlds(written: dict[str, list[Path]], campaign: str) -> list[Path]:
    """The two worlds that a campaign plays in."""
    return written[campaign]


def pairs(world: Path, campaign: str, columns: dict[str, str]) -> dict[str, npt.NDArray[Any]]:
    """The campaign's and its matched exchanges: mine, account, and the columns."""
    named = ", ".join(f'{expression} as "{name}"' for name, expression in columns.items())
    query = f"""
        with log as (select *, row_number() over () as n from '{world}/logs.parquet')
        select campaign is not null as mine, account_id as account, {named}
        from log join '{world}/truth/exchanges.parquet' using (exchange_id)
        where campaign = '{campaign}' or population in ({MATCHED[campaign]}) order by n
    """
    with duckdb.connect() as connection:
        table = connection.sql(query).to_arrow_table()
    return {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}


def auc(mine: npt.NDArray[np.bool_], score: npt.NDArray[np.float64]) -> float:
    """The chance that a campaign's exchange scores higher than an honest one."""
    ranks, n = rankdata(score), int(mine.sum())
    return float((ranks[mine].sum() - n * (n + 1) / 2) / (n * (len(mine) - n)))


def best_use(mine: npt.NDArray[np.bool_], account: npt.NDArray[Any], values: npt.NDArray[Any]) -> float:
    """AUC on half of the accounts of the log odds that the other half has for each value; accounts count alike."""
    rng = np.random.default_rng(0)
    number = np.unique(account.astype(str), return_inverse=True)[1]
    weight = 1 / np.bincount(number)[number]
    fit = (rng.random(number.max() + 1) < 0.5)[number]
    if values.dtype.kind == "f" and np.isnan(values).any():
        values = np.where(np.isnan(values), -1.0, values)
    if values.dtype.kind in "if" and len(np.unique(values)) > 64:
        code = np.searchsorted(np.quantile(values, np.linspace(0, 1, 33)[1:-1]), values)
    else:
        code = np.unique(values.astype(str), return_inverse=True)[1]
    odds = []
    for side in (mine, ~mine):
        counts = np.bincount(code[fit & side], weight[fit & side], code.max() + 1)
        # Values that the fit has hardly seen say nothing: half an account of either side.
        odds.append(np.log((counts + 0.5) / (counts.sum() + 0.5 * len(counts))))
    score = (odds[0] - odds[1])[code]
    rest = np.flatnonzero(~fit)
    picked = rng.choice(rest, 20_000, p=weight[rest] / weight[rest].sum())
    return auc(mine[picked], score[picked])


@pytest.mark.parametrize("campaign", sorted(MATCHED))
def test_what_means_nothing_tells_nothing(worlds: list[Path], campaign: str) -> None:
    """Row order, ids, fractions of the second and their like are at chance."""
    data = pairs(worlds[0], campaign, MEANINGLESS)
    scores = {name: best_use(data["mine"], data["account"], data[name]) for name in MEANINGLESS}
    assert {name: round(score, 2) for name, score in scores.items() if abs(score - 0.5) > CHANCE} == {}


@pytest.mark.parametrize("campaign", sorted(MATCHED))
def test_no_single_column_settles_the_matter(worlds: list[Path], campaign: str) -> None:
    """Models, programs, places, limits and lengths occur on both sides."""
    data = pairs(worlds[0], campaign, MEANINGFUL)
    scores = {name: best_use(data["mine"], data["account"], data[name]) for name in MEANINGFUL}
    assert {name: round(score, 2) for name, score in scores.items() if score > FAR_FROM_CERTAIN} == {}


@pytest.mark.parametrize("campaign", sorted(MATCHED))
def test_vocabulary_does_not_tell(worlds: list[Path], campaign: str) -> None:
    """A bag of words fitted on one world is of little use in the next, where the campaign has other moulds."""
    fitted, scored = (words(world, campaign) for world in worlds)
    log_odds = np.log(fitted[True]) - np.log(fitted[False])
    n = {mine: len(scored["rows", mine]) for mine in (True, False)}
    score = np.array([log_odds[row].mean() for mine in (True, False) for row in scored["rows", mine]])
    assert auc(np.arange(len(score)) < n[True], score) < 0.85


def words(world: Path, campaign: str) -> dict[Any, Any]:
    """Shares of hashed words on both sides, and the words of some of their prompts: at most 20 an account."""
    from zlib import crc32

    data = pairs(world, campaign, {"prompt": "prompt"})
    out: dict[Any, Any] = {}
    for mine in (True, False):
        counts, rows = np.full(1 << 15, 0.5), []
        seen: dict[str, int] = {}
        for account, text in zip(
            data["account"][data["mine"] == mine], data["prompt"][data["mine"] == mine], strict=True
        ):
            seen[account] = seen.get(account, 0) + 1
            if seen[account] <= 20:
                row = np.unique([crc32(word.encode()) & 0x7FFF for word in text.lower().split()])
                counts[row] += 1
                rows.append(row)
        out[mine], out["rows", mine] = counts / len(rows), rows
    return out
