"""Prompts poured from moulds of the tests' own grammar, as fingerprints, with the mould of each prompt as truth."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.engine.parts import part_path, write_table
from stillwatch.fingerprint.record import fingerprint
from stillwatch.schema import EXCHANGE

_SYLLABLES = (
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "ka",
    "le",
    "mi",
    "no",
    "pu",
    "ra",
    "se",
    "ti",
    "vo",
    "zu",
    "bra",
    "cle",
    "flo",
    "gru",
    "ste",
)
SHAPES = ("before", "after", "around", "middle", "system")


@dataclass(frozen=True, slots=True)
class Sent:
    """A text that was sent. mould: its number; -1 for a text of its own."""

    prompt: str | None
    mould: int = -1
    system: str | None = None
    account: str = "a"


def words(rng: random.Random, n: int, vocabulary: int = 4000) -> str:
    """Words of a made-up language, frequent ones oftener."""
    out = []
    for _ in range(n):
        number = int(vocabulary ** rng.random())
        word = ""
        while True:
            word += _SYLLABLES[number % len(_SYLLABLES)]
            number //= len(_SYLLABLES)
            if number == 0:
                break
        out.append(word)
    return " ".join(out)


def pour(
    rng: random.Random, n: int, n_moulds: int, *, share: float = 0.6, slot: tuple[int, int] = (5, 120)
) -> list[Sent]:
    """Prompts of which a share comes from moulds of every shape, some far oftener than others; slots never repeat."""
    moulds = [
        (rng.choice(SHAPES), words(rng, rng.randint(16, 60)), words(rng, rng.randint(10, 25))) for _ in range(n_moulds)
    ]
    weights = [1 / (i + 3) for i in range(n_moulds)]
    out = []
    for _ in range(n):
        free = words(rng, rng.randint(*slot))
        account = f"a{rng.randrange(n // 20 + 2)}"
        if rng.random() >= share:
            out.append(Sent(free, account=account))
            continue
        number = rng.choices(range(n_moulds), weights)[0]
        shape, fixed, more = moulds[number]
        if shape == "system":
            out.append(Sent(free, number, f"{fixed} {more}", account))
            continue
        text = {
            "before": f"{fixed}\n\n{free}",
            "after": f"{free}\n\n{fixed}",
            "around": f"{fixed}\n{free}\n{more}",
            "middle": f"{words(rng, rng.randint(2, 12))}\n{fixed}\n{words(rng, rng.randint(2, 12))}",
        }[shape]
        out.append(Sent(text, number, account=account))
    return out


def write_fingerprints(
    sent: Sequence[Sent], folder: Path, *, order: Sequence[int] | None = None, part: int = 10_000
) -> None:
    """Fingerprints of the texts as numbered parts; an exchange's position is its place in `sent`, in any order."""
    folder.mkdir(parents=True, exist_ok=True)
    order = range(len(sent)) if order is None else order
    for number, first in enumerate(range(0, len(order), part)):
        rows = list(order[first : first + part])
        chosen = [sent[i] for i in rows]
        columns = {
            "exchange_id": pa.array([f"e{i}" for i in rows]),
            "requested_at": pa.array(
                [1_700_000_000_000_000 + i * 1_000_000 for i in rows], EXCHANGE.field("requested_at").type
            ),
            "account_id": pa.array([s.account for s in chosen]),
            "model": pa.array(["m"] * len(rows)),
            "prompt": pa.array([s.prompt for s in chosen], pa.string()),
            "system_prompt": pa.array([s.system for s in chosen], pa.string()),
        }
        arrays = [columns.get(f.name, pa.nulls(len(rows), f.type)) for f in EXCHANGE]
        batch = pa.RecordBatch.from_arrays(arrays, schema=EXCHANGE)
        prints = fingerprint(batch, np.array(rows, np.int64), threads=1)
        write_table(pa.Table.from_batches([prints]), part_path(folder, number))


def labels(out: Path, n: int) -> list[int | None]:
    """The template of each position, None for none."""
    table = pq.read_table(out / "exchange_template.parquet")
    found: list[int | None] = [None] * n
    for position, template in zip(table["position"].to_pylist(), table["template"].to_pylist(), strict=True):
        found[position] = template
    return found


def purity(truth: Sequence[int], found: Sequence[int | None]) -> float:
    """Of the exchanges in templates, the share whose mould is their template's commonest; texts of their own count."""
    return _agreement(
        [(f, t if t >= 0 else -1 - i) for i, (t, f) in enumerate(zip(truth, found, strict=True)) if f is not None]
    )


def poured_purity(truth: Sequence[int], found: Sequence[int | None]) -> float:
    """As `purity`, of the exchanges poured from a mould alone: for texts that hold unknown moulds of their own."""
    return _agreement([(f, t) for t, f in zip(truth, found, strict=True) if f is not None and t >= 0])


def completeness(truth: Sequence[int], found: Sequence[int | None]) -> float:
    """Of the exchanges poured from a mould, the share that is in their mould's commonest template; in none is alone."""
    pairs = enumerate(zip(truth, found, strict=True))
    return _agreement([(t, f if f is not None else ("alone", i)) for i, (t, f) in pairs if t >= 0])


def _agreement(pairs: Sequence[tuple[object, object]]) -> float:
    counts: dict[object, dict[object, int]] = {}
    for group, value in pairs:
        inner = counts.setdefault(group, {})
        inner[value] = inner.get(value, 0) + 1
    return sum(max(inner.values()) for inner in counts.values()) / max(1, len(pairs))
