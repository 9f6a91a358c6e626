"""The peers do what their papers say, on traffic small enough to work out by hand, and are tuned to one budget."""

from __future__ import annotations

import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks.peers import ours_window
from benchmarks.peers.cap import fit_cap
from benchmarks.peers.catchsync import catchsync
from benchmarks.peers.embedding import fit_embedder
from benchmarks.peers.fraudar import fraudar
from benchmarks.peers.leiden import leiden
from benchmarks.peers.mahalanobis import fit_mahalanobis
from benchmarks.peers.mmd import FACTORS, fit_mmd
from benchmarks.peers.prada import prada
from benchmarks.peers.seat import fit_seat
from benchmarks.peers.synchrotrap import synchrotrap
from benchmarks.peers.tuning import best_in_hindsight, outcome, threshold
from benchmarks.peers.window import Window
from benchmarks.peers.world import World

pytestmark = pytest.mark.slow

HOUR = 3_600_000_000
RING = 12


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def small_world(rng: np.random.Generator, n: int = 120, addresses: int = 1_400) -> World:
    """Accounts of 10 requests each; the first `RING` are one campaign: same hours, same four addresses, one card."""
    account = np.repeat(np.arange(n), 10)
    hour = rng.integers(0, 400, len(account))
    ip = rng.integers(100, 100 + addresses, len(account))
    payment = np.repeat(1_000 + np.arange(n), 10)
    ring = account < RING
    hour[ring] = np.tile(np.arange(10) * 7, RING)
    ip[ring] = np.tile(np.arange(10) % 4, RING)
    payment[ring] = 0
    driver = np.arange(n) < RING
    return World(
        name="small",
        seed=1,
        accounts=[f"a{i}" for i in range(n)],
        exchanges=pa.array([f"e{i}" for i in range(len(account))]),
        account=account,
        at_us=hour * HOUR + rng.integers(0, HOUR, len(account)),
        shared={"ip": ip, "payment": payment, "client_fingerprint": payment, "head": np.full(len(account), -1)},
        prompts=["" for _ in account],
        tokens_out=np.zeros(len(account), np.int64),
        status=np.full(len(account), 200),
        created_us=np.zeros(n, np.int64),
        unit=np.arange(n),
        driver=driver,
        neutral=np.zeros(n, np.bool_),
        campaign=np.where(driver, 0, -1),
        campaigns=["ring"],
        own=ring,
    )


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize(
    "peer",
    [
        lambda world: synchrotrap(world, "ip", 5),
        lambda world: synchrotrap(world, "hour", 5),
        lambda world: fraudar(world, ("ip", "payment")),
        lambda world: leiden(world, "density", ("ip", "payment")),
    ],
    ids=["SynchroTrap by address", "SynchroTrap by hour", "FRAUDAR", "Leiden"],
)
def test_a_ring_that_shares_everything_stands_above_all_strangers(peer, rng: np.random.Generator) -> None:  # type: ignore[no-untyped-def]
    """Each peer of graphs and times ranks a blatant ring first: what it misses on worlds is not a broken peer."""
    world = small_world(rng)
    scores = peer(world)
    assert scores[:RING].min() > scores[RING:].max()


def test_targets_all_alike_and_unlike_others_are_synchronised(rng: np.random.Generator) -> None:
    """CatchSync ranks a ring first whose targets lie in one cell of its grid while strangers' lie in many."""
    scores = catchsync(small_world(rng, addresses=60), ("ip",))
    assert scores[:RING].min() > scores[RING:].max()


def test_single_linkage_is_that_of_the_definition(rng: np.random.Generator) -> None:
    """An account's value is the largest likeness at which its cluster, pairs above it joined, has the size."""
    world = small_world(rng, n=40)
    hour = world.at_us // HOUR
    actions = [
        set(zip(world.shared["ip"][world.account == a], hour[world.account == a], strict=True)) for a in range(40)
    ]
    common = {(a, b): len(actions[a] & actions[b]) for a, b in combinations(range(40), 2)}
    alike = {(a, b): c / len(actions[a] | actions[b]) for (a, b), c in common.items() for c in [common[a, b]] if c >= 2}
    expected = np.zeros(40)
    for level in sorted(set(alike.values())):
        cluster = list(range(40))
        for (a, b), value in alike.items():
            if value >= level:
                old, new = cluster[b], cluster[a]
                cluster = [new if c == old else c for c in cluster]
        for account in range(40):
            if cluster.count(cluster[account]) >= 4:
                expected[account] = level
    np.testing.assert_allclose(synchrotrap(world, "ip", 4), expected)


def test_mmd_is_the_unbiased_estimate(rng: np.random.Generator) -> None:
    """The compiled-down powers of one exponential give the sum over kernels and pairs of the definition."""
    benign, own = unit(rng.standard_normal((300, 16))), unit(rng.standard_normal((20, 16)) + 0.5)
    fitted = fit_mmd(benign, rng)
    widths = [fitted.widest * (f / FACTORS[-1]) ** 2 for f in FACTORS]

    def k(x: NDArray[np.float32], y: NDArray[np.float32]) -> float:
        return float(np.mean([np.exp(-float(((x - y) ** 2).sum()) / (2.0 * width)) for width in widths]))

    within = np.mean([k(own[i], own[j]) for i in range(20) for j in range(20) if i != j])
    across = np.mean([k(x, y) for x in own for y in fitted.sample])
    assert fitted(Window(own)) == pytest.approx(within + fitted.own - 2.0 * across, abs=1e-5)


def test_tests_of_windows_tell_made_queries_from_honest_ones(rng: np.random.Generator) -> None:
    """Queries in one tight heap stand out for MMD, SEAT and CAP, far ones for Mahalanobis, two distances for PRADA."""
    benign = unit(rng.standard_normal((2_000, 16)))
    honest = Window(benign[:200])
    heap = Window(unit(rng.standard_normal((200, 16)) * 0.2 + 1.0))
    assert fit_mmd(benign, rng)(heap) > 20 * abs(fit_mmd(benign, rng)(honest))
    assert fit_seat(benign, rng)(heap) > 10 * fit_seat(benign, rng)(honest)
    assert fit_cap(benign, rng)(heap) < fit_cap(benign, rng)(honest)
    flat = benign * np.linspace(1.0, 0.01, 16, dtype=np.float32)
    assert fit_mahalanobis(flat)(heap) > 5 * fit_mahalanobis(flat)(Window(flat[:200]))
    twice = unit(np.repeat(rng.standard_normal((50, 16)), 2, axis=0) + 1e-3 * rng.standard_normal((100, 16)))
    assert prada(Window(np.concatenate([twice, benign[:100]]))) > 3 * prada(honest)


def test_a_budget_is_kept_where_it_was_set(rng: np.random.Generator) -> None:
    """At most the allowed share of honest accounts lies above a threshold, ties included; hindsight does no worse."""
    world = small_world(rng)
    scores = np.round(rng.random(world.n), 1) + world.driver * 0.3
    for share in (0.0, 0.05, 0.2):
        got = outcome([world], [scores > threshold([world], [scores], share)])
        assert got.honest_flagged <= share * got.honest
    best = outcome([world], [scores > best_in_hindsight([world], [scores])])
    assert best.drivers_flagged >= 1
    everything = outcome([world], [np.ones(world.n, np.bool_)])
    assert (everything.recall, everything.campaigns_found, everything.honest_flagged) == (1.0, 1, world.n - RING)


WORDS = [
    "river", "stone", "market", "letter", "garden", "window", "paper", "morning", "doctor", "winter", "bridge",
    "candle", "engine", "forest", "silver",
]  # fmt: skip


def honest_texts(rng: np.random.Generator, n: int) -> list[str]:
    """Texts of people: of any length, some of several lines, some that ask."""
    out = []
    for _ in range(n):
        text = " ".join(rng.choice(WORDS, int(rng.integers(2, 40))))
        text = text.capitalize() if rng.random() < 0.5 else text
        text = text.replace(" ", "\n", 1) if rng.random() < 0.3 else text
        out.append(text + str(rng.choice(["", ".", "?", "!"])))
    return out


def test_ours_keeps_its_level_and_sees_a_form_and_a_crowd(rng: np.random.Generator) -> None:
    """Benign windows seldom pass the calibrated threshold; a tenth of one form, or of one mould, passes it."""
    texts = honest_texts(rng, 3_000)
    embedder = fit_embedder(texts[:1_000])
    benign = ours_window.fit_benign(ours_window.forms(texts[:1_000]), embedder(texts[:1_000]), rng)
    sender = np.arange(200)

    def parts(own: list[str]) -> tuple[float, float]:
        vectors = embedder(own)
        ready = ours_window.queries(benign, ours_window.forms(own), vectors)
        return ours_window.change_of_form(ready), ours_window.crowd(ready, vectors @ vectors.T, sender)

    def drawn(first: int, last: int, n: int = 200) -> list[str]:
        return [texts[i] for i in rng.permutation(np.arange(first, last))[:n]]

    seen = [parts(drawn(1_000, 2_000)) for _ in range(60)]
    law = ours_window.fit_law([form for form, _ in seen], [crowded for _, crowded in seen])
    limit = np.quantile([ours_window.window_score(*one, law) for one in seen], 0.95)
    honest = [ours_window.window_score(*parts(drawn(2_000, 3_000)), law) > limit for _ in range(40)]
    assert np.mean(honest) <= 0.25
    uniform = [f"{a.capitalize()} {b} {c} {b} {a}." for a, b, c in combinations(WORDS, 3)][:40]
    assert ours_window.window_score(*parts(drawn(2_000, 3_000, 160) + uniform), law) > limit
    poured = [f"{a} keep the old copper kettle on the {b} and never sell it" for a, b in combinations(WORDS, 2)][:20]
    window = drawn(2_000, 3_000, 180) + poured
    assert parts(window)[1] > max(crowded for _, crowded in seen)


def test_queries_of_one_sender_are_no_crowd(rng: np.random.Generator) -> None:
    """A person who repeats himself is not taken for many who say the same."""
    texts = honest_texts(rng, 400)
    embedder = fit_embedder(texts)
    benign = ours_window.fit_benign(ours_window.forms(texts), embedder(texts), rng)
    own = texts[:80] + ["the copper kettle boils over every winter morning in the garden"] * 20
    vectors = embedder(own)
    ready = ours_window.queries(benign, ours_window.forms(own), vectors)
    many = ours_window.crowd(ready, vectors @ vectors.T, np.arange(100))
    one = ours_window.crowd(ready, vectors @ vectors.T, np.minimum(np.arange(100), 80))
    assert many > 5 * max(one, 1.0)
