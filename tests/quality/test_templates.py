"""How well templates match the moulds that prompts were poured from, over seeds."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from template_real import pour_real
from template_worlds import Sent, pour, words, write_fingerprints

from stillwatch.benchmark.agreement import completeness, labels, poured_purity, purity
from stillwatch.templates.find import find_templates


def _scored(sent: list[Sent], folder: Path) -> tuple[float, float]:
    write_fingerprints(sent, folder / "prints")
    find_templates(folder / "prints", folder / "out", memory_mb=512, threads=2)
    found, truth = labels(folder / "out", len(sent)), [s.mould for s in sent]
    return purity(truth, found), completeness(truth, found)


@pytest.mark.parametrize("seed", range(3))
def test_purity_and_completeness(seed: int, tmp_path: Path) -> None:
    """On 6,000 prompts, 60% of 100 moulds: purity at least 0.99, completeness at least 0.95, with every seed."""
    found = _scored(pour(random.Random(seed), 6_000, 100), tmp_path)
    assert found[0] >= 0.99 and found[1] >= 0.95, found


def test_long_slots(tmp_path: Path) -> None:
    """Where slots are ten times as long as moulds, purity is at least 0.99 and completeness 0.85."""
    found = _scored(pour(random.Random(9), 3_000, 40, slot=(200, 700)), tmp_path)
    assert found[0] >= 0.99 and found[1] >= 0.85, found


@pytest.mark.slow
def test_does_not_chain_as_it_grows(tmp_path: Path) -> None:
    """Ten times as many prompts and moulds: purity does not fall below 0.99."""
    found = _scored(pour(random.Random(5), 60_000, 1_000), tmp_path)
    assert found[0] >= 0.99 and found[1] >= 0.95, found


def test_shared_phrases_do_not_join_moulds(tmp_path: Path) -> None:
    """Moulds that all use one of ten stock phrases stay apart: purity at least 0.98."""
    rng = random.Random(6)
    stock = [words(rng, 14) for _ in range(10)]
    moulds = [f"{words(rng, 30)}\n{rng.choice(stock)}\n{words(rng, 20)}" for _ in range(60)]
    sent = []
    for _ in range(4_000):
        number = int(60 * rng.random() ** 2)
        sent.append(Sent(f"{moulds[number]}\n{words(rng, rng.randint(10, 80))}", number))
    found = _scored(sent, tmp_path)
    assert found[0] >= 0.98 and found[1] >= 0.95, found


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("STILLWATCH_CORPUS"), reason="STILLWATCH_CORPUS names no folder of real prompts")
def test_real_moulds_and_slots(tmp_path: Path) -> None:
    """Real moulds filled with real texts: purity at least 0.98, near variants taken as one, completeness 0.9."""
    sent, same = pour_real(Path(os.environ["STILLWATCH_CORPUS"]), 30_000, n_moulds=1000)
    exact = _scored(sent, tmp_path)
    found = labels(tmp_path / "out", len(sent))
    assert exact[1] >= 0.9, exact
    assert poured_purity([same[s.mould] if s.mould >= 0 else -1 for s in sent], found) >= 0.98
