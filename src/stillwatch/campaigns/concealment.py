"""Concealment: do accounts that act as one show one face to whoever bills them, or many?

Acting as one is no accusation: an agency, a laboratory and a company with ten keys act as one, and say so by paying
with one card or signing up under one domain. A campaign presents its accounts as strangers. What is measured is the
share of pairs of accounts that have no identity in common: payments, and e-mail domains that few others have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import duckdb
import numpy as np
import numpy.typing as npt

from stillwatch.campaigns.calibration import Floats, rank_bits
from stillwatch.campaigns.finding import Evidence
from stillwatch.profiles.index import AccountIndex, Ints, rows_of

PUBLIC_SHARE = 0.002
"""A payment or domain that more than this share of the accounts outside the group has joins nobody: mail providers."""

PUBLIC_LEAST = 20
"""And at least so many accounts outside: in small logs a share alone is a handful."""

MIN_ORGANISATION = 3
"""Accounts of a declared organisation that the null is measured on."""

ASSUMED_ORGANISATIONS = 15
"""With fewer declared organisations to measure on, one in 16 is taken to look like strangers: 3 bits at most."""

ASSUMED_PLACE = 0.5
"""And 15 in 16 to send half of their exchanges or more from one network prefix."""

OF_MANY = 0.25
"""Share of the accounts that use a prefix, from which it is a place of all of them."""

SHOWN = 0.75
"""Concealment is shown where no card or domain is that of half of the accounts: such a one joins a quarter of pairs."""

HALF_SHOWN = 0.5
"""It is half shown where none is that of seven in ten; below, accounts that belong together do not hide it."""

DOUBT_BITS = 4.0
"""Bits that are taken off where it is just half shown: of agencies, whose clients have cards of their own besides, one
in sixteen is assumed to look like that."""


NAMED = 0.5
"""Share of accounts that show a payment or a domain from which the log tells whose accounts are."""


def doubt(strangers: float, unnamed: bool = False) -> float:
    """Bits to take off for how openly accounts belong together; infinite where they do not hide it.

    strangers: share of pairs that no identity joins; NaN where none is known: different accounts are all that is known.
    unnamed: whether the log hardly tells whose any account is, and names no organisation. Then nothing tells a company
    with many accounts from strangers, and as much is taken off as where accounts only half hide it.
    """
    if np.isnan(strangers):
        return DOUBT_BITS if unnamed else 0.0
    if strangers >= SHOWN:
        return 0.0
    return DOUBT_BITS * (SHOWN - strangers) / (SHOWN - HALF_SHOWN) if strangers >= HALF_SHOWN else float("inf")


@dataclass(frozen=True, slots=True)
class Faces:
    """Identities of accounts. Shapes: account, value (n,) int64: account numbers, sorted, and the number of what each
    shows.

    sharers (n_values,): accounts that show each value.  known (n_accounts,) bool: whether the account shows any.
    null (n,): share of strangers inside declared organisations.
    """

    account: Ints
    value: Ints
    sharers: Ints
    known: npt.NDArray[np.bool_]
    null: Floats


_IDENTITIES = """
    select account, payment as value, 1 as kind from fingerprint where payment is not null
    union select account, email_domain, 2 from fingerprint where email_domain is not null
    union select account, payment, 1 from registry where payment_id is not null
    union select account, email, 2 from registry where email_domain is not null
"""


def read_faces(connection: duckdb.DuckDBPyConnection, index: AccountIndex) -> Faces:
    """Payments and e-mail domains; the connection holds `fingerprint`, `registry` and `account_unit`."""
    table = connection.sql(
        f"""
        with shown as ({_IDENTITIES})
        select u.code as account, xor(s.value, s.kind) as value from shown s join account_unit u using (account)
        group by all order by account, value
        """
    ).to_arrow_table()
    account, value = table["account"].to_numpy().astype(np.int64), table["value"].to_numpy().astype(np.int64)
    known = np.zeros(index.n_accounts, bool)
    known[account] = True
    _, number, sharers = np.unique(value, return_inverse=True, return_counts=True)
    faces = Faces(account, number.astype(np.int64), sharers.astype(np.int64), known, np.zeros(0))
    size = np.bincount(index.unit)
    declared = [strangers(faces, np.flatnonzero(index.unit == u)) for u in np.flatnonzero(size >= MIN_ORGANISATION)]
    null = np.array([share for share, n in declared if n >= MIN_ORGANISATION])
    return replace(faces, null=null)


@dataclass(frozen=True, slots=True)
class Places:
    """From where accounts send. Shapes: account, prefix (n,) int64 numbers, sorted by account; share (n,) of the
    account's exchanges.

    null (n,): share of the commonest place of each declared organisation.
    """

    account: Ints
    prefix: Ints
    share: Floats
    null: Floats


def read_places(connection: duckdb.DuckDBPyConnection, index: AccountIndex) -> Places:
    """Network prefixes of accounts; the connection holds `fingerprint` and `account_unit`."""
    table = connection.sql(
        """
        select u.code as account, f.ip_prefix as prefix, count(*)::bigint as n
        from fingerprint f join account_unit u using (account) where f.ip_prefix is not null
        group by all order by account, prefix
        """
    ).to_arrow_table()
    account, n = table["account"].to_numpy().astype(np.int64), table["n"].to_numpy().astype(np.float64)
    prefix = np.unique(table["prefix"].to_numpy(), return_inverse=True)[1].astype(np.int64)
    places = Places(account, prefix, n / np.maximum(np.bincount(account, n)[account], 1.0), np.zeros(0))
    size = np.bincount(index.unit)
    declared = [common_place(places, np.flatnonzero(index.unit == u)) for u in np.flatnonzero(size >= MIN_ORGANISATION)]
    return replace(places, null=np.array([share for share, n in declared if n >= MIN_ORGANISATION]))


def common_place(places: Places, accounts: Ints) -> tuple[float, int]:
    """Share of the exchanges that come from the commonest network prefix, every account counted alike.

    NaN where no address is known; beside it the accounts of which any is.
    """
    rows = rows_of(places.account, np.unique(accounts))
    n = len(np.unique(places.account[rows]))
    if n < 2:
        return float("nan"), n
    prefix = np.unique(places.prefix[rows], return_inverse=True)[1]
    return float(np.bincount(prefix, places.share[rows]).max() / n), n


def common_places(places: Places, accounts: Ints) -> float:
    """Share of the exchanges from network prefixes that `OF_MANY` of the accounts use each, every account alike.

    NaN where no address is known. A service that sends for its users has a few exits, and all of them use each.
    """
    rows = rows_of(places.account, np.unique(accounts))
    n = len(np.unique(places.account[rows]))
    if n < 2:
        return float("nan")
    prefix, used = np.unique(places.prefix[rows], return_inverse=True, return_counts=True)[1:]
    return float(places.share[rows][(used >= max(OF_MANY * n, 2))[prefix]].sum() / n)


def strangers(faces: Faces, accounts: Ints) -> tuple[float, int]:
    """Share of pairs of accounts that show no payment or domain in common, and the accounts of which any is known.

    Pairs that have two values in common count twice, so that the share is a lower bound.
    """
    accounts = accounts[faces.known[accounts]]
    n = len(accounts)
    if n < 2:
        return float("nan"), n
    values = faces.value[rows_of(faces.account, np.unique(accounts))]
    shown, inside = np.unique(values, return_counts=True)
    public = faces.sharers[shown] - inside > max(PUBLIC_LEAST, PUBLIC_SHARE * len(faces.known))
    pairs = inside[~public] * (inside[~public] - 1.0)
    return float(max(0.0, 1.0 - pairs.sum() / (n * (n - 1.0)))), n


def concealment(faces: Faces, accounts: Ints, parts: Ints) -> tuple[float, list[Evidence]]:
    """Share of strangers among accounts that act as one, and its evidence; NaN and none where no identity is known.

    parts: of each account, the part that it belongs to by what it shares and does, whatever it asks; -1 for none. Where
    most accounts are in parts, only pairs inside a part count: laboratories that run one benchmark, each with a domain
    of its own, hide nothing from whoever bills them.
    Null: accounts of the organisations that this traffic declares; where those are too few, the assumption of
    `ASSUMED_ORGANISATIONS`.
    """
    share, n = strangers(faces, accounts)
    inside = [accounts[parts == part] for part in np.unique(parts[parts >= 0])]
    if len(inside) > 1 and 2 * sum(len(part) for part in inside) >= len(accounts):
        shares = [strangers(faces, part) for part in inside]
        pairs = np.array([known * (known - 1.0) for _, known in shares])
        within = np.array([0.0 if np.isnan(one) else one for one, _ in shares])
        share = float(within @ pairs / pairs.sum()) if pairs.sum() else share
    what = (
        f"though they act as one, {share:.0%} of the pairs among its {n:,} accounts have neither a payment nor a "
        "domain in common, as strangers have not"
    )
    return share, _against_organisations("concealment", share, faces.null, what, assumed=(0.0, 1.0))


def scatter(places: Places, accounts: Ints) -> list[Evidence]:
    """Evidence that accounts which act as one have no place in common: a class, an office or an agency has.

    Null: as for concealment.
    """
    share, n = common_place(places, accounts)
    what = (
        f"its {n:,} accounts have no place in common: the network prefix that they use most carries {share:.0%} of it"
    )
    return _against_organisations("no-common-place", share, places.null, what, assumed=(ASSUMED_PLACE, 0.0))


def _against_organisations(
    name: str, share: float, null: Floats, what: str, *, assumed: tuple[float, float]
) -> list[Evidence]:
    """assumed: the share of the usual organisation and of the odd one, where too few declare themselves."""
    if np.isnan(share):
        return []
    usual, odd = assumed
    high = odd > usual
    usual_share = float(np.median(null)) if len(null) else usual
    if len(null) < ASSUMED_ORGANISATIONS:
        null = np.append(np.full(ASSUMED_ORGANISATIONS - 1, usual), odd)
        told = "too few organisations declare themselves here to compare it with, and one in 16 is assumed to look so"
    else:
        declared = f"the {len(null)} organisations that declare themselves here"
        told = f"inside an ordinary one of {declared} it is {usual_share:.0%}"
    bits = rank_bits(share, null, high=high)
    if bits <= 0:
        return []
    return [
        Evidence(
            family="identity",
            axis="coordination",
            name=name,
            bits=bits,
            observed=share,
            expected=float(np.median(null)),
            sentence=f"{what}; {told}",
        )
    ]
