"""Of real words, too, nothing gives the label away that would not in life.

With the corpus that STILLWATCH_CORPUS names: its other half, or another seed, is what a detector is measured on. A
campaign's moulds are its own in life as well, so single prompts are judged by what is poured into them.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from zlib import crc32

import duckdb
import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import rankdata

from stillwatch.traffic_range.texts.corpus import CorpusTexts
from stillwatch.traffic_range.texts.moulds import TASKS, all_drafts
from stillwatch.traffic_range.worlds import WORLDS
from stillwatch.traffic_range.write import write_world

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("STILLWATCH_CORPUS"), reason="needs a folder of prompts: set STILLWATCH_CORPUS to it"
    ),
]

MATCHED = {
    "reasoning_campaign": ("app_developers", "data_makers", "nightly_batches", "classifiers", "agency"),
    "agentic_campaign": ("agent_fleets", "tool_users", "hackathon"),
    "hydra_campaign": ("app_developers", "undeclared_reseller", "nightly_batches", "failover_pairs"),
}
"""Campaigns of the demo, and honest populations of the same kind of work."""

VERBATIM = ("evaluators", "class_of_students", "hackathon", "tool_users", "tutorial_readers")
"""Who sends what is public: the same items on several accounts."""


OWNERS = 300
"""Owners of moulds on each side."""


@pytest.fixture(scope="module")
def halves() -> dict[str, CorpusTexts]:
    """Both halves of the corpus."""
    where = Path(os.environ["STILLWATCH_CORPUS"])
    return {half: CorpusTexts.of(where, half) for half in ("a", "b")}


@pytest.fixture(scope="module")
def worlds(halves: dict[str, CorpusTexts], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The demo of each half, of different seeds."""
    out = []
    for seed, texts in enumerate(halves.values(), 11):
        folder = tmp_path_factory.mktemp("real") / str(seed)
        write_world(WORLDS["demo"], folder, seed=seed, scale=0.3, texts=texts)
        out.append(folder)
    return out


def test_no_two_accounts_send_one_text_by_accident(worlds: list[Path]) -> None:
    """Outside of public benchmarks, an assignment, a kit and tools, a first prompt is one account's."""
    for world in worlds:
        query = f"""
            select population, prompt, count(distinct account_id) as n
            from '{world}/logs.parquet' join '{world}/truth/exchanges.parquet' using (exchange_id)
            where prompt_source = 'human' and population not in {VERBATIM} group by all having n > 1
        """
        with duckdb.connect() as connection:
            shared = connection.sql(query).fetchall()
        assert shared == []


@pytest.mark.parametrize("task", ["reason", "grade", "rewrite", "agent", "data"])
def test_items_of_one_half_say_nothing_of_whose_they_are(halves: dict[str, CorpusTexts], task: str) -> None:
    """Items for a campaign and for others are told apart at chance: by length, and by words of the other half."""
    n, number = 3000, TASKS.index(task)
    bags: dict[tuple[str, bool], list[list[int]]] = {}
    lengths: dict[bool, list[int]] = {True: [], False: []}
    for seed, (half, texts) in enumerate(halves.items()):
        for mine in (True, False):
            rng = np.random.default_rng([seed, mine])
            made = texts.slots(rng, np.full(n, number), rng.integers(0, 24, n)).to_pylist()
            bags[half, mine] = [
                sorted({crc32(word.encode()) & 0x7FFF for word in text.lower().split()}) for text in made
            ]
            lengths[mine] += [len(text) for text in made]
    assert abs(auc(lengths[True], lengths[False]) - 0.5) < 0.03
    odds = log_odds(bags["a", True]) - log_odds(bags["a", False])
    scores = {mine: [float(odds[row].mean()) for row in bags["b", mine] if row] for mine in (True, False)}
    assert abs(auc(scores[True], scores[False]) - 0.5) < 0.03


@pytest.mark.parametrize("task", ["reason", "grade", "rewrite", "agent", "data"])
def test_moulds_of_one_task_say_nothing_of_whose_they_are(halves: dict[str, CorpusTexts], task: str) -> None:
    """Campaigns' prompts and honest owners' of the same task, moulds and all, are told apart at chance.

    So what a bag of words finds in whole worlds is what a campaign asks for, and not how it was made.
    """
    odds = log_odds(poured(halves["a"], task, True)) - log_odds(poured(halves["a"], task, False))
    scores = {
        mine: [float(odds[row].mean()) for row in poured(halves["b"], task, mine) if row] for mine in (True, False)
    }
    # Three deviations, of so many owners.
    assert abs(auc(scores[True], scores[False]) - 0.5) < 3 * np.sqrt(1 / (6 * OWNERS))


@pytest.mark.parametrize("campaign", sorted(MATCHED))
def test_a_campaigns_words_do_not_tell_it_in_the_next_world(worlds: list[Path], campaign: str) -> None:
    """A bag of words of single prompts, fitted on one half's world, is of little use on the other's."""
    fitted, scored = (prompts(world, campaign) for world in worlds)
    odds = log_odds(fitted[True]) - log_odds(fitted[False])
    scores = {mine: [float(odds[row].mean()) for row in scored[mine] if row] for mine in (True, False)}
    assert auc(scores[True], scores[False]) < 0.85


@pytest.mark.parametrize("campaign", sorted(MATCHED))
def test_lengths_do_not_tell_a_campaign(worlds: list[Path], campaign: str) -> None:
    """Prompts and answers of both sides are of one spread of lengths: no cut tells them apart."""
    for column in ("prompt", "response"):
        sides = [[len(text) for text in texts(worlds[0], campaign, column, mine)] for mine in (True, False)]
        assert 0.1 < auc(*sides) < 0.9, column


def poured(words: CorpusTexts, task: str, mine: bool) -> list[list[int]]:
    """Hashed words of prompts and system prompts of owners who have a mould of a task each: campaigns, or others."""
    rng, number = np.random.default_rng([8, mine]), TASKS.index(task)
    if mine:
        drafts = [words.drafts(rng, task, 1, in_system=bool(rng.random() < 0.5)) for _ in range(OWNERS)]
        moulds = all_drafts(drafts).moulds()
    else:
        moulds = words.own_moulds(rng, np.full(OWNERS, number), rng.integers(0, 24, OWNERS))
    which = np.repeat(np.arange(OWNERS), 10)
    slots = words.slots(rng, np.full(len(which), number), rng.integers(0, 24, len(which)))
    both = zip(moulds.pour(which, slots).to_pylist(), moulds.systems(which).to_pylist(), strict=True)
    return [
        sorted({crc32(word.encode()) & 0x7FFF for word in f"{system or ''} {prompt}".lower().split()})
        for prompt, system in both
    ]


def texts(world: Path, campaign: str, column: str, mine: bool) -> list[str]:
    """Texts of a campaign's exchanges, or of the matched honest ones: at most 20 an account."""
    side = f"campaign = '{campaign}'" if mine else f"campaign is null and population in {MATCHED[campaign]}"
    query = f"""
        select {column} from '{world}/logs.parquet' join '{world}/truth/exchanges.parquet' using (exchange_id)
        where {side} and {column} is not null and prompt_source = 'human'
        qualify row_number() over (partition by account_id order by exchange_id) <= 20 order by exchange_id
    """
    with duckdb.connect() as connection:
        return [row[0] for row in connection.sql(query).fetchall()]


def prompts(world: Path, campaign: str) -> dict[bool, list[list[int]]]:
    """Hashed words of prompts of both sides."""
    return {
        mine: [
            sorted({crc32(word.encode()) & 0x7FFF for word in text.lower().split()})
            for text in texts(world, campaign, "prompt", mine)
        ]
        for mine in (True, False)
    }


def log_odds(rows: list[list[int]]) -> npt.NDArray[np.float64]:
    """Logarithms of the share of texts that have each word."""
    counts = np.full(1 << 15, 0.5)
    for word, count in Counter(word for row in rows for word in row).items():
        counts[word] += count
    return np.log(counts / (len(rows) + 1))


def auc(mine: list[float] | list[int], others: list[float] | list[int]) -> float:
    """The chance that one of the first scores higher than one of the second."""
    ranks = rankdata([*mine, *others])
    n = len(mine)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * len(others)))
