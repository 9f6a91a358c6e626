"""Prompts poured from moulds of the tests' own grammar, as fingerprints, with the mould of each prompt as truth."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from stillwatch.benchmark.texts import exchanges_of
from stillwatch.engine.parts import part_path, write_table
from stillwatch.fingerprint.record import fingerprint

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
        texts = [pa.array([getattr(s, name) for s in chosen], pa.string()) for name in ("prompt", "system", "account")]
        batch = exchanges_of(*texts, np.array(rows, np.int64))
        prints = fingerprint(batch, np.array(rows, np.int64), threads=1)
        write_table(pa.Table.from_batches([prints]), part_path(folder, number))
