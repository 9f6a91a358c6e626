"""Declared uses and reviews as they bear on one scan: which accounts of this traffic they name, and whether they hold.

Whether a declared use holds is judged by the day of the last exchange in the logs, not by the clock: the same logs and
files give the same findings whenever they are scanned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.campaigns.cells import Cells
from stillwatch.campaigns.nulls import LIVES_ON
from stillwatch.campaigns.operators import Party, is_guest
from stillwatch.fingerprint.hashing import hash_strings
from stillwatch.profiles.index import AccountIndex, Ints
from stillwatch.review.declared import DeclaredUse, read_declared
from stillwatch.review.log import Entry, in_force, read_log
from stillwatch.sources.pseudonymise import pseudonymise

MAX_NAMED = 8
"""Values that a report names of one declared use."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """A declared use or a dismissed finding in this traffic.

    accounts: numbers of the accounts that it names here.  units: parties all of whose accounts it names.
    moulds: keys, of a dismissed finding or a declared mould.  review: the dismissal, if it is one.  who: what it names,
    in words.
    """

    name: str
    use: str
    owner: str
    until: date
    why: str
    who: tuple[str, ...]
    holds: bool
    accounts: Ints
    units: npt.NDArray[np.int64]
    moulds: Ints
    review: Entry | None = None

    @property
    def protects(self) -> bool:
        """Whether it takes accounts out of campaigns: a declared use of accounts that holds."""
        return self.holds and self.review is None and len(self.units) > 0


@dataclass(frozen=True, slots=True)
class Rulings:
    """All that bears on a scan. past: confirmed findings; dismissed findings and declared uses are `rulings`.

    last_day: of the logs.  guilty: units with an account of a confirmed finding.  guilty_keys: keys of their moulds.
    declared_digest, log_digest: of the files; None where none was given.
    """

    rulings: list[Ruling]
    past: list[Entry]
    last_day: date
    guilty: npt.NDArray[np.int64]
    guilty_keys: Ints
    declared_digest: str | None = None
    log_digest: str | None = None

    @property
    def public(self) -> Ints:
        """Moulds that are declared: that they are shared says nothing."""
        found = [one.moulds for one in self.rulings if one.holds and one.review is None]
        return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)


def make_rulings(
    declared: Sequence[DeclaredUse],
    log: Sequence[Entry],
    connection: duckdb.DuckDBPyConnection,
    index: AccountIndex,
    registry: pa.Table | None,
    last_day: date,
    key: bytes | None,
) -> Rulings:
    """What declared uses and reviews come to in this traffic.

    The connection holds `fingerprint` and `registry`, the accounts by hash.  registry: with its ids, pseudonyms where
    the scan has them.  key: of the pseudonyms, by which declared ids become what the scan knows.
    """
    rulings: list[Ruling] = []
    for use in declared:
        who = {name: _known_as(name, values, key) for name, values in use.who.items()}
        accounts = _accounts(who, connection, index, registry)
        rulings.append(
            Ruling(
                name=f"D{len(rulings) + 1}",
                use=use.use,
                owner=use.owner,
                until=use.until,
                why=use.why,
                who=tuple(f"{name} {value}" for name, values in who.items() for value in values),
                holds=use.holds(last_day),
                accounts=accounts,
                units=_whole_units(accounts, index),
                moulds=np.array([int(one, 16) for one in use.who.get("template", ())], np.uint64).astype(np.int64),
            )
        )
    decided = in_force(log)
    for entry in decided:
        if entry.decision != "dismiss":
            continue
        accounts = _codes(entry.hashes, index)
        until = date.fromisoformat(entry.until)
        rulings.append(
            Ruling(
                name=f"D{len(rulings) + 1}",
                use=entry.use,
                owner=entry.owner,
                until=until,
                why=entry.why,
                who=(f"finding {entry.finding_id}",),
                holds=last_day <= until,
                accounts=accounts,
                units=np.unique(index.unit[accounts]),
                moulds=entry.keys,
                review=entry,
            )
        )
    past = [entry for entry in decided if entry.decision == "confirm"]
    codes = [_codes(entry.hashes, index) for entry in past]
    keys = [entry.keys for entry in past if entry.verdict == "campaign"]
    return Rulings(
        rulings=rulings,
        past=past,
        last_day=last_day,
        guilty=np.unique(index.unit[np.concatenate(codes)]) if codes else np.zeros(0, np.int64),
        guilty_keys=np.unique(np.concatenate(keys)) if keys else np.zeros(0, np.int64),
    )


def _known_as(name: str, values: tuple[str, ...], key: bytes | None) -> tuple[str, ...]:
    """Declared ids as the scan knows them."""
    if key is None or name == "template":
        return values
    column = pseudonymise(pa.table({name: pa.array(values, pa.string())}), key)[name]
    return tuple(column.to_pylist())


def _accounts(
    who: dict[str, tuple[str, ...]],
    connection: duckdb.DuckDBPyConnection,
    index: AccountIndex,
    registry: pa.Table | None,
) -> Ints:
    """Numbers of the accounts that are named, sorted."""
    found = [_hashes(who.get("account_id", ()))]
    for name, column in (("org_id", "org"), ("payment_id", "payment")):
        values = who.get(name, ())
        if not values:
            continue
        connection.register("named_values", pa.table({"value": _hashes(values)}))
        rows = connection.sql(
            f"select distinct account from fingerprint semi join named_values on value = {column} order by account"
        ).to_arrow_table()
        connection.unregister("named_values")
        found.append(rows["account"].to_numpy().astype(np.int64))
        if registry is not None:
            ids = registry.filter(pa.array([one in values for one in registry[name].to_pylist()], pa.bool_()))
            found.append(_hashes(ids["account_id"].to_pylist()))
    return _codes(np.unique(np.concatenate(found)), index)


def _hashes(values: Sequence[str]) -> Ints:
    hashed: Ints = hash_strings(pa.chunked_array([pa.array(list(values), pa.string())])).to_numpy().astype(np.int64)
    return hashed


def _codes(hashes: Ints, index: AccountIndex) -> Ints:
    """Numbers of those that are in this traffic."""
    at = np.searchsorted(index.hashes, hashes)
    known = at < index.n_accounts
    known[known] = index.hashes[at[known]] == hashes[known]
    return np.sort(at[known]).astype(np.int64)


def _whole_units(accounts: Ints, index: AccountIndex) -> npt.NDArray[np.int64]:
    """Units of which every account is named: a declared organisation counts as one, and cannot be half declared."""
    named = np.bincount(index.unit[accounts], minlength=index.n_units)
    return np.flatnonzero((named > 0) & (named == np.bincount(index.unit, minlength=index.n_units)))


def read_rulings(
    declared: Path | None,
    reviews: Path | None,
    connection: duckdb.DuckDBPyConnection,
    index: AccountIndex,
    registry: pa.Table | None,
    last_at: int,
    key: bytes | None,
) -> Rulings:
    """`make_rulings` of the files that a scan was given, none of them needed. last_at: of the logs, in microseconds."""
    uses, uses_digest = read_declared(declared) if declared is not None else ([], None)
    log, log_digest = read_log(reviews) if reviews is not None else ([], None)
    day = datetime.fromtimestamp(last_at / 1e6, UTC).date()
    rulings = make_rulings(uses, log, connection, index, registry, day, key)
    return replace(rulings, declared_digest=uses_digest, log_digest=log_digest)


def past_parties(cells: Cells, rulings: Rulings, index: AccountIndex) -> list[Party]:
    """Findings of the log of reviews, as far as their accounts are in this traffic, to compare others with."""
    out = []
    reviews = [*rulings.past, *(one.review for one in rulings.rulings if one.review is not None)]
    for entry in reviews:
        units = np.unique(index.unit[_codes(entry.hashes, index)]).astype(np.int32)
        rows = np.flatnonzero(np.isin(cells.unit, units))
        mine = rows[np.isin(cells.key_hash[cells.key[rows]], entry.keys)]
        if len(units):
            # Where nothing of a campaign is left, nobody can say whether its accounts were a proxy's.
            whole = entry.verdict == "network"
            guest = not whole and (len(mine) == 0 or is_guest(cells, mine))
            rows = mine if len(mine) else rows
            out.append(Party(entry.finding_id, rows, units, network=-1, whole=whole, guest=guest, past=True))
    return out


def past_suspects(cells: Cells, rulings: Rulings) -> npt.NDArray[np.int64]:
    """Units that are no honest sample: of confirmed findings, and who lives on the moulds of a confirmed campaign."""
    mine = np.isin(cells.key_hash[cells.key], rulings.guilty_keys)
    volume = np.bincount(cells.unit, cells.n)
    share = np.bincount(cells.unit[mine], cells.n[mine], len(volume)) / np.maximum(volume, 1)
    return np.union1d(np.flatnonzero(share >= LIVES_ON), rulings.guilty)
