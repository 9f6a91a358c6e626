"""What a step may ask of an engine: SQL over tables by name, and Arrow tables back."""

from __future__ import annotations

from typing import Any, Protocol

import pyarrow as pa


class Answer(Protocol):
    """What a query came to; it may not have been worked out before it is asked for."""

    def to_arrow_table(self) -> pa.Table:
        """The rows, in the query's order."""
        ...


class Queries(Protocol):
    """A connection of DuckDB's, or a cluster that is asked the same way.

    Queries are written in DuckDB's words, of which `dialect.for_spark` knows those that Spark has others for.
    """

    def sql(self, query: str, /) -> Answer:
        """Rows of a query."""
        ...

    def execute(self, query: str, /) -> Any:
        """Do what returns no rows."""
        ...

    def register(self, name: str, table: Any, /) -> Any:
        """Let queries know an Arrow table by a name."""
        ...
