"""The folder of a store: held by one run at a time, with a key of its own, swept of what a killed run left."""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from stillwatch import schema
from stillwatch.engine.durable import to_disk
from stillwatch.errors import BusyError, MissingSource, OutputError, UsageError
from stillwatch.sources.pseudonymise import read_key
from stillwatch.store.catalogue import (
    CATALOGUE,
    FOLDERS,
    STORE_VERSION,
    Catalogue,
    files_of,
    read_catalogue,
    write_catalogue,
)

LOCK, KEY = "lock", "key"
KEY_BYTES = 32


@dataclass(slots=True)
class Store:
    """A store that this run holds.  catalogue: None before the first run has finished."""

    path: Path
    catalogue: Catalogue | None

    def key(self, given: bytes | None) -> bytes:
        """The key for digests: the one that is given, or else the store's own, which is made at its first use.

        Raises: UsageError where the store's digests were made with another.
        """
        known = self.catalogue
        if known is not None and known.own_key and given is not None:
            raise UsageError(
                "this store makes its digests with a key of its own: leave out --key", source=str(self.path)
            )
        if known is not None and not known.own_key and given is None:
            raise UsageError(
                "the digests of this store were made with a key of yours: give it with --key", source=str(self.path)
            )
        key = given if given is not None else self._own_key()
        if known is not None and digest(key) != known.key:
            raise UsageError(
                "the digests of this store were made with another key", source=str(self.path), hint="give that one"
            )
        return key

    def begun(self, key: bytes, pseudonyms: bytes | None, *, own_key: bool) -> Catalogue:
        """The catalogue to go on from: an empty one where the store is new.

        Raises: UsageError where the store's pseudonyms were made with another key, or by none.
        """
        if self.catalogue is None:
            return Catalogue(
                store_version=STORE_VERSION,
                fingerprint_version=schema.FINGERPRINT_VERSION,
                key=digest(key),
                own_key=own_key,
                pseudonyms=None if pseudonyms is None else digest(pseudonyms),
            )
        self.check_pseudonyms(pseudonyms)
        return self.catalogue

    def check_pseudonyms(self, key: bytes | None) -> None:
        """Raises: UsageError where the store's pseudonyms were made with another key, or by none."""
        if self.catalogue is not None and self.catalogue.pseudonyms != (None if key is None else digest(key)):
            said = "knows no pseudonyms" if self.catalogue.pseudonyms is None else "knows accounts by other pseudonyms"
            raise UsageError(
                f"the store {said}: the same account would be two",
                source=str(self.path),
                hint="use it always with the same --pseudonymise, or always without",
            )

    def commit(self, catalogue: Catalogue) -> None:
        """From here on the store is what the catalogue says; files of before that it does not name are removed."""
        write_catalogue(self.path, catalogue)
        self.catalogue = catalogue
        self.sweep()

    def sweep(self) -> None:
        """Remove every file in the store's folders that the catalogue does not name."""
        named = set() if self.catalogue is None else set(files_of(self.catalogue))
        for folder in FOLDERS:
            _sweep(self.path / folder, self.path, named)
        (self.path / f".{CATALOGUE}.partial").unlink(missing_ok=True)

    def _own_key(self) -> bytes:
        path = self.path / KEY
        if not path.exists():
            partial = path.with_name(f".{KEY}.partial")
            partial.unlink(missing_ok=True)
            try:
                handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "wb") as file:
                    file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
                partial.replace(path)
                to_disk([path])
            except OSError as error:
                raise OutputError(f"cannot write the store's key: {error.strerror}", source=str(path)) from error
        return read_key(path)


@contextmanager
def open_store(
    path: Path, *, wait: bool = False, make: bool = True, say: Callable[[str], None] = lambda text: None
) -> Iterator[Store]:
    """A store, held against other runs; what a killed run left in it is gone.

    wait: for another run that holds it.  make: a new one where there is none.
    Raises: BusyError where another run holds it; OutputError where the folder is none for a store; MissingSource.
    """
    if path.exists() and not path.is_dir():
        raise OutputError("is a file, not a folder", source=str(path), hint="name a folder for the store")
    if not make and not (path / CATALOGUE).exists():
        raise MissingSource("is no store", source=str(path), hint="`stillwatch scan LOGS --into STORE` makes one")
    own = {CATALOGUE, f".{CATALOGUE}.partial", LOCK, KEY, f".{KEY}.partial", *FOLDERS}
    if path.is_dir() and not (path / CATALOGUE).exists() and {one.name for one in path.iterdir()} - own:
        raise OutputError("holds files that are no store's", source=str(path), hint="name an empty or a new folder")
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", source=str(path)) from error
    try:
        _take(handle, path, wait, say)
        store = Store(path, read_catalogue(path))
        store.sweep()
        yield store
    finally:
        os.close(handle)


def digest(key: bytes) -> str:
    """By which a key is told again; nothing can be made with it."""
    return blake2b(key, digest_size=8, person=b"store key").hexdigest()


def _take(handle: int, path: Path, wait: bool, say: Callable[[str], None]) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if not wait:
            raise BusyError(
                "another run holds the store", source=str(path), hint="try again when it is done, or give --wait"
            ) from error
        say(f"{path}: waits for another run to finish")
        fcntl.flock(handle, fcntl.LOCK_EX)


def _sweep(folder: Path, store: Path, named: set[str]) -> None:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        name = str(path.relative_to(store))
        if name in named:
            if path.is_dir():
                for partial in path.glob(".*.partial"):
                    partial.unlink()
        elif path.is_dir() and any(one.startswith(f"{name}/") for one in named):
            _sweep(path, store, named)
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    with suppress(OSError):
        folder.rmdir()
