"""How long reading canonical NDJSON takes beside DuckDB's read_json of the same file into the same columns.

    python benchmarks/read_ndjson.py [ROWS]

Both run on two threads, three times by turns, and the best of each counts. Reading here does more: it validates
each row, keeps its line number, and puts aside what is broken.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import duckdb

from stillwatch import schema
from stillwatch.sources.quarantine import Quarantine
from stillwatch.sources.reading import ReadOptions, read_logs

START = datetime(2026, 5, 1, tzinfo=UTC)
WORDS = tuple("abcdefghijklmnopqrst")
_TYPES = {"string": "varchar", "int64": "bigint", "double": "double", "list<item: string>": "varchar[]"}


def write(path: Path, n_rows: int) -> None:
    """A canonical log with prompts of 20 to 300 words."""
    rng = Random(0)
    with path.open("w") as file:
        for i in range(n_rows):
            row = {
                "exchange_id": f"exchange-{i:08}",
                "requested_at": (START + timedelta(milliseconds=100 * i)).isoformat(),
                "account_id": f"account-{rng.randrange(5000)}",
                "api_key_id": f"key-{rng.randrange(6000)}",
                "ip": f"198.51.{rng.randrange(256)}.{rng.randrange(256)}",
                "client": "client/1.2",
                "model": "large-1",
                "system_prompt": "You are a careful assistant.",
                "prompt": " ".join(f"{letter}word" for letter in rng.choices(WORDS, k=rng.randrange(20, 300))),
                "tools": ["search", "run"] if i % 3 == 0 else None,
                "input_tokens": rng.randrange(4000),
                "output_tokens": rng.randrange(4000),
                "temperature": 0.7,
                "finish_reason": "stop",
                "status": 200,
            }
            file.write(json.dumps({name: value for name, value in row.items() if value is not None}) + "\n")


def ours(path: Path) -> int:
    """Rows read by Stillwatch."""
    options = ReadOptions(now=START + timedelta(days=30))
    stream = read_logs(
        [str(path)], format="canonical", registry=None, options=options, quarantine=Quarantine(), say=lambda text: None
    )
    return sum(rows.batch.num_rows for rows in stream)


def theirs(path: Path) -> int:
    """Rows read by DuckDB, batch by batch."""
    columns = {one.name: _TYPES.get(str(one.type), "timestamptz") for one in schema.EXCHANGE}
    spec = ", ".join(f"{name}: '{kind}'" for name, kind in columns.items())
    with duckdb.connect(config={"threads": 2}) as connection:
        reader = connection.sql(
            f"select * from read_json('{path}', format='newline_delimited', columns={{{spec}}})"
        ).to_arrow_reader(65_536)
        return sum(batch.num_rows for batch in reader)


def best_of(runs: int, functions: list[Callable[[Path], int]], path: Path) -> list[float]:
    """The least seconds of each function, called by turns."""
    best = [float("inf")] * len(functions)
    for _ in range(runs):
        for i, function in enumerate(functions):
            start = time.perf_counter()
            function(path)
            best[i] = min(best[i], time.perf_counter() - start)
    return best


def main() -> None:
    """Print rows, megabytes and seconds of both, and their ratio."""
    n_rows = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.ndjson"
        write(path, n_rows)
        megabytes = path.stat().st_size / 1e6
        if ours(path) != n_rows or theirs(path) != n_rows:
            raise SystemExit("the two read different numbers of rows")
        seconds = best_of(3, [ours, theirs], path)
    for name, one in zip(("stillwatch", "duckdb"), seconds, strict=True):
        print(f"{name:<11}{one:7.2f} s  {megabytes / one:7.0f} MB/s  {n_rows / one:11,.0f} rows/s")
    print(f"ratio      {seconds[0] / seconds[1]:7.2f}  ({n_rows:,} rows, {megabytes:.0f} MB)")


if __name__ == "__main__":
    main()
