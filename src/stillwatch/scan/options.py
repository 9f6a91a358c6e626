"""How to scan: every knob of the main job in one frozen record."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from stillwatch.sources.reading import ReadOptions


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """How to scan.

    out: the folder for the result.  format: of the logs; guessed where None.  accounts: the registry.
    addresses: files that tell whose addresses are, `FILE` or `KIND=FILE`; `read.addresses` is opened from them.
    max_false_campaigns: expected false `campaign` findings per 30 days.  prior_per_million: campaign accounts per
    million, for the shown probability only.  min_exemplar_accounts: accounts that must have sent a text before it is
    shown; exemplars False keeps no text at all.  seed: of every random choice.
    checkpoint_seconds: how long reading goes on, at least, before it writes down again how far it is.
    declared: file of declared uses.  reviews: log of analysts' verdicts.
    into: the store that the logs are added to, and that is looked at as a whole.  keep_days, keep_history: for how many
    days it keeps exchanges, and counts and past findings; None as it did before.  wait: for another run that holds it.
    promise_days: days of the promise that a scan of a store spends, in place of those that none has spent: to compare
    at equal thresholds, never for findings to act on.
    engine: `duckdb`, in process, or `spark`.  master: address of the Spark cluster; as Spark is configured where None.
    read: how logs are read; its `exemplars` is set from the one here.
    """

    out: Path
    format: str | None = None
    accounts: str | None = None
    addresses: tuple[str, ...] = ()
    max_false_campaigns: float = 0.05
    prior_per_million: float = 100.0
    exemplars: bool = True
    min_exemplar_accounts: int = 5
    seed: int = 0
    declared: Path | None = None
    reviews: Path | None = None
    into: Path | None = None
    keep_days: int | None = None
    keep_history: int | None = None
    wait: bool = False
    promise_days: float | None = None
    memory_mb: int = 2048
    threads: int = 2
    checkpoint_seconds: float = 10.0
    engine: Literal["duckdb", "spark"] = "duckdb"
    master: str | None = None
    read: ReadOptions = field(default_factory=lambda: ReadOptions(now=datetime.now(UTC)))
