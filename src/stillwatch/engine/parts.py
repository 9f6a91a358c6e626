"""Tables that are larger than memory: a folder of numbered Parquet parts, written once and read in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.errors import OutputError

SLICE = 1 << 20
"""Rows of a long table that are cast at a time."""


def write_table(table: pa.Table, path: Path, *, plain: Sequence[str] | None = None) -> None:
    """Write a table in one step: a reader sees the whole file or none.

    plain: columns that hardly repeat, of a table that is read soon and goes soon: they are written as they are, and the
    others with what costs little; such a file is larger, and takes half of the time.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        if plain is None:
            pq.write_table(table, partial, compression="zstd", compression_level=1)
        else:
            others = [name for name in table.column_names if name not in plain]
            pq.write_table(
                table,
                partial,
                compression={name: "none" if name in plain else "snappy" for name in table.column_names},
                use_dictionary=others,
                write_statistics=others,
            )
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise _cannot_write(path, error) from error


def write_long_table(table: pa.Table, path: Path, schema: pa.Schema) -> None:
    """Write a table in a schema, and in one step, that is cast to it slice by slice: columns may be dictionaries."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with pq.ParquetWriter(partial, schema, compression="zstd", compression_level=1) as writer:
            for at in range(0, len(table), SLICE):
                writer.write_table(table.slice(at, SLICE).cast(schema))
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise _cannot_write(path, error) from error


def _cannot_write(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write: {error.strerror or error}", source=str(path), hint="free some space or choose another --out"
    )


def parts(folder: Path) -> list[Path]:
    """The parts of a folder, in the order in which they were written."""
    return sorted(folder.glob("part-*.parquet"))


def part_path(folder: Path, number: int) -> Path:
    """Where part `number` of a folder lies."""
    return folder / f"part-{number:06d}.parquet"


def read_parts(folder: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Each part's columns as one table of contiguous columns, in order."""
    for path in parts(folder):
        yield pq.read_table(path, columns=list(columns)).combine_chunks()
