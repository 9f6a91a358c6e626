"""Masked examples of templates that a store keeps, since the texts that they were made of are not kept.

A scan makes examples from its own logs' texts, as without a store; what it shows of a found template is kept here, so
that a later scan whose logs hold too few texts of it can show it too. Whoever's texts went into one is noted, by hash:
without that account the example goes as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

EXAMPLES = pa.schema(
    [
        pa.field("template", pa.int64(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("min_accounts", pa.int64(), nullable=False),
        pa.field("accounts", pa.list_(pa.int64()), nullable=False),
    ]
)
"""Template, its masked text, how many accounts must have sent what it shows, and hashes of those it was made of."""


def read_examples(path: Path | None) -> pa.Table:
    """What is kept; none where nothing is."""
    return EXAMPLES.empty_table() if path is None else pq.read_table(path, schema=EXAMPLES)


def texts_in(kept: pa.Table, min_accounts: int) -> dict[int, str]:
    """Template -> masked text, of those that at least so many accounts stand behind."""
    fit = kept.filter(pc.greater_equal(kept["min_accounts"], min_accounts))
    return dict(zip(fit["template"].to_pylist(), fit["text"].to_pylist(), strict=True))


def merged(
    kept: pa.Table, made: Mapping[int, str], sources: Mapping[int, list[int]], min_accounts: int, shown: Iterable[int]
) -> pa.Table:
    """What is to be kept of the templates that are shown now: what was made now, or else what was kept before.

    sources: template -> hashes of the accounts whose texts were looked at for it.
    """
    wanted = set(shown)
    rows = [row for row in kept.to_pylist() if row["template"] in wanted and row["template"] not in made]
    rows += [
        {"template": template, "text": text, "min_accounts": min_accounts, "accounts": sorted(sources[template])}
        for template, text in made.items()
        if template in wanted
    ]
    return pa.Table.from_pylist(sorted(rows, key=lambda row: int(row["template"])), EXAMPLES)


def without_account(kept: pa.Table, account: int) -> pa.Table:
    """What was made without an account's texts."""
    rows = [row for row in kept.to_pylist() if account not in row["accounts"]]
    return pa.Table.from_pylist(rows, EXAMPLES)
