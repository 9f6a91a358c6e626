"""Why, or why not: what a scan's folder says of one finding or one account."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.campaigns.finding import Finding, TestedGroup
from stillwatch.errors import InputError
from stillwatch.report.bar import SMALL_PART, VerdictBar, acts_from, bar_of, needed_of
from stillwatch.report.members import MAX_ACCOUNTS, Member, ordered
from stillwatch.report.naming import linked_findings, names_of, ranked
from stillwatch.report.near import lacking
from stillwatch.report.read import ScanFolder
from stillwatch.report.text import bits, count, shown_id
from stillwatch.report.waterfall import Chance, Step, chances, waterfall

NEAR = 5
"""Near matches that an error names."""

_LOOKED_AT = 5_000
"""Accounts that begin alike among which near matches are looked for."""


@dataclass(frozen=True, slots=True)
class FindingAnswer:
    """A finding, with its sum, its accounts and what it is linked to. name: what the report calls it.

    bar: what it had to reach to be what it is.  acts_from: bits from which its accounts act as one.
    """

    name: str
    finding: Finding
    steps: list[Step]
    chances: list[Chance]
    members: list[Member]
    n_members: int
    linked: list[str]
    bar: VerdictBar
    acts_from: float

    def as_json(self) -> dict[str, Any]:
        """The same for other programs."""
        return {
            "kind": "finding",
            "name": self.name,
            "finding": msgspec.to_builtins(self.finding),
            "waterfall": [msgspec.to_builtins(step) for step in self.steps],
            "probability": [msgspec.to_builtins(chance) for chance in self.chances],
            "accounts": [msgspec.to_builtins(member) for member in self.members],
            "n_accounts": self.n_members,
            "linked": self.linked,
            "harvest_takes_bits" if self.finding.verdict == "harvest" else "campaign_takes_bits": self.bar.needed,
            "strength_bits": round(self.bar.strength, 3),
            "taken_off_bits": self.bar.doubt,
        }


@dataclass(frozen=True, slots=True)
class Part:
    """An account's part in a finding."""

    name: str
    finding: Finding
    role: str
    bits: float


@dataclass(frozen=True, slots=True)
class AccountAnswer:
    """An account: its verdict, its parts in findings, and the reasons in sentences."""

    account_id: str
    verdict: str
    coordination_bits: float
    extraction_bits: float
    exchanges: int
    parts: list[Part]
    reasons: list[str]
    coordination_takes: float
    extraction_takes: float
    missing: list[str]

    def as_json(self) -> dict[str, Any]:
        """The same for other programs."""
        return {
            "kind": "account",
            "account_id": self.account_id,
            "verdict": self.verdict,
            "coordination_bits": self.coordination_bits,
            "extraction_bits": self.extraction_bits,
            "coordination_takes_bits": self.coordination_takes,
            "extraction_takes_bits": self.extraction_takes,
            "exchanges": self.exchanges,
            "findings": [
                {
                    "finding_id": part.finding.finding_id,
                    "name": part.name,
                    "verdict": part.finding.verdict,
                    "role": part.role,
                    "bits": part.bits,
                }
                for part in self.parts
            ],
            "reasons": self.reasons,
            "missing": self.missing,
        }


def answer(scan: ScanFolder, what: str) -> FindingAnswer | AccountAnswer:
    """What the scan says of a finding (its id, or its name in the report) or an account, or of an unambiguous prefix.

    Raises: InputError where nothing is called so, or more than one thing begins so; its hint names what is near.
    """
    findings = {finding.finding_id: finding for finding in scan.findings.findings}
    names = names_of(ranked(scan.findings.findings))
    by_name = {name: finding_id for finding_id, name in names.items()}
    if what in findings:
        return _finding(scan, findings[what], names)
    if _is_account(scan, what):
        return _account(scan, what, findings, names)
    if what.upper() in by_name:
        return _finding(scan, findings[by_name[what.upper()]], names)
    begins = [one for one in findings if what and one.lower().startswith(what.lower())]
    accounts = _accounts_that(pc.starts_with, scan, what) if what else []
    if len(begins) + len(accounts) == 1:
        return _finding(scan, findings[begins[0]], names) if begins else _account(scan, accounts[0], findings, names)
    if begins or accounts:
        matches = [shown_id(one) for one in [*begins, *accounts[:NEAR]]]
        raise InputError(
            f"{len(begins) + len(accounts):,} findings and accounts begin with {shown_id(what)}",
            source=str(scan.path),
            hint=f"say more of it: {', '.join(matches[:NEAR])}, …",
        )
    near = _near(scan, what, list(findings))
    raise InputError(
        f"no finding and no account is called {shown_id(what)}",
        source=str(scan.path),
        hint=f"near: {', '.join(shown_id(one) for one in near)}"
        if near
        else f"the scan has {count(len(findings), 'finding')} and {count(scan.accounts.num_rows, 'account')}; "
        "the report lists them",
    )


def _finding(scan: ScanFolder, finding: Finding, names: dict[str, str]) -> FindingAnswer:
    prior = scan.summary.prior_per_million
    mine = scan.members.filter(pc.equal(scan.members["finding_id"], finding.finding_id))
    return FindingAnswer(
        name=names[finding.finding_id],
        finding=finding,
        steps=waterfall(finding, prior),
        chances=chances(finding, prior),
        members=ordered(mine)[:MAX_ACCOUNTS],
        n_members=mine.num_rows,
        linked=linked_findings(finding, scan.links),
        bar=bar_of(finding, scan.summary.null),
        acts_from=acts_from(finding, scan.summary.null),
    )


def _account(scan: ScanFolder, account_id: str, findings: dict[str, Finding], names: dict[str, str]) -> AccountAnswer:
    row = scan.accounts.filter(pc.equal(scan.accounts["account_id"], account_id)).slice(0, 1).to_pylist()[0]
    mine = scan.members.filter(pc.equal(scan.members["account_id"], account_id)).to_pylist()
    parts = [
        Part(names[one["finding_id"]], findings[one["finding_id"]], one["role"], float(one["bits"]))
        for one in mine
        if one["finding_id"] in findings
    ]
    null = scan.summary.null
    nearest = _nearest(scan, float(row["coordination_bits"]), float(row["extraction_bits"]))
    # Bits of the strongest groups on each axis: the bar is that of the group, where it is plain which one that is.
    return AccountAnswer(
        account_id=account_id,
        verdict=row["verdict"],
        coordination_bits=float(row["coordination_bits"]),
        extraction_bits=float(row["extraction_bits"]),
        exchanges=int(row["exchanges"]),
        parts=parts,
        reasons=_reasons(scan, row, parts),
        coordination_takes=null.coordination_threshold_bits,
        extraction_takes=null.extraction_threshold_bits if nearest is None else needed_of(nearest, null),
        missing=[f"{one.evidence}: needs {one.needs}" for one in scan.summary.missing_evidence],
    )


def _reasons(scan: ScanFolder, row: dict[str, Any], parts: list[Part]) -> list[str]:
    """Why the account has its verdict, a sentence each."""
    out = [_reason(part) for part in parts]
    if {part.role for part in parts} >= {"stolen", "driver"}:
        out.insert(
            0, "Take its owner for a victim until that is ruled out: one finding at least sees a stolen key in it."
        )
    if row["verdict"] != "clear":
        return out
    null = scan.summary.null
    coordination, extraction = float(row["coordination_bits"]), float(row["extraction_bits"])
    if coordination <= 0 and extraction <= 0:
        if not parts:
            out.append(
                "It is in no group that was worth a test: it shares nothing with other accounts beyond what strangers "
                "share in this traffic, as far as these logs show."
            )
        return out
    if coordination <= 0:
        bar = (
            f"; to be called a harvest takes {bits(null.harvest_threshold_bits)}" if null.harvest_threshold_bits else ""
        )
        return [
            *out,
            "It is in no group whose accounts act as one. It was tested by itself, as one customer: "
            f"{bits(extraction)} bits say that its traffic collects training data{bar}.",
            "Traffic like training data accuses nobody: a customer that shows who it is may collect it, as far as your "
            "terms allow.",
        ]
    nearest = _nearest(scan, coordination, extraction)
    needs = null.coordination_threshold_bits
    takes = null.extraction_threshold_bits if nearest is None else needed_of(nearest, null)
    of_these = f" that is {SMALL_PART}" if nearest is not None and nearest.small_part else ""
    known = nearest is not None and nearest.verdict == "clear" and nearest.margin_bits is not None
    told = known and coordination >= needs
    if nearest is not None:
        out.append(
            f"The strongest group that it was tested in has {count(nearest.accounts, 'account')} with "
            f"{count(nearest.exchanges, 'exchange')}, {bits(nearest.coordination_bits)} bits of coordination and "
            f"{bits(nearest.extraction_bits)} of extraction."
        )
        if nearest.exchanges < null.least_exchanges and not told:
            out.append(
                f"Fewer than {null.least_exchanges:,} exchanges are no training set: such a group is not put to the "
                "test of a campaign."
            )
    if nearest is not None and told:
        out.append(
            f"Its group has the {bits(needs)} bits of coordination that a verdict takes, yet is no finding: it lacks "
            f"{lacking(nearest, null)}. Being alike is no finding."
        )
        return out
    if coordination < needs:
        out.append(
            f"The strongest group that it was tested in lacks {bits(needs - coordination)} of the {bits(needs)} bits "
            "that it takes to say that accounts act as one."
        )
    elif nearest is None or nearest.verdict == "clear" or not parts:
        out.append(
            f"Its group has the {bits(needs)} bits of coordination that a verdict takes, yet is no finding. "
            "Its evidence may come from one family alone, its accounts may not hide that they belong together, an "
            "honest explanation may cover it, or this account may lack evidence of its own. Being alike is no finding."
        )
    if extraction < takes:
        out.append(
            f"That its traffic collects training data is {bits(takes - extraction)} bits short of the {bits(takes)} "
            f"that a campaign{of_these} takes at least."
        )
    elif coordination < needs:
        out.append(
            "Traffic like training data is no finding by itself: only together with accounts that act as one is it a "
            "campaign."
        )
    return out


def _nearest(scan: ScanFolder, coordination: float, extraction: float) -> TestedGroup | None:
    """The tested group that gave an account its bits of coordination; None where that is not plain."""
    alike = [one for one in scan.findings.tested if abs(one.coordination_bits - coordination) < 0.0006]
    same = [one for one in alike if abs(one.extraction_bits - extraction) < 0.0006]
    return same[0] if same else alike[0] if len(alike) == 1 else None


def _reason(part: Part) -> str:
    finding = f"{part.name} ({part.finding.finding_id}, {part.finding.verdict})"
    own = f"with {bits(part.bits)} bits of its own"
    if part.finding.unnamed:
        return (
            f"It is of the accounts of {finding}, which act as one and collect training data; the log does not tell "
            "whose they are, so that nobody is accused of hiding it."
        )
    if part.finding.verdict == "harvest":
        return (
            f"It is an account of the customer of {finding}, whose traffic collects training data: a matter "
            "of terms. It hides nothing, and is not accused of fraud."
        )
    network = part.finding.verdict == "network"
    said = {
        "driver": f"It carries exchanges of {finding}, {own}.",
        "carrier": f"It is in {finding}, {own}: its accounts act as one. That it collects data is not shown."
        if network
        else f"It is in the network of {finding}, {own}, and carries none of its exchanges.",
        "stolen": f"It looks like a stolen key in {finding}: the owner's traffic goes on beside, and the owner is a "
        "victim.",
        "adjacent": f"It is near {finding} and not accused, {own}: they may come from one family of evidence alone, it "
        "may carry hardly any of the exchanges, have had the template before the campaign, or have an owner of whom "
        "too little is seen.",
    }
    return said.get(part.role, f"It is {part.role} in {finding}, {own}.")


def _is_account(scan: ScanFolder, what: str) -> bool:
    return bool(pc.any(pc.equal(scan.accounts["account_id"], what)).as_py())


def _accounts_that(test: Any, scan: ScanFolder, what: str) -> list[str]:
    ids: pa.ChunkedArray = scan.accounts["account_id"]
    found: list[str] = ids.filter(test(ids, what)).to_pylist()
    return found


def _near(scan: ScanFolder, what: str, findings: list[str]) -> list[str]:
    """What is spelt alike, or contains it."""
    if not what:
        return []
    inside = _accounts_that(pc.match_substring, scan, what)
    alike = list(findings)
    for length in (8, 5, 3, 1):
        alike += _accounts_that(pc.starts_with, scan, what[:length])[:_LOOKED_AT]
    return list(dict.fromkeys([*get_close_matches(what, dict.fromkeys(alike), NEAR, 0.5), *inside]))[:NEAR]
