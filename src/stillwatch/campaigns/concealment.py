"""Concealment: do accounts that act as one show one face to whoever bills them, or many?

Acting as one is no accusation: an agency, a laboratory and a company with ten keys act as one, and say so by paying
with one card or signing up under one domain. A campaign presents its accounts as strangers. What is measured is the
share of pairs of accounts that no identity joins, directly or through others: payments, and e-mail domains that few
others have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import duckdb
import numpy as np
import numpy.typing as npt

from stillwatch.campaigns.calibration import Floats, rank_bits
from stillwatch.campaigns.finding import Evidence
from stillwatch.profiles.index import AccountIndex, Ints

PUBLIC_SHARE = 0.002
"""A payment or domain that more than this share of the accounts outside the group has joins nobody: mail providers."""

PUBLIC_LEAST = 20
"""And at least so many accounts outside: in small logs a share alone is a handful."""

MIN_ORGANISATION = 3
"""Accounts of a declared organisation that the null is measured on."""

ASSUMED_ORGANISATIONS = 15
"""With fewer declared organisations to measure on, one in 16 is taken to look like strangers: 4 bits at most."""

SHOWN = 0.5
"""Concealment is shown where most pairs of accounts are joined by nothing."""


@dataclass(frozen=True, slots=True)
class Faces:
    """Identities of accounts. Shapes: account, value (n,) int64: account numbers and the number of what each shows.

    sharers (n_values,): accounts that show each value.  known (n_accounts,) bool: whether the account shows any.
    null (n,): share of strangers inside declared organisations.
    """

    account: Ints
    value: Ints
    sharers: Ints
    known: npt.NDArray[np.bool_]
    null: Floats


def read_faces(connection: duckdb.DuckDBPyConnection, index: AccountIndex) -> Faces:
    """Identities of all accounts; the connection holds `fingerprint`, `registry` and `account_unit`."""
    table = connection.sql(
        """
        with shown as (
            select account, payment as value, 1 as kind from fingerprint where payment is not null
            union select account, email_domain, 2 from fingerprint where email_domain is not null
            union select account, payment, 1 from registry where payment_id is not null
            union select account, email, 2 from registry where email_domain is not null
        )
        select u.code as account, xor(s.value, s.kind) as value from shown s join account_unit u using (account)
        group by all order by value, account
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


def strangers(faces: Faces, accounts: Ints) -> tuple[float, int]:
    """Share of pairs of accounts that no chain of shared identities joins, and the accounts of which any is known."""
    accounts = accounts[faces.known[accounts]]
    n = len(accounts)
    if n < 2:
        return float("nan"), n
    rows = np.flatnonzero(np.isin(faces.account, accounts))
    inside = np.bincount(faces.value[rows], minlength=len(faces.sharers))
    public = faces.sharers - inside > max(PUBLIC_LEAST, PUBLIC_SHARE * len(faces.known))
    rows = rows[~public[faces.value[rows]]]
    parent = {int(a): int(a) for a in accounts}

    def root(a: int) -> int:
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        return a

    first: dict[int, int] = {}
    for row in rows.tolist():
        a, v = int(faces.account[row]), int(faces.value[row])
        parent[root(a)] = root(first.setdefault(v, a))
    sizes = np.unique([root(int(a)) for a in accounts], return_counts=True)[1].astype(np.float64)
    return float(1.0 - (sizes * (sizes - 1)).sum() / (n * (n - 1.0))), n


def concealment(faces: Faces, accounts: Ints) -> tuple[float, list[Evidence]]:
    """Share of strangers among accounts that act as one, and its evidence; NaN and none where no identity is known.

    Null: accounts of the organisations that this traffic declares; where those are too few, the assumption of
    `ASSUMED_ORGANISATIONS`.
    """
    share, n = strangers(faces, accounts)
    if np.isnan(share):
        return share, []
    null = faces.null
    if len(null) < ASSUMED_ORGANISATIONS:
        null = np.append(np.zeros(ASSUMED_ORGANISATIONS - 1), 1.0)
        told = "too few organisations declare themselves here to measure it on; one in 16 is assumed to look so"
    else:
        told = f"inside the {len(null)} organisations that declare themselves here {float(np.median(null)):.0%}"
    bits = rank_bits(share, null)
    if bits <= 0:
        return share, []
    return share, [
        Evidence(
            family="identity",
            axis="coordination",
            name="concealment",
            bits=bits,
            observed=share,
            expected=float(np.median(null)),
            sentence=f"{share:.0%} of the pairs of its {n:,} accounts share no payment and no domain, even through "
            f"others, though they act as one; {told}",
        )
    ]
