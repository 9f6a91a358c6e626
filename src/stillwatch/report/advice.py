"""What a scan's reader does next: whom to look at first, what to rule out, whom to leave alone, what to turn on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from stillwatch.campaigns.finding import Evidence, Finding
from stillwatch.report.conclusion import near_campaigns
from stillwatch.report.honest import ASK
from stillwatch.report.summary import MissingEvidence, ScanSummary
from stillwatch.report.text import comes_once, count, listed
from stillwatch.report.waterfall import best_explanation, pieces

REPLACED_BITS = 2.0
"""Bits of `succession` from which it is said that accounts are replaced as they are closed."""

UNSEEN: dict[str, str] = {
    "shared-template": "prompts of one template from many accounts",
    "shared-tools": "the same tools offered by many accounts",
    "shared-items": "the same questions or documents in many accounts",
    "shared-payment": "one payment instrument behind many accounts",
    "shared-email-domain": "one mail domain behind many accounts",
    "shared-network-prefix": "many accounts that come from one network",
    "shared-client": "the same uncommon client software in many accounts",
    "signup-burst": "accounts that were opened together",
    "hidden-location": "accounts that hide behind VPNs, proxies or Tor",
    "contradicted-location": "accounts whose addresses contradict their sign-up",
    "shared-end-user": "the same end users in many accounts",
    "handoff": "a conversation that one account begins and another goes on with",
    "replay": "a reasoning block given to one account and handed back by another",
    "shared-rhythm": "accounts that are active in the same minutes",
    "synchrony": "accounts that rise and stop together",
    "succession": "new accounts in the place of closed ones",
    "even-load": "work dealt out evenly over accounts",
    "interchangeable": "accounts that ask as if their prompts came from one pile",
    "partition": "one list of questions dealt out without overlap",
    "mould-and-slots": "templates filled with ever new items",
    "focus": "prompts narrower in their topics than people's",
    "targets": "which capability is asked for",
    "pivot": "a move to a new model on its first day",
    "fresh-answers": "how many answers to new questions were collected",
    "answers": "how many new answers were collected, each step of an agent counted",
    "single-shot": "requests that nothing follows up",
    "long-answers": "longer answers than people ask for",
    "reasoning-asked": "reasoning asked for more than people do",
    "probing": "days of refused tests before the work",
    "relay-tail": "one instruction around everybody's follow-ups",
    "replayed-blocks": "reasoning blocks handed in where they cannot belong",
}
"""Evidence -> what cannot be seen without it, in words."""

MAX_WAYS = 4
"""Ways to see more that are told on the first page; the rest stands under Coverage."""

MAX_UNSEEN = 8

LASTING_DAYS = 7.0
"""A scan of fewer days is told that more of them show more."""


def next_steps(findings: Sequence[Finding], names: Mapping[str, str], roles: Mapping[str, int], summary: ScanSummary,
               carrying: Collection[str]) -> list[str]:  # fmt: skip
    """What to do next, in the order in which to do it.

    roles: role -> distinct accounts of all campaigns.  carrying: ids of the networks that carry a campaign.
    """
    campaigns = [one for one in findings if one.verdict == "campaign"]
    networks = [one for one in findings if one.verdict == "network"]
    out = [] if campaigns else ["There is nobody to act on: no finding accuses anybody."]
    if campaigns:
        out += _of_campaigns(campaigns, names, roles)
    near = near_campaigns([one for one in networks if one.finding_id not in carrying], summary)
    asked: dict[str, list[str]] = {}
    for one in near:
        best = best_explanation(one)
        if best is not None and best.name in ASK:
            asked.setdefault(best.name, []).append(names[one.finding_id])
    if asked:
        said = "; ".join(f"for {listed(whose, 6)}, {ASK[best]}" for best, whose in asked.items())
        out.append(f"Clear up what networks are that collect as much as a campaign would: {said}.")
    if len(networks) > len(carrying):
        them = "the network" if len(networks) == 1 else "the networks"
        out.append(
            f"Look at {them} only if your terms forbid resale or shared accounts: no network is accused of collecting "
            "training data."
        )
    unnamed = [names[one.finding_id] for one in findings if one.unnamed]
    if unnamed:
        out.append(
            f"Look up whose accounts {listed(unnamed, 6)} {'is' if len(unnamed) == 1 else 'are'} made of, and scan "
            "again with a registry (--accounts): if they are one customer's, it is a matter of terms; if they pass for "
            "many customers', it is a campaign."
        )
    harvests = [names[one.finding_id] for one in findings if one.verdict == "harvest" and not one.unnamed]
    if harvests:
        whom = "the customer" if len(harvests) == 1 else "the customers"
        out.append(
            f"Ask {whom} of {listed(harvests, 6)} what the answers are for, or look whether the contract allows it: a "
            "matter of terms. Nobody there hides anything, and no account is to be closed for it."
        )
    if summary.missing_evidence:
        ways = _turn_on(summary.missing_evidence)
        more = len(ways) - MAX_WAYS
        rest = f"; {count(more, 'more way')} under Coverage" if more > 0 else ""
        out.append(f"Before the next scan: {'; '.join(ways[:MAX_WAYS])}{rest}.")
    if not campaigns and summary.promise.days < LASTING_DAYS:
        out.append("Scan more days at once: synchrony, succession and volume show over weeks.")
    return out


def needed_in_words(needs: str) -> str:
    """The columns that an evidence needs, with those that no log has by the name of what brings them."""
    return needs.replace("addresses.kinds", "an address database").replace("registry.", "the account registry's ")


def unseen_in_words(said: str) -> str:
    """What a finding says that its logs could not show, with what that would have shown."""
    evidence, middle, needs = said.partition(": needs ")
    known = middle and evidence in UNSEEN
    return f"{evidence}: {UNSEEN[evidence]}; needs {needed_in_words(needs)}" if known else said


def in_short(finding: Finding) -> list[tuple[str, list[str]]]:
    """A finding's reasons, each with its strongest sentences: as one, hidden, collecting, and why it is not honest."""
    coordination = [one for one in pieces(finding, "coordination") if one.bits >= 1 and one.name != "concealment"]
    hidden = [one for one in finding.evidence if one.name == "concealment" and one.bits >= 1]
    extraction = [one for one in pieces(finding, "extraction") if one.bits >= 1]
    best = best_explanation(finding)
    out = [
        ("They act as one", _of_different_families(coordination)),
        ("They hide it", [one.sentence for one in hidden]),
        (
            "It collects answers" if finding.verdict == "harvest" else "They collect answers",
            _of_different_families(extraction),
        ),
    ]
    if best is not None and best.margin_bits > 0:
        out.append((f"It is not just “{best.name}”", list(best.against[:2])))
    return [(label, said) for label, said in out if said]


def _of_campaigns(campaigns: list[Finding], names: Mapping[str, str], roles: Mapping[str, int]) -> list[str]:
    first = min(campaigns, key=lambda one: float(f"{one.expected_false:.2g}"))
    name = names[first.finding_id]
    out = []
    if len(campaigns) > 1:
        out.append(
            f"Begin with {name}, the surest: {comes_once(first.expected_false)}. Read its page, then some of its "
            "exchanges, which finding_exchanges.parquet names."
        )
    else:
        out.append(f"Read the page of {name}, then some of its exchanges, which finding_exchanges.parquet names.")
    asked: dict[str, list[str]] = {}
    for one in campaigns:
        best = best_explanation(one)
        if best is not None and best.name in ASK:
            asked.setdefault(best.name, []).append(names[one.finding_id])
    if asked:
        said = "; ".join(f"for {listed(whose, 6)}, {ASK[best]}" for best, whose in asked.items())
        out.append(f"Rule out what logs cannot show, outside the logs: {said}.")
    out.append(f"Act on accounts by their part: {_whom(roles)}.")
    if any(one.name == "succession" and one.bits >= REPLACED_BITS for f in campaigns for one in f.evidence):
        out.append("Act on all of a campaign's accounts at once: new ones begin within a day of others' being closed.")
    return out


def _whom(roles: Mapping[str, int]) -> str:
    said = []
    if roles.get("driver"):
        said.append(f"{count(roles['driver'], 'driver carries', 'drivers carry')} the campaigns' exchanges")
    if roles.get("stolen"):
        said.append(
            f"{count(roles['stolen'], 'key looks', 'keys look')} stolen, and the owner is to be warned, not banned"
        )
    near = roles.get("carrier", 0) + roles.get("adjacent", 0)
    if near:
        said.append(f"{count(near, 'account is', 'accounts are')} only near, and to be left alone")
    return "; ".join(said) or "drivers carry the exchanges"


def _turn_on(missing: Sequence[MissingEvidence]) -> list[str]:
    """How to have what is missing, each way once, with what it brings; what brings most comes first."""
    ways: dict[str, list[str]] = {}
    told = [(_way(one), one.evidence) for one in missing]
    for way, evidence in sorted(told, key=lambda one: "; " in one[0]):
        # What takes two things that are told already is brought by each of them.
        parts = way.split("; ")
        for part in parts if all(one in ways for one in parts) else [way]:
            ways.setdefault(part, []).append(evidence)
    most = sorted(ways.items(), key=lambda one: -len(one[1]))
    return [f"{way} ({', '.join(brings)})" for way, brings in most]


def _way(one: MissingEvidence) -> str:
    """How to turn an evidence on; the registry is named alike whatever it is to bring."""
    way = one.turn_on or f"log {one.needs}"
    return way.removeprefix("no LLM log carries a payment: ").replace("bring it in the", "bring the")


def _of_different_families(evidence: list[Evidence], limit: int = 2) -> list[str]:
    """The strongest sentences, one a family: two of one family say one thing."""
    strongest: dict[str, Evidence] = {}
    for one in evidence:
        strongest.setdefault(one.family, one)
    return [one.sentence for one in list(strongest.values())[:limit]]
