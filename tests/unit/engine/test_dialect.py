"""DuckDB's words as Spark has them; that the answers agree, `tests/engines` shows on a cluster."""

from __future__ import annotations

import pytest

from stillwatch.engine.dialect import for_spark


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("select epoch_us(at) // 600 as bin from b", "select unix_micros(at) div 600 as bin from b"),
        ("count(*) filter (status >= 400)", "count(*) filter (where status >= 400)"),
        ("count(*) filter (where n > 1)", "count(*) filter (where n > 1)"),
        ("len(messages) >= 2", "array_size(messages) >= 2"),
        (
            "unnest([m[len(m) - 1], m[len(m) - 3]]) as value",
            "explode(array(try_element_at(m, cast(nullif(array_size(m) - 1, 0) as int)), "
            "try_element_at(m, cast(nullif(array_size(m) - 3, 0) as int)))) as value",
        ),
        (
            "create view f as select * from read_parquet('/it''s/part-*.parquet')",
            "create or replace temporary view f as select * from parquet.`/it's/part-*.parquet`",
        ),
    ],
)
def test_words_that_differ_are_spelled_for_spark(ours: str, theirs: str) -> None:
    """Each of DuckDB's words that the shared queries use has Spark's for it."""
    assert for_spark(ours) == theirs
