"""What the hashes stand for: the texts of ids and short values, so that a report can name them.

Each text is written down once, where it is first met. A column holds at most `cap` of them, first come first kept,
so that memory and disk stay bounded; accounts have no cap, since every finding must name its accounts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numba import njit
from numpy.typing import NDArray

from stillwatch.engine.parts import part_path, parts, write_table
from stillwatch.fingerprint.addresses import ip_prefix_texts

NAMES = pa.schema([pa.field("hash", pa.int64(), nullable=False), pa.field("text", pa.string(), nullable=False)])
EXCHANGE_IDS = pa.schema(
    [pa.field("position", pa.int64(), nullable=False), pa.field("exchange_id", pa.string(), nullable=False)]
)

COLUMNS = {
    "account": "account_id",
    "org": "org_id",
    "payment": "payment_id",
    "email_domain": "email_domain",
    "client": "client",
    "client_fingerprint": "client_fingerprint",
    "platform": "platform",
    "model": "model",
    "finish": "finish_reason",
    "ip_prefix": "ip",
}
"""Fingerprint columns whose texts are kept -> where the text comes from."""

UNCAPPED = frozenset({"account"})
PART_ROWS = 200_000
"""Names that wait in memory, for each column, before they are written."""


@njit(cache=True, nogil=True)
def _add_new(table, used, hashes, new):  # type: ignore[no-untyped-def]
    """Put hashes into an open table of a power of two slots; `new` says which were not in it. Returns how many."""
    slots = np.uint64(table.shape[0] - 1)
    added = 0
    for i in range(hashes.shape[0]):
        h = hashes[i]
        slot = (h ^ (h >> np.uint64(32))) & slots
        while used[slot] and table[slot] != h:
            slot = (slot + np.uint64(1)) & slots
        new[i] = not used[slot]
        if new[i]:
            used[slot] = True
            table[slot] = h
            added += 1
    return added


class _Known:
    """A growing set of hashes."""

    def __init__(self) -> None:
        self.count = 0
        self._table, self._used = np.zeros(1 << 12, np.uint64), np.zeros(1 << 12, np.bool_)

    def add(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of the hashes are met for the first time; they are known from now on."""
        new = np.zeros(len(hashes), np.bool_)
        if (self.count + len(hashes)) * 2 > len(self._table):
            size = 1 << int((self.count + len(hashes)) * 4).bit_length()
            old = self._table[self._used]
            self._table, self._used = np.zeros(size, np.uint64), np.zeros(size, np.bool_)
            _add_new(self._table, self._used, old, np.zeros(len(old), np.bool_))
        self.count += _add_new(self._table, self._used, hashes, new)
        return new


class Names:
    """The texts behind hashes, in Parquet parts below a folder, one subfolder a column of `COLUMNS`.

    Independent of how the exchanges are split into batches. `finish` writes what still waits in memory. Parts that are
    there already are gone on from; full: the columns that had met the cap by then.
    """

    def __init__(self, folder: Path, *, cap: int = 2_000_000, full: Iterable[str] = ()) -> None:
        self.folder, self.cap = folder, cap
        self._known = {column: _Known() for column in COLUMNS}
        self._waiting: dict[str, list[pa.Table]] = {column: [] for column in COLUMNS}
        self._written = dict.fromkeys(COLUMNS, 0)
        self._full: set[str] = set(full)
        for column in COLUMNS:
            (folder / column).mkdir(parents=True, exist_ok=True)
            for path in parts(folder / column):
                self._known[column].add(pq.read_table(path, columns=["hash"])["hash"].to_numpy().view(np.uint64))
                self._written[column] += 1

    def __enter__(self) -> Names:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self.finish()

    @property
    def full(self) -> frozenset[str]:
        """Columns that met more distinct values than the cap: some of their hashes have no text."""
        return frozenset(self._full)

    @property
    def written(self) -> dict[str, int]:
        """How many parts each column has on disk."""
        return dict(self._written)

    def add(self, batch: pa.RecordBatch, fingerprints: pa.RecordBatch) -> None:
        """Note the texts of a batch of `schema.EXCHANGE`, whose hashes are in its fingerprints."""
        for column, source in COLUMNS.items():
            texts = batch.column(source)
            self._note(column, fingerprints.column(column), _networks(texts) if column == "ip_prefix" else texts.take)

    def adopt(self, folder: Path) -> None:
        """Note the names that another wrote into a folder, which came after those noted so far."""
        for column in COLUMNS:
            for path in parts(folder / column):
                table = pq.read_table(path, schema=NAMES)
                self._note(column, table["hash"].combine_chunks(), table["text"].combine_chunks().take)

    def _note(self, column: str, hashes: pa.Int64Array, texts: Callable[[pa.Int64Array], pa.StringArray]) -> None:
        """Note what hashes are new. texts: those of some rows."""
        known = self._known[column]
        if column in self._full or hashes.null_count == len(hashes):
            return
        there = hashes.is_valid().to_numpy(zero_copy_only=False)
        new = np.flatnonzero(there)[known.add(hashes.drop_null().to_numpy().view(np.uint64))]
        if column not in UNCAPPED and known.count > self.cap:
            new = new[: len(new) - (known.count - self.cap)]
            self._full.add(column)
        if len(new):
            chosen = pa.array(new)
            self._waiting[column].append(pa.table([hashes.take(chosen), texts(chosen)], schema=NAMES))
        if sum(len(table) for table in self._waiting[column]) >= PART_ROWS:
            self._write(column)

    def _write(self, column: str) -> None:
        if self._waiting[column]:
            write_table(pa.concat_tables(self._waiting[column]), part_path(self.folder / column, self._written[column]))
            self._written[column] += 1
            self._waiting[column] = []

    def finish(self) -> None:
        """Write what waits."""
        for column in COLUMNS:
            self._write(column)


def _networks(addresses: pa.StringArray) -> Callable[[pa.Int64Array], pa.StringArray]:
    """What gives the networks of the addresses in some rows."""
    return lambda rows: ip_prefix_texts(addresses.take(rows)).dictionary_decode()


def read_names(folder: Path, column: str) -> pa.Table:
    """The names of a column, sorted by hash, from the folder of a finished `Names`. As `NAMES`."""
    found = parts(folder / column)
    if not found:
        return NAMES.empty_table()
    table = pa.concat_tables([pq.read_table(path, schema=NAMES) for path in found])
    return table.sort_by("hash").combine_chunks()


def lookup(folder: Path, column: str, hashes: NDArray[np.int64]) -> dict[int, str]:
    """The texts of some hashes; what was beyond the cap is not among them."""
    table = read_names(folder, column)
    wanted = table.filter(pc.is_in(table["hash"], pa.array(np.unique(hashes))))
    return dict(zip(wanted["hash"].to_pylist(), wanted["text"].to_pylist(), strict=True))


def write_exchange_ids(batch: pa.RecordBatch, positions: NDArray[np.int64], path: Path) -> None:
    """Write a batch's exchange ids with their positions, as `EXCHANGE_IDS`, for whoever must name exchanges."""
    table = pa.table([pa.array(positions, pa.int64()), batch.column("exchange_id")], schema=EXCHANGE_IDS)
    write_table(table, path, plain=("position",))
