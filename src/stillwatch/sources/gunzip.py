"""gzip to bytes, up to the very byte at which a file is cut off or damaged."""

from __future__ import annotations

import zlib
from collections.abc import Callable

CHUNK_BYTES = 256 << 10
_OUT_BYTES = 1 << 20
_GZIP = 16 + zlib.MAX_WBITS


class Gunzip:
    """A reader of gzip, of one member or of many put together, as log shippers leave them; padding is passed over.

    `read` raises OSError where the file is cut off or damaged, after everything before that was given: libraries that
    decompress whole buffers lose what such a buffer held.
    """

    def __init__(self, read: Callable[[int], bytes], close: Callable[[], None]) -> None:
        self._read, self._close = read, close
        self._member = zlib.decompressobj(_GZIP)
        self._input = b""
        self._fresh = True
        self._error: OSError | None = None

    def read(self, size: int) -> bytes:
        """Up to so many bytes, b"" at the end."""
        while True:
            if self._error is not None:
                raise self._error
            if self._member.eof and not self._next_member():
                return b""
            if not self._input:
                self._input = self._read(CHUNK_BYTES)
                if not self._input:
                    if self._fresh:
                        return b""
                    left = self._member.flush()
                    self._error = OSError("the compressed data end too early")
                    if left:
                        return left
                    continue
            data = self._step(min(size, _OUT_BYTES))
            if data:
                return data

    def close(self) -> None:
        """Give the file back."""
        self._close()

    def _step(self, size: int) -> bytes:
        before, source = self._member.copy(), self._input
        try:
            data = self._member.decompress(source, size)
        except zlib.error as error:
            self._error = OSError(f"the compressed data are damaged ({_reason(error)})")
            return _up_to_damage(before, source, size)
        self._fresh = False
        self._input = self._member.unconsumed_tail
        if self._member.eof:
            self._input = self._member.unused_data
        return data

    def _next_member(self) -> bool:
        """Begin the member that follows; false at the end of the file."""
        rest = self._input.lstrip(b"\0")
        while not rest:
            chunk = self._read(CHUNK_BYTES)
            if not chunk:
                return False
            rest = chunk.lstrip(b"\0")
        self._input, self._member, self._fresh = rest, zlib.decompressobj(_GZIP), True
        return True


def _up_to_damage(member: zlib._Decompress, source: bytes, size: int) -> bytes:
    """What comes before the damage, got byte by byte."""
    out = bytearray()
    while len(out) < size:
        try:
            one = member.decompress(source, 1)
        except zlib.error:
            break
        out += one
        source = member.unconsumed_tail
        if not one and not source:
            break
    return bytes(out)


def _reason(error: zlib.error) -> str:
    return str(error).rpartition(": ")[2]
