"""The sample of texts: what it gives back is what was sent, it keeps its limit, and batches change nothing."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.benchmark.texts import exchanges_of
from stillwatch.errors import OutputError
from stillwatch.fingerprint.choosing import PER_KEY, Choice
from stillwatch.fingerprint.record import fingerprint
from stillwatch.fingerprint.spool import TEXT_BYTES, Spool

LIMIT = 400_000


def prompts(n: int) -> list[str]:
    """Prompts of which a tenth begin alike; some are long, and some of these not cut between two characters."""
    rng = random.Random(4)
    out = []
    for i in range(n):
        words = " ".join(f"w{rng.randrange(5000)}x" for _ in range(rng.randrange(1, 60)))
        common = "always begin with these very same eight words please " if i % 10 == 0 else ""
        out.append(common + words + ("é" * 6000 if i % 97 == 0 else ""))
    return out


def spooled(path: Path, texts: list[str], batch: int, limit: int = LIMIT) -> dict[int, tuple[str | None, str | None]]:
    """What the sample holds at the end, by position."""
    whole = exchanges_of(pa.array(texts))
    prints = fingerprint(whole, np.arange(len(texts)))
    with Spool(path, limit) as spool:
        for first in range(0, len(texts), batch):
            spool.offer(whole.slice(first, batch), prints.slice(first, batch))
        assert not path.exists()
        return held(spool)


def held(spool: Spool) -> dict[int, tuple[str | None, str | None]]:
    """What a sample holds, by position."""
    table = spool.table()
    table.validate(full=True)
    positions, systems, prompts = table.to_pydict().values()
    assert positions == spool.positions().tolist()
    return dict(zip(positions, zip(systems, prompts, strict=True), strict=True))


def test_texts_come_back_as_they_were(tmp_path: Path) -> None:
    """Though the file was compacted many times, each text is the one of its exchange, cut at a character."""
    texts = prompts(3000)
    kept = spooled(tmp_path / "spool", texts, 500)
    assert 20 < len(kept) < 1000
    for position, (system, prompt) in kept.items():
        assert system is None
        assert prompt == texts[position].encode()[:TEXT_BYTES].decode("utf-8", "ignore")
    assert sum(len((prompt or "").encode()) for _, prompt in kept.values()) < LIMIT / 2


def test_batches_change_nothing(tmp_path: Path) -> None:
    """One batch or many, the same exchanges are kept."""
    texts = prompts(1500)
    assert spooled(tmp_path / "1", texts, 1500) == spooled(tmp_path / "2", texts, 37)


def test_of_one_beginning_only_some_are_kept(tmp_path: Path) -> None:
    """However many exchanges begin alike, a few of them are examples enough."""
    texts = [f"always begin with these very same eight words {i % 3}" for i in range(500)]
    kept = spooled(tmp_path / "spool", texts, 100, limit=1 << 24)
    assert 1 <= len(kept) <= 4 * PER_KEY


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """Where the file cannot be made, the error says what cannot be kept."""
    with pytest.raises(OutputError, match="cannot keep examples"):
        Spool(tmp_path / "missing" / "spool")


class Plain:
    """The sample in plain Python: what each key holds, and who is held."""

    def __init__(self, limit: int) -> None:
        self.limit, self.threshold = limit, 2**64
        self.by_key: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self.sizes: dict[int, int] = {}

    def live(self) -> set[int]:
        """Positions that a key holds."""
        return {position for held in self.by_key.values() for _, position in held}

    def show(self, position: int, hashed: int, keys: list[int | None], size: int) -> None:
        """Show one exchange."""
        hashed = max(hashed, 1)
        if hashed >= self.threshold:
            return
        self.sizes[position] = size
        for kind, key in enumerate(keys):
            if key is not None:
                held = self.by_key.setdefault((kind, key), [])
                held.append((hashed, position))
                held.sort()
                del held[PER_KEY:]
        while sum(self.sizes[one] for one in self.live()) * 2 > self.limit:
            self.threshold //= 2
            for held in self.by_key.values():
                held[:] = [one for one in held if one[0] < self.threshold]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**64 - 1),
            st.tuples(*[st.none() | st.integers(0, 5) | st.sampled_from([2**63, 2**64 - 1])] * 3),
            st.integers(1, 300),
        ),
        max_size=120,
    ),
    st.sampled_from([2_000, 20_000, 1 << 30]),
    st.integers(1, 40),
    st.integers(0, 1),
)
def test_the_choice_is_that_of_the_plain_one(
    shown: list[tuple[int, tuple[int | None, ...], int]], limit: int, batch: int, same: int
) -> None:
    """Whatever comes in whatever batches, the compiled choice keeps what the plain one keeps, restored or not."""
    plain, choice = Plain(limit), Choice(limit)
    # Few hashes, so that equal ones meet.
    shown = [(hashed % 3 if same else hashed, keys, size) for hashed, keys, size in shown]
    for position, (hashed, keys, size) in enumerate(shown):
        plain.show(position, hashed, list(keys), size)
    for first in range(0, len(shown), batch):
        some = shown[first : first + batch]
        choice.consider(
            np.array([one[0] for one in some], np.uint64),
            np.arange(first, first + len(some), dtype=np.int64),
            np.array([[key or 0 for key in one[1]] for one in some], np.uint64),
            np.array([[key is not None for key in one[1]] for one in some]),
            np.array([one[2] for one in some], np.int64),
        )
        assert set(choice.positions[choice.live()].tolist()) <= set(range(first + len(some)))
        live, holdings = choice.live(), choice.holdings()
        again = Choice(limit, choice.halvings)
        again.restore(
            choice.hashes[live],
            choice.positions[live],
            choice.sizes[live],
            choice.places[live],
            replace(holdings, entry=np.searchsorted(live, holdings.entry)),
        )
        choice = again
    assert plain.live() == set(choice.positions[choice.live()].tolist())


def test_a_choice_grows(tmp_path: Path) -> None:
    """Thousands of keys in one batch: tables are made larger on the way, and nothing is lost."""
    n = 30_000
    rng = np.random.default_rng(1)
    keys = np.stack([np.arange(n), np.arange(n) // 3, np.arange(n) // 100], axis=1).astype(np.uint64)
    hashes, has = rng.integers(0, 2**63, n).astype(np.uint64), np.ones((n, 3), np.bool_)
    choice = Choice(1 << 40)
    new, rows = choice.consider(hashes, np.arange(n), keys, has, np.ones(n, np.int64))
    assert rows.tolist() == list(range(n))
    assert np.array_equal(choice.positions[new], np.arange(n))
    few = Choice(2 * 1000)
    few.consider(hashes, np.arange(n), keys, has, np.ones(n, np.int64))
    assert set(few.positions[few.live()].tolist()) == set(np.flatnonzero(hashes <= few.most).tolist())
    assert 300 < len(few.live()) <= 1000
