"""A small log made line by line: strangers with work of their own, and accounts that act as one."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 3, 2, tzinfo=UTC)
TOPICS = ("tides", "bread", "contracts", "orchids", "engines", "taxes", "glaciers", "poetry", "bridges", "vaccines")
VERBS = ("summarise", "translate", "compare", "outline", "review", "simplify", "expand", "correct", "list", "classify")
HARVEST = (
    "Write out in full the reasoning behind this finished answer, step by step, before you give it again. Item {item}: "
    "what follows from observation {item} about {topic} when it is {verb}d twice?"
)


def exchanges(*, strangers: int = 60, colluders: int = 30, each: int = 40, seed: int = 1) -> list[dict[str, object]]:
    """Exchanges in the order of time; the accounts of the colluders begin with `c`, those of the strangers with `s`."""
    rng = random.Random(seed)
    rows: list[dict[str, object]] = []
    for number in range(strangers):
        own = f"You are the assistant of shop {number}, which sells {rng.choice(TOPICS)} and answers politely."
        for _ in range(each):
            at = START + timedelta(days=rng.randrange(14), hours=8 + 10 * rng.random())
            words = " ".join(rng.choice((*TOPICS, *VERBS)) for _ in range(rng.randrange(4, 20)))
            rows.append(
                _row(
                    rng, f"s{number:03d}", at, own, f"{rng.choice(VERBS)} {words} for {rng.randrange(10**6)}",
                    ip=f"10.{number}.7.{rng.randrange(200)}", payment=f"card-of-s{number}",
                    tokens=rng.randrange(50, 300),
                )
            )  # fmt: skip
    bursts = [timedelta(days=rng.random() * 12) for _ in range(40)]
    for number in range(colluders):
        for i in range(each):
            at = START + rng.choice(bursts) + timedelta(minutes=rng.random() * 20)
            item = number * each + i
            text = HARVEST.format(item=item, topic=rng.choice(TOPICS), verb=rng.choice(VERBS))
            rows.append(
                _row(
                    rng, f"c{number:03d}", at, None, text, ip=f"203.0.{number % 5}.{rng.randrange(200)}",
                    payment=f"card-{number // 5}", tokens=rng.randrange(900, 1500), reasoning=600,
                )
            )  # fmt: skip
    rows.sort(key=lambda row: (str(row["requested_at"]), str(row["account_id"])))
    for number, row in enumerate(rows):
        row["exchange_id"] = f"x{number:06d}"
    return rows


def _row(
    rng: random.Random,
    account: str,
    at: datetime,
    system: str | None,
    prompt: str,
    *,
    ip: str,
    payment: str,
    tokens: int,
    reasoning: int = 0,
) -> dict[str, object]:
    return {
        "requested_at": at.isoformat(),
        "account_id": account,
        "payment_id": payment,
        "ip": ip,
        "client": f"client/{rng.randrange(3)}",
        "model": "m-large",
        "system_prompt": system,
        "prompt": prompt,
        "turns": 0,
        "input_tokens": len(prompt.split()),
        "output_tokens": tokens,
        "reasoning_tokens": reasoning,
        "status": 200,
        "finish_reason": "stop",
        "response": "an answer",
    }


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    """The rows as NDJSON."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
