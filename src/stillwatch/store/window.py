"""All that a store holds, laid out as the tables of one scan: so the steps of a scan need not know of stores."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from stillwatch.engine.database import database
from stillwatch.engine.parts import part_path, write_table
from stillwatch.fingerprint.names import COLUMNS, NAMES
from stillwatch.store.catalogue import Brought, Part
from stillwatch.store.days import fingerprints_in, ids_in


def make_window(store: Path, parts: Sequence[Part], work: Path, *, memory_mb: int, threads: int) -> Path:
    """A folder in `work` with the parts' fingerprints and ids, by links, in the order of days, and all names.

    Cost: of names, n log n in those of all days; of fingerprints none.
    """
    window = work / "window"
    shutil.rmtree(window, ignore_errors=True)
    for name in ("fingerprint", "exchange_ids", "templates", "names"):
        (window / name).mkdir(parents=True)
    folders = [(store / part.folder).absolute() for part in sorted(parts, key=lambda part: (part.day, part.folder))]
    for name, files in (("fingerprint", fingerprints_in), ("exchange_ids", ids_in)):
        paths = (path for folder in folders for path in files(folder))
        for number, path in enumerate(paths):
            part_path(window / name, number).symlink_to(path)
    with database(window, memory_mb=memory_mb, threads=threads) as connection:
        for column in COLUMNS:
            (window / "names" / column).mkdir()
            found = [str(path) for folder in folders if (path := folder / f"names-{column}.parquet").exists()]
            if found:
                names = connection.sql(
                    "select hash, min(text) as text from read_parquet(?) group by hash order by hash", params=[found]
                )
                write_table(names.to_arrow_table().cast(NAMES), part_path(window / "names" / column, 0))
    return window


def coverage_of(parts: Sequence[Part], brought: Sequence[Brought]) -> tuple[dict[str, float], list[str]]:
    """What share of the rows fills each column, over the logs of all runs whose rows are here; and their formats."""
    rows: dict[int, int] = {}
    for part in parts:
        rows[part.run] = rows.get(part.run, 0) + part.rows
    total = max(sum(rows.values()), 1)
    coverage: dict[str, float] = {}
    formats: set[str] = set()
    for one in sorted(brought, key=lambda one: one.run):
        formats.update(one.formats)
        for column, share in one.coverage.items():
            coverage[column] = coverage.get(column, 0.0) + share * rows.get(one.run, 0) / total
    return {column: round(min(share, 1.0), 6) for column, share in coverage.items()}, sorted(formats)


def rows_in(folder: Path) -> int:
    """Rows of a part."""
    return sum(int(pq.read_metadata(path).num_rows) for path in fingerprints_in(folder))
