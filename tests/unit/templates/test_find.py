"""What is a template, and what is none."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from template_worlds import Sent, words, write_fingerprints

from stillwatch.benchmark.agreement import labels
from stillwatch.errors import OutputError
from stillwatch.schema import EXCHANGE_TEMPLATE, TEMPLATE
from stillwatch.templates.find import find_templates

MOULD = "You are a strict grader of essays and you never give more than one point without giving your reason"
OTHER = "Translate whatever follows into plain words that a child of ten would understand and add two examples of it"


def _find(sent: list[Sent], folder: Path) -> list[int | None]:
    write_fingerprints(sent, folder / "prints")
    find_templates(folder / "prints", folder / "out", memory_mb=256, threads=1)
    return labels(folder / "out", len(sent))


def _free(seed: int, n: int, low: int = 10, high: int = 60) -> list[str]:
    rng = random.Random(seed)
    return [words(rng, rng.randint(low, high)) for _ in range(n)]


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param([Sent(f"{MOULD}: {x}") for x in _free(1, 40)], id="before"),
        pytest.param([Sent(f"{x}\n{MOULD}") for x in _free(2, 40)], id="after"),
        pytest.param([Sent(f"{MOULD}\n{x}\n{OTHER}") for x in _free(3, 40, 200, 900)], id="around-long"),
        pytest.param([Sent(x, system=MOULD) for x in _free(4, 40)], id="system"),
        pytest.param([Sent(f"Item {i}: {MOULD}, {i * 37} times") for i in range(40)], id="numbers"),
    ],
)
def test_mould_wherever_it_stands(sent: list[Sent], tmp_path: Path) -> None:
    """A mould before, after or around its slot, in the system prompt, or with numbers as slots, is one template."""
    found = _find(sent, tmp_path)
    assert None not in found
    assert len(set(found)) == 1


def test_middle(tmp_path: Path) -> None:
    """A mould between two short slots is one template."""
    sent = [Sent(f"{x}\n{MOULD} {OTHER}\n{y}") for x, y in zip(_free(5, 60, 3, 12), _free(6, 60, 3, 12), strict=True)]
    found = _find(sent, tmp_path)
    assert sum(f == found[0] for f in found) >= 57


def test_two_moulds_are_two(tmp_path: Path) -> None:
    """Prompts from two moulds are in two templates, of two families."""
    sent = [Sent(f"{MOULD if i % 2 else OTHER}: {x}") for i, x in enumerate(_free(7, 60))]
    found = _find(sent, tmp_path)
    assert len(set(found[0::2])) == len(set(found[1::2])) == 1
    assert found[0] != found[1]
    assert len(set(pq.read_table(tmp_path / "out/template.parquet")["family"].to_pylist())) == 2


def test_variations_are_a_family(tmp_path: Path) -> None:
    """Moulds that share most of their text are one template, or templates of one family."""
    rng = random.Random(8)
    common, ends = words(rng, 60), [words(rng, 20) for _ in range(3)]
    sent = [Sent(f"{common}\n{ends[i % 3]}\n{x}") for i, x in enumerate(_free(9, 90))]
    assert None not in _find(sent, tmp_path)
    assert len(set(pq.read_table(tmp_path / "out/template.parquet")["family"].to_pylist())) == 1


def test_retries_are_no_mould(tmp_path: Path) -> None:
    """Texts of their own, each sent four times by its account, are no templates."""
    sent = [Sent(x, account=f"a{i}") for i, x in enumerate(_free(10, 50)) for _ in range(4)]
    assert set(_find(sent, tmp_path)) == {None}


def test_common_phrase_binds_nothing(tmp_path: Path) -> None:
    """A short turn of phrase in the middle of unrelated prompts makes no template."""
    texts = zip(_free(11, 200, 30, 80), _free(12, 200, 30, 80), strict=True)
    assert set(_find([Sent(f"{x} if you would be so kind {y}") for x, y in texts], tmp_path)) == {None}


def test_constant_prompt(tmp_path: Path) -> None:
    """A whole prompt that three accounts send word for word is a template whose slots are empty."""
    sent = [Sent(MOULD, account=f"a{i}") for i in range(3)] + [Sent(x) for x in _free(13, 20)]
    found = _find(sent, tmp_path)
    assert found[0] is not None and set(found[:3]) == {found[0]} and set(found[3:]) == {None}
    row = pq.read_table(tmp_path / "out/template.parquet").to_pylist()[0]
    assert (row["n_exchanges"], row["n_accounts"], row["fixed_share"]) == (3, 3, 1.0)
    assert row["distinct_share"] == pytest.approx(1 / 3)


def test_tables(tmp_path: Path) -> None:
    """Both tables have their schema and order, and their counts agree with the exchanges."""
    sent = [Sent(f"{MOULD}: {x}", account=f"a{i % 7}") for i, x in enumerate(_free(14, 40))]
    _find(sent, tmp_path)
    rows = pq.read_table(tmp_path / "out/template.parquet")
    pairs = pq.read_table(tmp_path / "out/exchange_template.parquet")
    assert rows.schema.equals(TEMPLATE, check_metadata=False) and pairs.schema.equals(
        EXCHANGE_TEMPLATE, check_metadata=False
    )
    assert pairs["position"].to_pylist() == sorted(pairs["position"].to_pylist())
    row = rows.to_pylist()[0]
    assert (row["n_exchanges"], row["n_accounts"], row["distinct_share"]) == (40, 7, 1.0)
    assert row["family"] == row["template"]
    assert (row["last_at"] - row["first_at"]).total_seconds() == 39
    assert 0.1 < row["fixed_share"] < 0.9


@pytest.mark.parametrize(
    "sent", [[], [Sent(None)], [Sent(None), Sent(""), Sent("hi")]], ids=["none", "no-text", "tiny"]
)
def test_nothing_to_find(sent: list[Sent], tmp_path: Path) -> None:
    """Logs that are empty, or have no text, leave two empty tables."""
    assert set(_find(sent, tmp_path)) <= {None}
    assert pq.read_table(tmp_path / "out/template.parquet").num_rows == 0


def test_name_stays(tmp_path: Path) -> None:
    """A template keeps its id when more of its exchanges, and others', come in."""
    first = [Sent(f"{MOULD}: {x}") for x in _free(15, 30)]
    more = [Sent(f"{MOULD}: {x}") for x in _free(16, 200)] + [Sent(f"{OTHER}: {x}") for x in _free(17, 50)]
    assert _find(first, tmp_path / "1")[0] == _find(first + more, tmp_path / "2")[0]


def test_unwritable_folder(tmp_path: Path) -> None:
    """A folder that cannot be made is an error that names it."""
    (tmp_path / "out").write_text("a file")
    write_fingerprints([Sent("x")], tmp_path / "prints")
    with pytest.raises(OutputError, match="out"):
        find_templates(tmp_path / "prints", tmp_path / "out", memory_mb=64, threads=1)
