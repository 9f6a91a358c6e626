"""A world on disk: its logs in order of time, its registry, and the truth. Memory is that of one day.

Blocks of exchanges are put aside by day as they come, and each day is sorted and written by itself, so a world may be
larger than memory.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch import schema
from stillwatch.errors import OutputError, UsageError
from stillwatch.sources.registry import Format, formats
from stillwatch.traffic_range.addresses import AddressPlan
from stillwatch.traffic_range.exchanges import BLOCK, TRUTH
from stillwatch.traffic_range.ids import random_ids
from stillwatch.traffic_range.population import populations
from stillwatch.traffic_range.stage import DAY, SECOND, Stage
from stillwatch.traffic_range.texts.languages import LANGUAGES
from stillwatch.traffic_range.worlds import Cast, World

MARK = "world.json"
"""A folder that holds it is a world, and may be written over."""

ROWS = 50_000
"""Rows of a Parquet row group, and documents held at once."""

_REPEATED = [
    "account_id", "org_id", "api_key_id", "ip", "asn", "country", "client", "client_fingerprint", "platform", "model",
    "system_prompt", "prompt_source", "tools.list.element", "max_tokens", "temperature", "finish_reason", "status",
    "session_id", "sdk", "turns", "history_length",
]  # fmt: skip
"""Columns whose values come again and again: the others are not worth a dictionary."""

_TABLES = {
    "accounts": pa.schema(
        [
            ("account_id", pa.string()),
            ("kind", pa.string()),
            ("language", pa.string()),
            ("zone", pa.int64()),
            ("vpn", pa.bool_()),
        ]
    ),  # fmt: skip
    "account_network": pa.schema([("account_id", pa.string()), ("network", pa.string())]),
    "account_campaign": pa.schema([("account_id", pa.string()), ("campaign", pa.string()), ("role", pa.string())]),
    "campaigns": pa.schema([("campaign", pa.string()), ("operator", pa.string()), ("targets", pa.list_(pa.string()))]),
    "campaign_network": pa.schema([("campaign", pa.string()), ("network", pa.string())]),
}
"""The truth's small tables; `exchanges` is the large one."""


@dataclass(slots=True)
class Written:
    """What was written. exchanges, accounts: counts; by_population, by_label: exchanges."""

    exchanges: int = 0
    accounts: int = 0
    by_population: Counter[str] = field(default_factory=Counter)
    by_label: Counter[str] = field(default_factory=Counter)


def write_world(
    world: World,
    out: Path,
    *,
    seed: int = 1,
    scale: float = 1.0,
    format: str = "canonical",
    say: Callable[[str], None] = lambda text: None,
) -> Written:
    """Write a world into a folder: logs, `accounts.parquet`, `world.json`, `truth/`. Same seed, same bytes.

    scale: factor on every population's number of accounts.
    Raises: UsageError for a format that cannot be written; OutputError where the folder holds other files.
    """
    if scale <= 0:
        raise UsageError("--scale must be above 0")
    writer = _format(format)
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / MARK).exists())):
        raise OutputError("holds files that are no world's", source=str(out), hint="choose an empty or a new folder")
    work = out.parent / f".{out.name}.partial"
    shutil.rmtree(work, ignore_errors=True)
    (work / "truth").mkdir(parents=True)
    (work / ".days").mkdir()
    written = Written()
    days = _Days(work / ".days", world)
    registry: list[pa.Table] = []
    truths: list[pa.Table] = []
    sizes, volumes = {}, {}
    for cast in world.cast:
        n_accounts, n_exchanges = 0, days.n
        for table, truth in _play(world, cast, seed, scale, days):
            if not cast.on:
                registry.append(table)
                written.accounts += len(table)
            truths.append(truth)
            n_accounts += len(table)
        sizes[cast.called], volumes[cast.called] = n_accounts, days.n - n_exchanges
        say(f"{cast.called}: {n_accounts:,} accounts")
    days.close()
    _write_accounts(work, registry, truths, world)
    with _Logs(work, writer) as sink:
        for number, day in enumerate(days.read()):
            rng = np.random.default_rng([seed, number, 0xE5])
            day = day.append_column(schema.EXCHANGE.field("exchange_id"), random_ids(rng, len(day), "req_", 20))
            sink.write(day)
            written.exchanges += len(day)
            for name, counter in (("population", written.by_population), ("label", written.by_label)):
                for one in day[name].value_counts().to_pylist():
                    counter[one["values"]] += one["counts"]
    shutil.rmtree(work / ".days")
    description = {
        "world": world.name,
        "title": world.title,
        "seed": seed,
        "scale": scale,
        "format": format,
        "first_day": str(np.datetime64(world.calendar.start // SECOND, "s").astype("datetime64[D]")),
        "days": world.calendar.days,
        "release": str(np.datetime64(world.calendar.release // SECOND, "s")) + "Z",
        "accounts": written.accounts,
        "exchanges": written.exchanges,
        "labels": dict(sorted(written.by_label.items())),
        "populations": [
            {
                "name": cast.called,
                "population": cast.population,
                "what": populations()[cast.population].title,
                "accounts": sizes[cast.called],
                "exchanges": volumes[cast.called],
                **({"on": cast.on} if cast.on else {}),
                **({"options": cast.options} if cast.options else {}),
                **({"dials": cast.dials} if cast.dials else {}),
            }
            for cast in world.cast
        ],
    }
    (work / MARK).write_bytes(msgspec.json.format(msgspec.json.encode(description)) + b"\n")
    shutil.rmtree(out, ignore_errors=True)
    work.rename(out)
    return written


def _play(world: World, cast: Cast, seed: int, scale: float, days: _Days) -> Iterator[tuple[pa.Table, pa.Table]]:
    """(registry rows, truth of accounts) of a population's parts; its exchanges go to their days."""
    stage = _stage(world, cast, seed, scale)
    for accounts, blocks in populations()[cast.population].play(stage):
        for block in blocks:
            days.put(block)
        truth = {
            "account_id": accounts.account_id,
            # Accounts that another population opened have its kind.
            "kind": pa.nulls(len(accounts), pa.string()) if cast.on else accounts.kind,
            "language": pa.array(LANGUAGES).take(pa.array(accounts.language)),
            "zone": np.clip(np.round(accounts.zone), -11, 12).astype(np.int64),
            "vpn": accounts.addresses.through_vpn(),
            "network": accounts.network,
            "campaign": accounts.campaign,
            "role": accounts.role,
        }
        yield accounts.registry(), pa.table(truth)


def _stage(world: World, cast: Cast, seed: int, scale: float) -> Stage:
    host = _stage(world, world.entry(cast.on), seed, scale) if cast.on else None
    n = max(cast.least, round(cast.accounts * scale))
    return Stage(
        cast.called,
        n if host is None else min(n, host.n),
        seed,
        world.calendar,
        AddressPlan(),
        cast.options,
        kind=cast.population,
        dials=cast.dials,
        targets=cast.campaign.targets if cast.campaign else (),
        host=host,
    )


def _write_accounts(out: Path, registry: list[pa.Table], truths: list[pa.Table], world: World) -> None:
    table = pa.concat_tables(registry).sort_by("account_id")
    pq.write_table(table.cast(schema.ACCOUNT), out / "accounts.parquet")
    truth = pa.concat_tables(truths).sort_by([("account_id", "ascending"), ("campaign", "ascending")])
    member = truth.filter(truth["network"].is_valid())
    own = truth.filter(truth["kind"].is_valid())
    agent = truth.filter(truth["campaign"].is_valid())
    runs = member.filter(member["campaign"].is_valid()).group_by(["campaign", "network"]).aggregate([])
    played = [(cast.called, cast.campaign) for cast in world.cast]
    campaigns = [
        {"campaign": name, "operator": campaign.operator, "targets": list(campaign.targets)}
        for name, campaign in played
        if campaign is not None
    ]
    tables = {
        "accounts": own.select(_TABLES["accounts"].names),
        "account_network": member.group_by(["account_id", "network"], use_threads=False).aggregate([]),
        "account_campaign": agent.select(["account_id", "campaign", "role"]),
        "campaigns": pa.Table.from_pylist(campaigns, _TABLES["campaigns"]).sort_by("campaign"),
        "campaign_network": runs.select(["campaign", "network"]).sort_by(
            [("campaign", "ascending"), ("network", "ascending")]
        ),
    }
    for name, one in tables.items():
        pq.write_table(one.cast(_TABLES[name]), out / "truth" / f"{name}.parquet")


class _Days:
    """Blocks put aside by day, uncompressed. n: exchanges so far."""

    def __init__(self, folder: Path, world: World):
        self._folder, self._start, self._n = folder, world.calendar.start, world.calendar.days
        self._files: dict[int, pa.ipc.RecordBatchFileWriter] = {}
        self.n = 0

    def put(self, block: pa.Table) -> None:
        """Put a block's exchanges to their days; retries after the last midnight stay with the last day."""
        self.n += len(block)
        at = block["requested_at"].cast(pa.int64()).to_numpy()
        day = np.clip((at - self._start) // DAY, 0, self._n - 1)
        order = np.argsort(day, kind="stable")
        bounds = np.searchsorted(day[order], np.arange(self._n + 1))
        block = block.take(pa.array(order)).combine_chunks()
        for number in range(self._n):
            if bounds[number + 1] > bounds[number]:
                if number not in self._files:
                    self._files[number] = pa.ipc.new_file(str(self._folder / f"{number:05d}.arrow"), BLOCK)
                self._files[number].write_table(block.slice(bounds[number], bounds[number + 1] - bounds[number]))

    def close(self) -> None:
        """Finish the files."""
        for file in self._files.values():
            file.close()

    def read(self) -> Iterator[pa.Table]:
        """The days' exchanges, each day sorted by time."""
        for number in sorted(self._files):
            with pa.memory_map(str(self._folder / f"{number:05d}.arrow")) as source:
                table = pa.ipc.open_file(source).read_all()
                yield table.sort_by([("requested_at", "ascending"), ("account_id", "ascending")]).combine_chunks()


class _Logs:
    """The logs and the exchanges' truth, written day by day."""

    def __init__(self, out: Path, writer: Format | None):
        self._writer = writer
        self._truth = pq.ParquetWriter(
            out / "truth" / "exchanges.parquet",
            pa.schema([schema.EXCHANGE.field("exchange_id"), *TRUTH]),
            use_dictionary=["label", "campaign", "population"],
        )
        self._parquet = (
            None
            if writer
            else pq.ParquetWriter(out / "logs.parquet", schema.EXCHANGE, compression="zstd", use_dictionary=_REPEATED)
        )
        self._lines = (out / "logs.ndjson").open("wb") if writer else None

    def __enter__(self) -> _Logs:
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._truth, self._parquet, self._lines):
            if one is not None:
                one.close()

    def write(self, day: pa.Table) -> None:
        """Write a day."""
        self._truth.write_table(day.select(["exchange_id", *TRUTH.names]), row_group_size=ROWS)
        log = day.select(schema.EXCHANGE.names).cast(schema.EXCHANGE)
        if self._parquet is not None:
            self._parquet.write_table(log, row_group_size=ROWS)
        if self._writer is not None and self._writer.write is not None and self._lines is not None:
            encode = msgspec.json.Encoder().encode
            for batch in log.to_batches(ROWS):
                self._lines.writelines(encode(one) + b"\n" for one in self._writer.write(batch.to_pylist()))


def _format(name: str) -> Format | None:
    """The format to write documents of; None for the canonical table as Parquet."""
    if name == "canonical":
        return None
    if name == "canonical-ndjson":
        return formats()["canonical"]
    known = {key: one for key, one in formats().items() if one.write is not None}
    if name not in known:
        names = ", ".join(sorted({*known, "canonical-ndjson"}))
        raise UsageError(f"no format {name!r} can be written", hint=f"formats that can be: {names}")
    return known[name]
