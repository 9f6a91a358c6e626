"""The frame of an audit: everything that a scan looked at, group by group, and who is in no group.

`tested.parquet` holds it: every group that was tested, the ones below the threshold included, and a random sample of
the parties (accounts; a declared organisation counts as one) in none. Facts for a reviewer are kept of all findings,
and of a random sample of the others, so that the audit can draw from these: a random sample of a random sample is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch import schema
from stillwatch.audit.facts import Facts, gather
from stillwatch.campaigns.cells import Cells
from stillwatch.networks.group import Scorer
from stillwatch.profiles.index import AccountIndex, Ints

STRATA = ("campaigns", "harvests", "networks", "near misses", "clear groups", "nobody's")
"""Of what a sample is drawn: findings by verdict, groups that stayed clear, and parties in no group."""

NEAR_SHARE = 0.5
"""A clear group is a near miss where it has half of what a verdict takes on each axis."""

MOST_DRAWN = 400
"""Groups, or parties, of each stratum of which facts are kept; of findings, of all."""

AUDIT = 4
"""Which of a seed's streams of random numbers the frame is drawn with: no other step's choices hang on it."""

Texts = Callable[[Sequence[int]], Mapping[int, str]]
"""From templates to their masked examples, as far as they may be shown."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A group that was tested. cells: rows of `Cells`; units: parties; margin_bits: over the best explanation."""

    verdict: str
    finding_id: str | None
    cells: Ints
    units: npt.NDArray[np.int32]
    coordination_bits: float
    extraction_bits: float
    margin_bits: float


def make_frame(
    groups: Sequence[Looked],
    takes: tuple[float, float],
    cells: Cells,
    index: AccountIndex,
    scorer: Scorer,
    connection: duckdb.DuckDBPyConnection,
    labels: Mapping[tuple[str, int], str],
    texts: Texts,
    rng: np.random.Generator,
) -> pa.Table:
    """The frame, as `schema.TESTED`. takes: bits of coordination and of extraction that a verdict takes.

    The connection holds `exchanges`, `keyed` and `exchange_template`.
    """
    strata = np.array([_stratum(one, takes) for one in groups], dtype=object)
    chosen = np.zeros(len(groups), bool)
    for name in STRATA[:-1]:
        mine = np.flatnonzero(strata == name)
        most = len(mine) if name in STRATA[:3] else MOST_DRAWN
        chosen[rng.permutation(mine)[:most]] = True
    inside = np.unique(np.concatenate([one.units for one in groups])) if groups else np.zeros(0, np.int32)
    alone = np.setdiff1d(np.unique(cells.unit), inside)
    drawn = np.sort(rng.permutation(alone)[:MOST_DRAWN])
    rows_of = _rows_of(cells, drawn)
    asked = [one.cells for one, wanted in zip(groups, chosen, strict=True) if wanted] + rows_of
    facts = iter(
        _with_texts(
            gather(connection, [(cells.key_hash[cells.key[r]], cells.unit[r]) for r in asked], scorer, labels), texts
        )
    )
    names = _names(index)
    rows = []
    for at, (one, wanted) in enumerate(zip(groups, chosen, strict=True)):
        rows.append(
            {
                "entry": f"g{at:06d}",
                "stratum": strata[at],
                "of": int((strata == strata[at]).sum()),
                "verdict": one.verdict,
                "finding_id": one.finding_id,
                "coordination_bits": round(one.coordination_bits, 3),
                "extraction_bits": round(one.extraction_bits, 3),
                "margin_bits": round(one.margin_bits, 3),
                "accounts": names(one.units),
                "exchanges": int(cells.n[one.cells].sum()),
                "facts": _encoded(next(facts)) if wanted else None,
            }
        )
    for at, (unit, mine) in enumerate(zip(drawn.tolist(), rows_of, strict=True)):
        rows.append(
            {
                "entry": f"p{at:06d}",
                "stratum": STRATA[-1],
                "of": len(alone),
                "verdict": "clear",
                "finding_id": None,
                "coordination_bits": 0.0,
                "extraction_bits": 0.0,
                "margin_bits": 0.0,
                "accounts": names(np.array([unit])),
                "exchanges": int(cells.n[mine].sum()),
                "facts": _encoded(next(facts)),
            }
        )
    return pa.Table.from_pylist(rows, schema.TESTED)


def _stratum(group: Looked, takes: tuple[float, float]) -> str:
    if group.finding_id is not None:
        return {"campaign": "campaigns", "harvest": "harvests"}.get(group.verdict, "networks")
    coordination, extraction = takes
    near = group.coordination_bits >= NEAR_SHARE * coordination and group.extraction_bits >= NEAR_SHARE * extraction
    return "near misses" if near else "clear groups"


def _rows_of(cells: Cells, units: npt.NDArray[np.int64]) -> list[Ints]:
    """Rows of `cells` of each of some units, sorted."""
    rows = np.flatnonzero(np.isin(cells.unit, units))
    rows = rows[np.argsort(cells.unit[rows], kind="stable")]
    return np.split(rows, np.flatnonzero(np.diff(cells.unit[rows])) + 1) if len(rows) else []


def _with_texts(facts: Sequence[Facts], texts: Texts) -> list[Facts]:
    """The facts with the masked texts of their moulds, looked up for all of them alike."""
    ids = {mould.id for one in facts for mould in one.moulds}
    known = texts(sorted(_signed(one) for one in ids))
    return [
        msgspec.structs.replace(
            one,
            moulds=[msgspec.structs.replace(mould, example=known.get(_signed(mould.id))) for mould in one.moulds],
        )
        for one in facts
    ]


def _signed(mould: str) -> int:
    return int(np.array([int(mould, 16)], np.uint64).astype(np.int64)[0])


def _names(index: AccountIndex) -> Callable[[npt.NDArray[np.integer]], list[str]]:
    order = np.argsort(index.unit, kind="stable")
    starts = np.searchsorted(index.unit[order], np.arange(index.n_units + 1))

    def names(units: npt.NDArray[np.integer]) -> list[str]:
        codes = [code for unit in units.tolist() for code in order[starts[unit] : starts[unit + 1]].tolist()]
        return sorted(index.names[code] for code in codes)

    return names


def _encoded(facts: Facts) -> str:
    return msgspec.json.encode(facts).decode()
