"""A class behind one campus address, with the same assignment in the same week."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import open_accounts
from stillwatch.traffic_range.addresses import mixed
from stillwatch.traffic_range.conversations import together
from stillwatch.traffic_range.exchanges import Asked, exchanges
from stillwatch.traffic_range.ids import nulls
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import DAY, Stage


@population("class_of_students")
def class_of_students(stage: Stage) -> Iterator[Part]:
    """Students who paste the same assignment's questions in the same week, from the campus and from home."""
    task = stage.rng("assignment")
    questions = stage.texts.problem(task, np.full(14, 9))
    for _, n, rng in stage.parts(per_day=1.2):
        country = np.full(n, 1)
        campus = stage.addresses.campus(rng, 1, country)
        where = mixed([campus, stage.addresses.homes(rng, country)], (rng.random(n) < 0.2).astype(int))
        joined = (stage.calendar.day(5) + rng.exponential(1.5, n) * DAY).astype(np.int64)
        people = open_accounts(stage, rng, n, country=country, addresses=where, created=joined, paid=0.1)
        people = people.but(
            email_domain=pa.repeat(pa.scalar("students.northmoor.example"), n),
            payment_id=nulls(n),
            network=pa.repeat(pa.scalar("northmoor_class"), n),
        )
        who, start = rhythm.sessions(
            rng,
            stage.calendar,
            people,
            2.0,
            hours="evening",
            spread=0.6,
            first=np.full(n, stage.calendar.day(7)),
            last=np.full(n, stage.calendar.day(14)),
        )
        session, turn, at = rhythm.turns(rng, start, rng.geometric(0.5, len(who)), gap=90)
        first, next_ = np.flatnonzero(turn == 0), np.flatnonzero(turn > 0)
        about = np.full(len(session), 9)
        # The question as it stands, with a few words of the student's own.
        question = pa.compute.binary_join_element_wise(
            questions.take(pa.array(rng.integers(0, 14, len(first)))),
            stage.texts.follow(rng, None, about[first]),
            " ",
        )
        asked = Asked(
            who=who[session],
            at=at,
            prompt=together(len(session), (first, question), (next_, stage.texts.follow(rng, None, about[next_]))),
            out=np.exp(rng.normal(5.8, 0.6, len(session))),
            answer=stage.texts.answer(rng, None, about),
            session=session,
            turn=turn,
        )
        yield people, [exchanges(stage, rng, people, asked)]
