"""The accounts of a finding: the first of them as rows of a table, all of them as text that a spreadsheet reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.campaigns.finding import Finding
from stillwatch.report.text import bits, shown_id

MAX_ACCOUNTS = 200
"""Rows of a finding's table; the rest is in its list."""

MAX_NETWORK_ACCOUNTS = 20

MAX_LISTED = 60_000
"""Accounts listed whole in one page, over all of its findings: some 40 bytes each."""

ROLES = ("driver", "carrier", "stolen", "adjacent")

_COMPUTED = ("=", "+", "-", "@")
"""What a spreadsheet would compute where a cell begins with it."""


@dataclass(frozen=True, slots=True)
class Member:
    """An account of a finding. exchanges: all that it sent, in the finding or not; None where nobody counted."""

    account_id: str
    role: str
    bits: float
    exchanges: int | None = None


def ordered(mine: pa.Table, exchanges: pa.Table | None = None) -> list[Member]:
    """The accounts of a finding: by role, then by their own evidence, then by id.

    mine: rows of `schema.FINDING_ACCOUNTS`.  exchanges: `schema.ACCOUNTS`, to count what each sent.
    """
    counted: dict[str, int] = {}
    if exchanges is not None:
        known = exchanges.filter(pc.is_in(exchanges["account_id"], mine["account_id"].combine_chunks()))
        counted = dict(zip(known["account_id"].to_pylist(), known["exchanges"].to_pylist(), strict=True))
    rows = zip(mine["account_id"].to_pylist(), mine["role"].to_pylist(), mine["bits"].to_pylist(), strict=True)
    return [
        Member(account, role, float(own), counted.get(account))
        for account, role, own in sorted(rows, key=lambda row: (_rank(row[1]), -row[2], row[0]))
    ]


def by_role(members: list[Member]) -> list[tuple[str, int]]:
    """How many accounts have each role, in the order in which roles are shown."""
    counts = Counter(member.role for member in members)
    return [(role, counts[role]) for role in sorted(counts, key=_rank)]


def gravest_parts(findings: Sequence[Finding], members: pa.Table) -> dict[str, int]:
    """Role -> accounts of some findings, each once: whoever has an owner is a victim, and only then a driver.

    members: `schema.FINDING_ACCOUNTS`.
    """
    mine = members.filter(pc.is_in(members["finding_id"], pa.array([one.finding_id for one in findings], pa.string())))
    parts: dict[str, set[str]] = {}
    for account, role in zip(mine["account_id"].to_pylist(), mine["role"].to_pylist(), strict=True):
        parts.setdefault(account, set()).add(role)
    order = ("stolen", "driver", "carrier", "adjacent")
    return dict(Counter(next((role for role in order if role in had), "other") for had in parts.values()))


def as_csv(members: list[Member]) -> str:
    """All accounts as CSV, ids as the page shows them, and nothing that a spreadsheet would compute."""
    counted = any(member.exchanges is not None for member in members)
    lines = ["account,role,own_bits" + (",exchanges" if counted else "")]
    for one in members:
        cells = [_cell(shown_id(one.account_id)), _cell(shown_id(one.role)), bits(one.bits).replace("−", "-")]
        lines.append(",".join([*cells, str(one.exchanges or 0)] if counted else cells))
    return "\n".join(lines)


def _cell(text: str) -> str:
    safe = f"'{text}" if text.startswith(_COMPUTED) else text
    quoted = safe.replace('"', '""')
    return f'"{quoted}"' if any(sign in safe for sign in ',"\n\r') else safe


def _rank(role: str) -> tuple[int, str]:
    return (ROLES.index(role) if role in ROLES else len(ROLES), role)
