"""How much of a log's traffic an address database speaks of: what `check --addresses` says before a scan."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.sources.address_database import AddressDatabase, Database
from stillwatch.sources.address_lists import KINDS

OLD_DAYS = 90
"""A database that is older than the traffic by this much says little of VPNs and proxies, which move within weeks."""

_KEPT = 500_000
"""Addresses held at a time; of more, a sample by hash stands for all."""


@dataclass(frozen=True, slots=True)
class AddressCoverage:
    """What a database knows of a log's addresses. Shares are of the exchanges that have an address, 0 to 1.

    addresses: distinct ones, counted up to half a million and estimated beyond; known: those of them of which anything
    is known.  systems, countries: shares with an AS number, a country.  kinds: hosting, vpn, ... -> share.
    tells_kinds: whether any file speaks of kinds at all.
    """

    databases: tuple[Database, ...]
    addresses: int
    known: int
    known_share: float
    systems: float
    countries: float
    kinds: dict[str, float]
    tells_kinds: bool

    def remarks(self, last_at: datetime | None) -> list[str]:
        """What a person should know of it, given when the last exchange was."""
        said = []
        if self.addresses and self.known_share < 0.5:
            said.append(
                f"The address database knows {self.known_share:.0%} of the traffic's addresses: are these private "
                "addresses, a proxy's, or is it a database of another kind?"
            )
        if not self.tells_kinds:
            said.append(
                "The address database does not say which addresses are hosting, VPN, proxy or Tor: evidence from "
                "hidden places needs one that does."
            )
        for one in self.databases:
            built = _day(one.date)
            if built is not None and last_at is not None and (last_at.replace(tzinfo=None) - built).days > OLD_DAYS:
                days = (last_at.replace(tzinfo=None) - built).days
                said.append(
                    f"The address database {one.title} is {days:,} days older than the last exchange: renew it."
                )
        return said


class KnownAddresses:
    """Counts what a database knows of addresses while they go by."""

    def __init__(self, database: AddressDatabase) -> None:
        self._database = database
        self._n: Counter[str] = Counter()
        self._every = 1
        self._seen: dict[int, bool] = {}

    def add(self, addresses: pa.StringArray) -> None:
        """Take in a column of addresses.   Cost: a look for each distinct one."""
        counted = addresses.drop_null().value_counts()
        if not len(counted):
            return
        texts, counts = counted.field("values"), counted.field("counts").to_numpy()
        found = self._database.locate(texts)
        systems, countries = (pc.is_valid(one).to_numpy(zero_copy_only=False) for one in (found.asn, found.country))
        kinds = found.kinds.fill_null(0).to_numpy(zero_copy_only=False)
        known = systems | countries | (kinds > 0)
        self._n["exchanges"] += int(counts.sum())
        for name, of in (("known", known), ("systems", systems), ("countries", countries)):
            self._n[name] += int(counts[of].sum())
        for name, bit in KINDS.items():
            self._n[name] += int(counts[(kinds & bit) > 0].sum())
        for text, one in zip(texts.cast(pa.binary()).to_pylist(), known.tolist(), strict=True):
            number = int.from_bytes(blake2b(text, digest_size=8).digest(), "little")
            if number % self._every == 0:
                self._seen[number] = one
        while len(self._seen) > _KEPT:
            self._every *= 2
            self._seen = {number: one for number, one in self._seen.items() if number % self._every == 0}

    def result(self) -> AddressCoverage:
        """What was counted."""
        n = max(1, self._n["exchanges"])
        return AddressCoverage(
            databases=tuple(self._database.described),
            addresses=len(self._seen) * self._every,
            known=sum(self._seen.values()) * self._every,
            known_share=self._n["known"] / n,
            systems=self._n["systems"] / n,
            countries=self._n["countries"] / n,
            kinds={name: self._n[name] / n for name in KINDS if self._n[name]},
            tells_kinds=self._database.tells_kinds,
        )


def _day(date: str) -> datetime | None:
    """The day in `of YYYY-MM-DD`; None where a file has no date."""
    try:
        return datetime.fromisoformat(date.removeprefix("of "))
    except ValueError:
        return None
