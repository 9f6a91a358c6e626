"""Real moulds filled with real texts, from a folder of public prompts, with the mould of each prompt as truth."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import pyarrow.parquet as pq
from template_worlds import Sent

_SLOT = re.compile(r"\{\{.{1,60}?\}\}|\{[A-Za-z_][\w .\[\]'\"]{0,40}\}|<<\w+>>|\$\{[^}]{1,40}\}|\{\}")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_LEAST_WORDS = 12
"""Words of the shortest mould: what is shorter leaves too few chunks to be told from a turn of phrase."""

Mould = tuple[str, ...]
"""The fixed pieces of a mould; between each two is a slot."""


def pour_real(
    corpus: Path, n: int, *, seed: int = 0, n_moulds: int = 2000, share: float = 0.5
) -> tuple[list[Sent], list[int]]:
    """Prompts, a share of them poured, Zipf by mould, and for each mould the first of its near variants.

    Moulds are those of public frameworks and judges, and up to `n_moulds` made of sentences of public prompts, used
    once each. Slots and texts of their own are real prompts and questions in which one word of eight was replaced.
    """
    rng = random.Random(seed)
    moulds = _moulds(corpus, rng, n_moulds)
    texts = _texts(corpus)
    vocabulary = [word for text in texts[:8000] for word in text.split()[:40] if word.isalpha()]
    weights = list(accumulate(1 / (i + 3) for i in range(len(moulds))))

    def own() -> str:
        words = rng.choice(texts)[:6000].split(" ")
        for _ in range(max(2, len(words) // 8)):
            words[rng.randrange(len(words))] = rng.choice(vocabulary)
        return " ".join(words)

    sent = []
    for _ in range(n):
        if rng.random() >= share:
            sent.append(Sent(own()))
            continue
        number = rng.choices(range(len(moulds)), cum_weights=weights)[0]
        pieces = moulds[number]
        sent.append(Sent(pieces[0] + "".join(own() + piece for piece in pieces[1:]), number))
    return sent, _variants(moulds)


def _column(corpus: Path, name: str, column: str) -> list[str]:
    return [text for text in pq.read_table(corpus / f"{name}.parquet", columns=[column])[column].to_pylist() if text]


def _moulds(corpus: Path, rng: random.Random, n: int) -> list[Mould]:
    found: list[Mould] = []
    for name in ("templates_frameworks", "distil_kit_templates", "judge_templates"):
        found += [tuple(_SLOT.split(text)[:8]) for text in _column(corpus, name, "text")]
    found = [m for m in dict.fromkeys(found) if len(m) > 1 and sum(len(p.split()) for p in m) >= _LEAST_WORDS]
    prompts = _column(corpus, "templates_awesome_chatgpt_prompts", "prompt")
    sentences = sorted(
        {s for text in prompts for s in _SENTENCE.split(text) if 30 < len(s) < 200 and len(s.split()) > 6}
    )
    rng.shuffle(sentences)
    while len(found) < n and len(sentences) > 8:
        fixed = " ".join(sentences.pop() for _ in range(rng.randint(2, 4)))
        more = sentences.pop()
        found.append(
            rng.choice(
                [(f"{fixed}\n\n", ""), ("", f"\n\n{fixed}"), (f"{fixed}\n", f"\n{more}"), ("", f"\n{fixed}\n", "")]
            )
        )
    rng.shuffle(found)
    return found


def _texts(corpus: Path) -> list[str]:
    """Real texts, each once, without those that come from moulds themselves: whose ends others have too."""
    texts = _column(corpus, "benign_sharegpt_user_turns", "prompt")
    texts += _column(corpus, "distil_alpaca_en_instructions_full", "instruction")
    texts += _column(corpus, "benchmark_gsm8k", "question") + _column(corpus, "benchmark_mmlu_test", "question")
    texts = [text for text in dict.fromkeys(texts) if len(text) > 10]
    heads, tails = Counter(map(_head, texts)), Counter(map(_tail, texts))
    return [text for text in texts if heads[_head(text)] < 3 and tails[_tail(text)] < 3]


def _head(text: str) -> str:
    return " ".join(text.lower().split()[:8])


def _tail(text: str) -> str:
    return " ".join(text.lower().split()[-8:])


def _variants(moulds: Sequence[Mould]) -> list[int]:
    """For each mould the first that shares half of the shorter one's runs of five words, over any number of steps."""
    runs = []
    holders: dict[tuple[str, ...], list[int]] = {}
    for number, pieces in enumerate(moulds):
        split = [re.findall(r"\w+", piece.lower()) for piece in pieces]
        mine = {tuple(words[i : i + 5]) for words in split for i in range(len(words) - 4)}
        runs.append(len(mine))
        for run in mine:
            holders.setdefault(run, []).append(number)
    common = Counter((a, b) for held in holders.values() for i, b in enumerate(held) for a in held[:i])
    lead = list(range(len(moulds)))
    for (a, b), n in sorted(common.items()):
        if 2 * n >= min(runs[a], runs[b]):
            old, new = max(lead[a], lead[b]), min(lead[a], lead[b])
            lead = [new if one == old else one for one in lead]
    return lead
