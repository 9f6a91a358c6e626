"""Prompts that were rendered into one text before they were sent, taken apart into messages again.

The raw text of a rendered prompt begins and ends the same for everybody who uses the model: left as it is, the
template of the model would look like a mould that strangers share.
"""

from __future__ import annotations

import re
from typing import Any

_LLAMA3 = re.compile(
    r"<\|start_header_id\|>\s*(\w+)\s*<\|end_header_id\|>(.*?)(?:<\|eot_id\|>|<\|eom_id\|>|(?=<\|start_header_id\|>)|$)",
    re.DOTALL,
)
_LLAMA4 = re.compile(
    r"<\|header_start\|>\s*(\w+)\s*<\|header_end\|>(.*?)(?:<\|eot\|>|<\|eom\|>|(?=<\|header_start\|>)|$)", re.DOTALL
)
_CHATML = re.compile(r"<\|im_start\|>\s*(\w+)\n(.*?)(?:<\|im_end\|>|(?=<\|im_start\|>)|$)", re.DOTALL)
_INST = re.compile(r"\[INST\](.*?)\[/INST\](.*?)(?=<s>|\[INST\]|$)", re.DOTALL)
_SYS = re.compile(r"\s*<<SYS>>(.*?)<</SYS>>", re.DOTALL)
_HUMAN = re.compile(r"(?:^|\n\n)(Human|Assistant):(.*?)(?=\n\n(?:Human|Assistant):|$)", re.DOTALL)
_HUMAN_START = re.compile(r"(?:^|\n\n)Human:")
_DEEPSEEK = re.compile(
    r"<｜(User|Assistant)｜>(.*?)(?:<｜end▁of▁sentence｜>|(?=<｜(?:User|Assistant)｜>)|$)", re.DOTALL
)
_ROLES = {"human": "user", "ipython": "tool"}


def prompt_messages(text: str) -> list[dict[str, Any]]:
    """The messages of a rendered prompt; one user message with the whole text where it bears no known template."""
    for mark, pattern in (
        ("<|start_header_id|>", _LLAMA3),
        ("<|header_start|>", _LLAMA4),
        ("<|im_start|>", _CHATML),
        ("<｜User｜>", _DEEPSEEK),
    ):
        if mark in text:
            before = text.partition(mark)[0].replace("<|begin_of_text|>", "").replace("<｜begin▁of▁sentence｜>", "")
            system = [("system", before)] if before.strip() else []
            return _messages(system + pattern.findall(text), text)
    if "[INST]" in text:
        turns: list[tuple[str, str]] = []
        for asked, answered in _INST.findall(text):
            told = _SYS.match(asked)
            if told:
                turns.append(("system", told.group(1)))
                asked = asked[told.end() :]
            turns += [("user", asked), ("assistant", answered.replace("</s>", ""))]
        return _messages(turns, text)
    start = _HUMAN_START.search(text)
    # Without the end that the older API asked for, it is a transcript that somebody quotes.
    if start and text.rstrip().rpartition("\n\n")[2].startswith("Assistant:"):
        return _messages([("system", text[: start.start()]), *_HUMAN.findall(text)], text)
    return [{"role": "user", "content": text}]


def _messages(turns: list[tuple[str, str]], text: str) -> list[dict[str, Any]]:
    out = []
    for role, content in turns:
        name = role.lower()
        if content.strip():
            out.append({"role": _ROLES.get(name, name), "content": content.strip()})
    return out or [{"role": "user", "content": text}]
