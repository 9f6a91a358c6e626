"""What a scan says of declared uses and reviews: each with what it changed, and every finding with what bears on it."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.campaigns.finding import Declared, Finding, Findings
from stillwatch.campaigns.roles import CARRYING
from stillwatch.fingerprint.hashing import hash_strings
from stillwatch.profiles.index import AccountIndex
from stillwatch.report.text import count, listed
from stillwatch.review.ruling import MAX_NAMED, Ruling, Rulings
from stillwatch.review.settle import Settled

SAME_SHARE = 0.5
"""Share of a finding's accounts that a confirmed one must have had to call it found again."""


def annotated(
    findings: Findings, members: pa.Table, rulings: Rulings, settled: Settled, index: AccountIndex
) -> Findings:
    """The findings, all declared uses beside them, each with what was confirmed or declared of its accounts.

    members: `schema.FINDING_ACCOUNTS`.
    """
    out = []
    rows_of: dict[str, list[int]] = {}
    for at, (one, role) in enumerate(zip(members["finding_id"].to_pylist(), members["role"].to_pylist(), strict=True)):
        if role in CARRYING:
            rows_of.setdefault(one, []).append(at)
    hashes = hash_strings(members["account_id"]).to_numpy().astype(np.int64)
    codes = np.searchsorted(index.hashes, hashes)
    for finding in findings.findings:
        rows = rows_of.get(finding.finding_id, [])
        said = [*finding.reviews, *_confirmed(finding, hashes[rows], rulings), *_covered(finding, codes[rows], rulings)]
        out.append(msgspec.structs.replace(finding, reviews=said))
    declared = [_declared(one, rulings, settled) for one in rulings.rulings]
    return msgspec.structs.replace(findings, findings=out, declared=declared)


def in_summary(rulings: Rulings, settled: Settled) -> dict[str, dict[str, Any]]:
    """What `scan.json` says of the files that were given, and what they changed."""
    out: dict[str, dict[str, Any]] = {}
    if rulings.declared_digest is not None:
        mine = [one for one in rulings.rulings if one.review is None]
        out["declared"] = {"digest": rulings.declared_digest, "entries": len(mine), **_effects(mine, settled)}
    if rulings.log_digest is not None:
        mine = [one for one in rulings.rulings if one.review is not None]
        out["reviews"] = {
            "digest": rulings.log_digest,
            "confirmed": len(rulings.past),
            "dismissed": len(mine),
            "units_out_of_the_null": len(rulings.guilty),
            **_effects(mine, settled),
        }
    return out


def _effects(mine: list[Ruling], settled: Settled) -> dict[str, int]:
    return {
        "in_effect": sum(one.holds for one in mine),
        "expired": sum(not one.holds for one in mine),
        "outgrown": sum(one.name in settled.outgrown for one in mine),
        "groups_spared": sum(len(settled.spared.get(one.name, ())) for one in mine),
    }


def _declared(ruling: Ruling, rulings: Rulings, settled: Settled) -> Declared:
    spared = settled.spared.get(ruling.name, [])
    review = ruling.review
    if not ruling.holds:
        status = "expired"
        said = (
            f"It ended on {ruling.until}, before the last of these exchanges ({rulings.last_day}), and has no effect."
        )
    elif ruling.name in settled.outgrown:
        status = "outgrown"
        said = f"What was dismissed has come back as a campaign: {'; '.join(settled.outgrown[ruling.name])}."
    elif len(ruling.accounts) == 0 and len(ruling.moulds) == 0:
        status, said = "absent", "Nobody in these logs is named by it."
    else:
        status, said = "in effect", _in_words(ruling)
        if spared:
            n = count(sum(one.exchanges for one in spared), "exchange")
            groups = count(len(spared), "group")
            said += (
                f" {groups} that it covers, wholly or in part, would have been a campaign: {n} are left out of the "
                "findings for it."
            )
    return Declared(
        name=ruling.name,
        source="declared" if review is None else "review",
        who=list(ruling.who[:MAX_NAMED]),
        use=ruling.use,
        owner=ruling.owner,
        until=ruling.until.isoformat(),
        status=status,
        accounts=len(ruling.accounts),
        sentence=said,
        by="" if review is None else review.by,
        why=ruling.why,
        spared=spared,
    )


def _in_words(ruling: Ruling) -> str:
    if ruling.review is not None:
        return (
            f"Finding {ruling.review.finding_id} was dismissed by {ruling.review.by} on {ruling.review.at[:10]}; "
            f"{count(len(ruling.accounts))} of its {count(ruling.review.accounts, 'account')} are in these logs."
        )
    said = []
    if len(ruling.accounts):
        said.append(f"It covers {count(len(ruling.accounts), 'account')} of these logs.")
    if len(ruling.moulds):
        moulds = listed([f"{key & (2**64 - 1):016x}" for key in ruling.moulds.tolist()], 4)
        said.append(f"That accounts share the declared mould {moulds} was not counted as evidence; it protects nobody.")
    if len(ruling.accounts) and len(ruling.units) == 0:
        said.append(
            "It has no effect: an organisation counts as one party, and not all accounts of it are named. Name it by "
            "org_id."
        )
    return " ".join(said)


def _confirmed(finding: Finding, hashes: npt.NDArray[np.int64], rulings: Rulings) -> list[str]:
    out = []
    for entry in rulings.past:
        again = int(np.isin(hashes, entry.hashes).sum())
        if again and again >= SAME_SHARE * len(hashes):
            out.append(
                f"{again:,} of its {count(len(hashes), 'account')} were in {entry.finding_id}, confirmed by {entry.by} "
                f"on {entry.at[:10]}: {entry.why}"
            )
    return out


def _covered(finding: Finding, codes: npt.NDArray[np.int64], rulings: Rulings) -> list[str]:
    """Declared uses of accounts that a network or harvest holds; a campaign says by itself whom it leaves out."""
    if finding.verdict == "campaign":
        return []
    out = []
    for one in rulings.rulings:
        mine = int(np.isin(codes, one.accounts).sum())
        if mine and one.holds and (one.review is None or mine >= SAME_SHARE * len(codes)):
            out.append(
                f"{mine:,} of its {count(len(codes), 'account')} are covered by {one.name} ({one.use}; {one.owner}, "
                f"until {one.until})."
            )
    return out
