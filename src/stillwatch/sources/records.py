"""Documents of one place to parts of a table: the way of every JSON format, with a short cut for the canonical one."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch import schema
from stillwatch.errors import BadRecord
from stillwatch.sources.canonical_lines import read_blocks
from stillwatch.sources.columns import Faults, from_rows
from stillwatch.sources.documents import Piece, decode, element_pieces, layout, line_blocks, line_pieces
from stillwatch.sources.guess import DOCUMENTS, foreign_format, guess_format, is_registry
from stillwatch.sources.joining import Held, Join
from stillwatch.sources.large_bodies import Bodies, ahead
from stillwatch.sources.messages import complete
from stillwatch.sources.places import Place, scope_of
from stillwatch.sources.quarantine import RAW_BYTES, Quarantine
from stillwatch.sources.registry import Format, formats
from stillwatch.sources.resuming import Point
from stillwatch.sources.streams import Stream
from stillwatch.sources.time_range import ALWAYS, TimeRange
from stillwatch.sources.validation import REQUIRED

PART_ROWS = 8_192
PART_BYTES = 32 << 20
"""Decoded at a time: Python objects weigh several times what their bytes do."""

LONG_BYTES = 4 << 20
"""A longer document is looked at record by record already when its format is told."""

_WRONG: dict[type[Exception], str] = {
    AttributeError: "a value is of another kind",
    IndexError: "a list is shorter",
    KeyError: "a field is missing",
    RecursionError: "it is nested too deeply",
    TypeError: "a value is of another kind",
    ValueError: "a value cannot be read",
}


def _no_raw(row: int) -> bytes | None:
    return None


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of one place, converted but not yet validated.

    batch: the columns of `schema.EXCHANGE`.  lines: int64, where each row stands.  faults: rows that could not be
    converted.  raw: what a row looked like, for the quarantine.  point: from where reading can begin again to come to
    this part, where there is such a point; all that was put aside before it is in quarantine when the part comes.
    """

    batch: pa.RecordBatch
    lines: npt.NDArray[np.int64]
    faults: Faults = field(default_factory=dict)
    raw: Callable[[int], bytes | None] = _no_raw
    point: Point | None = None


@dataclass(slots=True)
class Reader:
    """What reading one place needs: its format, once that is known, and where to say what.

    settle: told the format, and whether it was guessed.  joins: what the run's joined formats remember, by name.
    notes: sentences about the place, each with the number of records that it holds for; `finish` says them.
    begin: a point that a part of this place had in an earlier run: the parts from there on are wanted.
    end: of a Parquet file, the row behind which no row group that is wanted begins.
    gather: takes the rows of a joined format in place of parts.
    batch_rows: of a table's rows that are taken at once, at most.
    times: the exchanges that are wanted; others may be given too, and are left out later.
    """

    place: Place
    fmt: Format | None
    key: bytes
    quarantine: Quarantine
    say: Callable[[str], None]
    settle: Callable[[Format, bool], None]
    joins: dict[str, Join] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)
    n_without: int = 0
    begin: Point | None = None
    end: int | None = None
    gather: Callable[[Held], None] | None = None
    batch_rows: int = 32_768
    times: TimeRange = ALWAYS

    def finish(self) -> None:
        """Say what a person should know of the place, now that all of it was read."""
        for note, count in sorted(self.notes.items()):
            self.say(f"{self.place.name}: {note} ({count:,} records)")
        if self.n_without:
            self.say(f"{self.place.name}: {self.n_without:,} records hold no exchange")

    def settle_documents(self, documents: list[dict[str, Any]]) -> Format | None:
        """The format of these first documents; None where the place is to be left aside, which has been said."""
        if self.place.from_folder and documents and all(is_registry(document) for document in documents):
            self.say(f"{self.place.name}: an account registry, left aside (name it with --accounts)")
            return None
        if self.fmt is not None:
            self.settle(self.fmt, False)
            return self.fmt
        guessed = guess_format(documents)
        if guessed is None:
            reason = "its format cannot be told: name it with --format, or describe it with --mapping"
            self.quarantine.add(self.place.name, 0, reason if documents else "holds no JSON object")
            return None
        self.settle(guessed, True)
        self.fmt = guessed
        return guessed

    def bad(self, piece: Piece, reason: str) -> None:
        """Put one piece into quarantine."""
        self.quarantine.add(self.place.name, piece.line, reason, piece.data[: RAW_BYTES * 2])

    def say_unknown(self, columns: Iterable[str]) -> None:
        """Say which columns of a canonical table are none of ours."""
        unknown = sorted(set(columns) - set(schema.EXCHANGE.names) - {"messages"})
        if unknown:
            self.say(f"{self.place.name}: columns that are not ours are left out: {', '.join(unknown)}")


def read_json(reader: Reader, stream: Stream) -> Iterator[Part]:
    """The parts of a stream of JSON, in any layout and format."""
    if layout(stream.head) == "lines":
        yield from _read_lines(reader, stream)
    else:
        yield from _read_pieces(reader, element_pieces(stream.read))


def read_documents(reader: Reader, documents: Iterable[tuple[int, dict[str, Any]]]) -> Iterator[Part]:
    """The parts of documents that are decoded already, with their row numbers: tables in a format of documents."""
    yield from _collected(reader, ((Piece(line, b""), document) for line, document in documents))


def read_held(reader: Reader, held: Iterable[Held]) -> Iterator[Part]:
    """The parts of rows that were gathered before, in the reader's format."""
    collector = _Collector(reader)
    for one in held:
        collector.finish(one)
        if collector.full():
            yield collector.take()
    yield from collector.end()


def _read_lines(reader: Reader, stream: Stream) -> Iterator[Part]:
    points: dict[int, Point] = {}
    blocks = line_blocks(stream.read, points=points if stream.rewindable else None)
    first = next(blocks, None)
    if first is None:
        return
    blocks = itertools.chain([first], blocks)
    sample = _first_documents(line_pieces(*first))
    settled = False
    if sample and (reader.fmt is None or reader.fmt.name == "canonical"):
        if reader.settle_documents(sample) is None:
            return
        settled = True
        is_canonical = reader.fmt is not None and reader.fmt.name == "canonical"
        if is_canonical and not any("messages" in one for one in sample):
            reader.say_unknown(name for document in sample for name in document)
            if reader.begin is not None:
                stream.go_to(reader.begin.offset)
                blocks = line_blocks(stream.read, begin=reader.begin, points=points)
            for (number, block, error), batch in read_blocks(blocks, sample):
                if batch is not None:
                    yield _block_part(number, block, batch, points.pop(number, None))
                else:
                    yield from _decode_pieces(reader, line_pieces(number, block, error))
            return
    pieces = itertools.chain.from_iterable(line_pieces(*block) for block in blocks)
    yield from _read_pieces(reader, pieces, settled)


def _read_pieces(reader: Reader, pieces: Iterator[Piece], settled: bool = False) -> Iterator[Part]:
    if not settled:
        held: list[Piece] = []
        documents: list[dict[str, Any]] = []
        for piece in pieces:
            found = _first_documents([piece])
            if not found and not documents:
                reader.bad(piece, piece.error or _why_not(piece.data))
                continue
            held.append(piece)
            documents += found
            if len(documents) >= DOCUMENTS or len(held) >= 50 * DOCUMENTS:
                break
        if not documents or reader.settle_documents(documents[:DOCUMENTS]) is None:
            return
        pieces = itertools.chain(held, pieces)
    yield from _decode_pieces(reader, pieces)


def _block_part(first: int, block: bytes, batch: pa.RecordBatch, point: Point | None) -> Part:
    lines = np.arange(first, first + batch.num_rows, dtype=np.int64)
    return Part(batch, lines, raw=lambda row: block.split(b"\n", row + 1)[row], point=point)


def _decode_pieces(reader: Reader, pieces: Iterable[Piece]) -> Iterator[Part]:
    yield from _collected(reader, _decoded(reader, _split(reader.fmt, pieces)))


def _decoded(reader: Reader, pieces: Iterable[Piece]) -> Iterator[tuple[Piece, dict[str, Any]]]:
    """The documents of pieces; what is none goes to quarantine."""
    for piece in pieces:
        if piece.error is not None:
            reader.bad(piece, piece.error)
            continue
        try:
            value = decode(piece.data)
        except ValueError as error:
            reader.bad(piece, str(error))
            continue
        for document in value if isinstance(value, list) else [value]:
            if isinstance(document, dict):
                yield piece, document
            else:
                reader.bad(piece, "is no JSON object")


def _collected(reader: Reader, documents: Iterator[tuple[Piece, dict[str, Any]]]) -> Iterator[Part]:
    """The parts of documents, with what stands in files of their own put in."""
    fetch = None if reader.fmt is None else reader.fmt.fetch
    if fetch is not None:
        bodies = Bodies(reader.place)
        documents = ahead(documents, lambda one: fetch(one[1], bodies.read), remote=reader.place.kind == "s3")
    collector = _Collector(reader)
    for piece, document in documents:
        collector.add(piece, document)
        if collector.full():
            yield collector.take()
    yield from collector.end()


def _split(fmt: Format | None, pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Pieces, those that hold many records one by one."""
    split = None if fmt is None else fmt.split
    for piece in pieces:
        records = None if split is None or piece.error is not None else split(piece.data)
        if records is None:
            yield piece
        else:
            for record in records:
                yield Piece(piece.line, record)


class _Collector:
    """Gathers the rows of documents until they make a part."""

    def __init__(self, reader: Reader) -> None:
        if reader.fmt is None or reader.fmt.parse is None:
            raise ValueError("documents need a format that parses them")
        self._reader, self._fmt, self._parse = reader, reader.fmt, reader.fmt.parse
        self._rows: list[dict[str, Any]] = []
        self._lines: list[int] = []
        self._raws: list[bytes] = []
        self._n_bytes = 0
        self._join = reader.joins.setdefault(self._fmt.name, Join()) if self._fmt.joined else None
        if self._join is not None:
            self._join.scope = scope_of(reader.place)
        self._hold = reader.gather or self._complete

    def add(self, piece: Piece, document: dict[str, Any]) -> None:
        """Parse one document; what it lacks or breaks goes to quarantine."""
        rows: list[dict[str, Any]] = []
        reason = None
        try:
            for row in self._parse(document):
                rows.append(row if self._join is not None else complete(row, self._reader.key))
        except BadRecord as error:
            reason = str(error)
        except tuple(_WRONG) as error:
            reason = self._why(error)
        whole = [row for row in rows if "link" not in row]
        if reason is not None or any(row.get(name) is None for row in whole for name in REQUIRED):
            # Whoever wrote a mapping knows what the document is; what it lacks is a path that leads nowhere.
            foreign = None if self._fmt.name == "mapping" else foreign_format(document, self._fmt)
            if foreign is not None:
                rows, reason = [], f"is in format {foreign}, in a file of format {self._fmt.name}"
        if reason is not None:
            self._reader.bad(piece if piece.data else Piece(piece.line, repr(document)[:400].encode()), reason)
        elif not any("link" not in row or not row["link"].facts_only for row in rows):
            self._reader.n_without += 1
        raw = piece.data[: RAW_BYTES * 2] if piece.data else b""
        n_bytes = len(piece.data) or 1_000
        for row in rows:
            if self._join is None:
                self._keep(row, piece.line, raw)
            else:
                for held in self._join.feed(row, piece.line, raw, n_bytes // len(rows)):
                    self._hold(held)
        self._n_bytes += n_bytes

    def finish(self, held: Held) -> None:
        """Take in a row that was gathered."""
        if self._join is not None:
            held = self._join.finish(held)
        self._complete(held)
        self._n_bytes += held.size

    def _complete(self, held: Held) -> None:
        """Keep a row whose parts are together, or put it aside."""
        row = held.row
        more = row.pop("more_messages", None)
        if more and not row.get("messages"):
            row["messages"] = more
        try:
            reason = row.pop("fault", None) or None
            nobody, named_by = row.pop("no_account", None), row.pop("account_from", None)
            if reason is None and row.get("account_id") is None:
                reason = nobody
            if reason is None:
                complete(row, self._reader.key)
        except tuple(_WRONG) as error:
            reason = self._why(error)
        if reason is None:
            if named_by is not None:
                row["notes"] = [*(row.get("notes") or ()), f"the account is {named_by}"]
            self._keep(row, held.line, held.raw)
        else:
            self._reader.bad(Piece(held.line, held.raw), reason)

    def _keep(self, row: dict[str, Any], line: int, raw: bytes) -> None:
        self._reader.notes.update(row.pop("notes", None) or ())
        self._rows.append(row)
        self._lines.append(line)
        self._raws.append(raw)

    def _why(self, error: Exception) -> str:
        # Not the error's own text: that may hold what a prompt says.
        return f"is not as {self._fmt.name} has it: {_WRONG.get(type(error), 'is put together otherwise')}"

    def full(self) -> bool:
        """Whether what was gathered makes a part."""
        return len(self._rows) >= PART_ROWS or (bool(self._rows) and self._n_bytes >= PART_BYTES)

    def take(self) -> Part:
        """The part gathered so far."""
        batch, faults = from_rows(self._rows, schema.EXCHANGE)
        raws = self._raws
        part = Part(batch, np.array(self._lines, np.int64), faults, lambda row: raws[row] or None)
        self._rows, self._lines, self._raws, self._n_bytes = [], [], [], 0
        return part

    def end(self) -> Iterator[Part]:
        """The last part."""
        if self._join is not None:
            for held in self._join.flush():
                self._hold(held)
        if self._rows:
            yield self.take()


def _first_documents(pieces: Iterable[Piece]) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = []
    for piece in pieces:
        if piece.error is None:
            for data in _beginning(piece.data):
                try:
                    value = decode(data)
                except ValueError:
                    # Its reason is given when it is read; here it only cannot help to tell the format.
                    continue
                documents += [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]
        if len(documents) >= DOCUMENTS:
            break
    return documents[:DOCUMENTS]


def _beginning(data: bytes) -> Iterable[bytes]:
    """The document, or the first records of one that is long and holds many."""
    if len(data) > LONG_BYTES:
        for fmt in formats().values():
            records = None if fmt.split is None else fmt.split(data)
            if records is not None:
                return itertools.islice(records, DOCUMENTS)
    return (data,)


def _why_not(data: bytes) -> str:
    try:
        decode(data)
    except ValueError as error:
        return str(error)
    return "is no JSON object"
