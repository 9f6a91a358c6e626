"""How well a grouping agrees with the moulds that prompts were poured from: purity and completeness."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

Groups = Sequence[int | None]
"""The group of each prompt, None for none."""


def labels(out: Path, n: int) -> list[int | None]:
    """The template of each position from 0 to n, from the folder that `find_templates` wrote; None for none."""
    table = pq.read_table(out / "exchange_template.parquet")
    found: list[int | None] = [None] * n
    for position, template in zip(table["position"].to_pylist(), table["template"].to_pylist(), strict=True):
        found[position] = template
    return found


def purity(truth: Sequence[int], found: Groups) -> float:
    """Of the exchanges in templates, the share whose mould is their template's commonest; texts of their own count.

    truth: the mould of each prompt, -1 for a text of its own.
    """
    return _agreement(
        [(f, t if t >= 0 else -1 - i) for i, (t, f) in enumerate(zip(truth, found, strict=True)) if f is not None]
    )


def poured_purity(truth: Sequence[int], found: Groups) -> float:
    """As `purity`, of the exchanges poured from a mould alone: for texts that hold unknown moulds of their own."""
    return _agreement([(f, t) for t, f in zip(truth, found, strict=True) if f is not None and t >= 0])


def completeness(truth: Sequence[int], found: Groups) -> float:
    """Of the exchanges poured from a mould, the share that is in their mould's commonest template; in none is alone."""
    pairs = enumerate(zip(truth, found, strict=True))
    return _agreement([(t, f if f is not None else ("alone", i)) for i, (t, f) in pairs if t >= 0])


def _agreement(pairs: Sequence[tuple[object, object]]) -> float:
    counts: dict[object, dict[object, int]] = {}
    for group, value in pairs:
        inner = counts.setdefault(group, {})
        inner[value] = inner.get(value, 0) + 1
    return sum(max(inner.values()) for inner in counts.values()) / max(1, len(pairs))
