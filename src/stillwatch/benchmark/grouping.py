"""Grouping prompts by the mould they were poured from: purity and completeness, then prompts a second.

Purity: of the poured prompts in groups, the share whose mould is their group's commonest. Completeness: of all poured
prompts, the share in their mould's commonest group; a prompt in no group is a group of its own. Own: share of the
prompts of no mould that are in a group of ten or more. Every method begins with the texts, so our fingerprints are in
our time.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from stillwatch.benchmark.agreement import Groups, completeness, labels, poured_purity
from stillwatch.benchmark.measured import Column, Measured, Row, best_seconds, installed
from stillwatch.benchmark.texts import exchanges_of
from stillwatch.engine.parts import part_path, write_table
from stillwatch.fingerprint.record import fingerprint, likeness, sketch
from stillwatch.schema import SKETCH_BINS
from stillwatch.templates.find import find_templates
from stillwatch.traffic_range.texts.english import ENGLISH
from stillwatch.traffic_range.texts.moulds import TASKS, own_moulds, slots
from stillwatch.traffic_range.texts.topics import TOPICS

PROMPTS = 20_000
MOULDS = 500
"""Prompts that are grouped and moulds they come from, at scale 1."""

WARM_PROMPTS = 500
PART_ROWS = 50_000
BAND_BINS, BAND_LIKENESS = 4, 0.4
"""The sketch buckets: bins of a band, and share of bins in which neighbours agree."""

MOST_MEMORY_MB = 1024


@dataclass(frozen=True, slots=True)
class Poured:
    """Prompts and what they came from.

    prompts, systems: as sent.  mould: of each prompt, -1 for a text of its own.  variant_of: of each mould, the first
    of those that are nearly the same; None where all are told apart.
    """

    prompts: pa.Array
    systems: pa.Array
    mould: NDArray[np.int64]
    accounts: pa.Array
    variant_of: NDArray[np.int64] | None = None

    def first(self, n: int) -> Poured:
        """The first n of them."""
        return Poured(self.prompts[:n], self.systems[:n], self.mould[:n], self.accounts[:n], self.variant_of)


def pour(n: int, n_moulds: int, seed: int) -> Poured:
    """Prompts of the traffic range's texts, half of them poured from its moulds, some of these far oftener."""
    rng = np.random.default_rng(seed)
    about = rng.integers(0, len(TOPICS), n_moulds)
    moulds = own_moulds(rng, rng.integers(0, len(TASKS), n_moulds), about)
    weights = 1.0 / (np.arange(n_moulds) + 3)
    which = rng.choice(n_moulds, n, p=weights / weights.sum())
    own = rng.random(n) < 0.5
    texts = ENGLISH.expand("message", rng, n, rng.integers(0, len(TOPICS), n))
    filled = moulds.pour(which, slots(rng, moulds.task[which], about[which]))
    mask = pa.array(own)
    return Poured(
        prompts=pc.if_else(mask, texts, filled),
        systems=pc.if_else(mask, pa.scalar(None, pa.string()), moulds.systems(which)),
        mould=np.where(own, -1, which).astype(np.int64),
        accounts=pc.binary_join_element_wise("a", pa.array(rng.integers(0, n // 20 + 2, n)).cast(pa.string()), ""),
    )


def _whole(poured: Poured) -> pa.Array:
    """System prompt and prompt in one, for methods that know one text."""
    return pc.binary_join_element_wise(pc.fill_null(poured.systems, ""), poured.prompts, " ")


def by_drain(poured: Poured, folder: Path) -> Groups:
    """Groups of drain3 at its default similarity, 0.4."""
    config = import_module("drain3.template_miner_config").TemplateMinerConfig()
    config.profiling_enabled = False
    miner = import_module("drain3").TemplateMiner(config=config)
    return [miner.add_log_message(text.replace("\n", " "))["cluster_id"] for text in _whole(poured).to_pylist()]


def by_buckets(poured: Poured, folder: Path) -> Groups:
    """Connected prompts: those in one bucket of one band of their sketches that agree in enough of their bins."""
    sketches = sketch(_whole(poured))
    ends: list[NDArray[np.int64]] = []
    for band in range(0, SKETCH_BINS, BAND_BINS):
        keys = np.ascontiguousarray(sketches[:, band : band + BAND_BINS]).view(f"V{BAND_BINS}").ravel()
        _, first, group = np.unique(keys, return_index=True, return_inverse=True)
        here, there = np.arange(len(sketches)), first[group]
        # A band that is empty is no bucket.
        edge = (here != there) & sketches[:, band : band + BAND_BINS].any(axis=1)
        here, there = here[edge], there[edge]
        alike = np.empty(len(here), np.bool_)
        for at in range(0, len(here), 100_000):
            block = slice(at, at + 100_000)
            alike[block] = likeness(sketches[here[block]], sketches[there[block]]) >= BAND_LIKENESS
        ends.append(np.stack([here[alike], there[alike]]))
    a, b = np.concatenate(ends, axis=1)
    n = len(sketches)
    found: list[int] = connected_components(coo_matrix((np.ones(len(a), np.int8), (a, b)), (n, n)))[1].tolist()
    return found


def by_templates(poured: Poured, folder: Path) -> Groups:
    """Our own templates, fingerprints and all."""
    n = len(poured.prompts)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        prints, out = Path(name) / "prints", Path(name) / "out"
        prints.mkdir()
        for number, first in enumerate(range(0, n, PART_ROWS)):
            rows = np.arange(first, min(n, first + PART_ROWS), dtype=np.int64)
            prompts, systems, accounts = (
                one.slice(first, PART_ROWS) for one in (poured.prompts, poured.systems, poured.accounts)
            )
            record = fingerprint(exchanges_of(prompts, systems, accounts, rows), rows, threads=1)
            write_table(pa.Table.from_batches([record]), part_path(prints, number))
        find_templates(prints, out, memory_mb=MOST_MEMORY_MB, threads=1)
        return labels(out, n)


Method = Callable[[Poured, Path], Groups]
OURS = "stillwatch"
METHODS: dict[str, Method] = {OURS: by_templates, "sketch buckets": by_buckets, "drain3": by_drain}
PEERS = ("drain3",)


def measure_grouping(scale: float = 1.0) -> Measured:
    """Purity, completeness and rate on prompts of the range, for ourselves and what is installed."""
    n = max(500, int(PROMPTS * scale))
    return compare(pour(n, max(10, int(MOULDS * scale)), 3), rounds=2)


def compare(poured: Poured, *, rounds: int, skip: Sequence[str] = ()) -> Measured:
    """The same on given prompts. rounds: how often each method works, the best counts."""
    n = len(poured.prompts)
    there, remarks = installed([name for name in PEERS if name not in skip])
    names = [name for name in METHODS if name not in skip and (name not in PEERS or name in there)]
    groups: dict[str, Groups] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            # What a method does once, such as loading compiled code, is in nobody's time.
            METHODS[name](poured.first(WARM_PROMPTS), Path(folder))

        def work(name: str) -> Callable[[], None]:
            return lambda: groups.__setitem__(name, METHODS[name](poured, Path(folder)))

        seconds = best_seconds([work(name) for name in names], rounds)
    rate = dict(zip(names, (n / one for one in seconds), strict=True))
    rows = [
        Row(name, {**_scores(poured, groups[name]), "per_second": rate[name], "times": rate[OURS] / rate[name]})
        for name in names
    ]
    share, n_moulds = float((poured.mould >= 0).mean()), len(np.unique(poured.mould[poured.mould >= 0]))
    return Measured(
        "grouping",
        f"grouping prompts by mould: {n:,} prompts, {share:.0%} of them from {n_moulds:,} moulds",
        (
            Column("purity", "purity", "{:.4f}"),
            *((Column("variants", "variants", "{:.4f}"),) if poured.variant_of is not None else ()),
            Column("completeness", "completeness", "{:.4f}"),
            Column("own", "own", "{:.4f}"),
            Column("per_second", "prompts/s", "{:,.0f}"),
            Column("times", "ours is faster", "{:,.3g} x"),
        ),
        tuple(rows),
        remarks,
    )


def _scores(poured: Poured, found: Groups) -> dict[str, float | None]:
    truth = poured.mould.tolist()
    sizes = Counter(group for group in found if group is not None)
    own = [group is not None and sizes[group] >= 10 for mould, group in zip(truth, found, strict=True) if mould < 0]
    scores: dict[str, float | None] = {"purity": poured_purity(truth, found)}
    if poured.variant_of is not None:
        variants = np.where(poured.mould >= 0, poured.variant_of[poured.mould], -1).tolist()
        scores["variants"] = poured_purity(variants, found)
    return scores | {"completeness": completeness(truth, found), "own": sum(own) / max(1, len(own))}
