"""Who addresses belong to: MaxMind databases and lists together, against a plain oracle."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdb import write_mmdb

from stillwatch.errors import InputError, MissingSource
from stillwatch.sources.address_database import AddressDatabase, open_addresses
from stillwatch.sources.address_lists import KINDS, AddressList

VPN, HOSTING, PROXY, TOR, SHARED = (KINDS[name] for name in ("vpn", "hosting", "proxy", "tor", "shared"))


def opened(*named: object) -> AddressDatabase:
    """The database of some files."""
    found = open_addresses([str(one) for one in named], lambda _: None)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("record", "asn", "country", "kinds"),
    [
        ({"autonomous_system_number": 64500, "autonomous_system_organization": "x" * 40}, 64500, None, None),
        ({"asn": "AS64500", "country": "FR"}, 64500, "FR", None),
        ({"country": {"iso_code": "FR", "names": {"en": "France"}}}, None, "FR", None),
        ({"country_code": "fr"}, None, "FR", None),
        ({"is_anonymous": True, "is_anonymous_vpn": True}, None, None, VPN),
        ({"traits": {"is_hosting_provider": True, "autonomous_system_number": 64500}}, 64500, None, HOSTING),
        ({"hosting": "true", "proxy": "", "tor": "", "vpn": "true", "relay": ""}, None, None, VPN | HOSTING),
        ({"is_public_proxy": True, "is_tor_exit_node": True}, None, None, PROXY | TOR),
        ({"relay": True}, None, None, SHARED),
        ({"is_residential_proxy": False, "country": "FR"}, None, "FR", 0),
    ],
    ids=["geolite-asn", "ipinfo", "geolite-country", "db-ip", "anonymous", "traits", "privacy", "two", "relay", "none"],
)
def test_fields_of_each_maker(
    tmp_path: Path, record: dict[str, object], asn: int | None, country: str | None, kinds: int | None
) -> None:
    """System, country and kinds are read by the field names of MaxMind, DB-IP and IPinfo; kinds only where told."""
    found = opened(write_mmdb(tmp_path / "x.mmdb", {"192.0.2.0/24": record})).locate(pa.array(["192.0.2.77"]))
    assert found.asn.to_pylist() == [asn]
    assert found.country.to_pylist() == [country]
    assert found.kinds.to_pylist() == [kinds]


@pytest.mark.parametrize("version", [4, 6])
def test_addresses_of_each_way_of_writing(tmp_path: Path, version: int) -> None:
    """IPv4, IPv6, IPv4 inside IPv6, and ports are found; what is no address is null, what is in no range is empty."""
    records: dict[str, dict[str, object]] = {
        "192.0.2.0/24": {"autonomous_system_number": 1},
        "198.51.100.0/25": {"autonomous_system_number": 2},
    }
    if version == 6:
        records["2001:db8::/32"] = {"autonomous_system_number": 3}
    database = write_mmdb(tmp_path / "x.mmdb", records, version=version)
    (tmp_path / "vpn.txt").write_text("2001:db8::/33\n198.51.100.128/25\n")
    asked = ["192.0.2.255", "198.51.100.127", "198.51.100.128", "2001:db8::1", "::ffff:192.0.2.1", "192.0.2.1:80", "x"]
    found = opened(database, tmp_path / "vpn.txt").locate(pa.array([*asked, None]))
    assert found.asn.to_pylist() == [1, 2, None, 3 if version == 6 else None, 1, 1, None, None]
    assert found.kinds.to_pylist() == [0, 0, VPN, VPN, 0, 0, None, None]


def test_systems_that_a_list_names(tmp_path: Path) -> None:
    """A list of AS numbers is asked by the log's own system first, then by the database's."""
    (tmp_path / "hosting.txt").write_text("AS64500\n")
    database = write_mmdb(tmp_path / "x.mmdb", {"192.0.2.0/24": {"autonomous_system_number": 64500}})
    asked = pa.array(["192.0.2.1", "192.0.2.1", "203.0.113.1", "203.0.113.1"])
    logged = pa.array([None, 64999, 64500, None], pa.int64())
    found = opened(database, tmp_path / "hosting.txt").locate(asked, logged)
    assert found.kinds.to_pylist() == [HOSTING, 0, HOSTING, 0]


def test_it_says_what_it_is_and_not_where(tmp_path: Path) -> None:
    """Kind, size, own date and digest are told; no path is, and the same content is described alike anywhere."""
    said: list[str] = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        write_mmdb(folder / "x.mmdb", {"192.0.2.0/24": {"asn": "AS1"}}, title="DBIP-ASN-Lite")
        (folder / "tor.txt").write_text("# 2026-02-03\n192.0.2.1\n")
    one, two = (
        open_addresses([str(folder / "x.mmdb"), f"tor={folder / 'tor.txt'}"], said.append)
        for folder in (tmp_path / "a", tmp_path / "b")
    )
    assert one is not None
    assert two is not None
    assert one.described == two.described
    assert [(d.title, d.date) for d in one.described] == [
        ("DBIP-ASN-Lite", "of 2026-01-01"),
        ("list of tor", "of 2026-02-03"),
    ]
    assert not any(str(tmp_path) in str(d) for d in one.described)
    assert said[0].startswith(str(tmp_path / "a" / "x.mmdb"))


def test_the_digest_changes_with_what_a_list_is_taken_for(tmp_path: Path) -> None:
    """A killed scan goes on only where the same list was taken for the same kind."""
    path = tmp_path / "list.txt"
    path.write_text("192.0.2.0/24\n")
    assert opened(f"vpn={path}").digest == opened(f"vpn={path}").digest
    assert opened(f"vpn={path}").digest != opened(f"hosting={path}").digest


def test_without_a_file_there_is_none() -> None:
    """No database is no error."""
    assert open_addresses([], lambda _: None) is None


def test_bad_files_are_told(tmp_path: Path) -> None:
    """Missing, damaged, useless and misnamed files each end in an error with file and mend."""
    whole = write_mmdb(tmp_path / "whole.mmdb", {"192.0.2.0/24": {"asn": "AS1"}}).read_bytes()
    (tmp_path / "cut.mmdb").write_bytes(whole[: whole.index(b"\xab\xcd\xef") + 14] + whole[-20:])
    write_mmdb(tmp_path / "other.mmdb", {"192.0.2.0/24": {"color": "red"}})
    (tmp_path / "what.txt").write_text("192.0.2.0/24\n")
    cases = {
        str(tmp_path / "none.mmdb"): (MissingSource, "cannot be read"),
        str(tmp_path): (MissingSource, "cannot be read"),
        str(tmp_path / "cut.mmdb"): (InputError, "damaged"),
        str(tmp_path / "other.mmdb"): (InputError, "nothing that is used here"),
        str(tmp_path / "what.txt"): (InputError, "cannot be told from its name"),
        f"vpn={tmp_path / 'whole.mmdb'}": (InputError, "says itself"),
        f"vnp={tmp_path / 'what.txt'}": (InputError, "no kind of addresses"),
    }
    for named, (kind, said) in cases.items():
        with pytest.raises(kind) as raised:
            opened(named)
        assert said in raised.value.what, named
        assert raised.value.source, named
        assert raised.value.hint, named


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=5), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_damage_ends_in_an_error_or_an_answer(flips: list[tuple[int, int]], length: int) -> None:
    """Whatever bytes are wrong and wherever a database is cut off, it is an error for a person, and nothing falls."""
    record = {"asn": "AS1", "country": "FR", "traits": {"is_hosting_provider": True, "x": [1, "a"]}}
    with TemporaryDirectory() as folder:
        path = write_mmdb(Path(folder) / "x.mmdb", {f"10.{n}.0.0/16": record for n in range(20)})
        content = bytearray(path.read_bytes())
        for place, value in flips:
            content[place % len(content)] = value
        path.write_bytes(content[: len(content) if length % 3 else length % len(content)])
        try:
            found = opened(path).locate(pa.array(["10.3.0.1", "10.200.0.1", "x", "2001:db8::1"]))
        except InputError as error:
            assert error.source
        else:
            assert len(found.asn) == 4


_SHORT = st.tuples(st.integers(0, 255), st.integers(24, 32), st.sampled_from([1, 2, 4, 8, 3]))


@given(st.lists(_SHORT, max_size=12), st.lists(_SHORT, max_size=12), st.lists(st.integers(0, 255), min_size=1))
def test_overlapping_ranges_against_a_plain_oracle(
    v4: list[tuple[int, int, int]], v6: list[tuple[int, int, int]], asked: list[int]
) -> None:
    """However ranges nest and overlap, an address has the kinds of all that hold it."""
    made, nets = AddressList(asns={}), []
    for base, length, kinds in v4:
        nets.append((ipaddress.ip_network((f"192.0.2.{base}", length), strict=False), kinds))
    for base, length, kinds in v6:
        nets.append((ipaddress.ip_network((f"ffff:{'ffff:' * 6}ff{base:02x}", 96 + length), strict=False), kinds))
    for net, kinds in nets:
        (made.v4 if net.version == 4 else made.v6).append((int(net[0]), int(net[-1]), kinds))
    texts = [f"192.0.2.{x}" for x in asked] + [f"ffff:{'ffff:' * 6}ff{x:02x}" for x in asked]
    expected = []
    for text in texts:
        address, bits = ipaddress.ip_address(text), 0
        for net, kinds in nets:
            if net.version == address.version and address in net:
                bits |= kinds
        expected.append(bits)
    assert AddressDatabase([], [made], []).locate(pa.array(texts)).kinds.to_pylist() == expected
