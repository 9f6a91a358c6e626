"""Both comparisons as tables of Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.peers.on_worlds import BUDGETS, JUDGED, Line
from benchmarks.peers.tuning import Outcome


def worlds_tables(lines: Sequence[Line]) -> list[str]:
    """What each detector finds at the judged budget; at the other budgets and in hindsight; and world by world."""
    first = lines[0].tuned[JUDGED]
    out = [
        f"{first.drivers:,} driver accounts of {first.campaigns} campaigns, {first.exchanges:,} exchanges of theirs, "
        f"{first.honest:,} honest accounts. Threshold of other seeds, for one honest account accused in 10,000.",
        "",
        "| detector | accounts r / p | campaigns | exchanges r / p | honest accused | CPU s | setting |",
        "|---|---|---|---|---|---|---|",
    ]
    for line in lines:
        got = line.tuned[JUDGED]
        out.append(
            f"| {line.peer} | {_pair(got.recall, got.precision)} | {got.campaigns_found} of {got.campaigns} "
            f"| {_pair(got.exchange_recall, got.exchange_precision)} | {got.honest_flagged} | {line.seconds:.1f} "
            f"| {line.setting} |"
        )
    out += [
        "",
        "Recall of driver accounts, and honest accounts accused, at other budgets. In hindsight: at the best threshold "
        "for these very worlds, which nobody has beforehand.",
        "",
        "| detector | none | 1 in 10,000 | 1 in 100 | none, hindsight | 1 in 100, hindsight | best F1, hindsight |",
        "|---|---|---|---|---|---|---|",
    ]
    for line in lines:
        cells = [_found(line.tuned[b]) for b in BUDGETS]
        cells += [_found(line.hindsight[b]) if line.hindsight else "-" for b in (BUDGETS[0], BUDGETS[-1])]
        cells.append(_found(line.best) if line.best is not None else "-")
        out.append(f"| {line.peer} | {' | '.join(cells)} |")
    worlds = list(lines[0].by_world)
    out += [
        "",
        "World by world, at one in 10,000: recall of driver accounts (campaigns found), honest accounts accused.",
        "",
    ]
    out += [f"| detector | {' | '.join(worlds)} |", "|---" * (len(worlds) + 1) + "|"]
    for line in lines:
        cells = [
            (f"{one.recall:.3f} ({one.campaigns_found} of {one.campaigns})" if one.recall is not None else "-")
            + f", {one.honest_flagged}"
            for one in line.by_world.values()
        ]
        out.append(f"| {line.peer} | {' | '.join(cells)} |")
    return out


def _found(one: Outcome) -> str:
    return (f"{one.recall:.3f}" if one.recall is not None else "-") + f", {one.honest_flagged}"


def _pair(recall: float | None, precision: float | None) -> str:
    return " / ".join("-" if x is None else f"{x:.3f}" for x in (recall, precision))
