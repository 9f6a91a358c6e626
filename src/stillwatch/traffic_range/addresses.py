"""Where requests come from: homes, offices, carriers, campuses, hosting and VPN exits in an address space of nobody's.

All addresses lie in 240.0.0.0/4, which is reserved and routed nowhere, so no log points at anybody; autonomous system
numbers are private ones. The plan is the same in all worlds: which prefix is what is a fact, not a draw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.traffic_range.grammar import Ints, join

COUNTRIES = (
    # code, language number (texts.languages), hours from UTC, share of accounts
    ("US", 0, -6, 26), ("GB", 0, 0, 7), ("IN", 0, 5, 10), ("CA", 0, -5, 4), ("AU", 0, 10, 3), ("NG", 0, 1, 3),
    ("TW", 1, 8, 3), ("SG", 1, 8, 2), ("CN", 1, 8, 4), ("ES", 2, 1, 3), ("MX", 2, -6, 3), ("AR", 2, -3, 2),
    ("DE", 3, 1, 6), ("FR", 4, 1, 5), ("BR", 5, -3, 6), ("PT", 5, 0, 1), ("UA", 6, 2, 2), ("KZ", 6, 5, 2),
    ("JP", 7, 9, 5), ("KR", 8, 9, 3), ("EG", 9, 2, 2), ("SA", 9, 3, 1),
)  # fmt: skip
"""Countries that accounts come from."""

CODES = pa.array([code for code, *_ in COUNTRIES])
LANGUAGE = np.array([language for _, language, _, _ in COUNTRIES], np.int64)
ZONE = np.array([zone for _, _, zone, _ in COUNTRIES], np.int64)
SHARES = [float(share) for *_, share in COUNTRIES]

_BASE_ASN = 4_200_000_000
_HOME, _CARRIER, _OFFICE, _HOSTING, _VPN, _CAMPUS = 240, 243, 244, 246, 249, 250


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses by account, flat: place i * each + k is the k-th of account i. country: number in COUNTRIES."""

    each: int
    ip: pa.StringArray
    asn: Ints
    country: Ints

    def take(self, rows: Ints) -> Addresses:
        """The addresses of some accounts, by their row numbers."""
        seats = (rows[:, None] * self.each + np.arange(self.each)).ravel()
        return Addresses(self.each, self.ip.take(pa.array(seats)), self.asn[seats], self.country[seats])

    def through_vpn(self) -> npt.NDArray[np.bool_]:
        """Accounts that have a VPN's exits among their addresses."""
        exits = np.asarray(pa.compute.starts_with(self.ip, f"{_VPN}."))
        return np.asarray(exits.reshape(-1, self.each).any(axis=1), np.bool_)


@dataclass(frozen=True, slots=True)
class AddressPlan:
    """Who has which prefixes. Every kind of place draws its addresses here."""

    def homes(self, rng: np.random.Generator, country: Ints, each: int = 3) -> Addresses:
        """Home lines: each account has addresses of its own, which change, at one of three providers of its country."""
        owner = np.repeat(country, each)
        provider = np.repeat(rng.integers(0, 3, len(country)), each)
        net = owner * 3 + provider  # each provider owns 2 of the 3 * 256 prefixes of 16 bits
        low = rng.integers(1, 65535, len(owner))
        second = (net * 2 + rng.integers(0, 2, len(owner))) % 256
        return Addresses(each, _dotted(_HOME + (net * 2 // 256), second, low), _BASE_ASN + net, owner)

    def carrier(self, rng: np.random.Generator, country: Ints, each: int = 4) -> Addresses:
        """Mobile lines: everybody of a country leaves through the same 24 addresses, another one every time."""
        owner = np.repeat(country, each)
        return Addresses(
            each, _dotted(_CARRIER, owner, 256 + rng.integers(10, 34, len(owner))), _BASE_ASN + 200 + owner, owner
        )

    def office(self, site: Ints, country: Ints) -> Addresses:
        """Offices and shared houses: one address for all accounts of a site; neighbours of a /24 are strangers."""
        block = site * 7919 % 60_000
        return Addresses(1, _dotted(_OFFICE, block // 250, 256 + block), _BASE_ASN + 300 + country, country)

    def campus(self, rng: np.random.Generator, site: int, country: Ints) -> Addresses:
        """A campus: three addresses of one /24 for everybody."""
        each = 3
        low = 256 * (site % 200) + np.tile(np.array([4, 5, 6]), len(country))
        owner = np.repeat(country, each)
        return Addresses(
            each, _dotted(_CAMPUS, np.full(len(low), 17), low), np.full(len(low), _BASE_ASN + 400 + site), owner
        )

    def hosting(self, rng: np.random.Generator, n: int, each: int = 2) -> Addresses:
        """Servers at one of eight hosters, each with a prefix of 16 bits, strangers for neighbours."""
        hoster = np.repeat(choose_hoster(rng, n), each)
        low = rng.integers(1, 65_535, n * each)
        country = np.array([0, 12, 7, 1, 13, 18, 0, 3])[hoster]
        return Addresses(each, _dotted(_HOSTING + hoster // 4, 10 + hoster, low), _BASE_ASN + 500 + hoster, country)

    def vpn(self, rng: np.random.Generator, n: int, each: int = 3) -> Addresses:
        """VPN exits: five providers with twelve exits each, another exit every time."""
        provider = np.repeat(rng.integers(0, 5, n), each)
        exit_ = rng.integers(0, 12, n * each)
        country = np.array([0, 1, 12, 7, 13, 18, 3, 4, 0, 11, 16, 9])[exit_]
        low = exit_ * 256 + rng.integers(2, 10, n * each)
        return Addresses(each, _dotted(_VPN, 20 + provider, low), _BASE_ASN + 600 + provider, country)

    def rented(self, rng: np.random.Generator, owner: Ints, exits: int, each: int = 2) -> Addresses:
        """Exits that somebody rents for several accounts: at hosters, `exits` a group, never the same for two groups.

        owner: the group of each account.
        """
        n = len(owner)
        group = np.repeat(owner, each)
        which = rng.integers(0, exits, n * each)
        drawn = np.random.default_rng(rng.integers(0, 2**62)).integers(0, 2**31, (int(owner.max()) + 1, exits))
        seed = drawn[group, which]
        hoster = seed % 8
        low = seed // 8 % 65_534 + 1
        country = np.array([0, 12, 7, 1, 13, 18, 0, 3])[hoster]
        return Addresses(each, _dotted(_HOSTING + hoster // 4, 10 + hoster, low), _BASE_ASN + 500 + hoster, country)


def choose_hoster(rng: np.random.Generator, n: int) -> Ints:
    """A hoster for each of n: large ones more often."""
    return np.searchsorted(np.cumsum([0.3, 0.2, 0.15, 0.1, 0.1, 0.06, 0.05]), rng.random(n)).astype(np.int64)


def mixed(parts: list[Addresses], which: Ints) -> Addresses:
    """For each account the addresses that one of several plans gave it."""
    each = max(part.each for part in parts)
    n = len(which)
    starts = np.cumsum([0, *[len(part.asn) for part in parts]])
    index = np.empty((n, each), np.int64)
    for k, part in enumerate(parts):
        rows = np.flatnonzero(which == k)
        index[rows] = starts[k] + rows[:, None] * part.each + np.arange(each)[None, :] % part.each
    flat = index.ravel()
    return Addresses(
        each,
        pa.concat_arrays([part.ip for part in parts]).take(pa.array(flat)),
        np.concatenate([part.asn for part in parts])[flat],
        np.concatenate([part.country for part in parts])[flat],
    )


def countries(rng: np.random.Generator, n: int) -> Ints:
    """A country for each of n accounts."""
    return np.searchsorted(np.cumsum(SHARES) / sum(SHARES), rng.random(n), side="right").astype(np.int64)


def _dotted(first: int | Ints, second: Ints, low: npt.NDArray[np.int64]) -> pa.StringArray:
    """Addresses first.second.(low's high byte).(low's low byte)."""
    n = len(low)
    bytes_ = [np.broadcast_to(first, n), second, low // 256 % 256, low % 256]
    texts = [pa.array(one.astype(np.int64)).cast(pa.string()) for one in bytes_]
    dot = pa.repeat(pa.scalar("."), n)
    return join(texts[0], dot, texts[1], dot, texts[2], dot, texts[3])
