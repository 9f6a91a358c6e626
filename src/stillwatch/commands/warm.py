"""`stillwatch warm`: compile the kernels into their cache, at set-up, so that the first scan does not wait."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 1, 1, tzinfo=UTC)


def warm() -> int:
    """Compile the kernels into their cache by scanning a log of a few hundred lines, and by writing a small world."""
    from stillwatch.scan import ScanOptions, scan
    from stillwatch.traffic_range.worlds import world_named
    from stillwatch.traffic_range.write import write_world

    with tempfile.TemporaryDirectory(prefix="stillwatch-") as folder:
        log = Path(folder) / "log.ndjson"
        log.write_text("".join(json.dumps(_exchange(i)) + "\n" for i in range(600)))
        scan([str(log)], ScanOptions(out=Path(folder) / "out", format="canonical"))
        write_world(world_named("quiet"), Path(folder) / "world", scale=0.002)
    return 0


def _exchange(i: int) -> dict[str, object]:
    """Half of the accounts act as one, so that every step has something to do."""
    account = i % 40
    together = account < 12
    return {
        "exchange_id": f"e{i}",
        "requested_at": (START + timedelta(minutes=i if together else i * 7 % 6000)).isoformat(),
        "account_id": f"a{account}",
        "payment_id": f"p{account // 4 if together else account}",
        "ip": f"198.51.{100 + account % 3 if together else account}.7",
        "client": "client/1",
        "model": "m1",
        "system_prompt": "You grade answers by a rubric." if together else f"You are assistant {account}.",
        "prompt": f"Grade this answer step by step and explain it all to me: {i} item number {i * i}",
        "turns": 0,
        "output_tokens": 300 + i,
        "status": 200,
        "response": "ok",
        "reasoning_out": [f"block-{i // 2}"],
        "reasoning_in": [f"block-{i // 2 - 1}"],
        "message_digests": [f"d{i // 3}", f"d{i}"],
    }
