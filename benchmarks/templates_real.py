"""Templates on real moulds filled with real texts, at growing sizes, beside drain3 and plain sketch buckets.

    python benchmarks/templates_real.py FOLDER [--sizes 20000 200000] [--seed 0] [--skip drain3]

What `stillwatch bench grouping` measures on the traffic range's texts, of the public prompts in a folder of Parquet
files. `variants` is purity with moulds taken as one that share half of their text.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from template_real import pour_real

from stillwatch.benchmark.grouping import Poured, compare
from stillwatch.commands.bench import show


def poured(corpus: Path, size: int, seed: int) -> Poured:
    """Prompts of real moulds."""
    sent, same = pour_real(corpus, size, seed=seed)
    return Poured(
        prompts=pa.array([s.prompt for s in sent], pa.string()),
        systems=pa.array([s.system for s in sent], pa.string()),
        mould=np.array([s.mould for s in sent], np.int64),
        accounts=pa.array([s.account for s in sent], pa.string()),
        variant_of=np.array(same, np.int64),
    )


def main() -> None:
    """Print a table for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--skip", nargs="*", default=[])
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    for size in asked.sizes:
        show(compare(poured(asked.corpus, size, asked.seed), rounds=1, skip=asked.skip))


if __name__ == "__main__":
    main()
