"""Whether findings of one operator are told from findings of others: `python -m benchmarks.operators`.

Two fleets of one operator, a third fleet of somebody else, and a proxy network with two tenants, among honest
traffic. The range plays every campaign with dice of its own, so two fleets of one operator have nothing in common to
begin with; then his habits are put on, one after the other: some of the second fleet's accounts pay with the first
one's cards, go out through its exits, send with its program, were opened in its hours, both have one preamble to their
prompts, or rest in the same hours. What is assumed of an operator is just this list, and `SHARE`. Ready worlds, whose
campaigns all have different operators, say how often strangers are put together.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch.cli import run
from stillwatch.evaluate.scores import score
from stillwatch.traffic_range.worlds import HONEST, WORLDS, Cast, World, times
from stillwatch.traffic_range.write import write_world

SHARE = 0.3
"""Share of the second fleet's accounts, or of hours, on which a habit shows."""

FLEETS = ("fleet_one", "fleet_two")

CAST = (
    Cast("harvest_campaign", 120, {"per_day": 13.0}, name=FLEETS[0], operator="one", targets=("reasoning",), least=60),
    Cast("harvest_campaign", 120, {"per_day": 11.0}, name=FLEETS[1], operator="one", targets=("grading",), least=60),
    Cast("harvest_campaign", 120, {"per_day": 12.0}, name="stranger", operator="two", targets=("reasoning",), least=60),
    Cast("proxy_network", 300, {"per_day": 5.0}, name="proxy", least=240),
    Cast("guest_campaign", 110, {"per_day": 9.0}, name="tenant_one", operator="three", on="proxy", least=80),
    Cast(
        "guest_campaign", 90, {"per_day": 9.0}, name="tenant_two", operator="four", on="proxy",
        targets=("rewriting", "data_analysis"), least=60,
    ),
)  # fmt: skip

HABITS = ("nothing", "cards", "exits", "program", "sign-up", "preamble", "rests", "all of them")

PREAMBLE = (
    "Take the material below as it stands. Keep to the house rules of the annotation desk, and answer in one block.\n\n"
)


def fleets(scale: float) -> World:
    """The world of two fleets."""
    calendar = WORLDS["demo"].calendar
    return World("operators", "two fleets of one operator, and others", calendar, (*times(HONEST, scale), *CAST))


def put_on(folder: Path, habit: str, seed: int) -> None:
    """Give the second fleet a habit of the first, in the logs and the registry of a world."""
    rng = np.random.default_rng([seed, 11])
    truth = pq.read_table(folder / "truth" / "account_campaign.parquet").to_pylist()
    one, two = (sorted({row["account_id"] for row in truth if row["campaign"] == name}) for name in FLEETS)
    wearing = [account for account in two if rng.random() < SHARE]
    model_of = dict(zip(wearing, rng.choice(one, len(wearing)).tolist(), strict=True))
    logs, registry = pq.read_table(folder / "logs.parquet"), pq.read_table(folder / "accounts.parquet")
    wanted = HABITS[1:-1] if habit == HABITS[-1] else (habit,)
    if "cards" in wanted:
        logs, registry = (_as_others(table, "payment_id", model_of, registry) for table in (logs, registry))
    if "sign-up" in wanted:
        registry = _as_others(registry, "created_at", model_of, registry)
    if "exits" in wanted:
        logs = _as_others(logs, "ip", model_of, logs, rng)
    if "program" in wanted:
        for name in ("client", "client_fingerprint", "sdk"):
            if name in logs.column_names:
                logs = _as_others(logs, name, model_of, logs)
    if "preamble" in wanted:
        mine = pc.is_in(logs["account_id"], pa.array([*one, *two]))
        prompts = pc.if_else(mine, pc.binary_join_element_wise(PREAMBLE, logs["prompt"], ""), logs["prompt"])
        logs = logs.set_column(logs.schema.get_field_index("prompt"), "prompt", prompts)
    if "rests" in wanted:
        mine = pc.is_in(logs["account_id"], pa.array([*one, *two])).to_numpy()
        hour = logs["requested_at"].cast(pa.int64()).to_numpy() // 3_600_000_000 // 6
        rest = {block for block in np.unique(hour).tolist() if rng.random() < SHARE}
        logs = logs.filter(pa.array(~(mine & np.isin(hour, list(rest)))))
    pq.write_table(logs, folder / "logs.parquet")
    pq.write_table(registry, folder / "accounts.parquet")


def _as_others(
    table: pa.Table, column: str, model_of: dict[str, str], source: pa.Table, rng: np.random.Generator | None = None
) -> pa.Table:
    """A column with some accounts' values replaced by another's: one of his, or with dice any of his for each row."""
    values: dict[str, list[object]] = {}
    for account, value in zip(source["account_id"].to_pylist(), source[column].to_pylist(), strict=True):
        if value is not None:
            values.setdefault(account, []).append(value)
    out = []
    for account, value in zip(table["account_id"].to_pylist(), table[column].to_pylist(), strict=True):
        theirs = values.get(model_of.get(account, ""), [])
        out.append(value if not theirs else theirs[0] if rng is None else theirs[int(rng.integers(len(theirs)))])
    field = table.schema.field(column)
    return table.set_column(table.schema.get_field_index(column), field, pa.array(out, field.type))


def scanned(folder: Path) -> dict[str, Counter[str]]:
    """Pairs of found campaigns by grade: of `one` operator, and of `others`; `networks`: whatever else was tied."""
    out = folder / "scan"
    if run(["scan", str(folder / "world"), "--out", str(out), "--quiet", "--exemplars", "none"]) != 0:
        raise RuntimeError("the scan failed")
    scores = score(out, folder / "world")
    found = {one.finding_id: one for one in scores.campaigns if one.finding_id is not None}
    graded: dict[frozenset[str], str] = {}
    for finding in msgspec.json.decode((out / "findings.json").read_bytes())["findings"]:
        for hypothesis in finding["operators"]:
            graded[frozenset((finding["finding_id"], *hypothesis["findings"]))] = hypothesis["grade"]
            print(f"    {finding['finding_id']} {hypothesis['bits']:.1f} {hypothesis['sentence']}", file=sys.stderr)
    counts: dict[str, Counter[str]] = {"one": Counter(), "others": Counter()}
    for a, b in combinations(sorted(found), 2):
        kind = "one" if found[a].operator == found[b].operator else "others"
        counts[kind][graded.get(frozenset((a, b)), "none")] += 1
    # Whatever else was tied: networks, and campaigns that are nobody's of the truth.
    counts["networks"] = Counter(grade for pair, grade in graded.items() if not pair <= found.keys())
    return counts


def table(title: str, rows: Iterable[tuple[str, dict[str, Counter[str]]]]) -> list[str]:
    """A table of pairs by grade."""
    grades = ("strong", "moderate", "weak", "none")
    out = [
        f"| {title} | pairs of one operator: {', '.join(grades)} | of different ones | with networks |",
        "|---|---|---|---|",
    ]
    for name, counts in rows:
        cells = [", ".join(str(counts[kind][grade]) for grade in grades) for kind in ("one", "others")]
        ties = ", ".join(str(counts["networks"][grade]) for grade in grades[:3])
        out.append(f"| {name} | {' | '.join(cells)} | {ties} |")
    return out


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.operators", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--habits", nargs="*", default=list(HABITS), choices=HABITS)
    parser.add_argument("--scale", type=float, default=0.5, help="factor on the honest accounts around the fleets")
    parser.add_argument(
        "--worlds", nargs="*", default=["kinds", "september"], help="ready worlds, all of different operators"
    )
    parser.add_argument("--world-scale", type=float, default=0.2)
    asked = parser.parse_args()
    rows = []
    for habit in asked.habits:
        total: dict[str, Counter[str]] = {kind: Counter() for kind in ("one", "others", "networks")}
        for seed in asked.seeds:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                write_world(fleets(asked.scale), folder / "world", seed=seed)
                put_on(folder / "world", habit, seed)
                for kind, counts in scanned(folder).items():
                    total[kind] += counts
            print(f"{habit}, seed {seed}: {total}", file=sys.stderr, flush=True)
        rows.append((habit, total))
    if rows:
        print("\n".join(table("what the fleets have in common", rows)))
    rows = []
    for name in asked.worlds:
        total = {kind: Counter() for kind in ("one", "others", "networks")}
        for seed in asked.seeds:
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place)
                write_world(replace(WORLDS[name]), folder / "world", seed=seed, scale=asked.world_scale)
                for kind, counts in scanned(folder).items():
                    total[kind] += counts
            print(f"{name}, seed {seed}: {total}", file=sys.stderr, flush=True)
        rows.append((name, total))
    if rows:
        print()
        print("\n".join(table("world", rows)))


if __name__ == "__main__":
    main()
