"""The sample of texts: what it gives back is what was sent, it keeps its limit, and batches change nothing."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from stillwatch.benchmark.texts import exchanges_of
from stillwatch.errors import OutputError
from stillwatch.fingerprint.record import fingerprint
from stillwatch.fingerprint.spool import PER_KEY, TEXT_BYTES, Spool

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
        return spool.texts(spool.positions())


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
