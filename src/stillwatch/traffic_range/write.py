"""A world on disk: its logs in order of time, its registry, and the truth. Memory is the same whatever its size.

The entries of the cast are played first, in several processes where that is asked for, each onto its own shelf; then
the shelves are read together, piece by piece in the order of time. How many processes there were changes no byte.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing import active_children, get_context
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch import schema
from stillwatch.errors import OutputError, UsageError
from stillwatch.traffic_range.days import PLAIN_MOST, pieces, put_in_order, worded
from stillwatch.traffic_range.entries import Played, Recipe, in_buckets, play
from stillwatch.traffic_range.ids import random_ids
from stillwatch.traffic_range.population import populations
from stillwatch.traffic_range.sink import Logs, Piece, format_named
from stillwatch.traffic_range.stage import SECOND
from stillwatch.traffic_range.texts.invented import GRAMMAR
from stillwatch.traffic_range.texts.source import Texts
from stillwatch.traffic_range.worlds import World

MARK = "world.json"
"""A folder that holds it is a world, and may be written over."""

ALONE = 1500
"""Accounts of a world that is too small to be worth another process."""

TEXTS = ("prompt", "system_prompt", "response", "first_user")
"""What `text` stands for among columns that are left out."""

NEEDED = tuple(field.name for field in schema.EXCHANGE if not field.nullable)
"""Columns that no log can lack."""

MOST_WORKERS = 8
"""Processes where none are asked for: each takes about half a gigabyte."""

_TABLES = {
    "accounts": pa.schema(
        [
            ("account_id", pa.string()),
            ("kind", pa.string()),
            ("language", pa.string()),
            ("zone", pa.int64()),
            ("vpn", pa.bool_()),
        ]
    ),
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
    sample: float = 1.0,
    without: tuple[str, ...] = (),
    workers: int = 1,
    notes: dict[str, object] | None = None,
    texts: Texts = GRAMMAR,
    say: Callable[[str], None] = lambda text: None,
) -> Written:
    """Write a world into a folder: logs, `accounts.parquet`, `world.json`, `truth/`. Same seed, same bytes.

    scale: factor on every population's number of accounts.  sample: share of the exchanges that are logged, and known.
    without: columns that the logs lack, `text` for all texts, `registry` for `accounts.parquet`.  workers: processes
    that play populations, and threads that write; several only from the main thread, which is interrupted for all.
    notes: what else was asked for, to be told in `world.json`.  texts: where prompts come from.
    Raises: UsageError for what cannot be written; OutputError where the folder holds other files, or the disk is full.
    """
    if not scale > 0:
        raise UsageError("--scale must be above 0")
    if not 0 < sample <= 1:
        raise UsageError("--sample must be above 0, and at most 1")
    columns, registry = _without(without)
    writer = format_named(format)
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / MARK).exists())):
        raise OutputError("holds files that are no world's", source=str(out), hint="choose an empty or a new folder")
    work = out.parent / f".{out.name}.partial"
    shutil.rmtree(work, ignore_errors=True)
    try:
        (work / "truth").mkdir(parents=True)
        free = shutil.disk_usage(work).free
        recipe = Recipe(world, seed, scale, sample, columns, texts, plain_above=free - min(PLAIN_MOST, free // 10))
        entries = _play_all(recipe, work / ".days", workers, say)
        _write_accounts(work, entries, world, registry)
        written = Written(accounts=sum(one.n_accounts for one in entries if one.registry))
        for one in entries:
            written.by_population += one.populations
            written.by_label += one.labels
        with Logs(work, writer) as sink:
            for piece in _ready(recipe, entries, sink, workers):
                sink.write(piece)
                written.exchanges += piece.n
        shutil.rmtree(work / ".days")
        asked = {"sample": sample} if sample < 1 else {}
        told = _description(recipe, entries, written) | {"format": format} | asked | (notes or {})
        if without:
            told["without"] = sorted(set(without))
        (work / MARK).write_bytes(msgspec.json.format(msgspec.json.encode(told)) + b"\n")
        shutil.rmtree(out, ignore_errors=True)
        work.rename(out)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OutputError(
            "the disk is full; nothing was kept of the world",
            source=str(out),
            hint="a smaller --scale, or another --out",
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return written


def workers_here() -> int:
    """How many processes play populations where none are asked for: as many as there are cores, within reason."""
    return min(len(os.sched_getaffinity(0)), MOST_WORKERS)


def _without(names: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
    """(columns that are left out, whether the registry is written)."""
    columns: set[str] = set()
    for name in names:
        if name == "text":
            columns.update(TEXTS)
        elif name in NEEDED:
            raise UsageError(f"no log is without {name}", hint=f"every log has: {', '.join(NEEDED)}")
        elif name in schema.EXCHANGE.names:
            columns.add(name)
        elif name != "registry":
            known = ", ".join(one for one in schema.EXCHANGE.names if one not in NEEDED)
            raise UsageError(f"there is no column {name!r} to leave out", hint=f"text, registry, or a column: {known}")
    return tuple(sorted(columns)), "registry" not in names


def _play_all(recipe: Recipe, folder: Path, workers: int, say: Callable[[str], None]) -> list[Played]:
    """Every entry of the cast, played, in the order of the cast."""
    cast = recipe.world.cast
    homes = [folder / f"{place:04d}" for place in range(len(cast))]
    played: dict[int, Played] = {}
    accounts = [one.accounts * recipe.scale for one in cast]
    # The largest first, campaigns before others, so that nobody waits for one that began late.
    order = sorted(range(len(cast)), key=lambda k: (cast[k].campaign is None, -accounts[k], k))
    with ExitStack() as stack:
        if min(workers, len(cast)) > 1 and sum(accounts) > ALONE:
            pool = stack.enter_context(_players(min(workers, len(cast))))
            waiting: dict[Future[Played], int] = {pool.submit(play, recipe, k, homes[k]): k for k in order}
            stack.callback(pool.shutdown, cancel_futures=True)
            stack.push(_end_players)
            done: Iterator[tuple[int, Played]] = ((waiting[one], one.result()) for one in as_completed(waiting))
        else:
            done = ((k, play(recipe, k, homes[k])) for k in range(len(cast)))
        for k, one in done:
            played[k] = one
            say(f"{cast[k].called}: {_counted(one.n_accounts, 'account')}, {_counted(one.shelf.n, 'exchange')}")
    return [played[k] for k in range(len(cast))]


def _players(n: int) -> ProcessPoolExecutor:
    """Processes to play in, which leave it to this one to be interrupted.

    A process with threads of its own may not be forked; one that has only imported what is needed may. It cannot be
    ended before it has, so an interrupt waits for that. Assumes: it is called in the main thread.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    stopped: list[int] = []
    # What is ignored when a process is started is ignored in it and in all that it forks.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ensure_running()
        signal.signal(signal.SIGINT, lambda number, _: stopped.append(number))
        pool = ProcessPoolExecutor(n, context, pa.set_cpu_count, (1,))
        pool.submit(int).result()
    finally:
        signal.signal(signal.SIGINT, before)
    if stopped:
        pool.shutdown()
        raise KeyboardInterrupt
    return pool


def _end_players(kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
    """End what is still played, where the world will not be written."""
    if kind is not None:
        for player in active_children():
            player.terminate()


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _ready(recipe: Recipe, entries: list[Played], sink: Logs, workers: int) -> Iterator[Piece]:
    """The exchanges in pieces in the order of time, ready to be written, several of them being made at once.

    Their ids are drawn last, so that they tell nothing.
    """

    def ready(number: int, found: list[pa.Table]) -> Piece:
        piece = worded(put_in_order(found))
        found.clear()
        rng = np.random.default_rng([recipe.seed, number, 0xE5])
        ids = random_ids(rng, len(piece), "req_", 20)
        return sink.ready(piece.append_column(schema.EXCHANGE.field("exchange_id"), ids))

    waiting: deque[Future[Piece]] = deque()
    with ThreadPoolExecutor(workers) as threads:
        for number, found in enumerate(pieces([one.shelf for one in entries], recipe.world.calendar)):
            waiting.append(threads.submit(ready, number, found))
            # One more than can be worked on, so that nobody waits for what is read.
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _description(recipe: Recipe, entries: list[Played], written: Written) -> dict[str, Any]:
    world = recipe.world
    return {
        "world": world.name,
        "title": world.title,
        "seed": recipe.seed,
        "scale": recipe.scale,
        "format": "",
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
                "accounts": entry.n_accounts,
                "exchanges": entry.shelf.n,
                **({"on": cast.on} if cast.on else {}),
                **({"options": cast.options} if cast.options else {}),
                **({"dials": cast.dials} if cast.dials else {}),
            }
            for cast, entry in zip(world.cast, entries, strict=True)
        ],
    }


def _write_accounts(out: Path, entries: list[Played], world: World, registry: bool) -> None:
    """The registry and the truth of accounts, each sorted by account."""
    if registry:
        with pq.ParquetWriter(out / "accounts.parquet", schema.ACCOUNT) as file:
            for bucket in in_buckets([one.registry for one in entries if one.registry]):
                file.write_table(bucket.sort_by("account_id"))
    runs: set[tuple[str, str]] = set()
    with ExitStack() as stack:
        names = ("accounts", "account_network", "account_campaign")
        files = {name: stack.enter_context(pq.ParquetWriter(_truth(out, name), _TABLES[name])) for name in names}
        for bucket in in_buckets([one.known for one in entries]):
            known = bucket.sort_by([("account_id", "ascending"), ("campaign", "ascending")])
            member, agent = (known.filter(known[name].is_valid()) for name in ("network", "campaign"))
            tables = {
                "accounts": known.filter(known["kind"].is_valid()),
                "account_network": member.group_by(["account_id", "network"], use_threads=False).aggregate([]),
                "account_campaign": agent,
            }
            for name, table in tables.items():
                files[name].write_table(table.select(_TABLES[name].names))
            both = agent.filter(agent["network"].is_valid()).group_by(["campaign", "network"]).aggregate([])
            runs.update(zip(both["campaign"].to_pylist(), both["network"].to_pylist(), strict=True))
    campaigns = sorted(
        (cast.called, cast.campaign.operator, list(cast.campaign.targets)) for cast in world.cast if cast.campaign
    )
    for name, rows in (("campaigns", campaigns), ("campaign_network", sorted(runs))):
        columns = list(zip(*rows, strict=True)) or [()] * len(_TABLES[name])
        arrays = [pa.array(one, kind) for one, kind in zip(columns, _TABLES[name].types, strict=True)]
        pq.write_table(pa.table(arrays, schema=_TABLES[name]), _truth(out, name))


def _truth(out: Path, name: str) -> Path:
    return out / "truth" / f"{name}.parquet"
