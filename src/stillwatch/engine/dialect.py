"""Where the two engines' SQL differs: DuckDB's words to Spark's, and nowhere else.

Only what the shared queries use is known here; a query that uses more fails on Spark as one that does not parse.
"""

from __future__ import annotations

import re

_WORDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), spoken)
    for pattern, spoken in (
        (r"\bcreate (?:temp )?view\b", "create or replace temporary view"),
        (r"\bepoch_us\(", "unix_micros("),
        (r" // ", " div "),
        (r"\bfilter \((?!where\b)", "filter (where "),
        # An index of 0 is nothing to DuckDB and an error to Spark; a negative one counts from the end in both.
        (r"\b(\w+)\[(len\(\w+\) - \d+)\]", r"try_element_at(\1, cast(nullif(\2, 0) as int))"),
        (r"\bunnest\(\[([^\]]*)\]\)", r"explode(array(\1))"),
        (r"\bunnest\(", "explode("),
        (r"\blen\(", "array_size("),
    )
)

_FILES = re.compile(r"read_parquet\('((?:[^']|'')*)'\)")


def for_spark(query: str) -> str:
    """A query in DuckDB's words as Spark has it."""
    query = _FILES.sub(_files, query)
    for pattern, spoken in _WORDS:
        query = pattern.sub(spoken, query)
    return query


def _files(match: re.Match[str]) -> str:
    path = match.group(1).replace("''", "'").replace("`", "``")
    return f"parquet.`{path}`"
