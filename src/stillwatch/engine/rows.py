"""Tables of a row an exchange: on disk as Parquet, so that memory grows with accounts and links alone."""

from __future__ import annotations

from pathlib import Path

import duckdb


def keep_rows(connection: duckdb.DuckDBPyConnection, name: str, query: str, folder: Path | None) -> None:
    """Make the table `name` of a query's rows: a Parquet file in `folder`, or rows in memory where that is None."""
    if folder is None:
        connection.execute(f"create or replace temp table {name} as {query}")
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = str((folder / f"{name}.parquet").absolute()).replace("'", "''")
    connection.execute(f"copy ({query}) to '{path}' (format parquet)")
    connection.execute(f"create or replace temp view {name} as select * from read_parquet('{path}')")


def drop_rows(connection: duckdb.DuckDBPyConnection, name: str, folder: Path | None) -> None:
    """Forget a table that `keep_rows` made, and its file."""
    connection.execute(f"drop {'table' if folder is None else 'view'} {name}")
    if folder is not None:
        (folder / f"{name}.parquet").unlink()
