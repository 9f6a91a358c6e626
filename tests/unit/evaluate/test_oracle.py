"""Scores of random scans against counting by sets and trying every assignment."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.errors import InputError
from stillwatch.evaluate.networks import network_scores
from stillwatch.evaluate.scores import score

CAMPAIGNS = ["A", "B", "C"]
FINDINGS = ["F1", "F2", "F3", "F4"]


def write(folder: Path, label: list[str | None], finding: list[str | None]) -> tuple[Path, Path]:
    """A world of exchanges of the campaigns named (None: cover), and a scan that put them into findings."""
    ids = [f"x{i}" for i in range(len(label))]
    truth, scan = folder / "world" / "truth", folder / "scan"
    truth.mkdir(parents=True)
    scan.mkdir()
    labels = ["cover" if one is None else "driven" for one in label]
    known = {"exchange_id": ids, "label": labels, "campaign": label, "population": [one or "crowd" for one in label]}
    pq.write_table(pa.table(known), truth / "exchanges.parquet")
    pq.write_table(pa.table({"campaign": CAMPAIGNS}), truth / "campaigns.parquet")
    pq.write_table(pa.table({"account_id": ["a"], "kind": ["crowd"]}), truth / "accounts.parquet")
    empty = {name: pa.array([], pa.string()) for name in ("account_id", "campaign", "role")}
    pq.write_table(pa.table(empty), truth / "account_campaign.parquet")
    listed = [{"finding_id": one, "verdict": "campaign"} for one in FINDINGS]
    listed.append({"finding_id": "H", "verdict": "harvest"})
    (scan / "findings.json").write_text(json.dumps({"findings": listed}))
    rows = [(f, x) for f, x in zip(finding, ids, strict=True) if f]
    columns = {"finding_id": [f for f, _ in rows], "exchange_id": [x for _, x in rows]}
    pq.write_table(
        pa.table({k: pa.array(v, pa.string()) for k, v in columns.items()}), scan / "finding_exchanges.parquet"
    )
    parts = {name: pa.array([], pa.string()) for name in ("finding_id", "account_id", "role")}
    pq.write_table(pa.table(parts), scan / "finding_accounts.parquet")
    return scan, folder / "world"


def sets(names: list[str], values: list[str | None]) -> dict[str, set[int]]:
    """Rows by name."""
    return {name: {i for i, value in enumerate(values) if value == name} for name in names}


def found_plainly(campaigns: dict[str, set[int]], findings: dict[str, set[int]]) -> tuple[int, int]:
    """(exchanges matched, campaigns found) of the best one-to-one matching, by trying all."""
    best = (0, 0)
    for order in permutations(FINDINGS, len(CAMPAIGNS)):
        pairs = [(campaigns[c], findings[f]) for c, f in zip(CAMPAIGNS, order, strict=True)]
        hits = [len(c & f) for c, f in pairs if c & f and 2 * len(c & f) >= max(len(c), len(f))]
        best = max(best, (sum(hits), len(hits)))
    return best


@pytest.mark.parametrize("seed", range(25))
def test_matching_is_the_best_of_all(tmp_path: Path, seed: int) -> None:
    """As many exchanges are matched as by the best of all assignments; shares and outcomes are those of sets."""
    rng = np.random.default_rng(seed)
    n, noise = int(rng.integers(6, 60)), rng.uniform(0, 0.7)
    label = [([*CAMPAIGNS, None])[k] for k in rng.integers(0, 4, n)]
    true = {"A": "F1", "B": "F2", "C": "F3", None: None}
    anywhere = [([*FINDINGS, None])[k] for k in rng.integers(0, 5, n)]
    finding = [other if rng.random() < noise else true[one] for one, other in zip(label, anywhere, strict=True)]
    scores = score(*write(tmp_path, label, finding))
    campaigns, findings = sets(CAMPAIGNS, label), sets(FINDINGS, finding)
    matched = [one for one in scores.campaigns if one.finding_id]
    hits = sum(len(campaigns[one.campaign] & findings[str(one.finding_id)]) for one in matched)
    assert found_plainly(campaigns, findings) == (hits, len(matched))
    assert len({one.finding_id for one in matched}) == len(matched)
    for one in scores.campaigns:
        mine, everywhere = campaigns[one.campaign], set().union(*findings.values())
        assert one.exchanges == len(mine)
        assert one.recall_anywhere == pytest.approx(len(mine & everywhere) / max(len(mine), 1))
        biggest = max(len(mine & other) for other in findings.values())
        if one.finding_id:
            other = findings[one.finding_id]
            assert one.outcome == "found"
            assert one.exchange_recall == pytest.approx(len(mine & other) / len(mine))
            assert one.exchange_precision == pytest.approx(len(mine & other) / len(other))
        elif not mine or 2 * len(mine & everywhere) < len(mine):
            assert one.outcome == "missed"
        else:
            assert one.outcome == ("merged" if 2 * biggest >= len(mine) else "split")


def test_harvests_say_whose_exchanges_they_hold(tmp_path: Path) -> None:
    """A harvest is no campaign: its exchanges are told by population."""
    scores = score(*write(tmp_path, [None, None, "A"], ["H", "H", "H"]))
    assert scores.harvests == [{"finding_id": "H", "exchanges": 3, "populations": {"crowd": 2, "A": 1}}]
    assert [one.outcome for one in scores.campaigns] == ["missed"] * 3


def test_a_scan_of_another_world_is_refused(tmp_path: Path) -> None:
    """Exchanges that the world does not have are no false ones: the folders do not belong together."""
    scan, _ = write(tmp_path / "one", ["A", "A"], ["F1", "F1"])
    _, world = write(tmp_path / "other", ["A"], [None])
    with pytest.raises(InputError, match="1 exchanges that the world does not have"):
        score(scan, world)


@pytest.mark.parametrize("seed", range(10))
def test_networks_are_scored_by_sets(seed: int) -> None:
    """Purity and completeness are the shares of the best network of the truth."""
    rng = np.random.default_rng(seed)
    accounts = [f"a{i}" for i in range(40)]
    truth = {name: set(rng.choice(accounts, 8, replace=False)) for name in ("n1", "n2", "n3")}
    found = {name: set(rng.choice(accounts, 10, replace=False)) for name in ("g1", "g2")}
    for one in network_scores(found, truth, dict.fromkeys(accounts, "crowd")):
        mine = found[one.finding_id]
        most = max(len(mine & other) for other in truth.values())
        assert one.network is not None
        assert len(mine & truth[one.network]) == most
        assert (one.accounts, one.purity, one.completeness) == (10, most / 10, most / 8)
        assert sum(one.outsiders.values()) == 10 - most


def test_a_network_of_nobody_known_has_no_purity() -> None:
    """Accounts of no network of the truth make a network that is nobody's."""
    (one,) = network_scores({"g": {"a", "b"}}, {"n": {"c"}}, {"a": "crowd", "b": "crowd"})
    assert (one.network, one.purity, one.completeness, one.outsiders) == (None, 0.0, 0.0, {"crowd": 2})
