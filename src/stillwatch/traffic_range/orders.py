"""What a campaign has its accounts ask for: moulds of its tasks, with its settings, and the requests made by them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.traffic_range.accounts import Accounts
from stillwatch.traffic_range.clients import tool_sets
from stillwatch.traffic_range.conversations import AGENTIC, OUT, settings, together, work
from stillwatch.traffic_range.evasions import overlapped, spoken, worded
from stillwatch.traffic_range.exchanges import Asked, exchanges
from stillwatch.traffic_range.grammar import Ints
from stillwatch.traffic_range.stage import DAY, Stage
from stillwatch.traffic_range.texts.moulds import TASKS, Drafts, all_drafts

POLITICAL = np.array([14, 13, 4])
"""Topics of what is to be rewritten: politics and its neighbours."""


KITS = ((3, 2), (5, 1), (7, 2), (9, 1), (4, 4), (11, 1))
"""Tools of each of a campaign's kits: how many of the base's first and last."""


@dataclass(frozen=True, slots=True)
class Order:
    """A campaign's moulds, `variations` for each of its tasks, and what it sets with them.

    shares: of the tasks among its requests.  greedy: factor on the length of answers.
    """

    drafts: Drafts
    shares: npt.NDArray[np.float64]
    variations: int
    limit: npt.NDArray[np.float64]
    temperature: npt.NDArray[np.float64]
    tools: pa.Array
    greedy: float


TASK_OF = {
    "reasoning": "reason",
    "grading": "grade",
    "rewriting": "rewrite",
    "agentic_coding": "agent",
    "tool_use": "agent",
    "computer_use": "agent",
    "vision": "vision",
    "data_analysis": "data",
}
"""Targets of campaigns, and the task whose moulds serve each."""


def tasks(stage: Stage) -> dict[str, float]:
    """The tasks that serve what a campaign is after, and their shares of its requests: the first has the most."""
    out: dict[str, float] = {}
    for place, target in enumerate(stage.targets):
        out[TASK_OF[target]] = out.get(TASK_OF[target], 0.0) + 1 / (place + 2)
    return out


def order(
    stage: Stage,
    tasks: dict[str, float],
    *,
    variations: int = 8,
    in_system: tuple[str, ...] = (),
    halves: tuple[str, ...] = (),
    greedy: float = 1.5,
) -> Order:
    """An order for tasks and their shares of the requests.

    in_system: tasks whose moulds stand in the system prompt.  halves: tasks that have two moulds, one of them there.
    """
    rng = stage.rng("order", *tasks)
    families = []
    for task in tasks:
        if task in halves:
            families += [stage.texts.drafts(rng, task, variations // 2, in_system=place) for place in (True, False)]
        else:
            families.append(stage.texts.drafts(rng, task, variations, in_system=task in in_system))
    made = all_drafts(families)
    limit, temperature = settings(rng, made.task, greedy)
    sets = tool_sets(rng, len(made.task), 2, 9)
    offered = [one if task in AGENTIC else None for one, task in zip(sets, made.task.tolist(), strict=True)]
    share = np.array(list(tasks.values()))
    return Order(
        made, share / share.sum(), variations, limit, temperature, pa.array(offered, pa.list_(pa.string())), greedy
    )


def tool_kits(stage: Stage) -> pa.Array:
    """A campaign's kits of tools, which overlap."""
    base = tool_sets(stage.rng("kits"), 1, 14, 14)[0]
    return pa.array([base[:size] + base[-extra:] for size, extra in KITS], pa.list_(pa.string()))


def driven(
    stage: Stage,
    first: int,
    accounts: Accounts,
    who: Ints,
    at: Ints,
    asked_for: Order,
    *,
    redrawn: float = 0.0,
    honest: bool = False,
    refused: npt.NDArray[np.bool_] | None = None,
    reasoning_in: pa.Array | None = None,
) -> pa.Table:
    """A part's requests for an order: fresh items in its moulds, evasions and all.

    first: of these accounts in the campaign, from which follows which variations each of them has.  redrawn: share of
    a mould's sentences that every request words anew, whatever the dials.  honest: an innocent's, by the same order.
    refused, reasoning_in: as in `exchanges.Asked`.
    """
    rng = stage.rng("driven", first, redrawn, honest)
    n = len(who)
    kind = np.searchsorted(np.cumsum(asked_for.shares), rng.random(n), side="right")
    kind = np.minimum(kind, len(asked_for.shares) - 1)
    # An account has a few of the variations, and draws from them.
    variation = ((first + who) * 3 + rng.integers(0, 3, n)) % asked_for.variations
    which = kind * asked_for.variations + variation
    task = asked_for.drafts.task[which]
    topic = np.where(task == TASKS.index("rewrite"), POLITICAL[rng.integers(0, 3, n)], rng.integers(0, 24, n))

    def items(dice: np.random.Generator, kinds: Ints) -> pa.StringArray:
        about = np.where(kinds == TASKS.index("rewrite"), POLITICAL[0], dice.integers(0, 24, len(kinds)))
        return stage.texts.slots(dice, kinds, about)

    slot = overlapped(stage, first, stage.texts.slots(rng, task, topic), task, items)
    wording, row = worded(stage, first, asked_for.drafts, who, which)
    if redrawn:
        wording, row = wording.take(row).worded(rng, redrawn), np.arange(n)
    moulds = wording.moulds()
    prompt, system = moulds.pour(row, slot), moulds.systems(row)
    rows, foreign = spoken(stage, first, who, task, accounts.language[who], topic)
    if len(rows):
        rest = np.setdiff1d(np.arange(n), rows)
        prompt = together(n, (rest, prompt.take(pa.array(rest))), (rows, foreign))
        system = together(n, (rest, system.take(pa.array(rest))), (rows, pa.nulls(len(rows), pa.string())))
    asked = Asked(
        who=who,
        at=at,
        prompt=prompt,
        system=system,
        out=OUT[task] * asked_for.greedy * np.exp(rng.normal(0, 0.5, n)),
        answer=stage.texts.answer(rng, None, topic),
        limit=asked_for.limit[which],
        temperature=asked_for.temperature[which],
        tools=asked_for.tools.take(pa.array(which)),
        model=weaker(stage, at),
        refused=refused,
        reasoning_in=reasoning_in,
        label="honest" if honest else "driven",
        campaign=None if honest else stage.name,
    )
    return exchanges(stage, rng, accounts, asked)


def weaker(stage: Stage, at: Ints) -> Ints | None:
    """Each exchange's model: the smallest for nine in ten once the campaign has left the hardest; None: its own."""
    day = stage.option("weaker_at", -1.0)
    if day < 0:
        return None
    # Over half a day, exchange by exchange.
    share = np.clip((at - stage.calendar.day(day)) / (DAY / 2), 0, 0.9)
    return np.where(stage.rng("weaker", len(at)).random(len(at)) < share, 1, -1)


def chores(
    stage: Stage,
    first: int,
    accounts: Accounts,
    who: Ints,
    start: Ints,
    asked_for: Order,
    kits: pa.Array,
    steps: float,
) -> pa.Table:
    """A part's trajectories of agents for an order: chores in its moulds, worked through with one of its kits of tools.

    who, start: of each trajectory; steps: mean of its length.
    """
    rng = stage.rng("chores", first)
    n = len(who)
    which = (first + who + rng.integers(0, 2, n)) % asked_for.variations
    kit = ((first + who) // 3 + rng.integers(0, 2, n)) % len(kits)

    def items(dice: np.random.Generator, kinds: Ints) -> pa.StringArray:
        return stage.texts.chore(dice, dice.integers(0, 24, len(kinds)))

    chore = overlapped(stage, first, items(rng, which), np.zeros(n, np.int64), items)
    wording, row = worded(stage, first, asked_for.drafts, who, which)
    moulds = wording.moulds()
    prompt, system = moulds.pour(row, chore), moulds.systems(row)
    rows, foreign = spoken(stage, first, who, moulds.task[row], accounts.language[who], rng.integers(0, 24, n))
    if len(rows):
        rest = np.setdiff1d(np.arange(n), rows)
        prompt = together(n, (rest, prompt.take(pa.array(rest))), (rows, foreign))
        system = together(n, (rest, system.take(pa.array(rest))), (rows, pa.nulls(len(rows), pa.string())))
    return work(
        stage,
        rng,
        accounts,
        who,
        start,
        system,
        kits.take(pa.array(kit)),
        steps=steps,
        prompt=prompt,
        label="driven",
        campaign=stage.name,
    )
