"""The fixed parts of prompts: instructions round a slot, for tasks that honest applications and campaigns share.

A mould is drawn sentence by sentence from the same rules for everybody; a family of variations redraws some of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.traffic_range.grammar import Grammar, Ints, by_key, join
from stillwatch.traffic_range.texts.english import RULES

TASKS = (
    "summarise",
    "classify",
    "extract",
    "translate",
    "reply",
    "write",
    "review",
    "reason",
    "grade",
    "rewrite",
    "agent",
    "vision",
    "data",
)
"""What a mould asks for."""

_MOULDS = {
    "m_role": [
        "You are [a|the] [patient|careful|senior|terse|friendly] [assistant|editor|analyst|clerk|reviewer|tutor]"
        " [at|for|of] {name} {name}.",
        "[Act as|Work as|You serve as] {name}'s {quality} {noun} [expert|desk|bot|writer].",
        "[System|Setup|Brief] of {name}: you [handle|look after|own] {det} {noun} and {det} {noun}.",
        "{name} [Assistant|Helper|Agent], [version|build|release] {number}, [speaks for|answers to] {name}.",
    ],
    "m_rule": [
        "[Never|Do not|Avoid to] [mention|reveal|promise|repeat] {det} {thing}[.| unless {person} asks.| {where}.]",
        "[Keep|Stay] [under|within] {number} words and [use|prefer] {quality} [terms|examples].",
        "[If|Where|When] {det} {noun} is {quality}, [say so|stop|ask back|leave it out] {where}.",
        "[Treat|Count|Mark] {det} {thing} as {quality}.",
        "[Names|Prices|Dates|Units] [stay|remain] as [given|written] {why}.",
        "[Tone|Style|Voice]: {quality}, {quality}, never {quality}.",
        "[Policy|Rule|Note] {code_number}: {s}",
    ],
    "m_format": [
        '[Return|Output|Give|Send] [only|just] [JSON|a JSON object|valid JSON] with "{word}", "{word}_{word}" and'
        ' "{act}".',
        "[Answer|Reply|Respond] in [one line|three bullets|two paragraphs|a table], [ending|closing] with"
        " {code_number}.",
        "[Put|Write|Place] the [result|outcome|verdict] [between|inside] <{word}> tags[.| and nothing else.]",
        "[Use|Follow] [this order|these headings]: {noun}, {noun}, {noun}.",
    ],
    "m_summarise": [
        "[Condense|Summarise|Boil down] the [text|note|thread] [below|that follows] [to|into] {number}"
        " [points|words] on {det} {noun}."
    ],
    "m_classify": [
        "[Assign|Pick|Choose] [exactly one|the best] [label|category|queue]: {noun}, {noun}, {noun}, {noun} or"
        " [other|none]."
    ],
    "m_extract": [
        "[Pull out|Extract|Collect] [every|each|all] {noun}, {noun} and [date|price|name] [found|mentioned]"
        " [below|in the text]."
    ],
    "m_translate": [
        "[Translate|Render|Turn] [the passage|this|what follows] [into|to]"
        " [German|Spanish|Japanese|Portuguese|Polish] for {name}'s [readers|customers]."
    ],
    "m_reply": [
        "[Draft|Compose|Prepare] [a reply|an answer|a response] [to|for] the [customer|sender|guest] about {det}"
        " {noun}."
    ],
    "m_write": [
        "[Write|Produce|Create] [a product text|a headline|an advert|a lesson|a story] [about|around] [the item|what"
        " is given] for {name}."
    ],
    "m_review": [
        "[Review|Inspect|Critique] the [code|change|patch] [for|with an eye to] {quality} {noun} [faults|risks|smells]."
    ],
    "m_reason": [
        "[Work|Think|Go] through the [problem|question|task] [step by step|one step at a time|from first"
        " principles], [as {det} {noun} does|like {person}|with {quality} care], [numbering|writing down|showing]"
        " [each|every] [inference|intermediate step|deduction].",
        "[Given|Here is|Below is] a [problem|question] [and its|with the] [final|finished|correct] answer: [write"
        " out|lay out|reconstruct] the [full|complete|detailed] [reasoning|chain of thought|derivation] [behind"
        " it|that leads there][.| as {person} would.]",
        "[Before|Ahead of] [answering|the answer], [spell out|set down|give] [all|your] [reasoning|thinking|working]"
        " [in full|without gaps|line by line], [then|and then] the [result|answer][.| on {det} {noun}.]",
    ],
    "m_grade": [
        "[Score|Grade|Rate] the [response|candidate answer|submission] [from 1 to|on a scale up to] {number}"
        " [against|by means of] the rubric: {noun} ([clarity|accuracy|depth]), {noun}, {noun}.",
        "[Compare|Judge|Weigh] [answer A and answer B|both replies|the two candidates] and [say|state] [which|the"
        " better one] [and why|with a reason|with a margin] by {noun} and {noun}.",
    ],
    "m_rewrite": [
        "[Rewrite|Rephrase|Reword] the [query|question|post] so [that|] it [stays|reads|sounds]"
        " [neutral|harmless|acceptable] [while|but] [keeping|without losing] its [meaning|intent|subject].",
        "[Turn|Convert|Recast] [sensitive|political|contentious] [wording|questions|statements] into"
        " [safe|unobjectionable|approved] [ones|versions|alternatives].",
    ],
    "m_agent": [
        "[Solve|Finish|Carry out] the [task|ticket|issue] [with|using] the tools; [one call|one action] at a time,"
        " [and|then] [check|verify] {det} {noun}.",
        "[Plan|List] the steps, [run|call] [tools|commands], [read|study] [their|the] output, [repeat|go on] until"
        " {det} {noun} [passes|is done].",
    ],
    "m_vision": [
        "[Look at|Study|Read] the [screenshot|image|scan] and [click|locate|name] {det} {noun}, [with|giving]"
        " coordinates."
    ],
    "m_data": [
        "[Load|Query|Join] the [tables|files], [compute|derive] {det} {noun} [by|per] {word}, [and|then]"
        " [explain|justify] [each|every] [step|column|choice]."
    ],
    # what is poured into a mould of each task
    "slot_summarise": ["{passage}", "{passage}\n{passage}"],
    "slot_classify": ["{message}"],
    "slot_extract": ["{message}", "{passage}", "{line}\n{line}\n{line}\n{line}"],
    "slot_translate": ["{passage}", "{s} {s}"],
    "slot_reply": ["{message}"],
    "slot_write": ["{name}: {thing}, {quality}, {amount}", "{thing} {round}", "{noun}, {noun}, {noun} ({code_number})"],
    "slot_review": ["{code}", "{file}\n{code}\n{code}"],
    "slot_reason": ["{problem}", "{problem}\n\n[Answer|Final answer|Solution]: {result}", "{ask_long}"],
    "slot_grade": [
        "[Question|Task]: {problem}\n\n[Answer|Response]: {s} {s} {result}",
        "[Question|Task]: {ask}\n\n[A|Answer A|First]: {s} {s}\n\n[B|Answer B|Second]: {s} {s}",
    ],
    "slot_rewrite": ["{ask}", "{s} {ask}", "{message}"],
    "slot_agent": ["{chore}", "{chore} {s}"],
    "slot_vision": ["{chore}", "[Screen|Image|Page] {code_number}, {number}x{number}: {noun}, {noun}, {name}. {chore}"],
    "slot_data": ["{chore}", "{file}, {file}: {chore}"],
    "m_lead": [
        "[Input|Text|Item|Case|Data|Document|Record]:",
        "--- {word} ---",
        "<{word}>",
        "[Here|This] [it is|is it]:",
        "{name} [asks|writes|sends]:",
    ],
    "m_end": [
        "[End of|Close of] {word}.",
        "</{word}>",
        "[Answer|Result|Output] for {name}:",
        "[Now|Then] {act} it.",
        "Remember: {s}",
        "--- {code_number}",
    ],
}

MOULDS = Grammar({**RULES, **_MOULDS})
"""English with the sentences of moulds."""


@dataclass(frozen=True, slots=True)
class Moulds:
    """Moulds, one a row.

    task: its place in `TASKS`; system: the system prompt; before, after: what stands round the slot in the prompt.
    """

    task: Ints
    system: pa.StringArray
    before: pa.StringArray
    after: pa.StringArray

    def pour(self, which: Ints, slot: pa.StringArray) -> pa.StringArray:
        """Prompts: slots, each in the mould that `which` names."""
        rows = pa.array(which)
        return join(self.before.take(rows), slot, self.after.take(rows))

    def systems(self, which: Ints) -> pa.StringArray:
        """System prompts of the moulds that `which` names; null where a mould has none."""
        return self.system.take(pa.array(which))


def slots(rng: np.random.Generator, task: Ints, topic: Ints) -> pa.StringArray:
    """What is poured into moulds: a text for each row's task, a place in `TASKS`."""

    def of(number: int) -> Callable[[Ints], pa.StringArray]:
        return lambda rows: MOULDS.expand(f"slot_{TASKS[number]}", rng, len(rows), topic[rows])

    return by_key({number: of(number) for number in range(len(TASKS))}, task)


def own_moulds(
    rng: np.random.Generator, tasks: Ints, topic: Ints, draw: Draw | None = None, n_rules: int = 3
) -> Moulds:
    """A mould of its own for each task of a list: in the system prompt, or round the slot, as its owner likes it.

    draw: makes sentences; the grammar's where it is not given.  n_rules: sentences of the kind that limit a model.
    """
    n = len(tasks)
    sentences = _sentences(rng, tasks, topic, n_rules, draw or drawn)
    return _assemble(rng, tasks, sentences, np.flatnonzero(rng.random(n) < 0.5))


def family(rng: np.random.Generator, task: str, n: int, *, redrawn: float = 0.35, in_system: bool = False) -> Moulds:
    """Variations of one mould: each redraws a share of its sentences and keeps the rest word for word."""
    return drafts(rng, task, n, redrawn=redrawn, in_system=in_system).moulds()


MOULD = ("m_role", "m_task", "m_rule", "m_rule", "m_rule", "m_rule", "m_format", "m_lead", "m_end")
"""The sentences of a family's moulds; `m_task` stands for that of the task."""


Draw = Callable[[np.random.Generator, str, Ints, Ints], pa.StringArray]
"""Makes sentences of moulds by dice: of a rule such as m_role, for each row's task and topic."""


def drawn(rng: np.random.Generator, rule: str, tasks: Ints, topic: Ints) -> pa.StringArray:
    """Sentences of moulds by the grammar."""
    return _of_tasks(rng, tasks, topic) if rule == "m_task" else MOULDS.expand(rule, rng, len(tasks), topic)


@dataclass(frozen=True, slots=True)
class Drafts:
    """Moulds in the making, one a row, sentence by sentence, so that they can be worded anew.

    rules: what each column of sentences is drawn from.  apart: whether a mould stands in the system prompt.
    bare: and nothing of it in the prompt.  draw: makes sentences.
    """

    task: Ints
    topic: Ints
    rules: tuple[str, ...]
    sentences: tuple[pa.StringArray, ...]
    apart: npt.NDArray[np.bool_]
    bare: npt.NDArray[np.bool_]
    draw: Draw = drawn

    def moulds(self) -> Moulds:
        """The moulds that are made of these sentences, the last two being those next to the slot."""
        return _put(self.task, list(self.sentences), self.apart, self.bare)

    def text(self) -> pa.StringArray:
        """All sentences of a draft, one behind the other."""
        n = len(self.task)
        return join(*[part for one in self.sentences for part in (one, pa.repeat(pa.scalar(" "), n))][:-1])

    def take(self, which: Ints) -> Drafts:
        """The drafts that `which` names, a row each."""
        rows = pa.array(which)
        return Drafts(
            self.task[which],
            self.topic[which],
            self.rules,
            tuple(one.take(rows) for one in self.sentences),
            self.apart[which],
            self.bare[which],
            self.draw,
        )

    def worded(self, rng: np.random.Generator, share: float) -> Drafts:
        """The same drafts with a share of the sentences of each drawn anew from the rules that they came from."""
        columns = []
        for rule, column in zip(self.rules, self.sentences, strict=True):
            redrawn = rng.random(len(column)) < share
            new, old = np.flatnonzero(redrawn), np.flatnonzero(~redrawn)
            place = np.empty(len(column), np.int64)
            place[np.concatenate([old, new])] = np.arange(len(column))
            anew = self.draw(rng, rule, self.task[new], self.topic[new])
            columns.append(pa.concat_arrays([column.take(pa.array(old)), anew]).take(pa.array(place)))
        return replace(self, sentences=tuple(columns))


def drafts(
    rng: np.random.Generator,
    task: str,
    n: int,
    *,
    redrawn: float = 0.35,
    in_system: bool = False,
    rules: tuple[str, ...] = MOULD,
    draw: Draw = drawn,
) -> Drafts:
    """n variations of one mould: each redraws a share of the first one's sentences and keeps the rest."""
    tasks, topic = np.full(n, TASKS.index(task)), np.full(n, rng.integers(0, 24))
    sentences = []
    for column in [draw(rng, rule, tasks, topic) for rule in rules]:
        kept = np.where(rng.random(n) < redrawn, np.arange(n), 0)
        sentences.append(column.take(pa.array(kept)))
    apart = np.full(n, in_system)
    return Drafts(tasks, topic, rules, tuple(sentences), apart, apart & (rng.random(n) < 0.4), draw)


def all_drafts(parts: Sequence[Drafts]) -> Drafts:
    """Several drafts of the same rules, one behind the other."""
    return Drafts(
        np.concatenate([one.task for one in parts]),
        np.concatenate([one.topic for one in parts]),
        parts[0].rules,
        tuple(pa.concat_arrays(list(columns)) for columns in zip(*(one.sentences for one in parts), strict=True)),
        np.concatenate([one.apart for one in parts]),
        np.concatenate([one.bare for one in parts]),
        parts[0].draw,
    )


def _sentences(rng: np.random.Generator, tasks: Ints, topic: Ints, n_rules: int, draw: Draw) -> list[pa.StringArray]:
    """role, task, rules, format, lead, end: a column each."""
    rules = [draw(rng, "m_rule", tasks, topic) for _ in range(n_rules)]
    return [
        draw(rng, "m_role", tasks, topic),
        draw(rng, "m_task", tasks, topic),
        *rules,
        draw(rng, "m_format", tasks, topic),
        draw(rng, "m_lead", tasks, topic),
        draw(rng, "m_end", tasks, topic),
    ]


def _of_tasks(rng: np.random.Generator, tasks: Ints, topic: Ints) -> pa.StringArray:
    def of(number: int) -> Callable[[Ints], pa.StringArray]:
        return lambda rows: MOULDS.expand(f"m_{TASKS[number]}", rng, len(rows), topic[rows])

    return by_key({number: of(number) for number in range(len(TASKS))}, tasks)


def _assemble(rng: np.random.Generator, tasks: Ints, sentences: list[pa.StringArray], in_system: Ints) -> Moulds:
    n = len(tasks)
    apart = np.zeros(n, bool)
    apart[in_system] = True
    return _put(tasks, sentences, apart, apart & (rng.random(n) < 0.4))


def _put(
    tasks: Ints, sentences: list[pa.StringArray], apart: npt.NDArray[np.bool_], bare_: npt.NDArray[np.bool_]
) -> Moulds:
    n = len(tasks)
    *instructions, lead, end = sentences
    text = join(*[part for one in instructions for part in (one, pa.repeat(pa.scalar(" "), n))][:-1])
    newline, none = pa.repeat(pa.scalar("\n"), n), pa.repeat(pa.scalar(""), n)
    mask = pa.array(apart)
    bare = pa.array(bare_)
    in_prompt = join(text, newline, newline, lead, newline)
    short = pa.compute.if_else(bare, none, join(lead, newline))
    return Moulds(
        task=tasks,
        system=pa.compute.if_else(mask, text, pa.scalar(None, pa.string())),
        before=pa.compute.if_else(mask, short, in_prompt),
        after=pa.compute.if_else(bare, none, join(newline, end)),
    )
