"""Runs that are killed at any moment, and runs that meet: the store is as it was, or has taken all of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from small_world import exchanges, write

from stillwatch.cli import run
from stillwatch.store.place import open_store

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src")}

KILLED = """
import os, signal, sys
import {module}
from stillwatch.cli import run
def kill(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
{module}.{name} = kill
run(sys.argv[1:])
"""

MOMENTS = {
    "in reading": ("stillwatch.scan.ingest", "to_disk"),
    "in laying out the window": ("stillwatch.store.memory", "make_window"),
    "before the result": ("stillwatch.scan.run", "_write_result"),
    "after the result, before it is published": ("stillwatch.scan.run", "publish"),
    "before the catalogue": ("stillwatch.store.place", "write_catalogue"),
}


def everything(store: Path) -> dict[str, bytes]:
    """All files of a store."""
    return {str(path.relative_to(store)): path.read_bytes() for path in sorted(store.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of a few days, and with logs of the next in `more.ndjson`."""
    folder = tmp_path_factory.mktemp("stored")
    rows = exchanges(strangers=20, colluders=10, each=12)
    cut = len(rows) * 2 // 3
    first = write(folder / "first.ndjson", rows[:cut])
    write(folder / "more.ndjson", rows[cut:])
    arguments = ["--into", str(folder / "store"), "--out", str(folder / "out"), "--quiet"]
    assert run(["scan", str(first), *arguments]) == 0
    shutil.copytree(folder / "store", folder / "whole")
    assert run(["scan", str(folder / "more.ndjson"), "--into", str(folder / "whole"), *arguments[2:]]) == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_scan_leaves_the_store_as_it_was(stored: Path, tmp_path: Path, moment: str) -> None:
    """Swept, it holds the same bytes; and the next scan of the same logs gives what an undisturbed one gives."""
    store, more = tmp_path / "store", str(stored / "more.ndjson")
    shutil.copytree(stored / "store", store)
    module, name = MOMENTS[moment]
    arguments = ["scan", more, "--into", str(store), "--out", str(tmp_path / "out"), "--quiet"]
    code = KILLED.format(module=module, name=name)
    done = subprocess.run([sys.executable, "-c", code, *arguments], env=ENVIRONMENT, check=False)
    assert done.returncode == -signal.SIGKILL
    with open_store(store):
        pass
    assert everything(store) == everything(stored / "store")
    assert run(arguments) == 0
    assert everything(store) == everything(stored / "whole")


@pytest.mark.slow
def test_a_scan_killed_after_the_catalogue_has_taken_all(stored: Path, tmp_path: Path) -> None:
    """What the new catalogue does not name goes with the next run."""
    store = tmp_path / "store"
    shutil.copytree(stored / "store", store)
    code = (
        "import os, signal, sys\nfrom stillwatch.cli import run\nfrom stillwatch.store import place\n"
        "def kill(*_): os.kill(os.getpid(), signal.SIGKILL)\nwrite = place.write_catalogue\n"
        "def then(*a):\n    write(*a)\n    kill()\nplace.write_catalogue = then\nrun(sys.argv[1:])\n"
    )
    arguments = ["scan", str(stored / "more.ndjson"), "--into", str(store), "--out", str(tmp_path / "out"), "--quiet"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], env=ENVIRONMENT, check=False)
    assert done.returncode == -signal.SIGKILL
    with open_store(store):
        assert everything(store) == everything(stored / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("place", ["to_disk", "Store.commit"])
def test_a_killed_deletion_leaves_the_store_as_it_was(stored: Path, tmp_path: Path, place: str) -> None:
    """It is done again, and then the account is gone."""
    store = tmp_path / "store"
    shutil.copytree(stored / "store", store)
    code = (
        "import os, signal, sys\nfrom stillwatch.cli import run\nfrom stillwatch.store import forget\n"
        f"def kill(*_): os.kill(os.getpid(), signal.SIGKILL)\nforget.{place} = kill\nrun(sys.argv[1:])\n"
    )
    arguments = ["forget", "c003", "--from", str(store)]
    done = subprocess.run([sys.executable, "-c", code, *arguments], env=ENVIRONMENT, check=False)
    assert done.returncode == -signal.SIGKILL
    with open_store(store):
        assert everything(store) == everything(stored / "store")
    assert run(arguments) == 0
    assert b"c003" not in b"".join(everything(store).values())


def test_a_run_that_is_told_to_waits(stored: Path, tmp_path: Path) -> None:
    """It goes on when the other has let the store go."""
    store = tmp_path / "store"
    shutil.copytree(stored / "store", store)
    held, release, status = threading.Event(), threading.Event(), []

    def hold() -> None:
        with open_store(store):
            held.set()
            release.wait(60)

    def wait() -> None:
        status.append(run(["forget", "c003", "--from", str(store), "--wait"]))

    holder, waiter = threading.Thread(target=hold), threading.Thread(target=wait)
    holder.start()
    held.wait(60)
    assert run(["forget", "c003", "--from", str(store)]) == 1
    waiter.start()
    waiter.join(0.3)
    assert status == []
    release.set()
    waiter.join(60)
    holder.join(60)
    assert status == [0]
