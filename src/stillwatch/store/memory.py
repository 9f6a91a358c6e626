"""What the earlier scans of a store leave to this one, and what this one leaves to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch.campaigns.cells import Cells
from stillwatch.campaigns.findings import Tables
from stillwatch.engine.durable import to_disk
from stillwatch.engine.parts import write_table
from stillwatch.errors import OutputError
from stillwatch.fingerprint.names import read_names
from stillwatch.profiles.index import AccountIndex
from stillwatch.report.history import HISTORY_VERSION, History
from stillwatch.report.text import count
from stillwatch.store.catalogue import Brought, Catalogue
from stillwatch.store.changes import Followed, follow
from stillwatch.store.days import SOURCE_BITS, Added, add_days
from stillwatch.store.examples import EXAMPLES, merged, read_examples, texts_in
from stillwatch.store.members import Members, read_members, write_members
from stillwatch.store.place import Store
from stillwatch.store.promise import spend
from stillwatch.store.retention import without_old
from stillwatch.store.standing import Standing
from stillwatch.store.window import coverage_of, make_window

HISTORY = "history.json"


@dataclass(slots=True)
class Memory:
    """The store in a scan: its window to look at, and its catalogue as it will be when the scan is done.

    added: what this scan's logs brought.  fixed_days: of the promise, in place of what the store would spend.
    """

    store: Store
    catalogue: Catalogue
    added: Added
    window: Path
    exemplars: bool
    min_accounts: int
    fixed_days: float | None = None
    _followed: Followed | None = None
    _examples: pa.Table | None = None

    @property
    def any_new(self) -> bool:
        """Whether these logs brought an exchange that the store did not hold."""
        return bool(self.added.parts)

    def coverage(self) -> tuple[dict[str, float], list[str]]:
        """Share of the store's rows that fill each column, and formats."""
        return coverage_of(self.catalogue.parts, self.catalogue.brought)

    def days(self, first: int, last: int) -> float:
        """Days of the promise that this scan spends. Units: first, last in UTC microseconds."""
        before = self.catalogue
        days, until = spend(before.spent_until, before.days_spent, first, last, new=self.any_new)
        if self.fixed_days is not None:
            days = self.fixed_days
        self.catalogue = msgspec.structs.replace(before, days_spent=days, spent_until=until)
        return days

    def standing(self, cells: Cells, index: AccountIndex, connection: duckdb.DuckDBPyConnection) -> Standing:
        """What was published and still stands."""
        return Standing.of(self.catalogue.findings, self._members(), cells, index, connection)

    def follow(
        self, tables: Tables, connection: duckdb.DuckDBPyConnection, labels: Mapping[tuple[str, int], str]
    ) -> Tables:
        """The tables under the ids that the store has published."""
        names = read_names(self.window / "names", "platform")
        platforms = dict(zip(names["hash"].to_pylist(), names["text"].to_pylist(), strict=True))
        past = self.catalogue.findings
        self._followed = follow(tables, past, self._members(), connection, labels, platforms)
        return self._followed.tables

    def kept_examples(self, templates: Iterable[int]) -> dict[int, str]:
        """Examples that scans before made of some templates."""
        wanted = set(templates)
        texts = texts_in(self._kept(), self.min_accounts)
        return {template: text for template, text in texts.items() if template in wanted}

    def keep_examples(self, made: Mapping[int, str], sources: Mapping[int, list[int]], shown: Iterable[int]) -> None:
        """Keep what this scan made of the templates that it shows."""
        self._examples = merged(self._kept(), made, sources, self.min_accounts, shown)

    def summary(self) -> dict[str, Any]:
        """What `scan.json` says of the store."""
        known = self.catalogue
        return {
            "scans": known.run,
            "days": len(known.days),
            "first_day": known.days[0],
            "last_day": known.days[-1],
            "exchanges": known.rows,
            "new_exchanges": sum(part.rows for part in self.added.parts),
            "known_before": len(self.added.known),
            "too_old": len(self.added.too_old),
            "keep_days": known.keep_days,
            "keep_history_days": known.keep_history,
        }

    def notes(self) -> list[str]:
        """What a person should know of the store in this scan."""
        out = []
        if not self.any_new:
            out.append("These logs brought nothing that the store did not hold: it was looked at again as it is.")
        n = len(self.added.too_old)
        if n:
            out.append(
                f"{count(n, 'exchange')} of days that the store no longer keeps ({self.catalogue.keep_days} days) "
                f"{'was' if n == 1 else 'were'} read and left out."
            )
        return out

    def history(self) -> History:
        """What became of all findings. Assumes: `follow` was called."""
        findings = [] if self._followed is None else self._followed.findings
        before = {one.finding_id for one in self.catalogue.findings if one.active}
        gone = [one for one in findings if one.finding_id in before and not one.active]
        return History(schema_version=HISTORY_VERSION, findings=findings, just_gone=gone)

    def finish(self, result: Path) -> None:
        """Write the history beside the findings, and what the next scan needs into the store; nothing is valid yet.

        Raises: OutputError where the disk does not take it.
        """
        path, run = self.store.path, self.catalogue.run
        try:
            (result / HISTORY).write_bytes(msgspec.json.format(msgspec.json.encode(self.history()), indent=2) + b"\n")
            written = list(self.added.written)
            catalogue = msgspec.structs.replace(self.catalogue, members=None, examples=None, findings=[])
            if self._followed is not None:
                catalogue = msgspec.structs.replace(
                    catalogue, findings=self._followed.findings, members=f"findings/{run:06d}"
                )
                written += write_members(path, f"findings/{run:06d}", self._followed.members)
            if self._examples is not None and self._examples.num_rows:
                catalogue = msgspec.structs.replace(catalogue, examples=f"examples/{run:06d}.parquet")
                (path / "examples").mkdir(exist_ok=True)
                write_table(self._examples, path / f"examples/{run:06d}.parquet")
                written.append(path / f"examples/{run:06d}.parquet")
            to_disk(written)
        except OSError as error:
            raise OutputError(
                f"cannot write: {error.strerror or error}", source=str(path), hint="free some space and scan again"
            ) from error
        self.catalogue = catalogue

    def _members(self) -> Members:
        return read_members(self.store.path, self.catalogue.members)

    def _kept(self) -> pa.Table:
        if not self.exemplars or self.catalogue.examples is None:
            return EXAMPLES.empty_table()
        return read_examples(self.store.path / self.catalogue.examples)


def remember(
    store: Store,
    begun: Catalogue,
    work: Path,
    *,
    coverage: Mapping[str, float],
    formats: Sequence[str],
    kept: int,
    keep_days: int | None,
    keep_history: int | None,
    exemplars: bool,
    min_accounts: int,
    memory_mb: int,
    threads: int,
    fixed_days: float | None = None,
) -> Memory:
    """Add what a scan has read, in its work folder, to the store's days, and lay out the window to look at.

    begun: the catalogue to go on from.  coverage, formats, kept: of what was read.  keep_days, keep_history: None
    leaves them as they are.
    """
    catalogue = msgspec.structs.replace(
        begun,
        run=begun.run + 1,
        keep_days=keep_days or begun.keep_days,
        keep_history=keep_history or begun.keep_history,
    )
    added = add_days(store.path, catalogue, work)
    catalogue = msgspec.structs.replace(
        catalogue,
        next_source=catalogue.next_source + added.n_sources,
        parts=[*catalogue.parts, *added.parts],
        counts=[*catalogue.counts, *added.counts],
    )
    if added.parts:
        brought = Brought(catalogue.run, kept, dict(coverage), list(formats))
        catalogue = msgspec.structs.replace(catalogue, brought=[*catalogue.brought, brought])
    if catalogue.parts:
        catalogue = without_old(catalogue, catalogue.days[-1])
    sample = pq.read_table(work / "sample.parquet")
    positions = pc.add(sample["position"], pa.scalar(begun.next_source << SOURCE_BITS, pa.int64()))
    window = make_window(store.path, catalogue.parts, work, memory_mb=memory_mb, threads=threads)
    write_table(sample.set_column(0, sample.schema.field(0), positions), window / "sample.parquet")
    (window / "quarantine.parquet").symlink_to((work / "quarantine.parquet").absolute())
    return Memory(store, catalogue, added, window, exemplars, min_accounts, fixed_days)
