"""Logs to fingerprints, once: the only step that sees text, and the one that a killed scan need not repeat."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch import schema
from stillwatch.engine.durable import replace_file, to_disk
from stillwatch.engine.parts import write_table
from stillwatch.engine.spark import cluster
from stillwatch.errors import OutputError
from stillwatch.fingerprint.spool import SAMPLE
from stillwatch.scan.ahead import Ahead
from stillwatch.scan.clustered import gather
from stillwatch.scan.gathering import Gathering, leave_out, read_checkpoint
from stillwatch.scan.options import ScanOptions
from stillwatch.sources.quarantine import Quarantine
from stillwatch.sources.reading import read_logs
from stillwatch.sources.resuming import Resume

STATE = "ingested.json"
DROP = "drop.parquet"
"""Positions of exchanges that came before; gone when they were left out of the tables."""


class Ingested(msgspec.Struct, frozen=True):
    """What reading left besides its tables.

    signature: of the input and of the options that change what reading leaves; None where the input cannot be told
    again (standard input, a database).  begun_at: the clock that all of the scan goes by.
    counts: rows read, kept, quarantined, duplicates.
    coverage: share of the rows that fill each column.  formats: of the logs.
    """

    signature: str | None
    begun_at: datetime
    counts: dict[str, int]
    coverage: dict[str, float]
    formats: list[str]


def begun_at(work: Path, signature: str | None) -> datetime | None:
    """When the scan of this input was begun that is to be gone on with; None where there is none."""
    if signature is None:
        return None
    for left in (_read_state(work / STATE), read_checkpoint(work)):
        if left is not None and left.signature == signature:
            return left.begun_at
    return None


def ingest(
    logs: Sequence[str],
    work: Path,
    registry: pa.Table | None,
    options: ScanOptions,
    quarantine: Quarantine,
    say: Callable[[str], None],
    progress: Callable[[int], None] = lambda n: None,
    *,
    signature: str | None = None,
) -> Ingested:
    """Read the logs once and leave fingerprints, names, exchange ids, sampled texts and quarantine in the work folder.

    What a killed scan of the same input and options left there is gone on with; `options.read.now` has to be its
    `begun_at`.  signature: the input's; None where nothing may be gone on with.  progress: told the rows so far.
    """
    state = work / STATE
    left = _read_state(state)
    if left is not None and signature is not None and left.signature == signature:
        say("goes on after reading, where an earlier scan of these logs was stopped")
        _leave_out_duplicates(work)
        return left
    state.unlink(missing_ok=True)
    (work / DROP).unlink(missing_ok=True)
    if signature is None:
        say("the input cannot be read a second time: a scan that is killed while it reads begins anew")
    now = options.read.now
    try:
        with Gathering(work, exemplars=options.exemplars, threads=options.threads) as gathered:
            if options.engine == "spark":
                gathered.begin(resumable=False)
                with cluster(options.master, work) as workers:
                    gather(workers, logs, gathered, registry, options, quarantine, say)
                progress(gathered.n_rows)
            else:
                resume = _resume(gathered, work, signature, was_read=left is not None, quarantine=quarantine, say=say)
                stream = read_logs(
                    logs,
                    format=options.format,
                    registry=registry,
                    options=options.read,
                    quarantine=quarantine,
                    say=say,
                    resume=resume,
                )
                with Ahead(stream) if options.threads > 1 else nullcontext(stream) as batches:
                    for rows in batches:
                        gathered.take(rows)
                        progress(gathered.n_rows)
                        if signature is not None and gathered.due(options.checkpoint_seconds):
                            gathered.save(rows, quarantine, signature, now)
            drop = gathered.finish()
            write_table(pa.table({"position": drop}), work / DROP)
            sample = SAMPLE.empty_table() if gathered.spool is None else gathered.spool.table()
            write_table(sample, work / "sample.parquet", plain=SAMPLE.names)
        bad = quarantine.table()
        write_table(bad, work / "quarantine.parquet")
        n_rows = gathered.n_rows
        ingested = Ingested(
            signature=signature,
            begun_at=now,
            counts={
                "read": n_rows + bad.num_rows,
                "kept": n_rows - len(drop),
                "quarantined": bad.num_rows,
                "duplicates": len(drop),
            },
            coverage={name: round(gathered.filled[name] / max(n_rows, 1), 6) for name in schema.EXCHANGE.names},
            formats=sorted({name for name in gathered.formats if name}),
        )
        to_disk([work / DROP, work / "sample.parquet", work / "quarantine.parquet"])
        replace_file(state, msgspec.json.encode(ingested))
        _leave_out_duplicates(work)
    except OSError as error:
        raise OutputError(
            f"cannot write: {error.strerror or error}", source=str(work), hint="free some space or choose another --out"
        ) from error
    return ingested


def _resume(
    gathered: Gathering,
    work: Path,
    signature: str | None,
    *,
    was_read: bool,
    quarantine: Quarantine,
    say: Callable[[str], None],
) -> Resume | None:
    """From where to read, with the tables as they were there; None where the input cannot be told again."""
    checkpoint = read_checkpoint(work)
    if signature is not None and checkpoint is not None and checkpoint.signature == signature:
        try:
            resume = gathered.go_on(checkpoint, quarantine)
        except (ValueError, OSError) as error:
            say(f"what an earlier scan left here is not whole: it is read anew ({error})")
        else:
            say(f"goes on after {checkpoint.n_rows:,} exchanges, where an earlier scan of these logs was stopped")
            return resume
    elif was_read or checkpoint is not None:
        say("an earlier scan was stopped here, of logs or with options that were others: reads anew")
    gathered.begin(resumable=signature is not None)
    return None if signature is None else Resume()


def _leave_out_duplicates(work: Path) -> None:
    """The last of reading: what follows may be done twice, and the work folder says whether it was done."""
    if (work / DROP).exists():
        leave_out(pq.read_table(work / DROP)["position"].to_numpy(), (work / "fingerprint", work / "exchange_ids"))
        (work / DROP).unlink()
    shutil.rmtree(work / "reading", ignore_errors=True)


def _read_state(path: Path) -> Ingested | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Ingested)
    except (msgspec.MsgspecError, OSError):
        return None
