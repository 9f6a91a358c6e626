"""Exchanges whose parts stand in different files: spans and the log records with their messages, a batch's requests
and its results.

Files that tell more of exchanges are read first, and what they tell is kept on disk, found by key; then the exchanges
take what belongs to them, wherever it stood. What none took comes out in the turn of its own file, which is after those
of exchanges. In memory there are 17 bytes a record at the most.
"""

from __future__ import annotations

import os
import struct
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import IO, Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from stillwatch.errors import OutputError
from stillwatch.sources.joining import Held, Join, fold, number_of
from stillwatch.sources.places import Place
from stillwatch.sources.quarantine import Quarantine
from stillwatch.sources.records import Part, Reader, read_held, read_json
from stillwatch.sources.registry import Format, formats
from stillwatch.sources.streams import open_place, why_not

RUN_ROWS = 4_000_000
"""Places in the file that are sorted at a time, 16 bytes each."""

UNMARKED = 8
"""First files without a sign of such a format, after which nobody looks at the others where no format is named."""

_HEADER = struct.Struct("<IQ")
"""Before each record: its size, and its number."""


class EventStore:
    """What some files tell of exchanges in others, on disk, where nobody else sees it and a kill leaves nothing."""

    def __init__(self, run_rows: int = RUN_ROWS) -> None:
        self._run_rows = run_rows
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="stillwatch-")  # noqa: SIM115  closed by close
        self._encoder, self._decoder = msgspec.json.Encoder(), msgspec.json.Decoder(Held)
        self._keys, self._offsets = array("q"), array("q")
        self._runs: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
        self._taken = bytearray()
        self._end = 0

    def add(self, held: Held) -> None:
        """Keep what one record, or several near each other, tell of a call.

        Raises: OutputError where the disk does not take it.
        """
        body = self._encoder.encode(held)
        try:
            self._file.write(_HEADER.pack(len(body), len(self._taken)))
            self._file.write(body)
        except OSError as error:
            raise _cannot(error) from None
        key = number_of(held.key)
        if key is not None:
            self._keys.append(key)
            self._offsets.append(self._end)
            if len(self._keys) >= self._run_rows:
                self._end_run()
        self._taken.append(0)
        self._end += _HEADER.size + len(body)

    def mark(self) -> tuple[int, int]:
        """Where the next record will stand: the end of one file's records, and the beginning of the next one's."""
        return self._end, len(self._taken)

    def settle(self) -> None:
        """Make what was added ready to be taken."""
        try:
            self._file.flush()
        except OSError as error:
            raise _cannot(error) from None
        self._end_run()

    def take(self, key: str | None, scope: str = "") -> Held | None:
        """All that was kept of a key, as one; None where there is nothing, or nobody knows which of several is meant.

        Where several scopes know the key, the same one counts.   Cost: a search in each run.
        """
        wanted = number_of(key)
        if wanted is None:
            return None
        offsets = [
            int(offset)
            for keys, places in self._runs
            for offset in places[np.searchsorted(keys, wanted) : np.searchsorted(keys, wanted, "right")]
        ]
        found = [(number, held) for number, held in map(self._read, sorted(offsets)) if held.key == key]
        if len({held.scope for _, held in found}) > 1:
            found = [(number, held) for number, held in found if held.scope == scope]
        for number, _ in found:
            self._taken[number] = 1
        return fold([held for _, held in found])

    def rest(self, begin: tuple[int, int], end: tuple[int, int]) -> Iterator[Held]:
        """What nobody took between two marks, parts of one call as one, in order."""
        offset, number = begin
        while offset < end[0]:
            size, number = _HEADER.unpack(os.pread(self._file.fileno(), _HEADER.size, offset))
            if not self._taken[number]:
                _, held = self._read(offset)
                self._taken[number] = 1
                whole = held if held.key is None else self.take(held.key, held.scope)
                if whole is not None:
                    yield whole
            offset += _HEADER.size + size

    def close(self) -> None:
        """Give the disk's space back."""
        self._file.close()

    def _read(self, offset: int) -> tuple[int, Held]:
        size, number = _HEADER.unpack(os.pread(self._file.fileno(), _HEADER.size, offset))
        return number, self._decoder.decode(os.pread(self._file.fileno(), size, offset + _HEADER.size))

    def _end_run(self) -> None:
        if not self._keys:
            return
        keys, offsets = (np.frombuffer(one, np.int64) for one in (self._keys, self._offsets))
        order = np.lexsort((offsets, keys))
        keys, offsets = keys[order], offsets[order]
        if len(keys) >= self._run_rows:
            # On disk, whence the system brings the pages that are asked for.
            keys, offsets = _on_disk(keys), _on_disk(offsets)
        self._runs.append((keys, offsets))
        self._keys, self._offsets = array("q"), array("q")


@dataclass(slots=True)
class _Aside:
    """One file that was read beforehand."""

    reader: Reader
    store: EventStore
    said: list[str]
    begin: tuple[int, int]
    end: tuple[int, int]


@dataclass(slots=True)
class EventFiles:
    """The files that were read beforehand, and what they told, by format. Without any it holds nothing."""

    stores: dict[str, EventStore] = field(default_factory=dict)
    _aside: dict[Place, _Aside] = field(default_factory=dict)

    def holds(self, place: Place) -> bool:
        """Whether a place was read beforehand."""
        return place in self._aside

    def joins(self) -> dict[str, Join]:
        """Joins by format whose exchanges take what was kept."""
        return {name: Join(gathered=store.take) for name, store in self.stores.items()}

    def read_rest(
        self,
        place: Place,
        quarantine: Quarantine,
        say: Callable[[str], None],
        settle: Callable[[Format, bool], None],
        joins: dict[str, Join],
    ) -> Iterator[Part]:
        """What no exchange took of a place; what was said and put aside when it was read is said and put aside now."""
        aside = self._aside[place]
        reader = replace(aside.reader, quarantine=quarantine, say=say, settle=settle, joins=joins, gather=None)
        if reader.fmt is not None:
            settle(reader.fmt, False)
        for sentence in aside.said:
            say(sentence)
        quarantine.restore(aside.reader.quarantine.table())
        yield from read_held(reader, aside.store.rest(aside.begin, aside.end))
        reader.finish()

    def close(self) -> None:
        """Give the disk's space back."""
        for store in self.stores.values():
            store.close()


def read_event_files(places: Sequence[Place], fmt: Format | None, key: bytes, quarantine: Quarantine) -> EventFiles:
    """What files among some places tell of exchanges, where files of those exchanges stand beside them.

    quarantine: whose rules hold; nothing is added to it before `read_rest`.
    Raises: OutputError where the disk does not take it.   Cost: a look into each file, and reading those once.
    """
    files = EventFiles()
    for name, told in _sides(places, fmt).items():
        files.stores[name] = store = EventStore()
        for place in told:
            aside = _read(place, name, fmt, key, quarantine.another(), store)
            if aside is not None:
                files._aside[place] = aside
        store.settle()
    return files


def _read(
    place: Place, name: str, fmt: Format | None, key: bytes, quarantine: Quarantine, store: EventStore
) -> _Aside | None:
    """A file whose rows are in the store now; None where it is of another format, which is read in its turn."""
    said: list[str] = []

    def settle(chosen: Format, guessed: bool) -> None:
        if guessed:
            said.append(f"{place.name}: read as {chosen.name} ({chosen.title})")
        if chosen.name == name:
            reader.gather = store.add

    reader = Reader(place, fmt, key, quarantine, said.append, settle, {name: Join(whole=False)})
    begin = store.mark()
    try:
        opened = open_place(place)
    except OSError:
        # Reading it in its turn gives the reason.
        return None
    try:
        if opened.stream is not None:
            for _ in read_json(reader, opened.stream):
                return None
    finally:
        opened.close()
    return None if reader.gather is None else _Aside(reader, store, said, begin, store.mark())


def _sides(places: Sequence[Place], fmt: Format | None) -> dict[str, list[Place]]:
    """Files that tell more of exchanges, by format, where others hold such exchanges."""
    known = [one for one in (formats().values() if fmt is None else [fmt]) if one.apart is not None]
    if len(places) < 2 or not known:
        return {}
    sides: dict[str, dict[str, list[Place]]] = {}
    for looked_at, place in enumerate(places):
        if fmt is None and looked_at >= UNMARKED and not sides:
            return {}
        head, columns = _beginning(place)
        for one in known:
            side = one.apart(head) if head and one.apart is not None else ""
            if columns and one.name == "otel" and {"trace_id", "context.trace_id", "traceId"} & set(columns):
                side = "whole"
            if side:
                sides.setdefault(one.name, {"whole": [], "more": []})[side].append(place)
                break
    return {name: found["more"] for name, found in sides.items() if found["more"] and found["whole"]}


def _beginning(place: Place) -> tuple[bytes, Iterable[str]]:
    """The first bytes of a file of JSON, or the columns of one of Parquet; nothing of anything else."""
    if place.kind not in ("file", "s3"):
        return b"", ()
    try:
        opened = open_place(place)
    except OSError:
        return b"", ()
    try:
        if opened.file is not None:
            return b"", _columns(opened.file)
        return (opened.stream.head if opened.kind == "json" and opened.stream is not None else b""), ()
    finally:
        opened.close()


def _columns(file: Any) -> Iterable[str]:
    try:
        return list(pq.read_schema(file).names)
    except (OSError, ValueError):
        return ()


def _on_disk(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    try:
        with tempfile.TemporaryFile(prefix="stillwatch-") as file:
            values.tofile(file)
            file.flush()
            return np.memmap(file, np.int64, "r")
    except OSError as error:
        raise _cannot(error) from None


def _cannot(error: OSError) -> OutputError:
    return OutputError(
        f"what files tell of exchanges in others cannot be kept on disk: {why_not(error)}",
        source=tempfile.gettempdir(),
        hint="make room there, or name another folder with TMPDIR",
    )
