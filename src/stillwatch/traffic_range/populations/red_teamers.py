"""Red-teamers with permission: many variations of one request, in search of what passes, and many refusals."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import Accounts, open_accounts, shared_ids
from stillwatch.traffic_range.conversations import OUT, settings, talk
from stillwatch.traffic_range.exchanges import Asked, exchanges
from stillwatch.traffic_range.grammar import Ints
from stillwatch.traffic_range.ids import groups, only
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import DAY, HOUR, Stage
from stillwatch.traffic_range.texts.moulds import TASKS, all_drafts

REFUSED = 0.35
"""Share of their tests that the model declines, by assumption."""

TRIED = ("rewrite", "reason", "write", "reply")
"""Tasks in whose wordings they try to get through."""

REDRAWN = 0.55
"""Share of a test's sentences that the next variation words anew."""


@population("red_teamers")
def red_teamers(stage: Stage) -> Iterator[Part]:
    """Testers with permission: teams and lone researchers who try variation after variation and are often refused."""
    for first, n, rng in stage.parts():
        team = groups(rng, n, 6)
        n_teams = int(team.max()) + 1
        people = open_accounts(stage, rng, n, server=0.8, paid=1.0)
        # Most are verified teams; the others are researchers by themselves, under an agreement all the same.
        teams = (rng.random(n_teams) < 0.7)[team]
        people = people.but(
            org_id=only(teams, shared_ids(rng, team, "org_")),
            payment_id=pa.compute.if_else(pa.array(teams), shared_ids(rng, team, "pay_"), people.payment_id),
            verified=np.ones(n, bool),
            plan=pa.compute.if_else(pa.array(teams), pa.scalar("enterprise"), pa.scalar("paid")),
            network=only(teams, pa.array([f"red_team_{number}" for number in (first + team).tolist()])),
        )
        # An engagement is a fortnight or so of test series; between them they talk like anybody.
        runs = rng.integers(2, 9, n)
        who = np.repeat(np.arange(n), runs)
        begins = rng.uniform(0, stage.calendar.days * 0.6, n_teams)[team]
        day = begins[who] + rng.uniform(0, 14, len(who))
        start = stage.calendar.start + day.astype(np.int64) * DAY + (rng.uniform(7, 19, len(who)) * HOUR).astype(int)
        begin, end = people.until(stage.calendar)
        alive = (start >= begin[who]) & (start < end[who])
        who, start = who[alive], start[alive]
        run, at = rhythm.burst(rng, start, rng.integers(8, 60, len(who)), 6.0)
        chats, since = rhythm.sessions(rng, stage.calendar, people, 0.3, hours="office", weekend=0.3)
        yield people, [_tests(stage, rng, people, who, run, at), talk(stage, rng, people, chats, since)]


def _tests(stage: Stage, rng: np.random.Generator, people: Accounts, who: Ints, run: Ints, at: Ints) -> pa.Table:
    """Series of tests: each run varies a mould of its own, request by request.

    who: of each run.  run, at: of each test.
    """
    n, n_runs = len(run), len(who)
    kind = rng.integers(0, len(TRIED), n_runs)
    drawn = [stage.texts.drafts(rng, name, n_runs, redrawn=1.0) for name in TRIED]
    row = kind[run] * n_runs + run
    moulds = all_drafts(drawn).take(row).worded(rng, REDRAWN).moulds()
    limit, temperature = settings(rng, np.repeat([TASKS.index(name) for name in TRIED], n_runs))
    task = moulds.task
    topic = rng.integers(0, 24, n_runs)[run]
    slots = stage.texts.slots(rng, task, topic)
    place = np.arange(n)
    asked = Asked(
        who=who[run],
        at=at,
        prompt=moulds.pour(place, slots),
        system=moulds.systems(place),
        out=OUT[task] * np.exp(rng.normal(0, 0.5, n)),
        answer=stage.texts.answer(rng, None, topic),
        limit=limit[row],
        temperature=temperature[row],
        refused=rng.random(n) < REFUSED,
    )
    return exchanges(stage, rng, people, asked)
