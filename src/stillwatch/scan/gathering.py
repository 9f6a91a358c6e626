"""What reading has gathered so far: tables in the work folder, and how far they go, so that a killed scan goes on.

A checkpoint is one small file that says how many parts of each table belong to it, from which anchor reading goes on
and which exchanges are done. It replaces the one before it in one step, when all that it speaks of is on the disk.
Whatever lies in the work folder beyond it is thrown away by the scan that goes on.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch import schema
from stillwatch.engine.durable import replace_file, to_disk
from stillwatch.engine.parts import part_path, parts, write_table
from stillwatch.fingerprint.names import Names, write_exchange_ids
from stillwatch.fingerprint.record import fingerprint, write_fingerprints
from stillwatch.fingerprint.spool import Saved, Spool
from stillwatch.profiles.index import Ints
from stillwatch.scan.ahead import Behind
from stillwatch.sources.duplicates import Duplicates
from stillwatch.sources.quarantine import Quarantine
from stillwatch.sources.reading import Rows
from stillwatch.sources.resuming import Anchor, Resume

CHECKPOINT = "checkpoint.json"

COST_SHARE = 0.02
"""Checkpoints take at most this share of the time: they come less often where each takes longer."""


class Checkpoint(msgspec.Struct, frozen=True):
    """How far reading is.

    signature: of the input.  begun_at: the clock that all of the scan goes by.  serial: of this checkpoint.
    n_batches, n_rows: done.  filled: rows that fill each column.  names: column -> parts.  full: columns whose names
    are beyond the cap.  n_bad_parts: of the quarantine, which holds what was put aside before the anchor.
    anchor, after, formats: see `sources.resuming`; the anchor's facts lie beside it.  sample: None without examples.
    """

    signature: str
    begun_at: datetime
    serial: int
    n_batches: int
    n_rows: int
    filled: dict[str, int]
    names: dict[str, int]
    full: list[str]
    n_bad_parts: int
    anchor: Anchor
    after: int
    formats: list[str | None]
    sample: Saved | None


def read_checkpoint(work: Path) -> Checkpoint | None:
    """The last checkpoint in a work folder; None where there is none that can be read."""
    try:
        return msgspec.json.decode((work / "reading" / CHECKPOINT).read_bytes(), type=Checkpoint)
    except (msgspec.MsgspecError, OSError):
        return None


class Gathering:
    """The tables that reading leaves, part by part.

    work: the folder of the scan; what it gathered before is thrown away, or gone on from with `go_on`.
    """

    def __init__(self, work: Path, *, exemplars: bool, threads: int) -> None:
        self.work, self.threads, self.exemplars = work, threads, exemplars
        self.reading = work / "reading"
        self.prints, self.ids = work / "fingerprint", work / "exchange_ids"
        self.n_batches = self.n_rows = 0
        self.filled: dict[str, int] = dict.fromkeys(schema.EXCHANGE.names, 0)
        self.formats: list[str | None] = []
        self.names: Names
        self.duplicates: Duplicates
        self.spool: Spool | None = None
        self._last: Checkpoint | None = None
        self._unsettled: list[Path] = []
        self._resumable = False
        self._saved_at, self._cost = time.perf_counter(), 0.0
        self._closing = ExitStack()
        self._behind = Behind(at_once=threads < 2)

    def __enter__(self) -> Gathering:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._behind.close()
        self._closing.close()

    def begin(self, *, resumable: bool) -> None:
        """Throw away what is there, and begin. resumable False: no checkpoint comes, and no text outlives the run."""
        self._resumable, self.n_rows = resumable, 0
        for path in (self.prints, self.ids, self.work / "names", self.work / "templates", self.reading):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
        (self.work / "sample.parquet").unlink(missing_ok=True)
        self.names = Names(self.work / "names")
        self._open_duplicates()
        if self.exemplars:
            self.spool = self._closing.enter_context(Spool(self.reading / "texts", named=resumable))

    def go_on(self, checkpoint: Checkpoint, quarantine: Quarantine) -> Resume:
        """Have everything as it was at a checkpoint; returns from where reading goes on.

        Raises: ValueError or OSError where not all of it is there; `begin` is the way on then.
        """
        at, self._resumable = checkpoint, True
        _keep_parts(self.prints, at.n_batches)
        _keep_parts(self.ids, at.n_batches)
        for column, n_parts in at.names.items():
            _keep_parts(self.work / "names" / column, n_parts)
        _keep_parts(self.reading / "quarantine", at.n_bad_parts)
        (self.work / "sample.parquet").unlink(missing_ok=True)
        for name in ("sample", "facts"):
            for path in self.reading.glob(f"{name}-*"):
                if path not in (self._index(at.serial), self._facts(at.serial)):
                    path.unlink()
        self.names = Names(self.work / "names", full=at.full)
        self._open_duplicates()
        for number in range(at.n_batches):
            table = pq.read_table(part_path(self.prints, number), columns=["exchange", "position"]).combine_chunks()
            positions = table["position"].to_numpy()
            self.duplicates.add(table["exchange"].to_numpy(), positions)
            self.n_rows += table.num_rows
            if pq.read_metadata(part_path(self.ids, number)).num_rows != table.num_rows:
                raise ValueError("a part of the ids is not that of its fingerprints")
        if self.n_rows != at.n_rows or positions[-1] != at.after:
            raise ValueError("the parts are not those of the checkpoint")
        bad = [pq.read_table(path) for path in parts(self.reading / "quarantine")]
        if sum(table.num_rows for table in bad) != at.anchor.n_quarantined:
            raise ValueError("the quarantine is not that of the checkpoint")
        if at.sample is not None:
            spool = Spool.restored(self.reading / "texts", at.sample, self._index(at.serial))
            self.spool = self._closing.enter_context(spool)
        facts = self._facts(at.serial).read_bytes()
        for table in bad:
            quarantine.restore(table)
        self.n_batches, self.filled, self.formats = at.n_batches, dict(at.filled), list(at.formats)
        self._last = at
        return Resume(msgspec.structs.replace(at.anchor, facts=facts), at.after, at.formats)

    def take(self, rows: Rows) -> None:
        """Take in a batch: what is made of it is written while the next one is read."""
        batch, number = rows.batch, self.n_batches
        prints = fingerprint(batch, rows.positions, threads=self.threads)
        at = prints.schema.get_field_index("address_kinds")
        prints = prints.set_column(at, prints.schema.field(at), rows.address_kinds)
        self._behind.do(partial(self._keep, batch, prints, rows.positions, number))
        for name in schema.EXCHANGE.names:
            self.filled[name] += batch.num_rows - batch[name].null_count
        self.n_rows += batch.num_rows
        self.n_batches += 1
        self.formats = rows.sources.formats

    def _keep(self, batch: pa.RecordBatch, prints: pa.RecordBatch, positions: Ints, number: int) -> None:
        paths = part_path(self.prints, number), part_path(self.ids, number)
        self._unsettled += paths
        write_fingerprints(prints, paths[0])
        write_exchange_ids(batch, positions, paths[1])
        self.names.add(batch, prints)
        self.duplicates.add(prints["exchange"].to_numpy(), positions)
        if self.spool is not None:
            self.spool.offer(batch, prints)

    def adopt(self, folder: Path, filled: dict[str, int], formats: Sequence[str | None]) -> None:
        """Take in a stretch that another process read into a folder of its own, and that comes after all so far."""
        for path in parts(folder / "fingerprint"):
            ids = folder / "exchange_ids" / path.name
            table = pq.read_table(path, columns=["exchange", "position"])
            self.duplicates.add(table["exchange"].to_numpy(), table["position"].to_numpy())
            self.n_rows += table.num_rows
            path.rename(part_path(self.prints, self.n_batches))
            ids.rename(part_path(self.ids, self.n_batches))
            self.n_batches += 1
        self.names.adopt(folder / "names")
        if self.spool is not None:
            for path in parts(folder / "candidates"):
                for batch in pq.read_table(path).to_batches():
                    self.spool.offer(batch, batch)
        for name in schema.EXCHANGE.names:
            self.filled[name] += filled[name]
        self.formats += formats

    def due(self, seconds: float) -> bool:
        """Whether it is time for a checkpoint: not before so many seconds, and not oftener than they are cheap."""
        return time.perf_counter() - self._saved_at >= max(seconds, self._cost / COST_SHARE)

    def save(self, rows: Rows, quarantine: Quarantine, signature: str, begun_at: datetime) -> None:
        """Write a checkpoint after a batch was taken.

        Raises: OSError or OutputError where it cannot be written; the one before it stands then.
        """
        began = time.perf_counter()
        self._behind.settle()
        anchor, last = rows.anchor, self._last
        serial = 0 if last is None else last.serial + 1
        n_bad, n_bad_parts = (0, 0) if last is None else (last.anchor.n_quarantined, last.n_bad_parts)
        written = self._write_names() + self._unsettled
        if anchor.n_quarantined > n_bad:
            path = part_path(self.reading / "quarantine", n_bad_parts)
            path.parent.mkdir(exist_ok=True)
            write_table(quarantine.added(n_bad, anchor.n_quarantined), path)
            written.append(path)
            n_bad_parts += 1
        saved = None
        if self.spool is not None:
            saved = self.spool.save(self._index(serial))
            written += [self._index(serial), self.spool.texts_path]
        self._facts(serial).write_bytes(anchor.facts)
        to_disk([*written, self._facts(serial)])
        checkpoint = Checkpoint(
            signature=signature,
            begun_at=begun_at,
            serial=serial,
            n_batches=self.n_batches,
            n_rows=self.n_rows,
            filled=self.filled,
            names=self.names.written,
            full=sorted(self.names.full),
            n_bad_parts=n_bad_parts,
            anchor=msgspec.structs.replace(anchor, facts=b""),
            after=int(rows.positions[-1]),
            formats=rows.sources.formats[: anchor.source],
            sample=saved,
        )
        replace_file(self.reading / CHECKPOINT, msgspec.json.encode(checkpoint))
        if last is not None:
            self._index(last.serial).unlink(missing_ok=True)
            self._facts(last.serial).unlink(missing_ok=True)
        if self.spool is not None:
            self.spool.forget()
        self._last, self._unsettled = checkpoint, []
        self._saved_at = time.perf_counter()
        self._cost = self._saved_at - began

    def finish(self) -> Ints:
        """Write what waits; returns the positions of exchanges that came before, sorted."""
        self._behind.settle()
        names = self._write_names()
        if self._resumable:
            to_disk(names + self._unsettled)
        return self.duplicates.to_drop()

    def _write_names(self) -> list[Path]:
        before = {} if self._last is None else self._last.names
        self.names.finish()
        return [
            part_path(self.work / "names" / column, number)
            for column, n_parts in self.names.written.items()
            for number in range(before.get(column, 0), n_parts)
        ]

    def _open_duplicates(self) -> None:
        folder = self.work / "duplicates"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.duplicates = self._closing.enter_context(Duplicates(folder))

    def _index(self, serial: int) -> Path:
        return self.reading / f"sample-{serial}.parquet"

    def _facts(self, serial: int) -> Path:
        return self.reading / f"facts-{serial}.bin"


def leave_out(drop: Ints, folders: Iterable[Path]) -> None:
    """Leave the exchanges at some positions out of all parts; doing it twice changes nothing."""
    if len(drop) == 0:
        return
    for folder in folders:
        for path in parts(folder):
            table = pq.read_table(path)
            keep = ~np.isin(table["position"].to_numpy(), drop, assume_unique=True)
            if not keep.all():
                write_table(table.filter(pa.array(keep)), path)


def _keep_parts(folder: Path, n_parts: int) -> None:
    for path in (*parts(folder)[n_parts:], *folder.glob(".*.partial")):
        path.unlink()
