"""Texts to measure on: the traffic range's own, or the prompts of a folder; pairs of known likeness; exchanges."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stillwatch.errors import InputError
from stillwatch.schema import EXCHANGE
from stillwatch.traffic_range.texts.english import ENGLISH
from stillwatch.traffic_range.texts.topics import TOPICS

SHINGLE = 5
"""Words of a shingle: what all sketches here are made of."""

LEAST_WORDS = 40
"""Words of the shortest text of a pair."""

START = 1_700_000_000_000_000
"""When the first exchange comes in, UTC microseconds; the others come a second apart."""


def from_range(megabytes: float, seed: int) -> list[str]:
    """English texts of the traffic range, half a kilobyte in the median and one in the mean, as prompts are."""
    rng = np.random.default_rng(seed)
    out: list[str] = []
    size = 0
    while size < megabytes * 1e6:
        passages = ENGLISH.expand("passage", rng, 4000, rng.integers(0, len(TOPICS), 4000)).to_pylist()
        while passages and size < megabytes * 1e6:
            n = max(1, int(rng.lognormal(0.0, 1.0)))
            out.append(" ".join(passages[:n]))
            size += len(out[-1].encode())
            del passages[:n]
    return out


def from_folder(folder: Path, megabytes: float) -> list[str]:
    """Prompts of the Parquet files of a folder, repeated until there are enough.

    Raises: InputError where the folder holds none.
    """
    found: list[str] = []
    for path in sorted(folder.glob("*.parquet")):
        for name in ("prompt", "instruction", "question", "text"):
            if name in pq.read_schema(path).names:
                column = pq.read_table(path, columns=[name])[name].drop_null()
                found += [text for text in column.to_pylist() if isinstance(text, str) and len(text.split()) > 10]
    if not any(len(_words(text)) >= LEAST_WORDS for text in found):
        raise InputError(
            "no prompts to measure on",
            source=str(folder),
            hint="name a folder of Parquet files with a column prompt, instruction, question or text",
        )
    out: list[str] = []
    size = 0
    for text in cycle(found):
        if size >= megabytes * 1e6:
            break
        out.append(text)
        size += len(text.encode())
    return out


def n_bytes(texts: Sequence[str]) -> int:
    """Bytes of texts."""
    return sum(len(text.encode()) for text in texts)


def pairs(texts: Sequence[str], n: int, seed: int) -> tuple[list[str], list[str], NDArray[np.float64]]:
    """Pairs of texts, words of the second replaced at every rate, and the exact Jaccard of their shingles.

    Letters only, in small: what a word is differs from library to library with punctuation and digits, and is not
    measured here.
    """
    rng = random.Random(seed)
    long = [words for words in (_words(text) for text in texts[: 5 * n]) if len(words) >= LEAST_WORDS]
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


def _words(text: str) -> list[str]:
    return re.findall("[a-z]+", text.lower())


def shingles(words: Sequence[str]) -> set[str]:
    """The shingles of a text's words."""
    return {" ".join(words[i : i + SHINGLE]).lower() for i in range(len(words) - SHINGLE + 1)}


def exchanges_of(
    prompts: pa.Array,
    systems: pa.Array | None = None,
    accounts: pa.Array | None = None,
    rows: NDArray[np.int64] | None = None,
) -> pa.RecordBatch:
    """Exchanges of given texts and nothing else. rows: their numbers, which say id and time; counted from 0 else."""
    n = len(prompts)
    numbers = np.arange(n, dtype=np.int64) if rows is None else rows
    columns = {
        "exchange_id": pa.array([f"e{i}" for i in numbers.tolist()]),
        "requested_at": pa.array(START + numbers * 1_000_000).cast(EXCHANGE.field("requested_at").type),
        "account_id": pa.array(["a"] * n) if accounts is None else accounts,
        "model": pa.array(["m"] * n),
        "prompt": prompts,
    }
    if systems is not None:
        columns["system_prompt"] = systems
    arrays = [columns.get(field.name, pa.nulls(n, field.type)) for field in EXCHANGE]
    return pa.RecordBatch.from_arrays(arrays, schema=EXCHANGE)
