"""The main job: from logs to findings, step by step, each step's tables on disk before the next begins."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch import schema
from stillwatch.engine.database import database
from stillwatch.engine.folder import claim, publish
from stillwatch.engine.parts import part_path, parts, read_parts, write_table
from stillwatch.fingerprint.hashing import hash_strings
from stillwatch.fingerprint.names import Names
from stillwatch.fingerprint.record import fingerprint
from stillwatch.fingerprint.spool import Spool
from stillwatch.profiles.index import AccountIndex, Ints, index_accounts
from stillwatch.sources.accounts import open_registry
from stillwatch.sources.quarantine import Quarantine
from stillwatch.sources.reading import ReadOptions, read_logs


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """How to scan.

    max_false_campaigns: expected false `campaign` findings per 30 days.  prior_per_million: campaign accounts per million,
    for the shown probability only.  min_exemplar_accounts: accounts that must have sent a text before it is shown;
    exemplars False keeps no text at all.  seed: of every random choice.
    """

    out: Path
    format: str | None = None
    accounts: str | None = None
    max_false_campaigns: float = 0.05
    prior_per_million: float = 100.0
    exemplars: bool = True
    min_exemplar_accounts: int = 5
    seed: int = 0
    memory_mb: int = 2048
    threads: int = 2
    read: ReadOptions = field(default_factory=lambda: ReadOptions(now=datetime.now(UTC)))


class Steps:
    """Time and peak memory a step, for run.json."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.rows: list[dict[str, Any]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.say(name)
        begin = time.perf_counter()
        yield
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        self.rows.append({"step": name, "seconds": round(time.perf_counter() - begin, 3), "peak_memory_mb": peak})


def ingest(
    logs: Sequence[str], work: Path, registry: pa.Table | None, options: ScanOptions, say: Callable[[str], None]
) -> dict[str, Any]:
    """Read the logs once and leave fingerprints, names, exchange ids, quarantine and examples in the work folder.

    Returns the counts of rows read, kept, quarantined and duplicate, and the share of rows that fill each column.
    """
    folder, ids = work / "fingerprint", work / "exchange_ids"
    for path in (folder, ids):
        path.mkdir(parents=True, exist_ok=True)
        for old in parts(path):
            old.unlink()
    quarantine = Quarantine(exemplars=options.exemplars, pseudonyms=options.read.pseudonymise is not None)
    names = Names()
    filled: dict[str, int] = dict.fromkeys(schema.EXCHANGE.names, 0)
    n_rows = 0
    spool = Spool(work / "spool") if options.exemplars else None
    number = 0
    for rows in read_logs(
        logs, format=options.format, registry=registry, options=options.read, quarantine=quarantine, say=say
    ):
        batch = rows.batch
        prints = fingerprint(batch, rows.positions, threads=options.threads)
        write_table(pa.Table.from_batches([prints]), part_path(folder, number))
        write_table(
            pa.table({"position": pa.array(rows.positions), "exchange_id": batch["exchange_id"]}), part_path(ids, number)
        )
        names.add(batch, prints)
        if spool is not None:
            spool.offer(batch, prints)
        for name in schema.EXCHANGE.names:
            filled[name] += batch.num_rows - batch[name].null_count
        n_rows += batch.num_rows
        number += 1
    duplicates = _drop_duplicates(folder, ids)
    names.write(work / "names")
    if spool is not None:
        spool.close_writing()
    write_table(quarantine.table(), work / "quarantine.parquet")
    n_quarantined = quarantine.table().num_rows
    counts = {
        "read": n_rows + n_quarantined,
        "kept": n_rows - duplicates,
        "quarantined": n_quarantined,
        "duplicates": duplicates,
    }
    coverage = {name: filled[name] / max(n_rows, 1) for name in schema.EXCHANGE.names}
    return {"counts": counts, "coverage": coverage}


def _drop_duplicates(folder: Path, ids: Path) -> int:
    """Keep each exchange id once, at its first position; how many rows were dropped."""
    hashes, positions = [], []
    for table in read_parts(folder, ["exchange", "position"]):
        hashes.append(table["exchange"].to_numpy())
        positions.append(table["position"].to_numpy())
    exchange, position = np.concatenate(hashes), np.concatenate(positions)
    order = np.lexsort((position, exchange))
    repeated = np.zeros(len(order), bool)
    repeated[1:] = exchange[order][1:] == exchange[order][:-1]
    drop = np.sort(position[order[repeated]])
    if len(drop) == 0:
        return 0
    for where in (folder, ids):
        for path in parts(where):
            table = pq.read_table(path)
            keep = ~np.isin(table["position"].to_numpy(), drop, assume_unique=True)
            if not keep.all():
                write_table(table.filter(pa.array(keep)), path)
    return len(drop)


def open_views(connection: duckdb.DuckDBPyConnection, work: Path, registry: pa.Table | None, names: pa.Table) -> AccountIndex:
    """The views that links and campaigns query (`fingerprint`, `exchanges`, templates, `registry`), and who is who.

    names: account hash and account id, sorted by hash.
    """
    connection.execute(f"create view fingerprint as select * from read_parquet('{work}/fingerprint/part-*.parquet')")
    for name in ("template", "exchange_template"):
        connection.execute(f"create view {name} as select * from read_parquet('{work}/templates/{name}.parquet')")
    hashes = names["hash"].to_numpy().astype(np.int64)
    by_org = connection.execute(
        "select account, min(org) as org from fingerprint where org is not null group by account order by account"
    ).to_arrow_table()
    org, has_org = np.zeros(len(hashes), np.int64), np.zeros(len(hashes), bool)
    at = np.searchsorted(hashes, by_org["account"].to_numpy())
    org[at], has_org[at] = by_org["org"].to_numpy(), True
    verified = np.full(len(hashes), -1, np.int8)
    signups: dict[str, Any] = {"unit": pa.array([], pa.int64())}
    rows: pa.Table | None = None
    if registry is not None:
        account = hash_column(registry["account_id"])
        row = np.searchsorted(hashes, account)
        known = (row < len(hashes)) & (hashes[np.minimum(row, len(hashes) - 1)] == account)
        rows, row = registry.filter(pa.array(known)), row[known]
        said = rows["verified"]
        state = pc.fill_null(pc.cast(said, pa.int8()), pa.scalar(-1, pa.int8())).to_numpy()
        verified[row] = state
        orgs = pc.fill_null(rows["org_id"], "").to_pylist()
        named = np.array([bool(o) for o in orgs])
        org[row[named]] = hash_column(rows["org_id"].filter(pa.array(named)))
        has_org[row[named]] = True
        signups = {"row": row}
    names_list = names["value"].to_pylist()
    index = index_accounts(hashes, names_list, org, has_org, verified)
    connection.register("account_unit", pa.table({"account": hashes, "unit": index.unit, "code": np.arange(len(hashes))}))
    connection.execute("create view exchanges as select f.*, u.unit from fingerprint f join account_unit u using (account)")
    connection.register("registry", _registry_view(rows, signups.get("row"), index))
    return index


def _registry_view(rows: pa.Table | None, row: Ints | None, index: AccountIndex) -> pa.Table:
    """What links ask of the registry, by unit: hashes of payment, e-mail domain, prefix and hour of sign-up."""
    if rows is None or row is None:
        empty = {"unit": pa.int64(), "account": pa.int64()}
        names = ("payment_id", "payment", "email_domain", "email", "signup_ip", "signup_prefix", "created_at", "signup_hour")
        kinds = dict.fromkeys(names, pa.int64()) | empty
        return pa.table({name: pa.array([], kind) for name, kind in kinds.items()})
    from stillwatch.fingerprint.hashing import hash_ip_prefixes

    created = rows["created_at"]
    hour = pc.divide(pc.cast(created, pa.int64()), pa.scalar(3_600_000_000, pa.int64()))
    return pa.table(
        {
            "unit": index.unit[row],
            "account": index.hashes[row],
            "payment_id": rows["payment_id"],
            "payment": hash_column(rows["payment_id"]),
            "email_domain": rows["email_domain"],
            "email": hash_column(rows["email_domain"]),
            "signup_ip": rows["signup_ip"],
            "signup_prefix": hash_ip_prefixes(rows["signup_ip"]),
            "created_at": created,
            "signup_hour": hour,
            "closed_at": rows["closed_at"],
        }
    )


def hash_column(column: pa.ChunkedArray) -> Ints:
    """Hashes of a text column; rows without a value hash as the empty text."""
    hashes, _ = hash_strings(column)
    return hashes


def scan(logs: Sequence[str], options: ScanOptions, say: Callable[[str], None]) -> Path:
    """Scan logs and put findings, tables and report into `options.out`; returns that folder.

    Raises: StillwatchError in all its kinds, with nothing half done left in the output folder.
    """
    with claim(options.out) as work:
        steps = Steps(say)
        quarantine = Quarantine(exemplars=options.exemplars, pseudonyms=options.read.pseudonymise is not None)
        registry = open_registry(options.accounts, logs, as_of=options.read.now, quarantine=quarantine, say=say)
        with steps.step("reading and fingerprinting"):
            ingested = ingest(logs, work, registry, options, say)
        result = detect(work, registry, ingested, options, steps)
        publish(result, options.out, work)
    return options.out


def detect(
    work: Path, registry: pa.Table | None, ingested: dict[str, Any], options: ScanOptions, steps: Steps
) -> Path:
    """Everything after the text was read: templates to report, from a work folder's fingerprints; returns the result folder."""
    from stillwatch.campaigns.assess import assess
    from stillwatch.campaigns.cells import make_cells
    from stillwatch.campaigns.findings import Context, make_tables
    from stillwatch.campaigns.verdicts import thresholds
    from stillwatch.links.links import make_links
    from stillwatch.networks.search import find_networks
    from stillwatch.profiles.profile import make_profiles
    from stillwatch.templates.find import find_templates

    rng = np.random.default_rng(options.seed)
    with steps.step("templates"):
        find_templates(work / "fingerprint", work / "templates", memory_mb=options.memory_mb // 2, threads=options.threads)
    with database(work, memory_mb=options.memory_mb, threads=options.threads) as connection:
        names = pq.read_table(work / "names" / "account_id.parquet")
        index = open_views(connection, work, registry, names)
        with steps.step("profiles"):
            profiles = make_profiles(connection, work / "fingerprint", index)
        volume = np.bincount(index.unit, profiles.n, index.n_units).astype(np.int64)
        with steps.step("links"):
            links = make_links(connection, index)
        with steps.step("networks"):
            networks = find_networks(links, volume, rng)
        with steps.step("campaigns"):
            cells = make_cells(connection)
            assessment = assess(connection, cells, links, networks, volume, rng)
    raise NotImplementedError
