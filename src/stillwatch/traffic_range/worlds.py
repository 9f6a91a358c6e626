"""Worlds: lists of populations with their sizes, and the calendar that they share. Adding one is a few lines here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from stillwatch.errors import UsageError
from stillwatch.traffic_range.causes import ordinary
from stillwatch.traffic_range.evasions import DIALS
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
        """This world with some dials set on every campaign, and on the networks on which campaigns run."""
        networks = {one.on for one in self.cast}
        cast = [
            replace(one, dials=one.dials | dials) if one.campaign or one.called in networks else one
            for one in self.cast
        ]
        return replace(self, cast=tuple(cast)) if dials else self


def _calendar(days: int, release: float) -> Calendar:
    """Days from a Monday on: a release, an outage of two hours three days before it, and causes as they come always."""
    outage = _MONDAY + int(release - 3) * DAY + 14 * HOUR
    outages = ((outage, outage + 2 * HOUR),)
    return Calendar(_MONDAY, days, _MONDAY + int(release * DAY), outages, *ordinary(_MONDAY, days))


_THREE_WEEKS = _calendar(21, 11 + 17 / 24)
_FOUR_WEEKS = _calendar(28, 15 + 16 / 24)
_SIX_WEEKS = _calendar(42, 23 + 17 / 24)
_FOURTEEN_WEEKS = _calendar(98, 50 + 17 / 24)

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
    Cast("key_owners", 130),
    Cast("red_teamers", 30),
    Cast("balanced_gateway", 48),
    Cast("shared_sessions", 45),
    Cast("tutorial_readers", 90),
    Cast("framework_users", 190),
)
"""Honest traffic, lookalikes included."""


def times(cast: tuple[Cast, ...], factor: float, least: float = 0.0) -> tuple[Cast, ...]:
    """A list with a factor on every number of accounts, and at least a share of the old number at any scale."""
    return tuple(
        replace(one, accounts=round(one.accounts * factor), least=max(one.least, round(one.accounts * least)))
        for one in cast
    )


PEOPLE = ("chatters", "app_developers", "agent_fleets")
"""Populations that look like nothing but themselves."""

DEMO = (
    Cast("reasoning_campaign", 60),
    Cast("agentic_campaign", 350),
    Cast("hydra_campaign", 600),
)
"""Three campaigns of different kinds."""

FEBRUARY = (
    Cast(
        "reasoning_campaign", 1000, {"per_shift": 1.64}, name="lab_a", operator="lab_a", least=40,
        targets=("reasoning", "grading", "rewriting"),
    ),
    Cast(
        "agentic_campaign", 3000, {"per_day": 3.15}, name="lab_b", operator="lab_b", least=150,
        targets=("agentic_coding", "tool_use", "vision"),
    ),
    Cast(
        "hydra_campaign", 20_000, {"per_day": 17.3, "driving": 1.0, "cover_per_day": 18.3}, name="lab_c",
        operator="lab_c", least=300, targets=("reasoning", "grading"),
    ),
)  # fmt: skip
"""Three labs: about 150 thousand, 3.4 million and 13 million exchanges; the last one's network is half cover."""

SEPTEMBER = (
    Cast("relay_campaign", 5380, {"per_day": 6.0, "tail": 1.0}, name="relay_with_tail", operator="lab_d", least=120),
    Cast("relay_campaign", 1600, {"per_day": 13.0, "tail": 0.0}, name="relay_plain", operator="lab_e", least=100),
    Cast("replay_campaign", 600, {"per_day": 26.0}, name="replay", operator="lab_f", least=60),
    Cast("probing_campaign", 800, {"per_day": 13.0}, name="probing", operator="lab_g", least=80),
    Cast(
        "long_horizon_campaign", 60, {"per_day": 860.0}, name="long_horizon", operator="lab_h", least=6,
    ),
    Cast(
        "harvest_campaign", 700, {"per_day": 26.0, "weaker_at": 19.0}, name="to_a_weaker_model", operator="lab_i",
        targets=("reasoning", "data_analysis"), least=70,
    ),
    Cast("proxy_network", 3000, {"per_day": 5.0}, name="two_tenants", least=240),
    Cast(
        "guest_campaign", 1200, {"per_day": 8.0, "relay": 0.5}, name="first_tenant", operator="lab_j", on="two_tenants",
        targets=("reasoning",), least=80,
    ),
    Cast(
        "guest_campaign", 900, {"per_day": 8.0}, name="second_tenant", operator="lab_k", on="two_tenants",
        targets=("grading", "rewriting"), least=60,
    ),
)  # fmt: skip
"""What was reported later in 2026: ordinary volumes, relays, replay, probing, a move, two operators on one network."""

KINDS = (
    Cast("rotation_campaign", 240, {"per_day": 13.0}, least=120),
    Cast("stolen_keys_campaign", 60, {"per_day": 13.0}, least=30),
    Cast("framing_campaign", 60, {"per_day": 10.0}, least=30),
    Cast("one_organisation_campaign", 120, {"per_day": 13.0}, least=40),
    Cast("harvest_campaign", 120, {"per_day": 13.0}, least=40),
)
"""Kinds that none of the reports names by itself: rotation, stolen keys, framing, an organisation of its own."""

_PLUMBING = {"unique_payments": 1.0, "residential": 1.0, "spoofed_clients": 1.0, "account_age": 1.0}
_TIMES = {"jitter": 1.0, "human_hours": 1.0, "human_gaps": 1.0, "uneven_load": 1.0}


def _evading(name: str, dials: dict[str, float]) -> Cast:
    targets = ("reasoning", "grading")
    return Cast("harvest_campaign", 160, {"per_day": 10.0}, dials, f"evading_{name}", f"op_{name}", targets, least=60)


EVADING = (
    _evading("nothing", {}),
    _evading("by_cover", {"cover": 0.7}),
    _evading("by_wording_half", {"paraphrase_account": 0.5, "paraphrase_request": 0.3}),
    _evading("by_wording", {"paraphrase_account": 1.0, "paraphrase_request": 0.8}),
    _evading("by_plumbing", _PLUMBING),
    _evading("by_times", _TIMES),
    _evading("by_items", {"overlapping_items": 1.0}),
    _evading("by_languages", {"languages": 0.6}),
    _evading("by_organisations", {"split_orgs": 1.0}),
    _evading("by_half_of_all", dict.fromkeys(DIALS, 0.5)),
    _evading("by_all", {dial: 1.0 for dial in DIALS if dial != "cover"} | {"cover": 0.5}),
)
"""One campaign many times, each time behind other evasions."""

WORLDS = {
    world.name: world
    for world in (
        World(
            "demo",
            "three weeks of honest traffic with three campaigns of different kinds in it",
            _THREE_WEEKS,
            (*HONEST, *DEMO),
        ),
        World("quiet", "three weeks of honest traffic, and no campaign", _THREE_WEEKS, times(HONEST, 2)),
        World(
            "lookalikes",
            "three weeks of honest accounts that look like something else, and no campaign",
            _THREE_WEEKS,
            times(tuple(cast for cast in HONEST if cast.population not in PEOPLE), 6),
        ),
        World(
            "february",
            "three labs' 16 million exchanges over 24,000 accounts, inside three times as much other traffic",
            _SIX_WEEKS,
            (*times(HONEST, 90), *FEBRUARY),
        ),
        World(
            "september",
            "campaigns as they were reported later: relays, replay, probing, a move, two operators on one network",
            _FOUR_WEEKS,
            (*times(HONEST, 12), *SEPTEMBER),
        ),
        World("kinds", "the kinds of campaigns that hide in somebody else's traffic", _THREE_WEEKS, (*HONEST, *KINDS)),
        World(
            "evasions",
            "one campaign many times, each time behind other evasions",
            _THREE_WEEKS,
            (*times(HONEST, 4), *EVADING),
        ),
        World(
            "slow",
            "fourteen weeks with a campaign that sends less than people do",
            _FOURTEEN_WEEKS,
            (*HONEST, Cast("slow_campaign", 150, {"per_day": 2.0}, least=60)),
        ),
    )
}
"""Worlds by name."""


def world_named(name: str) -> World:
    """A world. Raises: UsageError where there is none of that name."""
    if name not in WORLDS:
        raise UsageError(f"no world is called {name!r}", hint=f"worlds: {', '.join(WORLDS)}")
    return WORLDS[name]
