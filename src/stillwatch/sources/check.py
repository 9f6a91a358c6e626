"""What logs hold, before a scan: columns, text, times, sampling, truncation, proxies, and the evidence they support."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch import schema
from stillwatch.sources.duplicates import Duplicates
from stillwatch.sources.known_addresses import AddressCoverage, KnownAddresses
from stillwatch.sources.quarantine import Quarantine
from stillwatch.sources.reading import LINE_BITS, ReadOptions, Rows, read_logs
from stillwatch.sources.registry import formats
from stillwatch.sources.support import ADDRESS_KINDS, Support, support, with_registry
from stillwatch.sources.values import microseconds

PROXY_SHARE = 0.5
"""An address that carries at least this share of several accounts' traffic is a proxy's, not a client's."""

LATE_SECONDS = 60
"""Rows that stand this much behind a later one came late; parallel writers alone make gaps of seconds."""

CUT_LENGTH = 150
CUT_SHARE = 0.005
CUT_TEXTS = 10
"""Texts count as cut where the greatest length is at least 150 characters, and is that of 0.5% of the texts and of
10 different ones: of texts that nobody cuts, hardly two end at the same greatest length."""

_DAY = 86_400_000_000
_SEVERAL = 10
_SAMPLE_KEPT = 200_000
_ADDRESSES_KEPT = 500_000


@dataclass(slots=True)
class CheckResult:
    """What `stillwatch check` found. Shares are of the rows kept, 0 to 1; times are ISO 8601, UTC.

    sampled_share: estimated share of the exchanges that the log holds; null where conversations cannot be followed.
    truncated: text column -> length in characters at which it is cut.  late_share: of rows more than a minute behind
    a row before them in their file; late_seconds: how far the 99th percentile of all rows lags.
    whole_days: whether no time has a time of day.  addresses: what the address database knows; null without one.
    """

    read: int
    kept: int
    quarantined: int
    duplicates: int
    sources: dict[str, str | None]
    columns: dict[str, float]
    text: bool
    accounts: int
    first_at: str | None
    last_at: str | None
    future: int
    whole_days: bool
    late_share: float
    late_seconds: float
    before_signup_share: float | None
    before_signup_seconds: float | None
    sampled_share: float | None
    sampled_by: str | None
    truncated: dict[str, int]
    top_address: str | None
    top_address_share: float
    account_is_key_share: float
    reasons: list[tuple[str, int]]
    evidence: list[Support]
    addresses: AddressCoverage | None = None
    remarks: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The machine form."""
        return asdict(self)


def check_logs(
    logs: Sequence[str],
    *,
    format: str | None,
    registry: pa.Table | None,
    options: ReadOptions,
    quarantine: Quarantine,
    say: Callable[[str], None],
) -> CheckResult:
    """Read the logs once, and say what they hold.

    Raises: InputError where nothing can be read.   Cost: a pass over the logs; memory does not grow with them.
    """
    state = _State(options, registry)
    last: Rows | None = None
    for rows in read_logs(logs, format=format, registry=registry, options=options, quarantine=quarantine, say=say):
        state.add(rows)
        last = rows
    sources = {} if last is None else dict(zip(last.sources.names, last.sources.formats, strict=True))
    return state.result(quarantine, sources, registry)


class _State:
    """Everything that is counted while the logs go by."""

    def __init__(self, options: ReadOptions, registry: pa.Table | None) -> None:
        self.now = microseconds(options.now) or 0
        self.known = None if options.addresses is None else KnownAddresses(options.addresses)
        self.n_located = 0
        self.n_rows = 0
        self.filled = dict.fromkeys(schema.EXCHANGE.names, 0)
        self.first: int | None = None
        self.last: int | None = None
        self.future = 0
        self.whole_days = True
        self.newest: dict[int, int] = {}
        self.n_late = 0
        self.lags: Counter[int] = Counter()
        self.account_is_key = 0
        self.addresses: Counter[str] = Counter()
        self.accounts: set[bytes] = set()
        self.duplicates = Duplicates()
        self.lengths = {name: _Lengths() for name in ("system_prompt", "prompt", "response")}
        self.trails = _Trails()
        self.signups = (
            _Signups(registry) if registry is not None and registry["created_at"].null_count < len(registry) else None
        )

    def add(self, rows: Rows) -> None:
        batch = rows.batch
        self.n_rows += batch.num_rows
        for name in schema.EXCHANGE.names:
            self.filled[name] += batch.num_rows - batch.column(name).null_count
        times = batch.column("requested_at").cast(pa.int64()).to_numpy()
        self.first = min(int(times.min()), self.first if self.first is not None else int(times.min()))
        self.last = max(int(times.max()), self.last if self.last is not None else int(times.max()))
        self.future += int((times > self.now).sum())
        self.whole_days = self.whole_days and not (times % _DAY).any()
        self._add_order(times, rows.positions >> LINE_BITS)
        ids = batch.column("exchange_id").cast(pa.binary()).to_pylist()
        hashes = np.frombuffer(b"".join(blake2b(one, digest_size=8).digest() for one in ids), np.int64)
        self.duplicates.add(hashes, rows.positions)
        self.account_is_key += pc.sum(pc.equal(batch.column("account_id"), batch.column("api_key_id"))).as_py() or 0
        for account in batch.column("account_id").cast(pa.binary()).unique().to_pylist():
            self.accounts.add(blake2b(account, digest_size=8).digest())
        for entry in batch.column("ip").value_counts():
            address = entry["values"].as_py()
            if address is not None:
                self.addresses[address] += entry["counts"].as_py()
        if len(self.addresses) > _ADDRESSES_KEPT:
            # An address that is to carry half the traffic is among the frequent ones of every part of it.
            self.addresses = Counter(dict(self.addresses.most_common(_ADDRESSES_KEPT // 2)))
        for name, lengths in self.lengths.items():
            lengths.add(batch.column(name))
        self.trails.add(batch)
        self.n_located += len(rows.address_kinds) - rows.address_kinds.null_count
        if self.known is not None:
            self.known.add(batch.column("ip"))
        if self.signups is not None:
            self.signups.add(batch, times)

    def _add_order(self, times: npt.NDArray[np.int64], sources: npt.NDArray[np.int64]) -> None:
        for source in np.unique(sources):
            mine = times[sources == source]
            start = self.newest.get(int(source), int(mine[0]))
            newest = np.maximum.accumulate(np.maximum(mine, start))
            self.newest[int(source)] = int(newest[-1])
            seconds = (newest - mine) // 1_000_000
            self.n_late += int((seconds > LATE_SECONDS).sum())
            values, counts = np.unique(seconds, return_counts=True)
            # Beyond an hour, minutes will do; so the table stays small.
            coarse = np.where(values > 3_600, values // 60 * 60, values)
            for value, count in zip(coarse.tolist(), counts.tolist(), strict=True):
                self.lags[value] += count

    def result(self, quarantine: Quarantine, sources: dict[str, str | None], registry: pa.Table | None) -> CheckResult:
        n_duplicates = len(self.duplicates.to_drop())
        self.duplicates.close()
        columns = {name: count / self.n_rows for name, count in self.filled.items()}
        known = formats()
        seen = [known[name] for name in dict.fromkeys(sources.values()) if name in known]
        top = self.addresses.most_common(1)
        sampled, sampled_by = self.trails.share()
        before, gap = self.signups.share() if self.signups is not None else (None, None)
        result = CheckResult(
            read=self.n_rows + quarantine.n,
            kept=self.n_rows - n_duplicates,
            quarantined=quarantine.n,
            duplicates=n_duplicates,
            sources=sources,
            columns=columns,
            text=columns["prompt"] > 0,
            accounts=len(self.accounts),
            first_at=_iso(self.first),
            last_at=_iso(self.last),
            future=self.future,
            whole_days=self.whole_days and self.n_rows >= _SEVERAL,
            late_share=self.n_late / self.n_rows,
            late_seconds=float(_quantile(self.lags, 0.99)),
            before_signup_share=before,
            before_signup_seconds=gap,
            sampled_share=sampled,
            sampled_by=sampled_by,
            truncated={name: cut for name, one in self.lengths.items() if (cut := one.cut()) is not None},
            top_address=top[0][0] if top else None,
            top_address_share=top[0][1] / self.n_rows if top else 0.0,
            account_is_key_share=self.account_is_key / self.n_rows,
            reasons=quarantine.by_reason(),
            evidence=support(with_registry({**columns, ADDRESS_KINDS: self.n_located / self.n_rows}, registry), seen),
            addresses=None if self.known is None else self.known.result(),
        )
        result.remarks = list(_remarks(result, {name for name in sources.values() if name}))
        if result.addresses is not None:
            result.remarks += result.addresses.remarks(
                datetime.fromisoformat(result.last_at) if result.last_at else None
            )
        return result


class _Lengths:
    """Lengths of one column's texts, as far as they show whether a product cuts it."""

    def __init__(self) -> None:
        self.n_texts = 0
        self.longest = 0
        self.n_longest = 0
        self.texts: set[int] = set()

    def add(self, column: pa.StringArray) -> None:
        present = len(column) - column.null_count
        if not present:
            return
        self.n_texts += present
        lengths = pc.utf8_length(column)
        longest = pc.max(lengths).as_py()
        if longest < self.longest:
            return
        if longest > self.longest:
            self.longest, self.n_longest, self.texts = longest, 0, set()
        at = np.flatnonzero(pc.equal(lengths, longest).fill_null(False).to_numpy(zero_copy_only=False))
        self.n_longest += len(at)
        for row in at[: max(0, CUT_TEXTS * 10 - len(self.texts))].tolist():
            self.texts.add(zlib.crc32(column[row].as_py().encode()))

    def cut(self) -> int | None:
        """The length at which texts are cut; None where nothing speaks for it."""
        enough = self.n_longest >= CUT_SHARE * self.n_texts and len(self.texts) >= CUT_TEXTS
        return self.longest if enough and self.longest >= CUT_LENGTH else None


class _Trails:
    """Conversations of a sample of accounts: how many of the exchanges that they must have had are in the log.

    By sessions: each exchange of a conversation has two messages more before it than the one before. Without sessions,
    by digests: the last message but two of an exchange was the last message of the exchange before it.
    """

    def __init__(self) -> None:
        self.every = 1
        self.sessions: dict[str, set[int]] = {}
        self.last: set[str] = set()
        self.expected: set[str] = set()

    def add(self, batch: pa.RecordBatch) -> None:
        turns = batch.column("turns")
        if turns.null_count == len(turns):
            return
        coded = batch.column("account_id").dictionary_encode()
        chosen = np.array([self._chosen(name) for name in coded.dictionary.to_pylist()], bool)
        mask = pa.array(chosen[coded.indices.to_numpy()])
        names = ["account_id", "session_id", "turns", "message_digests"]
        for row in batch.select(names).filter(mask).to_pylist():
            if row["turns"] is None:
                continue
            if row["session_id"] is not None:
                self.sessions.setdefault(f"{row['account_id']}\0{row['session_id']}", set()).add(row["turns"])
            digests = row["message_digests"]
            if digests:
                self.last.add(f"{row['account_id']}\0{digests[-1]}")
                if len(digests) >= 3 and row["turns"] >= 2:
                    self.expected.add(f"{row['account_id']}\0{digests[-3]}")
        while len(self.sessions) + len(self.last) > _SAMPLE_KEPT:
            self.every *= 2
            self.sessions = {name: one for name, one in self.sessions.items() if self._kept(name)}
            self.last = {name for name in self.last if self._kept(name)}
            self.expected = {name for name in self.expected if self._kept(name)}

    def share(self) -> tuple[float | None, str | None]:
        """Estimated share of exchanges that are in the log, and by what."""
        # The first and the last that were logged are there for certain; each between them was logged with one chance.
        talks = [{turn // 2 for turn in turns} for turns in self.sessions.values() if len(turns) >= 2]
        n_between = sum(max(steps) - min(steps) - 1 for steps in talks if len(steps) >= 2)
        if n_between >= 20:
            return sum(len(steps) - 2 for steps in talks if len(steps) >= 2) / n_between, "turns of sessions"
        if len(self.expected) >= 20:
            return len(self.expected & self.last) / len(self.expected), "digests of the messages before"
        return None, None

    def _chosen(self, account: str) -> bool:
        return zlib.crc32(account.encode()) % self.every == 0

    def _kept(self, name: str) -> bool:
        return self._chosen(name.partition("\0")[0])


class _Signups:
    """Exchanges that stand before their account was opened: two clocks that differ, or a registry of another time."""

    def __init__(self, registry: pa.Table) -> None:
        created: dict[str, int] = {}
        times = registry["created_at"].cast(pa.int64()).to_pylist()
        for account, time in zip(registry["account_id"].to_pylist(), times, strict=True):
            if time is not None:
                created[account] = min(time, created.get(account, time))
        self.created = created
        self.n_known = self.n_before = 0
        self.gaps: Counter[int] = Counter()

    def add(self, batch: pa.RecordBatch, times: npt.NDArray[np.int64]) -> None:
        coded = batch.column("account_id").dictionary_encode()
        unknown = -(1 << 62)
        created = np.array([self.created.get(name, unknown) for name in coded.dictionary.to_pylist()], np.int64)
        opened = created[coded.indices.to_numpy()]
        known = opened != unknown
        gaps = (opened - times)[known]
        self.n_known += len(gaps)
        self.n_before += int((gaps > 0).sum())
        for gap in (gaps[gaps > 0] // 1_000_000).tolist():
            self.gaps[gap if gap < 3_600 else gap // 60 * 60] += 1

    def share(self) -> tuple[float | None, float | None]:
        """Share of exchanges before their account's opening, and by how many seconds (median)."""
        if not self.n_known:
            return None, None
        return self.n_before / self.n_known, float(_quantile(self.gaps, 0.5)) if self.n_before else 0.0


def _remarks(result: CheckResult, names: Iterable[str]) -> Iterable[str]:
    formats_seen = set(names)
    if result.quarantined > 0.01 * result.read:
        yield f"{result.quarantined / result.read:.0%} of the rows cannot be read: see why below."
    if result.duplicates > 0.01 * result.read:
        yield (
            f"{result.duplicates / result.read:.0%} of the rows carry an exchange_id that came before, and count once: "
            "is a file there twice, or is the id no id of one exchange?"
        )
    if not result.text:
        yield "There is no text: only evidence from times, identities and counts can be had."
    if result.top_address_share >= PROXY_SHARE and result.accounts > 1:
        how = "have the proxy pass the client's address on (X-Forwarded-For)"
        if formats_seen & {"litellm", "litellm-spend"}:
            how = "set use_x_forwarded_for: true in LiteLLM's general_settings"
        elif formats_seen & {"otel", "openinference"}:
            how = "record client.address from X-Forwarded-For, not the peer's address"
        share = f"{result.top_address_share:.0%}"
        yield f"{share} of the traffic comes from {result.top_address}, which must be a proxy: {how}."
    if result.sampled_share is not None and result.sampled_share < 0.9:
        yield (
            f"The log seems to hold {result.sampled_share:.0%} of the exchanges (by {result.sampled_by}): "
            "counts are too low by as much, and replays and successions may be missed."
        )
    for name, length in result.truncated.items():
        yield f"{name} is cut at {length:,} characters: what comes after is not seen."
    if result.late_share > 0.01:
        yield f"{result.late_share:.0%} of the rows stand more than a minute behind a row before them (late arrival)."
    if result.whole_days:
        yield "Times are whole days: what goes by hours and minutes (rhythm, synchrony, succession) says nothing."
    if result.future:
        yield f"{result.future:,} rows lie in the future: a clock is fast."
    if result.before_signup_share is not None and result.before_signup_share > 0.001:
        yield (
            f"{result.before_signup_share:.1%} of the exchanges stand before their account was opened, by "
            f"{result.before_signup_seconds:,.0f} s (median): the clocks of log and registry differ, or keys move."
        )
    if result.account_is_key_share > 0.01:
        yield (
            f"The account is the API key in {result.account_is_key_share:.0%} of the rows: an account with several "
            "keys looks like several. An account registry with api_key_id mends that."
        )


def _quantile(counts: Counter[int], q: float) -> int:
    total = sum(counts.values())
    reached = 0
    for value in sorted(counts):
        reached += counts[value]
        if reached >= q * total:
            return value
    return 0


def _iso(time: int | None) -> str | None:
    if time is None:
        return None
    whole, rest = divmod(time, 1_000_000)
    return datetime.fromtimestamp(whole, UTC).replace(microsecond=rest).isoformat()
