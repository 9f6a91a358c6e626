"""The order of the steps: each step's tables are on disk before the next, and the result appears in one piece."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch import __version__, schema
from stillwatch.audit.frame import AUDIT, Looked, make_frame
from stillwatch.campaigns.assess import MIN_CAMPAIGN_EXCHANGES, Assessed, Assessment, assess
from stillwatch.campaigns.cells import Cells, make_cells
from stillwatch.campaigns.concealment import read_faces, read_places
from stillwatch.campaigns.efforts import join_efforts
from stillwatch.campaigns.findings import Context, Tables, make_tables
from stillwatch.campaigns.harvest import FALSE_HARVESTS, Harvests, find_harvests
from stillwatch.campaigns.keys import key_exchanges
from stillwatch.campaigns.operators import OPERATORS, compare, found_parties, with_operators
from stillwatch.campaigns.sharing import FEW_RANDOM, LARGE, N_RANDOM
from stillwatch.campaigns.verdicts import OF_CUSTOMERS, Thresholds, concealed_units, judge
from stillwatch.engine.database import database
from stillwatch.engine.folder import claim, publish
from stillwatch.engine.parts import write_long_table, write_table
from stillwatch.engine.queries import Queries
from stillwatch.engine.spark import cluster
from stillwatch.errors import NoExchange, OutputError
from stillwatch.fingerprint.names import read_names
from stillwatch.links.links import make_links
from stillwatch.networks.null import best_of_decoys
from stillwatch.networks.search import find_networks
from stillwatch.profiles.profile import make_profiles
from stillwatch.report.write import write_report
from stillwatch.review.ruling import past_parties, past_suspects, read_rulings
from stillwatch.review.said import annotated, in_summary
from stillwatch.review.settle import settle
from stillwatch.scan.addresses import described, located_share, with_signup_kinds
from stillwatch.scan.expected import expected_rows
from stillwatch.scan.ingest import Ingested, begun_at, ingest
from stillwatch.scan.options import ScanOptions
from stillwatch.scan.progress import Progress
from stillwatch.scan.remarks import remarks_on
from stillwatch.scan.signature import input_signature
from stillwatch.scan.storing import Storing, nothing_read
from stillwatch.scan.views import open_views
from stillwatch.scan.words import example_sources, examples, labels
from stillwatch.sources.accounts import open_registry
from stillwatch.sources.address_database import open_addresses
from stillwatch.sources.pseudonymise import pseudonymise
from stillwatch.sources.quarantine import Quarantine
from stillwatch.sources.registry import formats
from stillwatch.sources.support import ADDRESS_KINDS, missing
from stillwatch.store.memory import Memory
from stillwatch.store.place import open_store
from stillwatch.templates.find import find_templates


def scan(logs: Sequence[str], options: ScanOptions, progress: Progress | None = None) -> Path:
    """Scan logs and put findings, tables and report into `options.out`; returns that folder.

    Raises: StillwatchError in all its kinds, with nothing half done left in the output folder.
    """
    progress = progress or Progress(quiet=True)
    addresses = open_addresses(options.addresses, progress.say)
    options = replace(options, read=replace(options.read, exemplars=options.exemplars, addresses=addresses))
    if options.into is None:
        return _scan(logs, options, progress, None)
    with open_store(options.into, wait=options.wait, say=progress.say) as store:
        return _scan(logs, options, progress, Storing.begin(store, options))


def _scan(logs: Sequence[str], options: ScanOptions, progress: Progress, storing: Storing | None) -> Path:
    if storing is not None:
        options = replace(options, read=replace(options.read, key=storing.key))
    with claim(options.out) as work:
        signature = input_signature(logs, options)
        # A scan that is gone on with goes by the clock of its beginning: the registry, and what counts as the future.
        now = begun_at(work, signature) or options.read.now
        options = replace(options, read=replace(options.read, now=now))
        quarantine = Quarantine(exemplars=options.exemplars, pseudonyms=options.read.pseudonymise is not None)
        registry_faults = Quarantine(exemplars=options.exemplars, pseudonyms=options.read.pseudonymise is not None)
        registry = open_registry(
            options.accounts, logs, as_of=options.read.now, quarantine=registry_faults, say=progress.say
        )
        if registry_faults.n:
            reason = registry_faults.by_reason()[0][0]
            progress.say(f"registry: {registry_faults.n:,} rows cannot be read and are left out ({reason})")
        progress.expect(expected_rows(logs) if progress.live else None)
        with progress.step("reading, fingerprinting"):
            try:
                ingested = ingest(
                    logs, work, registry, options, quarantine, progress.say, progress.count, signature=signature
                )
            except NoExchange as error:
                if storing is None or storing.is_new:
                    raise
                progress.say(f"{error.what}: nothing is added to the store")
                ingested = nothing_read(work, quarantine, now)
        if registry is not None:
            registry = with_signup_kinds(registry, options.read.addresses)
        if registry is not None and options.read.pseudonymise is not None:
            # Reading joins by true ids; everything after it knows accounts by their pseudonyms only.
            registry = pseudonymise(registry, options.read.pseudonymise)
        if storing is None:
            publish(detect(work, registry, ingested, options, progress), options.out, work)
            return options.out
        with progress.step("store"):
            memory, ingested = storing.add(work, ingested, options)
        result = detect(memory.window, registry, ingested, options, progress, memory)
        memory.finish(result)
        publish(result, options.out, work)
        # The last: until here the store is as it was, and after it these logs are in it.
        storing.store.commit(memory.catalogue)
    return options.out


def detect(
    work: Path,
    registry: pa.Table | None,
    ingested: Ingested,
    options: ScanOptions,
    progress: Progress,
    memory: Memory | None = None,
) -> Path:
    """Everything after the text was read, from a work folder's tables; returns the folder of the result.

    memory: what a store's earlier scans leave to this one; None without a store.
    """
    rng = np.random.default_rng(options.seed)
    with progress.step("templates"):
        find_templates(
            work / "fingerprint", work / "templates", memory_mb=options.memory_mb // 2, threads=options.threads
        )
    with database(work, memory_mb=options.memory_mb, threads=options.threads) as connection, ExitStack() as workers:
        names = read_names(work / "names", "account")
        index = open_views(connection, work, registry, names)
        remarks = remarks_on(connection, index.n_units)
        counting: Queries = connection
        if options.engine == "spark":
            counting = workers.enter_context(cluster(options.master, work))
            open_views(counting, work, registry, names)
        with progress.step("profiles"):
            profiles = make_profiles(counting, work / "fingerprint", index)
        volume = np.bincount(index.unit, profiles.n, index.n_units).astype(np.int64)
        with progress.step("links"):
            rulings = read_rulings(
                options.declared,
                options.reviews,
                connection,
                index,
                registry,
                int(profiles.last_at.max()),
                options.read.pseudonymise,
            )
            links = make_links(counting, index)
            workers.close()
        with progress.step("networks"):
            networks = find_networks(links, rng)
        with progress.step("campaigns"):
            key_exchanges(connection, [network.members for network in networks], work / "rows")
            cells = make_cells(connection)
            faces, places = read_faces(connection, index), read_places(connection, index)
            past = past_suspects(cells, rulings)
            assessment = assess(
                connection, cells, links, networks, volume, faces, places, index.unit, rng, past, work / "rows"
            )
            suspected = np.union1d(concealed_units(assessment.subjects), past).astype(np.int32)
            decoys = best_of_decoys(links, volume, rng, suspected)
            first, last = int(profiles.first_at.min()), int(profiles.last_at.max())
            window_days = max((last - first) / 86_400e6, 1 / 24)
            days = window_days if memory is None else memory.days(first, last)
            standing = None if memory is None else memory.standing(cells, index, connection)
            n_hypotheses = int((links.degree() >= 3).sum())

            def judged_by(spent: float, some: Sequence[Assessed]) -> tuple[list[str], Thresholds]:
                return judge(some, n_hypotheses, decoys, spent, options.max_false_campaigns)

            def judged(some: Sequence[Assessed]) -> tuple[list[str], Thresholds]:
                if standing is None:
                    return judged_by(days, some)
                return standing.judge(partial(judged_by, days), partial(judged_by, window_days), some)

            # Which streams may be one effort is no verdict: the window's own bar says it, however little is spent now.
            assessment = join_efforts(assessment, judged_by(window_days, assessment.subjects)[1])
            verdicts, limits = judged(assessment.subjects)
            settled = settle(assessment, verdicts, limits, rulings, judged)
            assessment, verdicts, limits = settled.assessment, settled.verdicts, settled.limits
            harvests = find_harvests(assessment, verdicts, limits, days)
            if standing is not None:
                harvests = standing.harvested(
                    harvests, partial(find_harvests, assessment, verdicts, limits, window_days)
                )
            seen = [fmt for name, fmt in formats().items() if name in ingested.formats]
            lacking = missing({**ingested.coverage, ADDRESS_KINDS: located_share(profiles)}, registry, seen)
            context = Context(
                connection=connection,
                cells=cells,
                links=links,
                index=index,
                volume=profiles.n,
                labels=labels(connection, work / "names", links),
                limits=limits,
                missing=[f"{one['evidence']}: needs {one['needs']}" for one in lacking],
                remarks=settled.remarks,
            )
            shown = _shown_templates(assessment, verdicts, harvests, cells)
            sampled = work / "sample.parquet"
            looked_up: dict[int, str | None] = {}

            def texts_of(moulds: Iterable[int]) -> dict[int, str]:
                if not options.exemplars:
                    return {}
                moulds = list(moulds)
                new = [mould for mould in moulds if mould not in looked_up]
                found = examples(connection, sampled, new, options.min_exemplar_accounts)
                looked_up.update((mould, found.get(mould)) for mould in new)
                made = {mould: text for mould in moulds if (text := looked_up[mould]) is not None}
                return made if memory is None else {**memory.kept_examples(moulds), **made}

            texts = texts_of(shown)
            tables = make_tables(assessment, verdicts, harvests, context, texts)
            if memory is not None:
                tables = memory.follow(tables, connection, context.labels)
                if options.exemplars:
                    made = examples(connection, sampled, shown, options.min_exemplar_accounts)
                    memory.keep_examples(made, example_sources(connection, sampled, made), shown)
            tables = replace(tables, findings=annotated(tables.findings, tables.accounts, rulings, settled, index))
            looked_at = [group.units for group, _, _ in tables.weighed]
            pairs = compare(
                connection,
                cells,
                assessment.bench.scorer,
                [*past_parties(cells, rulings, index), *found_parties(tables.weighed, cells)],
                np.unique(np.concatenate([*looked_at, suspected])),
                np.random.default_rng([options.seed, OPERATORS]),
            )
            tables = replace(tables, findings=with_operators(tables.findings, pairs))
            frame = make_frame(
                [
                    Looked(
                        verdict=verdict,
                        finding_id=finding_id,
                        cells=group.cells,
                        units=group.units,
                        coordination_bits=group.coordination_bits,
                        extraction_bits=group.extraction_bits,
                        margin_bits=group.margin_bits,
                    )
                    for group, verdict, finding_id in tables.weighed
                ],
                (limits.coordination, limits.campaign),
                cells,
                index,
                assessment.bench.scorer,
                connection,
                context.labels,
                texts_of,
                np.random.default_rng([options.seed, AUDIT]),
            )
    summary: dict[str, Any] = {
        "stillwatch": __version__,
        "versions": {"fingerprint": schema.FINGERPRINT_VERSION, "findings": schema.FINDINGS_VERSION},
        "parameters": {
            "max_false_campaigns": options.max_false_campaigns,
            "exemplars": options.exemplars,
            "min_exemplar_accounts": options.min_exemplar_accounts,
            "format": options.format,
            "pseudonymised": options.read.pseudonymise is not None,
        },
        "seed": options.seed,
        "formats": ingested.formats,
        "counts": ingested.counts,
        "coverage": {name: round(share, 4) for name, share in ingested.coverage.items()},
        "first_at": _iso(first),
        "last_at": _iso(last),
        "accounts": index.n_accounts,
        "exchanges": int(profiles.n.sum()),
        "missing_evidence": lacking,
        "null": {
            "decoy_groups": int(sum(s.sharing.n_random for s in assessment.subjects)),
            "worlds": len(decoys),
            "best_decoy_bits": round(limits.decoy, 3),
            "tail": _tail(assessment),
            "least_exchanges": MIN_CAMPAIGN_EXCHANGES,
            "streams_tested": limits.n_streams,
            "streams_seeming_honest": round(limits.n_honest, 3),
            "campaign_threshold_bits": round(limits.campaign, 3),
            **_small_parts(limits),
            "coordination_threshold_bits": round(limits.coordination, 3),
            "extraction_threshold_bits": round(limits.campaign, 3),
            "harvest_threshold_bits": round(harvests.threshold, 3),
            "harvests_tested": len(harvests.tested),
            "harvest_null_units": harvests.n_null,
            "max_false_harvests": FALSE_HARVESTS,
        },
        "promise": {
            "max_false_campaigns": options.max_false_campaigns,
            "days": round(days, 3),
            "share_spent": round(min(days / 30.0, 1.0), 4),
        },
        "prior_per_million": options.prior_per_million,
        "address_database": described(options.read.addresses, profiles),
        "remarks": remarks,
        "notes": [] if memory is None else memory.notes(),
        **in_summary(rulings, settled),
        **({} if memory is None else {"store": memory.summary()}),
    }
    result = work / "result"
    result.mkdir(exist_ok=True)
    with progress.step("report"):
        _write_result(result, work, tables, frame, summary)
    (result / "run.json").write_text(json.dumps({"steps": progress.rows}, indent=2) + "\n")
    return result


def _small_parts(limits: Thresholds) -> dict[str, float | int | None]:
    """The bar of streams that are small parts of a network, and the bars by which what was published goes on."""
    own = limits.published
    bars = {
        "small_part_threshold_bits": limits.customers,
        "published_threshold_bits": float("nan") if own is None else own.campaign,
        "published_small_part_threshold_bits": float("nan") if own is None else own.customers,
    }
    return {
        "small_parts_tested": limits.n_customers_tested,
        "small_parts_seeming_honest": round(limits.n_customers, 3),
        "small_parts_share": OF_CUSTOMERS if limits.n_customers_tested else 0.0,
        **{name: None if np.isnan(bits) else round(bits, 3) for name, bits in bars.items()},
    }


def _tail(assessment: Assessment) -> str:
    """What of the null's tail is extrapolated, in words."""
    n = sum(s.sharing.extrapolated for s in assessment.subjects)
    if not n:
        return "none: no piece of evidence weighs more than its null sample shows"
    return (
        f"what {n:,} groups of more than {LARGE} accounts, or too small for a finding, share, each against "
        f"{FEW_RANDOM} random groups, by a gamma distribution and to {np.log2(N_RANDOM + 1):.0f} bits at the most; "
        "nothing else"
    )


def _write_result(result: Path, work: Path, tables: Tables, frame: pa.Table, summary: dict[str, Any]) -> None:
    try:
        (result / "findings.json").write_bytes(msgspec.json.format(msgspec.json.encode(tables.findings), indent=2))
        write_table(tables.accounts, result / "finding_accounts.parquet")
        write_long_table(tables.exchanges, result / "finding_exchanges.parquet", schema.FINDING_EXCHANGES)
        write_table(tables.links, result / "finding_links.parquet")
        write_table(tables.verdicts, result / "accounts.parquet")
        write_table(frame, result / "tested.parquet")
        quarantine = pq.read_table(work / "quarantine.parquet")
        write_table(quarantine, result / "quarantine.parquet")
        (result / "scan.json").write_text(json.dumps(summary, indent=2, sort_keys=True) + "\n")
        write_report(
            tables.findings, summary, tables.accounts, tables.links, quarantine, result, verdicts=tables.verdicts
        )
    except OSError as error:
        raise OutputError(
            f"cannot write: {error.strerror or error}", source=str(result), hint="free some space and scan again"
        ) from error


def _shown_templates(assessment: Assessment, verdicts: Sequence[str], harvests: Harvests, cells: Cells) -> list[int]:
    """Templates of the streams that are found, for which a report shows examples."""
    found = [s.cells for s, verdict in zip(assessment.subjects, verdicts, strict=True) if verdict != "clear"]
    found += [harvest.cells for harvest in harvests.tested if harvest.found]
    keys = [np.unique(cells.key[rows]) for rows in found]
    if not keys:
        return []
    unique = np.unique(np.concatenate(keys))
    return [int(hashed) for hashed in cells.key_hash[unique[cells.is_template[unique]]]]


def _iso(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
