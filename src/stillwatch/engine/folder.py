"""The output folder of a scan: claimed by one run at a time, and replaced in one step when the run is done.

A run works in a hidden folder beside the output. Killed, it leaves that folder; the next run of the same scan goes on
in it, and until a run has finished nobody sees anything of it in the output folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stillwatch.errors import BusyError, OutputError

MARK = "scan.json"
"""A folder that holds it is a scan's output, and may be replaced by the next."""


@contextmanager
def claim(out: Path) -> Iterator[Path]:
    """The work folder for an output folder, held against other runs.

    Raises: OutputError where the output folder cannot be used; BusyError where another run holds it.
    """
    if out.exists() and not out.is_dir():
        raise OutputError("is a file, not a folder", source=str(out), hint="choose another --out")
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).exists():
        raise OutputError(
            "holds files that are no scan's", source=str(out), hint="choose an empty or a new folder for --out"
        )
    work = out.parent / f".{out.name}.partial"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # It holds names and sampled texts for as long as the scan is not done.
        work.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(work / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise OutputError(
            f"cannot be written: {error.strerror}", source=str(out), hint="choose another --out"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BusyError(
                "another scan is writing there", source=str(out), hint="wait for it, or choose another --out"
            ) from error
        yield work
    finally:
        os.close(handle)


def publish(result: Path, out: Path, work: Path) -> None:
    """Put a finished result in the place of the output folder, and drop the work folder."""
    old = out.parent / f".{out.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    result.rename(out)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(work, ignore_errors=True)
