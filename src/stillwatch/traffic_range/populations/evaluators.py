"""Several groups that run the same public benchmarks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import open_accounts, shared_ids
from stillwatch.traffic_range.conversations import pour
from stillwatch.traffic_range.grammar import join
from stillwatch.traffic_range.ids import groups, only
from stillwatch.traffic_range.population import Part, population
from stillwatch.traffic_range.stage import DAY, HOUR, SECOND, Stage
from stillwatch.traffic_range.texts.moulds import TASKS

ITEMS = 600
"""Items of each public benchmark."""

KINDS = ("reason", "grade", "data")


@population("evaluators")
def evaluators(stage: Stage) -> Iterator[Part]:
    """Unrelated laboratories that run the same public benchmarks in the same public moulds; their items overlap."""
    public = stage.rng("public")
    moulds = stage.texts.public_moulds(public, np.array([TASKS.index(kind) for kind in KINDS]), np.array([9, 8, 5]))
    items = pa.concat_arrays([stage.texts.benchmark(public, TASKS.index(kind), ITEMS) for kind in KINDS])
    for _, n, rng in stage.parts(per_day=10.0):
        lab = groups(rng, n, 7)
        people = open_accounts(stage, rng, n, server=1.0, paid=0.95)
        # Half of the laboratories declare themselves; the others are a few people with accounts of their own.
        declared = (rng.random(int(lab.max()) + 1) < 0.5)[lab]
        people = people.but(org_id=only(declared, shared_ids(rng, lab, "org_")))
        runs = rng.integers(1, 4, n)
        who = np.repeat(np.arange(n), runs)
        begin, end = people.until(stage.calendar)
        day = rng.integers(0, stage.calendar.days, len(who))
        # Every new model is run through the benchmarks in the days after its release.
        fresh = rng.random(len(who)) < 0.35
        start = np.where(
            fresh,
            stage.calendar.release + (rng.exponential(1.2, len(who)) * DAY).astype(np.int64),
            stage.calendar.start + day * DAY + (rng.uniform(7, 22, len(who)) * HOUR).astype(np.int64),
        )
        alive = (start >= begin[who]) & (start < end[who])
        who, start = who[alive], start[alive]
        count = rng.integers(40, 160, len(who))
        run, at = rhythm.burst(rng, start, count, 4.0)
        kind = rng.integers(0, len(KINDS), len(who))
        nth = np.arange(len(run)) - np.repeat(np.cumsum(count) - count, count)
        item = kind[run] * ITEMS + (nth + rng.integers(0, ITEMS, len(who))[run]) % ITEMS
        # Half of the reasoning runs have their answers graded afterwards, by the public rubric: the laboratory's own
        # answers to everybody's questions.
        judged = np.flatnonzero((kind == 0) & (rng.random(len(who)) < 0.5))
        later = start[judged] + ((count[judged] * 5 + 600) * SECOND).astype(np.int64)
        alive = later < end[who[judged]]
        judged, later = judged[alive], later[alive]
        call, when = rhythm.burst(rng, later, count[judged], 2.0)
        asked = (np.arange(len(call)) - np.repeat(np.cumsum(count[judged]) - count[judged], count[judged])) % ITEMS
        answers = stage.texts.answer(rng, None, rng.integers(0, 24, len(call)))
        graded = join(items.take(pa.array(asked)), "\n\nResponse: ", answers)
        grader = np.full(len(call), KINDS.index("grade"))
        yield (
            people,
            [
                pour(stage, rng, people, who[run], at, moulds, kind[run], slot=items.take(pa.array(item))),
                pour(stage, rng, people, who[judged][call], when, moulds, grader, slot=graded),
            ],
        )
