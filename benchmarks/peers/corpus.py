"""Honest and distillation queries of the public corpus, split by conversation, and sources grouped by descent."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

HONEST = "benign_sharegpt_user_turns.parquet"

SHARES = (0.3, 0.3, 0.4)
"""Of conversations: to fit on, to calibrate on, to test on."""

MOST = 10_000
"""Queries of a source; of larger ones every second, third, ... is taken."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Honest:
    """Queries of real users. conversation: (n,) number; part: (n,) 0 to fit on, 1 to calibrate on, 2 to test on."""

    texts: list[str]
    conversation: NDArray[np.int64]
    part: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Source:
    """Queries that are sent to collect a model's answers. family: sources of common descent share one.

    unseen: not looked at before our window test was settled, nor used as examples; the others were.
    """

    name: str
    family: str
    texts: list[str]
    unseen: bool = False


def read_honest(corpus: Path, rng: np.random.Generator) -> Honest:
    """The honest queries, whole conversations dealt to the three parts; empty ones left out."""
    table = pq.read_table(corpus / HONEST, columns=["conversation_id", "prompt"])
    rows = [(c, p.strip()) for c, p in zip(*(table[x].to_pylist() for x in table.column_names), strict=True) if p]
    rows = [(c, p) for c, p in rows if p]
    names = sorted({c for c, _ in rows})
    number = {name: at for at, name in enumerate(names)}
    part_of = np.searchsorted(np.cumsum(SHARES)[:-1], rng.permutation(len(names)) / len(names), side="right")
    conversation = np.array([number[c] for c, _ in rows], np.int64)
    return Honest([p for _, p in rows], conversation, part_of[conversation].astype(np.int64))


def read_sources(corpus: Path) -> list[Source]:
    """Every source of a campaign's queries that the folder holds, each query once."""
    return _read(corpus, _SOURCES, unseen=False) + _read(corpus, _UNSEEN, unseen=True)


def read_drifted(corpus: Path) -> list[Source]:
    """Honest queries of other people than those that a test is fitted on: what drift looks like."""
    return _read(corpus, _DRIFTED, unseen=True)


def _read(corpus: Path, rows: Sequence[_Row], *, unseen: bool) -> list[Source]:
    out = []
    for name, family, file, text_of in rows:
        path = corpus / f"{file}.parquet"
        if path.exists():
            texts = [text_of(row) for row in pq.read_table(path).to_pylist()]
            distinct = list(dict.fromkeys(t.strip() for t in texts if t and t.strip()))
            step = -(-len(distinct) // MOST)
            out.append(Source(name, family, distinct[::step], unseen))
    return out


def _instruction(row: Row) -> str:
    return "\n".join(part for part in (row["instruction"], row.get("input")) if part)


_GORILLA = re.compile(r"Instruction'?\"?:\s*(.*?)\s*(?:\n?###\s*Output|,?\s*['\"]Output['\"]\s*:|\\n###|$)", re.DOTALL)


def _gorilla(row: Row) -> str:
    found = _GORILLA.search(row["code"])
    return found.group(1) if found else ""


def _problem(row: Row) -> str:
    raw = msgspec.json.decode(row["raw"])
    return str(raw["prompt"][0]["value"])


def _choices(row: Row) -> str:
    return "\n".join([row["question"], *(f"{letter.upper()}. {row[letter]}" for letter in "abcd")])


def _first_turn(row: Row) -> str:
    turns = msgspec.json.decode(row["turns"])
    first = turns[0] if turns else []
    return "\n".join(str(one.get("content", "")) for one in first if one.get("role") == "user")


_Row = tuple[str, str, str, Callable[[Row], str]]

_SOURCES: tuple[_Row, ...] = (
    ("alpaca", "self-instruct", "distil_alpaca_en_instructions_full", _instruction),
    ("alpaca, early", "self-instruct", "distil_stanford_alpaca_5k", _instruction),
    ("code alpaca", "self-instruct", "distil_code_alpaca_2k", _instruction),
    ("gorilla", "gorilla", "distil_gorilla_apibench", _gorilla),
    ("toolalpaca", "toolalpaca", "distil_toolalpaca_eval", lambda row: str(row["instruction"])),
    ("gsm8k", "mathematics", "benchmark_gsm8k", lambda row: str(row["question"])),
    ("math500", "mathematics", "benchmark_math500_aime24", _problem),
    ("political rewrites", "political", "political_speechmap_questions", lambda row: str(row["question"])),
    ("judge calls", "judging", "judge_fastchat_logs", lambda row: str(row["user_prompt"])),
)
"""Name, family, file, and how its rows read. What follows another's method or seeds is of its family."""

_UNSEEN: tuple[_Row, ...] = (
    ("examinations (MMLU)", "examinations", "benchmark_mmlu_test", _choices),
    ("tool calls (BFCL)", "tool calls", "tooluse_bfcl_v4", _first_turn),
    ("refusal probes (XSTest)", "refusals", "refusal_xstest", lambda row: str(row["prompt"])),
)

_DRIFTED: tuple[_Row, ...] = (
    ("arena users", "", "benchmark_arena_hard_v01", lambda row: str(row["prompt"])),
    ("prompt collectors", "", "templates_awesome_chatgpt_prompts", lambda row: str(row["prompt"])),
)
