"""Who is what in a finding: drivers, carriers, owners of stolen keys, and the merely near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import bdtrc

from stillwatch.campaigns.assess import Assessed
from stillwatch.campaigns.cells import Cells
from stillwatch.links.kinds import GROUPS
from stillwatch.networks.group import Floats, Scorer, by_family
from stillwatch.networks.search import FAMILY_BITS, OF_THE_USUAL
from stillwatch.networks.widening import all_ties
from stillwatch.profiles.index import Ints

LEAD_SECONDS = 86_400
"""An owner's traffic runs at least this long before the campaign's begins on his account."""

OWN_EXCHANGES = 5
"""And so many exchanges of the account at least are its own."""

ELSEWHERE = 0.8
"""Share of the owner's exchanges that come from other prefixes or software than the campaign's on his account."""

AT_HOME = 0.3
"""Share of them that the commonest prefix, or the commonest software, has: an owner has a home, cover has none."""

BY_CHANCE = 0.05
"""Other places or software say of an account that it has an owner where a driver would hardly ever show as many: he who
sends from ever new exits does so in what is not known to be the campaign's as well."""

PRIVATE = 2
PUBLIC_SHARE = 0.5
"""A place of more accounts of the finding, and of hardly more others, is the operator's, who tried what he bought."""

STRAY = 0.05
"""An account with less than this of what half of the finding's accounts send has strayed into a mould, and drives
nothing."""

MANY_STOLEN = 0.25
"""Share of a finding's accounts whose owners are seen, from which the others may have one who is away."""

OPENED = [GROUPS.index(name) for name in ("payment", "email", "signup")]
"""What whoever opens several accounts leaves on them."""

CARRYING = ("driver", "carrier", "stolen")
"""Roles of accounts that are in a finding; `adjacent` ones are near it."""


@dataclass(frozen=True, slots=True)
class Role:
    """An account's part in a finding, and its own evidence for it in bits."""

    account: int
    role: str
    bits: float


def roles(
    connection: duckdb.DuckDBPyConnection, subject: Assessed, cells: Cells, scorer: Scorer, others: Ints
) -> list[Role]:
    """The part of every account that a campaign's exchanges run through, and of those that it imitates.

    others: rows of `cells` that belong to other campaigns: what these send on an account is nobody's own.

    An account that was at work before the stream came, and goes on from elsewhere, has an owner: its key is stolen. One
    whose own evidence does not come from two families or is not half of what the usual driver has, that has hardly any
    of the exchanges, that may have an owner of whom too little is seen, or that had the mould before, is near, and not
    accused. Where many keys are stolen, those accounts are so too that nothing joins to others but what is done on
    them: whoever opens accounts leaves his card, his domain or his hour on several, and an owner who is away sends
    nothing beside.
    """
    groups = scorer.by_group(subject.network.members, subject.units)
    of_units = all_ties(groups)
    opened = dict(zip(subject.units.tolist(), groups[:, OPENED].max(axis=1) >= FAMILY_BITS, strict=True))
    bits = dict(zip(subject.units.tolist(), of_units, strict=True))
    stolen, doubtful, accounts = _owners(connection, cells, subject.cells, others)
    load = float(np.median([n for _, _, n in accounts])) if accounts else 0.0
    near = set(subject.stream.imitated.tolist()) if subject.stream is not None else set()
    many = len(stolen) >= MANY_STOLEN * max(len(accounts), 1)
    out = []
    for account, unit, n in accounts:
        own = bits[unit]
        if account in stolen or (many and not opened[unit]):
            role = "stolen"
        elif not speaks_for_itself(own) or n < STRAY * load or account in doubtful:
            role = "adjacent"
        else:
            role = "driver"
        out.append(Role(account, role, float(own.sum())))
    usual = float(np.median([one.bits for one in out if one.role == "driver"] or [0.0]))
    out = [
        replace(one, role="adjacent") if one.role == "driver" and one.bits < OF_THE_USUAL * usual else one
        for one in out
    ]
    if near:
        imitated = scorer.by_group(subject.network.members, np.array(sorted(near), np.int32))
        own_bits = dict(zip(sorted(near), by_family(imitated).sum(axis=1), strict=True))
        out += [Role(account, "adjacent", float(own_bits[unit])) for account, unit in _accounts_of(connection, near)]
    return out


def members(connection: duckdb.DuckDBPyConnection, subject: Assessed, scorer: Scorer) -> list[tuple[Role, int]]:
    """Every account of a network, as a carrier, with its own evidence and the unit that it belongs to."""
    units = subject.network.members
    bits = dict(zip(units.tolist(), by_family(scorer.by_group(units)).sum(axis=1), strict=True))
    accounts = _accounts_of(connection, set(units.tolist()))
    return [(Role(account, "carrier", float(bits[unit])), unit) for account, unit in accounts]


def speaks_for_itself(bits: Floats) -> bool:
    """Whether an account's own evidence comes from two families at least."""
    return int((bits >= FAMILY_BITS).sum()) >= 2


def _accounts_of(connection: duckdb.DuckDBPyConnection, units: set[int]) -> list[tuple[int, int]]:
    connection.register("asked_units", pa.table({"unit": pa.array(sorted(units), pa.int64())}))
    found = connection.sql(
        "select code, unit from account_unit semi join asked_units using (unit) order by code"
    ).fetchall()
    connection.unregister("asked_units")
    return [(int(code), int(unit)) for code, unit in found]


_BY_FACE = """
    select u.code as account, e.unit, p.key is not null as inside, e.ip_prefix as place, e.client,
        count(*)::bigint as n, count(distinct e.trajectory) as runs, min(epoch_us(e.requested_at)) as first_at
    from keyed e join account_unit u using (account) semi join picked_accounts a on a.account = e.account
        left join picked_cells p on p.key = e.key and p.unit = e.unit
        anti join other_cells o on o.key = e.key and o.unit = e.unit
    group by all order by all
"""


def _owners(
    connection: duckdb.DuckDBPyConnection, cells: Cells, rows: Ints, others: Ints
) -> tuple[set[int], set[int], list[tuple[int, int, int]]]:
    """Accounts whose keys are stolen, and those that may have an owner too, of whom too little is seen.

    Besides, every account with exchanges of the campaign, its unit, and how many.
    """
    others = np.setdiff1d(others, rows)
    for name, some in (("picked_cells", rows), ("other_cells", others)):
        connection.register(name, pa.table({"key": cells.key_hash[cells.key[some]], "unit": cells.unit[some]}))
    connection.execute(
        "create or replace temp table picked_accounts as select distinct e.account from keyed e "
        "semi join picked_cells p on p.key = e.key and p.unit = e.unit"
    )
    table = connection.sql(_BY_FACE).to_arrow_table()
    connection.unregister("picked_cells")
    connection.unregister("other_cells")
    account, unit = table["account"].to_numpy().astype(np.int64), table["unit"].to_numpy().astype(np.int64)
    inside = table["inside"].to_numpy(zero_copy_only=False).astype(bool)
    n, runs, first = (table[name].to_numpy().astype(np.int64) for name in ("n", "runs", "first_at"))
    place, client = (table[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in ("place", "client"))
    # What comes from where the campaign's own exchanges come from may be its too, unclaimed: it is nobody's.
    theirs = ~inside & ~np.isnan(place) & np.isin(place, place[inside])
    # On one account by itself a few exits look ever new where it has few runs, and an owner of it would be accused.
    new = [seen_once(face[inside], runs[inside]) for face in (place, client)]
    account, unit, inside, n, runs, first, place, client = (
        column[~theirs] for column in (account, unit, inside, n, runs, first, place, client)
    )
    shared = ~inside & np.isin(place, _operators_homes(connection, account[~inside], place[~inside]))
    stolen, doubtful = set(), set()
    starts = np.flatnonzero(np.diff(account, prepend=-1))
    for low, high in zip(starts, [*starts[1:], len(account)], strict=True):
        one = slice(low, high)
        within = inside[one]
        own, campaigns = ~within, within
        if not own.any():
            continue
        faces = ((place[one], new[0]), (client[one], new[1]))
        seen = (n[one], runs[one], first[one], faces, own, campaigns, shared[one])
        if has_owner(*seen, least=OWN_EXCHANGES, lead_seconds=LEAD_SECONDS):
            stolen.add(int(account[low]))
        elif has_owner(*seen, least=1, lead_seconds=None):
            doubtful.add(int(account[low]))
    sent = np.add.reduceat(np.where(inside, n, 0), starts) if len(starts) else np.zeros(0, np.int64)
    return (
        stolen,
        doubtful,
        [(int(account[low]), int(unit[low]), int(count)) for low, count in zip(starts, sent, strict=True)],
    )


def seen_once(face: npt.NDArray[np.float64], runs: Ints) -> float:
    """Share of a campaign's runs (agent loops, chats) that come from a place, or software, that no other one has.

    So likely is its next one to come from a new one. Source: Good, The population frequencies of species, 1953.
    Shapes: face, runs (m,) rows of the campaign's, on all of its accounts.
    """
    known = ~np.isnan(face)
    each = np.bincount(np.unique(face[known], return_inverse=True)[1], runs[known])
    return float((each == 1).sum() / each.sum()) if len(each) else 0.0


def _operators_homes(
    connection: duckdb.DuckDBPyConnection, account: Ints, place: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Prefixes from which several accounts of a finding send traffic of their own, and hardly anybody else does."""
    known = ~np.isnan(place)
    pairs = np.unique(np.stack([account[known].astype(np.float64), place[known]]), axis=1)
    values, homes = np.unique(pairs[1], return_counts=True)
    values, homes = values[homes > PRIVATE], homes[homes > PRIVATE]
    if len(values) == 0:
        return values
    connection.register("asked_places", pa.table({"place": values}))
    found = connection.sql(
        "select e.ip_prefix::double as place, count(distinct e.account) as n from keyed e "
        "semi join asked_places a on a.place = e.ip_prefix::double group by all"
    ).to_arrow_table()
    connection.unregister("asked_places")
    everybody = dict(zip(found["place"].to_pylist(), found["n"].to_pylist(), strict=True))
    return np.array(
        [v for v, n in zip(values, homes, strict=True) if n >= PUBLIC_SHARE * everybody.get(float(v), 0)], np.float64
    )


def has_owner(
    n: Ints,
    runs: Ints,
    first: Ints,
    faces: Sequence[tuple[npt.NDArray[np.float64], float]],
    own: npt.NDArray[np.bool_],
    campaigns: npt.NDArray[np.bool_],
    shared: npt.NDArray[np.bool_],
    *,
    least: int,
    lead_seconds: int | None,
) -> bool:
    """Whether an account's own traffic comes from somewhere else than the campaign's, from a home, and began before.

    faces: places, and software, each with the chance that a run of the campaign's has a new one.  shared: rows from
    a place that is the operator's.  least, lead_seconds: how much of it, and how long before; None where that is not
    asked.
    """
    mine, mine_runs = int(n[own].sum()), int(runs[own].sum())
    if mine < least:
        return False
    if lead_seconds is not None and first[campaigns].min() - first[own].min() < lead_seconds * 1e6:
        return False
    away, home = np.zeros(len(n), bool), False
    for face, new in faces:
        other = own & ~shared & ~np.isnan(face) & ~np.isin(face, face[campaigns])
        if np.isnan(face[campaigns]).all() or not other.any():
            continue
        _, at = np.unique(face[other], return_inverse=True)
        # Whose exits are ever new does not come back to one of them either.
        again = (1.0 - new) ** (np.bincount(at, runs[other]).max() - 1.0)
        if bdtrc(int(runs[other].sum()) - 1, mine_runs, new) * again >= BY_CHANCE:
            continue
        away |= other
        home |= bool(np.bincount(at, n[other]).max() >= AT_HOME * mine)
    return home and int(n[away].sum()) >= ELSEWHERE * mine
