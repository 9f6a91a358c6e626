"""Reading in a process of its own that is killed at a moment of choice, so that another can go on."""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stillwatch.engine.folder import claim
from stillwatch.errors import StillwatchError
from stillwatch.scan import gathering
from stillwatch.scan.ingest import Ingested, begun_at, ingest
from stillwatch.scan.options import ScanOptions
from stillwatch.scan.signature import input_signature
from stillwatch.sources import resuming
from stillwatch.sources.quarantine import Quarantine
from stillwatch.sources.reading import ReadOptions

NOW = datetime(2026, 7, 1, tzinfo=UTC)

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["stillwatch.scan.ingest"])


def options(out: Path, **read: Any) -> ScanOptions:
    """Small batches, a checkpoint after each."""
    reading = ReadOptions(now=NOW, **{"batch_rows": 60, **read})
    return ScanOptions(out=out, read=reading, checkpoint_seconds=0.0, threads=1)


def read_all(logs: list[str], how: ScanOptions, said: list[str] | None = None) -> Ingested:
    """Read to the end in this process, as a scan does; what lies in the work folder is gone on with."""
    say = (said if said is not None else []).append
    with claim(how.out) as work:
        signature = input_signature(logs, how)
        now = begun_at(work, signature) or how.read.now
        quarantine = Quarantine(exemplars=how.exemplars, pseudonyms=how.read.pseudonymise is not None)
        how = replace(how, read=replace(how.read, now=now))
        return ingest(logs, work, None, how, quarantine, say, signature=signature)


def read_until(logs: list[str], how: ScanOptions, moment: int, *, full: bool = False) -> bool:
    """Read in another process until the file system is asked for the `moment`th time, from 1, to keep something.

    Then the process gets SIGKILL, or where the disk is `full`, that and all later writes fail. Whether it came to that.
    """
    child = _PROCESSES.Process(target=_read, args=(logs, how, moment, full, dict(os.environ)))
    child.start()
    child.join(60)
    if child.exitcode not in (0, 3 if full else -signal.SIGKILL):
        raise RuntimeError(f"reading ended with {child.exitcode}")
    return child.exitcode != 0


def moments(n: int, most: int, seed: int) -> list[int]:
    """Some moments, one in each part of the way, the same in every run."""
    rng = random.Random(seed)
    return [rng.randint(i * most // n + 1, (i + 1) * most // n) for i in range(n)]


def _read(logs: list[str], how: ScanOptions, moment: int, full: bool, environment: dict[str, str]) -> None:
    left = moment
    # The server that processes are forked from has the environment of its own beginning.
    os.environ.update(environment)

    def reached() -> bool:
        nonlocal left
        left -= 1
        if left > 0:
            return False
        if not full:
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    def watched(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if reached():
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*arguments, **named)

        return call

    Path.replace = watched(Path.replace)  # type: ignore[method-assign]
    Path.write_bytes = watched(Path.write_bytes)  # type: ignore[method-assign]
    # The machine lives on, so that nothing need really be on the disk.
    os.fsync = watched(lambda handle: None)
    if not full:
        Path.unlink = watched(Path.unlink)  # type: ignore[method-assign]
    # A checkpoint after each batch, whatever it costs.
    gathering.COST_SHARE = resuming.COST_SHARE = 1e9
    resuming.FACTS_SECONDS = 0.0
    try:
        read_all(logs, how)
    except StillwatchError:
        os._exit(3)
