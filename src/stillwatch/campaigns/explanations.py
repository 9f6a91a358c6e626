"""Honest explanations as competing hypotheses: what each would make of the evidence, and what it leaves standing.

An explanation predicts some evidence as well as a campaign does; that evidence says nothing against it. What it does
not predict stays, and what the traffic shows against it is added. A finding's margin is what is left over the
explanation that leaves least.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from stillwatch.campaigns.dealing import KEPT_TO
from stillwatch.campaigns.finding import Evidence, Explanation
from stillwatch.campaigns.location import HIDDEN, SCATTERED
from stillwatch.campaigns.registry import measured_evidence
from stillwatch.links.kinds import FAMILIES

PLACE = frozenset({*HIDDEN, SCATTERED})
"""Evidence that there is no open place in common: only what needs one (a class, an agency) is contradicted by it."""

IDENTITY = frozenset({"concealment"}) | PLACE
"""Evidence of what the accounts do not share: it is no second look at what they share."""

OVERLAP = "overlap"
"""Name of the negative entries that keep a family from being counted twice."""


@dataclass(frozen=True, slots=True)
class Honest:
    """An honest explanation: the evidence of coordination that it predicts, and a sentence that says what it would be.

    made_by: what its extraction evidence is compared with: `applications` of one honest account each, if it is one
    application whatever the number of its accounts; single `people`, if each account is somebody by himself; `users` of
    one tool, if it says what each of them asks for, and each how much.
    mixed: it needs a network that carries other traffic besides.  brief: it is over within a week.
    overlapping: its accounts send the same items.  hosted: one place sends for all of them.  owners: they are owners
    with several accounts each, and what those of one owner share says nothing of the others.  varied: many unrelated
    people send through them, of whom each asks for his own.  at_home: each is a person who rests, and has a place of
    his own.
    """

    name: str
    sentence: str
    predicts: frozenset[str]
    made_by: str
    mixed: bool = False
    brief: bool = False
    overlapping: bool = False
    hosted: bool = False
    owners: bool = False
    varied: bool = False
    at_home: bool = False


_SHARED = frozenset(
    {
        "shared-payment",
        "shared-email-domain",
        "shared-network-prefix",
        "shared-client",
        "shared-template",
        "shared-tools",
        "shared-items",
        "shared-end-user",
        "signup-burst",
    }
)
_ACTED = frozenset(
    {
        "shared-rhythm",
        "synchrony",
        "even-load",
        "partition",
        "interchangeable",
        "succession",
        "handoff",
        "replay",
    }
)

EXPLANATIONS: tuple[Honest, ...] = (
    Honest(
        "one organisation",
        "one company or laboratory that uses several accounts without saying so",
        _SHARED | _ACTED | PLACE,
        "applications",
    ),
    Honest(
        "agency",
        "an agency that works for distinct businesses from one place, with its own templates",
        _SHARED | {"partition", "shared-rhythm", "synchrony", "concealment"},
        "applications",
    ),
    Honest(
        "reseller",
        "a reseller or router with many unrelated users behind it",
        (_SHARED | _ACTED | {"concealment"} | PLACE) - {"shared-template", "shared-items", "shared-tools"},
        "people",
        varied=True,
    ),
    Honest(
        "customer of a proxy",
        "one customer's application, whose requests a reseller or proxy mixes over all of its accounts",
        _SHARED | _ACTED | {"concealment"} | PLACE,
        "applications",
        mixed=True,
    ),
    Honest(
        "class",
        "a class of students, or a hackathon: one place, one assignment, one week",
        _SHARED | {"concealment", "synchrony", "shared-rhythm"},
        "people",
        brief=True,
    ),
    Honest(
        "evaluator",
        "people or laboratories that run the same public benchmark",
        _SHARED | {"even-load", "interchangeable", "synchrony", "concealment"} | PLACE,
        "people",
        brief=True,
        overlapping=True,
    ),
    Honest(
        "popular tool",
        "users of one tool, who share its template and its client",
        frozenset({"shared-template", "shared-client", "shared-tools", "partition", "concealment"}) | PLACE,
        "users",
    ),
    Honest(
        "hosted tool",
        "users of one tool whose own servers send for them, each with his own key",
        frozenset({"shared-template", "shared-client", "shared-tools", "shared-network-prefix", "shared-items"})
        | {"shared-rhythm", "partition", "synchrony", "concealment"}
        | PLACE,
        "users",
        hosted=True,
    ),
    Honest(
        "owners of several accounts",
        "users of one tool who have several accounts each, to fail over or to share among a few",
        frozenset({"shared-template", "shared-client", "shared-tools", "partition", "synchrony", "concealment"})
        | PLACE,
        "users",
        owners=True,
    ),
    Honest(
        "paid workers",
        "people who are paid to work one list off from their homes, as annotators are, each with his own account",
        (_SHARED - {"shared-payment", "shared-email-domain", "shared-end-user"})
        | {"shared-rhythm", "synchrony", "even-load", "partition", "interchangeable", "concealment"}
        | PLACE,
        "people",
        at_home=True,
    ),
    Honest(
        "common cause",
        "an outage, a release or a schedule that moved everybody",
        frozenset({"synchrony", "shared-rhythm", "signup-burst"}),
        "people",
    ),
)
"""Every explanation that would clear the accounts. A stolen key is none: the stream stays a campaign, and its owner a
victim; `roles` tells them apart. Nor is a product that somebody runs over many concealed accounts to get round limits:
that is a fraud, and what keeps it from being called a campaign is the test of extraction alone."""

MIXED_SHARE = 0.3
"""Share of other traffic on a stream's accounts from which they may be a proxy's, which carries many customers."""

HOSTED_SHARE = 0.5
"""Share of the exchanges that prefixes of many of its accounts carry, from which one place may send for all."""

RESTS = 0.01
"""Share of exchanges in an account's eight quietest hours up to which it is a person's, who sleeps."""

AT_HOME = 0.25
"""Share of the exchanges that prefixes of many of its accounts carry, below which they may be people at home."""

WORKING_HOURS = 4.2
"""How many times as often as everybody's rhythm has it people may be at work in the same ten minutes who work eight
hours of twenty-four on five days of seven. Jobs that one program deals out coincide far oftener."""

OUTSIDE_SHARE = 0.25
"""Of classes and hackathons one in sixteen is assumed to send a quarter of its exchanges outside its busiest week, one
in four an eighth, and so on: the share is assumed to be exponential. More than a quarter counts no more."""

OVERLAP_SHARE = 0.1
"""Of groups that run one benchmark one in sixteen is assumed to have no item in common, and fifteen to have a tenth of
their items, or more; a share between is dealt with in proportion. A work queue deals each item out once."""

MIXED_OVER = 0.75
MINOR_SHARE = 0.1
"""A stream on three quarters of them that is less than a tenth of the network is just what one customer of many looks
like: how much he asks is no evidence against that, only what."""

ASSUMED_BITS = 4.0
"""One in sixteen. Of resellers so many are assumed to serve one product's users alone, whose prompts are alike. Of
proxies so many are assumed to keep a customer's moulds to half of the accounts that mixing would
use, or fewer; and of a proxy's customers so many to have a program that grades or explains for its own users, and asks
for what makes training data."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream stands in its network and in time.

    of_accounts: its share of the exchanges of its accounts.  of_network: of those of the whole network the share of its
    largest part; moulds that nothing but the proxy's own mixing joins may be one customer's each.
    spread: accounts that its keys use, over those that a proxy which mixes them with everything else would use;
    NaN where they are too few to tell.
    outside: share of its exchanges outside its busiest week; NaN in short logs.
    overlap: share of its accounts' prompts that another of them sent too; NaN without text.
    owners: share of its accounts whose owner has others among them (`sharing.Sharing.in_parties`).
    kept: bits by which work handed on stays with its owner (`sharing.Sharing.kept_bits`).
    narrow: bits by which its opening prompts are more alike than those of honest accounts thrown together.
    common: share of its accounts' exchanges that prefixes carry which many of them use (`concealment.common_places`).
    night: share of its exchanges in each account's quietest hours (`rest.at_night`); NaN where that cannot be told.
    together: how many times as often as everybody's rhythm has it two of its accounts send in the same ten minutes.
    """

    of_accounts: float = 1.0
    of_network: float = 1.0
    spread: float = 1.0
    outside: float = float("nan")
    overlap: float = float("nan")
    common: float = float("nan")
    owners: float = 0.0
    kept: float = 0.0
    narrow: float = 0.0
    night: float = float("nan")
    together: float = 1.0

    @property
    def at_home(self) -> bool:
        """Whether its accounts may be people who send from homes of their own, when they are at work."""
        return self.night <= RESTS and self.common < AT_HOME and self.together <= WORKING_HOURS

    @property
    def mixed(self) -> bool:
        """Whether its accounts carry much traffic besides."""
        return self.of_accounts < 1.0 - MIXED_SHARE

    @property
    def one_of_many(self) -> bool:
        """Whether its network may have many more like it: it is less than a tenth of it, beside other traffic."""
        return self.mixed and self.of_network < MINOR_SHARE

    @property
    def minor(self) -> bool:
        """Whether it looks just as one customer of many does: spread like everything else besides."""
        return self.one_of_many and self.spread >= MIXED_OVER


def weigh_explanations(
    evidence: Sequence[Evidence],
    extraction: Mapping[str, float],
    place: Place,
    apart: Mapping[str, float] | None = None,
) -> list[Explanation]:
    """Every honest explanation, the best (smallest margin) first.

    extraction: bits of what is collected, against what each of `Honest.made_by` collects, and against `customers`:
    applications of whatever size.  place: where the stream stands in its network.  apart: bits of what accounts share
    where those of one owner are left out of each other's comparison.
    """
    out = []
    pieces = [e for e in evidence if e.name != OVERLAP]
    asked = [e for e in pieces if e.axis == "extraction"]
    for honest in EXPLANATIONS:
        if (honest.mixed and not place.mixed) or (honest.hosted and not place.common >= HOSTED_SHARE):
            continue
        if (honest.owners and not place.owners) or (honest.at_home and not place.at_home):
            continue
        fits = [e for e in pieces if e.name in honest.predicts]
        coordination = [e for e in pieces if e.axis == "coordination" and e.name not in honest.predicts]
        if honest.owners and apart is not None:
            coordination = [
                msgspec.structs.replace(e, bits=min(e.bits, apart.get(e.name, e.bits))) for e in coordination
            ]
        made_by = "customers" if honest.mixed and place.minor else honest.made_by
        bits = extraction[made_by]
        margin = sum(e.bits for e in coordination) - sum(twice(coordination).values()) + bits
        against = [(e.bits, e.sentence) for e in coordination]
        said = [f"{honest.sentence} would show this too: {e.sentence}" for e in sorted(fits, key=lambda e: -e.bits)]
        if asked and bits >= 1.0:
            against.append((bits, _RARE[made_by].format(bits=2.0**bits)))
        elif asked:
            said.insert(0, _COMMON[made_by])
        if honest.brief and place.outside > 0.0:
            lasts = ASSUMED_BITS * min(place.outside / OUTSIDE_SHARE, 1.0)
            margin += lasts
            against.append((lasts, f"{place.outside:.0%} of its exchanges lie outside its busiest week"))
        if honest.overlapping and place.overlap < OVERLAP_SHARE:
            differ = ASSUMED_BITS * (1.0 - place.overlap / OVERLAP_SHARE)
            margin += differ
            against.append((differ, f"{place.overlap:.1%} of its accounts' prompts were sent by another of them too"))
        if honest.varied and not place.mixed and place.narrow > 0:
            alike = min(place.narrow, ASSUMED_BITS)
            margin += alike
            against.append(
                (alike, "hardly any other traffic goes through its accounts, and all of it is about one thing")
            )
        if honest.owners and place.kept >= 1.0:
            margin -= place.kept
            said.insert(0, f"{_KEPT} (one driver in {2.0**place.kept:,.0f} at most)")
        if honest.mixed and place.minor:
            margin -= ASSUMED_BITS
            said.insert(0, _ONE_THING)
        if honest.mixed and place.spread <= KEPT_TO:
            margin += ASSUMED_BITS
            said_of = (
                f"its templates keep to {place.spread:.0%} of the accounts that mixing them with the rest would use"
            )
            against.append((ASSUMED_BITS, said_of))
        out.append(
            Explanation(
                name=honest.name,
                margin_bits=round(margin, 3),
                for_=said[:6],
                against=[sentence for _, sentence in sorted(against, key=lambda one: -one[0])][:6],
            )
        )
    return sorted(out, key=lambda e: (e.margin_bits, e.name))


_RARE = {
    "applications": "of the applications that honest accounts run, only one in {bits:,.0f} collects as much of such a "
    "kind",
    "customers": "of the applications that honest accounts run, only one in {bits:,.0f} asks for such a kind of "
    "answers",
    "users": "of honest accounts and the tools that they use, only one in {bits:,.0f} collects as much, of such a "
    "kind, as each of its accounts",
    "people": "of honest accounts by themselves, only one in {bits:,.0f} collects as much, of such a kind, as each of "
    "its accounts",
}
_KEPT = "work that goes on in another account stays with whoever pays for both, where one driver's would go anywhere"
_ONE_THING = (
    "it looks just as one customer of many does, and of these one in sixteen is assumed to ask for such answers"
)
_COMMON = {
    "applications": "applications that one honest account runs collect as much, and of such a kind",
    "customers": "applications that one honest account runs ask for such a kind of answers",
    "users": "honest users of a tool collect as much, and of such a kind, as each of its accounts",
    "people": "honest accounts by themselves collect as much, and of such a kind, as each of its accounts",
}


def twice(evidence: Sequence[Evidence]) -> dict[str, float]:
    """Coordination family -> bits that are in the evidence twice: as what is shared and as what is measured."""
    known = measured_evidence()
    out = {}
    for family in FAMILIES:
        mine = [e for e in evidence if e.family == family and e.axis == "coordination" and e.name not in IDENTITY]
        measured = sum(e.bits for e in mine if e.name in known)
        shared = sum(e.bits for e in mine if e.name not in known)
        if min(measured, shared) > 0:
            out[family] = min(measured, shared)
    return out
