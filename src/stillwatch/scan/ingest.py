"""Logs to fingerprints, once: the only step that sees text, and the one that a killed scan need not repeat."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch import __version__, schema
from stillwatch.engine.parts import part_path, parts, write_table
from stillwatch.errors import OutputError
from stillwatch.fingerprint.names import Names, write_exchange_ids
from stillwatch.fingerprint.record import fingerprint
from stillwatch.fingerprint.spool import Spool
from stillwatch.profiles.index import Ints
from stillwatch.scan.options import ScanOptions
from stillwatch.sources.duplicates import Duplicates
from stillwatch.sources.places import expand, registry_beside
from stillwatch.sources.quarantine import Quarantine
from stillwatch.sources.reading import read_logs

SAMPLE = pa.schema([("position", pa.int64()), ("system", pa.string()), ("prompt", pa.string())])
"""The sampled texts, from which examples are made; the file goes with the work folder."""

STATE = "ingested.json"


class Ingested(msgspec.Struct, frozen=True):
    """What reading left besides its tables.

    signature: of the input and of the options that change what reading leaves; None where the input cannot be told
    again (standard input, a database).  counts: rows read, kept, quarantined, duplicates.
    coverage: share of the rows that fill each column.  formats: of the logs.
    """

    signature: str | None
    counts: dict[str, int]
    coverage: dict[str, float]
    formats: list[str]


def ingest(
    logs: Sequence[str],
    work: Path,
    registry: pa.Table | None,
    options: ScanOptions,
    quarantine: Quarantine,
    say: Callable[[str], None],
    progress: Callable[[int], None] = lambda n: None,
) -> Ingested:
    """Read the logs once and leave fingerprints, names, exchange ids, sampled texts and quarantine in the work folder.

    A work folder that a killed scan of the same input and options left after this step is taken as it is.
    progress: told the number of rows read so far.
    """
    signature = _signature(logs, options)
    state = work / STATE
    if signature is not None and state.exists():
        left = _read_state(state)
        if left is not None and left.signature == signature:
            say("goes on after reading, where an earlier scan of these logs was stopped")
            return left
    folder, ids = work / "fingerprint", work / "exchange_ids"
    state.unlink(missing_ok=True)
    for path in (folder, ids, work / "names", work / "templates"):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
    (work / "sample.parquet").unlink(missing_ok=True)
    filled: dict[str, int] = dict.fromkeys(schema.EXCHANGE.names, 0)
    n_rows = 0
    formats: list[str | None] = []
    try:
        with ExitStack() as stack:
            names = stack.enter_context(Names(work / "names"))
            duplicates = stack.enter_context(Duplicates(work))
            spool = stack.enter_context(Spool(work / "spool")) if options.exemplars else None
            stream = read_logs(
                logs, format=options.format, registry=registry, options=options.read, quarantine=quarantine, say=say
            )
            for number, rows in enumerate(stream):
                prints = fingerprint(rows.batch, rows.positions, threads=options.threads)
                at = prints.schema.get_field_index("address_kinds")
                prints = prints.set_column(at, prints.schema.field(at), rows.address_kinds)
                write_table(pa.Table.from_batches([prints]), part_path(folder, number))
                write_exchange_ids(rows.batch, rows.positions, part_path(ids, number))
                names.add(rows.batch)
                duplicates.add(prints["exchange"].to_numpy(), rows.positions)
                if spool is not None:
                    spool.offer(rows.batch, prints)
                for name in schema.EXCHANGE.names:
                    filled[name] += rows.batch.num_rows - rows.batch[name].null_count
                n_rows += rows.batch.num_rows
                formats = rows.sources.formats
                progress(n_rows)
            drop = duplicates.to_drop()
            _drop(drop, (folder, ids))
            _write_sample(spool, work / "sample.parquet")
    except OSError as error:
        raise OutputError(
            f"cannot write: {error.strerror or error}", source=str(work), hint="free some space or choose another --out"
        ) from error
    bad = quarantine.table()
    write_table(bad, work / "quarantine.parquet")
    ingested = Ingested(
        signature=signature,
        counts={
            "read": n_rows + bad.num_rows,
            "kept": n_rows - len(drop),
            "quarantined": bad.num_rows,
            "duplicates": len(drop),
        },
        coverage={name: round(filled[name] / max(n_rows, 1), 6) for name in schema.EXCHANGE.names},
        formats=sorted({name for name in formats if name}),
    )
    partial = state.with_suffix(".partial")
    partial.write_bytes(msgspec.json.encode(ingested))
    partial.replace(state)
    return ingested


def _read_state(path: Path) -> Ingested | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Ingested)
    except (msgspec.DecodeError, OSError):
        return None


def _signature(logs: Sequence[str], options: ScanOptions) -> str | None:
    """A digest of the input files (names, sizes, times) and of the options that change what reading leaves."""
    facts: list[object] = [__version__, schema.FINGERPRINT_VERSION, options.format, options.exemplars]
    read = options.read
    facts += [read.key.hex(), None if read.pseudonymise is None else blake2b(read.pseudonymise).hexdigest()]
    facts += [None if read.addresses is None else read.addresses.digest]
    if options.accounts is not None and "://" in options.accounts:
        return None
    files = [str(p) for p in (read.mapping, options.accounts, registry_beside(logs)) if p is not None]
    for place in expand(logs, lambda _: None):
        if place.kind != "file":
            return None
        files.append(place.path)
    for name in files:
        try:
            status = Path(name).stat()
        except OSError:
            # What cannot be looked at is told by the reading itself, with its place.
            return None
        facts.append((str(Path(name).resolve()), status.st_size, status.st_mtime_ns))
    return blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()


def _write_sample(spool: Spool | None, path: Path) -> None:
    rows: list[tuple[int, str | None, str | None]] = []
    if spool is not None:
        rows = [(at, system, prompt) for at, (system, prompt) in sorted(spool.texts(spool.positions()).items())]
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    write_table(pa.table([pa.array(c, f.type) for c, f in zip(columns, SAMPLE, strict=True)], schema=SAMPLE), path)


def _drop(drop: Ints, folders: Sequence[Path]) -> None:
    """Leave the exchanges at some positions out of all parts."""
    if len(drop) == 0:
        return
    for folder in folders:
        for path in parts(folder):
            table = pq.read_table(path)
            keep = ~np.isin(table["position"].to_numpy(), drop, assume_unique=True)
            if not keep.all():
                write_table(table.filter(pa.array(keep)), path)
