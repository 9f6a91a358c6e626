"""Spark: a session on a cluster, to which work is dealt out task by task.

Nothing of pyspark is imported before a session is asked for. What a cluster should be like beyond its address is said
where Spark looks for it: `spark-defaults.conf`, or PYSPARK_SUBMIT_ARGS.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from stillwatch.engine.dialect import for_spark
from stillwatch.engine.parts import write_table
from stillwatch.errors import InputError

_TASK, _RESULT = "task", "result"


class _Asked:
    """A query that Spark works out when its rows are wanted."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    def to_arrow_table(self) -> pa.Table:
        """The rows, in the query's order."""
        return self._frame.toArrow()


class Cluster:
    """A Spark session: `queries.Queries`, and a way to deal out work of our own.

    session: Spark's own.  folder: storage that the workers share, for the tables that are registered.
    """

    def __init__(self, session: Any, folder: Path) -> None:
        self.session = session
        self._folder = folder.absolute()

    def sql(self, query: str) -> _Asked:
        """Rows of a query in DuckDB's words."""
        return _Asked(self.session.sql(for_spark(query)))

    def execute(self, query: str) -> None:
        """Do what returns no rows."""
        self.session.sql(for_spark(query))

    def register(self, name: str, table: pa.Table) -> None:
        """Let queries know a table by a name."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{name}.parquet"
        write_table(table, path)
        self.session.read.parquet(str(path)).createOrReplaceTempView(name)

    def map(self, work: Callable[[int], bytes], n_tasks: int) -> list[bytes]:
        """What `work` makes of each task's number, in the order of the numbers; each is one task of Spark's.

        A task whose worker is lost is done again, so that work may run twice and the result of one run is taken.
        Assumes: the results are small: all of them come to this machine.
        """
        frame = self.session.range(0, n_tasks, 1, n_tasks)
        done = frame.mapInArrow(_each(work), f"{_TASK} bigint, {_RESULT} binary").toArrow().sort_by(_TASK)
        if done[_TASK].to_pylist() != list(range(n_tasks)):
            raise RuntimeError(f"{n_tasks} tasks were dealt out, and {done.num_rows} results came back")
        results: list[bytes] = done[_RESULT].to_pylist()
        return results


def _each(work: Callable[[int], bytes]) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for task in batch.column(0).to_pylist():
                yield pa.RecordBatch.from_arrays(
                    [pa.array([task], pa.int64()), pa.array([work(task)], pa.binary())], names=[_TASK, _RESULT]
                )

    return run


@contextmanager
def cluster(master: str | None, work: Path) -> Iterator[Cluster]:
    """A session on a cluster, stopped afterwards. master: its address; what Spark is configured for where None.

    work: a folder on storage that the workers share.

    Raises: InputError where pyspark or Java is not installed, or the cluster does not answer.
    """
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError:
        raise InputError(
            "--engine spark needs PySpark, which is not installed", hint="pip install 'stillwatch[spark]'; and Java 17"
        ) from None
    # Where nobody says otherwise, workers run the Python that runs this; its version must be theirs.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("stillwatch").config("spark.ui.showConsoleProgress", "false")
    builder = builder.config("spark.sql.session.timeZone", "UTC")
    if master is not None:
        builder = builder.master(master)
    try:
        session = builder.getOrCreate()
    except (PySparkException, OSError, RuntimeError) as error:
        raise InputError(
            f"Spark does not start: {str(error).strip().splitlines()[0]}",
            source=master,
            hint="Java 17 has to be there, and the address be that of a running cluster: spark://HOST:7077",
        ) from None
    try:
        yield Cluster(session, work / "spark")
    finally:
        session.stop()
        shutil.rmtree(work / "spark", ignore_errors=True)
