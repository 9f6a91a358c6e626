"""What the logs and the registry show of each exchange, as numbered values a column: what an oracle may look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch import schema
from stillwatch.evaluate.reading import OWN, Truth

Ints = npt.NDArray[np.int64]

MOST_EXCHANGES = 200_000
"""Of more, some accounts are taken: an oracle of seconds."""

WORDS = 4
"""Of a run of words that counts as one value of a prompt."""

KEPT = 3
"""One run in so many is kept, chosen by its hash, so that equal runs are kept alike."""

_REGISTRY = ("payment_id", "email_domain", "org_id", "plan")

_SHOWN: dict[str, tuple[str, str]] = {
    "address prefix": ("ip", "regexp_replace(ip, '[.:][^.:]*$', '')"),
    "address": ("ip", "ip"),
    "network": ("asn", "asn::varchar"),
    "client": ("client", "client"),
    "client fingerprint": ("client_fingerprint", "client_fingerprint"),
    "sdk": ("sdk", "sdk"),
    "platform": ("platform", "platform"),
    "model": ("model", "model"),
    "system prompt": ("system_prompt", "system_prompt"),
    "tools": ("tools", "array_to_string(tools, ' ')"),
    "history": ("history_digest", "history_digest"),
    "reasoning block": ("reasoning_in", "reasoning_in[1]"),
    "whole prompt": ("prompt", "prompt"),
    "limit of tokens": ("max_tokens", "max_tokens::varchar"),
    "temperature": ("temperature", "temperature::varchar"),
    "turns": ("turns", "least(turns, 20)::varchar"),
    "tokens in": ("input_tokens", "round(2 * log2(input_tokens + 1))::varchar"),
    "tokens out": ("output_tokens", "round(2 * log2(output_tokens + 1))::varchar"),
    "reasoning tokens": ("reasoning_tokens", "round(2 * log2(reasoning_tokens + 1))::varchar"),
    "end of answer": ("finish_reason", "finish_reason"),
    "status": ("status", "status::varchar"),
    "hour of the day": ("requested_at", "extract(hour from requested_at)::varchar"),
    "quarter of an hour": ("requested_at", "(epoch_us(requested_at) // 900000000)::varchar"),
    "session named": ("session_id", "(session_id is null)::varchar"),
    "user named": ("end_user_id", "(end_user_id is null)::varchar"),
}
"""What can be seen -> the column of the canonical log that it needs, and what of it is one value, as SQL."""


@dataclass(frozen=True, slots=True)
class Column:
    """Values of exchanges, several of each where it is text.

    value: their numbers from 0, flat.  row: whose each is, ascending.
    """

    name: str
    value: Ints
    row: Ints


@dataclass(frozen=True, slots=True)
class Shown:
    """Exchanges of some accounts.

    account: number of each exchange's account.  campaign: number of its campaign in the truth's order, -1 for none.
    weight: exchanges of the world that each stands for.  columns: what can be seen.
    """

    account: Ints
    campaign: Ints
    weight: npt.NDArray[np.float64]
    columns: list[Column]

    @property
    def n_accounts(self) -> int:
        """Accounts."""
        return int(self.account.max(initial=-1)) + 1


def observed(truth: Truth, most: int = MOST_EXCHANGES) -> Shown | None:
    """What can be seen of a world's exchanges, of some accounts where it is large; None without a canonical log."""
    logs = truth.folder / "logs.parquet"
    if not logs.exists():
        return None
    picked = _picked(truth, most)
    truth_rows = truth.exchanges.select(["exchange_id", "label", "campaign"])
    there = pq.read_schema(logs).names
    seen = {name: sql for name, (column, sql) in _SHOWN.items() if column in there}
    book = truth.folder / "accounts.parquet"
    registry = pq.read_table(book) if book.exists() else schema.ACCOUNT.empty_table()
    with duckdb.connect() as connection:
        connection.execute("set threads = 2; set memory_limit = '2GB'; set timezone = 'UTC'")
        for name, rows in (("picked", picked), ("truth", truth_rows), ("registry", registry)):
            connection.register(name, rows)
        shown = ", ".join(f'{sql} as "{name}"' for name, sql in seen.items())
        text = "prompt" if "prompt" in there else "null::varchar"
        theirs = ", ".join(f'r.{name} as "{name}"' for name in _REGISTRY)
        table = connection.sql(
            f"""
            with log as (select exchange_id, account_id as account, {text} as text, {shown} from read_parquet(?))
            select log.*, {theirs}, date_trunc('day', r.created_at)::varchar as "day of sign-up",
                t.label, t.campaign, p.weight
            from log join picked p on p.account_id = log.account
                join truth t using (exchange_id) left join registry r on r.account_id = log.account
            order by exchange_id
            """,
            params=[str(logs)],
        ).to_arrow_table()
    own = pc.is_in(table["label"], pa.array(OWN))
    number = {name: at for at, name in enumerate(truth.campaigns)}
    campaign = [number[c] if o else -1 for c, o in zip(table["campaign"].to_pylist(), own.to_pylist(), strict=True)]
    return Shown(
        account=_codes(table["account"]),
        campaign=np.array(campaign, np.int64),
        weight=table["weight"].to_numpy(),
        columns=[*_columns(table, list(seen))],
    )


def _columns(table: pa.Table, seen: list[str]) -> Iterator[Column]:
    rows = np.arange(len(table))
    for name in (*seen, *_REGISTRY, "day of sign-up"):
        yield Column(name.removesuffix("_id").replace("_", " "), _codes(table[name].fill_null("")), rows)
    account = _codes(table["account"])
    volume = np.round(2 * np.log2(np.bincount(account)))[account].astype(np.int64)
    yield Column("volume", volume, rows)
    yield _runs(table["text"].fill_null(""))


def _picked(truth: Truth, most: int) -> pa.Table:
    """Accounts to look at, and how many each stands for: all of them, or some by the order of their ids."""
    n = len(truth.exchanges)
    rate = min(1.0, most / max(n, 1))
    ids = truth.accounts["account_id"]
    if rate == 1.0:
        return pa.table({"account_id": ids, "weight": np.ones(len(ids))})
    some = np.random.default_rng(0).random(len(ids)) < rate
    return pa.table({"account_id": ids, "weight": np.full(len(ids), 1 / rate)}).filter(pa.array(some))


def _codes(column: pa.ChunkedArray) -> Ints:
    encoded = cast(pa.DictionaryArray, column.combine_chunks().dictionary_encode())
    found: Ints = encoded.indices.to_numpy().astype(np.int64)
    return found


def _runs(texts: pa.ChunkedArray) -> Column:
    """Runs of words of the prompts, as values; a prompt shorter than a run has none."""
    words = pc.split_pattern_regex(pc.utf8_lower(texts), r"\s+").combine_chunks()
    word = _codes(pa.chunked_array([words.flatten()])).astype(np.uint64)
    row = np.repeat(np.arange(len(texts)), words.value_lengths().to_numpy())
    hashed = np.zeros(max(len(word) - WORDS + 1, 0), np.uint64)
    for at in range(WORDS):
        hashed = (hashed ^ (word[at : at + len(hashed)] + np.uint64(1))) * np.uint64(0x9E3779B97F4A7C15)
        hashed ^= hashed >> np.uint64(29)
    same = row[: len(hashed)] == row[WORDS - 1 :]
    kept = same & (hashed % np.uint64(KEPT) == 0)
    _, value = np.unique(hashed[kept], return_inverse=True)
    return Column("words of the prompt", value.astype(np.int64), row[: len(hashed)][kept])
