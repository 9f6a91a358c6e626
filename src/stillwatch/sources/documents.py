"""JSON documents out of a stream of bytes, one after the other, whatever way they were put together.

Three layouts, told by the first bytes: lines (NDJSON), the elements of an array, and documents one after the other
(one pretty-printed document is the simplest case). Nothing is held but the piece at hand. A piece that is broken comes
out as it is, to be quarantined, and reading goes on after it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from stillwatch.sources.resuming import Point
from stillwatch.sources.values import without_half_pairs

BLOCK_BYTES = 8 << 20
"""Read at a time: some thousands of exchanges, so that the work per block outweighs its overhead."""

DOCUMENT_BYTES = 256 << 20
"""A longer document is given up: nothing of this size is an exchange, and it must fit into memory."""

# Written without possessive quantifiers, which Python before 3.11.5 matches wrongly. It fails in one pass all the same:
# every byte belongs to one part of it only.
_TOKEN = re.compile(rb'[^"\[\]{}]*(?:"[^"\\]*(?:\\.[^"\\]*)*"[^"\[\]{}]*)*([\[\]{}])', re.DOTALL)
_BLANK = b" \t\r\n"

Read = Callable[[int], bytes]
"""Up to so many bytes, b"" at the end; raises OSError where the stream is cut off or damaged."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The bytes of one document. line: its line, or its number in an array; error: why it is no document."""

    line: int
    data: bytes
    error: str | None = None


def decode(data: bytes) -> Any:
    """The document, also where it holds what many writers leave behind.

    That is NaN, huge numbers, half surrogate pairs, bare tabs in strings, and byte order marks and NUL bytes before it.

    Raises: ValueError where it is no JSON or not UTF-8.
    """
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        text = data.decode("utf-8").lstrip("\0\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 (byte {error.start + 1})") from None
    if not text:
        raise ValueError("is nothing but NUL bytes: the file was cut while it was written")
    try:
        return _mend(json.loads(text, strict=False))
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except ValueError as error:
        place = f" (column {error.pos + 1})" if isinstance(error, json.JSONDecodeError) else ""
        what = "is no JSON: it has single quotes, as Python shows it" if text.startswith("{'") else "is no JSON"
        raise ValueError(f"{what}{place}") from None


def layout(head: bytes) -> str:
    """`lines`, or `elements` (of an array, or documents one after the other), from a stream's first bytes."""
    start = head.lstrip(_BLANK)
    if start[:1] != b"{":
        return "elements" if start[:1] == b"[" else "lines"
    lines = start.split(b"\n")
    if any(line[:1] == b"{" and _is_json(line) for line in lines[:50]):
        return "lines"
    if _followed_by_another(lines[0]):
        return "elements"
    if len(lines) == 1:
        return "lines"
    # No whole object on a line: either a document over many lines, or lines of which the first ones are broken.
    return "lines" if lines[0].strip() != b"{" and lines[1][:1] == b"{" else "elements"


def line_blocks(
    read: Read, size: int = BLOCK_BYTES, *, begin: Point | None = None, points: dict[int, Point] | None = None
) -> Iterator[tuple[int, bytes, str | None]]:
    """Blocks of whole lines: number of the first line from 1, bytes, and an error where the stream broke there.

    A line longer than 256 MB comes out as its beginning, with an error.
    points: gets the point of each block by the number of its first line.  begin: such a point, at which `read` stands:
    the same blocks come from there on.
    """
    number = 1
    rest: list[bytes] = []
    rest_bytes = offset = 0
    if begin is not None:
        number, rest_bytes, offset = begin.line, begin.ahead, begin.offset + begin.ahead
        rest = [read(rest_bytes)] if rest_bytes else []
    skipping = False
    while True:
        error = None
        at = offset
        try:
            chunk = read(size)
        except OSError as broken:
            chunk, error = b"", f"is cut off or damaged here: {broken}"
        offset += len(chunk)
        if not chunk:
            if rest and not skipping:
                tail = b"".join(rest)
                if error is not None and not _is_json(tail):
                    yield number, tail, error
                    return
                cut = tail.lstrip(_BLANK)[:1] == b"{" and not _is_json(tail)
                yield number, tail, "is cut off: the last line ends in the middle of a document" if cut else None
                number += tail.count(b"\n") + 1
            if error is not None:
                yield number, b"", error
            return
        end = chunk.rfind(b"\n") + 1
        if skipping:
            if not end:
                continue
            start = chunk.find(b"\n") + 1
            number, skipping, at = number + 1, False, -1
            chunk, end = chunk[start:], end - start
        if not end:
            rest.append(chunk)
            rest_bytes += len(chunk)
            if rest_bytes > DOCUMENT_BYTES:
                yield number, rest[0][:4096], "is longer than 256 MB: split the document"
                rest, rest_bytes, skipping = [], 0, True
            continue
        block = b"".join((*rest, memoryview(chunk)[:end]))
        tail = chunk[end:]
        if points is not None and at >= 0:
            points[number] = Point(number, at - rest_bytes, rest_bytes)
        rest, rest_bytes = ([tail], len(tail)) if tail else ([], 0)
        yield number, block, None
        number += block.count(b"\n")


def line_pieces(first: int, block: bytes, error: str | None = None) -> Iterator[Piece]:
    """The lines of a block that are not blank."""
    if error is not None:
        yield Piece(first, block, error)
        return
    for offset, line in enumerate(block.split(b"\n")):
        if line and not line.isspace():
            yield Piece(first + offset, line)


def element_pieces(read: Read, size: int = BLOCK_BYTES) -> Iterator[Piece]:
    """The objects of an array, or objects one after the other, numbered from 1.

    Objects in a top-level array come out one by one, so an array need not fit into memory. After an object whose
    quotes or braces do not close, reading goes on at the next line that begins as the first object's line began.
    """
    scanner = _Scanner()
    error = None
    while True:
        try:
            chunk = read(size)
        except OSError as broken:
            chunk, error = b"", f"is cut off or damaged here: {broken}"
        if not chunk:
            break
        yield from scanner.feed(chunk)
        # A string longer than what was read is scanned again from its start: read ever more of it at once.
        size = max(size, min(len(scanner.rest), DOCUMENT_BYTES))
    yield from scanner.finish(error)


class _Scanner:
    """Finds where objects begin and end. rest: what is not yet whole, from an object's first brace on if it has one."""

    def __init__(self) -> None:
        self.rest = b""
        self._scanned = 0
        self._depth = 0
        self._arrays = 0
        self._number = 0
        self._marker = b""

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        self.rest += chunk
        yield from self._scan()
        reason = "is longer than 256 MB, or its quotes or braces do not close"
        while len(self.rest) > DOCUMENT_BYTES:
            if not (yield from self._skip_object(reason)):
                yield self._piece(self.rest[:4096], reason)
                self._restart(b"")

    def finish(self, error: str | None) -> Iterator[Piece]:
        reason = error or "is cut off: its quotes or braces do not close"
        while self._depth and (yield from self._skip_object(reason)):
            pass
        left = self.rest if self._depth else self.rest.strip(_BLANK + b",[]")
        if self._depth or error is not None:
            yield self._piece(left, reason)
        elif left:
            yield self._piece(left, "is no JSON object")
        elif self._arrays > 0:
            yield self._piece(b"", "is cut off: the array is not closed")

    def _scan(self) -> Iterator[Piece]:
        data, position, done = self.rest, self._scanned, 0
        # An object at hand begins at 0; `done` is where what was already handed on ends.
        while match := _TOKEN.match(data, position):
            position = match.end()
            token = match.group(1)
            if token == b"{":
                self._depth += 1
                if self._depth == 1:
                    start = position - 1
                    gap = data[done:start].strip(_BLANK + b",[]")
                    if gap:
                        yield self._piece(gap, "is no JSON object")
                    self._marker = self._marker or _line_start(data, start)
                    done = start
            elif token == b"}":
                if self._depth == 1:
                    document = data[done:position]
                    if self._marker in document and not _is_json(document):
                        # An open quote joined two objects: the first is given up, the second read by itself.
                        self.rest, self._scanned = data[done:], position - done
                        yield from self._skip_object("is no JSON: its quotes or braces do not close")
                        return
                    yield self._piece(document)
                    done = position
                self._depth = max(0, self._depth - 1)
            elif self._depth == 0:
                self._arrays += 1 if token == b"[" else -1
        self.rest, self._scanned = data[done:], position - done

    def _skip_object(self, reason: str) -> Generator[Piece, None, bool]:
        """Give up the object at hand and go on at the next line that begins like one; false where there is none."""
        at = self.rest.find(self._marker, 1) if self._marker else -1
        if at < 0:
            return False
        yield self._piece(self.rest[:at], reason)
        self._restart(self.rest[at + 1 :])
        yield from self._scan()
        return True

    def _piece(self, data: bytes, error: str | None = None) -> Piece:
        self._number += 1
        return Piece(self._number, data, error)

    def _restart(self, rest: bytes) -> None:
        self.rest, self._scanned, self._depth = rest, 0, 0


def _line_start(data: bytes, start: int) -> bytes:
    """What a line begins with that begins an object like the one at `start`."""
    indent = data[data.rfind(b"\n", 0, start) + 1 : start]
    return b"\n" + (indent if not indent.strip(_BLANK) else b"") + b"{"


def _followed_by_another(line: bytes) -> bool:
    try:
        text = line.decode("utf-8", "replace")
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return text[end:].lstrip()[:1] == "{"


def _is_json(data: bytes) -> bool:
    try:
        # Looks at the syntax only: the objects of a long document weigh several times what its bytes do.
        msgspec.json.decode(data, type=msgspec.Raw)
        data.isascii() or data.decode()
        return True
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        decode(data)
    except ValueError:
        return False
    return True


def _mend(value: Any) -> Any:
    if isinstance(value, str):
        return without_half_pairs(value)
    if isinstance(value, list):
        return [_mend(item) for item in value]
    if isinstance(value, dict):
        return {_mend(name): _mend(item) for name, item in value.items()}
    return value
