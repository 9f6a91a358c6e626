"""Templates against drain3 and plain sketch buckets: purity, completeness and prompts a second, at growing sizes.

Run: python benchmarks/templates_peers.py [--sizes 20000 200000] [--corpus FOLDER] [--skip drain3]

Every method gets the same prompts and answers with a group for each; truth is the mould that a prompt was poured from.
Purity: of the poured prompts in groups, the share whose mould is their group's commonest. `variants`: the same with
moulds that share half of their text taken as one. Completeness: of all poured prompts, the share in their mould's
commonest group; a prompt in no group is a group of its own. `own`: share of the prompts that come from no mould and yet
are in a group of ten or more.
Rates are prompts a second of wall clock; fingerprints, which the last two need, are timed apart. Without --corpus,
moulds and prompts are of the tests' made-up grammar.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from template_real import pour_real
from template_worlds import Sent, completeness, labels, pour, poured_purity, write_fingerprints

from stillwatch.templates.find import find_templates

Groups = list[int | None]


def by_drain(sent: Sequence[Sent], folder: Path) -> Groups:
    """Groups of drain3 at its default similarity, 0.4."""
    from drain3 import TemplateMiner
    from drain3.template_miner_config import TemplateMinerConfig

    config = TemplateMinerConfig()
    config.profiling_enabled = False
    miner = TemplateMiner(config=config)
    return [miner.add_log_message((s.prompt or "").replace("\n", " "))["cluster_id"] for s in sent]


def by_sketch(sent: Sequence[Sent], folder: Path, *, rows: int = 4, least: float = 0.4) -> Groups:
    """Connected prompts: those in a bucket of one of 128 / rows bands that agree in `least` of their sketch's bins."""
    parts = [
        pq.read_table(p, columns=["sketch"])["sketch"].combine_chunks()
        for p in sorted((folder / "prints").glob("part-*"))
    ]
    sketches = np.concatenate([np.frombuffer(p.buffers()[1], np.uint8).reshape(-1, 128)[: len(p)] for p in parts])
    ends: list[npt.NDArray[np.int64]] = []
    for band in range(0, 128, rows):
        keys = np.ascontiguousarray(sketches[:, band : band + rows]).view(f"V{rows}").ravel()
        _, first, group = np.unique(keys, return_index=True, return_inverse=True)
        here, there = np.arange(len(sketches)), first[group]
        edge = here != there
        here, there = here[edge], there[edge]
        alike = np.empty(len(here), np.bool_)
        for at in range(0, len(here), 100_000):
            block = slice(at, at + 100_000)
            alike[block] = (sketches[here[block]] == sketches[there[block]]).mean(axis=1) >= least
        ends.append(np.stack([here[alike], there[alike]]))
    a, b = np.concatenate(ends, axis=1)
    n = len(sketches)
    found: list[int] = connected_components(coo_matrix((np.ones(len(a), np.int8), (a, b)), (n, n)))[1].tolist()
    return list(found)


def by_anchors(sent: Sequence[Sent], folder: Path) -> Groups:
    """Our own templates."""
    find_templates(folder / "prints", folder / "out", memory_mb=1024, threads=2)
    return labels(folder / "out", len(sent))


METHODS: dict[str, Callable[[Sequence[Sent], Path], Groups]] = {
    "drain3": by_drain, "sketch buckets": by_sketch, "stillwatch": by_anchors,
}  # fmt: skip


def report(name: str, sent: Sequence[Sent], same: Sequence[int], found: Groups, seconds: float) -> str:
    """One line of the table."""
    truth = [s.mould for s in sent]
    variants = [same[t] if t >= 0 else -1 for t in truth]
    sizes = Counter(g for g in found if g is not None)
    own = [g is not None and sizes[g] >= 10 for t, g in zip(truth, found, strict=True) if t < 0]
    return (
        f"| {name} | {len(sent):,} | {poured_purity(truth, found):.4f} | {poured_purity(variants, found):.4f} "
        f"| {completeness(truth, found):.4f} | {sum(own) / max(1, len(own)):.4f} | {len(sent) / seconds:,.0f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--skip", nargs="*", default=[])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print("| method | prompts | purity | variants | completeness | own | prompts/s |\n|---|---|---|---|---|---|---|")
    for size in options.sizes:
        if options.corpus:
            sent, same = pour_real(options.corpus, size, seed=options.seed)
        else:
            sent, same = pour(random.Random(options.seed), size, 2000), list(range(2000))
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            began = time.perf_counter()
            write_fingerprints(sent, folder / "prints", part=50_000)
            print(f"| (fingerprints) | {size:,} | | | | | {size / (time.perf_counter() - began):,.0f} |")
            by_anchors(sent, folder)  # compiles, or reads the compiled kernels
            for method, work in METHODS.items():
                if method not in options.skip:
                    began = time.perf_counter()
                    found = work(sent, folder)
                    print(report(method, sent, same, found, time.perf_counter() - began), flush=True)


if __name__ == "__main__":
    main()
