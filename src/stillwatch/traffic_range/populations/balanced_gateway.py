"""A house's gateway that balances its load over declared keys and accounts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import clients, rhythm
from stillwatch.traffic_range.accounts import Accounts, open_accounts, shared_ids
from stillwatch.traffic_range.conversations import pour, talk, work
from stillwatch.traffic_range.grammar import Ints
from stillwatch.traffic_range.ids import groups
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import Stage
from stillwatch.traffic_range.texts.moulds import TASKS

APPLICATIONS = 5
"""Applications of each house behind its gateway."""


@population("balanced_gateway")
def balanced_gateway(stage: Stage) -> Iterator[Part]:
    """Houses whose gateway deals every request to the next of their declared accounts: an even load, one bill."""
    for first, n, rng in stage.parts():
        house = groups(rng, n, 16)
        n_houses = int(house.max()) + 1
        people = open_accounts(
            stage,
            rng,
            n,
            addresses=stage.addresses.rented(rng, house, 3),
            client=np.array([clients.GATEHOUSE, clients.HTTPX, clients.GO])[rng.integers(0, 3, n_houses)][house],
            paid=1.0,
            keys_each=4,
        )
        people = people.but(
            org_id=shared_ids(rng, house, "org_"),
            payment_id=shared_ids(rng, house, "pay_"),
            plan=pa.repeat(pa.scalar("enterprise"), n),
            verified=(rng.random(n_houses) < 0.7)[house],
            build=rng.integers(0, 10, n_houses)[house],
            network=pa.array([f"gateway_{number}" for number in (first + house).tolist()]),
        )
        tasks = rng.integers(0, len(TASKS), APPLICATIONS * n_houses)
        moulds = stage.texts.own_moulds(rng, tasks, rng.integers(0, 24, len(tasks)))
        app, at = _dealt(stage, rng, people, house, 4.0)
        which = APPLICATIONS * house[app] + (rng.random(len(app)) ** 2 * APPLICATIONS).astype(np.int64)
        chat, since = _dealt(stage, rng, people, house, 0.5)
        run, start = _dealt(stage, rng, people, house, 0.2)
        # Each turn goes to whichever account is next, so that one conversation is spread over several.
        fellows = _fellows(rng, house)
        own = stage.texts.own_moulds(rng, np.full(n_houses, TASKS.index("agent")), rng.integers(0, 24, n_houses))
        kits = pa.array(clients.tool_sets(rng, n_houses, 3, 9), pa.list_(pa.string()))
        told, kit = (one.take(pa.array(house[run])) for one in (own.system, kits))
        yield (
            people,
            [
                pour(stage, rng, people, app, at, moulds, which),
                talk(
                    stage, rng, people, chat, since, language=np.zeros(len(chat), np.int64), fellows=fellows, over=0.9
                ),
                work(stage, rng, people, run, start, told, kit, steps=8, fellows=fellows, over=0.9),
            ],
        )


def _dealt(stage: Stage, rng: np.random.Generator, people: Accounts, house: Ints, per_day: float) -> tuple[Ints, Ints]:
    """(account, time) of a house's requests, dealt out in turn. per_day: of an account."""
    n_houses = int(house.max()) + 1
    who, at = rhythm.sessions(rng, stage.calendar, people, per_day, hours="served", weekend=0.7, spread=0.0)
    order = np.lexsort((at, house[who]))
    at, of = at[order], house[who][order]
    members = np.argsort(house, kind="stable")
    size = np.bincount(house, minlength=n_houses)
    nth = np.arange(len(at)) - np.searchsorted(of, of)
    next_ = members[(np.cumsum(size) - size)[of] + nth % size[of]]
    # An account that is not open yet, or closed, is passed over.
    begin, end = people.until(stage.calendar)
    open_ = (at >= begin[next_]) & (at < end[next_])
    return next_[open_], at[open_]


def _fellows(rng: np.random.Generator, house: Ints) -> Ints:
    """For each account the next one of its house."""
    order = np.argsort(house, kind="stable")
    size = np.bincount(house)
    first = (np.cumsum(size) - size)[house[order]]
    nth = np.arange(len(house)) - first
    out = np.empty(len(house), np.int64)
    out[order] = order[first + (nth + 1) % size[house[order]]]
    return out
