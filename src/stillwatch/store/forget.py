"""Deletion of one account's data from a store: every row of its exchanges, wherever a store keeps any."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch.engine.durable import to_disk
from stillwatch.engine.parts import write_table
from stillwatch.errors import InputError, MissingSource, OutputError
from stillwatch.fingerprint.hashing import hash_text
from stillwatch.fingerprint.names import COLUMNS
from stillwatch.profiles.index import Ints
from stillwatch.store.catalogue import Catalogue, Counted, Part
from stillwatch.store.days import COUNTS, fingerprints_in, ids_in, names_in, write_names
from stillwatch.store.examples import read_examples, without_account
from stillwatch.store.members import Members, read_members, write_members
from stillwatch.store.place import Store


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was removed: rows of exchanges, days on which it was counted, findings that it was in, masked examples."""

    exchanges: int
    days: int
    findings: int
    examples: int


def forget(store: Store, account_id: str) -> Forgotten:
    """Remove an account from a store that this run holds: from fingerprints, ids, names, counts, findings, examples.

    Every file that names it is written anew beside the old one, the catalogue is replaced in one step, and then the old
    files go: killed at any moment, the store is as it was or without the account.
    account_id: as the store knows it, a pseudonym where it knows those alone.
    Raises: InputError where the store knows no such account; OutputError where the disk is full.
    """
    known = store.catalogue
    if known is None:
        raise MissingSource("is no store", source=str(store.path))
    run = known.run + 1
    try:
        changed = _Change(store.path, run, account_id, hash_text(account_id))
        parts = [one for part in known.parts if (one := changed.part(part)) is not None]
        counts = [day for counted in known.counts if (day := changed.counts(counted)) is not None]
        members, examples = changed.members(known), changed.examples(known)
        if changed.removed == Forgotten(0, 0, 0, 0):
            raise InputError(
                f"the store knows no account {account_id!r}",
                source=str(store.path),
                hint="check the id; a store of pseudonyms needs the key that made them (--pseudonymise)",
            )
        to_disk(changed.written)
    except OSError as error:
        raise OutputError(
            f"cannot write: {error.strerror or error}", source=str(store.path), hint="free some space, and run it again"
        ) from error
    store.commit(
        msgspec.structs.replace(known, run=run, parts=parts, counts=counts, members=members, examples=examples)
    )
    return changed.removed


class _Change:
    """Writes what is left of a store's files without an account."""

    def __init__(self, store: Path, run: int, account_id: str, account: int) -> None:
        self.store, self.run, self.account_id, self.account = store, run, account_id, account
        self.written: list[Path] = []
        self.removed = Forgotten(0, 0, 0, 0)
        self._exchanges: list[Ints] = []

    def part(self, part: Part) -> Part | None:
        """A part without the account; itself where the account is not in it, None where nothing else is."""
        old = self.store / part.folder
        files = fingerprints_in(old)
        hits = [pq.read_table(path, columns=["account"])["account"].to_numpy() == self.account for path in files]
        n = int(sum(hit.sum() for hit in hits))
        if n == 0:
            return part
        self._removed(exchanges=n)
        folder = f"days/{part.day}/{part.run:06d}-{self.run:06d}"
        new = self.store / folder
        new.mkdir(parents=True)
        for prints, ids, hit in zip(files, ids_in(old), hits, strict=True):
            self._exchanges.append(pq.read_table(prints, columns=["exchange"])["exchange"].to_numpy()[hit])
            for path in (prints, ids):
                self._write(pq.read_table(path).filter(pa.array(~hit)), new / path.name)
        if n == part.rows:
            return None
        for column in COLUMNS:
            self.written += write_names(new, column, names_in(old, column))
        return Part(part.day, folder, part.rows - n, part.run)

    def counts(self, counted: Counted) -> Counted | None:
        """A day's counts without the account; themselves where it is not in them, None where nobody else is."""
        table = pq.read_table(self.store / counted.file, schema=COUNTS)
        left = table.filter(pc.not_equal(table["account_id"], self.account_id))
        if left.num_rows == table.num_rows:
            return counted
        self._removed(days=1)
        if left.num_rows == 0:
            return None
        file = f"{counted.file.removesuffix('.parquet')}-{self.run:06d}.parquet"
        self._write(left, self.store / file)
        return Counted(counted.day, file)

    def members(self, known: Catalogue) -> str | None:
        """The findings' members without the account and its exchanges. Assumes: all parts were seen before."""
        if known.members is None:
            return None
        old = read_members(self.store, known.members)
        mine = pc.equal(old.accounts["account_id"], self.account_id)
        gone = np.concatenate([np.zeros(0, np.int64), *self._exchanges])
        theirs = pc.is_in(old.exchanges["exchange"], pa.array(gone))
        if not (pc.any(mine).as_py() or pc.any(theirs).as_py()):
            return known.members
        left = Members(old.accounts.filter(pc.invert(mine)), old.exchanges.filter(pc.invert(theirs)))
        self._removed(findings=old.accounts.filter(mine).num_rows)
        self.written += write_members(self.store, f"findings/{self.run:06d}", left)
        return f"findings/{self.run:06d}"

    def examples(self, known: Catalogue) -> str | None:
        """The masked examples that were made without the account's texts."""
        if known.examples is None:
            return None
        old = read_examples(self.store / known.examples)
        left = without_account(old, self.account)
        if left.num_rows == old.num_rows:
            return known.examples
        self._removed(examples=old.num_rows - left.num_rows)
        if left.num_rows == 0:
            return None
        file = f"examples/{self.run:06d}.parquet"
        self._write(left, self.store / file)
        return file

    def _write(self, table: pa.Table, path: Path) -> None:
        write_table(table.combine_chunks(), path)
        self.written.append(path)

    def _removed(self, **more: int) -> None:
        self.removed = Forgotten(*(getattr(self.removed, name) + more.get(name, 0) for name in Forgotten.__slots__))
