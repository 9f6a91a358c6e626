"""Real prompts of programs, taken apart: whole ones with a place for the slot, and their sentences by what they do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from stillwatch.traffic_range.texts.moulds import TASKS
from stillwatch.traffic_range.texts.sentences import LONGEST

ROLE, RULE, FORMAT, LEAD, ASKS = 0, 1, 2, 3, 4
"""Kinds of sentences of moulds; the last says what is to be done."""

_PLACE = re.compile(
    r"\{\{.*?\}\}|\{%.*?%\}|\{[A-Za-z_][\w.\[\]'()]*\}|\{\}|<\|[\w ]+\|>|\$\{\w+(?::[^}]*)?\}", re.DOTALL
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_ROLE = re.compile(
    r"\b(?:you are|you're|act as|your role|imagine (?:that )?you|as an? \w+ (?:expert|assistant))\b", re.I
)
_FORMAT = re.compile(
    r"\b(?:json|format|output|respond (?:with|in)|return|reply with|answer (?:with|in|only)|tags?)\b", re.I
)
_ADDRESSED = re.compile(r"\b(?:your?|please|given the|answer the|act as)\b", re.I)
_LEAD = re.compile(r"^[\[#*<>\-\w' ]{2,45}[:\]>]$")

_SIGNS = {
    "summarise": r"summar|condens|key points",
    "classify": r"classif|categor|label",
    "extract": r"extract|entit|keyword",
    "translate": r"translat|language",
    "reply": r"customer|repl(?:y|ies)|e-?mail|support",
    "write": r"write|story|blog|article|poem|creative",
    "review": r"code|review|bug|commit|refactor",
    "reason": r"reason|step by step|think|math|solve|chain of thought",
    "grade": r"score|rate|rating|judge|evaluat|grade|rubric|assess",
    "rewrite": r"rewrite|rephrase|paraphrase|reword|improve",
    "agent": r"tool|action|agent|function|command",
    "vision": r"image|screenshot|picture|photo|visual",
    "data": r"table|sql|dataset|column|query|data",
}
_STEPS = frozenset({"step", "steps", "chain", "thought", "points"})
_SIGN = {TASKS.index(task): re.compile(pattern, re.I) for task, pattern in _SIGNS.items()}


@dataclass(frozen=True, slots=True)
class Template:
    """A published mould. tasks: places in `TASKS`.  before, after: what stands round its slot.

    sentences: those without places to fill, and what each does.  whole: it can be sent as it is.
    """

    tasks: tuple[int, ...]
    before: str
    after: str
    sentences: list[tuple[str, int]]
    whole: bool


def template(text: str, tasks: tuple[str, ...] = (), longest: int = 2400) -> Template:
    """A prompt of a program, taken apart. tasks: what it asks for; by its words where nobody says."""
    places = list(_PLACE.finditer(text))
    if places:
        last = places[-1]
        before, after = _filled(text[: last.start()]), _filled(text[last.end() :])
    else:
        before, after = text.rstrip() + "\n\n", ""
    known = tuple(TASKS.index(task) for task in tasks if task in TASKS) or _tasks(text)
    whole = 120 <= len(text) <= longest and bool(_ADDRESSED.search(text))
    sentences = [
        (sentence, ASKS if kind == RULE and any(_SIGN[task].search(sentence) for task in known) else kind)
        for sentence, kind in _sentences(text)
    ]
    return Template(known, before, after, sentences, whole)


def telling(sentences: Iterable[str]) -> frozenset[str]:
    """Words of moulds that say what is to be done: they stay where they are, or a mould would ask for nothing."""
    words = {word for sentence in sentences for word in re.findall(r"[a-z]+", sentence.lower())}
    return frozenset(word for word in words if any(sign.search(word) for sign in _SIGN.values())) | _STEPS


def _filled(text: str) -> str:
    """A prompt's other places, filled with their own names: what a program would put there is its own matter."""
    return _PLACE.sub(lambda match: " ".join(re.findall(r"[A-Za-z]+", match[0])[:3]) or "...", text)


def _tasks(text: str) -> tuple[int, ...]:
    """The task that a prompt has most words of; two where they are even."""
    counts = {task: len(sign.findall(text)) for task, sign in _SIGN.items()}
    most = max(counts.values())
    return tuple(task for task, count in counts.items() if count == most)[:2] if most else (TASKS.index("write"),)


def _sentences(text: str) -> list[tuple[str, int]]:
    out = []
    for one in _SENTENCE.split(text):
        sentence = one.strip()
        if not 6 <= len(sentence) <= LONGEST or _PLACE.search(sentence) or "{" in sentence or "}" in sentence:
            continue
        if _LEAD.match(sentence):
            out.append((sentence, LEAD))
        elif sentence.count(" ") >= 3 and sentence[-1] in ".!?:":
            kind = ROLE if _ROLE.search(sentence) else FORMAT if _FORMAT.search(sentence) else RULE
            out.append((sentence, kind))
    return out
