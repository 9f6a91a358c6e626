"""Texts composed of a corpus: new, in the corpus's words, alike for everybody, the same by the same dice."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.errors import UsageError
from stillwatch.traffic_range.texts.corpus import CorpusTexts
from stillwatch.traffic_range.texts.english import ENGLISH
from stillwatch.traffic_range.texts.moulds import TASKS

SOURCES = ("ask", "follow", "write", "reason", "judge", "rewrite", "tool", "code", "prose", "result")

TEMPLATES = [
    "You are a careful {kind} assistant for the north office. Always name the source of every claim that you make."
    " Never mention prices of other shops. Respond with a JSON object that has a verdict.\nInput:\n{text}\nOutput:",
    "Act as an editor of a small newspaper in town. Summarise the text that follows for readers in a hurry."
    " Keep every number as it was written there. Return the summary in three short lines.\nText:\n{text}",
    "You are a strict judge of answers in school exams. Rate the answer below by how well it explains itself."
    " Do not reward length or polite words at all. Output only the score between tags.\nQuestion: {q}\nAnswer: {a}",
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of texts that nobody wrote: enough for every use, in one language."""
    where = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(1)
    manifest = 'name = "made up"\n'
    for use in SOURCES:
        rule = {"code": "code", "result": "tool_result", "reason": "problem", "prose": "passage"}.get(use, "ask")
        texts = ENGLISH.expand(rule, rng, 700, rng.integers(0, 24, 700))
        pq.write_table(pa.table({"t": texts}), where / f"{use}.parquet")
        manifest += f'[[source]]\nfile = "{use}.parquet"\nuse = "{use}"\ntext = "t"\nlicence = "none, {use}"\n'
        manifest += "benchmark = true\n" if use == "reason" else ""
    (where / "moulds.ndjson").write_text("\n".join(json.dumps({"p": text}) for text in TEMPLATES * 8))
    manifest += '[[source]]\nfile = "moulds.ndjson"\nuse = "mould"\ntext = "p"\nlicence = "MIT"\n'
    (where / "corpus.toml").write_text(manifest)
    return where


@pytest.fixture(scope="module")
def texts(corpus: Path) -> CorpusTexts:
    """Of all of it."""
    return CorpusTexts.of(corpus)


def topics(n: int) -> np.typing.NDArray[np.int64]:
    return np.arange(n) % 24


def test_no_text_comes_twice_by_accident(texts: CorpusTexts) -> None:
    """Twenty thousand firsts, follow-ups, slots and chores are as many different ones."""
    n, rng = 20_000, np.random.default_rng(2)
    for made in (
        texts.ask(rng, None, topics(n)),
        texts.follow(rng, None, topics(n)),
        texts.chore(rng, topics(n)),
        texts.slots(rng, rng.integers(0, len(TASKS), n), topics(n)),
    ):
        assert len(made.unique()) == n


def test_no_text_is_one_of_the_corpus(texts: CorpusTexts, corpus: Path) -> None:
    """What people wrote is not sent as it stands, except public benchmarks and moulds."""
    theirs = set(pq.read_table(corpus / "ask.parquet")["t"].to_pylist())
    assert not theirs & set(texts.ask(np.random.default_rng(3), None, topics(5000)).to_pylist())


def test_words_are_the_corpuss(texts: CorpusTexts, corpus: Path) -> None:
    """Nearly every word of a composed text stands in the corpus; numbers are any."""
    known = {
        word for use in SOURCES for text in pq.read_table(corpus / f"{use}.parquet")["t"].to_pylist()
        for word in text.lower().split()
    }  # fmt: skip
    made = [
        word for text in texts.ask(np.random.default_rng(4), None, topics(400)).to_pylist() for word in text.split()
    ]
    plain = [word.lower() for word in made if word.isalpha()]
    assert np.mean([word in known for word in plain]) > 0.85


def test_lengths_are_the_corpuss(texts: CorpusTexts, corpus: Path) -> None:
    """Short texts get a sentence more, so that they are nobody else's; others are as long as the originals."""
    theirs = [len(text) for text in pq.read_table(corpus / "prose.parquet")["t"].to_pylist()]
    task = np.full(4000, TASKS.index("summarise"))
    ours = [len(text) for text in texts.slots(np.random.default_rng(5), task, topics(4000)).to_pylist()]
    for share in (0.25, 0.5, 0.9):
        assert np.quantile(ours, share) == pytest.approx(np.quantile(theirs, share), rel=0.2)


def test_the_same_dice_make_the_same_texts(texts: CorpusTexts, corpus: Path) -> None:
    """Read anew or handed to another process, a corpus gives the same texts."""
    made = [
        one.slots(np.random.default_rng(6), np.arange(260) % len(TASKS), topics(260)).to_pylist()
        for one in (texts, CorpusTexts.of(corpus), pickle.loads(pickle.dumps(texts)))
    ]
    assert made[0] == made[1] == made[2]


def test_moulds_of_owners_are_nobodys(texts: CorpusTexts) -> None:
    """An owner's mould is spliced and worded anew: no template of the corpus, and no two owners'."""
    made = texts.own_moulds(np.random.default_rng(7), np.arange(130) % len(TASKS), topics(130))
    whole = [
        f"{system or ''}{before}"
        for system, before in zip(made.system.to_pylist(), made.before.to_pylist(), strict=True)
    ]
    assert len(set(whole)) == 130
    assert not set(whole) & set(TEMPLATES)


def test_public_moulds_are_word_for_word(texts: CorpusTexts) -> None:
    """Users of a popular tool send its published mould, filled where it asks for texts."""
    made = texts.public_moulds(np.random.default_rng(8), np.array([TASKS.index("grade")] * 6), topics(6))
    for system, before in zip(made.system.to_pylist(), made.before.to_pylist(), strict=True):
        assert "Rate the answer below by how well it explains itself." in (system or "") + before


def test_variations_keep_most_of_a_mould(texts: CorpusTexts) -> None:
    """Of nine sentences each variation redraws some, and words them anew from the same corpus."""
    drafts = texts.drafts(np.random.default_rng(9), "grade", 12)
    kept = np.mean([len(column.unique()) == 1 or column[0] == column[5] for column in drafts.sentences])
    assert kept > 0.3
    anew = drafts.worded(np.random.default_rng(10), 1.0)
    assert sum(a == b for a, b in zip(anew.text().to_pylist(), drafts.text().to_pylist(), strict=True)) == 0


def test_benchmarks_are_word_for_word(texts: CorpusTexts, corpus: Path) -> None:
    """Everybody who runs a benchmark sends the same items; an assignment's questions are some of them."""
    theirs = set(pq.read_table(corpus / "reason.parquet")["t"].to_pylist())
    made = texts.benchmark(np.random.default_rng(11), TASKS.index("reason"), 300).to_pylist()
    assert {text.strip() for text in theirs} >= set(made)
    assert len(set(made)) == 300


def test_languages_that_the_corpus_lacks_are_invented_and_said(texts: CorpusTexts) -> None:
    """The grammar writes them, and `about` names them, beside the corpus and its licences."""
    made = texts.ask(np.random.default_rng(12), np.full(50, 6), topics(50)).to_pylist()
    assert all(any("а" <= letter <= "я" for letter in text) for text in made)
    about = texts.about()
    assert "ru" in about["invented"]["ask"]  # type: ignore[index]
    assert about["name"] == "made up"
    assert about["licences"]["none, ask"] == 700  # type: ignore[index]


def test_halves_share_no_sentence(corpus: Path) -> None:
    """A detector fitted on one half of the corpus has seen no row of the other."""
    a, b = CorpusTexts.of(corpus, "a").about(), CorpusTexts.of(corpus, "b").about()
    assert a["texts"] + b["texts"] == CorpusTexts.of(corpus).about()["texts"]  # type: ignore[operator]


def test_a_world_tells_its_corpus_and_holds_none_of_it_twice(corpus: Path, tmp_path: Path) -> None:
    """`--corpus` writes the corpus's name, half and licences into world.json, and nothing else of it."""
    from stillwatch.commands.range_ import range_

    assert range_("demo", out=tmp_path / "w", scale=0.01, corpus=corpus, corpus_half="a", quiet=True, workers=1) == 0
    told = json.loads((tmp_path / "w" / "world.json").read_text())["corpus"]
    assert (told["name"], told["half"]) == ("made up", "a")
    assert set(told["licences"]) == {*(f"none, {use}" for use in SOURCES), "MIT"}
    assert str(corpus) not in (tmp_path / "w" / "world.json").read_text()
    prompts = pq.read_table(tmp_path / "w" / "logs.parquet", columns=["prompt"])["prompt"].to_pylist()
    assert all(prompts)


def test_a_half_of_nothing_is_refused() -> None:
    """`--corpus-half` goes with `--corpus`."""
    from stillwatch.commands.range_ import range_

    with pytest.raises(UsageError, match="--corpus"):
        range_("demo", corpus_half="a")
