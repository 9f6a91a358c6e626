"""Sketches beside datasketch, rensa, gaoya and daft: rate on one core, and error against exact Jaccard, in one run.

    python benchmarks/sketch_peers.py [--corpus FOLDER] [--megabytes 20]

All of them make 128 values of 5-word shingles. Texts are made up, or the prompts of the Parquet files of a folder; the
error is the root mean square over pairs of texts of which some words were replaced, so that every degree of likeness
occurs. Each rate is the best of two runs; a peer too slow for all of the texts gets a part of them. What is not
installed is left out, and said.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.fingerprint.record import sketch

WORDS = 5
PERMUTATIONS = 128
PART_MB = {"datasketch": 2.0, "rensa": 6.0, "gaoya": 8.0}
"""What slow peers are given, in MB; rates do not depend on it."""

Signatures = Callable[[list[str]], np.ndarray]


def made_up(megabytes: float, rng: random.Random) -> list[str]:
    """Texts of made-up words, Zipf, of the lengths of prompts."""
    words = ["".join(rng.choice("etaoinshrdlucm") for _ in range(rng.randrange(2, 10))) for _ in range(20_000)]
    weights = [1 / (rank + 3) for rank in range(len(words))]
    out, size = [], 0.0
    while size < megabytes * 1e6:
        text = " ".join(rng.choices(words, weights, k=int(rng.lognormvariate(4.6, 1)) + 6))
        out.append(text)
        size += len(text)
    return out


def from_folder(folder: Path, megabytes: float) -> list[str]:
    """Prompts of the Parquet files of a folder, repeated until there are enough."""
    texts: list[str] = []
    for path in sorted(folder.glob("*.parquet")):
        for name in {"prompt", "instruction", "question", "text"} & set(pq.read_schema(path).names):
            column = pq.read_table(path, columns=[name])[name].drop_null()
            texts += [t for t in column.to_pylist() if isinstance(t, str) and len(t.split()) > 2 * WORDS]
    out, size = [], 0.0
    while texts and size < megabytes * 1e6:
        out.append(texts[len(out) % len(texts)])
        size += len(out[-1].encode())
    return out


def pairs(texts: list[str], n: int, rng: random.Random) -> tuple[list[str], list[str], np.ndarray]:
    """Pairs of texts, words of the second replaced at every rate, and their exact Jaccard of shingles.

    Letters only, in small: what a word is differs from tool to tool with punctuation and digits, and is not measured.
    """
    long = [t for t in (re.findall("[a-z]+", text.lower()) for text in texts[: 5 * n]) if len(t) >= 40]
    left, right, exact = [], [], []
    for at in range(n):
        words = long[at % len(long)]
        rate = rng.random() ** 2 * 0.4
        other = [rng.choice(words) if rng.random() < rate else word for word in words]
        a, b = shingles(words), shingles(other)
        left.append(" ".join(words))
        right.append(" ".join(other))
        exact.append(len(a & b) / len(a | b))
    return left, right, np.array(exact)


def shingles(words: list[str]) -> set[tuple[str, ...]]:
    """The shingles of a text: what all of them sketch."""
    return {tuple(word.lower() for word in words[i : i + WORDS]) for i in range(len(words) - WORDS + 1)}


def ours(texts: list[str]) -> np.ndarray:
    """128 bins of 8 bits."""
    return sketch(pa.array(texts, pa.large_string()))


def by_datasketch(texts: list[str]) -> np.ndarray:
    """datasketch.MinHash."""
    from datasketch import MinHash

    out = []
    for text in texts:
        one = MinHash(num_perm=PERMUTATIONS)
        one.update_batch([" ".join(s).encode() for s in shingles(text.split())])
        out.append(one.hashvalues)
    return np.array(out)


def by_rensa(texts: list[str]) -> np.ndarray:
    """rensa.RMinHash."""
    from rensa import RMinHash

    out = []
    for text in texts:
        one = RMinHash(num_perm=PERMUTATIONS, seed=42)
        one.update([" ".join(s) for s in shingles(text.split())])
        out.append(one.digest())
    return np.array(out)


def by_gaoya(texts: list[str]) -> np.ndarray:
    """gaoya.minhash over word n-grams, its own tokenizer."""
    from gaoya.minhash import MinHashStringIndex

    index = MinHashStringIndex(
        hash_size=32, jaccard_threshold=0.5, num_bands=PERMUTATIONS // 4, band_size=4, num_hashes=PERMUTATIONS,
        analyzer="word", lowercase=True, ngram_range=(WORDS, WORDS),
    )  # fmt: skip
    index.par_bulk_insert_docs(list(range(len(texts))), texts)
    return np.zeros((0, 0))


def by_daft(texts: list[str]) -> np.ndarray:
    """daft's minhash expression."""
    import daft

    frame = daft.from_pydict({"t": texts})
    column = frame.select(daft.col("t").minhash(num_hashes=PERMUTATIONS, ngram_size=WORDS)).to_arrow()
    return np.array(column.column(0).to_pylist())


PEERS: dict[str, Signatures] = {
    "stillwatch": ours,
    "datasketch": by_datasketch,
    "rensa": by_rensa,
    "gaoya": by_gaoya,
    "daft": by_daft,
}


def rate(make: Signatures, texts: list[str]) -> float:
    """MB a second, the best of two."""
    size = sum(len(t.encode()) for t in texts) / 1e6
    best = float("inf")
    for _ in range(2):
        begin = time.perf_counter()
        make(texts)
        best = min(best, time.perf_counter() - begin)
    return size / best


def error(make: Signatures, left: list[str], right: list[str], exact: np.ndarray) -> float:
    """Root mean square error of the estimated Jaccard; NaN for a peer that shows no signatures."""
    a, b = make(left), make(right)
    if a.size == 0:
        return float("nan")
    same = (a == b).mean(axis=1)
    # 8 bits agree by chance once in 256: taken out, as a user of the sketch does
    estimate = (same - 1 / 256) / (1 - 1 / 256) if a.dtype == np.uint8 else same
    return float(np.sqrt(np.mean((estimate - exact) ** 2)))


def main() -> None:
    """Print the table, and the ratio to the fastest peer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--megabytes", type=float, default=20)
    asked = parser.parse_args()
    rng = random.Random(0)
    texts = from_folder(asked.corpus, asked.megabytes) if asked.corpus else made_up(asked.megabytes, rng)
    left, right, exact = pairs(texts, 1000, rng)
    rates: dict[str, float] = {}
    print(f"{'':12} {'MB/s':>8} {'error':>8}")
    for name, make in PEERS.items():
        if name != "stillwatch" and importlib.util.find_spec(name) is None:
            print(f"{name:12} not installed")
            continue
        share = min(1.0, PART_MB.get(name, asked.megabytes) / asked.megabytes)
        part = texts[: max(1, int(len(texts) * share))]
        make(part[:100])
        rates[name] = rate(make, part)
        print(f"{name:12} {rates[name]:8.1f} {error(make, left, right, exact):8.4f}", flush=True)
    peers = {name: value for name, value in rates.items() if name != "stillwatch"}
    if peers:
        fastest = max(peers, key=lambda name: peers[name])
        print(f"stillwatch is {rates['stillwatch'] / peers[fastest]:.1f} times {fastest}, the fastest of them")


if __name__ == "__main__":
    main()
