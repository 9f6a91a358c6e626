"""Blocks of canonical NDJSON read at once by compiled parsers: our own where all in a block is plain, else Arrow's."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json

from stillwatch import schema
from stillwatch.sources.columns import adapt
from stillwatch.sources.validation import REQUIRED

PARSERS = 2
"""Blocks parsed at the same time, each on a core of its own."""

ODD_BLOCKS = 4
"""Blocks that are not plain before no more is expected of this file."""

Block = tuple[int, bytes, str | None]
"""Number of the first line, whole lines, and why they are broken: `documents.line_blocks`."""


def read_blocks(
    blocks: Iterable[Block], sample: Sequence[dict[str, Any]]
) -> Iterator[tuple[Block, pa.RecordBatch | None]]:
    """Each block with its rows as `schema.EXCHANGE`, in order, the next ones being read while one is used.

    The rows are None where a line of the block needs a look of its own: it is broken, blank, or odd in its types.
    sample: the first documents, which tell what columns to expect. The result does not depend on them, only the speed.
    """
    parser = _Parser(sample)
    with ThreadPoolExecutor(PARSERS) as pool:
        ahead: deque[tuple[Block, Future[pa.RecordBatch | None] | None]] = deque()
        for block in blocks:
            ahead.append((block, pool.submit(parser.parse, block[1]) if block[2] is None else None))
            if len(ahead) > PARSERS:
                first, future = ahead.popleft()
                yield first, None if future is None else future.result()
        while ahead:
            first, future = ahead.popleft()
            yield first, None if future is None else future.result()


class _Parser:
    """Reads blocks, with only the columns that were seen so far, as long as no other turns up."""

    def __init__(self, sample: Sequence[dict[str, Any]]) -> None:
        self._n_odd = 0
        numeric = bool(sample) and all(type(one.get("requested_at")) is int for one in sample)
        self._all = _json_schema(numeric)
        seen = {name for document in sample for name in document} | set(REQUIRED)
        self._narrow: pa.Schema | None = None
        if seen <= set(schema.EXCHANGE.names):
            self._narrow = pa.schema([one for one in self._all if one.name in seen])

    def parse(self, block: bytes) -> pa.RecordBatch | None:
        """The rows of a block, a line each; None where that cannot be had at once."""
        if self._n_odd < ODD_BLOCKS:
            from stillwatch.sources.plain_lines import read_plain

            batch = read_plain(block)
            if batch is not None:
                return batch
            self._n_odd += 1
        n_lines = int(np.count_nonzero(np.frombuffer(block, np.uint8) == 10)) + (not block.endswith(b"\n"))
        try:
            block.decode()
            table = self._read(block)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError):
            return None
        if table.num_rows != n_lines:
            return None
        batches = table.combine_chunks().to_batches()
        if len(batches) != 1:
            return None
        batch, faults = adapt(batches[0], schema.EXCHANGE)
        if faults or any(batch.column(name).null_count for name in REQUIRED):
            return None
        return batch

    def _read(self, block: bytes) -> pa.Table:
        narrow = self._narrow
        if narrow is not None:
            try:
                return _read_json(block, narrow, "error")
            except pa.ArrowInvalid:
                # Most likely another column: from here on, all of them are expected.
                self._narrow = None
        return _read_json(block, self._all, "ignore")


def _read_json(block: bytes, columns: pa.Schema, unexpected: str) -> pa.Table:
    return pyarrow.json.read_json(
        pa.BufferReader(block),
        read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(block) + 1),
        parse_options=pyarrow.json.ParseOptions(explicit_schema=columns, unexpected_field_behavior=unexpected),
    )


def _json_schema(numeric_times: bool) -> pa.Schema:
    # Counts are read as doubles, since many writers make 12.0 of 12; 2**53 is enough for tokens.
    kinds = {pa.int64(): pa.float64(), schema.TIME: pa.int64() if numeric_times else pa.string()}
    return pa.schema([(one.name, kinds.get(one.type, one.type)) for one in schema.EXCHANGE])
