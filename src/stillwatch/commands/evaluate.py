"""`stillwatch evaluate`: a scan, or scans of worlds made for it, against the truth; what would be found and missed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stillwatch.errors import UsageError

if TYPE_CHECKING:
    from stillwatch.evaluate.delay import Delays
    from stillwatch.evaluate.document import Evaluation
    from stillwatch.evaluate.playing import Played
    from stillwatch.evaluate.power import PowerPoint
    from stillwatch.evaluate.scores import Scores


def evaluate(
    scan: Path | None = None,
    world: Path | None = None,
    /,
    *,
    worlds: tuple[str, ...] = (),
    seeds: str = "1-3",
    scale: float = 1.0,
    accounts: int | None = None,
    corpus: list[Path] | None = None,
    daily: Path | None = None,
    every: int = 1,
    power: str | None = None,
    values: str = "0,0.25,0.5,0.75,1",
    quick: bool = False,
    out: Path | None = None,
    against: Path | None = None,
    json: bool = False,
) -> int:
    """Say what a scan finds, misses and accuses wrongly, against the truth of labelled worlds.

    One of four: a scan and its world; worlds that are made, scanned and scored (`--worlds`); one of their evasions
    turned up step by step (`--worlds` with `--power`); a world scanned day by day (`--daily`). A campaign is found
    where one finding holds at least half of its exchanges, and is at least half its own.

    Parameters
    ----------
    scan
        The folder that a scan wrote.
    world
        The folder of the world that was scanned, with its truth.
    worlds
        Worlds of the range, made, scanned and scored one after the other, and summed up; may be given several times.
    seeds
        Seeds of these worlds: `1-10`, or `1,4,7`.
    scale
        Factor on the number of accounts of these worlds.
    accounts
        About how many accounts these worlds have, in place of a scale: your own size.
    corpus
        A folder of prompts that these worlds' texts are composed of (docs/corpus.md), in place of the project's
        grammar; of several, each world is made with each.
    daily
        A world's folder, scanned at the end of every day with what was logged by then: how long a campaign goes unseen.
    every
        Days from one of these scans to the next.
    power
        An evasion to turn up on all campaigns of these worlds (docs/worlds.md lists them), or `size`, a factor on their
        accounts: what it costs the scan.
    values
        Values of that dial, from 0 to 1; sizes may be larger.
    quick
        Ask no oracle what was possible at all.
    out
        Folder for evaluation.html, which a person reads, and evaluation.json, which `--against` compares.
    against
        An earlier evaluation.json: print what got better or worse since.
    json
        Print one JSON document on standard output.
    """
    if sum((scan is not None, bool(worlds), daily is not None)) > 1:
        raise UsageError("SCAN, --worlds and --daily ask for different things", hint="give one of them")
    if power is not None and not worlds:
        raise UsageError("--power needs --worlds", hint="for example --worlds demo --power cover")
    if corpus and (not worlds or power is not None):
        raise UsageError("--corpus goes with --worlds alone", hint="leave out --power, or the corpus")
    if accounts is not None and scale != 1.0:
        raise UsageError("--accounts and --scale both set the size", hint="give one of them")
    runs: list[Played] = []
    days: list[Delays] = []
    points: list[PowerPoint] = []
    if worlds:
        runs, points = _made(worlds, _numbers(seeds), scale, accounts, corpus or [], power, _values(values), quick)
    elif daily is not None:
        from stillwatch.evaluate.delay import day_by_day

        days = [day_by_day(daily, every=every, say=_say)]
    elif scan is not None and world is not None:
        from stillwatch.evaluate.playing import played

        runs = [played(scan, world, oracle=not quick)]
    else:
        raise UsageError("SCAN and WORLD are needed", hint="or name --worlds, which are made and scanned, or --daily")
    from stillwatch.evaluate.document import evaluation

    document = evaluation(_asked(scan, worlds, seeds, scale, accounts, daily, power), runs, delays=days, power=points)
    if json:
        _print_json(document, one=scan is not None)
    elif scan is not None:
        show(runs[0].scores)
        _show_possible(runs[0])
    else:
        _show_tables(document)
    _finish(document, out, against, quiet=json)
    return 0


def _made(
    worlds: tuple[str, ...],
    seeds: list[int],
    scale: float,
    accounts: int | None,
    corpora: list[Path],
    power: str | None,
    values: list[float],
    quick: bool,
) -> tuple[list[Played], list[PowerPoint]]:
    from stillwatch.evaluate.playing import play, scale_for
    from stillwatch.evaluate.power import power_curve
    from stillwatch.traffic_range.worlds import world_named
    from stillwatch.traffic_range.write import workers_here

    chosen, workers = [world_named(name) for name in worlds], workers_here()
    if power is None:
        runs = play(
            chosen, seeds, scale=scale, accounts=accounts, corpora=corpora, oracle=not quick, workers=workers, say=_say
        )
        return list(runs), []
    points = []
    for one in chosen:
        factor = scale if accounts is None else scale_for(one, accounts)
        points += power_curve(one, power, values, seeds, scale=factor, oracle=not quick, workers=workers, say=_say)
    return [], points


def _asked(
    scan: Path | None,
    worlds: tuple[str, ...],
    seeds: str,
    scale: float,
    accounts: int | None,
    daily: Path | None,
    power: str | None,
) -> str:
    """What was asked, in words without paths."""
    if scan is not None:
        return "one scan against its world"
    if daily is not None:
        return "one world, scanned day by day"
    size = f"about {accounts:,} accounts" if accounts is not None else f"scale {scale:g}"
    turned = f"; {power} turned up" if power is not None else ""
    return f"{'world' if len(worlds) == 1 else 'worlds'} {', '.join(worlds)}, seeds {seeds}, {size}{turned}"


def _print_json(document: Evaluation, *, one: bool) -> None:
    import msgspec

    if one:
        (run,) = document.runs
        more = msgspec.to_builtins(run)
        printed = {**more.pop("scores"), "found": run.scores.found, **more}
    elif document.runs:
        printed = msgspec.to_builtins(document.runs)
    else:
        printed = msgspec.to_builtins(document)
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(printed)).decode() + "\n")


def _show_tables(document: Evaluation) -> None:
    from stillwatch.evaluate.summary import said, summary

    print("\n".join(summary(document)))
    for sentence in said(document):
        print(f"\n{sentence}")


def _finish(document: Evaluation, out: Path | None, against: Path | None, *, quiet: bool) -> None:
    """Write what `--out` asks for, and say what changed since `--against`."""
    stream = sys.stderr if quiet else sys.stdout
    compared = None
    if against is not None:
        from stillwatch.evaluate.against import asked_alike, changes
        from stillwatch.evaluate.document import read_json

        before = read_json(against)
        compared = changes(before, document)
        if not asked_alike(before, document):
            print(f"{against}: not the same worlds, seeds and sizes; what both have is compared", file=stream)
        for one in compared:
            word = "better" if one.better else "worse"
            print(f"{word}: {one.what}: {one.before:.4g} before, {one.after:.4g} now", file=stream)
        if not compared:
            print("nothing got better or worse", file=stream)
    if out is not None:
        from stillwatch.evaluate.document import write_json
        from stillwatch.evaluate.write import write_page

        out.mkdir(parents=True, exist_ok=True)
        write_json(document, out / "evaluation.json")
        write_page(document, out / "evaluation.html", compared)
        print(f"{out / 'evaluation.html'}, {out / 'evaluation.json'}", file=stream)


def _numbers(seeds: str) -> list[int]:
    out: list[int] = []
    for part in seeds.split(","):
        low, dash, high = part.partition("-")
        if not low.strip().isdigit() or (dash and not high.strip().isdigit()):
            raise UsageError(f"--seeds {seeds!r} names no numbers", hint="write 1-10, or 1,4,7")
        out += range(int(low), int(high) + 1) if dash else [int(low)]
    if not out:
        raise UsageError(f"--seeds {seeds!r} names no seed", hint="write the smaller number first: 1-10")
    return out


def _values(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--values {text!r} names no numbers", hint="write 0,0.5,1") from None


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def show(scores: Scores) -> None:
    """Print scores, for a terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    names = ("campaign", "accounts", "recall", "precision", "exchanges", "recall", "precision")
    table = Table(*names, box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for one in scores.campaigns:
        table.add_row(
            one.campaign,
            f"{one.accounts:,}",
            *_shares(one.account_recall, one.account_precision),
            f"{one.exchanges:,}",
            *_shares(one.exchange_recall, one.exchange_precision),
        )
    console.print(table)
    for one in scores.campaigns:
        told = f"found as {one.finding_id}"
        if one.finding_id is None:
            told = f"{one.outcome}; {one.recall_anywhere:.0%} of its exchanges are in campaign findings"
        console.print(f"  {one.campaign}: {told}")
    console.print(
        f"{scores.found} of {len(scores.campaigns)} campaigns found; {len(scores.false_campaigns)} false ones"
    )
    for false in scores.false_campaigns:
        console.print(
            f"  false: {false['finding_id']}, {false['exchanges']:,} exchanges of {false['kinds']}", style="red"
        )
    if scores.split_campaigns:
        console.print(f"  pieces of campaigns that are no find: {', '.join(scores.split_campaigns)}")
    accused = sum(scores.accused.values())
    console.print(
        f"{accused:,} of {scores.honest_accounts:,} honest accounts accused"
        + (f": {', '.join(f'{n:,} of {kind}' for kind, n in scores.accused.items())}" if accused else "")
    )
    console.print(f"{scores.networks} networks, which accuse nobody")
    if scores.network_findings:
        nets = Table("network", "accounts", "in truth", "purity", "completeness", box=SIMPLE_HEAD)
        for net in scores.network_findings:
            shares = f"{net.purity:.3f}", f"{net.completeness:.3f}"
            nets.add_row(net.finding_id, f"{net.accounts:,}", net.network or "none", *shares)
        console.print(nets)
        for net in scores.network_findings:
            if net.outsiders:
                outsiders = ", ".join(f"{n} {kind}" for kind, n in net.outsiders.items())
                console.print(f"  strangers in {net.finding_id}: {outsiders}", soft_wrap=True)
    for harvest in scores.harvests:
        whose = ", ".join(f"{n:,} of {name}" for name, n in harvest["populations"].items())
        console.print(f"harvest {harvest['finding_id']}: {harvest['exchanges']:,} exchanges, {whose}")


def _shares(recall: float | None, precision: float | None) -> tuple[str, str]:
    return ("-" if recall is None else f"{recall:.3f}", "-" if precision is None else f"{precision:.3f}")


def _show_possible(run: Played) -> None:
    """Print what an oracle finds, and what tells it."""
    for one in run.possible:
        if one.exchange_recall is None:
            print(f"oracle: {one.campaign} has too few accounts to say what was possible")
        else:
            told = ", ".join(one.gives_away) or "no column by itself"
            print(f"oracle: {one.exchange_recall:.0%} of {one.campaign} was possible; what tells most: {told}")
