"""Exchanges into a store, each to its own day: fingerprints, ids and names by UTC day, and counts of each account.

A part is a folder of its own for each day and run: `fingerprint-*.parquet` and `ids-*.parquet`, row for row the same
exchanges in the order of their positions, and `names-COLUMN.parquet`, the texts behind the hashes of these exchanges
alone. So a day goes as a whole when it is too old, and a part can be written anew without an account.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch.engine.parts import parts, write_table
from stillwatch.fingerprint.names import COLUMNS, NAMES, read_names
from stillwatch.profiles.index import Ints
from stillwatch.store.catalogue import Catalogue, Counted, Part
from stillwatch.store.known import already_known
from stillwatch.store.promise import DAY_US
from stillwatch.store.retention import first_day_kept

COUNTS = pa.schema(
    [
        pa.field("account_id", pa.string(), nullable=False),
        pa.field("exchanges", pa.int64(), nullable=False),
        pa.field("tokens_out", pa.int64(), nullable=False),
    ]
)
"""What is left of a day when its exchanges are gone: who sent how much."""

FILE_ROWS = 131_072
"""Rows of a file of fingerprints at most."""

HELD_ROWS = 786_432
"""Rows that wait in memory for their files, of all days together."""

SOURCE_BITS = 40
"""A position is the number of the source << 40 | the line."""

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Added:
    """What new logs came to. written: files that the catalogue is to name, or that lie in folders that it is to name.

    Shapes: known (n_known,) positions, in the logs, of exchanges that the store had; too_old (n_too_old,) of those
    whose day is no longer kept.
    """

    parts: list[Part]
    counts: list[Counted]
    written: list[Path]
    known: Ints
    too_old: Ints
    n_sources: int


def day_of(number: int) -> str:
    """The name of a day, counted from 1970."""
    return (EPOCH + timedelta(days=number)).isoformat()


def fingerprints_in(folder: Path) -> list[Path]:
    """The files of fingerprints of a part, in the order of their rows."""
    return sorted(folder.glob("fingerprint-*.parquet"))


def ids_in(folder: Path) -> list[Path]:
    """The files of exchange ids of a part, in the order of their rows."""
    return sorted(folder.glob("ids-*.parquet"))


def add_days(store: Path, catalogue: Catalogue, work: Path) -> Added:
    """Write what a scan has read (tables of `scan.ingest` in its work folder) into the store, day by day.

    What the catalogue's parts hold already is left out, and so is what is older than it keeps. Nothing that is in the
    store is changed, and nothing that is written belongs to it before a catalogue names it.
    """
    run, next_source = catalogue.run, catalogue.next_source
    prints = parts(work / "fingerprint")
    facts = [pq.read_table(path, columns=["exchange", "requested_at"]) for path in prints]
    new = np.concatenate([np.zeros(0, np.int64), *(table["exchange"].to_numpy() for table in facts)])
    newest = (
        [max(pc.max(table["requested_at"]).cast(pa.int64()).as_py() for table in facts if table.num_rows)]
        if len(new)
        else []
    )
    had = [fingerprints_in(store / part.folder) for part in catalogue.parts]
    met = already_known(new, (file for files in had for file in files))
    last_day = max([*(day_of(at // DAY_US) for at in newest), *catalogue.days], default="")
    oldest = first_day_kept(last_day, catalogue.keep_days) if last_day else None
    writer = _Writer(store, run)
    known, too_old = [], []
    n_sources = at = 0
    for path, ids in zip(prints, parts(work / "exchange_ids"), strict=True):
        table, names = pq.read_table(path), pq.read_table(ids)
        mine = met[at : at + table.num_rows]
        at += table.num_rows
        positions = table["position"].to_numpy()
        if len(positions):
            n_sources = max(n_sources, int(positions.max() >> SOURCE_BITS) + 1)
        day = pc.cast(table["requested_at"], pa.int64()).to_numpy() // DAY_US
        old = ~mine & (day < (date.fromisoformat(oldest) - EPOCH).days) if oldest else np.zeros(len(day), np.bool_)
        known.append(positions[mine])
        too_old.append(positions[old])
        writer.add(_moved(table, next_source), _moved(names, next_source), day, ~mine & ~old)
    written = writer.finish()
    for column in COLUMNS:
        texts = read_names(work / "names", column)
        for folder in writer.folders.values():
            written += write_names(folder, column, texts)
    counts = []
    for number, folder in writer.folders.items():
        file = f"counts/{day_of(number)}-{run:06d}.parquet"
        (store / "counts").mkdir(exist_ok=True)
        write_table(count_accounts(folder), store / file)
        written.append(store / file)
        counts.append(Counted(day_of(number), file))
    return Added(
        parts=[
            Part(day_of(number), str(folder.relative_to(store)), writer.rows[number], run)
            for number, folder in sorted(writer.folders.items())
        ],
        counts=sorted(counts, key=lambda one: one.day),
        written=written,
        known=np.concatenate(known) if known else np.zeros(0, np.int64),
        too_old=np.concatenate(too_old) if too_old else np.zeros(0, np.int64),
        n_sources=n_sources,
    )


def write_names(folder: Path, column: str, texts: pa.Table) -> list[Path]:
    """Write the names that a part's fingerprints need of a column; returns the file, if there are any.

    texts: `NAMES`, sorted by hash.
    """
    found = [pc.unique(pq.read_table(path, columns=[column])[column]) for path in fingerprints_in(folder)]
    wanted = pa.chunked_array(found, pa.int64()).drop_null()
    hashes = texts["hash"].to_numpy()
    if len(wanted) == 0 or len(hashes) == 0:
        return []
    sought = np.unique(wanted.to_numpy())
    place = np.minimum(np.searchsorted(hashes, sought), len(hashes) - 1)
    chosen = texts.take(pa.array(place[hashes[place] == sought]))
    if chosen.num_rows == 0:
        return []
    path = folder / f"names-{column}.parquet"
    write_table(chosen, path)
    return [path]


def names_in(folder: Path, column: str) -> pa.Table:
    """The names of a column in a part, sorted by hash. As `NAMES`."""
    path = folder / f"names-{column}.parquet"
    return pq.read_table(path, schema=NAMES) if path.exists() else NAMES.empty_table()


def count_accounts(folder: Path) -> pa.Table:
    """The exchanges of each account in a part, sorted by account. As `COUNTS`."""
    columns = ["account", "output_tokens"]
    rows = pa.concat_tables([pq.read_table(path, columns=columns) for path in fingerprints_in(folder)])
    sums = rows.group_by("account").aggregate([([], "count_all"), ("output_tokens", "sum")]).sort_by("account")
    names = names_in(folder, "account")
    place = np.searchsorted(names["hash"].to_numpy(), sums["account"].to_numpy())
    table = pa.table(
        {
            "account_id": names["text"].take(pa.array(place)),
            "exchanges": sums["count_all"],
            "tokens_out": pc.fill_null(sums["output_tokens_sum"], 0),
        },
        schema=COUNTS,
    )
    return table.sort_by("account_id").combine_chunks()


class _Writer:
    """Rows on their way to their days: in memory until there are enough of a day, or too many of all."""

    def __init__(self, store: Path, run: int) -> None:
        self.store, self.run = store, run
        self.folders: dict[int, Path] = {}
        self.rows: dict[int, int] = {}
        self._held: dict[int, list[tuple[pa.Table, pa.Table]]] = {}
        self._n_held: dict[int, int] = {}
        self._n_files: dict[int, int] = {}
        self._written: list[Path] = []

    def add(self, prints: pa.Table, ids: pa.Table, day: Ints, keep: npt.NDArray[np.bool_]) -> None:
        """Take in rows, each with its day."""
        for number in np.unique(day[keep]).tolist():
            chosen = pa.array(np.flatnonzero(keep & (day == number)))
            self._held.setdefault(number, []).append((prints.take(chosen), ids.take(chosen)))
            self._n_held[number] = self._n_held.get(number, 0) + len(chosen)
            if self._n_held[number] >= FILE_ROWS:
                self._write(number)
        while sum(self._n_held.values()) > HELD_ROWS:
            self._write(max(self._n_held, key=lambda one: (self._n_held[one], one)))

    def finish(self) -> list[Path]:
        """Write what waits; returns all files."""
        for number in sorted(self._held):
            self._write(number)
        self.folders = dict(sorted(self.folders.items()))
        return self._written

    def _write(self, number: int) -> None:
        held = self._held.pop(number)
        self.rows[number] = self.rows.get(number, 0) + self._n_held.pop(number)
        folder = self.folders.setdefault(number, self.store / "days" / day_of(number) / f"{self.run:06d}")
        folder.mkdir(parents=True, exist_ok=True)
        n = self._n_files[number] = self._n_files.get(number, -1) + 1
        for what, which in (("fingerprint", 0), ("ids", 1)):
            path = folder / f"{what}-{n:06d}.parquet"
            write_table(pa.concat_tables([pair[which] for pair in held]).combine_chunks(), path)
            self._written.append(path)


def _moved(table: pa.Table, next_source: int) -> pa.Table:
    """The table with its sources numbered on from those of the runs before."""
    at = table.schema.get_field_index("position")
    positions = table["position"].to_numpy() + (next_source << SOURCE_BITS)
    return table.set_column(at, table.schema.field(at), pa.array(positions, pa.int64()))
