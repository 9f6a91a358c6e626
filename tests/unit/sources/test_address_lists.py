"""Plain lists of address ranges, as people publish them."""

from __future__ import annotations

import pytest

from stillwatch.errors import InputError
from stillwatch.sources.address_lists import KINDS, kinds_in_words, read_list

VPN, HOSTING, PROXY, TOR = KINDS["vpn"], KINDS["hosting"], KINDS["proxy"], KINDS["tor"]


def number(text: str) -> int:
    """A dotted address as a number."""
    return int.from_bytes(bytes(map(int, text.split("."))), "big")


@pytest.mark.parametrize(
    ("line", "first", "last"),
    [
        ("192.0.2.0/24", "192.0.2.0", "192.0.2.255"),
        ("192.0.2.7", "192.0.2.7", "192.0.2.7"),
        ("192.0.2.9/24", "192.0.2.0", "192.0.2.255"),
        ("192.0.2.1-192.0.2.9", "192.0.2.1", "192.0.2.9"),
        ("192.0.2.1 - 192.0.2.9 # exits", "192.0.2.1", "192.0.2.9"),
        ("192.0.2.1,192.0.2.9,somebody", "192.0.2.1", "192.0.2.9"),
        ("  192.0.2.0/24 ; a note\r", "192.0.2.0", "192.0.2.255"),
    ],
)
def test_each_way_of_writing_a_range(line: str, first: str, last: str) -> None:
    """CIDR with or without host bits, one address, first and last; comments and spaces do not matter."""
    found = read_list(f"# a list\n\n{line}\n".encode(), "f", VPN)
    assert found.v4 == [(number(first), number(last), VPN)]
    assert found.kinds == VPN


def test_ipv6_and_systems() -> None:
    """IPv6 ranges and AS numbers stand beside IPv4 in one list."""
    found = read_list(b"2001:db8::/32\nAS64500 # a hoster\nas 64501\n2001:db8::1\n", "f", HOSTING)
    assert (len(found.v6), found.asns, found.n) == (2, {64500: HOSTING, 64501: HOSTING}, 4)
    assert found.v6[0][1] - found.v6[0][0] == 2**96 - 1


@pytest.mark.parametrize(
    ("comment", "date"),
    [
        ("# Updated: 2026-02-03 04:00 UTC", "2026-02-03"),
        ("# This File Date  : Tue Feb  3 04:05:06 UTC 2026", "2026-02-03"),
        ("; generated February 13, 2026", "2026-02-13"),
        ("# no word on it", None),
    ],
)
def test_a_list_has_the_date_that_its_comments_give(comment: str, date: str | None) -> None:
    """The date comes from the file's own words, never from the file system."""
    assert read_list(f"{comment}\n192.0.2.0/24\n".encode(), "f", VPN).date == date


def test_a_table_says_itself_what_is_what() -> None:
    """A CSV file with a column of kinds, or with MaxMind's yes-or-no columns, needs no kind from outside."""
    kinds = read_list(b"cidr,kind,x\n192.0.2.0/24,datacenter,1\n198.51.100.0/24,VPN,1\n203.0.113.0/24,dull,1\n", "f", 0)
    assert [kind for _, _, kind in kinds.v4] == [HOSTING, VPN]
    assert kinds.unused == 1
    flags = b"network,is_anonymous,is_anonymous_vpn,is_hosting_provider,is_tor_exit_node\n192.0.2.0/24,1,1,1,0\n"
    assert [kind for _, _, kind in read_list(flags, "f", 0).v4] == [VPN | HOSTING]
    systems = read_list(b"ASN,Entity\n64500,A hoster\n", "f", HOSTING)
    assert systems.asns == {64500: HOSTING}


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"192.0.2.0/24\nhello\n", 2, "'hello' is no address range"),
        (b"192.0.2.0/33\n", 1, "its length is 0 to 32"),
        (b"192.0.2.9-192.0.2.1\n", 1, "is no address range"),
        (b"192.0.2.9-2001:db8::1\n", 1, "is no address range"),
        (b"0.0.0.0/0\n", 1, "a sixteenth of all addresses"),
        (b"192.0.2.0/24\n\xff\xfe\n", 2, "not UTF-8"),
        (b"# nothing\n", None, "holds no range"),
        (b"", None, "holds no range"),
        (b"PK\x03\x04\0\0\0", None, "is no text"),
    ],
)
def test_a_bad_list_says_file_line_and_mend(content: bytes, line: int | None, said: str) -> None:
    """Each fault is an error that names the file, the line and what to do."""
    with pytest.raises(InputError) as raised:
        read_list(content, "exits.txt", VPN)
    assert said in raised.value.what
    assert (raised.value.source, raised.value.line) == ("exits.txt", line)
    assert raised.value.hint


def test_a_list_of_nobody_knows_what_is_refused() -> None:
    """Where neither name nor columns tell the kind, it is asked for."""
    with pytest.raises(InputError, match="vpn=FILE"):
        read_list(b"192.0.2.0/24\n", "f", 0)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("x4b_datacenter", HOSTING),
        ("tor-exit-nodes", TOR),
        ("firehol_proxies", PROXY),
        ("vpn-ipv4", VPN),
        ("history", 0),
        ("vpn_or_datacenter", VPN | HOSTING),
    ],
)
def test_names_tell_kinds_by_whole_words(name: str, kinds: int) -> None:
    """`tor` in `history` is none."""
    assert kinds_in_words(name) == kinds
