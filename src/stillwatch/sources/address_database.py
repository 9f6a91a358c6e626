"""Who an address belongs to, as far as a database says that the user names: system, country, hosting, VPN, proxy, Tor.

It stands with the logs and the registry, as a third feed, because it must see the true addresses: what reading hands
on may be pseudonyms, and later steps have hashes only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b, file_digest
from itertools import islice
from pathlib import Path
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

import maxminddb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.errors import InputError, MissingSource
from stillwatch.sources.address_lists import (
    KINDS,
    AddressList,
    kinds_in_flags,
    kinds_in_words,
    knows_flags,
    read_list,
)
from stillwatch.sources.addresses import clean_address

Ints = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint8]

_MMDB_MARK = b"\xab\xcd\xefMaxMind.com"
_MMDB_TAIL = 128 << 10
"""The metadata of a MaxMind database begin in its last 128 KiB."""

_LOOKED_INTO = 2000
"""Records that are looked into for fields that are used here."""

_MAPPED = b"\0" * 10 + b"\xff\xff"


@dataclass(frozen=True, slots=True)
class Located:
    """What a database says of addresses. asn, country: null where it says nothing.

    kinds: bits of `KINDS`; null where it is no address, or where no database speaks of kinds.
    """

    asn: pa.Int64Array
    country: pa.StringArray
    kinds: pa.UInt8Array


@dataclass(frozen=True, slots=True)
class Database:
    """One file of it, for the report: what it is, how much is in it, its own date, a digest of its content."""

    title: str
    size: str
    date: str
    digest: str

    def __str__(self) -> str:
        return f"{self.size}, {self.date}, content {self.digest}"


@dataclass(frozen=True, slots=True)
class _Ranges:
    """Ranges that do not overlap, in order: each goes to the next one's start. Shapes: starts, kinds (n,)."""

    starts: npt.NDArray[np.generic]
    kinds: Bits

    def at(self, addresses: npt.NDArray[np.generic]) -> Bits:
        """Kinds of addresses, in any order."""
        if not len(self.starts):
            return np.zeros(len(addresses), np.uint8)
        place = np.searchsorted(self.starts, addresses, side="right") - 1
        return np.where(place >= 0, self.kinds[np.maximum(place, 0)], 0).astype(np.uint8)


class AddressDatabase:
    """All files that the user named, asked together.

    The first that knows a system or a country is believed; of kinds all count.
    """

    def __init__(
        self,
        readers: Sequence[maxminddb.Reader],
        lists: Sequence[AddressList],
        described: list[Database],
        *,
        tells_kinds: bool = True,
    ):
        self._readers = list(readers)
        self._v4 = _flat([entry for one in lists for entry in one.v4], wide=False)
        self._v6 = _flat([entry for one in lists for entry in one.v6], wide=True)
        self._asns: dict[int, int] = {}
        for one in lists:
            for asn, kinds in one.asns.items():
                self._asns[asn] = self._asns.get(asn, 0) | kinds
        self.described = described
        self.tells_kinds = tells_kinds

    @property
    def digest(self) -> str:
        """Changes whenever an answer may."""
        return " ".join(f"{one.title} {one.digest}" for one in self.described)

    def locate(self, addresses: pa.Array, asn: pa.Array | None = None) -> Located:
        """What is known of a column of addresses.

        asn: what the log says itself, by which lists of autonomous systems are asked first.
        Cost: a search for each distinct address, none for an exchange.
        """
        coded = addresses if pa.types.is_dictionary(addresses.type) else addresses.dictionary_encode()
        found = self._locate(coded.dictionary.to_pylist())
        located = Located(*(column.take(coded.indices) for column in (found.asn, found.country, found.kinds)))
        if not self._asns:
            return located
        systems = located.asn if asn is None else pc.coalesce(asn, located.asn)
        numbers = np.array(sorted(self._asns), np.int64)
        bits = np.array([self._asns[n] for n in numbers.tolist()], np.uint8)
        wanted = pc.fill_null(systems, -1).to_numpy(zero_copy_only=False)
        place = np.minimum(np.searchsorted(numbers, wanted), len(numbers) - 1)
        more = pa.array(np.where(numbers[place] == wanted, bits[place], 0).astype(np.uint8))
        return Located(located.asn, located.country, pc.bit_wise_or(located.kinds, more))

    def _locate(self, texts: list[str | None]) -> Located:
        """The same of distinct addresses, as text."""
        n = len(texts)
        packed = [_packed(text) for text in texts]
        asn, country = np.full(n, -1, np.int64), np.full(n, None, object)
        kinds = np.zeros(n, np.uint8)
        at4 = np.array([i for i, one in enumerate(packed) if one is not None and len(one) == 4], np.int64)
        at6 = np.array([i for i, one in enumerate(packed) if one is not None and len(one) == 16], np.int64)
        v4 = np.frombuffer(b"".join(packed[i] or b"" for i in at4.tolist()), ">u4").astype(np.int64)
        v6 = np.frombuffer(b"".join(packed[i] or b"" for i in at6.tolist()), "S16")
        kinds[at4] |= self._v4.at(v4)
        kinds[at6] |= self._v6.at(v6)
        for reader in self._readers:
            for rows, values in ((at4, v4), (at6, v6)):
                if len(rows):
                    ordered = rows[np.argsort(values, kind="stable")]
                    _ask(reader, ordered.tolist(), packed, asn, country, kinds)
        is_address = np.zeros(n, bool)
        is_address[at4] = is_address[at6] = True
        return Located(
            pa.array(asn, pa.int64(), mask=asn < 0),
            pa.array(country, pa.string()),
            pa.array(kinds, pa.uint8(), mask=~is_address if self.tells_kinds else np.ones(n, bool)),
        )


def open_addresses(named: Iterable[str], say: Callable[[str], None]) -> AddressDatabase | None:
    """The database that some files make up, each a MaxMind database or a list, as `FILE` or `KIND=FILE`; None of none.

    say: told what each file was taken for.
    Raises: MissingSource, InputError with file, line and mend.
    """
    readers: list[maxminddb.Reader] = []
    lists: list[AddressList] = []
    described: list[Database] = []
    tells_kinds = False
    for one in named:
        kind, path = _kind_and_path(one)
        digest, is_mmdb = _looked_at(path)
        if is_mmdb:
            reader, date, tells = _open_mmdb(path, kind)
            about = reader.metadata()
            described.append(Database(about.database_type, f"{about.node_count:,} nodes", f"of {date}", digest))
            readers.append(reader)
            tells_kinds |= tells
        else:
            kinds = KINDS[kind] if kind else kinds_in_words(path.stem)
            found = read_list(path.read_bytes(), str(path), kinds)
            title = f"list of {' and '.join(kind_names(found.kinds))}"
            date = "without a date" if found.date is None else f"of {found.date}"
            described.append(Database(title, f"{found.n:,} entries", date, digest))
            lists.append(found)
            tells_kinds = True
            if found.unused:
                say(f"{path}: {found.unused:,} entries are of kinds that say nothing here, and are left out")
        say(f"{path}: read as {described[-1].title}, {described[-1].size}, {described[-1].date}")
    return AddressDatabase(readers, lists, described, tells_kinds=tells_kinds) if described else None


def kind_names(kinds: int) -> list[str]:
    """Names of the bits of `KINDS`."""
    return [name for name, bit in KINDS.items() if kinds & bit]


def _kind_and_path(named: str) -> tuple[str | None, Path]:
    kind, equals, path = named.partition("=")
    if equals and kind in KINDS:
        return kind, Path(path)
    if equals and not Path(named).exists():
        raise InputError(
            f"{kind!r} is no kind of addresses", source=named, hint=f"kinds: {', '.join(KINDS)}; as in vpn=FILE"
        )
    return None, Path(named)


def _looked_at(path: Path) -> tuple[str, bool]:
    """A digest of a file's content, and whether it is a MaxMind database; those may be larger than memory."""
    try:
        with path.open("rb") as file:
            digest = file_digest(file, lambda: blake2b(digest_size=8)).hexdigest()
            file.seek(max(0, file.tell() - _MMDB_TAIL))
            return digest, _MMDB_MARK in file.read()
    except OSError as error:
        raise MissingSource(
            f"the address database cannot be read: {error.strerror}",
            source=str(path),
            hint="name an .mmdb file or a list with one range a line",
        ) from None


def _open_mmdb(path: Path, kind: str | None) -> tuple[maxminddb.Reader, str, bool]:
    """The database, the day on which it was built, and whether it tells kinds."""
    if kind is not None:
        raise InputError(
            "a MaxMind database says itself what kinds its addresses are",
            source=str(path),
            hint=f"leave out {kind}=",
        )
    try:
        reader = maxminddb.open_database(path)
        # The compiled reader writes beyond its memory where it walks through a damaged file; the plain one only fails.
        with maxminddb.open_database(path, maxminddb.MODE_MMAP) as plain:
            places, kinds = _tells(plain)
        built = datetime.fromtimestamp(reader.metadata().build_epoch, UTC).strftime("%Y-%m-%d")
    except Exception as error:  # damage shows in any kind of error there is
        raise _damaged(str(path), error) from None
    if not (places or kinds):
        raise InputError(
            f"a database of type {reader.metadata().database_type} holds nothing that is used here",
            source=str(path),
            hint="used are AS numbers, countries, and what is hosting, VPN, proxy or Tor",
        )
    return reader, built, kinds


def _damaged(source: str, error: Exception) -> InputError:
    why = str(error) if isinstance(error, maxminddb.InvalidDatabaseError) else "its content is no sense"
    return InputError(f"the MaxMind database is damaged: {why}", source=source, hint="fetch it again, whole")


def _tells(reader: maxminddb.Reader) -> tuple[bool, bool]:
    """Whether a database tells systems or countries, and whether it tells kinds."""
    records = [record for _, record in islice(reader, _LOOKED_INTO) if isinstance(record, dict)]
    places = any(asn >= 0 or country for asn, country, _ in map(_read, records))
    kinds = any(_read(one)[2] or knows_flags(one) or knows_flags(_inner(one, "traits")) for one in records)
    return places, kinds


def _ask(
    reader: maxminddb.Reader,
    rows: list[int],
    packed: Sequence[bytes | None],
    asn: Ints,
    country: npt.NDArray[np.object_],
    kinds: Bits,
) -> None:
    """Look addresses up, given in their order, so that those of one network are looked up once."""
    past, record = b"", (-1, "", 0)
    narrow = reader.metadata().ip_version == 4
    for row in rows:
        address = packed[row]
        if address is None or (len(address) == 16 and narrow):
            continue
        if not past or address > past:
            width = 8 * len(address)
            try:
                answer, bits = reader.get_with_prefix_len(inet_ntop(AF_INET if width == 32 else AF_INET6, address))
            except (maxminddb.InvalidDatabaseError, UnicodeDecodeError, ValueError) as error:
                raise _damaged(reader.metadata().database_type, error) from None
            host = width - bits
            past = (int.from_bytes(address) | ((1 << host) - 1)).to_bytes(len(address))
            record = _read(answer) if isinstance(answer, dict) else (-1, "", 0)
        if asn[row] < 0:
            asn[row] = record[0]
        if country[row] is None and record[1]:
            country[row] = record[1]
        kinds[row] |= record[2]


def _inner(record: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def _read(record: Mapping[str, object]) -> tuple[int, str, int]:
    """System (or -1), country (or empty) and kinds of a record.

    Field names are those of MaxMind, DB-IP, IPinfo and IP2Location: IPinfo writes systems as "AS64500" and countries
    as plain codes; MaxMind keeps kinds in `traits` in some editions.
    """
    traits = _inner(record, "traits")
    asn = -1
    for value in (
        record.get("autonomous_system_number"),
        traits.get("autonomous_system_number"),
        record.get("asn"),
        record.get("as_number"),
    ):
        number = re.fullmatch(r"(?i)(?:AS)?(\d{1,10})", str(value).strip()) if isinstance(value, int | str) else None
        if number:
            asn = int(number[1])
            break
    country = ""
    for value in (
        _inner(record, "country").get("iso_code"),
        record.get("country_code"),
        record.get("country"),
    ):
        if isinstance(value, str) and len(value) == 2:
            country = value.upper()
            break
    kinds = kinds_in_flags(record) | kinds_in_flags(traits)
    for value in (record.get("proxy_type"), record.get("usage_type"), record.get("type"), traits.get("user_type")):
        if isinstance(value, str):
            kinds |= kinds_in_words(value)
    return asn, country, kinds


def _packed(text: str | None) -> bytes | None:
    """An address as 4 or 16 bytes; None for what is none."""
    if text is None:
        return None
    try:
        found = inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except (OSError, ValueError):
        cleaned = clean_address(text)
        return None if cleaned is None or cleaned == text else _packed(cleaned)
    return found[12:] if len(found) == 16 and found.startswith(_MAPPED) else found


def _flat(entries: list[tuple[int, int, int]], *, wide: bool) -> _Ranges:
    """Overlapping ranges as ranges that do not overlap, each with the bits of all that cover it.

    wide: for addresses of 128 bits, which are compared as 16 bytes; else they are 64-bit integers.
    """
    kind = object if wide else np.int64
    first = np.array([one[0] for one in entries], kind)
    after = np.array([one[1] + 1 for one in entries], kind)
    bits = np.array([one[2] for one in entries], np.uint8)
    cuts = np.unique(np.concatenate([first, after])) if len(entries) else first
    kinds = np.zeros(len(cuts), np.uint8)
    for bit in KINDS.values():
        mine = (bits & bit) != 0
        # A cut is covered where more ranges began at or before it than ended.
        begun = np.searchsorted(np.sort(first[mine]), cuts, side="right")
        ended = np.searchsorted(np.sort(after[mine]), cuts, side="right")
        kinds[begun > ended] |= bit
    if not wide:
        return _Ranges(cuts, kinds)
    inside = [value < 1 << 128 for value in cuts.tolist()]
    keys = b"".join(value.to_bytes(16) for value, fits in zip(cuts.tolist(), inside, strict=True) if fits)
    return _Ranges(np.frombuffer(keys, "S16"), kinds[np.array(inside, bool)])
