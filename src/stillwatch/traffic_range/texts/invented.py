"""Texts of the project's own grammar: nobody wrote them, so that nothing about them is private or licensed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range.grammar import Ints
from stillwatch.traffic_range.texts import moulds
from stillwatch.traffic_range.texts.english import ENGLISH
from stillwatch.traffic_range.texts.languages import write
from stillwatch.traffic_range.texts.moulds import MOULD, MOULDS, TASKS, Drafts, Moulds


class GrammarTexts:
    """`source.Texts` by the grammar."""

    def ask(self, rng: np.random.Generator, language: Ints | None, topic: Ints) -> pa.StringArray:
        """What people say first in a conversation."""
        return _write("ask", rng, language, topic)

    def follow(self, rng: np.random.Generator, language: Ints | None, topic: Ints) -> pa.StringArray:
        """What people say next."""
        return _write("follow", rng, language, topic)

    def message(self, rng: np.random.Generator, language: Ints | None, topic: Ints) -> pa.StringArray:
        """People's own words, as programs pour them into moulds."""
        return _write("message", rng, language, topic)

    def answer(self, rng: np.random.Generator, language: Ints | None, topic: Ints) -> pa.StringArray:
        """Beginnings of a model's answers."""
        return _write("answer", rng, language, topic)

    def instruction(self, rng: np.random.Generator, language: Ints, topic: Ints) -> pa.StringArray:
        """Sentences of moulds in any language: such as any other sentence is."""
        return _write("answer", rng, language, topic)

    def chore(self, rng: np.random.Generator, topic: Ints) -> pa.StringArray:
        """What agents are set to do."""
        return MOULDS.expand("chore", rng, len(topic), topic)

    def tool_result(self, rng: np.random.Generator, topic: Ints) -> pa.StringArray:
        """What tools hand back to agents."""
        return ENGLISH.expand("tool_result", rng, len(topic), topic)

    def problem(self, rng: np.random.Generator, topic: Ints) -> pa.StringArray:
        """Questions of an assignment."""
        return ENGLISH.expand("problem", rng, len(topic), topic)

    def slots(self, rng: np.random.Generator, task: Ints, topic: Ints) -> pa.StringArray:
        """What is poured into moulds of each row's task."""
        return moulds.slots(rng, task, topic)

    def benchmark(self, rng: np.random.Generator, task: int, n: int) -> pa.StringArray:
        """The n items of a public benchmark of a task: such as anybody's items of that task are."""
        return MOULDS.expand(f"slot_{TASKS[task]}", rng, n, rng.integers(0, 24, n))

    def own_moulds(self, rng: np.random.Generator, tasks: Ints, topic: Ints) -> Moulds:
        """A mould of its owner's own for each task of a list."""
        return moulds.own_moulds(rng, tasks, topic)

    def public_moulds(self, rng: np.random.Generator, tasks: Ints, topic: Ints) -> Moulds:
        """Moulds that are published: drawn by the same rules as anybody's."""
        return moulds.own_moulds(rng, tasks, topic)

    def drafts(
        self,
        rng: np.random.Generator,
        task: str,
        n: int,
        *,
        redrawn: float = 0.35,
        in_system: bool = False,
        rules: tuple[str, ...] = MOULD,
    ) -> Drafts:
        """n variations of one mould: each redraws a share of the first one's sentences and keeps the rest."""
        return moulds.drafts(rng, task, n, redrawn=redrawn, in_system=in_system, rules=rules)


GRAMMAR = GrammarTexts()
"""What worlds take where no corpus is given."""


def _write(rule: str, rng: np.random.Generator, language: Ints | None, topic: Ints) -> pa.StringArray:
    if language is None:
        return ENGLISH.expand(rule, rng, len(topic), topic)
    return write(rule, rng, language, topic)
