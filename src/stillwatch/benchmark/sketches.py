"""Sketches of prompts: error against exact Jaccard, then rate on one core, beside libraries that do the same.

All of them make 128 values of 5-word shingles. A rate is in bytes of text a second of processor time, of all threads
together, so that a library that starts threads of its own is not taken for a faster one. Making the input (an Arrow
array, a list, a data frame) is not counted; making shingles is, where a library wants them ready-made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stillwatch.benchmark import texts as made
from stillwatch.benchmark.measured import Column, Measured, Row, best_seconds, installed
from stillwatch.fingerprint.hashing import hash_strings
from stillwatch.fingerprint.record import fingerprint, likeness, sketch
from stillwatch.schema import SKETCH_BINS

MEGABYTES = 20.0
"""Text that is sketched, at scale 1."""

PAIRS = 2000
"""Pairs of texts that the error is measured on, at scale 1."""

ROUNDS = 5
"""Each works so often, by turns; the best counts."""

ROWS = 10_000
"""Records whose bytes are counted."""

PART_MB = {"datasketch": 2.0, "rensa": 6.0, "gaoya": 8.0}
"""What slow libraries are given, in MB; rates do not depend on it."""

Signatures = NDArray[np.generic]
Prepare = Callable[[Sequence[str]], Callable[[], Signatures]]
"""From texts to the work on them, which gives a row of values a text; no columns where they are not shown."""


def _sketch(texts: Sequence[str]) -> Callable[[], Signatures]:
    array = pa.array(texts, pa.large_string())
    return lambda: sketch(array)


def _record(texts: Sequence[str]) -> Callable[[], Signatures]:
    batch, positions = made.exchanges_of(pa.array(texts, pa.string())), np.arange(len(texts), dtype=np.int64)

    def work() -> Signatures:
        column = fingerprint(batch, positions, threads=1).column("sketch")
        return np.frombuffer(column.buffers()[1], np.uint8).reshape(len(texts), SKETCH_BINS)

    return work


def _one_pass(texts: Sequence[str]) -> Callable[[], Signatures]:
    array = pa.array(texts, pa.large_string())
    return lambda: np.zeros((len(hash_strings(array)), 0))


def _datasketch(texts: Sequence[str]) -> Callable[[], Signatures]:
    library = import_module("datasketch")

    def work() -> Signatures:
        out = []
        for text in texts:
            one = library.MinHash(num_perm=SKETCH_BINS)
            one.update_batch([shingle.encode() for shingle in made.shingles(text.split())])
            out.append(one.hashvalues)
        return np.array(out)

    return work


def _rensa(texts: Sequence[str]) -> Callable[[], Signatures]:
    library = import_module("rensa")

    def work() -> Signatures:
        out = []
        for text in texts:
            one = library.RMinHash(num_perm=SKETCH_BINS, seed=42)
            one.update(list(made.shingles(text.split())))
            out.append(one.digest())
        return np.array(out)

    return work


def _gaoya(texts: Sequence[str]) -> Callable[[], Signatures]:
    library = import_module("gaoya.minhash")
    listed = list(texts)

    def work() -> Signatures:
        index = library.MinHashStringIndex(
            hash_size=32, jaccard_threshold=0.5, num_bands=SKETCH_BINS // 4, band_size=4, num_hashes=SKETCH_BINS,
            analyzer="word", lowercase=True, ngram_range=(made.SHINGLE, made.SHINGLE),
        )  # fmt: skip
        index.par_bulk_insert_docs(list(range(len(listed))), listed)
        return np.zeros((len(listed), 0))

    return work


def _daft(texts: Sequence[str]) -> Callable[[], Signatures]:
    library = import_module("daft")
    frame = library.from_arrow(pa.table({"text": pa.array(texts, pa.large_string())}))

    def work() -> Signatures:
        expression = library.col("text").minhash(num_hashes=SKETCH_BINS, ngram_size=made.SHINGLE)
        column = frame.select(expression).to_arrow().column(0).combine_chunks()
        return np.asarray(column.flatten().to_numpy(zero_copy_only=False)).reshape(len(texts), SKETCH_BINS)

    return work


OURS: dict[str, Prepare] = {"sketch alone": _sketch, "whole fingerprint": _record}
YARDSTICK: dict[str, Prepare] = {"one pass of hashing": _one_pass}
PEERS: dict[str, Prepare] = {"datasketch": _datasketch, "rensa": _rensa, "gaoya": _gaoya, "daft": _daft}


def measure_sketches(scale: float = 1.0, corpus: Path | None = None) -> Measured:
    """Error and rate of the sketch, of the whole fingerprint, and of each library that is installed.

    corpus: a folder of Parquet files with prompts, in place of the range's texts.
    """
    megabytes = MEGABYTES * scale
    texts = made.from_range(megabytes, 1) if corpus is None else made.from_folder(corpus, megabytes)
    size = made.n_bytes(texts)
    left, right, exact = made.pairs(texts, max(50, int(PAIRS * scale)), 2)
    there, remarks = installed(tuple(PEERS))
    methods = OURS | YARDSTICK | {name: PEERS[name] for name in there}
    errors = {name: _error(prepare, left, right, exact) for name, prepare in methods.items()}
    shares = [min(1.0, PART_MB.get(name, megabytes) / megabytes) for name in methods]
    parts = [texts[: max(1, int(len(texts) * share))] for share in shares]
    works = [prepare(part) for prepare, part in zip(methods.values(), parts, strict=True)]
    seconds = best_seconds(works, ROUNDS, time.process_time)
    rates = {name: made.n_bytes(p) / 1e6 / s for name, p, s in zip(methods, parts, seconds, strict=True)}
    ours = rates[next(iter(OURS))]
    rows = [
        Row(name, {"error": errors[name], "mb_per_second": rate, "times": ours / rate}) for name, rate in rates.items()
    ]
    if there:
        fastest = max(there, key=lambda name: rates[name])
        remarks = (f"the sketch is {ours / rates[fastest]:.1f} times as fast as {fastest}, the fastest", *remarks)
    record = fingerprint(made.exchanges_of(pa.array(texts[:ROWS], pa.string())), np.arange(len(texts[:ROWS])))
    remarks = (*remarks, f"a fingerprint holds {record.nbytes / record.num_rows:,.0f} bytes, however long its texts")
    return Measured(
        "sketch",
        f"sketching prompts: {len(texts):,} texts, {size / 1e6:.1f} MB, {len(left):,} pairs",
        (
            Column("error", "error of Jaccard", "{:.4f}"),
            Column("mb_per_second", "MB/s and core", "{:,.1f}"),
            Column("times", "our sketch is faster", "{:,.3g} x"),
        ),
        tuple(rows),
        remarks,
    )


def _error(prepare: Prepare, left: Sequence[str], right: Sequence[str], exact: NDArray[np.float64]) -> float | None:
    """Root mean square error of the estimated Jaccard; None where no signatures are shown."""
    a, b = prepare(left)(), prepare(right)()
    if not a.shape[1]:
        return None
    ours = a.dtype == np.uint8
    estimate = likeness(a.astype(np.uint8), b.astype(np.uint8)) if ours else (a == b).mean(axis=1)
    return float(np.sqrt(np.mean((estimate - exact) ** 2)))
