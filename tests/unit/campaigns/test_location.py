"""Hidden and contradicted locations, as shares of groups and as evidence."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from stillwatch.campaigns.explanations import EXPLANATIONS, IDENTITY
from stillwatch.campaigns.finding import Evidence
from stillwatch.campaigns.location import HIDDEN, counted_once, elsewhere, hiding
from stillwatch.sources.address_lists import KINDS

VPN, HOSTING = KINDS["vpn"], KINDS["hosting"]
HOME, ABROAD = 7, 8


def traffic(
    rows: Sequence[tuple[int, int, int | None, int | None]], homes: dict[int, int], prefix: int | None = None
) -> duckdb.DuckDBPyConnection:
    """Views as a scan has them, of (group, account, kinds, country) a row; prefix: of all, else each has its own."""
    connection = duckdb.connect()
    group, account, kinds, country = zip(*rows, strict=True)
    position = list(range(len(rows)))
    key = [10 * g for g in group]
    tables = {
        "exchanges": {
            "position": pa.array(position),
            "ip_prefix": pa.array(position if prefix is None else [prefix] * len(rows)),
            "account": pa.array(account),
            "unit": pa.array(account),
            "address_kinds": pa.array(kinds, pa.uint8()),
            "country": pa.array(country, pa.int64()),
        },
        "registry": {
            "account": pa.array(list(homes), pa.int64()),
            "country": pa.array(list(homes.values()), pa.int64()),
        },
    }
    tables["keyed"] = {**tables["exchanges"], "key": pa.array(key)}
    for name, columns in tables.items():
        connection.register(name, pa.table(columns))
    connection.execute("create table grouped as select distinct key // 10 as grp, key, unit from keyed")
    return connection


def test_every_account_counts_alike() -> None:
    """Hundreds of exchanges of one account through a VPN are one account of four that hides."""
    rows = [(0, 1, VPN, HOME)] * 300 + [(0, account, 0, HOME) for account in (2, 3, 4)]
    assert hiding(traffic(rows, {}), 1).tolist() == [0.25]


def test_one_exit_for_all_is_a_place() -> None:
    """An office whose VPN has one exit sits in one place, wherever that is, and hides from nobody."""
    rows = [(0, account, VPN, ABROAD) for account in (1, 2, 3, 4)]
    homes = dict.fromkeys((1, 2, 3, 4), HOME)
    assert hiding(traffic(rows, homes, prefix=5), 1).tolist() == [0.0]
    assert elsewhere(traffic(rows, homes, prefix=5), 1).tolist() == [0.0]
    assert hiding(traffic(rows, homes), 1).tolist() == [0.75]


def test_hosting_hides_nobody() -> None:
    """Servers belong into hosting ranges: an application on four machines hides nothing."""
    rows = [(0, account, HOSTING, ABROAD) for account in (1, 2, 3, 4)]
    assert hiding(traffic(rows, {}), 1).tolist() == [0.0]


@pytest.mark.parametrize("kinds", [None, 0])
def test_unknown_is_no_number(kinds: int | None) -> None:
    """Without a database, and where it knows the addresses of few accounts, there is no number."""
    rows = [(0, account, kinds if account > 2 else None, HOME) for account in (1, 2, 3, 4)]
    assert np.isnan(hiding(traffic(rows, {}), 2)).all()


def test_a_contradiction_is_between_two_records() -> None:
    """Abroad is another country than that of sign-up; which one is not asked; servers abroad are left out."""
    homes = dict.fromkeys((1, 2, 3, 4), HOME)
    rows = [(0, 1, 0, ABROAD), (0, 1, 0, HOME), (0, 2, 0, HOME), (0, 3, VPN, ABROAD), (0, 4, HOSTING, ABROAD)]
    assert elsewhere(traffic(rows, homes), 1).tolist() == [pytest.approx(0.5, abs=1e-6)]
    assert np.isnan(elsewhere(traffic(rows, {1: HOME}), 1)).all()
    servers = [(0, account, HOSTING, ABROAD) for account in (1, 2, 3, 4)]
    assert np.isnan(elsewhere(traffic(servers, homes), 1)).all()


def piece(name: str, bits: float) -> Evidence:
    """One piece of the identity family."""
    return Evidence(family="identity", axis="coordination", name=name, bits=bits, observed=0, expected=0, sentence=name)


@pytest.mark.parametrize(
    ("hidden", "scattered", "left"),
    [(3.5, 3.0, 3.5), (3.0, 4.0, 4.0), (2.5, 0.0, 2.5), (9.0, 0.0, 4.0), (9.0, 4.5, 4.5)],
)
def test_a_pool_of_exits_is_one_fact(hidden: float, scattered: float, left: float) -> None:
    """Hidden and scattered places weigh what the better of them does, and the weaker says so."""
    evidence = [piece(HIDDEN[0], hidden - 1), piece(HIDDEN[1], 1.0), piece("no-common-place", scattered)]
    once = counted_once([*evidence, piece("concealment", 2.0)])
    assert sum(e.bits for e in once) == pytest.approx(left + 2.0)
    assert [e.name for e in once] == [*HIDDEN, "no-common-place", "concealment"]


def test_hiding_never_says_that_accounts_act_as_one() -> None:
    """It is left out of that sum, and contradicts only explanations that need an open place."""
    assert set(HIDDEN) <= IDENTITY
    against = {honest.name for honest in EXPLANATIONS if not honest.predicts & set(HIDDEN)}
    assert against == {"agency", "class", "common cause"}
