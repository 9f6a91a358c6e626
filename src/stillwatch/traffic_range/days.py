"""Exchanges put aside by time, on disk, and read back in order of time: what keeps memory the same at any size.

Each entry of a world's cast has a file a day. What comes in is gathered, cut by time into slots, and written as batches
of one slot each; a day that will be large has slots shorter than a day. Reading goes by pieces of a day that fit in
memory and takes the entries in the order of the cast, so that it does not matter who wrote which file when.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range.exchanges import BLOCK
from stillwatch.traffic_range.stage import DAY, Calendar

GATHERED = 100_000
"""Exchanges that are gathered before they are cut, where slots are short."""

SLOT = 25_000
"""Exchanges that a slot of one entry should hold at most, were they spread evenly."""

PIECE = 50_000
"""Exchanges that are sorted at once, were they spread evenly; a busy hour holds two or three times as many."""

SMALL = 250_000
"""Exchanges of an entry that are put aside as they are: about 300 MB. More are compressed, to a third of that each."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """An entry's exchanges on disk. batches: day -> (from, to) of each of its file's batches, in order. n: of all."""

    folder: Path
    batches: dict[int, list[tuple[int, int]]]
    n: int


@dataclass(slots=True)
class Days:
    """Puts an entry's exchanges aside. folder: of this entry alone, which is made."""

    folder: Path
    calendar: Calendar
    n: int = 0
    _waiting: list[pa.Table] = field(default_factory=list)
    _n_waiting: int = 0
    _files: dict[int, pa.ipc.RecordBatchFileWriter] = field(default_factory=dict)
    _batches: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    _expected: float = 0.0
    _slots: int = 1

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)

    def put(self, block: pa.Table, expected: float) -> None:
        """Put a block aside. expected: how many exchanges the entry will have in all, as far as is known by now."""
        self._waiting.append(block)
        self._n_waiting += len(block)
        self.n += len(block)
        self._expected = max(expected, self.n)
        # Slots only become shorter, so that what was put aside first is read first where times are the same.
        self._slots = max(self._slots, _slots(self._expected / self.calendar.days, SLOT))
        if self._slots == 1 or self._n_waiting >= GATHERED:
            self._cut()

    def close(self) -> Shelf:
        """Write what waits, and finish the files."""
        self._cut()
        for file in self._files.values():
            file.close()
        return Shelf(self.folder, self._batches, self.n)

    def _cut(self) -> None:
        if not self._n_waiting:
            return
        slots = self._slots
        block = pa.concat_tables(self._waiting)
        self._waiting, self._n_waiting = [], 0
        calendar, length = self.calendar, DAY // slots
        at = block["requested_at"].cast(pa.int64()).to_numpy()
        # Retries after the last midnight stay with the last day.
        slot = np.clip((at - calendar.start) // length, 0, calendar.days * slots - 1)
        order = np.argsort(slot, kind="stable")
        found, starts = np.unique(slot[order], return_index=True)
        ends = [*starts[1:].tolist(), len(order)]
        block = block.take(pa.array(order)).combine_chunks()
        for number, start, end in zip(found.tolist(), starts.tolist(), ends, strict=True):
            day = number // slots
            if day not in self._files:
                options = pa.ipc.IpcWriteOptions(compression="lz4" if self._expected > SMALL else None)
                self._files[day] = pa.ipc.new_file(str(self.folder / f"{day:05d}.arrow"), BLOCK, options=options)
                self._batches[day] = []
            (batch,) = block.slice(start, end - start).to_batches()
            self._files[day].write_batch(batch)
            self._batches[day].append(_span(calendar, number, slots))


def in_order(shelves: list[Shelf], calendar: Calendar) -> Iterator[pa.Table]:
    """All exchanges, in pieces one after the other in time, each sorted; what was read is deleted.

    Ties of time are in the order of the shelves, and of what was put on them.
    """
    pieces = _slots(sum(shelf.n for shelf in shelves) / calendar.days, PIECE)
    for day in range(calendar.days):
        sources = [_Day(shelf, day) for shelf in shelves if day in shelf.batches]
        for piece in range(pieces):
            _, end = _span(calendar, day * pieces + piece, pieces)
            found = [table for source in sources for table in source.until(end)]
            if found:
                table = pa.concat_tables(found)
                order = np.argsort(table["requested_at"].cast(pa.int64()).to_numpy(), kind="stable")
                yield table.take(pa.array(order)).combine_chunks()
        for source in sources:
            source.delete()


class _Day:
    """A day of one shelf, read from its beginning to its end."""

    def __init__(self, shelf: Shelf, day: int):
        self._path = shelf.folder / f"{day:05d}.arrow"
        # Read, not mapped: what is mapped counts as this process's memory for as long as the day lasts.
        self._source = pa.OSFile(str(self._path))
        self._file = pa.ipc.open_file(self._source)
        # The batches that begin first come first, and keep their order otherwise.
        self._next = sorted(range(len(shelf.batches[day])), key=lambda i: shelf.batches[day][i][0])
        self._spans = shelf.batches[day]
        self._left: list[pa.Table] = []

    def until(self, end: int) -> list[pa.Table]:
        """What there is before a moment and was not read yet."""
        waiting, self._left = self._left, []
        while self._next and self._spans[self._next[0]][0] < end:
            waiting.append(pa.Table.from_batches([self._file.get_batch(self._next.pop(0))]))
        out = []
        for table in waiting:
            early = np.asarray(table["requested_at"].cast(pa.int64())) < end
            if early.all():
                out.append(table)
            else:
                out.append(table.filter(pa.array(early)))
                self._left.append(table.filter(pa.array(~early)))
        return out

    def delete(self) -> None:
        """Give the room back."""
        self._source.close()
        self._path.unlink()


def _slots(a_day: float, most: int) -> int:
    """Into how many equal parts a day is cut, a power of two, so that each holds at most so many."""
    return int(min(2 ** max(0, np.ceil(np.log2(max(a_day, 1) / most))), 1024))


def _span(calendar: Calendar, number: int, slots: int) -> tuple[int, int]:
    """(from, to) of a slot; the last one of all has no end, since retries may come after it."""
    start = calendar.start + number * (DAY // slots)
    last = number == calendar.days * slots - 1
    return start, (2**62 if last else start + DAY // slots)
