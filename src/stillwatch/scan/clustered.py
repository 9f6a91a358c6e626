"""Reading on a cluster: the logs are cut into shares, each worker reads and fingerprints some, one machine adopts them.

A share is read by the same code that reads a whole log on one machine, on storage that the workers and the machine of
the scan have in common. What it leaves lies in a folder that no other attempt at it has, so that a share whose worker
was lost is read again beside what that one left. Shares are adopted in the order of the logs: every table comes out as
if one process had read them all.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch import errors, schema
from stillwatch.engine.parts import part_path, write_table
from stillwatch.engine.spark import Cluster
from stillwatch.fingerprint.names import Names, write_exchange_ids
from stillwatch.fingerprint.record import fingerprint, write_fingerprints
from stillwatch.fingerprint.spool import Candidates
from stillwatch.scan.gathering import Gathering
from stillwatch.scan.options import ScanOptions
from stillwatch.sources.address_database import open_addresses
from stillwatch.sources.guess import is_canonical
from stillwatch.sources.lake_files import Projection
from stillwatch.sources.places import Place, expand
from stillwatch.sources.quarantine import Quarantine
from stillwatch.sources.reading import LINE_BITS, Rows, chosen_format, nothing_readable, read_places, say_left_out
from stillwatch.sources.registry import formats
from stillwatch.sources.resuming import Anchor, Point, Resume
from stillwatch.sources.streams import open_place

SHARE_ROWS = 500_000
"""Rows of a Parquet file's share, in whole row groups: some seconds of work, so that no worker is long alone."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one task reads. first: number of its first place.  begin, end: rows of a Parquet file; all where None."""

    places: tuple[Place, ...]
    first: int
    begin: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """What every task is told. folder: where shares are put.  options: without what cannot travel."""

    shares: tuple[Share, ...]
    folder: Path
    registry: pa.Table | None
    options: ScanOptions


class ShareRead(msgspec.Struct, frozen=True):
    """What came of a share besides its tables, which lie in a folder.

    formats: of its places.  filled: rows that fill each column.  left_out: reason -> odd values.  said: to a person.
    error: what makes the scan end (class, what, source, line, hint); None where nothing does.
    """

    folder: str
    formats: list[str | None] = []
    filled: dict[str, int] = {}
    left_out: dict[str, int] = {}
    said: list[str] = []
    error: tuple[str, str, str | None, int | None, str | None] | None = None


def gather(
    cluster: Cluster,
    logs: Sequence[str],
    gathered: Gathering,
    registry: pa.Table | None,
    options: ScanOptions,
    quarantine: Quarantine,
    say: Callable[[str], None],
) -> None:
    """Read the logs on a cluster into `gathered`, which has begun; the same as `read_logs` and `take` leave there.

    Raises: StillwatchError as reading does; InputError where workers cannot reach the logs.
    """
    fmt = chosen_format(options.format, options.read)
    places = expand(logs, say)
    for place in places:
        if place.kind == "stdin":
            raise errors.InputError("workers cannot read it", source=place.name, hint="write it to a file first")
    whole = [Share(tuple(places), 0)]
    shares = whole if fmt is not None and fmt.joined else list(_shares(places))
    done = _read(cluster, shares, gathered, registry, options)
    known = formats()
    if len(shares) > 1 and any(name is not None and known[name].joined for one in done for name in one.formats):
        say("exchanges of these logs stand in several records, which one worker has to see: it reads them alone")
        shares = whole
        done = _read(cluster, shares, gathered, registry, options)
    left_out: Counter[str] = Counter()
    for share, one in zip(shares, done, strict=True):
        folder = Path(one.folder)
        if share.begin in (None, 1):
            # What is to be said of a file, its first share says.
            for line in one.said:
                say(line)
        left_out.update(one.left_out)
        quarantine.restore(pq.read_table(folder / "quarantine.parquet"))
        gathered.adopt(folder, one.filled, one.formats)
        shutil.rmtree(folder)
    say_left_out(left_out, say)
    if gathered.n_rows == 0:
        raise nothing_readable(places, quarantine, options.read.times)


def _shares(places: Sequence[Place]) -> Iterator[Share]:
    for number, place in enumerate(places):
        starts = _starts(place)
        for at, begin in enumerate(starts):
            end = starts[at + 1] - 1 if at + 1 < len(starts) else None
            yield Share((place,), number, begin, end)
        if not starts:
            yield Share((place,), number)


def _starts(place: Place) -> list[int]:
    """Rows at which the shares of a canonical Parquet file begin; none of what cannot be divided or is damaged."""
    if place.kind not in ("file", "s3"):
        return []
    try:
        opened = open_place(place)
    except OSError:
        return []
    try:
        if opened.file is None:
            return []
        parquet = pq.ParquetFile(opened.file)
        columns = Projection(place.lake, parquet.schema_arrow, place.name).columns
        if not is_canonical(columns) or "messages" in columns:
            return []
        starts, row, held = [1], 1, 0
        for group in range(parquet.metadata.num_row_groups):
            n_rows = parquet.metadata.row_group(group).num_rows
            if held and held + n_rows > SHARE_ROWS:
                starts.append(row)
                held = 0
            row, held = row + n_rows, held + n_rows
        return starts
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return []
    finally:
        opened.close()


def _read(
    cluster: Cluster, shares: list[Share], gathered: Gathering, registry: pa.Table | None, options: ScanOptions
) -> list[ShareRead]:
    folder = gathered.reading / "shares"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    plain = replace(options, read=replace(options.read, addresses=None))
    setup = Setup(tuple(shares), folder.absolute(), registry, plain)
    done = [msgspec.json.decode(one, type=ShareRead) for one in cluster.map(partial(_task, setup), len(shares))]
    for one in done:
        if one.error is not None:
            name, what, source, line, hint = one.error
            raise getattr(errors, name)(what, source=source, line=line, hint=hint)
        if not (Path(one.folder) / "quarantine.parquet").exists():
            raise errors.OutputError(
                "what workers write does not arrive here",
                source=one.folder,
                hint="--out has to lie on storage that the workers and this machine share",
            )
    return done


def _task(setup: Setup, number: int) -> bytes:
    share, read = setup.shares[number], setup.options.read
    said: list[str] = []
    try:
        if not setup.folder.is_dir():
            raise errors.OutputError(
                "is not there for a worker",
                source=str(setup.folder),
                hint="--out has to lie on storage that the workers and this machine share",
            )
        addresses = open_addresses(setup.options.addresses, lambda _: None)
        folder = Path(tempfile.mkdtemp(prefix=f"{number:06d}-", dir=setup.folder))
        options = replace(setup.options, read=replace(read, addresses=addresses))
        return msgspec.json.encode(read_share(share, folder, setup.registry, options, said))
    except errors.StillwatchError as error:
        told = (type(error).__name__, error.what, error.source, error.line, error.hint)
        return msgspec.json.encode(ShareRead("", error=told))


def read_share(
    share: Share, folder: Path, registry: pa.Table | None, options: ScanOptions, said: list[str]
) -> ShareRead:
    """Read a share into a folder: fingerprints, exchange ids, names, candidates for the sample, and quarantine."""
    quarantine = Quarantine(exemplars=options.exemplars, pseudonyms=options.read.pseudonymise is not None)
    filled = dict.fromkeys(schema.EXCHANGE.names, 0)
    kinds: list[str | None] = []
    left_out: Counter[str] = Counter()
    candidates = Candidates() if options.exemplars else None
    for name in ("fingerprint", "exchange_ids", "candidates"):
        (folder / name).mkdir()

    def rows() -> Iterator[Rows]:
        fmt = chosen_format(options.format, options.read)
        begin = None if share.begin in (None, 1) else Resume(Anchor(0, Point(share.begin or 1)))
        stream = read_places(share.places, fmt, registry, options.read, quarantine, said.append, begin, share.end)
        left_out.update((yield from stream))

    with Names(folder / "names") as names:
        for number, one in enumerate(rows()):
            positions = one.positions + (share.first << LINE_BITS)
            prints = fingerprint(one.batch, positions, threads=1)
            at = prints.schema.get_field_index("address_kinds")
            prints = prints.set_column(at, prints.schema.field(at), one.address_kinds)
            write_fingerprints(prints, part_path(folder / "fingerprint", number))
            write_exchange_ids(one.batch, positions, part_path(folder / "exchange_ids", number))
            names.add(one.batch, prints)
            if candidates is not None:
                write_table(candidates.of(one.batch, prints), part_path(folder / "candidates", number))
            for name in schema.EXCHANGE.names:
                filled[name] += one.batch.num_rows - one.batch[name].null_count
            kinds = one.sources.formats
    write_table(quarantine.added(0, quarantine.n), folder / "quarantine.parquet")
    return ShareRead(str(folder), list(kinds), filled, dict(left_out), said)
