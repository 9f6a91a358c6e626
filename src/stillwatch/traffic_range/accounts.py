"""Accounts: what the registry says of them, and what they are like: zone, language, addresses, programs, models."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch import schema
from stillwatch.traffic_range import addresses as places
from stillwatch.traffic_range import clients
from stillwatch.traffic_range.addresses import Addresses
from stillwatch.traffic_range.causes import updated
from stillwatch.traffic_range.grammar import Ints, join
from stillwatch.traffic_range.ids import nulls, only, random_ids
from stillwatch.traffic_range.stage import DAY, HOUR, Calendar, Stage, choose
from stillwatch.traffic_range.texts import names

NEVER = np.iinfo(np.int64).max
"""A moment that does not come."""

_MAIL = ("mailbox.example", "postfach.example", "quickmail.example", "inbox.example", "correo.example", "mail.example")


@dataclass(frozen=True, slots=True)
class Accounts:
    """Accounts of one population, a column each.

    kind: the population's word for them; network, campaign, role: the truth, null for most.
    keys: API keys, `keys_each` an account, flat.  created, closed: µs; closed is NEVER for most.
    zone: hours from UTC.  client, version, build: of the program.  model: old model; adopts: when it takes the new one.
    pinned: whether the payment and e-mail columns are filled in the registry.
    """

    kind: pa.StringArray
    account_id: pa.StringArray
    keys: pa.StringArray
    keys_each: int
    created: Ints
    closed: Ints
    closed_reason: pa.StringArray
    org_id: pa.StringArray
    payment_id: pa.StringArray
    email_domain: pa.StringArray
    plan: pa.StringArray
    verified: npt.NDArray[np.bool_]
    country: Ints
    zone: npt.NDArray[np.float64]
    language: Ints
    topic: Ints
    addresses: Addresses
    client: Ints
    version: Ints
    build: Ints
    updates: Ints
    platform: Ints
    model: Ints
    adopts: Ints
    network: pa.StringArray
    campaign: pa.StringArray
    role: pa.StringArray

    def __len__(self) -> int:
        return len(self.created)

    def but(self, **changes: object) -> Accounts:
        """The same accounts with some columns otherwise."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def take(self, rows: Ints) -> Accounts:
        """Some of the accounts, in the order of their row numbers."""
        index = pa.array(rows)
        keys = pa.array((rows[:, None] * self.keys_each + np.arange(self.keys_each)).ravel())
        moved = {
            "keys": self.keys.take(keys),
            "keys_each": self.keys_each,
            "addresses": self.addresses.take(rows),
        }
        for name in self.__slots__:
            if name not in moved:
                column = getattr(self, name)
                moved[name] = column[rows] if isinstance(column, np.ndarray) else column.take(index)
        return self.but(**moved)

    def until(self, calendar: Calendar) -> tuple[Ints, Ints]:
        """From when to when each account can send requests within the world."""
        return np.maximum(self.created + HOUR // 4, calendar.start), np.minimum(self.closed, calendar.end)

    def registry(self) -> pa.Table:
        """The rows of `schema.ACCOUNT`, with the first key of each account."""
        n = len(self)
        first = np.arange(n) * self.keys_each
        closed = pa.array(np.where(self.closed == NEVER, 0, self.closed), mask=self.closed == NEVER)
        columns = {
            "account_id": self.account_id,
            "api_key_id": self.keys.take(pa.array(first)),
            "created_at": pa.array(self.created).cast(schema.TIME),
            "org_id": self.org_id,
            "payment_id": self.payment_id,
            "email_domain": self.email_domain,
            "signup_ip": self.addresses.ip.take(pa.array(np.arange(n) * self.addresses.each)),
            "signup_country": places.CODES.take(pa.array(self.country)),
            "plan": self.plan,
            "verified": pa.array(self.verified),
            "closed_at": closed.cast(schema.TIME),
            "closed_reason": self.closed_reason,
            "valid_from": pa.array(self.created).cast(schema.TIME),
            "valid_to": pa.nulls(n, schema.TIME),
        }
        return pa.table(columns, schema=schema.ACCOUNT)


def open_accounts(
    stage: Stage,
    rng: np.random.Generator,
    n: int,
    *,
    kind: str | None = None,
    country: Ints | None = None,
    addresses: Addresses | None = None,
    server: float = 0.0,
    client: Ints | None = None,
    created: Ints | None = None,
    paid: float = 0.7,
    keys_each: int = 1,
) -> Accounts:
    """n accounts like everybody's, each a stranger to the others; a population changes what makes it special.

    server: share that sends from servers with a library instead of a chat program.  paid: share that pays.
    """
    calendar = stage.calendar
    country = places.countries(rng, n) if country is None else country
    at_server = rng.random(n) < server
    if client is None:
        chats = np.array(clients.CHATS)[choose(rng, [40, 20, 22, 18], n)]
        client = np.where(at_server, np.array(clients.SERVERS)[choose(rng, clients.SERVER_SHARES, n)], chats)
    if addresses is None:
        home = stage.addresses.homes(rng, country)
        addresses = places.mixed(
            [home, stage.addresses.hosting(rng, n)], (at_server & (rng.random(n) < 0.8)).astype(int)
        )
    created = opened(rng, calendar, n) if created is None else created
    # Some accounts are closed, by their owners or for unpaid bills, as everywhere.
    closes = (rng.random(n) < 0.025) & (created < calendar.day(calendar.days - 5))
    closed = np.where(
        closes, np.maximum(calendar.start, created) + (rng.random(n) * calendar.days * DAY).astype(np.int64), NEVER
    )
    closed[closed >= calendar.end] = NEVER
    reasons = pa.array(["requested by owner", "unpaid", "terms", "inactive"]).take(
        pa.array(choose(rng, [5, 3, 1, 1], n))
    )
    pays = rng.random(n) < paid
    plan = np.where(pays, np.where(rng.random(n) < 0.1, "enterprise", "paid"), "free")
    own_domain = rng.random(n) < np.where(at_server, 0.6, 0.12)
    shared = pa.array(_MAIL).take(pa.array(choose(rng, [50, 12, 16, 12, 4, 6], n)))
    own = join(pa.compute.utf8_lower(names.name(rng, n)), pa.compute.utf8_lower(names.name(rng, n)), ".example")
    model = choose(rng, [5, 3, 2], n)
    return Accounts(
        kind=pa.repeat(pa.scalar(kind or stage.kind or stage.name), n),
        account_id=random_ids(rng, n, "acc_"),
        keys=random_ids(rng, n * keys_each, "key_"),
        keys_each=keys_each,
        created=created,
        closed=closed,
        closed_reason=only(closed != NEVER, reasons),
        org_id=nulls(n),
        payment_id=only(pays, random_ids(rng, n, "pay_")),
        email_domain=pa.compute.if_else(pa.array(own_domain), own, shared),
        plan=pa.array(plan),
        verified=(plan == "enterprise") & (rng.random(n) < 0.8),
        country=country,
        zone=places.ZONE[country] + rng.normal(0, 1.0, n),
        language=np.where(rng.random(n) < 0.12, 0, places.LANGUAGE[country]),
        topic=rng.integers(0, 24, n),
        addresses=addresses,
        client=client,
        version=clients.versions(rng, n),
        build=choose(rng, [30, 20, 12, 10, 8, 6, 5, 4, 3, 2], n),
        updates=updated(
            rng, calendar.updates, client, calendar.start + (rng.random(n) * calendar.days * 1.6 * DAY).astype(np.int64)
        ),
        platform=choose(rng, [70, 12, 10, 8], n),
        model=model,
        adopts=adoption(rng, calendar, n),
        network=nulls(n),
        campaign=nulls(n),
        role=nulls(n),
    )


def opened(rng: np.random.Generator, calendar: Calendar, n: int, recent: float = 0.15) -> Ints:
    """When accounts were opened: over two years, a share of them within the world's days, at hours of all kinds."""
    ago = rng.exponential(240, n)
    within = rng.random(n) < recent
    moment = np.where(within, calendar.start + rng.random(n) * calendar.days * 0.8 * DAY, calendar.start - ago * DAY)
    return moment.astype(np.int64)


def adoption(rng: np.random.Generator, calendar: Calendar, n: int) -> Ints:
    """When accounts take the new model: half within the world, most of these in days, a few at once; others never."""
    delay = np.where(rng.random(n) < 0.15, rng.exponential(0.4, n), rng.exponential(4.5, n))
    return np.where(rng.random(n) < 0.62, calendar.release + (delay * DAY).astype(np.int64), NEVER)


def shared_ids(rng: np.random.Generator, group: Ints, prefix: str) -> pa.StringArray:
    """One id for all accounts of a group. group: numbers from 0."""
    return random_ids(rng, int(group.max()) + 1 if len(group) else 0, prefix).take(pa.array(group))
