"""Texts of a corpus of real prompts, in place of the grammar's: new ones, composed of what people wrote."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range.grammar import Ints, by_key, join
from stillwatch.traffic_range.texts import moulds
from stillwatch.traffic_range.texts.invented import GRAMMAR
from stillwatch.traffic_range.texts.languages import LANGUAGES
from stillwatch.traffic_range.texts.manifest import Manifest, Read, Row, find_manifest, read_corpus
from stillwatch.traffic_range.texts.moulds import MOULD, TASKS, Drafts, Moulds
from stillwatch.traffic_range.texts.pools import MOST_SENTENCES, WIDE, Fillers, Pool, Text, Vocabulary
from stillwatch.traffic_range.texts.sentences import cut, frequent, language_of, topics_of, words_of
from stillwatch.traffic_range.texts.templates import ASKS, FORMAT, LEAD, ROLE, RULE, Template, telling, template

POOLS = ("ask", "follow", "write", "reason", "judge", "rewrite", "tool", "code", "prose", "result")

ENOUGH_SENTENCES = 300
"""Of a language, for a use: with fewer the grammar writes it."""

N_RULES = MOULD.count("m_rule")
"""Of owners' moulds: as many as campaigns' have, since real sentences are long and their number would tell."""

SHORT_ANSWER = 2
"""Sentences of an answer at the most, as of a gateway that logs its beginning."""

_KIND_OF_RULE = {
    "m_role": ROLE, "m_task": ASKS, "m_rule": RULE, "m_format": FORMAT, "m_lead": LEAD, "m_end": FORMAT,
}  # fmt: skip


class CorpusTexts:
    """`source.Texts` of a corpus. What it has too little of, the grammar writes; `about` says what that is."""

    def __init__(self, manifest: Manifest, read: Read, half: str = "both"):
        self._file: IO[bytes] | None = None
        vocabulary = Vocabulary()
        told = [_told(row) for row in read.rows]
        common = {
            language: frequent(row.text for row, one in zip(read.rows, told, strict=True) if one == language)
            for language in sorted(set(told) - {-1})
        }
        english = [i for i, one in enumerate(told) if one == 0 and read.rows[i].use != "mould"]
        topics = np.full(len(told), WIDE)
        topics[english] = topics_of([words_of(read.rows[i].text) for i in english])
        self._pools: dict[str, Pool] = {}
        for use in POOLS:
            texts = [
                _text(row.text, told[i], int(topics[i]), vocabulary, common[told[i]])
                for i, row in enumerate(read.rows)
                if row.use == use and told[i] >= 0
            ]
            texts = [one for one in texts if one.sentences]
            if texts:
                self._pools[use] = Pool(texts, vocabulary)
        templates = [
            template(row.text, row.tasks) for i, row in enumerate(read.rows) if row.use == "mould" and told[i] == 0
        ]
        self._moulds = _mould_pool([one for one in templates if one.sentences], vocabulary, common.get(0, frozenset()))
        self._public = _public([one for one in templates if one.whole])
        self._benchmarks = {
            use: [
                row.text
                for row, one in zip(read.rows, told, strict=True)
                if row.benchmark and row.use == use and one == 0
            ]
            for use in POOLS
        }
        self._fillers: Fillers = vocabulary.close()
        self._languages = {
            use: np.array([pool.sentences_of(one) >= ENOUGH_SENTENCES for one in range(len(LANGUAGES))])
            for use, pool in self._pools.items()
        }
        self._about = {
            "name": manifest.name,
            "half": half,
            "texts": len(read.rows),
            "licences": dict(sorted(read.licences.items())),
            "invented": {
                use: "all"
                if use not in self._pools
                else [LANGUAGES[one] for one in np.flatnonzero(~self._languages[use]).tolist()]
                for use in ("ask", "follow", "prose")
            }
            | {use: "all" for use in POOLS if not self._has(use)}
            | ({} if self._moulds else {"mould": "all"}),
        }

    @classmethod
    def of(cls, where: Path, half: str = "both") -> CorpusTexts:
        """The texts of a folder, or of a manifest. Raises: what `find_manifest` and `read_corpus` raise."""
        manifest = find_manifest(where)
        return cls(manifest, read_corpus(manifest, half), half)

    def __reduce__(self) -> tuple[Callable[[str], CorpusTexts], tuple[str]]:
        """Other processes read the arrays from a file, once: a corpus is read and cut in the first process alone."""
        if self._file is None:
            # Kept as long as these texts are: the processes that read it end before.
            self._file = tempfile.NamedTemporaryFile(prefix="stillwatch-texts-")  # noqa: SIM115
            pickle.dump({key: value for key, value in self.__dict__.items() if key != "_file"}, self._file)
            self._file.flush()
        return _of_file, (self._file.name,)

    def about(self) -> dict[str, object]:
        """What a world says of its texts: the corpus's name, licences of what was read, and what the grammar wrote."""
        return dict(self._about)

    def ask(self, rng: np.random.Generator, language: Ints | None, topic: Ints) -> pa.StringArray:
        """What people say first in a conversation."""
        return self._write("ask", rng, language, topic, GRAMMAR.ask)

    def follow(self, rng: np.random.Generator, language: Ints | None, topic: Ints) -> pa.StringArray:
        """What people say next."""
        return self._write("follow", rng, language, topic, GRAMMAR.follow)

    def message(self, rng: np.random.Generator, language: Ints | None, topic: Ints) -> pa.StringArray:
        """People's own words, as programs pour them into moulds."""
        return self._write("ask", rng, language, topic, GRAMMAR.message)

    def answer(self, rng: np.random.Generator, language: Ints | None, topic: Ints) -> pa.StringArray:
        """Beginnings of a model's answers."""
        return self._write("prose", rng, language, topic, GRAMMAR.answer, most=SHORT_ANSWER, bits=20.0)

    def instruction(self, rng: np.random.Generator, language: Ints, topic: Ints) -> pa.StringArray:
        """Sentences of moulds in any language: what people tell a model to do next."""
        return self._write("follow", rng, language, topic, _instruction, most=1, bits=12.0)

    def chore(self, rng: np.random.Generator, topic: Ints) -> pa.StringArray:
        """What agents are set to do."""
        return self._write("tool", rng, None, topic, lambda rng, _, topic: GRAMMAR.chore(rng, topic))

    def tool_result(self, rng: np.random.Generator, topic: Ints) -> pa.StringArray:
        """What tools hand back to agents."""
        return self._write("result", rng, None, topic, lambda rng, _, topic: GRAMMAR.tool_result(rng, topic))

    def problem(self, rng: np.random.Generator, topic: Ints) -> pa.StringArray:
        """Questions of an assignment: those of a benchmark, as they stand."""
        return self.benchmark(rng, TASKS.index("reason"), len(topic))

    def slots(self, rng: np.random.Generator, task: Ints, topic: Ints) -> pa.StringArray:
        """What is poured into moulds of each row's task: the same for an honest owner and for a campaign."""

        def of(number: int) -> Callable[[Ints], pa.StringArray]:
            return lambda rows: self._slot(rng, TASKS[number], topic[rows])

        return by_key({number: of(number) for number in range(len(TASKS))}, task)

    def benchmark(self, rng: np.random.Generator, task: int, n: int) -> pa.StringArray:
        """The n items of a public benchmark of a task, word for word where the corpus has one."""
        items = self._benchmarks.get({"reason": "reason", "data": "tool", "agent": "tool"}.get(TASKS[task], ""), [])
        if not items:
            return self.slots(rng, np.full(n, task), rng.integers(0, 24, n))
        chosen = rng.choice(len(items), n, replace=len(items) < n)
        return pa.array([items[i] for i in chosen.tolist()], pa.string())

    def own_moulds(self, rng: np.random.Generator, tasks: Ints, topic: Ints) -> Moulds:
        """A mould of its owner's own for each task of a list, spliced from several, so that it is nobody else's."""
        return moulds.own_moulds(rng, tasks, topic, self._draw, N_RULES)

    def public_moulds(self, rng: np.random.Generator, tasks: Ints, topic: Ints) -> Moulds:
        """Moulds that are published, word for word."""
        if not self._public:
            return GRAMMAR.public_moulds(rng, tasks, topic)
        chosen = []
        for task in tasks.tolist():
            known = self._public.get(task) or [one for every in self._public.values() for one in every]
            chosen.append(known[int(rng.integers(0, len(known)))])
        apart = rng.random(len(tasks)) < 0.5
        return Moulds(
            task=tasks,
            system=pa.array(
                [one.before if own and not one.after else None for one, own in zip(chosen, apart, strict=True)],
                pa.string(),
            ),
            before=pa.array(
                ["" if own and not one.after else one.before for one, own in zip(chosen, apart, strict=True)],
                pa.string(),
            ),
            after=pa.array([one.after for one in chosen], pa.string()),
        )

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
        return moulds.drafts(rng, task, n, redrawn=redrawn, in_system=in_system, rules=rules, draw=self._draw)

    def _has(self, use: str) -> bool:
        return use in self._pools and bool(self._languages[use][0])

    def _write(
        self,
        use: str,
        rng: np.random.Generator,
        language: Ints | None,
        topic: Ints,
        invented: Callable[[np.random.Generator, Ints | None, Ints], pa.StringArray],
        **limits: float,
    ) -> pa.StringArray:
        """Composed texts of a use, in the languages that the corpus has; those of the others by the grammar."""
        spoken = np.zeros(len(topic), np.int64) if language is None else language
        if use not in self._pools:
            return invented(rng, language, topic)
        real = self._languages[use][spoken]
        rows, rest = np.flatnonzero(real), np.flatnonzero(~real)
        # Only English has topics.
        about = np.where(spoken == 0, topic, WIDE)
        made = self._pools[use].compose(rng, self._fillers, spoken[rows], about[rows], **limits)  # type: ignore[arg-type]
        if not len(rest):
            return made
        others = invented(rng, spoken[rest], topic[rest])
        place = np.empty(len(topic), np.int64)
        place[np.concatenate([rows, rest])] = np.arange(len(topic))
        return pa.concat_arrays([made, others]).take(pa.array(place))

    def _slot(self, rng: np.random.Generator, task: str, topic: Ints) -> pa.StringArray:
        uses = {
            "summarise": ("prose",), "classify": ("ask",), "extract": ("prose", "ask"), "translate": ("prose",),
            "reply": ("ask",), "write": ("write",), "review": ("code",), "reason": ("reason",),
            "grade": ("judge", "reason", "prose"), "rewrite": ("rewrite", "ask"), "agent": ("tool",),
            "vision": ("tool",), "data": ("tool", "code"),
        }[task]  # fmt: skip
        if not all(self._has(use) for use in uses):
            return GRAMMAR.slots(rng, np.full(len(topic), TASKS.index(task)), topic)
        n = len(topic)
        plain: Callable[..., pa.StringArray] = GRAMMAR.ask

        def write(use: str, rows: Ints) -> pa.StringArray:
            return self._write(use, rng, None, topic[rows], plain)

        if task == "reason":
            # Half with the answer, so that the reasoning may be asked for.
            problem, result = write("reason", np.arange(n)), rng.integers(2, 5000, n)
            told = join("\n\nAnswer: ", pa.array(result).cast(pa.string()))
            return join(problem, pa.compute.if_else(pa.array(rng.random(n) < 0.4), told, pa.repeat(pa.scalar(""), n)))
        if task == "grade":
            kind = rng.integers(0, 3, n)

            def pair(rows: Ints) -> pa.StringArray:
                return join("Question: ", write("reason", rows), "\n\nAnswer: ", write("prose", rows))

            return by_key({0: lambda rows: write("judge", rows), 1: pair, 2: pair}, kind)
        if len(uses) > 1:
            kind = rng.integers(0, 2, n)
            return by_key({k: partial(write, use) for k, use in enumerate(uses)}, kind)
        return write(uses[0], np.arange(n))

    def _draw(self, rng: np.random.Generator, rule: str, tasks: Ints, topic: Ints) -> pa.StringArray:
        """Sentences of moulds: a task's own from moulds of that task, others from all of them."""
        if self._moulds is None:
            return moulds.drawn(rng, rule, tasks, topic)
        cell = tasks if rule in {"m_task", "m_role"} else np.full(len(tasks), WIDE)
        kind = np.full(len(tasks), _KIND_OF_RULE[rule])
        return self._moulds.sentences(rng, self._fillers, cell, kind, topic)


def _instruction(rng: np.random.Generator, language: Ints | None, topic: Ints) -> pa.StringArray:
    return GRAMMAR.instruction(rng, np.zeros(len(topic), np.int64) if language is None else language, topic)


@cache
def _of_file(path: str) -> CorpusTexts:
    texts = object.__new__(CorpusTexts)
    with Path(path).open("rb") as file:
        # A file of our own making, of this run.
        texts.__dict__.update(pickle.load(file))
    texts._file = None
    return texts


def _told(row: Row) -> int:
    """A row's language, as its column says, or by what it looks like."""
    if row.language:
        code = row.language[:2].lower()
        return LANGUAGES.index(code) if code in LANGUAGES else -1
    return language_of(row.text)


def _text(text: str, language: int, topic: int, vocabulary: Vocabulary, common: frozenset[str]) -> Text:
    return Text(
        language,
        topic,
        [
            (gap, vocabulary.open(sentence, language, topic, common), kind, len(sentence))
            for gap, sentence, kind in cut(text, language, MOST_SENTENCES)
        ],
    )


def _mould_pool(templates: Sequence[Template], vocabulary: Vocabulary, common: frozenset[str]) -> Pool | None:
    """Sentences of moulds; the task stands in the topic's place. Their words do not fill other texts' places."""
    kept = common | telling(text for one in templates for text, _ in one.sentences)
    texts = [
        Text(0, task, [("", vocabulary.open(text, 0, WIDE, kept), kind, len(text)) for text, kind in one.sentences])
        for one in templates
        for task in one.tasks
    ]
    return Pool(texts, vocabulary) if texts else None


def _public(templates: Sequence[Template]) -> dict[int, list[Template]]:
    out: dict[int, list[Template]] = {}
    for one in templates:
        for task in one.tasks:
            out.setdefault(task, []).append(one)
    return out
