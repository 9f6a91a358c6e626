"""Operators: hypotheses that findings are run by the same hands, never by what a proxy's accounts share."""

from __future__ import annotations

from dataclasses import fields

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from stillwatch.campaigns import operators
from stillwatch.campaigns.cells import Cells
from stillwatch.campaigns.finding import Finding, Findings, OperatorPiece
from stillwatch.campaigns.habits import Habits, alike, read_habits
from stillwatch.campaigns.operators import Pair, Party, compare, is_guest, with_operators
from stillwatch.fingerprint.markers import MARKERS
from stillwatch.links.kinds import KINDS
from stillwatch.links.links import assemble
from stillwatch.networks.group import Scorer
from stillwatch.schema import N_CHUNKS

pytestmark = pytest.mark.slow

N_UNITS = 460
FLEET = 30
DAY = 86_400_000_000
HOUR = 3_600_000_000
CARD = next(number for number, kind in enumerate(KINDS) if kind.name == "payment")
EXIT = next(number for number, kind in enumerate(KINDS) if kind.name == "prefix")


def world(
    *,
    cards: float = 0.0,
    moulds: bool = False,
    rests: bool = False,
    cover: int = 0,
    one_network: bool = False,
    seed: int = 1,
) -> tuple[duckdb.DuckDBPyConnection, Cells, Scorer, list[Party]]:
    """Two fleets of thirty accounts among four hundred strangers, and what they have in common.

    cards: share of the second fleet's accounts with cards of the first.  moulds: whether both have one fixed part.
    rests: whether both work in the same odd hours.  cover: exchanges of their accounts that are nobody's campaign's.
    one_network: whether both run on one.
    """
    rng = np.random.default_rng(seed)
    rows = []
    shifts = [np.flatnonzero(rng.random(24 * 14) < 0.2) for _ in range(2)]
    for unit in range(N_UNITS):
        fleet = unit // FLEET if unit < 2 * FLEET else -1
        # Every other stranger is a machine with odd hours of its own.
        own = np.flatnonzero(rng.random(24 * 14) < 0.2) if unit % 2 else None
        for _ in range(120):
            if fleet >= 0:
                at = int(rng.choice(shifts[0 if rests else fleet])) * HOUR
            elif own is not None:
                at = int(rng.choice(own)) * HOUR
            else:
                at = int(rng.integers(0, 14)) * DAY + int(rng.integers(8, 20)) * HOUR
            fixed = (1 if moulds else fleet + 1) if fleet >= 0 else 1000 + unit
            pieces = np.array([fixed, *rng.integers(10**6, 10**12, N_CHUNKS - 1)], "<i8").tobytes()
            rows.append((unit, fleet + 10 if fleet >= 0 else 100 + unit, at, pieces))
        for _ in range(cover if fleet >= 0 else 0):
            at = int(rng.integers(0, 14)) * DAY + int(rng.integers(0, 24)) * HOUR
            rows.append((unit, 50, at, np.array(rng.integers(10**6, 10**12, N_CHUNKS), "<i8").tobytes()))
    unit, key, us, chunks = zip(*rows, strict=True)
    n = len(rows)
    exchanges = pa.table(
        {
            "position": np.arange(n),
            "unit": np.array(unit, np.int64),
            "requested_at": pa.array(np.array(us) + rng.integers(0, HOUR, n), pa.timestamp("us", tz="UTC")),
            "model": np.ones(n, np.int64),
            "chunks": pa.array(chunks, pa.binary(N_CHUNKS * 8)),
            **{name: pa.nulls(n, pa.int64()) for name in ("system_hash", "tools_hash", "head_hash", "tail_hash")},
            "exchange": rng.integers(0, 2**62, n),
        }
    )
    connection = duckdb.connect()
    connection.register("exchanges", exchanges)
    connection.register("keyed", exchanges.drop_columns(["chunks"]).append_column("key", pa.array(key)))
    pairs, counts = np.unique(np.array([key, unit]), axis=1, return_counts=True)
    hashes, number = np.unique(pairs[0], return_inverse=True)
    known = {
        "key": number,
        "unit": pairs[1],
        "n": counts,
        "key_hash": hashes,
        "is_template": np.ones(len(hashes), bool),
    }
    known["markers"] = np.zeros((len(counts), len(MARKERS)), np.int64)
    rest = {field.name: np.zeros(len(counts), np.int64) for field in fields(Cells) if field.name not in known}
    cells = Cells(**known, **rest)
    card = np.arange(N_UNITS)
    card[: 2 * FLEET] = 1000 + np.arange(2 * FLEET) // 3
    worn = FLEET + np.arange(round(cards * FLEET))
    card[worn] = card[rng.integers(0, FLEET, len(worn))]
    links = assemble(
        np.concatenate([np.arange(N_UNITS), np.arange(N_UNITS)]),
        np.repeat([CARD, EXIT], N_UNITS),
        np.concatenate([card, np.arange(N_UNITS) // 2]),
        np.ones(2 * N_UNITS, np.int64),
        N_UNITS,
    )
    parties = []
    for fleet in (0, 1):
        mine = np.flatnonzero(cells.key_hash[cells.key] == fleet + 10)
        units = np.unique(cells.unit[mine]).astype(np.int32)
        network = 0 if one_network else fleet
        parties.append(Party(f"C-{fleet}", mine, units, network=network, guest=is_guest(cells, mine)))
    return connection, cells, Scorer.of(links), parties


def found(**more: object) -> Pair | None:
    """The pair of the two fleets, if it has a grade."""
    pairs = compare(*world(**more), np.zeros(0, np.int64), np.random.default_rng(3))  # type: ignore[arg-type]
    return pairs[0] if pairs else None


def test_strangers_are_not_tied() -> None:
    """Two fleets that have nothing in common but that both are fleets have no grade, over many dice."""
    assert [found(seed=seed) for seed in range(8)] == [None] * 8


def test_one_hand_on_two_networks_is_told() -> None:
    """Cards, moulds and hours together are a strong tie, each a piece of its own family."""
    pair = found(cards=0.4, moulds=True, rests=True)
    assert pair is not None
    assert pair.grade == "strong"
    assert {piece.family for piece in pair.pieces} == {"infrastructure", "text", "time"}
    assert all(piece.bits > 0 for piece in pair.pieces)


@pytest.mark.parametrize("more", [{"cards": 0.4}, {"moulds": True}], ids=["cards", "moulds"])
def test_one_family_alone_is_weak(more: dict[str, object]) -> None:
    """One fact may have an honest reason: a card dealer, a prompt that was published."""
    pair = found(**more)
    assert pair is not None
    assert pair.grade == "weak"


def test_hours_alone_are_nothing() -> None:
    """Drivers' clocks are few kinds of clocks."""
    pair = found(rests=True)
    assert pair is None or (pair.grade == "weak" and pair.bits <= operators.TIME_MOST)


def test_what_a_proxys_accounts_share_does_not_count() -> None:
    """Accounts that carry much besides may be a proxy's: the same cards tie nobody, and it is said."""
    assert found(cards=1.0, cover=100) is None
    pair = found(cards=1.0, cover=100, moulds=True)
    assert pair is not None
    assert "infrastructure" not in {piece.family for piece in pair.pieces}
    assert "proxy" in pair.left_out


def test_two_tenants_of_one_network_are_not_tied_by_it() -> None:
    """On one network, mixed over its accounts, two campaigns stay two whatever the accounts share."""
    connection, cells, scorer, (one, other) = world(cards=1.0, one_network=True)
    both = np.union1d(one.units, other.units).astype(np.int32)
    parties = [Party(p.finding_id, p.cells, both, network=0) for p in (one, other)]
    assert compare(connection, cells, scorer, parties, np.zeros(0, np.int64), np.random.default_rng(3)) == []


def test_a_few_accounts_swept_in_are_no_tie() -> None:
    """Two accounts of thirty with the other's cards may have been put into the wrong finding."""
    assert found(cards=2 / FLEET) is None


def test_a_campaign_is_not_compared_with_its_own_network() -> None:
    """Nor with a past finding of the same accounts."""
    connection, cells, scorer, (one, other) = world(cards=0.4, moulds=True, rests=True)
    network = Party("N-0", one.cells, one.units, network=one.network, whole=True)
    past = Party("C-past", one.cells, one.units, network=-1, past=True)
    dice = np.random.default_rng(3)
    assert compare(connection, cells, scorer, [one, network], np.zeros(0, np.int64), dice) == []
    assert compare(connection, cells, scorer, [past, one], np.zeros(0, np.int64), dice) == []
    assert compare(connection, cells, scorer, [past, other], np.zeros(0, np.int64), dice) != []


def test_nothing_weighs_more_than_the_honest_parties_show() -> None:
    """A family's bits end where the sample ends."""
    pair = found(cards=1.0, moulds=True, rests=True)
    assert pair is not None
    for piece in pair.pieces:
        assert piece.bits <= np.log2(operators.N_STRANGERS + 1)


def test_pieces_that_strangers_have_too_tie_nobody() -> None:
    """A public mould's fixed part is left out of everybody's habits."""
    connection, cells, _, parties = world(moulds=True)
    honest = [np.flatnonzero(cells.unit == unit) for unit in range(60, 120)]
    of = [(cells.key_hash[cells.key[r]], cells.unit[r]) for r in [*(p.cells for p in parties), *honest]]
    one, other = read_habits(connection, of, 2)[:2]
    assert alike(one, [other])[0, 0] == 1.0
    connection.execute(
        "create or replace temp table changed as select * replace (case when unit between 60 and 66 then "
        "(select chunks from exchanges where unit = 0 limit 1) else chunks end as chunks) from exchanges"
    )
    table = connection.sql("select * from changed order by position").to_arrow_table()
    connection.unregister("exchanges")
    connection.register("exchanges", table)
    one, other = read_habits(connection, of, 2)[:2]
    assert not np.isin(1, one.fixed)


def test_few_exchanges_have_no_habits() -> None:
    """What cannot be known is NaN, and no evidence."""
    nothing = np.zeros(0, np.int64)
    short = Habits(3, nothing, nothing, np.zeros((3, 20), np.int64), np.zeros(24), np.zeros(12), 0.0)
    assert np.isnan(alike(short, [short])).all()


def test_findings_name_each_other_and_hang_together() -> None:
    """Moderate ties make clusters, with the weakest tie's grade; a weak one is told and joins nobody."""

    def finding(name: str) -> Finding:
        return Finding(
            finding_id=name,
            verdict="campaign",
            claim="",
            first_at="2026-01-01T00:00:00Z",
            last_at="2026-01-02T00:00:00Z",
            tokens_out=None,
            **dict.fromkeys(("coordination_bits", "extraction_bits", "margin_bits", "network_share"), 1.0),
            **dict.fromkeys(("accounts", "exchanges", "trajectories"), 1),
            expected_false=0.0,
        )

    def party(name: str) -> Party:
        return Party(name, np.zeros(0, np.int64), np.zeros(0, np.int32), network=0)

    piece = OperatorPiece(family="text", name="items", bits=5, observed=1, expected=0)
    pairs = [
        Pair(party("C-1"), party("C-2"), "strong", 12.0, [piece], ""),
        Pair(party("C-2"), party("C-3"), "moderate", 7.0, [piece], ""),
        Pair(party("C-3"), party("C-4"), "weak", 3.5, [piece], ""),
    ]
    told = with_operators(Findings(schema_version=1, findings=[finding(f"C-{n}") for n in range(1, 6)]), pairs)
    assert [(one.findings, one.grade, one.bits) for one in told.operators] == [(["C-1", "C-2", "C-3"], "moderate", 7.0)]
    assert [[tie.findings for tie in one.operators] for one in told.findings] == [
        [["C-2"]],
        [["C-1"], ["C-3"]],
        [["C-2"], ["C-4"]],
        [["C-3"]],
        [],
    ]
