"""Reading a log that is larger than memory: what is held does not grow with the file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LIMIT_MB = 600
"""Peak of the whole process, interpreter and libraries included."""

CODE = """
import json, os, sys
from datetime import datetime, timezone
from stillwatch.sources.quarantine import Quarantine
from stillwatch.sources.reading import ReadOptions, read_logs

kind, path, n_bytes = sys.argv[1], sys.argv[2], int(sys.argv[3])

def row(i):
    second = i % 86_000
    time = f"2026-05-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
    return {"exchange_id": f"x{i}", "requested_at": time, "account_id": f"a{i % 999}", "model": "m",
            "prompt": f"question {i} " + "some words of a prompt " * (i % 120), "output_tokens": i % 4000}

def litellm(i):
    one = row(i)
    return {"id": one["exchange_id"], "startTime": 1777600000.0 + i % 86_000, "endTime": 1777600001.0, "model": "m",
            "call_type": "acompletion", "status": "success", "response": {}, "hidden_params": {}, "response_cost": 0.1,
            "metadata": {"user_api_key_user_id": one["account_id"]}, "model_parameters": {}, "trace_id": "t",
            "messages": [{"role": "user", "content": one["prompt"]}]}

if kind == "write":
    n, how = 0, sys.argv[4]
    make = litellm if how == "litellm" else row
    with open(path, "w") as file:
        file.write({"array": "[", "csv": ",".join(row(0)) + "\\n"}.get(how, ""))
        while file.tell() < n_bytes:
            many = [make(n + i) for i in range(2000)]
            if how == "csv":
                file.write("".join(",".join(f'"{value}"' for value in one.values()) + "\\n" for one in many))
            elif how == "array":
                file.write(("," if n else "") + ",".join(json.dumps(one) for one in many))
            else:
                file.write("".join(json.dumps(one) + "\\n" for one in many))
            n += 2000
        file.write("]" if how == "array" else "")
    print(n)
else:
    options = ReadOptions(now=datetime(2026, 6, 1, tzinfo=timezone.utc))
    n = 0
    for rows in read_logs([path], format=None, registry=None, options=options, quarantine=Quarantine(), say=print):
        n += rows.batch.num_rows
    # getrusage would tell the highest of whoever started this process, too
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(n, int(peak.split()[1]) // 1024)
"""


def run(*arguments: str) -> str:
    """The last line that the code prints, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "megabytes"), [("lines", 1000), ("litellm", 250), ("array", 300), ("csv", 400)], ids=lambda one: str(one)
)
def test_memory_does_not_grow_with_the_file(tmp_path: Path, how: str, megabytes: int) -> None:
    """A gigabyte of NDJSON, an array that never ends, CSV and LiteLLM's log are read in less than 600 MB."""
    path = tmp_path / f"log.{'csv' if how == 'csv' else 'json'}"
    written = int(run("write", str(path), str(megabytes * 1_000_000), how))
    n_rows, peak_mb = map(int, run("read", str(path), "0").split())
    path.unlink()
    assert n_rows == written
    assert peak_mb < LIMIT_MB
