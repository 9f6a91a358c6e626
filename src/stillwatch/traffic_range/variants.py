"""A world with other proportions: more or fewer of its accounts in campaigns, or other days."""

from __future__ import annotations

from dataclasses import replace

from stillwatch.errors import UsageError
from stillwatch.traffic_range.worlds import World

FEWEST_DAYS, MOST_DAYS = 7, 3650


def with_share(world: World, share: float) -> World:
    """The same honest accounts with so many in campaigns that these are a share of all; none at 0.

    A network on which campaigns run counts with them, as do a campaign's carriers. Every campaign is scaled alike.
    Raises: UsageError where the share is none, or the world has no campaign to scale.
    """
    if not 0 <= share < 1:
        raise UsageError("--share must be at least 0, and below 1")
    hosts = {one.on for one in world.cast if one.on}
    belongs = [bool(one.campaign) or one.called in hosts for one in world.cast]
    campaigns = sum(one.accounts for one, is_in in zip(world.cast, belongs, strict=True) if is_in and not one.on)
    honest = sum(one.accounts for one, is_in in zip(world.cast, belongs, strict=True) if not is_in)
    if not share:
        return replace(world, cast=tuple(one for one, is_in in zip(world.cast, belongs, strict=True) if not is_in))
    if not campaigns or not honest:
        raise UsageError(
            f"world {world.name!r} has no campaigns in honest traffic", hint="--share is for those that do"
        )
    factor = share / (1 - share) * honest / campaigns
    cast = [
        replace(one, accounts=max(1, round(one.accounts * factor)), least=1) if is_in else one
        for one, is_in in zip(world.cast, belongs, strict=True)
    ]
    return replace(world, cast=tuple(cast))


def with_days(world: World, days: int) -> World:
    """The same world for another number of days; releases and outages stay on theirs. Raises: UsageError."""
    if not FEWEST_DAYS <= days <= MOST_DAYS:
        raise UsageError(f"--days must be from {FEWEST_DAYS} to {MOST_DAYS}")
    return replace(world, calendar=replace(world.calendar, days=days))
