"""Which groups of a scan go on as findings that were published: they have passed their bar, and pay for no second test.

A false finding counts against the promise when it is published, once. A later scan that spends few days has a high bar;
were what was published put to it, a finding would be lost today and found again tomorrow, and nothing would be gained.
So what goes on as a published finding has to pass the bar of the window's days alone, as in a scan without a store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.campaigns.assess import Assessed
from stillwatch.campaigns.cells import Cells
from stillwatch.campaigns.harvest import Harvests
from stillwatch.campaigns.roles import CARRYING
from stillwatch.campaigns.verdicts import Thresholds
from stillwatch.fingerprint.hashing import hash_strings
from stillwatch.profiles.index import AccountIndex, Ints
from stillwatch.report.history import Remembered
from stillwatch.store.identity import SAME_SHARE
from stillwatch.store.members import Members

Judge = Callable[[Sequence[Assessed]], tuple[list[str], Thresholds]]


@dataclass(frozen=True, slots=True)
class Standing:
    """What was published and still stands, in the terms of a scan.

    campaigns: of each its exchanges that are still there, by cell: (n_cells,).  networks, harvests: of each its units.
    """

    campaigns: list[Ints]
    networks: list[npt.NDArray[np.int64]]
    harvests: Ints

    @classmethod
    def of(
        cls,
        past: Sequence[Remembered],
        members: Members,
        cells: Cells,
        index: AccountIndex,
        connection: duckdb.DuckDBPyConnection,
    ) -> Standing:
        """The findings that the last scan found. The connection holds `keyed`."""
        active = {verdict: [one.finding_id for one in past if one.active and one.verdict == verdict]
                  for verdict in ("campaign", "network", "harvest")}  # fmt: skip
        units = {name: _units(members.accounts, name, index) for verdict in active for name in active[verdict]}
        harvests = [units[name] for name in active["harvest"]]
        return cls(
            campaigns=_by_cell(active["campaign"], members.exchanges, cells, connection),
            networks=[units[name] for name in active["network"]],
            harvests=np.unique(np.concatenate([np.zeros(0, np.int64), *harvests])),
        )

    def goes_on(self, subject: Assessed, verdict: str) -> bool:
        """Whether a group has what makes it the same as a published finding of this verdict: see `identity`."""
        if verdict == "campaign":
            return any(
                _same(int(known[subject.cells].sum()), int(known.sum()), subject.n_exchanges)
                for known in self.campaigns
            )
        mine = subject.network.members
        return any(_same(int(np.isin(mine, known).sum()), len(known), len(mine)) for known in self.networks)

    def judge(self, strict: Judge, of_window: Judge, subjects: Sequence[Assessed]) -> tuple[list[str], Thresholds]:
        """The verdicts by a strict bar, and of what goes on as a published finding by the window's; both bars."""
        verdicts, limits = strict(subjects)
        by_window, window = of_window(subjects)
        limits = replace(limits, published=window)
        for at, (subject, verdict) in enumerate(zip(subjects, by_window, strict=True)):
            if verdicts[at] == "clear" and verdict != "clear" and self.goes_on(subject, verdict):
                verdicts[at] = verdict
        carries = {s.network_number for s, verdict in zip(subjects, verdicts, strict=True) if verdict == "campaign"}
        for at, subject in enumerate(subjects):
            if verdicts[at] == "clear" and subject.whole and subject.network_number in carries:
                verdicts[at] = "network"
        return verdicts, limits

    def harvested(self, strict: Harvests, of_window: Callable[[], Harvests]) -> Harvests:
        """The harvests by a strict bar, and those published ones that pass the window's."""
        if len(self.harvests) == 0:
            return strict
        window = of_window()
        passing = [one.units for one in window.tested if one.found and np.isin(one.units, self.harvests).all()]
        return replace(
            strict,
            tested=[
                replace(one, found=True, needed=window.threshold)
                if not one.found and any(np.array_equal(one.units, units) for units in passing)
                else one
                for one in strict.tested
            ],
        )


def _same(shared: int, theirs: int, mine: int) -> bool:
    return shared > 0 and shared >= SAME_SHARE * min(theirs, mine)


def _units(accounts: pa.Table, finding_id: str, index: AccountIndex) -> Ints:
    """Units of the accounts that carry a finding, as far as they are in the traffic."""
    carry = pc.is_in(accounts["role"], pa.array(CARRYING))
    mine = accounts.filter(pc.and_(pc.equal(accounts["finding_id"], finding_id), carry))
    hashes = hash_strings(mine["account_id"]).to_numpy().astype(np.int64)
    return np.unique(index.unit[np.isin(index.hashes, hashes)])


def _by_cell(
    findings: Sequence[str], exchanges: pa.Table, cells: Cells, connection: duckdb.DuckDBPyConnection
) -> list[Ints]:
    """Of each finding its exchanges by cell."""
    connection.register("past_exchanges", exchanges)
    rows = connection.sql(
        """
        select p.finding_id, k.key, k.unit, count(*) as n
        from past_exchanges p join keyed k using (exchange) group by all order by all
        """
    ).to_arrow_table()
    connection.unregister("past_exchanges")
    width = int(cells.unit.max()) + 1 if len(cells.unit) else 1
    key = np.searchsorted(cells.key_hash, rows["key"].to_numpy())
    at = np.searchsorted(cells.key * width + cells.unit, key * width + rows["unit"].to_numpy())
    n, names = rows["n"].to_numpy().astype(np.int64), rows["finding_id"].to_numpy(zero_copy_only=False)
    out = []
    for finding_id in findings:
        mine = names == finding_id
        known = np.zeros(len(cells.n), np.int64)
        np.add.at(known, at[mine], n[mine])
        out.append(known)
    return out
