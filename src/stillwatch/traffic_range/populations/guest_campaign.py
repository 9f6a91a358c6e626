"""Campaign: on accounts of a proxy network that carries other traffic as well."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stillwatch.errors import UsageError
from stillwatch.traffic_range.evasions import covered
from stillwatch.traffic_range.orders import driven, order, tasks
from stillwatch.traffic_range.population import Campaign, Part, population
from stillwatch.traffic_range.populations.proxy_network import network_of
from stillwatch.traffic_range.relays import relayed, tails
from stillwatch.traffic_range.rings import drivers, parts, requests
from stillwatch.traffic_range.stage import Stage


@population("guest_campaign", campaign=Campaign("operator_p", ("reasoning", "grading")))
def guest_campaign(stage: Stage) -> Iterator[Part]:
    """One operator's work on a share of a proxy network's accounts; the others are its carriers. `relay`: of it."""
    if stage.host is None:
        raise UsageError(f"{stage.name} runs on a network", hint="name it: Cast(..., on=...)")
    network = network_of(stage.host)
    chosen = stage.rng("drives").permutation(np.arange(len(network)) < stage.n)
    accounts = drivers(stage, network, chosen)
    yield accounts.take(np.flatnonzero(~chosen)), []
    tail, asked_for = tails(stage), order(stage, tasks(stage), in_system=("grade",))
    per_day, relay = stage.option("per_day", 8.0), stage.option("relay", 0.0)
    driving = accounts.take(np.flatnonzero(chosen))
    for first, part in parts(stage, driving, per_day * stage.calendar.days):
        who, at = requests(stage, first, part, per_day)
        passed_on = stage.rng("relay", first).random(len(who)) < relay
        blocks = [driven(stage, first, part, who[~passed_on], at[~passed_on], asked_for)]
        if passed_on.any():
            blocks.append(relayed(stage, first, part, who[passed_on], at[passed_on], tail=tail, going_on=0.0))
        yield part, [*blocks, *covered(stage, first, part, len(who))]
