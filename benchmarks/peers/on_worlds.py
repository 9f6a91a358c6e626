"""All peers and Stillwatch on the same worlds: each peer tuned on other seeds, then scored at equal budget.

For each peer several settings are tried; the setting and the threshold come from the tuning seeds. The range tells a
peer more than life would: which accounts of the tuning worlds were honest, and worlds of the very same kind.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.peers import rules
from benchmarks.peers.accounts import Setting, as_it_is, beyond_chance, both_tails, by_account, honest_sample
from benchmarks.peers.cap import fit_cap
from benchmarks.peers.catchsync import catchsync
from benchmarks.peers.embedding import Embedder, fit_embedder
from benchmarks.peers.fraudar import fraudar
from benchmarks.peers.leiden import leiden
from benchmarks.peers.mahalanobis import fit_mahalanobis
from benchmarks.peers.mmd import fit_mmd
from benchmarks.peers.prada import prada
from benchmarks.peers.seat import fit_seat
from benchmarks.peers.synchrotrap import synchrotrap
from benchmarks.peers.tuning import Outcome, best_in_hindsight, outcome, threshold
from benchmarks.peers.window import Statistic, Window
from benchmarks.peers.world import INDICATORS, Bools, World, read_world
from stillwatch.evaluate.scores import score as score_scan
from stillwatch.scan.options import ScanOptions
from stillwatch.scan.progress import Progress
from stillwatch.scan.run import scan
from stillwatch.traffic_range.worlds import world_named
from stillwatch.traffic_range.write import write_world

Floats = NDArray[np.float64]
Say = Callable[[str], None]

BUDGETS = (0.0, 1e-4, 1e-2)
"""Honest accounts accused, as a share of the honest accounts of the tuning worlds."""

JUDGED = 1e-4
"""The budget that settings are chosen at."""

BENIGN = 20_000
"""Honest prompts of the tuning worlds that the tests of queries start from."""

SIZES = {"quiet": 0.5, "lookalikes": 0.4, "september": 0.07, "february": 0.01, "evasions": 0.25}
"""Share of a world's own size that is played, where it is not all: some five thousand accounts each."""

APART = 1_000
"""Between the seeds of one world and the next."""

TWO_SIDED = ("SEAT", "PRADA", "CAP")
"""Tests whose both tails are suspect in the comparison of arXiv 2606.05725."""

OURS = "Stillwatch"

Key = tuple[str, str]
"""Peer and setting."""


@dataclass(frozen=True, slots=True)
class Line:
    """A detector on the test worlds. tuned, hindsight: by budget; best: at F1's best threshold in hindsight, if any.

    by_world: world -> at the judged budget. seconds: of processor time, mean over worlds.
    """

    peer: str
    setting: str
    tuned: dict[float, Outcome]
    hindsight: dict[float, Outcome]
    best: Outcome | None
    by_world: dict[str, Outcome]
    seconds: float


@dataclass(slots=True)
class _Scored:
    """Worlds without their texts, and what each setting says of each world's accounts."""

    worlds: list[World] = field(default_factory=list)
    scores: dict[Key, list[Floats]] = field(default_factory=dict)
    seconds: dict[Key, list[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Fitted:
    embedder: Embedder
    tests: dict[str, Statistic]
    settings: dict[str, dict[str, Setting]]
    learned: tuple[Floats, Floats, Floats]


GRAPHS = {
    "all": INDICATORS,
    "prompts' heads": ("head",),
    "cards": ("payment",),
    "addresses and cards": ("ip", "payment"),
}
"""Plain graphs that the graph peers are tried on."""


def compare(
    names: Sequence[str], tuning: Sequence[int], testing: Sequence[int], *, scale: float = 1.0, say: Say = print
) -> list[Line]:
    """A line for each peer, and ours last.

    Raises: UsageError for a world that is not known; ValueError where a seed is both tuned and tested on.
    """
    if {seed % APART for seed in tuning} & {seed % APART for seed in testing}:
        raise ValueError("a seed that a peer is tuned on cannot be tested on")
    with tempfile.TemporaryDirectory(prefix="stillwatch-peers-") as root:
        return _compare(names, tuning, testing, scale, Path(root), say)


def _compare(
    names: Sequence[str], tuning: Sequence[int], testing: Sequence[int], scale: float, root: Path, say: Say
) -> list[Line]:
    rng = np.random.default_rng(5)
    folders, slim, texts, measured = [], [], [], []
    for world, folder in _play(names, tuning, scale, root, say):
        folders.append(folder)
        texts += honest_sample(world, 2 * BENIGN // (len(names) * len(tuning)), rng)
        measured.append(rules.measures(world))
        slim.append(replace(world, prompts=[]))
    fitted = _fit(texts, rules.learn(slim, measured), rng)
    tuned = _Scored()
    for one, folder in zip(slim, folders, strict=True):
        _score(tuned, read_world(folder, one.name, one.seed), fitted)
        shutil.rmtree(folder.parent)
        say(f"{one.name}, seed {one.seed}: peers tuned")
    tested, flags, claims, seconds, found = _Scored(), [], [], [], 0
    for world, folder in _play(names, testing, scale, root, say):
        start = time.process_time()
        flag, claim, by_exchanges = _ours(world, folder)
        found += by_exchanges
        seconds.append(time.process_time() - start)
        shutil.rmtree(folder.parent)
        flags.append(flag)
        claims.append(claim)
        _score(tested, world, fitted)
        say(f"{world.name}, seed {world.seed}: scanned in {seconds[-1]:.0f} s, peers scored")
    lines = [_line(peer, tuned, tested) for peer in dict.fromkeys(peer for peer, _ in tuned.scores)]
    all_of_it = outcome(tested.worlds, flags, claims)
    by_world = {
        name: outcome(
            [w for w in tested.worlds if w.name == name],
            [f for f, w in zip(flags, tested.worlds, strict=True) if w.name == name],
            [c for c, w in zip(claims, tested.worlds, strict=True) if w.name == name],
        )
        for name in names
    }
    lines.append(
        Line(
            OURS,
            f"default; `evaluate`: {found} found",
            dict.fromkeys(BUDGETS, all_of_it),
            {},
            None,
            by_world,
            float(np.mean(seconds)),
        )
    )
    return lines


def _play(
    names: Sequence[str], seeds: Sequence[int], scale: float, root: Path, say: Say
) -> Iterator[tuple[World, Path]]:
    """Worlds, each with its folder, which the caller deletes.

    Worlds of one seed share their honest accounts, so each world has seeds of its own: none is counted twice.
    """
    for place, name in enumerate(names):
        for seed in (seed + APART * place for seed in seeds):
            folder = root / f"{name}-{seed}" / "world"
            folder.parent.mkdir()
            write_world(world_named(name), folder, seed=seed, scale=scale * SIZES.get(name, 1.0))
            world = read_world(folder, name, seed)
            say(f"{name}, seed {seed}: {world.n:,} accounts, {len(world.account):,} exchanges")
            yield world, folder


def _fit(texts: list[str], learned: tuple[Floats, Floats, Floats], rng: np.random.Generator) -> _Fitted:
    embedder = fit_embedder(texts)
    vectors = embedder(texts)
    order = rng.permutation(len(vectors))
    benign, rest = vectors[order[: len(order) // 2]], vectors[order[len(order) // 2 :]]
    tests: dict[str, Statistic] = {
        "SEAT": fit_seat(benign, rng),
        "PRADA": prada,
        "CAP": fit_cap(benign, rng),
        "marginal Mahalanobis": fit_mahalanobis(benign),
        "MMD": fit_mmd(benign, rng),
    }
    settings: dict[str, dict[str, Setting]] = {}
    for name, statistic in tests.items():
        settings[name] = {"as it is": as_it_is, "beyond chance at its size": beyond_chance(statistic, rest, rng)}
        if name in TWO_SIDED:
            usual = [statistic(Window(rest[rng.permutation(len(rest))[:100]])) for _ in range(200)]
            settings[name]["both tails"] = both_tails(usual)
    return _Fitted(embedder, tests, settings, learned)


def _score(into: _Scored, world: World, fitted: _Fitted) -> None:
    """Let every setting of every peer score a world."""

    def add(key: Key, work: Callable[[], Floats]) -> None:
        start = time.process_time()
        found = work()
        into.scores.setdefault(key, []).append(found)
        into.seconds.setdefault(key, []).append(time.process_time() - start)

    add(("rules, points", "by hand"), partial(rules.points, world))
    add(("rules, learned here", "from labels"), partial(rules.learned, world, fitted.learned))
    values, queries, took = by_account(world, fitted.embedder, fitted.tests)
    for peer, settings in fitted.settings.items():
        for setting, scored in settings.items():
            into.scores.setdefault((peer, setting), []).append(scored(values[peer], queries))
            into.seconds.setdefault((peer, setting), []).append(took[peer])
    for constraint in (*INDICATORS, "hour"):
        for smallest in (5, 20):
            setting = f"{constraint}, from {smallest} accounts"
            add(("SynchroTrap", setting), partial(synchrotrap, world, constraint, smallest))
    for title, names in GRAPHS.items():
        add(("FRAUDAR", title), partial(fraudar, world, names))
        add(("CatchSync", title), partial(catchsync, world, names))
        for measure in ("density", "cohesion", "size", "links"):
            add(("Leiden", f"{measure} on {title}"), partial(leiden, world, measure, names))
    into.worlds.append(replace(world, prompts=[]))


def _line(peer: str, tuned: _Scored, tested: _Scored) -> Line:
    """The peer's setting that found most on the tuning worlds, on the test worlds."""

    def worth(key: Key) -> tuple[float, ...]:
        scores = tuned.scores[key]
        found = [
            _at(tuned.worlds, scores, threshold(tuned.worlds, scores, b)).recall or 0.0 for b in (JUDGED, BUDGETS[-1])
        ]
        best = _at(tuned.worlds, scores, best_in_hindsight(tuned.worlds, scores))
        return (*found, 2.0 * best.drivers_flagged / max(best.drivers + best.drivers_flagged + best.honest_flagged, 1))

    key = max((key for key in tuned.scores if key[0] == peer), key=worth)
    before, now = tuned.scores[key], tested.scores[key]
    above = threshold(tuned.worlds, before, JUDGED)
    return Line(
        peer=peer,
        setting=key[1],
        tuned={b: _at(tested.worlds, now, threshold(tuned.worlds, before, b)) for b in BUDGETS},
        hindsight={b: _at(tested.worlds, now, threshold(tested.worlds, now, b)) for b in BUDGETS},
        best=_at(tested.worlds, now, best_in_hindsight(tested.worlds, now)),
        by_world={
            name: _at(
                [w for w in tested.worlds if w.name == name],
                [s for s, w in zip(now, tested.worlds, strict=True) if w.name == name],
                above,
            )
            for name in dict.fromkeys(world.name for world in tested.worlds)
        },
        seconds=float(np.mean(tested.seconds[key])),
    )


def _at(worlds: Sequence[World], scores: Sequence[Floats], above: float) -> Outcome:
    return outcome(worlds, [score > above for score in scores])


def _ours(world: World, folder: Path) -> tuple[Bools, Bools, int]:
    """Accounts that a scan's campaigns call drivers, exchanges that they claim, and campaigns found by `evaluate`."""
    out = folder.parent / "scan"
    scan([str(folder)], ScanOptions(out=out), Progress(quiet=True, live=False))
    scores = score_scan(out, folder)
    parts = pq.read_table(out / "finding_accounts.parquet")
    claimed = pq.read_table(out / "finding_exchanges.parquet", columns=["finding_id", "exchange_id"])
    findings = msgspec.json.decode((out / "findings.json").read_bytes())["findings"]
    campaigns = pa.array([one["finding_id"] for one in findings if one["verdict"] == "campaign"], pa.string())
    accused = parts.filter(pc.and_(pc.equal(parts["role"], "driver"), pc.is_in(parts["finding_id"], campaigns)))
    mine = claimed.filter(pc.is_in(claimed["finding_id"], campaigns))["exchange_id"].combine_chunks()
    flag = pc.is_in(pa.array(world.accounts), accused["account_id"].combine_chunks())
    claim = pc.is_in(world.exchanges, mine)
    return flag.to_numpy(zero_copy_only=False), claim.to_numpy(zero_copy_only=False), scores.found
