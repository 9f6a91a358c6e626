"""Worlds made, scanned and scored, in folders that are deleted after each."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import msgspec

from stillwatch.errors import UsageError
from stillwatch.evaluate.calibration import BitCount, ProbabilityBin, bit_counts, probability_bins
from stillwatch.evaluate.oracle import Possible, possible
from stillwatch.evaluate.reading import json, read_scan, read_truth
from stillwatch.evaluate.scores import Scores, score_tables
from stillwatch.evaluate.without import Without, without_each
from stillwatch.scan.options import ScanOptions
from stillwatch.scan.progress import Progress
from stillwatch.scan.run import scan
from stillwatch.traffic_range.texts.corpus import CorpusTexts
from stillwatch.traffic_range.texts.invented import GRAMMAR
from stillwatch.traffic_range.texts.source import Texts
from stillwatch.traffic_range.worlds import World
from stillwatch.traffic_range.write import write_world

Say = Callable[[str], None]

PROMISE = 0.05
"""False campaigns per 30 days, where a scan does not say what it promised."""


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """One world of one seed, scanned.

    days: of its traffic.  seconds: of the scan.  promise: false campaigns per 30 days that it allowed itself.
    texts: the corpus that its prompts are of, empty for the project's own grammar.
    possible: what an oracle finds.  without: what each evidence adds.  bits, probabilities: for the calibration.
    """

    world: str
    seed: int
    scores: Scores
    exchanges: int
    accounts: int
    days: float
    seconds: float
    promise: float
    possible: list[Possible]
    without: list[Without]
    bits: list[BitCount]
    probabilities: list[ProbabilityBin]
    texts: str = ""


def play(
    worlds: Sequence[World],
    seeds: Sequence[int],
    *,
    scale: float = 1.0,
    accounts: int | None = None,
    corpora: Sequence[Path] = (),
    oracle: bool = True,
    workers: int = 1,
    say: Say = lambda text: None,
) -> Iterator[Played]:
    """Make, scan and score each world with each seed.

    accounts: about as many in each world, in place of a scale.  corpora: folders of prompts, each world with each of
    them, in place of the grammar's.  oracle: whether it is asked.  workers: as of `write_world`.
    """
    texts: list[CorpusTexts | None] = [CorpusTexts.of(one) for one in corpora]
    for world, text in product(worlds, texts or [None]):
        factor = scale if accounts is None else scale_for(world, accounts)
        for seed in seeds:
            with _folder() as folder:
                say(f"{world.name}, seed {seed}: making the world")
                notes: dict[str, object] = {} if text is None else {"corpus": text.about()}
                words: Texts = GRAMMAR if text is None else text
                write_world(world, folder / "world", seed=seed, scale=factor, workers=workers, texts=words, notes=notes)
                say(f"{world.name}, seed {seed}: scanning")
                scan([str(folder / "world")], ScanOptions(out=folder / "scan"), Progress(quiet=True, live=False))
                say(f"{world.name}, seed {seed}: scoring")
                yield played(folder / "scan", folder / "world", oracle=oracle)


def played(scanned_at: Path, world_at: Path, *, oracle: bool = True) -> Played:
    """All scores of a scan's folder against a world's. Raises: MissingSource, InputError."""
    scanned, truth = read_scan(scanned_at), read_truth(world_at)
    told = json(world_at / "world.json") if (world_at / "world.json").exists() else {}
    steps = json(scanned_at / "run.json")["steps"] if (scanned_at / "run.json").exists() else []
    promise = scanned.summary.get("promise", {})
    return Played(
        world=str(told.get("world", world_at.name)),
        seed=int(told.get("seed", 0)),
        scores=score_tables(scanned, truth),
        exchanges=len(truth.exchanges),
        accounts=len(truth.accounts),
        days=float(told.get("days", promise.get("days", 0.0))),
        seconds=sum(step["seconds"] for step in steps),
        promise=float(promise.get("max_false_campaigns", PROMISE)),
        possible=possible(truth) if oracle else [],
        without=without_each(scanned),
        bits=bit_counts(scanned, truth),
        probabilities=probability_bins(scanned, truth),
        texts=_corpus(told),
    )


def _corpus(world: dict[str, Any]) -> str:
    """The name of the corpus that a world tells, empty for none."""
    told = world.get("corpus")
    return str(told.get("name", "")) if isinstance(told, dict) else ""


def scale_for(world: World, accounts: int) -> float:
    """The scale at which a world has about so many accounts. Raises: UsageError for none."""
    if accounts < 1:
        raise UsageError("--accounts must be above 0")
    return accounts / sum(cast.accounts for cast in world.cast if not cast.on)


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="stillwatch-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
