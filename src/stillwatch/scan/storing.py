"""A scan into a store: what was read goes to its days, and all that the store holds is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from stillwatch.engine.parts import write_table
from stillwatch.errors import UsageError
from stillwatch.fingerprint.spool import SAMPLE
from stillwatch.scan.ingest import Ingested
from stillwatch.scan.options import ScanOptions
from stillwatch.sources.messages import DEFAULT_KEY
from stillwatch.sources.quarantine import Quarantine
from stillwatch.store.catalogue import Catalogue
from stillwatch.store.memory import Memory, remember
from stillwatch.store.place import Store


@dataclass(frozen=True, slots=True)
class Storing:
    """A store that this scan holds, the catalogue that it goes on from, and the key for digests."""

    store: Store
    catalogue: Catalogue
    key: bytes

    @classmethod
    def begin(cls, store: Store, options: ScanOptions) -> Storing:
        """Take up a store with the options of a scan.

        Raises: UsageError where they do not go with what is in it.
        """
        if options.out.resolve() == store.path.resolve() or options.out.resolve() in store.path.resolve().parents:
            raise UsageError(
                "--out may not be the store, nor hold it: a scan's output is replaced as a whole",
                source=str(options.out),
            )
        given = None if options.read.key == DEFAULT_KEY else options.read.key
        key = store.key(given)
        return cls(store, store.begun(key, options.read.pseudonymise, own_key=given is None), key)

    @property
    def is_new(self) -> bool:
        """Whether the store holds nothing yet."""
        return not self.catalogue.parts

    def add(self, work: Path, ingested: Ingested, options: ScanOptions) -> tuple[Memory, Ingested]:
        """Add what was read to the store; returns what the scan goes on from, and what reading says of the whole.

        The counts are those of these logs; coverage and formats are those of all that the store holds.
        """
        memory = remember(
            self.store,
            self.catalogue,
            work,
            coverage=ingested.coverage,
            formats=ingested.formats,
            kept=ingested.counts["kept"],
            keep_days=options.keep_days,
            keep_history=options.keep_history,
            exemplars=options.exemplars,
            min_accounts=options.min_exemplar_accounts,
            memory_mb=options.memory_mb,
            threads=options.threads,
            fixed_days=options.promise_days,
        )
        again = len(memory.added.known)
        counts = {
            **ingested.counts,
            "kept": ingested.counts["kept"] - again,
            "duplicates": ingested.counts["duplicates"] + again,
        }
        coverage, formats = memory.coverage()
        return memory, msgspec.structs.replace(ingested, counts=counts, coverage=coverage, formats=formats)


def nothing_read(work: Path, quarantine: Quarantine, now: datetime) -> Ingested:
    """What reading leaves of logs without an exchange: tables without a row, in the work folder, and the quarantine."""
    for name in ("fingerprint", "exchange_ids", "names"):
        (work / name).mkdir(exist_ok=True)
    write_table(SAMPLE.empty_table(), work / "sample.parquet")
    write_table(quarantine.table(), work / "quarantine.parquet")
    return Ingested(
        signature=None,
        begun_at=now,
        counts={"read": quarantine.n, "kept": 0, "quarantined": quarantine.n, "duplicates": 0},
        coverage={},
        formats=[],
    )
