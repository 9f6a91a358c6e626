"""What a network's accounts share, kind by kind, against random groups of accounts of like volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincc

from stillwatch.campaigns.calibration import rank_bits
from stillwatch.campaigns.finding import Evidence
from stillwatch.links.kinds import FAMILIES, GROUPS, KINDS
from stillwatch.links.links import Links
from stillwatch.networks.group import FAMILY_OF_GROUP, Floats, Scorer, Units, by_family
from stillwatch.networks.null import Strata, random_family_bits
from stillwatch.networks.search import parties

N_RANDOM = 1023
"""Random groups a network is compared with: a family's sharing can weigh 10 bits at the most."""

FEW_RANDOM = 63
LARGE = 256
"""Units from which a group is compared with few random groups, and what lies beyond them is extrapolated: the mean over
so many members is smooth, and drawing more cost more than all the rest of a scan (measured: ten minutes of twelve on
3.3 million exchanges)."""

OF_ONE_OWNER = [GROUPS.index(name) for name in ("payment", "email", "handoff", "replay")]
"""What accounts of one owner have in common."""

OWNED = [GROUPS.index(name) for name in ("payment", "email")]
HANDED = [GROUPS.index(name) for name in ("handoff", "replay")]
"""What shows whose an account is, and work that goes from account to account."""

LEAVES = 0.05
"""Share of an owner's work, at most, that goes on in an account of somebody else's."""

BY_DESIGN = 8.0
"""Bits that it can say at most: one driver in 256 is assumed to hand work on within one card or domain alone."""

SMALL_PARTY = 0.25
"""Share of a group up to which a party of it is one owner with several accounts, and no driver with many."""

TELLING_BITS = 2
"""A member that shares this much of a kind with the others counts as one that shares it, in the sentence alone."""

NAMES = {
    "template": "shared-template",
    "tools": "shared-tools",
    "item": "shared-items",
    "client": "shared-client",
    "payment": "shared-payment",
    "email": "shared-email-domain",
    "address": "shared-network-prefix",
    "signup": "signup-burst",
    "end-user": "shared-end-user",
    "handoff": "handoff",
    "replay": "replay",
    "rhythm": "shared-rhythm",
}
"""Evidence names of the groups of kinds; `docs/evidence/` has a page for each."""

SENTENCES = {
    "template": "prompts of the same templates",
    "tools": "the same set of tools",
    "item": "word for word the same prompts",
    "client": "the same client software",
    "payment": "the same payment instruments",
    "email": "the same e-mail domains",
    "address": "the same addresses or network prefixes",
    "signup": "the same hour of sign-up",
    "end-user": "the same end users",
    "handoff": "conversations that begin in one account and go on in another",
    "replay": "the same opaque reasoning blocks",
    "rhythm": "the same minutes of activity",
}


@dataclass(frozen=True, slots=True)
class Sharing:
    """What a network shares. Shapes: group_bits (n_groups,) mean bits a member; family_bits (n_families,) calibrated.

    apart_bits (n_families,): the same where each member's own party is left out too: who pays with the same card, or
    goes on with the same work, is one owner with several accounts.  in_parties: share of members whose party has others
    in it; 0 where a party is larger than a quarter of all.
    kept_bits: by which it speaks for owners with several accounts that work handed on stays with whoever pays.
    covered (n_groups,): share of members with at least `TELLING_BITS` of each group.
    n_random: size of the null sample.  extrapolated: whether bits go beyond what that sample shows.
    """

    group_bits: Floats
    covered: Floats
    family_bits: Floats
    apart_bits: Floats
    in_parties: float
    kept_bits: float
    random: Floats
    n_random: int
    extrapolated: bool


def weigh_sharing(
    scorer: Scorer,
    links: Links,
    units: Units,
    strata: Strata,
    rng: np.random.Generator,
    *,
    exact: bool = True,
) -> Sharing:
    """Calibrated bits of each family's sharing among the units of a network, or of one stream in it.

    Null: random groups of as many units with the same volumes, scored in the same way; the family's number is the
    mean over members of the best lift, each member left out of its own comparison. Of large groups the tail of the null
    is extrapolated, to no more than a small one can reach; of all groups where it need not be exact.
    """
    bits = scorer.by_group(units)
    few = len(units) > LARGE or not exact
    random = random_family_bits(links, units, strata, rng, FEW_RANDOM if few else N_RANDOM, scorer.degree)
    mean = by_family(bits).mean(axis=0)
    weigh = _tail_bits if few else rank_bits

    def calibrated(mean: Floats) -> Floats:
        return np.array([weigh(mean[f], random[:, f]) if mean[f] > 0 else 0.0 for f in range(len(FAMILIES))])

    family = calibrated(mean)
    apart, in_parties, kept = family, 0.0, 0.0
    _, party, size = np.unique(parties(scorer, units, OF_ONE_OWNER), return_inverse=True, return_counts=True)
    if len(units) and size.max() > 1 and size.max() <= max(SMALL_PARTY * len(units), 2.0):
        apart = np.minimum(family, calibrated(by_family(scorer.apart(units, party)).mean(axis=0)))
        in_parties = float((size[party] > 1).mean())
        kept = _kept_bits(scorer, units, bits)
    covered = (bits >= TELLING_BITS).mean(axis=0)
    return Sharing(bits.mean(axis=0), covered, family, apart, in_parties, kept, random, len(random), few)


def _kept_bits(scorer: Scorer, units: Units, bits: Floats) -> float:
    """Bits by which handed-on work speaks for owners with several accounts, and against one driver; 0 to `BY_DESIGN`.

    An owner's work goes on in an account of his own. One driver's goes on in any of his accounts, and so within one
    card or domain as often as chance has it. Of a party's accounts with work in common all but one count.
    Shapes: bits (n, n_groups) of the units.
    """
    _, owner, size = np.unique(parties(scorer, units, OWNED), return_inverse=True, return_counts=True)
    handed = bits[:, HANDED].max(axis=1) >= TELLING_BITS
    across = scorer.apart(units, owner)[:, HANDED].max(axis=1) >= TELLING_BITS
    stays = np.maximum(np.bincount(owner[handed & ~across], minlength=len(size)) - 1, 0)
    by_chance = np.clip((size - 1) / max(len(units) - 1, 1), 1.0 / len(units), 1.0)
    says = float((stays * np.log2((1.0 - LEAVES) / by_chance)).sum())
    return float(np.clip(says + (handed & across).sum() * np.log2(LEAVES), 0.0, BY_DESIGN))


def _tail_bits(value: float, null: Floats) -> float:
    """Bits of a number against a few of the null: at least by its rank, at most what `N_RANDOM` could show.

    Assumes: means over many members are gamma distributed, between the normal and what a few rare values make of them.
    The variance is taken two standard errors above what was seen, so that the tail is rather too heavy (measured on
    links made by hand: numbers of 5, 7 and 9 bits come half as often as they say, or less).
    """
    variance = float(null.var(ddof=1)) * (1.0 + 2.0 * np.sqrt(2.0 / len(null)))
    mean = float(null.mean())
    if variance <= 0.0 or mean <= 0.0:
        return rank_bits(value, null)
    tail = -float(np.log2(max(gammaincc(mean**2 / variance, value * mean / variance), np.finfo(float).tiny)))
    return float(max(rank_bits(value, null), min(tail, np.log2(N_RANDOM + 1))))


def sharing_evidence(sharing: Sharing) -> list[Evidence]:
    """The family's bits dealt to its groups of kinds in proportion to what each says of a member."""
    out = []
    for family, total in zip(FAMILIES, sharing.family_bits, strict=True):
        groups = [
            g for g in range(len(GROUPS)) if FAMILIES[FAMILY_OF_GROUP[g]] == family and sharing.group_bits[g] >= 0.05
        ]
        weight = sum(float(sharing.group_bits[g]) for g in groups)
        expected = float(sharing.random[:, FAMILIES.index(family)].mean())
        for g in groups:
            name = GROUPS[g]
            share = float(sharing.group_bits[g]) / weight
            if total <= 0:
                continue
            out.append(
                Evidence(
                    family=family,
                    axis="coordination",
                    name=NAMES[name],
                    bits=float(total) * share,
                    observed=float(sharing.group_bits[g]),
                    expected=expected,
                    sentence=f"{_how_many(float(sharing.covered[g]))} of its accounts share {SENTENCES[name]} with "
                    f"each other at least {2**TELLING_BITS} times as often as with strangers; on average "
                    f"{_times(float(sharing.group_bits[g]))} as often, in random groups of as many {_times(expected)}",
                )
            )
    return out


def apart_evidence(sharing: Sharing) -> dict[str, float]:
    """Evidence name -> its bits where each member's own party is left out, as `sharing_evidence` deals them."""
    left = {family: float(sharing.apart_bits[at]) for at, family in enumerate(FAMILIES)}
    whole = {family: float(sharing.family_bits[at]) for at, family in enumerate(FAMILIES)}
    return {e.name: e.bits * left[e.family] / whole[e.family] for e in sharing_evidence(sharing)}


def _how_many(share: float) -> str:
    return "hardly any" if share < 0.005 else f"{share:.0%}"


def _times(bits: float) -> str:
    ratio = 2.0**bits
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.1f} times"


def shared_kinds() -> dict[str, tuple[str, ...]]:
    """Evidence name -> the columns that its kinds need, any of them."""
    return {NAMES[g]: tuple(dict.fromkeys(c for k in KINDS if k.group == g for c in k.needs)) for g in GROUPS}
