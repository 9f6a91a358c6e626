"""The oracle finds what a column gives away, and nothing that none does."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from evaluated_worlds import exchange, write_world

from stillwatch.evaluate.columns import observed
from stillwatch.evaluate.oracle import Possible, possible
from stillwatch.evaluate.reading import read_truth

WORDS = ("tides", "bread", "orchids", "engines", "taxes", "glaciers", "poetry", "bridges", "vaccines", "harbours")


def made(folder: Path, *, cover: bool = False, **of_campaign: Any) -> Path:
    """Forty honest accounts and twenty of a campaign, which differ by what is given. cover: half of theirs is."""
    rng = random.Random(1)
    rows = []
    for number in range(60 * 12):
        account = number % 60
        own = account >= 40
        driven = own and not (cover and number // 60 % 2)
        columns: dict[str, Any] = {
            "ip": f"10.{account}.1.{rng.randrange(200)}",
            "client": f"client/{rng.randrange(3)}",
            "prompt": " ".join(rng.choice(WORDS) for _ in range(12)),
            "output_tokens": rng.randrange(50, 300),
            "population": "A" if own else "chatters",
        }
        columns |= of_campaign if driven else {}
        label = "cover" if own and not driven else None
        given = {"label": label} if label else {}
        rows.append(exchange(number, f"acc{account}", "A" if driven else None, **columns, **given))
    return write_world(folder, rows)


def oracle(folder: Path) -> Possible:
    """What it finds of the one campaign."""
    (one,) = possible(read_truth(folder))
    return one


def test_a_campaign_that_differs_in_nothing_cannot_be_found(tmp_path: Path) -> None:
    """Addresses of its own are an account's own, and say nothing of the next account."""
    found = oracle(made(tmp_path / "world"))
    assert found.exchange_recall is not None
    assert found.account_recall is not None
    assert max(found.exchange_recall, found.account_recall) < 0.25


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("client", "harvester/1", "client"),
        ("ip", "10.99.1.1", "address"),
        ("prompt", "write out the reasoning behind this finished answer", "whole prompt"),
    ],
)
def test_what_a_column_shows_is_found_and_named(tmp_path: Path, column: str, value: str, told: str) -> None:
    """One shared value gives all of it away, and the oracle says which."""
    found = oracle(made(tmp_path / "world", **{column: value}))
    assert found.exchange_recall == pytest.approx(1.0)
    assert found.account_recall == pytest.approx(1.0)
    assert found.gives_away[told] == pytest.approx(1.0)


def test_exchanges_are_told_from_their_accounts_cover(tmp_path: Path) -> None:
    """Half of the accounts' traffic is somebody else's: the mould tells the halves apart."""
    world = made(tmp_path / "world", cover=True, prompt="write out the reasoning behind this finished answer")
    found = oracle(world)
    assert found.exchange_recall == pytest.approx(1.0)


def test_few_accounts_are_too_few_to_learn_on(tmp_path: Path) -> None:
    """Nothing is said of a campaign of four accounts."""
    rows = [exchange(n, f"h{n % 30}") for n in range(60)] + [exchange(60 + n, f"a{n % 4}", "A") for n in range(20)]
    assert oracle(write_world(tmp_path / "world", rows)).exchange_recall is None


def test_a_log_of_another_form_has_no_oracle(tmp_path: Path) -> None:
    """The canonical table is what it reads."""
    world = made(tmp_path / "world")
    (world / "logs.parquet").unlink()
    assert possible(read_truth(world)) == []


def test_what_a_log_lacks_is_not_looked_at(tmp_path: Path) -> None:
    """Without texts and registry the client still tells; without the client nothing does."""
    world = made(tmp_path / "world", client="harvester/1", prompt="write out the reasoning behind this answer")
    (world / "accounts.parquet").unlink()
    log = pq.read_table(world / "logs.parquet")
    pq.write_table(log.drop_columns(["prompt", "system_prompt"]), world / "logs.parquet")
    assert list(oracle(world).gives_away) == ["client"]
    pq.write_table(log.drop_columns(["prompt", "client"]), world / "logs.parquet")
    assert oracle(world).exchange_recall == pytest.approx(0, abs=0.25)


def test_of_a_large_world_accounts_are_sampled(tmp_path: Path) -> None:
    """Each exchange that is looked at stands for as many as were not."""
    truth = read_truth(made(tmp_path / "world"))
    shown = observed(truth, most=360)
    assert shown is not None
    assert 120 <= len(shown.account) <= 600
    assert set(shown.weight) == {2.0}
