"""What populations do, in their common shapes: people talk, programs pour moulds, agents work through tool calls."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import Accounts
from stillwatch.traffic_range.clients import tool_sets
from stillwatch.traffic_range.exchanges import Asked, exchanges
from stillwatch.traffic_range.grammar import Ints
from stillwatch.traffic_range.stage import Stage
from stillwatch.traffic_range.texts.moulds import TASKS, Moulds

OUT = np.array([120, 8, 90, 250, 180, 350, 300, 650, 130, 120, 220, 70, 380], float)
"""Median tokens of an answer, by task; an assumption."""

HUMAN = [TASKS.index(name) for name in ("classify", "reply", "translate", "summarise")]
"""Tasks whose slots are people's own words, in their language."""

AGENTIC = [TASKS.index(name) for name in ("agent", "vision", "data")]


def talk(
    stage: Stage,
    rng: np.random.Generator,
    people: Accounts,
    who: Ints,
    start: Ints,
    *,
    going_on: float = 0.58,
    language: Ints | None = None,
    label: str = "honest",
    end_user: pa.StringArray | None = None,
    fellows: Ints | None = None,
    over: float = 0.0,
) -> pa.Table:
    """Conversations that begin at given times: what people ask and how they go on, in their languages.

    who, start: of each conversation; going_on: chance of one more turn; language: of each conversation.
    fellows, over: whose account each account's conversations go over to, and how likely at every turn; what the model
    gave out on one is handed back on the other.
    """
    session, turn, at = rhythm.turns(rng, start, rng.geometric(1 - going_on, len(who)), gap=70)
    # A person has a favourite topic, and talks of others as often.
    about = np.where(rng.random(len(start)) < 0.5, people.topic[who], rng.integers(0, 24, len(start)))[session]
    spoken = (people.language[who] if language is None else language)[session]
    first, next_ = np.flatnonzero(turn == 0), np.flatnonzero(turn > 0)
    prompt = together(
        len(session),
        (first, stage.texts.ask(rng, spoken[first], about[first])),
        (next_, stage.texts.follow(rng, spoken[next_], about[next_])),
    )
    limit, temperature = tastes(rng, len(people))
    asked = Asked(
        who=handed_over(stage, rng, people, who, session, turn, at, fellows, over),
        at=at,
        prompt=prompt,
        out=np.exp(rng.normal(5.3, 0.8, len(session))),
        answer=stage.texts.answer(rng, spoken, about),
        session=session,
        turn=turn,
        limit=limit[who[session]],
        temperature=temperature[who[session]],
        end_user=None if end_user is None else end_user.take(pa.array(session)),
        label=label,
    )
    return exchanges(stage, rng, people, asked)


def pour(
    stage: Stage,
    rng: np.random.Generator,
    accounts: Accounts,
    who: Ints,
    at: Ints,
    moulds: Moulds,
    which: Ints,
    *,
    slot: pa.StringArray | None = None,
    topic: Ints | None = None,
    greedy: float = 1.0,
    label: str = "honest",
    campaign: str | None = None,
    end_user: pa.StringArray | None = None,
    owners: np.random.Generator | None = None,
) -> pa.Table:
    """Single requests of programs: a slot poured into a mould.

    which: each exchange's mould.  slot: made up to the mould's task where it is not given.  topic: of each exchange;
    the account's own where it is not given.  greedy: factor on the length of answers.  owners: dice for what the
    moulds' owners set, where the same moulds are poured in several blocks.
    """
    task = moulds.task[which]
    about = accounts.topic[who] if topic is None else topic
    if slot is None:
        slot = stage.texts.slots(rng, task, about)
        abroad = np.isin(task, HUMAN) & (accounts.language[who] > 0)
        foreign, own = np.flatnonzero(abroad), np.flatnonzero(~abroad)
        if len(foreign):
            words = stage.texts.message(rng, accounts.language[who][foreign], about[foreign])
            slot = together(len(who), (own, slot.take(pa.array(own))), (foreign, words))
    owners = rng if owners is None else owners
    limit, temperature = settings(owners, moulds.task, greedy)
    sets = tool_sets(owners, len(moulds.task), 2, 9)
    offered = [one if task_ in AGENTIC else None for one, task_ in zip(sets, moulds.task.tolist(), strict=True)]
    asked = Asked(
        who=who,
        at=at,
        prompt=moulds.pour(which, slot),
        system=moulds.systems(which),
        out=OUT[task] * greedy * np.exp(rng.normal(0, 0.5, len(who))),
        answer=stage.texts.answer(rng, None, about),
        limit=limit[which],
        temperature=temperature[which],
        tools=pa.array(offered, pa.list_(pa.string())).take(pa.array(which)),
        end_user=end_user,
        label=label,
        campaign=campaign,
    )
    return exchanges(stage, rng, accounts, asked)


def work(
    stage: Stage,
    rng: np.random.Generator,
    accounts: Accounts,
    who: Ints,
    start: Ints,
    system: pa.StringArray,
    tools: pa.Array,
    *,
    steps: float,
    prompt: pa.StringArray | None = None,
    label: str = "honest",
    campaign: str | None = None,
    fellows: Ints | None = None,
    over: float = 0.0,
) -> pa.Table:
    """Trajectories of agents: a chore, then tool results one after the other, now and then a word of a person.

    who, start, system, tools, prompt: of each trajectory; steps: mean of its length.  fellows, over: as for `talk`.
    """
    count = 1 + rng.negative_binomial(2, 2 / (2 + steps - 1), len(who))
    session, turn, at = rhythm.turns(rng, start, np.minimum(count, 60), gap=9)
    about = accounts.topic[who][session]
    first = np.flatnonzero(turn == 0)
    word = (turn > 0) & (rng.random(len(turn)) < 0.08)
    spoken, results = np.flatnonzero(word), np.flatnonzero((turn > 0) & ~word)
    if prompt is None:
        prompt = stage.texts.chore(rng, about[first])
    limit, temperature = tastes(rng, len(accounts))
    texts = together(
        len(session),
        (first, prompt),
        (spoken, stage.texts.follow(rng, None, about[spoken])),
        (results, stage.texts.tool_result(rng, about[results])),
    )
    asked = Asked(
        who=handed_over(stage, rng, accounts, who, session, turn, at, fellows, over),
        at=at,
        prompt=texts,
        system=system.take(pa.array(session)),
        tools=tools.take(pa.array(session)),
        out=np.exp(rng.normal(5.0, 0.7, len(session))),
        answer=stage.texts.answer(rng, None, about),
        session=session,
        turn=turn,
        from_tool=(turn > 0) & ~word,
        limit=limit[who[session]],
        temperature=temperature[who[session]],
        label=label,
        campaign=campaign,
    )
    return exchanges(stage, rng, accounts, asked)


def handed_over(
    stage: Stage,
    rng: np.random.Generator,
    accounts: Accounts,
    who: Ints,
    session: Ints,
    turn: Ints,
    at: Ints,
    fellows: Ints | None,
    over: float,
) -> Ints:
    """Each exchange's account, where sessions go over to the next of their owner's accounts.

    who: of each session.  fellows: the next account of each; None where sessions stay.  over: chance at every turn.
    Where the next account is not open, the session's first one goes on.
    """
    own = who[session]
    if fellows is None or not over:
        return own
    steps = np.cumsum((turn > 0) & (rng.random(len(turn)) < over))
    steps = steps - steps[np.arange(len(turn)) - turn]
    next_ = own
    for step in range(1, int(steps.max()) + 1 if len(steps) else 0):
        next_ = np.where(steps >= step, fellows[next_], next_)
    begin, end = accounts.until(stage.calendar)
    return np.where((at >= begin[next_]) & (at < end[next_]), next_, own)


def settings(
    rng: np.random.Generator, task: Ints, greedy: float = 1.0
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """max_tokens and temperature of each mould, as its owner set them: NaN where he did not."""
    n = len(task)
    room = 2.0 ** np.ceil(np.log2(OUT[task] * greedy * 4))
    limit = np.where(rng.random(n) < 0.25, np.nan, np.maximum(room * 2.0 ** rng.integers(-1, 3, n), 64))
    temperature = np.array([np.nan, 0.0, 0.2, 0.7, 1.0])[rng.choice(5, n, p=[0.35, 0.25, 0.1, 0.2, 0.1])]
    return limit, temperature


def tastes(rng: np.random.Generator, n: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """max_tokens and temperature of accounts that talk or run agents, as their programs set them: NaN where not."""
    limit = np.array([np.nan, 2048, 4096, 8192, 16384, 32000])[rng.choice(6, n, p=[0.35, 0.1, 0.2, 0.2, 0.1, 0.05])]
    temperature = np.array([np.nan, 0.0, 0.3, 0.7, 1.0])[rng.choice(5, n, p=[0.45, 0.1, 0.1, 0.15, 0.2])]
    return limit, temperature


def together(n: int, *parts: tuple[Ints, pa.StringArray]) -> pa.StringArray:
    """Texts of n rows, put together from parts that say which rows they are."""
    place = np.empty(n, np.int64)
    place[np.concatenate([rows for rows, _ in parts])] = np.arange(n)
    return pa.concat_arrays([texts for _, texts in parts]).take(pa.array(place))
