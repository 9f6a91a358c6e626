"""Proxy networks: thousands of accounts behind which unrelated customers stand, and now and then a campaign."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import Accounts
from stillwatch.traffic_range.conversations import pour, talk
from stillwatch.traffic_range.customers import N_APPLICATIONS, whose
from stillwatch.traffic_range.relays import SPOKEN
from stillwatch.traffic_range.rings import Ring
from stillwatch.traffic_range.stage import Stage
from stillwatch.traffic_range.texts.moulds import TASKS

HYDRA = Ring(
    card=4, exits_for=12, exits=5, rented=0.6, vpn=0.1, batches=12, opened=(-25, -1), aged=0.3, own_program=0.5,
    server=0.6, replaced=2, banned=0.22, moves=0.6,
)  # fmt: skip
"""Half of the accounts send with the proxy's own program; one in nine is banned, and replaced within the hour."""


def customers(stage: Stage, first: int, accounts: Accounts, per_day: float) -> Iterator[pa.Table]:
    """Blocks of unrelated customers' traffic: their conversations, and their applications' requests.

    per_day: of an account; a third of it are applications'.
    """
    rng = stage.rng("customers", first)
    who, start = rhythm.sessions(
        rng, stage.calendar, accounts, per_day * 0.28, hours="served", weekend=0.9, spread=0.3, bursty=0.3
    )
    language = rng.choice(10, len(who), p=SPOKEN)
    yield talk(stage, rng, accounts, who, start, language=language, label="cover")
    app, at = rhythm.sessions(
        rng, stage.calendar, accounts, per_day * 0.33, hours="served", weekend=0.7, spread=0.3, bursty=0.3
    )
    theirs = stage.rng("customers", "applications")
    tasks, topics = theirs.integers(0, len(TASKS), N_APPLICATIONS), theirs.integers(0, 24, N_APPLICATIONS)
    which = whose(stage, rng, at)
    yield pour(
        stage,
        rng,
        accounts,
        app,
        at,
        stage.texts.own_moulds(theirs, tasks, topics),
        which,
        topic=rng.integers(0, 24, len(app)),
        label="cover",
        owners=theirs,
    )
