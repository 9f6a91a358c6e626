"""`stillwatch scan LOGS...`: find campaigns in logs, and write findings and a report."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.console import Console

    from stillwatch.campaigns.finding import Findings


def scan(
    logs: list[str],
    /,
    *,
    out: Path = Path("stillwatch-scan"),
    format: str | None = None,
    accounts: str | None = None,
    addresses: list[str] | None = None,
    mapping: Path | None = None,
    since: str | None = None,
    until: str | None = None,
    max_false_campaigns: float = 0.05,
    prior: float = 100.0,
    exemplars: Literal["masked", "none"] = "masked",
    min_accounts: int = 5,
    declared: Path | None = None,
    reviews: Path | None = None,
    into: Path | None = None,
    keep_days: int | None = None,
    keep_history: int | None = None,
    wait: bool = False,
    key: Path | None = None,
    pseudonymise: Path | None = None,
    seed: int = 0,
    memory: int = 2048,
    threads: int = 2,
    engine: Literal["duckdb", "spark"] = "duckdb",
    master: str | None = None,
    fail_on: Literal["campaign"] | None = None,
    quiet: bool = False,
    json: bool = False,
) -> int:
    """Find campaigns in logs, and write findings and a report.

    Parameters
    ----------
    logs
        Files, globs, folders (also of Delta and Iceberg tables), `-`, s3://, postgresql:// or clickhouse:// addresses.
    out
        Folder for the findings and report.html; a finished scan in it is replaced in one step.
    format
        The logs' format (`stillwatch formats` lists them); guessed where it is not given.
    accounts
        The account registry: Parquet, CSV or NDJSON. It brings payments and times of sign-up, which no log has.
    addresses
        What is known of addresses, once for each file: a MaxMind database (.mmdb), or a list of ranges as KIND=FILE
        with KIND hosting, vpn, proxy, tor or shared. docs/addresses.md says where to get them.
    mapping
        The mapping file, for the format `mapping`.
    since
        Only exchanges requested from then on: a day such as 2026-03-01 or a time, UTC where it names no zone.
    until
        Only exchanges requested before then.
    max_false_campaigns
        The promise: expected number of false `campaign` findings per 30 days.
    prior
        Campaign accounts per million, for the shown probability only; verdicts do not use it.
    exemplars
        `masked` shows templates that enough accounts sent; `none` keeps no text at all.
    min_accounts
        Accounts that must have sent a text before it is shown.
    declared
        Declared uses (.toml, .json, .csv, .yaml): who does what with permission, who answers for it, until when.
    reviews
        The log of `stillwatch review`: dismissed findings are spared, confirmed ones are no honest sample.
    into
        A store: these logs are added to it, and all that it holds is looked at. A folder; made where there is none.
    keep_days
        The store lets exchanges go that are older than so many days, from now on; all are kept where it is not given.
    keep_history
        The store lets counts and past findings go that are older than so many days; 400 where it is not given.
    wait
        Wait for another run that holds the store, in place of saying no.
    key
        File with the key for digests of messages and reasoning blocks; a store has one of its own where none is given.
    pseudonymise
        File with a key: ids, addresses and payments leave as keyed hashes.
    seed
        Seed of all random choices.
    memory
        Memory for the database, in MB.
    threads
        Threads to use.
    engine
        `duckdb` reads on this machine, `spark` on a cluster; the findings are the same. docs/engine.md says more.
    master
        Address of the Spark cluster, as spark://HOST:7077; what Spark is configured for where it is not given.
    fail_on
        Exit with status 3 where a finding of this verdict is found.
    quiet
        Say nothing on standard error but errors.
    json
        Print findings.json on standard output.
    """
    import msgspec

    from stillwatch.campaigns.finding import Findings
    from stillwatch.errors import UsageError
    from stillwatch.review.declared import read_declared
    from stillwatch.review.log import read_log
    from stillwatch.scan.options import ScanOptions
    from stillwatch.scan.progress import Progress
    from stillwatch.scan.run import scan as run
    from stillwatch.sources.messages import DEFAULT_KEY
    from stillwatch.sources.pseudonymise import read_key
    from stillwatch.sources.reading import ReadOptions
    from stillwatch.sources.time_range import time_range

    if not 0 < max_false_campaigns <= 10:
        raise UsageError("--max-false-campaigns must be above 0 and at most 10")
    if not 0 < prior < 1_000_000:
        raise UsageError("--prior must be above 0 and below a million")
    if min_accounts < 2:
        raise UsageError("--min-accounts must be at least 2: what one account sent is that account's own")
    if into is None and (keep_days is not None or keep_history is not None or wait):
        raise UsageError("--keep-days, --keep-history and --wait are of a store: name one with --into")
    if (keep_days is not None and keep_days < 1) or (keep_history is not None and keep_history < 1):
        raise UsageError("--keep-days and --keep-history must be at least 1")
    if memory < 256 or threads < 1:
        raise UsageError("--memory must be at least 256 and --threads at least 1")
    if master is not None and engine != "spark":
        raise UsageError("--master is of a cluster: it goes with --engine spark")
    options = ScanOptions(
        out=out,
        format=format,
        accounts=accounts,
        addresses=tuple(addresses or ()),
        max_false_campaigns=max_false_campaigns,
        prior_per_million=prior,
        exemplars=exemplars == "masked",
        min_exemplar_accounts=min_accounts,
        seed=seed,
        declared=declared,
        reviews=reviews,
        into=into,
        keep_days=keep_days,
        keep_history=keep_history,
        wait=wait,
        memory_mb=memory,
        threads=threads,
        engine=engine,
        master=master,
        read=ReadOptions(
            now=datetime.now(UTC),
            key=DEFAULT_KEY if key is None else read_key(key),
            pseudonymise=None if pseudonymise is None else read_key(pseudonymise),
            mapping=mapping,
            times=time_range(since, until),
        ),
    )
    # What is wrong with these files is said before anything is read for minutes.
    if declared is not None:
        read_declared(declared)
    if reviews is not None:
        read_log(reviews)
    progress = Progress(quiet=quiet, live=sys.stderr.isatty())
    run(logs, options, progress)
    findings = msgspec.json.decode((out / "findings.json").read_bytes(), type=Findings)
    if json:
        sys.stdout.write((out / "findings.json").read_text())
    elif not quiet:
        show(findings, msgspec.json.decode((out / "scan.json").read_bytes()), out)
    return 3 if fail_on and any(f.verdict == fail_on for f in findings.findings) else 0


def _show_history(console: Console, out: Path, names: dict[str, str]) -> None:
    """Print what became of the findings since the scan before, where there was one."""
    import msgspec
    from rich.padding import Padding
    from rich.text import Text

    from stillwatch.report.history import History

    history = msgspec.json.decode((out / "history.json").read_bytes(), type=History)
    told = [one for one in history.findings if one.finding_id in names] + history.just_gone
    if told:
        console.print("Since the scan before:", style="bold")
    for one in told:
        name = f"{names[one.finding_id]} ({one.finding_id})" if one.finding_id in names else one.finding_id
        console.print(Padding(Text(f"{name} {one.status}. {one.sentence}"), (0, 0, 0, 2)))


def show(findings: Findings, summary: dict[str, Any], out: Path) -> None:
    """Print what a scan found, for a terminal."""
    import msgspec
    import pyarrow.parquet as pq
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    from stillwatch.report.bar import bar_of, strength_in_words
    from stillwatch.report.conclusion import near_campaigns
    from stillwatch.report.naming import names_of, ranked
    from stillwatch.report.summary import ScanSummary
    from stillwatch.report.text import comes_once, count, listed
    from stillwatch.sources.quarantine import reasons

    console = Console(highlight=False)
    counts, store = summary["counts"], summary.get("store")
    console.print(
        f"{counts['read']:,} rows read = {counts['kept']:,} kept + {counts['quarantined']:,} quarantined"
        f" + {counts['duplicates']:,} duplicates; {count(summary['accounts'], 'account')}"
    )
    if store is not None:
        days = f"{store['first_day']} to {store['last_day']}"
        console.print(f"The store holds {store['exchanges']:,} exchanges of {count(store['days'], 'day')}, {days}.")
    if counts["quarantined"]:
        found = reasons(pq.read_table(out / "quarantine.parquet", columns=["reason"]))
        for reason, n in found[:3]:
            console.print(Padding(Text(f"{n:,} in quarantine: {reason}", style="yellow"), (0, 0, 0, 2)))
        if len(found) > 3:
            more = f"{sum(n for _, n in found[3:]):,} for {len(found) - 3:,} other reasons"
            console.print(Padding(Text(f"{more}: `stillwatch check` lists them", style="yellow"), (0, 0, 0, 2)))
    for note in [*summary["remarks"], *summary["notes"]]:
        console.print(Text(f"• {note}", style="yellow"))
    kinds = Counter(finding.verdict for finding in findings.findings)
    names = names_of(ranked(findings.findings))
    whole = msgspec.convert(summary, ScanSummary)
    null = whole.null
    accused = [finding for finding in ranked(findings.findings) if finding.verdict == "campaign"]
    if not accused:
        console.print("No campaign found.", style="bold")
    for finding in accused:
        title = ((names[finding.finding_id], "bold"), (" campaign", "bold red"), f"  {finding.finding_id}")
        console.print(Text.assemble(*title))
        console.print(Padding(Text(finding.claim), (0, 0, 0, 2)))
        best = finding.explanations[0].name if finding.explanations else "nothing"
        sure = f"{comes_once(finding.expected_false)}, were everybody honest; best honest explanation: {best}"
        console.print(Padding(Text(sure, style="dim"), (0, 0, 0, 2)))
        strength = f"strength {strength_in_words(bar_of(finding, null))}"
        console.print(Padding(Text(strength, style="dim"), (0, 0, 0, 2)))
    if kinds["network"]:
        they = "1 network acts" if kinds["network"] == 1 else f"{kinds['network']:,} networks act"
        console.print(f"{they} as one: no accusation by itself.")
        carrying = set(pq.read_table(out / "finding_links.parquet", columns=["network_id"])["network_id"].to_pylist())
        alone = [one for one in findings.findings if one.verdict == "network" and one.finding_id not in carrying]
        near = [names[one.finding_id] for one in near_campaigns(alone, whole)]
        if near:
            verb = "collects" if len(near) == 1 else "collect"
            console.print(f"{listed(near, 6)} {verb} as much as a campaign would: the report says what to find out.")
    unnamed = [names[one.finding_id] for one in findings.findings if one.unnamed]
    if openly := kinds["harvest"] - len(unnamed):
        they = "1 customer makes" if openly == 1 else f"{openly:,} customers make"
        console.print(f"{they} training data.")
    if unnamed:
        act = "acts as one and collects" if len(unnamed) == 1 else "act as one and collect"
        console.print(f"{listed(unnamed, 6)} {act} training data; whose accounts they are, a registry would tell.")
    for one in findings.declared:
        if one.spared or one.status != "in effect":
            said = f"{one.name} {one.use} ({one.owner}, until {one.until}): {one.sentence}"
            console.print(Text(said, style="yellow"))
    lacking = sorted({one["evidence"] for one in summary["missing_evidence"]})
    if lacking:
        console.print(f"These logs cannot support: {', '.join(lacking)}.", style="dim")
    if "store" in summary:
        _show_history(console, out, names)
    if names:
        first = next(iter(names.values()))
        console.print(Text(f"Why: stillwatch explain {first} --from {shlex.quote(str(out))}"), soft_wrap=True)
    console.print(Text(f"Report: {out / 'report.html'}", style="bold"), soft_wrap=True)
