"""The whole of an evaluation: what a person reads in `evaluation.html`, and a machine compares in `evaluation.json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from stillwatch import __version__
from stillwatch.errors import InputError, MissingSource
from stillwatch.evaluate.calibration import (
    BitCount,
    BitsRow,
    HeldOut,
    ProbabilityBin,
    bits_table,
    corpus_held_out,
    held_out,
)
from stillwatch.evaluate.delay import Delays
from stillwatch.evaluate.honest import Honest, honest_over_runs
from stillwatch.evaluate.intervals import share_interval
from stillwatch.evaluate.playing import Played
from stillwatch.evaluate.power import PowerPoint

VERSION = 1
"""Raised whenever `evaluation.json` changes its shape."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One campaign of one world over its runs.

    found: in so many of `runs`, with low and high.  outcomes: how often found, split, merged, missed.
    recall: share of its exchanges in any campaign finding, mean of all runs.  The other four: means of the runs that
    found it, null where none did.  possible_exchanges, possible_accounts: the oracle's recall at precision 0.99.
    gives_away: the columns that tell the oracle most.  targets: what it is after; named: what findings said, by runs.
    """

    world: str
    campaign: str
    runs: int
    accounts: int
    exchanges: int
    found: int
    low: float
    high: float
    outcomes: dict[str, int]
    recall: float
    account_recall: float | None
    account_precision: float | None
    exchange_recall: float | None
    exchange_precision: float | None
    possible_exchanges: float | None
    possible_accounts: float | None
    gives_away: dict[str, float]
    targets: list[str]
    named: dict[str, int]


class Adds(msgspec.Struct, frozen=True, kw_only=True):
    """What one evidence, or family, adds over runs: campaign findings in which it speaks, its bits, those lost."""

    name: str
    family: bool
    findings: int
    bits: float
    lost: int


class Population(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a population over runs; called: verdict -> accounts."""

    population: str
    campaign: bool
    accounts: int
    accused: int
    called: dict[str, int]
    exchanges: int
    claimed: int


class NetworkFound(msgspec.Struct, frozen=True, kw_only=True):
    """A network of the truth over runs; recall, precision: of accounts, means where some of it was in a finding."""

    world: str
    network: str
    campaigns: list[str]
    runs: int
    found: int
    recall: float | None
    precision: float | None


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; parts that were not asked for are empty. The lists over runs sum up what `runs` holds one by one."""

    version: int
    stillwatch: str
    asked: str
    runs: list[Played]
    campaigns: list[Found]
    honest: Honest | None
    verdicts: dict[str, dict[str, int]]
    roles: dict[str, dict[str, int]]
    labels: dict[str, int]
    populations: list[Population]
    networks: list[NetworkFound]
    operators: dict[str, int]
    bits: list[BitsRow]
    held_out: list[HeldOut]
    probabilities: list[ProbabilityBin]
    adds: list[Adds]
    delays: list[Delays]
    power: list[PowerPoint]


def evaluation(
    asked: str, runs: Sequence[Played], *, delays: Sequence[Delays] = (), power: Sequence[PowerPoint] = ()
) -> Evaluation:
    """What runs, days and dials came to. asked: the command, for the reader."""
    scores = [one.scores for one in runs]
    counted = [bits for one in runs for bits in one.bits]
    return Evaluation(
        version=VERSION,
        stillwatch=__version__,
        asked=asked,
        runs=list(runs),
        campaigns=_campaigns(runs),
        honest=honest_over_runs(scores, [one.days for one in runs], runs[0].promise) if runs else None,
        verdicts=_summed(one.verdicts for one in scores),
        roles=_summed(one.roles for one in scores),
        labels=dict(sum((Counter(one.labels) for one in scores), Counter[str]())),
        populations=_populations(runs),
        networks=_networks(runs),
        operators={
            "same": sum(one.operators.same for one in scores),
            "joined": sum(one.operators.joined for one in scores),
            "wrongly": sum(one.operators.wrongly for one in scores),
        },
        bits=bits_table(counted) if counted else [],
        held_out=[*held_out(counted), *corpus_held_out(_by_corpus(runs))],
        probabilities=_bins([one for run in runs for one in run.probabilities]),
        adds=_adds(runs),
        delays=list(delays),
        power=list(power),
    )


def write_json(document: Evaluation, path: Path) -> None:
    """Write `evaluation.json`."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def read_json(path: Path) -> Evaluation:
    """An earlier evaluation. Raises: MissingSource, InputError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Evaluation)
    except FileNotFoundError:
        raise MissingSource("is not there", source=str(path), hint="name an evaluation.json") from None
    except msgspec.DecodeError as error:
        hint = "compare with an evaluation.json that this version wrote"
        raise InputError(f"is no evaluation: {error}", source=str(path), hint=hint) from None


def _campaigns(runs: Sequence[Played]) -> list[Found]:
    out = []
    for world in dict.fromkeys(one.world for one in runs):
        mine = [one for one in runs if one.world == world]
        for name in dict.fromkeys(c.campaign for one in mine for c in one.scores.campaigns):
            each = [c for one in mine for c in one.scores.campaigns if c.campaign == name]
            found = [c for c in each if c.finding_id is not None]
            oracle = [p for one in mine for p in one.possible if p.campaign == name]
            away: Counter[str] = Counter()
            for one in oracle:
                away.update({column: recall / len(oracle) for column, recall in one.gives_away.items()})
            low, high = share_interval(len(found), len(each))
            out.append(
                Found(
                    world=world,
                    campaign=name,
                    runs=len(each),
                    accounts=round(np.mean([c.accounts for c in each])),
                    exchanges=round(np.mean([c.exchanges for c in each])),
                    found=len(found),
                    low=low,
                    high=high,
                    outcomes=dict(sorted(Counter(c.outcome for c in each).items())),
                    recall=float(np.mean([c.recall_anywhere for c in each])),
                    account_recall=_mean(c.account_recall for c in found),
                    account_precision=_mean(c.account_precision for c in found),
                    exchange_recall=_mean(c.exchange_recall for c in found),
                    exchange_precision=_mean(c.exchange_precision for c in found),
                    possible_exchanges=_mean(one.exchange_recall for one in oracle),
                    possible_accounts=_mean(one.account_recall for one in oracle),
                    gives_away={column: round(recall, 4) for column, recall in away.most_common(5)},
                    targets=each[0].targets,
                    named=dict(sorted(Counter(target for c in found for target in c.named).items())),
                )
            )
    return out


def _by_corpus(runs: Sequence[Played]) -> dict[str, list[BitCount]]:
    """Corpus -> counts of the worlds of its texts."""
    out: dict[str, list[BitCount]] = {}
    for one in runs:
        out.setdefault(one.texts, []).extend(one.bits)
    return out


def _networks(runs: Sequence[Played]) -> list[NetworkFound]:
    out = []
    keys = dict.fromkeys((one.world, net.network) for one in runs for net in one.scores.true_networks)
    for world, name in sorted(keys):
        mine = [n for one in runs if one.world == world for n in one.scores.true_networks if n.network == name]
        out.append(
            NetworkFound(
                world=world,
                network=name,
                campaigns=mine[0].campaigns,
                runs=len(mine),
                found=sum(n.outcome == "found" for n in mine),
                recall=_mean(n.recall for n in mine),
                precision=_mean(n.precision for n in mine),
            )
        )
    return out


def _populations(runs: Sequence[Played]) -> list[Population]:
    out = []
    each = [one for run in runs for one in run.scores.populations]
    for name in sorted({one.population for one in each}):
        mine = [one for one in each if one.population == name]
        out.append(
            Population(
                population=name,
                campaign=any(one.campaign for one in mine),
                accounts=sum(one.accounts for one in mine),
                accused=sum(one.accused for one in mine),
                called=dict(sum((Counter(one.called) for one in mine), Counter[str]())),
                exchanges=sum(one.exchanges for one in mine),
                claimed=sum(one.claimed for one in mine),
            )
        )
    return out


def _adds(runs: Sequence[Played]) -> list[Adds]:
    out = []
    each = [one for run in runs for one in run.without]
    for name, family in dict.fromkeys((one.name, one.family) for one in each):
        mine = [one for one in each if (one.name, one.family) == (name, family)]
        n = sum(one.findings for one in mine)
        out.append(
            Adds(
                name=name,
                family=family,
                findings=n,
                bits=sum(one.bits * one.findings for one in mine) / max(n, 1),
                lost=sum(len(one.lost) for one in mine),
            )
        )
    return sorted(out, key=lambda one: (one.family, -one.lost, -one.findings * one.bits, one.name))


def _bins(bins: Sequence[ProbabilityBin]) -> list[ProbabilityBin]:
    out = []
    for tenth in sorted({one.tenth for one in bins}):
        mine = [one for one in bins if one.tenth == tenth]
        n = sum(one.exchanges for one in mine)
        said = sum(one.said * one.exchanges for one in mine) / n
        out.append(ProbabilityBin(tenth=tenth, exchanges=n, said=said, own=sum(one.own for one in mine)))
    return out


def _summed(tables: Iterable[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    out: dict[str, Counter[str]] = {}
    for table in tables:
        for row, cells in table.items():
            out.setdefault(row, Counter()).update(cells)
    return {row: dict(sorted(cells.items())) for row, cells in out.items()}


def _mean(values: Iterable[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return float(np.mean(known)) if known else None
