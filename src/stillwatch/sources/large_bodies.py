"""Bodies that a log keeps in files of their own, beside it: found, read and put into the record that names them.

Amazon Bedrock does so with what is over 100 KB. A record names the body by its address in object storage: read in the
log's own bucket, or in the local copy of it that the log lies in, and nowhere else.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from stillwatch.sources.places import Place
from stillwatch.sources.streams import Opened, open_place

LONGEST_BYTES = 256 << 20
"""Unpacked; nothing longer is an exchange."""

FOLDER = "data"
"""Where Bedrock puts bodies, in the folder of the log. Nothing else is looked for on a disk."""

AT_ONCE = 16
"""Objects that are asked for at a time: each answer takes tens of milliseconds, of which hardly any is work."""

AHEAD = 64
"""Records whose bodies are asked for ahead of the one at hand."""

T = TypeVar("T")


class Bodies:
    """Reads the bodies that the records of one place name."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._last = (0, 2)

    def read(self, address: str) -> bytes:
        """The body at an address, unpacked.

        Raises: OSError with the reason why it cannot be had, which does not name the body: many may share it.
        """
        place = self._find(address)
        try:
            return _whole(open_place(place))
        except FileNotFoundError:
            raise OSError("are not where the record says") from None
        except OSError as error:
            # Object storage's own words name bucket and key.
            denied = isinstance(error, PermissionError) or "ACCESS_DENIED" in str(error)
            raise OSError("may not be read" if denied else "are cut off, damaged or too long") from None

    def _find(self, address: str) -> Place:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        parts = key.split("/")
        if not address.startswith("s3://") or any(part in ("", ".", "..") for part in parts):
            raise OSError("have an address that is none of object storage")
        if self._place.kind == "s3":
            if self._place.path.partition("/")[0] != bucket:
                raise OSError("lie in another bucket than the log")
            return Place(address, "s3", f"{bucket}/{key}")
        if self._place.kind != "file":
            raise OSError("are files beside the log, and this log is a stream")
        path = self._local(parts)
        if path is None:
            raise OSError("are not in the folders of this copy of the log")
        return Place(address, "file", str(path))

    def _local(self, parts: list[str]) -> Path | None:
        """Where the body is in a copy of the bucket: under a folder above the log, by the end of its address."""
        here = Path(self._place.path).absolute().parent
        above = [here, *here.parents]
        tails = range(2, len(parts) + 1) if parts[-2:-1] == [FOLDER] else ()
        # Those of one log lie mostly where the one before lay.
        for up, tail in itertools.chain([self._last], ((i, n) for n in tails for i in range(n))):
            if up < len(above) and tail in tails:
                path: Path = above[up].joinpath(*parts[-tail:])
                if path.is_file():
                    self._last = up, tail
                    return path
        beside = here / parts[-1]
        return beside if beside.is_file() else None


def ahead(items: Iterator[T], work: Callable[[T], None], *, remote: bool) -> Iterator[T]:
    """The items in order, each after some work on it; many at a time where that is waiting for another machine."""
    if not remote:
        for item in items:
            work(item)
            yield item
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        held: deque[tuple[T, Future[None]]] = deque()
        for item in items:
            held.append((item, pool.submit(work, item)))
            if len(held) > AHEAD:
                done, future = held.popleft()
                future.result()
                yield done
        for done, future in held:
            future.result()
            yield done


def _whole(opened: Opened) -> bytes:
    try:
        if opened.stream is None:
            return b""
        parts: list[bytes] = []
        n_bytes = 0
        while part := opened.stream.read():
            parts.append(part)
            n_bytes += len(part)
            if n_bytes > LONGEST_BYTES:
                raise OSError("longer than 256 MB")
        return b"".join(parts)
    finally:
        opened.close()
