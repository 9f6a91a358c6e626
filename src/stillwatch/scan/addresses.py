"""The address database in a scan: for the registry's addresses, and in the words of `scan.json`."""

from __future__ import annotations

import pyarrow as pa

from stillwatch.profiles.profile import Profiles
from stillwatch.sources.address_database import AddressDatabase

SIGNUP_KINDS, SIGNUP_ASN = "signup_kinds", "signup_asn"
"""Columns that the registry gets beside its own."""


def with_signup_kinds(registry: pa.Table, database: AddressDatabase | None) -> pa.Table:
    """The registry, and beside its sign-up addresses what the database says of them; it must hold true addresses."""
    if database is None:
        return registry
    found = database.locate(registry["signup_ip"].combine_chunks())
    return registry.append_column(SIGNUP_KINDS, found.kinds).append_column(SIGNUP_ASN, found.asn)


def located_share(profiles: Profiles) -> float:
    """Share of the exchanges of whose address the database could tell whether it is a service's."""
    return float(profiles.n_located.sum() / max(int(profiles.n.sum()), 1))


def described(database: AddressDatabase | None, profiles: Profiles) -> dict[str, str] | None:
    """What the database is, file by file, and what it says of this traffic; None without one."""
    if database is None:
        return None
    out: dict[str, str] = {}
    for one in database.described:
        same = sum(title == one.title or title.startswith(f"{one.title} (") for title in out)
        out[one.title if not same else f"{one.title} ({same + 1})"] = str(one)
    located = int(profiles.n_located.sum())
    if located:
        for name, n in (("from hosting", profiles.n_hosting), ("through VPN, proxy or Tor", profiles.n_hiding)):
            out[f"exchanges {name}"] = f"{int(n.sum()) / located:.2%}"
    return out
