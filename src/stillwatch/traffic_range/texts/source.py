"""Where a world's texts come from: one interface, behind which the project's grammar stands, or a corpus."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range.grammar import Ints
from stillwatch.traffic_range.texts.moulds import MOULD, Drafts, Moulds


class Texts(Protocol):
    """What populations ask for texts, by the column: a text a row, by dice alone.

    language: places in `languages.LANGUAGES`; None where all is English.  topic: places in `topics.NAMES`.
    task: places in `moulds.TASKS`.
    """

    def ask(self, rng: np.random.Generator, language: Ints | None, topic: Ints) -> pa.StringArray:
        """What people say first in a conversation."""
        ...

    def follow(self, rng: np.random.Generator, language: Ints | None, topic: Ints) -> pa.StringArray:
        """What people say next."""
        ...

    def message(self, rng: np.random.Generator, language: Ints | None, topic: Ints) -> pa.StringArray:
        """People's own words, as programs pour them into moulds."""
        ...

    def answer(self, rng: np.random.Generator, language: Ints | None, topic: Ints) -> pa.StringArray:
        """Beginnings of a model's answers."""
        ...

    def instruction(self, rng: np.random.Generator, language: Ints, topic: Ints) -> pa.StringArray:
        """Sentences of moulds in any language."""
        ...

    def chore(self, rng: np.random.Generator, topic: Ints) -> pa.StringArray:
        """What agents are set to do."""
        ...

    def tool_result(self, rng: np.random.Generator, topic: Ints) -> pa.StringArray:
        """What tools hand back to agents."""
        ...

    def problem(self, rng: np.random.Generator, topic: Ints) -> pa.StringArray:
        """Questions of an assignment."""
        ...

    def slots(self, rng: np.random.Generator, task: Ints, topic: Ints) -> pa.StringArray:
        """What is poured into moulds of each row's task."""
        ...

    def benchmark(self, rng: np.random.Generator, task: int, n: int) -> pa.StringArray:
        """The n items of a public benchmark of a task."""
        ...

    def own_moulds(self, rng: np.random.Generator, tasks: Ints, topic: Ints) -> Moulds:
        """A mould of its owner's own for each task of a list."""
        ...

    def public_moulds(self, rng: np.random.Generator, tasks: Ints, topic: Ints) -> Moulds:
        """Moulds that are published: those of popular tools, frameworks and benchmarks."""
        ...

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
        ...
