"""A place's bytes, decompressed by what they are and not by their name, and what kind of file they make."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import pyarrow as pa

from stillwatch.sources.gunzip import Gunzip
from stillwatch.sources.places import Place, s3_filesystem

HEAD_BYTES = 256 << 10
"""Looked at to tell layout and format."""

_ZSTD_STEP = 1024
"""Bytes asked of zstd at once: where a file is cut off, what it had ready for one request is lost."""

_BOM = b"\xef\xbb\xbf"
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_MAGIC = (
    (b"\xff\xfe", "is UTF-16: convert it to UTF-8"),
    (b"\xfe\xff", "is UTF-16: convert it to UTF-8"),
    (b"PK\x03\x04", "is a zip archive: unpack it first"),
    (b"ARROW1", "is an Arrow file: write it as Parquet"),
    (b"ORC", "is an ORC file: write it as Parquet"),
    (b"Obj\x01", "is an Avro file: write it as Parquet or NDJSON"),
    (b"BZh", "is compressed with bzip2: use gzip or zstd"),
    (b"\xfd7zXZ", "is compressed with xz: use gzip or zstd"),
    (b"SQLite format 3", "is a SQLite database: export the table as CSV"),
)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


class Stream:
    """Bytes of a place. `head` are its first ones, which `read` gives again; a byte order mark is left out.

    `read` raises OSError where the stream is cut off or damaged, after it has given everything before that.
    rewindable: whether `go_to` works, since the bytes lie in a file as they are.
    """

    def __init__(self, raw: _Readable, step: int | None = None, *, file: pa.NativeFile | None = None) -> None:
        self._raw = raw
        self._file = file
        self.rewindable = file is not None
        self._step = step
        self._error: OSError | None = None
        self._ahead = b""
        first = self._fill(HEAD_BYTES)
        self._ahead = first.removeprefix(_BOM)
        self._n_mark = len(first) - len(self._ahead)
        self.head = self._ahead
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes, b"" at the end."""
        if self._ahead:
            if size < 0 or len(self._ahead) <= size:
                data, self._ahead = self._ahead, b""
                return data
            data, self._ahead = self._ahead[:size], self._ahead[size:]
            return data
        return self._fill(size if size > 0 else 8 << 20)

    def go_to(self, offset: int) -> None:
        """Read from there on next, the byte order mark not counted."""
        if self._file is None:
            raise ValueError("a stream has no places to go to")
        self._ahead = b""
        self._file.seek(offset + self._n_mark)

    def close(self) -> None:
        """Give the file back."""
        self.closed = True
        self._raw.close()

    def readable(self) -> bool:
        """True: pyarrow asks it of a Python file, as it does the next two."""
        return True

    def writable(self) -> bool:
        """False."""
        return False

    def seekable(self) -> bool:
        """False: what was read is gone."""
        return False

    @property
    def broken(self) -> OSError | None:
        """Why the stream ended too early; None where it did not."""
        return self._error

    def _fill(self, size: int) -> bytes:
        if self._error is not None:
            raise self._error
        parts: list[bytes] = []
        n_bytes = 0
        step = self._step or size
        try:
            while n_bytes < size:
                part = self._raw.read(step)
                if not part:
                    break
                parts.append(part)
                n_bytes += len(part)
        except OSError as error:
            self._error = error
            if not parts:
                raise
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Opened:
    """An opened place. kind: json, csv, parquet, empty or unknown; reason: why it is unknown.

    file: a seekable file for Parquet; stream: everything else.
    """

    kind: str
    stream: Stream | None = None
    file: pa.NativeFile | None = None
    reason: str = ""

    def close(self) -> None:
        """Give the file back."""
        for one in (self.stream, self.file):
            if one is not None:
                one.close()


def open_place(place: Place) -> Opened:
    """The place, opened, and what kind of file it is.

    Raises: OSError where it cannot be read at all.
    """
    raw = _open_raw(place)
    # A stream cannot go back, so its first bytes are put in front of it again.
    magic = raw.read(4)
    if magic == b"PAR1":
        if place.kind != "stdin":
            raw.seek(0)
            return Opened("parquet", file=raw)
        return Opened("parquet", file=_spool(magic, raw))
    codec = "gzip" if magic.startswith(_GZIP) else "zstd" if magic == _ZSTD else None
    front: pa.NativeFile
    if place.kind == "stdin":
        front = pa.PythonFile(_Rejoined(magic, raw), mode="r")
    else:
        raw.seek(0)
        front = raw
    try:
        if codec == "gzip":
            stream = Stream(Gunzip(front.read, front.close))
        elif codec == "zstd":
            stream = Stream(pa.CompressedInputStream(front, codec), step=_ZSTD_STEP)
        else:
            stream = Stream(front, file=None if place.kind == "stdin" else raw)
    except OSError as error:
        raw.close()
        if codec is None:
            raise
        raise OSError(f"it is compressed with {codec}, and damaged from its start") from error
    return _classify(place, stream, codec)


def why_not(error: OSError) -> str:
    """Why a file cannot be read, in the system's words, without the path that they are given with."""
    if error.errno:
        return os.strerror(error.errno)
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _classify(place: Place, stream: Stream, codec: str | None) -> Opened:
    head = stream.head
    if not head.strip():
        if stream.broken is not None:
            return Opened("unknown", stream, reason=f"is cut off or damaged from its start: {stream.broken}")
        return Opened("empty", stream, reason="is empty")
    if head[:4] == b"PAR1":
        return Opened("unknown", stream, reason=f"is a Parquet file inside {codec}: unpack it first")
    if codec is not None and head.startswith((_GZIP, _ZSTD)):
        return Opened("unknown", stream, reason="is compressed twice: unpack it once")
    for magic, reason in _MAGIC:
        if head.startswith(magic):
            return Opened("unknown", stream, reason=reason)
    # What a rotated log that was cut while it was written begins with.
    head = head.lstrip(b"\0") or head
    start = head[:4096]
    # Every other byte of such text is zero.
    if max(start[::2].count(0), start[1::2].count(0)) > len(start) // 4:
        return Opened("unknown", stream, reason="is UTF-16: convert it to UTF-8")
    if start.count(0) > 64:
        return Opened("unknown", stream, reason="is a binary file, no log")
    name = place.path.lower()
    for suffix in (".gz", ".gzip", ".zst", ".zstd"):
        name = name.removesuffix(suffix)
    if name.endswith((".parquet", ".pq")) and head.lstrip()[:1] not in (b"{", b"["):
        return Opened("unknown", stream, reason="is named as Parquet, but is none")
    if name.endswith(".csv"):
        return Opened("csv", stream)
    start = head.lstrip()[:1]
    if start in (b"{", b"[") or name.endswith((".json", ".jsonl", ".ndjson")):
        return Opened("json", stream)
    first = head.split(b"\n", 1)[0]
    if first.count(b",") >= 3 and b"\n" in head and b"{" not in first:
        return Opened("csv", stream)
    if any(line.lstrip()[:1] == b"{" for line in head.split(b"\n")[:50]):
        return Opened("json", stream)
    return Opened("unknown", stream, reason="is neither JSON nor CSV nor Parquet")


def _open_raw(place: Place) -> pa.NativeFile:
    if place.kind == "stdin":
        return pa.PythonFile(sys.stdin.buffer, mode="r")
    if place.kind == "s3":
        return s3_filesystem().open_input_file(place.path)
    # Python's own error has a number; of a folder that may not be opened, Arrow would say that it is no file.
    with Path(place.path).open("rb"):
        return pa.OSFile(place.path, mode="r")


class _Rejoined:
    """A stream with its first bytes put in front again."""

    closed = False

    def __init__(self, front: bytes, raw: pa.NativeFile) -> None:
        self._front, self._raw = front, raw

    def read(self, size: int = -1) -> bytes:
        if self._front:
            data, self._front = self._front, b""
            return data
        return bytes(self._raw.read(size if size >= 0 else None))

    def close(self) -> None:
        self._raw.close()


def _spool(front: bytes, raw: pa.NativeFile) -> pa.NativeFile:
    # Parquet is read from its end, which a pipe does not have.
    spool: IO[bytes] = tempfile.TemporaryFile(prefix="stillwatch-")  # noqa: SIM115  given back with the file
    spool.write(front)
    while chunk := raw.read(8 << 20):
        spool.write(chunk)
    spool.seek(0)
    return pa.PythonFile(spool, mode="r")
