"""A proxy network: accounts behind which unrelated customers stand; campaigns may run on it."""

from __future__ import annotations

from collections.abc import Iterator

from stillwatch.traffic_range.accounts import Accounts
from stillwatch.traffic_range.evasions import disguised
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.proxies import HYDRA, customers
from stillwatch.traffic_range.rings import open_ring, parts
from stillwatch.traffic_range.stage import Stage


@population("proxy_network")
def proxy_network(stage: Stage) -> Iterator[Part]:
    """A seller of cheap access: honest customers' traffic over shared cards and rented exits, bans and replacements."""
    accounts = network_of(stage)
    per_day = stage.option("per_day", 4.0)
    for first, part in parts(stage, accounts, per_day * stage.calendar.days):
        yield part, customers(stage, first, part, per_day)


def network_of(stage: Stage) -> Accounts:
    """The network's accounts: the same whenever they are asked for, by itself or by a campaign that runs on it."""
    return disguised(stage, open_ring(stage, HYDRA, network="proxy", drives=False))
