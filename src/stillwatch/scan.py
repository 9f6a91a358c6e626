"""The main job: from logs to findings, step by step, each step's tables on disk before the next begins."""

from __future__ import annotations

import json
import resource
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch import __version__, schema
from stillwatch.engine.database import database
from stillwatch.engine.folder import claim, publish
from stillwatch.engine.parts import part_path, parts, write_table
from stillwatch.fingerprint.hashing import hash_strings
from stillwatch.fingerprint.names import Names, read_names, write_exchange_ids
from stillwatch.fingerprint.record import fingerprint
from stillwatch.fingerprint.spool import Spool
from stillwatch.profiles.index import AccountIndex, Ints, index_accounts
from stillwatch.sources.accounts import open_registry
from stillwatch.sources.duplicates import Duplicates
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
    logs: Sequence[str],
    work: Path,
    registry: pa.Table | None,
    options: ScanOptions,
    quarantine: Quarantine,
    spool: Spool | None,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Read the logs once and leave fingerprints, names, exchange ids and quarantine in the work folder.

    Returns the counts of rows read, kept, quarantined and duplicate, and the share of rows that fill each column.
    """
    folder, ids = work / "fingerprint", work / "exchange_ids"
    for path in (folder, ids, work / "names"):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
    filled: dict[str, int] = dict.fromkeys(schema.EXCHANGE.names, 0)
    n_rows = 0
    with Names(work / "names") as names, Duplicates(work) as duplicates:
        stream = read_logs(
            logs, format=options.format, registry=registry, options=options.read, quarantine=quarantine, say=say
        )
        for number, rows in enumerate(stream):
            prints = fingerprint(rows.batch, rows.positions, threads=options.threads)
            write_table(pa.Table.from_batches([prints]), part_path(folder, number))
            write_exchange_ids(rows.batch, rows.positions, part_path(ids, number))
            names.add(rows.batch)
            duplicates.add(prints["exchange"].to_numpy(), rows.positions)
            if spool is not None:
                spool.offer(rows.batch, prints)
            for name in schema.EXCHANGE.names:
                filled[name] += rows.batch.num_rows - rows.batch[name].null_count
            n_rows += rows.batch.num_rows
        drop = duplicates.to_drop()
    _drop(drop, (folder, ids))
    write_table(quarantine.table(), work / "quarantine.parquet")
    n_quarantined = quarantine.table().num_rows
    counts = {
        "read": n_rows + n_quarantined,
        "kept": n_rows - len(drop),
        "quarantined": n_quarantined,
        "duplicates": len(drop),
    }
    return {"counts": counts, "coverage": {name: filled[name] / max(n_rows, 1) for name in schema.EXCHANGE.names}}


def _drop(drop: Ints, folders: Sequence[Path]) -> None:
    """Leave the exchanges at some positions out of all parts."""
    if len(drop) == 0:
        return
    for folder in folders:
        for path in parts(folder):
            table = pq.read_table(path)
            keep = ~np.isin(table["position"].to_numpy(), drop, assume_unique=True)
            if not keep.all():
                write_table(table.filter(pa.array(keep)), path)


def open_views(connection: duckdb.DuckDBPyConnection, work: Path, registry: pa.Table | None, names: pa.Table) -> AccountIndex:
    """The views that links and campaigns query (`fingerprint`, `exchanges`, templates, `registry`), and who is who.

    names: account hash and account id, sorted by hash.
    """
    connection.execute(f"create view fingerprint as select * from read_parquet('{work}/fingerprint/part-*.parquet')")
    for name in ("template", "exchange_template"):
        connection.execute(f"create view {name} as select * from read_parquet('{work}/templates/{name}.parquet')")
    hashes = names["hash"].to_numpy().astype(np.int64)
    by_org = connection.sql(
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
    names_list = names["text"].to_pylist()
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
    from stillwatch.fingerprint.addresses import ip_prefix

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
            "signup_prefix": ip_prefix(rows["signup_ip"].combine_chunks()),
            "created_at": created,
            "signup_hour": hour,
            "closed_at": rows["closed_at"],
        }
    )


def hash_column(column: pa.ChunkedArray) -> Ints:
    """Hashes of a text column; 0 where there is no value."""
    hashes: Ints = pc.fill_null(hash_strings(column), 0).to_numpy(zero_copy_only=False)
    return hashes


def scan(logs: Sequence[str], options: ScanOptions, say: Callable[[str], None]) -> Path:
    """Scan logs and put findings, tables and report into `options.out`; returns that folder.

    Raises: StillwatchError in all its kinds, with nothing half done left in the output folder.
    """
    with claim(options.out) as work:
        steps = Steps(say)
        quarantine = Quarantine(exemplars=options.exemplars, pseudonyms=options.read.pseudonymise is not None)
        registry = open_registry(options.accounts, logs, as_of=options.read.now, quarantine=quarantine, say=say)
        with ExitStack() as stack:
            spool = stack.enter_context(Spool(work / "spool")) if options.exemplars else None
            with steps.step("reading and fingerprinting"):
                ingested = ingest(logs, work, registry, options, quarantine, spool, say)
            result = detect(work, registry, ingested, options, spool, steps)
        publish(result, options.out, work)
    return options.out


def detect(
    work: Path,
    registry: pa.Table | None,
    ingested: dict[str, Any],
    options: ScanOptions,
    spool: Spool | None,
    steps: Steps,
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
        names = read_names(work / "names", "account")
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
            first, last = int(profiles.first_at.min()), int(profiles.last_at.max())
            days = max((last - first) / 86_400e6, 1 / 24)
            n_hypotheses = int((links.degree() >= 3).sum())
            limits = thresholds(len(networks), n_hypotheses, days, options.max_false_campaigns)
            missing = missing_evidence(ingested["coverage"], registry)
            connection.execute(
                f"create view exchange_ids as select * from read_parquet('{work}/exchange_ids/part-*.parquet')"
            )
            context = Context(
                connection=connection, cells=cells, links=links, index=index,
                first_seen=_unit_min(profiles.first_at, index), created=np.zeros(index.n_units, np.int64),
                volume=profiles.n, labels=_labels(work), limits=limits, days=days,
                missing=[f"{m['evidence']}: needs {m['needs']}" for m in missing],
            )
            tables = make_tables(assessment, context, _examples(work, assessment, cells, spool, options))
    result = work / "result"
    result.mkdir(exist_ok=True)
    with steps.step("report"):
        summary = {
            "stillwatch": __version__,
            "versions": {"fingerprint": schema.FINGERPRINT_VERSION, "findings": schema.FINDINGS_VERSION},
            "parameters": {
                "max_false_campaigns": options.max_false_campaigns,
                "exemplars": options.exemplars,
                "min_exemplar_accounts": options.min_exemplar_accounts,
                "format": options.format,
            },
            "seed": options.seed,
            "counts": ingested["counts"],
            "coverage": {name: round(share, 4) for name, share in ingested["coverage"].items()},
            "first_at": _iso(first),
            "last_at": _iso(last),
            "accounts": index.n_accounts,
            "exchanges": ingested["counts"]["kept"],
            "missing_evidence": missing,
            "null": {
                "decoy_groups": int(sum(s.sharing.n_random for s in assessment.subjects)),
                "worlds": 0,
                "tail": "none: no piece of evidence weighs more than its null sample shows",
                "campaign_threshold_bits": round(limits.margin, 3),
                "coordination_threshold_bits": round(limits.coordination, 3),
                "extraction_threshold_bits": round(limits.extraction, 3),
            },
            "promise": {
                "max_false_campaigns": options.max_false_campaigns,
                "days": round(days, 3),
                "share_spent": round(min(days / 30.0, 1.0), 4),
            },
            "prior_per_million": options.prior_per_million,
            "address_database": None,
            "notes": [],
        }
        _write_result(result, work, tables, summary, steps)
    return result


def missing_evidence(coverage: dict[str, float], registry: pa.Table | None) -> list[dict[str, str]]:
    """Evidence that these logs cannot support: its name, the columns that it needs, and how to turn them on."""
    from stillwatch.sources.support import missing

    return missing(coverage, registry)


def _write_result(result: Path, work: Path, tables: Any, summary: dict[str, Any], steps: Steps) -> None:
    from stillwatch.report.write import write_report

    (result / "findings.json").write_bytes(msgspec.json.format(msgspec.json.encode(tables.findings), indent=2))
    write_table(tables.accounts, result / "finding_accounts.parquet")
    write_table(tables.exchanges, result / "finding_exchanges.parquet")
    write_table(tables.links, result / "finding_links.parquet")
    write_table(tables.verdicts, result / "accounts.parquet")
    quarantine = pq.read_table(work / "quarantine.parquet")
    write_table(quarantine, result / "quarantine.parquet")
    (result / "scan.json").write_text(json.dumps(summary, indent=2, sort_keys=True) + "\n")
    write_report(tables.findings, summary, tables.accounts, tables.links, quarantine, result)
    (result / "run.json").write_text(json.dumps({"steps": steps.rows}, indent=2) + "\n")


def _unit_min(column: Ints, index: AccountIndex) -> Ints:
    out = np.full(index.n_units, np.iinfo(np.int64).max)
    np.minimum.at(out, index.unit, column)
    return out


def _iso(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
