"""What evasion costs a scan, and what size does: recall against a dial, over seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from stillwatch.errors import UsageError
from stillwatch.evaluate.intervals import mean_interval, share_interval
from stillwatch.evaluate.playing import Played, play
from stillwatch.traffic_range.evasions import DIALS
from stillwatch.traffic_range.worlds import World

SIZE = "size"
"""The dial that is none: a factor on the campaigns' accounts, honest traffic as it is."""


class PowerPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One campaign, or `all` of a world's, at one value of a dial, over seeds.

    found: runs in which it was found, of `runs`, with low and high.  recall: of its exchanges that are in campaign
    findings, the mean, with its interval.  possible: the oracle's mean recall, null where it could learn nothing.
    """

    world: str
    campaign: str
    dial: str
    value: float
    runs: int
    found: int
    found_low: float
    found_high: float
    recall: float
    recall_low: float
    recall_high: float
    possible: float | None


def power_curve(
    world: World,
    dial: str,
    values: Sequence[float],
    seeds: Sequence[int],
    *,
    scale: float = 1.0,
    oracle: bool = True,
    workers: int = 1,
    say: Callable[[str], None] = lambda text: None,
) -> list[PowerPoint]:
    """Recall of each campaign, and of all together, at each value of a dial. workers: as of `write_world`.

    Raises: UsageError for a dial that is none, and for a world without a campaign.
    """
    if dial != SIZE and dial not in DIALS:
        raise UsageError(f"no dial is called {dial!r}", hint=f"dials: {', '.join((SIZE, *DIALS))}")
    if not any(cast.campaign for cast in world.cast):
        raise UsageError(f"world {world.name!r} has no campaign whose recall could be measured", hint="take demo")
    out = []
    for value in sorted(set(values)):
        say(f"{dial} at {value:g}")
        made = turned(world, dial, value)
        runs = list(play([made], seeds, scale=scale, oracle=oracle, workers=workers, say=say))
        names = [one.campaign for one in runs[0].scores.campaigns]
        out += [_point(world.name, name, dial, value, runs, [name]) for name in names]
        if len(names) > 1:
            out.append(_point(world.name, "all", dial, value, runs, names))
    return sorted(out, key=lambda one: (one.campaign != "all", one.campaign, one.value))


def turned(world: World, dial: str, value: float) -> World:
    """A world with a dial of all its campaigns at a value. Raises: UsageError for a value that cannot be."""
    if dial != SIZE:
        if not 0 <= value <= 1:
            raise UsageError(f"{dial} goes from 0 to 1, not to {value:g}")
        return world.evading({dial: value})
    if value <= 0:
        raise UsageError("size must be above 0", hint="1 is the world's own size, 0.5 half of its campaigns' accounts")
    hosts = {cast.on for cast in world.cast}
    cast = [
        replace(one, accounts=max(round(one.accounts * value), 1), least=1)
        if one.campaign or one.called in hosts
        else one
        for one in world.cast
    ]
    return replace(world, cast=tuple(cast))


def _point(
    world: str, called: str, dial: str, value: float, runs: Sequence[Played], names: Sequence[str]
) -> PowerPoint:
    mine = [[one for one in run.scores.campaigns if one.campaign in names] for run in runs]
    n, found = sum(map(len, mine)), sum(one.finding_id is not None for run in mine for one in run)
    recalls = [
        sum(one.recall_anywhere * one.exchanges for one in run) / max(sum(one.exchanges for one in run), 1)
        for run in mine
    ]
    recall, low, high = mean_interval(recalls)
    known = [
        one.exchange_recall
        for run in runs
        for one in run.possible
        if one.campaign in names and one.exchange_recall is not None
    ]
    found_low, found_high = share_interval(found, n)
    return PowerPoint(
        world=world,
        campaign=called,
        dial=dial,
        value=value,
        runs=n,
        found=found,
        found_low=found_low,
        found_high=found_high,
        recall=recall,
        recall_low=low,
        recall_high=high,
        possible=sum(known) / len(known) if known else None,
    )
