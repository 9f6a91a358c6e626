"""Logs in object storage, read from a server that speaks S3."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from stopped_reading import options, read_all, read_until

from stillwatch.errors import MissingSource
from stillwatch.scan.signature import input_signature
from stillwatch.sources.bedrock import BEDROCK
from stillwatch.sources.litellm import LITELLM
from stillwatch.sources.quarantine import Quarantine
from stillwatch.sources.reading import ReadOptions, read_logs

pytestmark = pytest.mark.slow

NOW = datetime(2026, 4, 1, tzinfo=UTC)
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def exchanges(prefix: str, n: int) -> list[dict[str, Any]]:
    """So many exchanges of one account."""
    return [
        {"exchange_id": f"{prefix}{i}", "requested_at": AT, "account_id": "a", "model": "m", "prompt": f"ask {i}"}
        for i in range(n)
    ]


def lines(documents: Any) -> bytes:
    """Documents as NDJSON."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in documents)


def read(url: str) -> tuple[list[str], list[str], Quarantine]:
    """Ids of the exchanges, what was said, and the quarantine."""
    said: list[str] = []
    quarantine = Quarantine()
    ids: list[str] = []
    for rows in read_logs(
        [url], format=None, registry=None, options=ReadOptions(now=NOW), quarantine=quarantine, say=said.append
    ):
        ids += rows.batch.column("exchange_id").to_pylist()
    return sorted(ids), said, quarantine


def test_a_prefix_is_read_recursively_with_its_compressions(bucket: tuple[str, Any]) -> None:
    """gzip, zstd and plain objects under a prefix are read; objects beside it are not."""
    name, put = bucket
    put("logs/day=1/a.json.gz", gzip.compress(lines(LITELLM.write(exchanges("a", 50)))))
    zstd = pa.compress(lines(LITELLM.write(exchanges("b", 50))), codec="zstd", asbytes=True)
    put("logs/day=2/b.ndjson.zst", zstd)
    put("logs/day=2/c.ndjson", lines(LITELLM.write(exchanges("c", 50))))
    put("logs/day=2/notes.md", b"# not a log")
    put("other/d.ndjson", lines(LITELLM.write(exchanges("d", 50))))
    ids, said, quarantine = read(f"s3://{name}/logs/")
    assert ids == sorted(f"{prefix}{i}" for prefix in "abc" for i in range(50))
    assert quarantine.n == 0
    assert any("litellm" in word for word in said)


def test_bedrock_logs_are_read_with_their_large_bodies(bucket: tuple[str, Any]) -> None:
    """Of what Bedrock delivers the log is read, with bodies in data/ where a record of the same bucket names them."""
    name, put = bucket
    folder = "AWSLogs/123456789012/BedrockModelInvocationLogs"
    hour = f"{folder}/us-east-1/2026/03/01/12"
    put(f"{folder}/amazon-bedrock-logs-permission-check", b"")
    records = list(BEDROCK.write(exchanges("e", 20)))
    for i, of, key in ((1, name, f"{hour}/data/e1_input.json.gz"), (2, name, f"{hour}/data/none"), (3, "other", "k")):
        records[i]["input"] = {"inputBodyS3Path": f"s3://{of}/{key}", "inputTokenCount": 40_000}
    put(f"{hour}/20260301T120000000Z_5b1d.json.gz", gzip.compress(lines(records)))
    put(f"{hour}/data/e1_input.json.gz", gzip.compress(b'{"messages": [{"role": "user", "content": "long"}]}'))
    ids, said, quarantine = read(f"s3://{name}/AWSLogs/")
    assert ids == sorted(f"e{i}" for i in range(20))
    assert quarantine.n == 0
    assert any("1 large bodies" in word for word in said)
    assert any("over 100 KB are not where the record says: kept without that text (1 records)" in one for one in said)
    assert any("over 100 KB lie in another bucket than the log" in one for one in said)


def test_one_object_and_a_pattern_are_read(bucket: tuple[str, Any]) -> None:
    """An object by its name, and objects by a pattern."""
    name, put = bucket
    put("logs/a.ndjson", lines(LITELLM.write(exchanges("a", 3))))
    put("logs/b.ndjson", lines(LITELLM.write(exchanges("b", 3))))
    assert read(f"s3://{name}/logs/a.ndjson")[0] == ["a0", "a1", "a2"]
    assert read(f"s3://{name}/logs/b*.ndjson")[0] == ["b0", "b1", "b2"]


def test_an_object_that_was_cut_off_keeps_what_came_before(bucket: tuple[str, Any]) -> None:
    """Half a gzip object gives its first exchanges, and the cut goes to quarantine."""
    name, put = bucket
    whole = gzip.compress(lines(LITELLM.write(exchanges("a", 5_000))))
    put("logs/a.ndjson.gz", whole[: len(whole) // 2])
    ids, _, quarantine = read(f"s3://{name}/logs/")
    assert 100 < len(ids) < 5_000
    assert quarantine.n == 1


def test_a_bucket_or_prefix_that_is_not_there_is_named(bucket: tuple[str, Any]) -> None:
    """A wrong prefix ends in a message, not in an empty scan."""
    name, _ = bucket
    with pytest.raises(MissingSource, match="no logs there"):
        read(f"s3://{name}/nothing/")


def test_a_killed_scan_of_objects_goes_on(bucket: tuple[str, Any], tmp_path: Path) -> None:
    """Killed while it reads, a scan goes on in the object where it was; of an object that changed it begins anew."""
    name, put = bucket
    rows = [
        {**one, "requested_at": "2026-03-01T12:00:00Z", "response": "x" * 3000}
        for key in ("a", "b")
        for one in exchanges(key, 150)
    ]
    put("logs/1.ndjson", lines(rows[:150]))
    put("logs/2.ndjson", lines(rows[150:]))
    logs, how = [f"s3://{name}/logs"], options(tmp_path / "out")
    assert read_until(logs, how, 60)
    said: list[str] = []
    assert read_all(logs, how, said).counts["kept"] == 300
    assert said[0].startswith("goes on after")
    signature = input_signature(logs, how)
    assert signature is not None
    put("logs/2.ndjson", lines(rows[151:]))
    assert input_signature(logs, how) != signature
