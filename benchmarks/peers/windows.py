"""The protocol of arXiv 2606.05725 on the public corpus: pooled windows of honest queries with some of a campaign's.

Honest conversations are split in three: to fit on, to calibrate on, to test on. Thresholds are the 95th percentile of
benign calibration windows, for every test alike. Each window, to calibrate or to test, is drawn from another half of
its part's conversations, so that windows differ as people differ and not only as queries do; queries of one window are
distinct. Every test sees the very same windows, so that tests are compared in pairs. Ours is also told which honest
queries are of one conversation, as any log tells which are of one account; a campaign's are each of another sender.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from benchmarks.peers import ours_examples, ours_window
from benchmarks.peers.cap import fit_cap
from benchmarks.peers.corpus import Source, read_drifted, read_honest, read_sources
from benchmarks.peers.embedding import fit_embedder
from benchmarks.peers.mahalanobis import fit_mahalanobis
from benchmarks.peers.mmd import fit_mmd
from benchmarks.peers.prada import prada
from benchmarks.peers.seat import fit_seat
from benchmarks.peers.window import Statistic, Window

Floats = NDArray[np.float64]

MIXES = (0.05, 0.1, 0.25, 0.5, 1.0)
DRIFTS = (0.1, 0.25)
"""Shares of a window that come from other honest people."""

LEVEL = 0.05
"""False alarms that thresholds are set for: the 95th percentile, as in the paper's own code."""

WINDOWS = {100: 60, 500: 40, 1_500: 20}
"""Size of a window: windows of each source and mix. Calibration and honest windows are several times as many."""

CALIBRATION, HONEST = 5, 4
"""Times as many."""

EXAMPLES = 3_000
"""Queries of a source that are examples at the most, and three times as many benign ones beside them."""

TWO_SIDED = ("SEAT", "PRADA", "CAP")
OURS, OURS_WITH_EXAMPLES = "ours", "ours, with examples"
PARTS = {"ours, form alone": "form", "ours, crowd alone": "crowd"}
"""What each part of ours would do by itself."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Cell:
    """Windows of one size, source and mix in one split. alarms: test -> (windows,) 1 where it raised one.

    With examples there is a test for each family that is left out, and one with all; honest windows have the share of
    those that alarm.
    """

    size: int
    source: str
    mix: float
    alarms: dict[str, Floats]


@dataclass(frozen=True, slots=True)
class Result:
    """cells: with a campaign's queries; honest: without (mix 0); drifted: with other honest people's.

    independent: size -> honest windows that share no query, in all splits together; unseen: names of sources.
    """

    cells: list[Cell]
    honest: list[Cell]
    drifted: list[Cell]
    independent: dict[int, int]
    unseen: frozenset[str]


def compare(corpus: Path, splits: Sequence[int], say: Say) -> Result:
    """Every test on every source, size and mix, in each split. A mix that needs over half of a source is left out."""
    sources, drifted = read_sources(corpus), read_drifted(corpus)
    result = Result([], [], [], dict.fromkeys(WINDOWS, 0), frozenset(one.name for one in sources if one.unseen))
    for split in splits:
        bench = Bench(corpus, sources, drifted, split)
        for size, windows in WINDOWS.items():
            result.independent[size] += bench.n_test // size
            bench.calibrate(size, CALIBRATION * windows)
            result.honest.append(bench.cell(size, None, 0.0, HONEST * windows))
            for kind, mixes, cells in ((sources, MIXES, result.cells), (drifted, DRIFTS, result.drifted)):
                for source in kind:
                    for mix in mixes:
                        if 2 * round(mix * size) <= len(source.texts):
                            cells.append(bench.cell(size, source, mix, windows))
            say(f"split {split}, windows of {size:,} queries: done")
    return result


@dataclass(frozen=True, slots=True)
class _Pool:
    """Queries made ready for every test. across: MMD's part; odds: family left out -> log odds by examples."""

    vectors: NDArray[np.float32]
    across: NDArray[np.float32]
    queries: ours_window.Queries
    odds: dict[str, NDArray[np.float32]]


class Bench:
    """One split of the honest conversations, with every test fitted on its first part."""

    def __init__(self, corpus: Path, sources: Sequence[Source], drifted: Sequence[Source], split: int):
        self._rng = rng = np.random.default_rng(split)
        honest = read_honest(corpus, rng)
        fit, calibrate, test = ([honest.texts[row] for row in np.flatnonzero(honest.part == p)] for p in range(3))
        self._conversation = {
            "calibrate": honest.conversation[honest.part == 1],
            "test": honest.conversation[honest.part == 2],
        }
        self.n_test = len(test)
        embedder = fit_embedder(fit)
        vectors, form = embedder(fit), ours_window.forms(fit)
        benign = ours_window.fit_benign(form, vectors, rng)
        mmd = fit_mmd(vectors, rng)
        self._statistics: dict[str, Statistic] = {
            "SEAT": fit_seat(vectors, rng),
            "PRADA": prada,
            "CAP": fit_cap(vectors, rng),
            "marginal Mahalanobis": fit_mahalanobis(vectors),
            "MMD": mmd,
        }
        vocabulary = ours_examples.common_words(fit)
        table = ours_examples.measures(vocabulary, fit, ours_window.queries(benign, form, vectors).form)
        self._families = [*sorted({one.family for one in sources if not one.unseen}), ""]
        tables, pools = {}, {}
        named = {"calibrate": calibrate, "test": test} | {one.name: one.texts for one in (*sources, *drifted)}
        for name, texts in named.items():
            own = embedder(texts)
            queries = ours_window.queries(benign, ours_window.forms(texts), own)
            tables[name] = ours_examples.measures(vocabulary, texts, queries.form)
            pools[name] = _Pool(own, mmd.across(own), queries, {})
        for family in self._families:
            known = [one for one in sources if one.family != family and not one.unseen]
            examples = [
                [tables[one.name][:EXAMPLES] for one in known if one.family == other]
                for other in sorted({one.family for one in known})
            ]
            weights = ours_examples.learn(table[: 3 * EXAMPLES], examples)
            for name, pool in pools.items():
                pool.odds[family] = ours_examples.log_odds(weights, tables[name])
        self._pools = pools
        self._law = ours_window.Law(1.0, 1.0, 0.0, 1.0)
        self._odds_law: dict[str, tuple[float, float]] = {}
        self._bounds: dict[str, tuple[float, float]] = {}

    def calibrate(self, size: int, windows: int) -> None:
        """Laws and thresholds from benign windows of a size; the laws from half of them, thresholds from all."""
        seen = [self._values("calibrate", size, None, 0) for _ in range(windows)]
        first = seen[: windows // 2]
        self._law = ours_window.fit_law([one["form"] for one in first], [one["crowd"] for one in first])
        for family in self._families:
            odds = [one[f"odds {family}"] for one in first]
            self._odds_law[family] = (float(np.mean(odds)), float(np.std(odds)) + 1e-12)
        scored = [one | self._ours(one) for one in seen]
        self._bounds = {}
        for name in (*self._statistics, *PARTS, *self._ours(seen[0])):
            values = [one[name] for one in scored]
            tails = (LEVEL / 2.0, 1.0 - LEVEL / 2.0) if name in TWO_SIDED else (0.0, 1.0 - LEVEL)
            low, high = (float(x) for x in np.quantile(values, tails))
            self._bounds[name] = (low if name in TWO_SIDED else -np.inf, high)

    def cell(self, size: int, source: Source | None, mix: float, windows: int) -> Cell:
        """Alarms of every test on windows of a source and mix."""
        rows = []
        families = self._families
        if source is not None:
            families = [source.family if source.family in self._families else ""]
        for _ in range(windows):
            values = self._values("test", size, source, round(mix * size))
            values |= self._ours(values)
            alarm = {name: float(not low <= values[name] <= high) for name, (low, high) in self._bounds.items()}
            rows.append({name: alarm[name] for name in (*self._statistics, *PARTS, OURS)})
            rows[-1][OURS_WITH_EXAMPLES] = float(np.mean([alarm[f"{OURS} without {family}"] for family in families]))
        return Cell(size, source.name if source else "", mix, {n: np.array([row[n] for row in rows]) for n in rows[0]})

    def _values(self, part: str, size: int, source: Source | None, others: int) -> dict[str, float]:
        """Every test's statistic on one window, drawn from half of the part's conversations and half of the source."""
        conversation, pool = self._conversation[part], self._pools[part]
        n = int(conversation.max()) + 1
        half = self._rng.random(n) < 0.5
        rows = self._rng.permutation(np.flatnonzero(half[conversation]))[: size - others]
        vectors, across, queries, odds = pool.vectors[rows], pool.across[rows], pool.queries.take(rows), pool.odds
        sender = conversation[rows]
        means = {family: float(odds[family][rows].sum()) for family in self._families}
        if source is not None:
            added = self._pools[source.name]
            chosen = self._rng.permutation(len(source.texts))[: len(source.texts) // 2][:others]
            vectors = np.concatenate([vectors, added.vectors[chosen]])
            across = np.concatenate([across, added.across[chosen]])
            queries = queries.with_others(added.queries.take(chosen))
            sender = np.concatenate([sender, -1 - np.arange(others)])
            means = {family: value + float(added.odds[family][chosen].sum()) for family, value in means.items()}
        window = Window(vectors, across)
        values = {name: statistic(window) for name, statistic in self._statistics.items()}
        values["form"] = ours_window.change_of_form(queries)
        values["crowd"] = ours_window.crowd(queries, window.products, sender)
        values |= {name: values[part] for name, part in PARTS.items()}
        return values | {f"odds {family}": value / size for family, value in means.items()}

    def _ours(self, values: dict[str, float]) -> dict[str, float]:
        """Our scores, without examples and with those of all families but one."""
        plain = ours_window.window_score(values["form"], values["crowd"], self._law)
        out = {OURS: plain}
        for family, (mean, spread) in self._odds_law.items():
            bits = -float(log_ndtr(-(values[f"odds {family}"] - mean) / spread)) / np.log(2.0)
            out[f"{OURS} without {family}"] = max(plain, bits)
        return out
