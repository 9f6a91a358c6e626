"""A batch of exchanges to fingerprints: the record that later steps live on once the text is gone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stillwatch.engine.parts import write_table
from stillwatch.fingerprint import kernels, whole_texts
from stillwatch.fingerprint.addresses import ip_prefix
from stillwatch.fingerprint.hashing import (
    Texts,
    first_rows,
    hash_lists,
    hash_sets,
    hash_strings,
    nullable,
    texts_of,
)
from stillwatch.fingerprint.markers import MARKERS, phrase_table
from stillwatch.schema import EXCHANGE, FINGERPRINT, N_CHUNKS, PROJECTION_DIMS, SKETCH_BINS

SCRIPTS = (
    "none", "latin", "cyrillic", "greek", "arabic", "hebrew", "devanagari", "thai", "han", "kana", "hangul", "other",
)  # fmt: skip
"""Names of the scripts, in the order of their numbers."""

__all__ = ["MARKERS", "SCRIPTS", "fingerprint", "likeness", "sketch", "write_fingerprints"]

PLAIN = (
    "position", "exchange", "requested_at", "prompt_hash", "head_hash", "tail_hash", "chunks", "sketch", "projection",
)  # fmt: skip
"""Columns whose values hardly repeat: looking for repetition in them takes longer than writing them."""

VALUES = 255
"""Values of a bin that is not empty."""

Tables = tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64]]
"""What the kernel looks up: phrases' keys, bits and groups; words that end phrases; shapes' bits."""

_SHAPES = (
    "code", "json", "numbered_list", "math", "tags", "question", "data_analysis", "base64", "long_line", "slots",
)  # fmt: skip
"""Markers of the shapes, in the order of `kernels.HAS_CODE` and on."""

_HASHED = {
    "exchange": "exchange_id",
    "account": "account_id",
    "org": "org_id",
    "api_key": "api_key_id",
    "payment": "payment_id",
    "email_domain": "email_domain",
    "ip": "ip",
    "country": "country",
    "client": "client",
    "client_fingerprint": "client_fingerprint",
    "platform": "platform",
    "model": "model",
    "session": "session_id",
    "end_user": "end_user_id",
    "sdk": "sdk",
    "history": "history_digest",
    "finish": "finish_reason",
}
_COPIED = (
    "requested_at", "asn", "history_length", "turns", "max_tokens", "input_tokens", "output_tokens", "cached_tokens",
    "reasoning_tokens", "status",
)  # fmt: skip
_LISTS = {"messages": "message_digests", "reasoning_in": "reasoning_in", "reasoning_out": "reasoning_out"}


@cache
def _tables() -> Tables:
    shapes = np.array([1 << MARKERS[name] for name in _SHAPES], np.int64)
    return (*phrase_table(), shapes)


def _over_rows(work: Callable[[int, int], None], texts: Texts, threads: int) -> None:
    """Do ranges of rows of about as many bytes each, side by side."""
    n = len(texts.valid)
    if threads < 2 or n < 2:
        work(0, n)
        return
    wanted = np.linspace(texts.offsets[0], texts.offsets[-1], threads + 1)[1:-1]
    cuts = [0, *np.clip(np.searchsorted(texts.offsets, wanted), 0, n).tolist(), n]
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, first, last) for first, last in pairwise(cuts)]:
            done.result()


def _fixed(values: NDArray[np.generic], width: int, valid: NDArray[np.bool_]) -> pa.Array:
    """Rows of an array as fixed-size binary."""
    present = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    content = pa.py_buffer(np.ascontiguousarray(values).view(np.uint8).reshape(-1))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(valid), [present, content])


def _prompt_columns(prompts: pa.Array, threads: int) -> dict[str, pa.Array]:
    if prompts.null_count == len(prompts):
        return {}
    texts = texts_of(prompts)
    n, valid = len(prompts), texts.valid
    hashes, counts = np.zeros((n, 3), np.uint64), np.zeros((n, 2), np.int64)
    scripts, markers = np.zeros(n, np.int8), np.zeros(n, np.int64)
    chunks = np.zeros((n, N_CHUNKS), np.uint64)
    sketches, projections = np.zeros((n, SKETCH_BINS), np.uint8), np.zeros((n, PROJECTION_DIMS), np.int8)

    def work(first: int, last: int) -> None:
        kernels.prompt_rows(
            texts.data, texts.offsets, valid, first, last, *_tables(),
            hashes, counts, scripts, markers, chunks, sketches, projections,
        )  # fmt: skip

    _tables()
    _over_rows(work, texts, threads)
    return {
        "prompt_hash": nullable(hashes[:, 0], valid),
        "head_hash": nullable(hashes[:, 1], valid),
        "tail_hash": nullable(hashes[:, 2], valid),
        "chunks": _fixed(chunks, N_CHUNKS * 8, valid),
        "sketch": _fixed(sketches, SKETCH_BINS, valid),
        "projection": _fixed(projections, PROJECTION_DIMS, valid),
        "prompt_words": nullable(counts[:, 0], valid),
        "prompt_lines": nullable(counts[:, 1], valid),
        "script": pa.array(scripts, pa.int8(), mask=~valid),
        "markers": nullable(markers, valid),
    }


def _system_columns(array: pa.Array, threads: int) -> tuple[pa.Array, pa.Array]:
    """Hash of each text's words as a mould has them, and the markers of its first and last words."""
    if array.null_count == len(array):
        return pa.nulls(len(array), pa.int64()), pa.nulls(len(array), pa.int64())
    texts = texts_of(array)
    hashes, markers = np.zeros(len(array), np.uint64), np.zeros(len(array), np.int64)
    first = first_rows(texts)
    new = texts.valid & (first == np.arange(len(first)))

    def work(begin: int, end: int) -> None:
        whole_texts.system_rows(texts.data, texts.offsets, new, begin, end, *phrase_table(), hashes, markers)

    phrase_table()
    _over_rows(work, texts, threads)
    return nullable(hashes[first], texts.valid), nullable(markers[first], texts.valid)


def _word_hashes(array: pa.Array, threads: int) -> pa.Array:
    """Hash of each text's words as they are."""
    if array.null_count == len(array):
        return pa.nulls(len(array), pa.int64())
    texts = texts_of(array)
    hashes = np.zeros(len(array), np.uint64)
    first = first_rows(texts)
    new = texts.valid & (first == np.arange(len(first)))
    _over_rows(
        lambda begin, end: whole_texts.exact_rows(texts.data, texts.offsets, new, begin, end, hashes), texts, threads
    )
    return nullable(hashes[first], texts.valid)


def _check(batch: pa.RecordBatch, positions: NDArray[np.int64]) -> None:
    if not batch.schema.equals(EXCHANGE, check_metadata=False):
        types = {field.name: field.type for field in batch.schema}
        wrong = [field.name for field in EXCHANGE if types.get(field.name) != field.type]
        raise ValueError(f"the batch is not of schema.EXCHANGE; columns missing or of another type: {wrong or 'order'}")
    if positions.shape != (batch.num_rows,):
        raise ValueError(f"{positions.shape} positions for {batch.num_rows} exchanges")
    for field in EXCHANGE:
        if not field.nullable and batch.column(field.name).null_count:
            raise ValueError(f"column {field.name} must not hold nulls")


def fingerprint(batch: pa.RecordBatch, positions: NDArray[np.int64], *, threads: int = 2) -> pa.RecordBatch:
    """The fingerprints of a batch of exchanges, row by row, as `schema.FINGERPRINT`.

    Each row depends on its own exchange alone: threads and batches change nothing.
    Shapes: positions (n,) int64.
    Raises: ValueError where the batch is not of `schema.EXCHANGE`, or not as long as the positions.
    Cost: one pass over the text; memory of about 600 bytes a row.
    """
    _check(batch, positions)
    columns: dict[str, pa.Array] = {"position": pa.array(positions, pa.int64())}
    columns |= {name: hash_strings(batch.column(source)) for name, source in _HASHED.items()}
    columns |= {name: batch.column(name) for name in _COPIED}
    columns |= {name: hash_lists(batch.column(source)) for name, source in _LISTS.items()}
    columns |= _prompt_columns(batch.column("prompt"), threads)
    columns["ip_prefix"] = ip_prefix(batch.column("ip"))
    columns["system_hash"], columns["system_markers"] = _system_columns(batch.column("system_prompt"), threads)
    columns["first_user_hash"] = _word_hashes(batch.column("first_user"), threads)
    columns["tools_hash"] = hash_sets(batch.column("tools"))
    columns["n_tools"] = pc.list_value_length(batch.column("tools")).cast(pa.int64())
    columns["from_tool"] = pc.equal(batch.column("prompt_source"), "tool_result")
    columns["temperature"] = batch.column("temperature").cast(pa.float32(), safe=False)
    for name, source in (("prompt_bytes", "prompt"), ("system_bytes", "system_prompt"), ("response_bytes", "response")):
        columns[name] = pc.binary_length(batch.column(source)).cast(pa.int64())
    arrays = [columns[f.name] if f.name in columns else pa.nulls(batch.num_rows, f.type) for f in FINGERPRINT]
    record = pa.RecordBatch.from_arrays(arrays, schema=FINGERPRINT)
    record.validate()
    return record


def write_fingerprints(record: pa.RecordBatch, path: Path) -> None:
    """Write fingerprints to where the steps of this scan read them."""
    write_table(pa.Table.from_batches([record]), path, plain=PLAIN)


def sketch(texts: pa.Array, *, threads: int = 1) -> NDArray[np.uint8]:
    """The sketches of texts alone, zeros for nulls and for empty bins. Shapes: (n, SKETCH_BINS) uint8."""
    found = texts_of(texts)
    out = np.zeros((len(texts), SKETCH_BINS), np.uint8)

    def work(first: int, last: int) -> None:
        kernels.sketch_rows(found.data, found.offsets, found.valid, first, last, out)

    _over_rows(work, found, threads)
    return out


def likeness(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Jaccard similarity of texts' 5-word shingles, estimated from their sketches; NaN where both are empty.

    Shapes: (n, SKETCH_BINS) uint8 each, or one of them (SKETCH_BINS,); result (n,).
    Bins that are empty in both say nothing and are left out; of 255 values one agrees by chance.
    Source: Li, Owen and Zhang, One permutation hashing, NIPS 2012, section 3.
    """
    empty = np.count_nonzero((one | other) == 0, axis=-1)
    equal = np.count_nonzero(one == other, axis=-1) - empty
    apart = np.count_nonzero(np.minimum(one, other), axis=-1) - equal
    filled = SKETCH_BINS - empty
    agreed = np.maximum(equal - apart / (VALUES - 1), 0.0)
    return np.where(filled > 0, agreed / np.maximum(filled, 1), np.nan)
