"""Services as hubs: what is shared behind a known exit is the service."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from stillwatch.links.addresses import ADDRESS, PREFIX, service_label, shared_prefix
from stillwatch.sources.address_lists import KINDS

ROWS = pa.table(
    {
        "ip": pa.array([1, 2, 3, 4, 5, None, 7, 8], pa.int64()),
        "ip_prefix": pa.array([-(2**62), 12, 13, 14, 15, None, 17, 18], pa.int64()),
        "asn": pa.array([64500, 64500, 64500, None, 4_200_000_000, 64500, 2**63 - 1, -5], pa.int64()),
        "address_kinds": pa.array(
            [0, KINDS["vpn"], KINDS["vpn"], KINDS["tor"], KINDS["hosting"], None, KINDS["vpn"], KINDS["tor"]],
            pa.uint8(),
        ),
    }
)


def test_exits_of_one_service_are_one_value() -> None:
    """Two prefixes of one VPN are one value; a home keeps its own; nothing known changes nothing."""
    values = duckdb.sql(f"select {PREFIX} from ROWS", connection=_rows()).fetchall()
    home, one, other, tor, hoster, nothing, odd, negative = (value for (value,) in values)
    assert (home, nothing) == (-(2**62), None)
    assert one == other
    assert len({home, one, tor, hoster, odd}) == 5
    assert negative == tor


def test_whole_addresses_count_at_homes_and_hosters_only() -> None:
    """A machine of one's own is shared with nobody; an exit of a VPN says nothing beyond its service."""
    values = [value for (value,) in duckdb.sql(f"select {ADDRESS} from ROWS", connection=_rows()).fetchall()]
    assert values == [1, None, None, None, 5, None, None, None]


def test_columns_and_sql_agree() -> None:
    """The registry's prefixes and the log's are the same values, so that they can be compared."""
    values = [value for (value,) in duckdb.sql(f"select {PREFIX} from ROWS", connection=_rows()).fetchall()]
    columns = [ROWS[name].combine_chunks() for name in ("ip_prefix", "asn", "address_kinds")]
    assert shared_prefix(*columns).to_pylist() == values


def test_services_have_names_and_prefixes_none() -> None:
    """The label says kind and system; the hash of a prefix is no service."""
    values = [value for (value,) in duckdb.sql(f"select {PREFIX} from ROWS", connection=_rows()).fetchall()]
    labels = [service_label(value) for value in values[:5]]
    assert labels == [None, "VPN, AS64500", "VPN, AS64500", "any Tor address", "hosting, AS4200000000"]
    assert [service_label(value) for value in (0, 12, 2**62)] == [None, None, None]


def _rows() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.register("ROWS", ROWS)
    return connection
