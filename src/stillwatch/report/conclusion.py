"""The scan in one sentence, and what that sentence may not hide: what was tested, what could not be seen."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.campaigns.finding import Finding, Findings
from stillwatch.report.bar import SMALL_PART
from stillwatch.report.members import gravest_parts
from stillwatch.report.near import nearest_clear
from stillwatch.report.summary import ScanSummary
from stillwatch.report.text import bits, count, listed, spelled

CARRYING = ("driver", "stolen")
"""Roles of the accounts that carry a campaign's exchanges; the owner of a stolen key is a victim all the same."""


_ONE = ("collects", "is", "it", "its accounts hide")


@dataclass(frozen=True, slots=True)
class Conclusion:
    """headline: one sentence.  details: what belongs beside it.

    could_have_found: where there is no campaign, what the scan could have seen and what it could not; else empty.
    """

    headline: str
    details: list[str]
    could_have_found: list[str]


SAME_SHARE = 0.5
"""Campaigns that share this part of the smaller one's accounts run through the same accounts."""


def conclude(
    findings: Findings, summary: ScanSummary, members: pa.Table, links: pa.Table, names: dict[str, str]
) -> Conclusion:
    """What the scan comes to.

    members: `schema.FINDING_ACCOUNTS`.  links: `schema.FINDING_LINKS`.  names: what the page calls each finding.
    """
    by_verdict = {v: [f for f in findings.findings if f.verdict == v] for v in ("campaign", "network", "harvest")}
    campaigns, networks, harvests = by_verdict["campaign"], by_verdict["network"], by_verdict["harvest"]
    details: list[str] = []
    if campaigns:
        together = same_accounts(campaigns, members)
        headline = _campaigns(campaigns, members, len(together))
        details += [_together(group, names, members) for group in together if len(group) > 1]
        details += [" ".join(said)] if (said := _others(campaigns, members)) else []
    elif networks or harvests:
        headline = "No extraction campaign was found."
    else:
        headline = "Nothing was found: no campaign, no network, no harvest."
        details.append(
            f"Among {count(summary.accounts, 'account')} no group both acts as one and collects training data, as far "
            "as these logs can show. What they could have shown, and what not, stands below."
        )
    if networks:
        details.append(_networks(networks, set(links["network_id"].to_pylist()), summary, names))
    openly, unnamed = [one for one in harvests if not one.unnamed], [one for one in harvests if one.unnamed]
    if openly:
        details.append(
            f"{spelled(len(openly)).capitalize()} "
            f"{'customer makes' if len(openly) == 1 else 'customers make'} training data in the open: a matter of "
            "terms, not of fraud."
        )
    if unnamed:
        details.append(
            f"{spelled(len(unnamed)).capitalize()} {'group' if len(unnamed) == 1 else 'groups'} of accounts that act "
            "as one collected training data, and these logs do not tell whose they are: one customer's, or many who "
            "hide that they are one. A registry tells."
        )
    spared = [one for one in findings.declared if one.spared]
    if spared:
        groups = sum(len(one.spared) for one in spared)
        details.append(
            f"{spelled(groups).capitalize()} {'group is' if groups == 1 else 'groups are'} not called a campaign, "
            f"wholly or in part, because a declared use covers {'it' if groups == 1 else 'them'} "
            f"({listed([one.name for one in spared], 6)}). They stand under Declared uses and reviews."
        )
    return Conclusion(headline, details, [] if campaigns else could_have_found(findings, summary))


def could_have_found(findings: Findings, summary: ScanSummary) -> list[str]:
    """What a scan without a campaign shows and does not show: how strong one had to be, and how near anything came."""
    null, own = summary.null, summary.null.small_part_threshold_bits
    small = "" if own is None else f" ({bits(own)} bits each, where it was {SMALL_PART})"
    out = [
        f"A campaign had to show {bits(null.coordination_threshold_bits)} bits that its accounts act as one, "
        f"{bits(null.extraction_threshold_bits)} bits that they collect data, and beat every honest explanation by "
        f"{bits(null.campaign_threshold_bits)} bits{small}; fewer than {null.least_exchanges:,} answers are "
        "not put to the test. Weaker or smaller ones, and any that leave no trace in the columns below, would have "
        "been missed."
    ]
    nearest = nearest_clear(findings.tested, null, 1)
    if nearest:
        best = nearest[0].group
        others = "group was" if len(findings.tested) == 1 else "groups were"
        out.append(
            f"{len(findings.tested):,} {others} tested. The nearest that stayed clear, of "
            f"{count(best.accounts, 'account')} with {count(best.exchanges, 'exchange')}, reached "
            f"{bits(best.coordination_bits)} bits of coordination and {bits(best.extraction_bits)} of extraction, and "
            f"lacks {nearest[0].lacks}."
        )
    elif not findings.tested:
        out.append("No group of accounts shared enough to be worth a test.")
    return out


def same_accounts(campaigns: list[Finding], members: pa.Table) -> list[list[Finding]]:
    """Campaigns put together that run through the same accounts, in the order given."""
    accounts = [_accounts_of(one, members) for one in campaigns]
    group = list(range(len(campaigns)))
    for at, mine in enumerate(accounts):
        for before in range(at):
            smaller = min(len(mine), len(accounts[before]))
            if smaller and len(mine & accounts[before]) >= SAME_SHARE * smaller:
                old, new = group[at], group[before]
                group = [new if one == old else one for one in group]
    return [[one for one, g in zip(campaigns, group, strict=True) if g == which] for which in dict.fromkeys(group)]


def _accounts_of(finding: Finding, members: pa.Table) -> set[str]:
    mine = pc.and_(
        pc.equal(members["finding_id"], finding.finding_id), pc.is_in(members["role"], pa.array(CARRYING, pa.string()))
    )
    return set(members.filter(mine)["account_id"].to_pylist())


def _together(group: list[Finding], names: dict[str, str], members: pa.Table) -> str:
    """That campaigns run through the same accounts, and what that may mean."""
    called = listed([names[one.finding_id] for one in group], len(group))
    sets = [_accounts_of(one, members) for one in group]
    both = len(set.intersection(*sets))
    of = len(set.union(*sets))
    return (
        f"{called} run through the same accounts: {both:,} of {of:,} carry exchanges of "
        f"{'both' if len(group) == 2 else 'all of them'}. They may be parts of one campaign."
    )


def _campaigns(campaigns: list[Finding], members: pa.Table, groups: int) -> str:
    accounts = _distinct(members, campaigns, CARRYING) or sum(f.accounts for f in campaigns)
    answers = sum(f.exchanges for f in campaigns)
    targets: dict[str, float] = {}
    for finding in campaigns:
        for name, part in finding.targets.items():
            targets[name] = targets.get(name, 0.0) + part * finding.exchanges
    after = sorted((t for t in targets if targets[t] >= 0.2 * answers), key=lambda t: -targets[t])
    aim = f", mostly for {listed(after, 2)}" if after else ""
    if len(campaigns) == 1:
        return (
            f"One extraction campaign was found: {count(accounts, 'account')} that pass for strangers act as one and "
            f"collected {count(answers, 'answer')}{aim}."
        )
    return (
        f"{spelled(len(campaigns)).capitalize()} extraction campaigns were found: {count(accounts, 'account')} that "
        f"pass for strangers act as {'one group' if groups == 1 else f'{spelled(groups)} groups'} and collected "
        f"{count(answers, 'answer')}{aim}."
    )


def _networks(networks: list[Finding], carrying: set[str], summary: ScanSummary, names: dict[str, str]) -> str:
    """What is said of networks: no accusation."""
    carry = sum(network.finding_id in carrying for network in networks)
    rest = len(networks) - carry
    groups = "group of accounts acts" if len(networks) == 1 else "groups of accounts act"
    out = [f"{spelled(len(networks)).capitalize()} {groups} as one while presenting themselves as unrelated."]
    if carry:
        which = "It" if len(networks) == 1 else "All of them" if not rest else f"{spelled(carry).capitalize()} of them"
        verb = "carries" if carry == 1 else "carry"
        out.append(f"{which} {verb} what was found above, beside other traffic.")
    near = near_campaigns([one for one in networks if one.finding_id not in carrying], summary)
    if near:
        who = listed([names[one.finding_id] for one in near], 6)
        verb, be, them, they = ("collect", "are", "them", "they hide") if len(near) > 1 else _ONE
        out.append(
            f"{who} {verb} as much as a campaign would, yet {be} none: an honest explanation covers {them}, or that "
            f"{they} is not shown well enough. A network is no accusation."
        )
    elif rest:
        who = "the others" if carry and rest > 1 else "the other" if carry else "they" if rest > 1 else "it"
        out.append(
            f"That {who} {'collect' if rest > 1 else 'collects'} training data is not shown: "
            "resellers, classes and fraud rings look like this too, and a network is no accusation."
        )
    return " ".join(out)


def near_campaigns(networks: list[Finding], summary: ScanSummary) -> list[Finding]:
    """Of networks without a campaign, those that collect as much as one: what they lack is something else."""
    null = summary.null
    return [
        one
        for one in networks
        if one.extraction_bits >= null.extraction_threshold_bits and one.exchanges >= null.least_exchanges
    ]


def _others(campaigns: list[Finding], members: pa.Table) -> list[str]:
    """Who is near the campaigns without being accused of them."""
    out = []
    parts = gravest_parts(campaigns, members)
    stolen, carriers, adjacent = (parts.get(role, 0) for role in ("stolen", "carrier", "adjacent"))
    if stolen:
        whose = "their owners' own traffic goes on" if stolen > 1 else "its owner's own traffic goes on"
        victims = "the owners are victims" if stolen > 1 else "the owner is a victim"
        keys = (
            f"{spelled(stolen).capitalize()} of these accounts look like stolen keys"
            if stolen > 1
            else "One of these accounts looks like a stolen key"
        )
        out.append(f"{keys}: {whose} beside the campaign's, and {victims}.")
    if carriers:
        carry = "is in the same networks and carries" if carriers == 1 else "are in the same networks and carry"
        out.append(f"{count(carriers, 'more account')} {carry} none of it.")
    if adjacent:
        lack = "lacks evidence of its own and is" if adjacent == 1 else "lack evidence of their own and are"
        out.append(
            f"{spelled(adjacent).capitalize()} {'account' if adjacent == 1 else 'accounts'} near them {lack} "
            "not accused."
        )
    return out


def _distinct(members: pa.Table, findings: list[Finding], roles: tuple[str, ...]) -> int:
    ids = pa.array([finding.finding_id for finding in findings], pa.string())
    mine = pc.and_(pc.is_in(members["finding_id"], ids), pc.is_in(members["role"], pa.array(roles)))
    return int(pc.count_distinct(members.filter(mine)["account_id"]).as_py())
