"""Worlds and broken objects in object storage, and what is not there."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from log_samples import exchanges, lines, read, write_csv, write_parquet

from stillwatch.errors import InputError, MissingSource

pytestmark = pytest.mark.slow

GOOD = exchanges(300)
IDS = [row["exchange_id"] for row in GOOD]


@pytest.fixture
def bucket(s3_address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A bucket with a world's folder in it: two logs, and everything that is none."""
    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    client = boto3.client("s3", endpoint_url=s3_address, region_name="us-east-1")
    client.create_bucket(Bucket="logs")
    put = {
        "day/1/a.ndjson.gz": gzip.compress(lines(GOOD[:100])),
        "day/2/b.parquet": write_parquet(tmp_path / "b", GOOD[100:200]).read_bytes(),
        "day/2/c.csv": write_csv(tmp_path / "c", GOOD[200:]).read_bytes(),
        "day/2/.hidden.ndjson": lines(exchanges(5, 900)),
        "day/2/notes.pdf": b"%PDF",
        "day/world.json": b"{}",
        "day/accounts.parquet": b"PAR1 no log",
        "day/truth/exchanges.parquet": b"PAR1 no log",
        "day/out/scan.json": b"{}",
        "day/out/accounts.parquet": b"PAR1 no log",
        "broken/cut.ndjson.gz": gzip.compress(lines(GOOD))[:-9],
        "broken/cut.parquet": write_parquet(tmp_path / "d", GOOD).read_bytes()[:-50],
    }
    for key, body in put.items():
        client.put_object(Bucket="logs", Key=key, Body=body)
    yield "s3://logs"
    for key in put:
        client.delete_object(Bucket="logs", Key=key)
    client.delete_bucket(Bucket="logs")


def test_a_prefix_is_a_folder(bucket: str) -> None:
    """All logs below it are read, and nothing of truth, hidden files, scan outputs and registries."""
    outcome = read(f"{bucket}/day")
    assert outcome.ids == IDS
    assert outcome.bad.num_rows == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("day/2/b.parquet", IDS[100:200]),
        ("day/1/a.ndjson.gz", IDS[:100]),
        ("day/2/*.csv", IDS[200:]),
        ("day/*/*", IDS),
        ("day/2/", IDS[100:]),
        ("da", IDS),
    ],
    ids=["object", "packed", "glob", "globs", "slash", "prefix"],
)
def test_objects_globs_and_prefixes(bucket: str, name: str, expected: list[str]) -> None:
    """An object, a pattern, a folder and the beginning of a name lead to what they say."""
    assert read(f"{bucket}/{name}").ids == expected


def test_broken_objects(bucket: str) -> None:
    """They are put aside with their address, and what is whole is read."""
    outcome = read(f"{bucket}/broken")
    assert outcome.ids == IDS[: len(outcome.ids)]
    assert len(outcome.ids) >= 299
    assert outcome.bad["source"].to_pylist() == ["s3://logs/broken/cut.ndjson.gz", "s3://logs/broken/cut.parquet"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("s3://logs/nothing/here", "no logs there"),
        ("s3://no-such-bucket/a", "no logs there"),
        ("s3://*/a", "pattern"),
    ],
)
def test_what_is_not_there(bucket: str, name: str, message: str) -> None:
    """The message has the address, and no traceback of a library."""
    with pytest.raises(InputError, match=message):
        read(name)


def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, bucket: str) -> None:
    """The message names the variables that say where and who."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(MissingSource, match="AWS_ENDPOINT_URL"):
        read(f"{bucket}/day")
