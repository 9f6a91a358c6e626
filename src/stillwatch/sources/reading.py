"""Logs in, batches of exchanges out: files, compression, formats, quarantine, registry and pseudonyms, as a stream."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch import schema
from stillwatch.errors import InputError, MissingColumn, MissingSource, NoExchange
from stillwatch.sources.accounts import Registry, fill_from_registry
from stillwatch.sources.address_database import AddressDatabase
from stillwatch.sources.clickhouse import read_clickhouse
from stillwatch.sources.event_files import EventFiles, read_event_files
from stillwatch.sources.guess import format_named
from stillwatch.sources.joining import Join
from stillwatch.sources.messages import DEFAULT_KEY
from stillwatch.sources.places import Place, expand
from stillwatch.sources.pseudonymise import pseudonymise
from stillwatch.sources.quarantine import Quarantine
from stillwatch.sources.records import Part, Reader, read_json
from stillwatch.sources.registry import Format
from stillwatch.sources.resuming import BEGINNING, Anchor, Anchors, Point, Resume
from stillwatch.sources.streams import open_place, why_not
from stillwatch.sources.tables import read_csv, read_parquet, read_postgres
from stillwatch.sources.time_range import ALWAYS, TimeRange
from stillwatch.sources.validation import CHOSEN_BY_CALLERS, find_faults, without_odd_ids

BATCH_ROWS = 32_768
BATCH_BYTES = 32 << 20
"""Rows and bytes of a batch at most, as far as single rows allow: large enough to keep kernels busy, and no larger.

Several are held at once, and memory that was never touched costs more than using it.
"""

LINE_BITS = 40
"""Bits of a position that hold the line; the bits above hold the number of the source."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How logs are read.

    key: for the digests of messages and blocks.  pseudonymise: the secret for pseudonyms; None keeps ids as they are.
    mapping: the file for the format `mapping`.  exemplars: whether raw text may go to quarantine.
    addresses: what is known of addresses.  now: the clock.  batch_rows: rows of a batch at most.
    times: the exchanges that are wanted; where a source can leave out others unread, it does.
    """

    now: datetime
    key: bytes = DEFAULT_KEY
    pseudonymise: bytes | None = None
    mapping: Path | None = None
    addresses: AddressDatabase | None = None
    exemplars: bool = True
    batch_rows: int = BATCH_ROWS
    times: TimeRange = ALWAYS


@dataclass(slots=True)
class SourceList:
    """The sources of a run by number, and what is known of each: name and format."""

    names: list[str] = field(default_factory=list)
    formats: list[str | None] = field(default_factory=list)

    def add(self, name: str) -> int:
        """The number of a new source."""
        self.names.append(name)
        self.formats.append(None)
        return len(self.names) - 1

    def place(self, position: int) -> tuple[str, int]:
        """Name of the source and line that a position stands for."""
        return self.names[position >> LINE_BITS], position & ((1 << LINE_BITS) - 1)


@dataclass(frozen=True, slots=True)
class Rows:
    """Some exchanges.

    batch: exactly `schema.EXCHANGE`.  positions: int64, source number << 40 | line, unique and growing in a source;
    where a line holds several exchanges, they count on, so that later lines may stand further down than they do.
    address_kinds: uint8, as `address_database.Located.kinds`; nulls where no database was named.
    anchor: from where a later run has to read to come past these rows: the start of all logs where nobody asked.
    """

    batch: pa.RecordBatch
    positions: npt.NDArray[np.int64]
    sources: SourceList
    address_kinds: pa.UInt8Array
    anchor: Anchor = BEGINNING


def read_logs(
    logs: Sequence[str],
    *,
    format: str | None,
    registry: pa.Table | None,
    options: ReadOptions,
    quarantine: Quarantine,
    say: Callable[[str], None],
    resume: Resume | None = None,
) -> Iterator[Rows]:
    """The exchanges of all logs, valid ones only, in batches of about 32 thousand rows or 32 MB.

    What cannot be read goes to `quarantine`; what a person should know (a format that was guessed, a file that was
    left aside) goes to `say`. Columns that the log lacks are filled from `registry`, which holds true ids also where
    the result is pseudonymised. With `resume`, each batch says from where a later run can go on, and those that a
    run before did come no more; `quarantine` then holds what that run had put aside at its anchor.
    Raises: InputError where the options are wrong, a place is not there, or nothing at all can be read.
    """
    fmt = chosen_format(format, options)
    places = expand(logs, say)
    n_rows = 0
    left_out: Counter[str] = Counter()

    def read() -> Generator[Rows]:
        left_out.update((yield from read_places(places, fmt, registry, options, quarantine, say, resume)))

    with closing(read()) as stream:
        for rows in stream:
            n_rows += rows.batch.num_rows
            yield rows
    say_left_out(left_out, say)
    if n_rows == 0 and (resume is None or resume.after < 0):
        raise nothing_readable(places, quarantine, options.times)


def say_left_out(left_out: Counter[str], say: Callable[[str], None]) -> None:
    """Say which odd values were left out of exchanges that are kept."""
    for reason, count in sorted(left_out.items()):
        rows_said = "1 row" if count == 1 else f"{count:,} rows"
        say(f"{reason} in {rows_said}: the value is left out there, the exchange is kept")


def read_places(
    places: Sequence[Place],
    fmt: Format | None,
    registry: pa.Table | None,
    options: ReadOptions,
    quarantine: Quarantine,
    say: Callable[[str], None],
    resume: Resume | None = None,
    end: int | None = None,
) -> Generator[Rows, None, Counter[str]]:
    """The exchanges of some places as `read_logs` has them, none too few; returns what odd values were left out.

    end: of a Parquet file, the row groups that begin behind this row are another's to read.
    """
    joiner = None if registry is None else Registry(registry)
    sources = SourceList()
    start = resume or Resume()
    anchors = Anchors(start, quarantine, private=options.pseudonymise is not None)
    with closing(read_event_files(places, fmt, options.key, quarantine)) as events:
        if events.stores:
            # What exchanges took from other files is not known in a later run: that begins at the beginning.
            anchors.joins.update(events.joins())
            places = [
                *(one for one in places if not events.holds(one)),
                *(one for one in places if events.holds(one)),
            ]

        def read(place: Place) -> Iterator[tuple[int, Part]]:
            number = sources.add(place.name)
            if number < start.anchor.source:
                sources.formats[number] = start.formats[number]
                return
            begin = start.anchor.point if number == start.anchor.source else None
            if resume is not None and begin is None and not events.stores:
                anchors.pass_start(number)
            span = (begin, end)
            yield from _read_place(place, number, sources, fmt, options, quarantine, say, anchors.joins, span, events)

        parts = itertools.chain.from_iterable(read(place) for place in places)
        stream = _finished(parts, sources, joiner, options, quarantine, anchors, start.after)
        yield from _batched(stream, options.batch_rows, start.after)
    return anchors.left_out


def chosen_format(name: str | None, options: ReadOptions) -> Format | None:
    """The format that was named, or is described by a mapping; None where it is to be guessed.

    Raises: InputError where there is none of this name, or format and mapping do not go together.
    """
    if options.mapping is not None:
        from stillwatch.sources.mapping import load_mapping

        if name not in (None, "mapping"):
            raise InputError(f"--mapping goes with --format mapping, not {name}", hint="leave out one of them")
        return load_mapping(options.mapping)
    if name is None:
        return None
    if name == "mapping":
        raise InputError("--format mapping needs --mapping FILE", hint="docs/formats/mapping.md shows one")
    return format_named(name)


def _read_place(
    place: Place,
    number: int,
    sources: SourceList,
    fmt: Format | None,
    options: ReadOptions,
    quarantine: Quarantine,
    say: Callable[[str], None],
    joins: dict[str, Join],
    span: tuple[Point | None, int | None],
    events: EventFiles,
) -> Iterator[tuple[int, Part]]:
    def settle(chosen: Format, guessed: bool) -> None:
        sources.formats[number] = chosen.name
        if guessed:
            say(f"{place.name}: read as {chosen.name} ({chosen.title})")

    if events.holds(place):
        yield from ((number, part) for part in events.read_rest(place, quarantine, say, settle, joins))
        return
    begin, end = span
    reader = Reader(
        place,
        fmt,
        options.key,
        quarantine,
        say,
        settle,
        joins,
        begin=begin,
        end=end,
        batch_rows=options.batch_rows,
        times=options.times,
    )
    if place.kind in ("postgres", "clickhouse"):
        parts: Iterable[Part] = read_postgres(reader) if place.kind == "postgres" else read_clickhouse(reader)
        yield from ((number, part) for part in parts)
        reader.finish()
        return
    try:
        opened = open_place(place)
    except OSError as error:
        quarantine.add(place.name, 0, f"cannot be read: {why_not(error)}")
        return
    try:
        if opened.kind in ("empty", "unknown"):
            quarantine.add(place.name, 0, opened.reason, opened.stream.head if opened.stream else None)
            return
        if opened.file is not None:
            parts = read_parquet(reader, opened.file)
        elif opened.stream is not None:
            parts = read_csv(reader, opened.stream) if opened.kind == "csv" else read_json(reader, opened.stream)
        yield from ((number, part) for part in parts)
        reader.finish()
    finally:
        opened.close()


def _finished(
    parts: Iterable[tuple[int, Part]],
    sources: SourceList,
    joiner: Registry | None,
    options: ReadOptions,
    quarantine: Quarantine,
    anchors: Anchors,
    after: int,
) -> Iterator[Rows]:
    left_out = anchors.left_out
    source, last = anchors.last.source, anchors.last.last
    for number, part in parts:
        if number != source:
            source, last = number, 0
        if part.point is not None:
            anchors.pass_point(number, part.point, last)
        ordinals = _ordinals(part.lines, last)
        if len(ordinals):
            last = int(ordinals[-1])
        batch, odd = without_odd_ids(part.batch)
        left_out.update(odd)
        faults = {row: reason for row, reason in part.faults.items() if not _of_callers(reason)}
        left_out.update(reason for reason in part.faults.values() if _of_callers(reason))
        for row, reason in find_faults(batch, options.now).items():
            faults.setdefault(row, reason)
        if faults:
            name = sources.names[number]
            for row in sorted(faults):
                quarantine.add(name, int(part.lines[row]), faults[row], part.raw(row))
            keep = np.ones(batch.num_rows, bool)
            keep[list(faults)] = False
            batch, ordinals = batch.filter(pa.array(keep)), ordinals[keep]
        if options.times and batch.num_rows:
            wanted = options.times.within(batch["requested_at"])
            batch, ordinals = batch.filter(wanted), ordinals[wanted.to_numpy(zero_copy_only=False)]
        positions = (number << LINE_BITS) | ordinals
        if not batch.num_rows or positions[-1] <= after:
            continue
        if joiner is not None:
            batch = fill_from_registry(batch, joiner)
        kinds = pa.nulls(batch.num_rows, pa.uint8())
        if options.addresses is not None:
            # Before pseudonyms: no database knows those.
            batch, kinds = _located(batch, options.addresses)
        if options.pseudonymise is not None:
            batch = pseudonymise(batch, options.pseudonymise)
        yield Rows(batch, positions, sources, kinds, anchors.last)


def _located(batch: pa.RecordBatch, addresses: AddressDatabase) -> tuple[pa.RecordBatch, pa.UInt8Array]:
    """The batch with system and country where the log has none, and the kinds of its addresses."""
    if batch["ip"].null_count == batch.num_rows:
        return batch, pa.nulls(batch.num_rows, pa.uint8())
    found = addresses.locate(batch["ip"], batch["asn"])
    for name, column in (("asn", found.asn), ("country", found.country)):
        index = batch.schema.get_field_index(name)
        batch = batch.set_column(index, batch.schema.field(index), pc.coalesce(batch[name], column))
    return batch, found.kinds


def _of_callers(reason: str) -> bool:
    """Whether a fault is of a column that callers choose; reasons begin with the column."""
    return reason.partition(" ")[0] in CHOSEN_BY_CALLERS


def _ordinals(lines: npt.NDArray[np.int64], last: int) -> npt.NDArray[np.int64]:
    """Lines made unique: each is at least one more than the one before it."""
    steps = np.arange(len(lines), dtype=np.int64)
    return np.maximum.accumulate(np.maximum(lines - steps, last + 1)) + steps


def _batched(stream: Iterable[Rows], batch_rows: int, after: int) -> Iterator[Rows]:
    """The rows beyond a position in batches.   Assumes: that position is the last of a batch, or before all."""
    held: list[Rows] = []
    n_rows = n_bytes = 0
    for rows in stream:
        for piece in _pieces(rows, batch_rows):
            if piece.positions[-1] <= after:
                continue
            size = (
                piece.batch.get_total_buffer_size()
                if piece.batch.num_rows == rows.batch.num_rows
                else piece.batch.nbytes
            )
            if held and (n_rows + piece.batch.num_rows > batch_rows or n_bytes + size > BATCH_BYTES):
                yield _joined(held)
                held, n_rows, n_bytes = [], 0, 0
            held.append(piece)
            n_rows += piece.batch.num_rows
            n_bytes += size
    if held:
        yield _joined(held)


def _pieces(rows: Rows, batch_rows: int) -> Iterator[Rows]:
    batch = rows.batch
    n_pieces = max(-(-batch.num_rows // batch_rows), -(-batch.nbytes // BATCH_BYTES))
    if n_pieces <= 1:
        yield rows
        return
    size = max(1, -(-batch.num_rows // n_pieces))
    for start in range(0, batch.num_rows, size):
        kinds = rows.address_kinds.slice(start, size)
        positions = rows.positions[start : start + size]
        yield Rows(batch.slice(start, size), positions, rows.sources, kinds, rows.anchor)


def _joined(held: list[Rows]) -> Rows:
    if len(held) == 1:
        return held[0]
    batch = pa.concat_batches([rows.batch for rows in held])
    kinds = pa.concat_arrays([rows.address_kinds for rows in held])
    positions = np.concatenate([rows.positions for rows in held])
    # The last one's: what was read for later rows is read again with it.
    return Rows(batch, positions, held[0].sources, kinds, held[-1].anchor)


def nothing_readable(places: Sequence[Place], quarantine: Quarantine, times: TimeRange) -> InputError:
    """What to raise where no place held an exchange that can be read."""
    source = places[0].name if len(places) == 1 else None
    reasons = quarantine.by_reason()
    if not reasons:
        hint = "check --since and --until" if times else "check what writes them, and from when on"
        return NoExchange(f"the logs hold no exchange {times}".rstrip(), source=source, hint=hint)
    shown = "; ".join(reason if count == 1 else f"{reason} ({count:,} times)" for reason, count in reasons[:3])
    if len(places) > 1:
        shown = "; ".join(f"{name} {reason}" for name, reason in quarantine.first_reasons(3))
        shown += f"; and {len(places) - 3:,} more" if len(places) > 3 else ""
    kind, hint = _mend([reason for reason, _ in reasons])
    return kind(f"nothing in the logs could be read: {shown}", source=source, hint=hint)


def _mend(reasons: list[str]) -> tuple[type[InputError], str]:
    """The kind of error that these reasons make, and what to do about it."""
    if all(reason.startswith("cannot be read") for reason in reasons):
        return MissingSource, "check that the files are whole, and who may read them"
    if all(reason == "is empty" for reason in reasons):
        return NoExchange, "check what writes the log"
    if all(reason.startswith("lacks ") for reason in reasons):
        return MissingColumn, (
            "every exchange needs exchange_id, requested_at, account_id and model: name the right --format, "
            "or say with --mapping where they are"
        )
    if all(reason.startswith("is not UTF-8") for reason in reasons):
        return InputError, "convert it, such as with iconv -f ISO-8859-1 -t UTF-8"
    if all(reason.partition(" ")[0] in schema.EXCHANGE.names for reason in reasons):
        return InputError, "write that column as docs/formats says, or name another with --mapping"
    if all(reason.startswith("is in format") for reason in reasons):
        return InputError, "leave --format out, or name the right one"
    return InputError, "`stillwatch formats` shows what is read; --format says which format it is"


__all__ = ["BATCH_ROWS", "LINE_BITS", "Quarantine", "ReadOptions", "Rows", "SourceList", "read_logs", "schema"]
