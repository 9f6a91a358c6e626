"""Plain lists of address ranges, one a line, and what kind of place each range is."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from socket import AF_INET, AF_INET6, inet_pton

from stillwatch.errors import InputError

KINDS: dict[str, int] = {"hosting": 1, "vpn": 2, "proxy": 4, "tor": 8, "shared": 16}
"""What a range is known as -> its bit.

shared: an egress that many strangers share and that hides nobody's country, such as a relay or a carrier's gateway."""

HIDING = KINDS["vpn"] | KINDS["proxy"] | KINDS["tor"]
"""Services whose purpose is that nobody sees where their users are. Hosting is none: servers belong there."""

_WORDS: dict[str, tuple[str, ...]] = {
    "hosting": ("hosting", "hoster", "hosters", "datacenter", "datacenters", "datacentre", "dc", "dch", "cloud",
                "server", "servers", "aws", "gcp", "azure"),
    "vpn": ("vpn", "vpns", "ipvpn"),
    "proxy": ("proxy", "proxies", "openproxy", "socks", "socks4", "socks5", "sslproxies", "pub", "web", "res"),
    "tor": ("tor", "torexit", "torexits", "exitnodes"),
    "shared": ("shared", "egress", "relay", "relays", "cgnat", "cgn"),
}  # fmt: skip
_KIND_OF_WORD = {word: KINDS[kind] for kind, words in _WORDS.items() for word in words}

_FLAGS = {
    "is_hosting_provider": KINDS["hosting"], "is_hosting": KINDS["hosting"], "hosting": KINDS["hosting"],
    "is_anonymous_vpn": KINDS["vpn"], "is_vpn": KINDS["vpn"], "vpn": KINDS["vpn"],
    "is_public_proxy": KINDS["proxy"], "is_residential_proxy": KINDS["proxy"], "is_proxy": KINDS["proxy"],
    "proxy": KINDS["proxy"], "is_tor_exit_node": KINDS["tor"], "is_tor": KINDS["tor"], "tor": KINDS["tor"],
    "is_relay": KINDS["shared"], "relay": KINDS["shared"],
}  # fmt: skip
"""Yes-or-no fields of MaxMind, IPinfo and others, in their databases and in their CSV files."""

_RANGE_COLUMNS = ("cidr", "network", "prefix", "range", "ip_range", "subnet", "ip", "address")
_FIRST_COLUMNS, _LAST_COLUMNS = ("start_ip", "start", "first", "ip_from"), ("end_ip", "end", "last", "ip_to")
_KIND_COLUMNS = ("kind", "type", "category", "proxy_type", "usage_type")

_LEAST_BITS = 4
"""A range of fewer bits is a sixteenth of all addresses at least: a slip of the pen, and it would be everybody."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ISO_DATE = re.compile(r"\b(20\d\d)[-/](\d\d)[-/](\d\d)\b")
_LONG_DATE = re.compile(rf"\b({'|'.join(_MONTHS)})[a-z]* +(\d{{1,2}})\b.*?\b(20\d\d)\b")


@dataclass(slots=True)
class AddressList:
    """A list as it was read. v4, v6: (first, last, kinds) of each range; asns: kinds of autonomous systems.

    date: the one that its comments give, as YYYY-MM-DD; None where they give none.  unused: rows by a kind that says
    nothing here.
    """

    v4: list[tuple[int, int, int]] = field(default_factory=list)
    v6: list[tuple[int, int, int]] = field(default_factory=list)
    asns: dict[int, int] = field(default_factory=dict)
    date: str | None = None
    unused: int = 0

    @property
    def n(self) -> int:
        """Entries."""
        return len(self.v4) + len(self.v6) + len(self.asns)

    @property
    def kinds(self) -> int:
        """Every kind that an entry has."""
        out = 0
        for kinds in (*(k for _, _, k in self.v4), *(k for _, _, k in self.v6), *self.asns.values()):
            out |= kinds
        return out


def kinds_in_words(text: str) -> int:
    """Bits of the kinds that a file name, or a value such as `VPN` or `datacenter`, speaks of; 0 for none."""
    out = 0
    for word in re.split(r"[^a-z0-9]+", text.lower()):
        out |= _KIND_OF_WORD.get(word, 0)
    return out


def kinds_in_flags(row: Mapping[str, object]) -> int:
    """Bits of the kinds that the yes-or-no fields of a record say it is."""
    out = 0
    for name, bit in _FLAGS.items():
        value = row.get(name)
        if value is True or (isinstance(value, str) and value.strip().lower() in ("1", "true", "yes", "t")):
            out |= bit
    return out


def knows_flags(row: Mapping[str, object]) -> bool:
    """Whether a record has any of the yes-or-no fields."""
    return not _FLAGS.keys().isdisjoint(row)


def read_list(content: bytes, source: str, kinds: int) -> AddressList:
    """The ranges of a list: CIDR, single addresses, `first-last`, AS numbers, or CSV with a column for them.

    kinds: bits for every entry; 0 where the list itself must say them, in a column.
    Raises: InputError that names the line and the mend.   Cost: about a million lines a second and a half.
    """
    out = AddressList()
    header: list[str] | None = None
    for number, line, said in _lines(content, source):
        if said and out.date is None and number <= 200:
            out.date = _date(said)
        if not line:
            continue
        fields = next(csv.reader([line])) if "," in line else [line]
        fields = [one.strip() for one in fields]
        if header is None and out.n == 0 and len(fields) > 1 and _is_header(fields):
            header = [one.lower() for one in fields]
            continue
        row = dict(zip(header, fields, strict=False)) if header is not None else {}
        own = kinds or _kinds_of(row)
        if own == 0:
            if not row or not (knows_flags(row) or any(column in row for column in _KIND_COLUMNS)):
                raise unknown_kind(source)
            out.unused += 1
            continue
        try:
            _add(out, _range_texts(row, fields), own)
        except ValueError as error:
            raise InputError(
                str(error),
                source=source,
                line=number,
                hint="a line holds a CIDR range, an address, first-last or an AS number; what follows # is left out",
            ) from None
    if out.n == 0:
        raise InputError(
            "the list holds no range", source=source, hint="it should have one CIDR range or address a line"
        )
    return out


def unknown_kind(source: str) -> InputError:
    """The error for a list of which nobody knows what it lists."""
    return InputError(
        "what kind of addresses the list holds cannot be told from its name",
        source=source,
        hint=f"say it: --addresses vpn=FILE (kinds: {', '.join(KINDS)})",
    )


def _lines(content: bytes, source: str) -> Iterator[tuple[int, str, str]]:
    """Line number, what it holds, and what its comment says."""
    if b"\0" in content[:4096]:
        raise InputError(
            "is no text and no MaxMind database",
            source=source,
            hint="unpack it if it is packed; name an .mmdb file or a list with one range a line",
        )
    for number, raw in enumerate(content.split(b"\n"), 1):
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError:
            raise InputError("the line is not UTF-8", source=source, line=number, hint="save it as UTF-8") from None
        place = min((at for mark in ("#", ";", "//") if (at := text.find(mark)) >= 0), default=len(text))
        yield number, text[:place].strip(), text[place:]


def _is_header(fields: list[str]) -> bool:
    names = {one.lower() for one in fields}
    return not names.isdisjoint((*_RANGE_COLUMNS, *_FIRST_COLUMNS, "asn"))


def _kinds_of(row: Mapping[str, str]) -> int:
    out = kinds_in_flags(row)
    for column in _KIND_COLUMNS:
        out |= kinds_in_words(row.get(column, ""))
    return out


def _range_texts(row: Mapping[str, str], fields: list[str]) -> tuple[str, str | None]:
    """First and last address of an entry as they are written, or its range and None."""
    for first, last in zip(_FIRST_COLUMNS, _LAST_COLUMNS, strict=True):
        if first in row and last in row:
            return row[first], row[last]
    for column in _RANGE_COLUMNS:
        if column in row:
            return row[column], None
    if "asn" in row:
        return f"AS{row['asn'].upper().removeprefix('AS')}", None
    if len(fields) > 1 and _packed(fields[1]) is not None:
        return fields[0], fields[1]
    first, dash, last = fields[0].partition("-")
    return (first.strip(), last.strip()) if dash else (fields[0], None)


def _add(out: AddressList, entry: tuple[str, str | None], kinds: int) -> None:
    first, last = entry
    if last is None and (named := re.fullmatch(r"(?i)AS ?(\d{1,10})", first)):
        number = int(named[1])
        out.asns[number] = out.asns.get(number, 0) | kinds
        return
    address, slash, length = first.partition("/")
    packed = _packed(address)
    if packed is None:
        raise ValueError(f"{first[:60]!r} is no address range")
    low, width = int.from_bytes(packed), 8 * len(packed)
    if last is not None:
        end = _packed(last)
        if end is None or len(end) != len(packed) or int.from_bytes(end) < low:
            raise ValueError(f"{first[:60]!r} to {last[:60]!r} is no address range")
        high = int.from_bytes(end)
    else:
        if slash and not (length.isdecimal() and int(length) <= width):
            raise ValueError(f"{first[:60]!r} is no address range: its length is 0 to {width}")
        host = width - (int(length) if slash else width)
        if width - host < _LEAST_BITS:
            raise ValueError(f"{first[:60]!r} is a sixteenth of all addresses or more")
        low = low >> host << host
        high = low | ((1 << host) - 1)
    (out.v4 if width == 32 else out.v6).append((low, high, kinds))


def _packed(text: str) -> bytes | None:
    try:
        return inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except OSError:
        return None


def _date(comment: str) -> str | None:
    if found := _ISO_DATE.search(comment):
        return f"{found[1]}-{found[2]}-{found[3]}"
    if found := _LONG_DATE.search(comment):
        return f"{found[3]}-{_MONTHS.index(found[1]) + 1:02d}-{int(found[2]):02d}"
    return None
