"""A campaign's network of accounts: cards for several, rented exits, opened in batches, its own program, replaced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.traffic_range import clients, rhythm
from stillwatch.traffic_range.accounts import NEVER, Accounts, open_accounts, shared_ids
from stillwatch.traffic_range.addresses import countries, mixed
from stillwatch.traffic_range.evasions import MOST_COVER, retimed
from stillwatch.traffic_range.grammar import Ints
from stillwatch.traffic_range.ids import groups, only
from stillwatch.traffic_range.stage import DAY, HOUR, Stage, choose

BUILDS = [30.0, 20, 12, 10, 8, 6, 5, 4, 3, 2]
"""Shares of machines' builds, as everybody has them."""


@dataclass(frozen=True, slots=True)
class Ring:
    """How a campaign gets and keeps its accounts.

    card: accounts on one card.  exits_for: accounts on one group of `exits` rented addresses.  rented, vpn: shares of
    accounts at such exits and at a VPN's, the others at home lines.  opened: the days between which accounts are opened
    in batches; aged: share that was opened long before, and bought.  own_program: share that sends with the operator's
    own one.  server: share of the others that are servers' programs.  paid: share that pays.  replaced: how many
    accounts follow one another in one's place; 1 if none is banned.  banned: share of places in which that happens.
    moves: share that takes the new model within a day of its release.
    """

    card: float = 7.0
    exits_for: float = 10.0
    exits: int = 4
    rented: float = 0.8
    vpn: float = 0.05
    batches: int = 4
    opened: tuple[float, float] = (-20.0, 1.0)
    aged: float = 0.3
    own_program: float = 0.6
    server: float = 0.7
    paid: float = 1.0
    replaced: int = 1
    banned: float = 0.0
    moves: float = 0.6


def open_ring(stage: Stage, ring: Ring, *, network: str = "ring", drives: bool = True) -> Accounts:
    """A network of `stage.n` accounts, not yet `disguised`.

    network: what its name in the truth ends with.  drives: whether all are drivers of the stage's campaign; else their
    campaign and roles are left open.
    """
    rng, n, calendar = stage.rng("ring"), stage.n, stage.calendar
    low, high = ring.opened
    batch = calendar.start + (rng.uniform(low, high, ring.batches) * DAY).astype(np.int64)
    created = batch[rng.integers(0, ring.batches, n)] + (rng.exponential(0.1, n) * DAY).astype(np.int64)
    aged = calendar.day(-40) - (rng.exponential(200, n) * DAY).astype(np.int64)
    created = np.where(rng.random(n) < ring.aged, aged, created)
    card = groups(rng, n, ring.card)
    country = countries(rng, n)
    where = mixed(
        [
            stage.addresses.rented(rng, groups(rng, n, ring.exits_for), ring.exits),
            stage.addresses.homes(rng, country),
            stage.addresses.vpn(rng, n),
        ],
        rng.choice(3, n, p=[ring.rented, 1 - ring.rented - ring.vpn, ring.vpn]),
    )
    accounts = open_accounts(
        stage, rng, n, country=country, created=created, addresses=where, server=ring.server, paid=ring.paid
    )
    own = rng.random(n) < ring.own_program
    program, build = own_programs(rng)
    which = rng.integers(0, 2, n)
    accounts = accounts.but(
        client=np.where(own, program[which], accounts.client),
        build=np.where(own, build[which], accounts.build),
        version=np.where(own, int(clients.versions(rng, 1)[0]), accounts.version),
        updates=np.where(own, calendar.day(rng.random() * 1.6 * calendar.days), accounts.updates),
        closed=np.full(n, NEVER),
        adopts=np.where(
            rng.random(n) < ring.moves,
            calendar.release + (rng.uniform(0.5, 24, n) * HOUR).astype(np.int64),
            calendar.release + (rng.exponential(6, n) * DAY).astype(np.int64),
        ),
        network=pa.repeat(pa.scalar(f"{stage.name.removesuffix('_campaign')}_{network}"), n),
    )
    accounts = _replaced(stage, ring, rng, accounts.but(payment_id=_cards(rng, accounts, card)))
    return drivers(stage, accounts) if drives else accounts


def own_programs(rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Two programs and the builds of their machines, which an operator has for all of his accounts: common ones."""
    return np.array(clients.SERVERS)[choose(rng, clients.SERVER_SHARES, 2)], choose(rng, BUILDS, 2)


def drivers(stage: Stage, accounts: Accounts, drives: npt.NDArray[np.bool_] | None = None) -> Accounts:
    """Accounts in the stage's campaign: its drivers all, or where `drives` holds, the others its carriers."""
    n = len(accounts)
    role = np.where(np.ones(n, bool) if drives is None else drives, "driver", "carrier")
    return accounts.but(campaign=pa.repeat(pa.scalar(stage.name), n), role=pa.array(role))


ROWS = 60_000
"""Exchanges that are made at once."""


def parts(stage: Stage, accounts: Accounts, exchanges_each: float) -> Iterator[tuple[int, Accounts]]:
    """(first, accounts): a ring's accounts in parts whose exchanges fit in memory.

    exchanges_each: what an account is expected to send of the campaign's in all, cover left out.
    """
    own = 1 - min(stage.dial("cover"), MOST_COVER)
    size = int(np.clip(ROWS * own / max(exchanges_each, 1.0), 1, 4000))
    for first in range(0, len(accounts), size):
        yield first, accounts.take(np.arange(first, min(first + size, len(accounts))))


def requests(
    stage: Stage,
    first: int,
    accounts: Accounts,
    per_day: float | npt.NDArray[np.float64],
    *,
    purpose: str = "work",
    hours: str = "served",
    weekend: float = 1.0,
    spread: float = 0.02,
    bursty: float = 0.15,
    between: tuple[float, float] | None = None,
) -> tuple[Ints, Ints]:
    """(account, time) of a part's requests, dealt out evenly day and night where no evasion is turned up.

    first: of these accounts in the campaign.  between: days that are left out at the calendar's beginning and end;
    up to a fifth and a tenth of them, the same for the whole campaign, where it is not given.
    """
    calendar, n = stage.calendar, len(accounts)
    if between is None:
        days = stage.rng("days").random(2)
        between = 1 + days[0] * 0.2 * calendar.days, days[1] * 0.1 * calendar.days
    who, at = rhythm.sessions(
        stage.rng(purpose, first),
        calendar,
        accounts,
        per_day,
        hours=hours,
        weekend=weekend,
        spread=spread,
        bursty=bursty,
        first=np.full(n, calendar.day(between[0])),
        last=np.full(n, calendar.day(calendar.days - between[1])),
    )
    return retimed(stage, first, accounts, who, at)


def _cards(rng: np.random.Generator, accounts: Accounts, card: Ints) -> pa.StringArray:
    return only(np.asarray(accounts.payment_id.is_valid()), shared_ids(rng, card, "pay_"))


def _replaced(stage: Stage, ring: Ring, rng: np.random.Generator, accounts: Accounts) -> Accounts:
    """The accounts with some banned, each followed within the hour by the next of its line, on the same card."""
    n, calendar, length = len(accounts), stage.calendar, min(ring.replaced, len(accounts))
    if length < 2 or not ring.banned:
        return accounts
    n_lines = max(1, int(n * ring.banned / length))
    line = np.arange(n_lines * length).reshape(n_lines, length)
    created, closed = accounts.created.copy(), accounts.closed.copy()
    # Bans fall on days of their own, in order, between the third day and the last but three.
    days = np.sort(rng.uniform(2, calendar.days - 3, (n_lines, length - 1)), axis=1)
    banned = calendar.start + (days * DAY).astype(np.int64)
    closed[line[:, :-1]] = banned
    created[line[:, 0]] = np.minimum(created[line[:, 0]], calendar.day(-1))
    created[line[:, 1:]] = banned + (rng.exponential(0.6, banned.shape) * HOUR).astype(np.int64)
    payment = np.arange(n)
    payment[line[:, 1:]] = line[:, :1]
    return accounts.but(
        created=created,
        closed=closed,
        closed_reason=only(closed != NEVER, pa.repeat(pa.scalar("terms"), n)),
        payment_id=accounts.payment_id.take(pa.array(payment)),
    )
