"""What a sample's answers say of all of the traffic: shares and totals, with intervals that are exact.

Each stratum was drawn at random without repetition, so the errors in its sample are hypergeometric, whatever the
traffic is. The interval of a number of errors is the numbers that such a sample does not make unlikely (Clopper and
Pearson, Biometrika 1934, for finite populations: Wright, Exact Confidence Bounds when Sampling from Small Finite
Universes, 1991). Where none of n is wrong, about 3/n of all may be (the rule of three), fewer where n is a large part
of all. Totals over strata are Horvitz and Thompson's (JASA 1952): each answer counts for as many as it stands for;
their bounds are sums of bounds at a level that is divided among the strata (Bonferroni), and so are rather too wide
than too narrow.

An answer may leave open what an item is; what it leaves open is counted both ways.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from scipy.stats import hypergeom

from stillwatch.audit.draw import Item, Key, Stratum
from stillwatch.audit.frame import STRATA

CONFIDENCE = 0.95

FINDINGS = STRATA[:3]
PASSED_OVER = STRATA[3:]

CAMPAIGN = frozenset({"campaign"})

HOLDS = {"campaigns": CAMPAIGN, "harvests": CAMPAIGN | {"harvest"}, "networks": CAMPAIGN | {"network"}}
"""Stratum of findings -> judgements under which a finding is right: a network that is a campaign acts as one too."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A stratum's line. of: entries.  drawn, answered, unsure: of the sample.  n: findings that hold, or were missed.

    share: of those that were answered for sure.  low, high: bounds of the share in all.  at_most: one-sided bound of
    errors, as a share.  sentence: in words.
    """

    stratum: str
    of: int
    drawn: int
    answered: int
    unsure: int
    n: int
    share: float | None
    low: float
    high: float
    at_most: float
    sentence: str


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """Accounts of campaigns that were passed over: about how many, and at most; None where nothing was answered."""

    accounts: float
    at_most: float
    groups: float
    groups_at_most: float
    sentence: str


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of an audit's answers. disagreed: items that reviewers judged differently, counted as unsure."""

    lines: list[Line]
    missed: Missed
    unanswered: int
    disagreed: int
    confidence: float = CONFIDENCE


def estimate(key: Key, judged: Mapping[str, frozenset[str]], disagreed: int = 0) -> Estimate:
    """What answers say. judged: item -> what it may be: campaign, network, harvest, honest; items without are left out.

    Assumes: whether an item was answered does not hang on what it is.
    """
    lines = []
    for stratum in key.strata:
        mine = [one for one in key.items if one.stratum == stratum.name and one.item in judged]
        lines.append(_line(stratum, [judged[one.item] for one in mine]))
    return Estimate(
        lines=lines,
        missed=_missed(key, judged),
        unanswered=sum(one.item not in judged for one in key.items),
        disagreed=disagreed,
    )


def interval(k: int, n: int, of: int, confidence: float = CONFIDENCE) -> tuple[int, int]:
    """How many of `of` have what k of n drawn have: least and most, two-sided; everything between is possible.

    Source: Wright 1991, by inversion of the hypergeometric distribution.   Cost: O(log of).
    """
    tail = (1.0 - confidence) / 2.0
    return _least(k, n, of, tail), _most(k, n, of, tail)


def at_most(k: int, n: int, of: int, confidence: float = CONFIDENCE) -> int:
    """How many of `of` have what k of n drawn have, at most, one-sided: for none, about 3/n of them."""
    return _most(k, n, of, 1.0 - confidence)


def share_of(number: float, of: int) -> str:
    """A number and its share, in words."""
    return f"{number:,.0f} of {of:,} ({number / of:.1%})" if of else "none"


def _most(k: int, n: int, of: int, tail: float) -> int:
    """The largest total under which k or fewer in the sample are no less likely than `tail`."""
    low, high = k, of - (n - k)
    while low < high:
        middle = (low + high + 1) // 2
        if hypergeom.cdf(k, of, middle, n) > tail:
            low = middle
        else:
            high = middle - 1
    return low


def _least(k: int, n: int, of: int, tail: float) -> int:
    """The smallest total under which k or more in the sample are no less likely than `tail`."""
    return of - _most(n - k, n, of, tail)


def _line(stratum: Stratum, judged: Sequence[frozenset[str]]) -> Line:
    finding = stratum.name in FINDINGS
    right = HOLDS.get(stratum.name, CAMPAIGN)
    n = len(judged)
    yes = sum(one <= right for one in judged)
    unsure = sum(bool(one & right) for one in judged) - yes
    if not n:
        said = f"{stratum.name}: nothing was answered, and nothing can be said"
        return _as_line(stratum, n, unsure, yes, None, 0.0, 1.0, 1.0, said)
    low = interval(yes, n, stratum.of)[0]
    high = interval(yes + unsure, n, stratum.of)[1]
    # The errors: findings that do not hold, or what was passed over and should not have been.
    errors = n - yes if finding else yes + unsure
    bound = at_most(errors, n, stratum.of)
    share = yes / (n - unsure) if n > unsure else None
    what = "hold" if finding else "are campaigns that were missed"
    said = (
        f"{stratum.name}: {yes:,} of {n:,} {what}"
        + (f", {unsure:,} unsure" if unsure else "")
        + f"; of all {stratum.of:,}, between {low:,} and {high:,}"
    )
    if errors == 0:
        said += f"; no error in {n:,}: at most {share_of(bound, stratum.of)} are wrong"
    return _as_line(stratum, n, unsure, yes, share, low / stratum.of, high / stratum.of, bound / stratum.of, said)


def _as_line(
    stratum: Stratum,
    n: int,
    unsure: int,
    yes: int,
    share: float | None,
    low: float,
    high: float,
    bound: float,
    said: str,
) -> Line:
    return Line(
        stratum=stratum.name,
        of=stratum.of,
        drawn=stratum.drawn,
        answered=n,
        unsure=unsure,
        n=yes,
        share=share,
        low=low,
        high=high,
        at_most=bound,
        sentence=f"{said} ({CONFIDENCE:.0%}).",
    )


def _missed(key: Key, judged: Mapping[str, frozenset[str]]) -> Missed:
    """Accounts of campaigns among what was passed over: Horvitz and Thompson's total, and its bound.

    A bound on groups becomes one on accounts by taking the largest groups for those that were missed. An account may be
    in several groups; it is counted in each.
    """
    strata = [one for one in key.strata if one.name in PASSED_OVER]
    level = 1.0 - (1.0 - CONFIDENCE) / max(len(strata), 1)
    accounts = bound = groups = groups_bound = 0.0
    silent = []
    for stratum in strata:
        mine = [one for one in key.items if one.stratum == stratum.name and one.item in judged]
        if not mine:
            silent.append(stratum.name)
            most = stratum.of
            weight = 0.0
        else:
            weight = stratum.of / len(mine)
            may = sum("campaign" in judged[one.item] for one in mine)
            most = at_most(may, len(mine), stratum.of, level)
        caught = [one for one in mine if judged[one.item] == CAMPAIGN]
        if stratum.name == STRATA[-1]:
            accounts += weight * len(caught)
            bound += most
            continue
        accounts += weight * sum(one.accounts for one in caught)
        groups += weight * len(caught)
        groups_bound += most
        bound += _largest(stratum, mine, judged, most)
    said = (
        f"About {groups:,.0f} groups with {accounts:,.0f} accounts belong to campaigns and were passed over; at most "
        f"{groups_bound:,.0f} groups and {bound:,.0f} accounts ({CONFIDENCE:.0%})."
    )
    if silent:
        said += f" Nothing was answered of {' and '.join(silent)}: all of them are in the bound."
    return Missed(accounts=accounts, at_most=bound, groups=groups, groups_at_most=groups_bound, sentence=said)


def _largest(stratum: Stratum, mine: Sequence[Item], judged: Mapping[str, frozenset[str]], most: int) -> float:
    """Accounts of the largest `most` groups that may have been missed: those that were judged honest were not."""
    left = list(stratum.sizes)
    for one in mine:
        if "campaign" not in judged[one.item]:
            left.remove(one.accounts)
    return float(sum(left[:most]))


def could_show(strata: Sequence[Stratum]) -> list[str]:
    """What the sample can show at the best, a sentence for each stratum: with no error found."""
    out = []
    for one in strata:
        if not one.drawn:
            out.append(f"{one.name}: none of {one.of:,} drawn; nothing can be said of them")
            continue
        bound = at_most(0, one.drawn, one.of)
        said = ("all of these hold", "are wrong") if one.name in FINDINGS else ("none of these is one", "were missed")
        out.append(
            f"{one.name}: {one.drawn:,} of {one.of:,} drawn; if {said[0]}, at most {share_of(bound, one.of)} {said[1]} "
            f"({CONFIDENCE:.0%})"
        )
    return out
