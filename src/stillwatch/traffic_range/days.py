"""Exchanges put aside by time, on disk, and read back in order of time: what keeps memory the same at any size.

Each entry of a world's cast has a file a week. What comes in is gathered, cut by time into slots, and written as
batches of one slot each; the more exchanges an entry has, the more slots a day. Reading goes by pieces that hold about
equally many exchanges, however busy the hour, and takes the entries in the order of the cast, so that it does not
matter who wrote which file when.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from shutil import disk_usage
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.traffic_range.exchanges import BLOCK, WORDS
from stillwatch.traffic_range.row_groups import write_all
from stillwatch.traffic_range.stage import DAY, SECOND, Calendar

Ints = npt.NDArray[np.int64]

GATHERED = 65_536
"""Exchanges of an entry that are gathered before they are cut: some 80 MB."""

BATCH = 128
"""Exchanges that a batch should hold at least, were they spread evenly: smaller ones cost more than what is in them."""

SLOT = 4_000
"""Exchanges that a slot of an entry should hold at least: so many of each entry are in memory at once, some 5 MB."""

PIECE = 30_000
"""Exchanges that are sorted at once, at the most, where a single minute does not hold more."""

MINUTE = 60 * SECOND
"""How finely it is counted how many exchanges there are when."""

PLAIN_MOST = 4_000_000_000
"""Bytes of disk that exchanges may take as they are, at most a tenth of what is free; what comes then is compressed."""

FILE_DAYS = 7
"""Days of an entry that share a file: where each had its own, making files cost more than what was in them."""

_CODEC = "zstd"

COLUMNS = 5
"""Of a file's list of batches, a row a batch, in order: from, to (µs), first byte, bytes, and bytes unpacked or 0."""


_PUT_ASIDE = pa.schema(
    [field.with_type(field.type.index_type) if pa.types.is_dictionary(field.type) else field for field in BLOCK]
)
"""A block as it is put aside: places in `WORDS` are numbers."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """An entry's exchanges on disk.

    weeks: that have files.  minutes: exchanges of each minute of the calendar.  n: of all.
    """

    folder: Path
    weeks: frozenset[int]
    minutes: npt.NDArray[np.int32]
    n: int


@dataclass(slots=True)
class Days:
    """Puts an entry's exchanges aside.

    folder: of this entry alone, which is made.  plain_above: free bytes of the disk above which nothing is compressed.
    """

    folder: Path
    calendar: Calendar
    plain_above: int = 0
    n: int = 0
    _waiting: list[pa.RecordBatch] = field(default_factory=list)
    _n_waiting: int = 0
    _files: dict[int, tuple[FileIO, BinaryIO]] = field(default_factory=dict)
    _ends: dict[int, int] = field(default_factory=dict)
    _minutes: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    _slots: int = 1

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self._minutes = np.zeros(self.calendar.days * (DAY // MINUTE), np.int32)

    def put(self, block: pa.Table, expected: float) -> None:
        """Put a block aside. expected: how many exchanges the entry will have in all, as far as is known by now."""
        if self._n_waiting + len(block) > GATHERED:
            self._cut()
        self._waiting += _numbered(block)
        self._n_waiting += len(block)
        self.n += len(block)
        # Slots only become shorter, so that what was put aside first is read first where times are the same.
        expected = max(expected, self.n)
        parts = min(expected / SLOT, min(expected, GATHERED) / BATCH)
        self._slots = max(self._slots, _slots(parts / self.calendar.days))

    def close(self) -> Shelf:
        """Write what waits, and finish the files."""
        self._cut()
        for files in self._files.values():
            for file in files:
                file.close()
        return Shelf(self.folder, frozenset(self._files), self._minutes, self.n)

    def _cut(self) -> None:
        if not self._n_waiting:
            return
        slots, calendar = self._slots, self.calendar
        waiting, self._waiting, self._n_waiting = self._waiting, [], 0
        table = put_in_order(waiting)
        waiting.clear()
        at = times(table)
        self._minutes += np.bincount(_minute(calendar, at), minlength=len(self._minutes)).astype(np.int32)
        # Retries after the last midnight stay with the last day.
        slot = np.clip((at - calendar.start) // (DAY // slots), 0, calendar.days * slots - 1)
        found, starts = np.unique(slot, return_index=True)
        codec = None if disk_usage(self.folder).free > self.plain_above else pa.Codec(_CODEC, 1)
        (whole,) = table.to_batches()
        for number, begin, end in zip(found.tolist(), starts.tolist(), [*starts[1:].tolist(), len(slot)], strict=True):
            batch = whole.slice(begin, end - begin).serialize()
            self._write(number // (slots * FILE_DAYS), _span(calendar, number, slots), batch, codec)

    def _write(self, week: int, span: tuple[int, int], batch: pa.Buffer, codec: pa.Codec | None) -> None:
        if week not in self._files:
            data, listed = _paths(self.folder, week)
            self._files[week] = data.open("wb", buffering=0), listed.open("wb")
            self._ends[week] = 0
        file, listing = self._files[week]
        packed = codec.compress(batch) if codec else batch
        row = [*span, self._ends[week], packed.size, batch.size if codec else 0]
        listing.write(np.array(row, np.int64).tobytes())
        self._ends[week] += packed.size
        # A buffer that was made smaller shows more of itself than is meant.
        write_all(file, memoryview(packed)[: packed.size])


def put_in_order(found: list[pa.RecordBatch]) -> pa.Table:
    """What was put aside, sorted by time. Ties are in the order of the shelves, and of what was put on them."""
    table = pa.Table.from_batches(found, _PUT_ASIDE).combine_chunks()
    at = times(table)
    return table if (at[1:] >= at[:-1]).all() else table.take(pa.array(np.argsort(at, kind="stable")))


def _numbered(block: pa.Table) -> list[pa.RecordBatch]:
    """A block with the words of `WORDS` as numbers."""
    return [
        pa.RecordBatch.from_arrays(
            [one.indices if pa.types.is_dictionary(one.type) else one for one in batch.columns], schema=_PUT_ASIDE
        )
        for batch in block.to_batches()
    ]


def worded(table: pa.Table) -> pa.Table:
    """What was put aside, with the words in place of their numbers; one chunk a column."""
    columns = [
        pa.DictionaryArray.from_arrays(column.chunk(0), WORDS[name]) if name in WORDS else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    return pa.table(columns, schema=BLOCK)


def times(table: pa.Table | pa.RecordBatch) -> Ints:
    """When the exchanges were, in µs."""
    at: Ints = np.asarray(table["requested_at"].cast(pa.int64()))
    return at


def pieces(shelves: list[Shelf], calendar: Calendar) -> Iterator[list[pa.RecordBatch]]:
    """All exchanges, in pieces one after the other in time, none of them sorted yet; what was read is deleted."""
    a_day = DAY // MINUTE
    minutes: Ints = np.zeros(calendar.days * a_day, np.int64)
    for shelf in shelves:
        minutes += shelf.minutes
    for week in range(-(-calendar.days // FILE_DAYS)):
        sources = [_Week(shelf, week) for shelf in shelves if week in shelf.weeks]
        for day in range(week * FILE_DAYS, min((week + 1) * FILE_DAYS, calendar.days)):
            for minute in _ends(minutes[day * a_day : (day + 1) * a_day]):
                last = day == calendar.days - 1 and minute == a_day
                end = 2**62 if last else calendar.start + day * DAY + minute * MINUTE
                found = [batch for source in sources for batch in source.until(end)]
                if found:
                    yield found
        for source in sources:
            source.delete()


def _ends(minutes: Ints) -> list[int]:
    """Where the pieces of a day end, in minutes: as late as they hold no more than `PIECE`, about evenly."""
    total = np.cumsum(minutes)
    most = int(total[-1])
    if not most:
        return [len(minutes)]
    n = -(-most // PIECE)
    ends: list[int] = np.unique([*np.searchsorted(total, most * np.arange(1, n) / n), len(minutes)]).tolist()
    return ends


class _Week:
    """A week of one shelf, read from its beginning to its end."""

    def __init__(self, shelf: Shelf, week: int):
        self._paths = _paths(shelf.folder, week)
        self._file = self._paths[0].open("rb")
        self._codec = pa.Codec(_CODEC)
        # The batches that begin first come first, and keep their order otherwise.
        rows = np.fromfile(self._paths[1], np.int64).reshape(-1, COLUMNS)
        self._rows = rows[np.argsort(rows[:, 0], kind="stable")]
        self._next = 0
        self._left: list[pa.RecordBatch] = []

    def until(self, end: int) -> list[pa.RecordBatch]:
        """What there is before a moment and was not read yet, in order of the slots."""
        out: list[pa.RecordBatch] = []
        waiting, self._left = self._left, []
        for batch in waiting:
            self._part(batch, end, out)
        stop = int(np.searchsorted(self._rows[:, 0], end))
        for _, upto, first, size, unpacked in self._rows[self._next : stop].tolist():
            self._file.seek(first)
            packed = self._file.read(size)
            content = self._codec.decompress(packed, unpacked) if unpacked else packed
            batch = pa.ipc.read_record_batch(content, _PUT_ASIDE)
            if upto <= end:
                out.append(batch)
            else:
                self._part(batch, end, out)
        self._next = stop
        return out

    def _part(self, batch: pa.RecordBatch, end: int, out: list[pa.RecordBatch]) -> None:
        """Give out what is before a moment of a batch, which is in order of time, and keep the rest."""
        early = int(np.searchsorted(times(batch), end))
        if early:
            out.append(batch.slice(0, early))
        if early < len(batch):
            self._left.append(batch.slice(early))

    def delete(self) -> None:
        """Give the room back."""
        self._file.close()
        for path in self._paths:
            path.unlink()


def _paths(folder: Path, week: int) -> tuple[Path, Path]:
    """Where a week's batches are, and their list."""
    return folder / f"{week:05d}.batches", folder / f"{week:05d}.list"


def _minute(calendar: Calendar, at: Ints) -> Ints:
    """The minute of each moment, of the calendar's."""
    return np.clip((at - calendar.start) // MINUTE, 0, calendar.days * (DAY // MINUTE) - 1)


def _slots(a_day: float) -> int:
    """Into how many equal parts a day is cut: a power of two, at most so many, and at most 512."""
    return int(2 ** np.clip(np.floor(np.log2(max(a_day, 1))), 0, 9))


def _span(calendar: Calendar, number: int, slots: int) -> tuple[int, int]:
    """(from, to) of a slot; the last one of all has no end, since retries may come after it."""
    start = calendar.start + number * (DAY // slots)
    last = number == calendar.days * slots - 1
    return start, (2**62 if last else start + DAY // slots)
