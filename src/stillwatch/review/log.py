"""The log of analysts' verdicts: one JSON object a line, written once, never changed, read in the order of writing.

Each line names the digest of the line before it, so that a line that was taken out, put in or changed is told. Of the
finding it keeps what tells it again in another scan: hashes of its accounts' ids (as many bytes as a number each), and
the keys of its moulds; no text and no id.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from datetime import date
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from stillwatch.errors import InputError, MissingSource, OutputError

Ints = npt.NDArray[np.int64]

DECISIONS = ("confirm", "dismiss")

_HINT = "the log is written by `stillwatch review` only; restore the file as it was, or begin a new one"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict of an analyst.

    at: UTC ISO.  verdict: what the scan called the finding.  members: base64 of the sorted hashes of its accounts' ids,
    eight bytes each, little-endian; digest: of them.  moulds: keys of its exchanges, 16 hexadecimal digits each.
    use, owner, until: of a dismissal, the declared use that it enters into the allow list.  previous: digest of the
    line before.
    """

    at: str
    finding_id: str
    verdict: str
    decision: Literal["confirm", "dismiss"]
    why: str
    by: str
    accounts: int
    exchanges: int
    first_at: str
    last_at: str
    digest: str
    members: str
    moulds: list[str]
    use: str = ""
    owner: str = ""
    until: str = ""
    previous: str = ""

    @property
    def hashes(self) -> Ints:
        """Hashes of the accounts' ids, sorted."""
        return np.frombuffer(base64.b64decode(self.members), "<i8").astype(np.int64)

    @property
    def keys(self) -> Ints:
        """Keys of its moulds."""
        return np.array([int(key, 16) for key in self.moulds], np.uint64).astype(np.int64)


def packed(hashes: Ints) -> tuple[str, str]:
    """Account hashes as a log keeps them, and their digest."""
    data = np.unique(hashes).astype("<i8").tobytes()
    return base64.b64encode(data).decode(), blake2b(data, digest_size=12).hexdigest()


def append(path: Path, entry: Entry) -> Entry:
    """Write a verdict at the end of a log, which is made where there is none; returns it with its link to the last.

    Raises: InputError where the log there is damaged; OutputError where it cannot be written.
    """
    before = path.read_bytes() if path.exists() else b""
    entries(before, str(path))
    lines = before.splitlines()
    entry = msgspec.structs.replace(entry, previous=_digest(lines[-1]) if lines else "")
    try:
        with path.open("ab") as log:
            log.write((b"" if not before or before.endswith(b"\n") else b"\n") + msgspec.json.encode(entry) + b"\n")
            log.flush()
            os.fsync(log.fileno())
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", source=str(path)) from error
    return entry


def read_log(path: Path) -> tuple[list[Entry], str]:
    """The verdicts of a log in the order of writing, and a digest of the whole.

    Raises: MissingSource where it cannot be read; InputError where a line is damaged, changed or taken out.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MissingSource(f"the log of reviews cannot be read: {error.strerror}", source=str(path)) from error
    return entries(data, str(path)), blake2b(data, digest_size=12).hexdigest()


def entries(data: bytes, source: str) -> list[Entry]:
    """The verdicts in a log's bytes. Raises: InputError, with the line."""
    out: list[Entry] = []
    previous = ""
    for number, line in enumerate(data.splitlines(), 1):
        try:
            entry = msgspec.json.decode(line, type=Entry)
            entry = _checked(entry)
        except (msgspec.DecodeError, ValueError) as error:
            raise InputError(f"is no review: {error}", source=source, line=number, hint=_HINT) from error
        if entry.previous != previous:
            raise InputError(
                "the line before it was changed, put in or taken out", source=source, line=number, hint=_HINT
            )
        previous = _digest(line)
        out.append(entry)
    return out


def in_force(log: Sequence[Entry]) -> list[Entry]:
    """The last verdict on each finding, in the order in which they were given."""
    last = {entry.finding_id: at for at, entry in enumerate(log)}
    return [log[at] for at in sorted(last.values())]


def _checked(entry: Entry) -> Entry:
    if packed(entry.hashes)[1] != entry.digest:
        raise ValueError("its accounts do not have the digest that it names")
    if any(len(key) != 16 for key in entry.moulds) or len(entry.keys) != len(entry.moulds):
        raise ValueError("its moulds are no keys of 16 hexadecimal digits")
    if entry.decision == "dismiss":
        date.fromisoformat(entry.until)
    return entry


def _digest(line: bytes) -> str:
    return blake2b(line, digest_size=12).hexdigest()
