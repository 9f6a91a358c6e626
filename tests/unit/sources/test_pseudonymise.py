"""Pseudonyms: no original id leaves, equal ids stay equal, and addresses keep what their prefixes share."""

from __future__ import annotations

import ipaddress
import itertools
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_samples import NOW, exchange, read, write_lines

from stillwatch import schema
from stillwatch.errors import InputError, MissingSource
from stillwatch.sources.accounts import read_accounts
from stillwatch.sources.addresses import pseudonym_address
from stillwatch.sources.pseudonymise import ADDRESSES, IDS, pseudonymise, read_key
from stillwatch.sources.quarantine import Quarantine

KEY = b"a key of more than sixteen bytes"
SECRETS = {
    "account_id": "alice", "org_id": "acme", "api_key_id": "sk-hush", "payment_id": "card-4242",
    "email_domain": "alice.example", "session_id": "session-9", "end_user_id": "bob", "ip": "203.0.113.77",
}  # fmt: skip

v4 = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)
v6 = st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address)


def shared_bits(one: bytes, other: bytes) -> int:
    """How many leading bits two addresses share."""
    bits = len(one) * 8
    return bits - (int.from_bytes(one) ^ int.from_bytes(other)).bit_length()


@given(st.tuples(v4, v4) | st.tuples(v6, v6), st.integers(0, 128))
def test_two_addresses_share_as_many_bits_as_before(
    pair: tuple[ipaddress.IPv4Address, ipaddress.IPv4Address], same: int
) -> None:
    """Prefixes of every length, /24 and /48 among them, are shared by pseudonyms exactly where they were shared."""
    one, other = pair
    width = one.max_prefixlen
    keep = ((1 << width) - 1) ^ ((1 << max(0, width - same)) - 1)
    other = type(one)((int(one) & keep) | (int(other) & ~keep & ((1 << width) - 1)))
    hidden = [ipaddress.ip_address(pseudonym_address(str(address), KEY)) for address in (one, other)]
    assert shared_bits(hidden[0].packed, hidden[1].packed) == shared_bits(one.packed, other.packed)


def test_addresses_of_a_prefix_stay_together_and_apart_from_others() -> None:
    """A /24 and a /48 map to one other /24 and /48 each, and different ones to different ones."""
    for network, length in (("198.51.100.", 24), ("2001:db8:7:", 48)):
        inside = [f"{network}{i}" if length == 24 else f"{network}{i}::1" for i in range(1, 60)]
        prefixes = {
            str(ipaddress.ip_network(f"{pseudonym_address(one, KEY)}/{length}", strict=False)) for one in inside
        }
        assert len(prefixes) == 1
        assert str(ipaddress.ip_network(f"{inside[0]}/{length}", strict=False)) not in prefixes
        assert len({pseudonym_address(one, KEY) for one in inside}) == len(inside)


def test_no_original_leaves_in_any_column(tmp_path: Path) -> None:
    """Of every id, address and payment nothing is left in any column of the exchanges, nor in the quarantine."""
    log = write_lines(
        tmp_path / "log.ndjson",
        [exchange(0, **SECRETS, exchange_id="first-id"), exchange(1, **{**SECRETS, "input_tokens": -5})],
    )
    outcome = read(log, pseudonymise=KEY)
    assert outcome.bad.num_rows == 1
    text = json.dumps([outcome.table.to_pylist(), outcome.bad.to_pylist()], default=str)
    for secret in (*SECRETS.values(), "first-id"):
        assert secret not in text
    (row,) = outcome.table.to_pylist()
    assert all(row[name] for name in SECRETS)


def test_equal_ids_stay_equal_and_columns_apart(tmp_path: Path) -> None:
    """Counts of distinct values, and who shares what with whom, come out as without pseudonyms."""
    rows = [exchange(i, payment_id=f"account-{i % 3}") for i in range(200)]
    log = write_lines(tmp_path / "log.ndjson", rows)
    plain, hidden = read(log).table, read(log, pseudonymise=KEY).table
    for name in ("exchange_id", "account_id", "api_key_id", "payment_id", "ip"):
        assert plain[name].to_pylist() != hidden[name].to_pylist()
        codes = [pc.dictionary_encode(table[name].combine_chunks()).indices.to_pylist() for table in (plain, hidden)]
        assert codes[0] == codes[1]
    # The same word as an account and as a payment: two different pseudonyms.
    assert not set(hidden["account_id"].to_pylist()) & set(hidden["payment_id"].to_pylist())


def test_another_key_gives_other_pseudonyms(tmp_path: Path) -> None:
    """Without the key nobody can make the same pseudonyms, of ids or of addresses."""
    log = write_lines(tmp_path / "log.ndjson", [exchange(0)])
    one, same, other = (read(log, pseudonymise=key).table for key in (KEY, KEY, KEY + b"!"))
    assert one.equals(same)
    for name in ("exchange_id", "account_id", "api_key_id", "ip"):
        assert one[name] != other[name]


def test_log_and_registry_still_join(tmp_path: Path) -> None:
    """The registry's pseudonyms are those of the log: account, key, payment, and the prefix at sign-up."""
    path = tmp_path / "accounts.ndjson"
    path.write_text(
        json.dumps({"account_id": "alice", "api_key_id": "k", "payment_id": "card", "signup_ip": "203.0.113.200"})
    )
    registry = read_accounts(str(path), as_of=NOW, quarantine=Quarantine())
    log = write_lines(tmp_path / "log.ndjson", [exchange(0, account_id="k", api_key_id="k", ip="203.0.113.77")])
    (row,) = read(log, registry=registry, pseudonymise=KEY).table.to_pylist()
    (hidden,) = pseudonymise(registry, KEY).to_pylist()
    for name in ("account_id", "api_key_id", "payment_id"):
        assert row[name] == hidden[name]
    assert "alice" not in json.dumps([row, hidden], default=str)
    assert row["ip"] != "203.0.113.77"
    assert shared_bits(*(ipaddress.ip_address(one).packed for one in (row["ip"], hidden["signup_ip"]))) >= 24


def test_every_column_that_names_somebody_is_covered() -> None:
    """Each id and address of the two tables is on the list; what is left names nobody."""
    left = {
        "requested_at", "asn", "country", "client", "client_fingerprint", "platform", "model", "system_prompt",
        "prompt", "first_user", "prompt_source", "history_digest", "history_length", "message_digests", "turns",
        "tools", "max_tokens", "temperature", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens",
        "finish_reason", "status", "response", "sdk", "reasoning_in", "reasoning_out", "created_at",
        "signup_country", "plan", "verified", "closed_at", "closed_reason", "valid_from", "valid_to",
    }  # fmt: skip
    names = set(schema.EXCHANGE.names) | set(schema.ACCOUNT.names)
    assert names - set(IDS) - set(ADDRESSES) == left


@pytest.mark.parametrize("rows", [[], [None], ["a", None, "a"]], ids=["empty", "null", "some"])
def test_tables_of_any_size(rows: list[str | None]) -> None:
    """Empty columns and nulls stay what they are."""
    table = pa.table({"account_id": pa.array(rows, pa.string()), "ip": pa.array([None] * len(rows), pa.string())})
    hidden = pseudonymise(table, KEY)
    assert hidden.schema == table.schema
    assert hidden["account_id"].is_null().to_pylist() == table["account_id"].is_null().to_pylist()


@pytest.mark.parametrize(
    "text", ["not an address", "", "999.1.1.1", "::ffff:198.51.100.7", "198.51.100.7:443", "[2001:db8::1]:80"]
)
def test_what_is_no_plain_address_is_hidden_too(text: str) -> None:
    """An address with a port is the address; what is none becomes a hash."""
    hidden = pseudonym_address(text, KEY)
    assert hidden != text
    assert "198.51.100.7" not in hidden
    same = {"::ffff:198.51.100.7": False, "198.51.100.7:443": True}.get(text)
    if same:
        assert hidden == pseudonym_address("198.51.100.7", KEY)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"", "has 0 bytes"),
        (b"short\n", "has 5 bytes, and needs at least 16"),
        (b" \n" * 50, "0 bytes"),
    ],
    ids=["missing", "empty", "short", "blank"],
)
def test_a_key_file_that_does_not_serve(tmp_path: Path, content: bytes | None, message: str) -> None:
    """The message names the file, and says how to make a key."""
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError if content is not None else MissingSource, match=message) as caught:
        read_key(path)
    assert str(path) in str(caught.value)


def test_the_line_end_is_no_part_of_a_key(tmp_path: Path) -> None:
    """A key is the same whether an editor put a line end after it or not; of any length it serves."""
    for i, end in itertools.product((16, 64, 65, 4000), (b"", b"\n", b"\r\n")):
        path = tmp_path / "key"
        path.write_bytes(b"k" * i + end)
        assert read_key(path) == b"k" * i
        pseudonymise(pa.table({"account_id": ["a"], "ip": ["192.0.2.1"]}), read_key(path))
