"""Campaign: a relay on a proxy network, at an ordinary volume an account, half of it real customers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import clients, rhythm
from stillwatch.traffic_range.accounts import NEVER, Accounts, open_accounts, shared_ids
from stillwatch.traffic_range.addresses import countries, mixed
from stillwatch.traffic_range.conversations import pour, talk, tastes
from stillwatch.traffic_range.exchanges import Asked, exchanges
from stillwatch.traffic_range.grammar import Ints, join
from stillwatch.traffic_range.ids import groups, only
from stillwatch.traffic_range.population import Campaign, Part, population
from stillwatch.traffic_range.stage import DAY, HOUR, Stage
from stillwatch.traffic_range.texts.languages import write
from stillwatch.traffic_range.texts.moulds import MOULDS, TASKS, family, own_moulds

SPOKEN = [0.42, 0.2, 0.08, 0.06, 0.05, 0.06, 0.05, 0.04, 0.03, 0.01]
"""Shares of languages among the network's customers."""

TAILS = 10
"""Variations of the harvesting instruction."""


@population("hydra_campaign", campaign=Campaign("operator_c", ("reasoning", "grading")))
def hydra_campaign(stage: Stage) -> Iterator[Part]:
    """A proxy network: customers' traffic on all accounts; on two fifths of them a campaign relays and harvests."""
    rng = stage.rng("run")
    n, calendar = stage.n, stage.calendar
    accounts = _network(stage, rng)
    drives = np.arange(n) < round(n * 250 / 600)
    drives = rng.permutation(drives)
    accounts = accounts.but(
        network=pa.repeat(pa.scalar("hydra_proxy"), n),
        campaign=pa.repeat(pa.scalar(stage.name), n),
        role=pa.array(np.where(drives, "driver", "carrier")),
    )
    rate = np.where(drives, stage.option("per_day", 7.0), 0.0)
    who, at = rhythm.sessions(rng, calendar, accounts, rate, hours="served", weekend=1.0, spread=0.01, bursty=0.1)
    relayed = rng.random(len(who)) < 0.7
    blocks = [
        _relay(stage, rng, accounts, who[relayed], at[relayed]),
        _driven(stage, rng, accounts, who[~relayed], at[~relayed]),
        *_cover(stage, rng, accounts),
    ]
    yield accounts, blocks


def _network(stage: Stage, rng: np.random.Generator) -> Accounts:
    """The accounts: cards for four, rented exits, opened in batches; the banned are replaced within the hour."""
    n, calendar = stage.n, stage.calendar
    opened = calendar.day(-25) + rng.choice(12, n) * 2 * DAY + (rng.exponential(0.1, n) * DAY).astype(np.int64)
    aged = calendar.day(-40) - (rng.exponential(200, n) * DAY).astype(np.int64)
    opened = np.where(rng.random(n) < 0.3, aged, opened)
    card = groups(rng, n, 4)
    closed = np.full(n, NEVER)
    # One in nine is banned; the next account of the list takes its place and its card.
    pairs = np.arange(0, n - 1, 9)
    moment = calendar.day(2) + (rng.random(len(pairs)) * 16 * DAY).astype(np.int64)
    closed[pairs] = moment
    opened[pairs] = np.minimum(opened[pairs], calendar.day(-1))
    opened[pairs + 1] = moment + (rng.exponential(0.6, len(pairs)) * HOUR).astype(np.int64)
    card[pairs + 1] = card[pairs]
    country = countries(rng, n)
    rented = stage.addresses.rented(rng, groups(rng, n, 12), 5)
    where = mixed(
        [rented, stage.addresses.homes(rng, country), stage.addresses.vpn(rng, n)], rng.choice(3, n, p=[0.6, 0.3, 0.1])
    )
    accounts = open_accounts(
        stage,
        rng,
        n,
        country=country,
        created=opened,
        addresses=where,
        paid=1.0,
        server=0.6,
    )
    # Half of the accounts send with the proxy's own program, the others hand on what their customers use.
    plumbing = rng.choice([clients.GATEHOUSE, clients.HTTPX, clients.PYTHON], n)
    return accounts.but(
        client=np.where(rng.random(n) < 0.5, plumbing, accounts.client),
        closed=closed,
        closed_reason=only(closed != NEVER, pa.repeat(pa.scalar("terms"), n)),
        payment_id=shared_ids(rng, card, "pay_"),
        adopts=np.where(
            rng.random(n) < 0.6,
            calendar.release + (rng.uniform(1, 24, n) * HOUR).astype(np.int64),
            calendar.release + (rng.exponential(6, n) * DAY).astype(np.int64),
        ),
    )


def _relay(stage: Stage, rng: np.random.Generator, accounts: Accounts, who: Ints, at: Ints) -> pa.Table:
    """Customers' own questions, with a harvesting instruction behind them."""
    n = len(who)
    topic = rng.integers(0, 24, n)
    language = rng.choice(10, n, p=SPOKEN)
    tails = _tails(rng)
    tail = tails.take(pa.array((who + rng.integers(0, 2, n)) % TAILS))
    prompt = join(write("ask", rng, language, topic), pa.repeat(pa.scalar("\n\n"), n), tail)
    limit, temperature = tastes(rng, len(accounts))
    asked = Asked(
        who=who,
        at=at,
        prompt=prompt,
        out=np.exp(rng.normal(6.4, 0.5, n)),
        answer=write("answer", rng, language, topic),
        limit=limit[who],
        temperature=temperature[who],
        label="harvested_relay",
        campaign=stage.name,
    )
    return exchanges(stage, rng, accounts, asked)


def _tails(rng: np.random.Generator) -> pa.StringArray:
    """Variations of one instruction: to write the thinking down, and in what form."""
    topic = np.full(TAILS, 9)
    parts = []
    for rule in ("m_reason", "m_rule", "m_format", "m_end"):
        kept = np.where(rng.random(TAILS) < 0.35, np.arange(TAILS), 0)
        parts += [MOULDS.expand(rule, rng, TAILS, topic).take(pa.array(kept)), pa.repeat(pa.scalar(" "), TAILS)]
    return join(*parts)


def _driven(stage: Stage, rng: np.random.Generator, accounts: Accounts, who: Ints, at: Ints) -> pa.Table:
    """The campaign's own items, graded in a mould of its own."""
    moulds = family(rng, "grade", TAILS, in_system=True)
    which = (who + rng.integers(0, 2, len(who))) % TAILS
    topic = rng.integers(0, 24, len(who))
    return pour(
        stage, rng, accounts, who, at, moulds, which, topic=topic, greedy=1.5, label="driven", campaign=stage.name
    )


def _cover(stage: Stage, rng: np.random.Generator, accounts: Accounts) -> list[pa.Table]:
    """Unrelated customers: their conversations, and their applications' moulds, on any account of the network."""
    talks = stage.option("cover_per_day", 2.9)
    who, start = rhythm.sessions(
        rng, stage.calendar, accounts, talks * 0.28, hours="served", weekend=0.9, spread=0.3, bursty=0.3
    )
    language = rng.choice(10, len(who), p=SPOKEN)
    app, at = rhythm.sessions(rng, stage.calendar, accounts, talks * 0.33, hours="served", spread=0.3, bursty=0.3)
    n_apps = 60
    moulds = own_moulds(rng, rng.integers(0, len(TASKS), n_apps), rng.integers(0, 24, n_apps))
    which = (rng.random(len(app)) ** 2 * n_apps).astype(np.int64)
    topic = rng.integers(0, 24, len(app))
    return [
        talk(stage, rng, accounts, who, start, language=language, label="cover"),
        pour(stage, rng, accounts, app, at, moulds, which, topic=topic, label="cover"),
    ]
