"""Readers of a provider's tutorial, who send its example as it stands: its reasoning block is everybody's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import clients, rhythm
from stillwatch.traffic_range.accounts import open_accounts
from stillwatch.traffic_range.conversations import pour, together
from stillwatch.traffic_range.exchanges import Asked, exchanges
from stillwatch.traffic_range.ids import random_ids
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import SECOND, Stage
from stillwatch.traffic_range.texts.moulds import TASKS

EXAMPLES = 3
"""Examples of the tutorial: a question, its answer with a reasoning block, and the next question."""


@population("tutorial_readers")
def tutorial_readers(stage: Stage) -> Iterator[Part]:
    """Strangers who try a tutorial's examples, published reasoning blocks and all, and go on with their own."""
    public = stage.rng("tutorial")
    topic = np.array([5, 9, 7])
    questions, next_questions = stage.texts.problem(public, topic), stage.texts.follow(public, None, topic)
    blocks = pa.array([[one] for one in random_ids(public, EXAMPLES, "", 32).to_pylist()], pa.list_(pa.string()))
    for _, n, rng in stage.parts():
        people = open_accounts(stage, rng, n, server=0.7, paid=0.35)
        python = rng.random(n) < 0.6
        people = people.but(
            model=np.where(rng.random(n) < 0.8, 2, people.model), client=np.where(python, clients.PYTHON, people.client)
        )
        # One reading, some of the examples, most of them as they are printed.
        begin, end = people.until(stage.calendar)
        start = (begin + rng.random(n) * np.maximum(end - begin - 1, 1)).astype(np.int64)
        tried = rng.integers(1, EXAMPLES + 1, n)
        who = np.repeat(np.arange(n), tried)
        example = np.arange(len(who)) - np.repeat(np.cumsum(tried) - tried, tried)
        session = np.repeat(np.arange(len(who)), 2)
        turn = np.tile([0, 1], len(who))
        at = start[who] + (example * 240 + rng.exponential(60, len(who))).astype(np.int64) * SECOND
        at = np.repeat(at, 2) + turn * (5 + rng.exponential(20, len(session))).astype(np.int64) * SECOND
        which = example[session]
        words = np.where(rng.random(len(session)) < 0.75, which, -1)
        as_printed, changed = np.flatnonzero(words >= 0), np.flatnonzero(words < 0)
        both = pa.concat_arrays([questions, next_questions])
        prompt = together(
            len(session),
            (as_printed, both.take(pa.array(which[as_printed] + EXAMPLES * turn[as_printed]))),
            (changed, stage.texts.ask(rng, None, topic[which[changed]])),
        )
        asked = Asked(
            who=who[session],
            at=at,
            prompt=prompt,
            out=np.exp(rng.normal(5.5, 0.5, len(session))),
            answer=stage.texts.answer(rng, None, topic[which]),
            session=session,
            turn=turn,
            # The printed second turn brings the printed block; who changed the question has the model's own.
            reasoning_in=blocks.take(
                pa.array(np.where((turn > 0) & (words >= 0), which, 0), mask=(turn == 0) | (words < 0))
            ),
        )
        moulds = stage.texts.own_moulds(rng, rng.integers(0, len(TASKS), n), people.topic)
        own, since = rhythm.sessions(rng, stage.calendar, people, 0.6, hours="waking", first=start, weekend=0.9)
        yield (
            people,
            [
                exchanges(stage, rng, people, asked),
                pour(stage, rng, people, own, since, moulds, own),
            ],
        )
