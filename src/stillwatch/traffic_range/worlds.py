"""Worlds: lists of populations with their sizes, and the calendar that they share. Adding one is a few lines here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from stillwatch.errors import UsageError
from stillwatch.traffic_range.population import Campaign, populations
from stillwatch.traffic_range.stage import DAY, HOUR, Calendar

_MONDAY = int(datetime(2026, 2, 2, tzinfo=UTC).timestamp()) * 1_000_000


@dataclass(frozen=True, slots=True)
class Cast:
    """A population in a world.

    accounts: how many at scale 1, and never fewer than `least`.  options: what it lets a world set, its volume first of
    all.  dials: evasions, from 0 to 1 (`evasions.DIALS`).  name: of a campaign or crowd, where a world has several of
    one kind.  operator, targets: of a campaign, where they are not the population's.  on: the name of the entry above
    on whose accounts it runs, if it opens none.
    """

    population: str
    accounts: int
    options: dict[str, float] = field(default_factory=dict)
    dials: dict[str, float] = field(default_factory=dict)
    name: str = ""
    operator: str = ""
    targets: tuple[str, ...] = ()
    on: str = ""
    least: int = 1

    @property
    def called(self) -> str:
        """What its world calls it."""
        return self.name or self.population

    @property
    def campaign(self) -> Campaign | None:
        """What the truth says of it as a campaign; none for honest populations."""
        found = populations()[self.population].campaign
        if found is None:
            return None
        return Campaign(self.operator or found.operator, self.targets or found.targets)


@dataclass(frozen=True, slots=True)
class World:
    """A labelled world. cast: its populations, each with its own dice, so that one more changes none of the others."""

    name: str
    title: str
    calendar: Calendar
    cast: tuple[Cast, ...]

    def entry(self, name: str) -> Cast:
        """The entry of a name. Raises: UsageError where there is none."""
        for cast in self.cast:
            if cast.called == name:
                return cast
        raise UsageError(f"world {self.name!r} has nothing called {name!r}")

    def evading(self, dials: dict[str, float]) -> World:
        """This world with its campaigns' dials set: those that are named, on every campaign."""
        cast = [one if one.campaign is None else replace(one, dials=one.dials | dials) for one in self.cast]
        return replace(self, cast=tuple(cast)) if dials else self


_THREE_WEEKS = Calendar(
    start=_MONDAY,
    days=21,
    release=_MONDAY + 11 * DAY + 17 * HOUR,
    outages=((_MONDAY + 8 * DAY + 14 * HOUR, _MONDAY + 8 * DAY + 16 * HOUR),),
)

HONEST = (
    Cast("chatters", 2300),
    Cast("app_developers", 620),
    Cast("tool_users", 760),
    Cast("organisations", 330),
    Cast("nightly_batches", 70),
    Cast("classifiers", 26),
    Cast("agent_fleets", 70),
    Cast("evaluators", 44),
    Cast("class_of_students", 95),
    Cast("hackathon", 70),
    Cast("agency", 24),
    Cast("declared_reseller", 48),
    Cast("undeclared_reseller", 84),
    Cast("vpn_crowd", 240),
    Cast("carrier_crowd", 260),
    Cast("failover_pairs", 80),
    Cast("trial_abusers", 150),
    Cast("data_makers", 8),
)
"""Honest traffic, lookalikes included."""

WORLDS = {
    world.name: world
    for world in (
        World(
            "demo",
            "three weeks of honest traffic with three campaigns of different kinds in it",
            _THREE_WEEKS,
            (
                *HONEST,
                Cast("reasoning_campaign", 60),
                Cast("agentic_campaign", 350),
                Cast("hydra_campaign", 600),
            ),
        ),
        World("quiet", "the same honest traffic, and no campaign", _THREE_WEEKS, HONEST),
    )
}
"""Worlds by name."""


def world_named(name: str) -> World:
    """A world. Raises: UsageError where there is none of that name."""
    if name not in WORLDS:
        raise UsageError(f"no world is called {name!r}", hint=f"worlds: {', '.join(WORLDS)}")
    return WORLDS[name]
