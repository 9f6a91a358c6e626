"""Verdicts on the two axes, and the promise that they keep: expected false campaigns per 30 days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillwatch.campaigns.assess import MIN_CAMPAIGN_EXCHANGES, Assessed
from stillwatch.campaigns.explanations import IDENTITY
from stillwatch.campaigns.finding import Evidence

DAYS_OF_PROMISE = 30.0

MIN_FAMILIES = 2
"""Families of coordination evidence that must speak: one alone is one fact."""

FAMILY_SPEAKS_BITS = 3.0

LEAST_BITS = 6.0
"""No stream is called a campaign on less, however few were tested: a handful is no ground for an estimate."""

HONEST_BITS = 4.0
"""Streams that reach less say so little that they are counted as honest."""

OF_CUSTOMERS = 0.2
"""Share of the promise that streams spend which are small parts of their networks: few of them are no customers."""

FALSE_NETWORKS = 1.0
"""Expected false `network` findings per 30 days: they accuse nobody, and have a budget of their own."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Bits that a verdict takes.

    coordination: to say that accounts act as one: log2 of hypotheses over false networks allowed.
    decoy: what the bits of all members of the strongest network in any decoy of this traffic come to; a network must
    exceed it.
    campaign: what extraction, and the margin over the best honest explanation, must reach besides.
    n_streams: put to that test.  n_honest: of these, as many as seem honest.
    customers: the same where a stream is a small part of a network that carries much besides, as each of a proxy's
    dozens of customers is; n_customers: as many of those as seem honest; n_customers_tested: of n_streams, how many
    those are. NaN and 0 where there are none.
    published: the thresholds of the window's own days, by which what was published in an earlier scan of a store goes
    on; None without a store.
    """

    coordination: float
    campaign: float
    decoy: float
    n_hypotheses: int
    n_streams: int
    n_honest: float
    days: float
    customers: float = float("nan")
    n_customers: float = 0.0
    n_customers_tested: int = 0
    published: Thresholds | None = None

    def takes(self, subject: Assessed) -> float:
        """What a stream must reach."""
        return self.customers if subject.one_of_many and not np.isnan(self.customers) else self.campaign

    def taken(self, subject: Assessed, verdict: str) -> tuple[float, float]:
        """Bits of coordination and of strength that a group had to reach; a finding may stand by the window's."""
        stands = _acts_as_one(subject, self.coordination) and (verdict != "campaign" or collects_data(subject, self))
        by = self if self.published is None or stands or verdict == "clear" else self.published
        return by.coordination, by.takes(subject)


def judge(
    subjects: Sequence[Assessed], n_hypotheses: int, decoys: Sequence[float], days: float, max_false: float
) -> tuple[list[str], Thresholds]:
    """The verdict on each subject, and the thresholds.

    Coordination and concealment are judged first; only what passes is put to the test of extraction, so that only
    those tests spend the promise. The two rest on different numbers: who shares what, and what is asked.
    Where there are streams that are small parts of a network, as a proxy's customers are, they spend `OF_CUSTOMERS` of
    it, and all others the rest: how large a part of its network a stream is says nothing of how much it collects beside
    honest accounts, so any division keeps the promise, and dozens of customers no longer raise what a campaign
    elsewhere must reach.
    Source: Genovese, Roeder and Wasserman, False discovery control with p-value weighting, Biometrika 2006.
    n_hypotheses: indicators of which each could have become a network by chance.  decoys: see `best_of_decoys`.
    """
    decoy = max(decoys, default=0.0)
    share = min(days, DAYS_OF_PROMISE) / DAYS_OF_PROMISE
    coordination = float(np.log2(max(n_hypotheses, 1) / (FALSE_NETWORKS * share)))
    acts = [s.network.total_bits > decoy and _acts_as_one(s, coordination) for s in subjects]
    tested = [s for s, act in zip(subjects, acts, strict=True) if act and _is_worth_testing(s)]
    customers = [s for s in tested if s.one_of_many]
    allowed = max_false * share
    theirs = OF_CUSTOMERS if customers else 0.0
    n_honest = seem_honest(np.array([strength(s) for s in tested if not s.one_of_many]))
    n_customers = seem_honest(np.array([strength(s) for s in customers]))
    limits = Thresholds(
        coordination=coordination,
        campaign=_least_bits(n_honest, allowed * (1.0 - theirs)),
        decoy=decoy,
        n_hypotheses=n_hypotheses,
        n_streams=len(tested),
        n_honest=n_honest,
        days=days,
        customers=_least_bits(n_customers, allowed * theirs) if customers else float("nan"),
        n_customers=n_customers,
        n_customers_tested=len(customers),
    )
    collects = [act and collects_data(s, limits) for s, act in zip(subjects, acts, strict=True)]
    carries = {s.network_number for s, c in zip(subjects, collects, strict=True) if c}
    verdicts = []
    for subject, act, campaign in zip(subjects, acts, collects, strict=True):
        if campaign:
            verdicts.append("campaign")
        elif subject.whole and ((act and subject.doubt == 0.0) or subject.network_number in carries):
            verdicts.append("network")
        else:
            verdicts.append("clear")
    return verdicts, limits


def _least_bits(n_honest: float, allowed: float) -> float:
    return max(LEAST_BITS, float(np.log2(max(n_honest, 1.0) / allowed)))


def acting_as_one(subjects: Sequence[Assessed], limits: Thresholds) -> list[bool]:
    """Which subjects are of accounts that act as one and present themselves as strangers."""
    return [s.network.total_bits > limits.decoy and _acts_as_one(s, limits.coordination) for s in subjects]


def promising(subjects: Sequence[Assessed], limits: Thresholds) -> list[bool]:
    """Which streams of accounts that act as one are worth joining with others: those that do not seem honest."""
    acts = acting_as_one(subjects, limits)
    return [act and not s.whole and strength(s) >= HONEST_BITS for s, act in zip(subjects, acts, strict=True)]


def openly_one(subjects: Sequence[Assessed], limits: Thresholds) -> list[bool]:
    """Which streams are of accounts that act as one and do not hide it: one party with many accounts.

    So are those of which the log does not tell whose they are, where it names no organisation either.
    """
    return [
        _is_worth_testing(s)
        and s.network.total_bits > limits.decoy
        and _acts_alike(s, limits.coordination)
        and (s.unnamed or not _hides(s))
        for s in subjects
    ]


def collects_data(subject: Assessed, limits: Thresholds) -> bool:
    """Whether a stream of accounts that act as one passes the test of extraction."""
    return _is_worth_testing(subject) and strength(subject) >= limits.takes(subject)


def strength(subject: Assessed) -> float:
    """What a stream is judged by: the lesser of extraction and margin, in bits, less what speaks of openness."""
    return min(subject.extraction_bits, subject.margin_bits) - subject.doubt


def seem_honest(strengths: npt.NDArray[np.float64]) -> float:
    """How many of the streams that were tested seem honest, from those that say little; at most all.

    Of honest streams one in sixteen reaches four bits. Source: Storey, A direct approach to false discovery rates,
    JRSS B 2002, with its conservative one added; the promise is a number of false findings, so the count is wanted.
    """
    little = int((strengths < HONEST_BITS).sum())
    return float(min(len(strengths), (little + 1) / (1.0 - 2.0**-HONEST_BITS)))


def concealed_units(subjects: Sequence[Assessed]) -> npt.NDArray[np.int32]:
    """Units of all networks that hide that they belong together, or may: no honest decoy is made from them."""
    suspected = [s.network.members for s in subjects if s.whole and _hides(s)]
    return np.unique(np.concatenate(suspected)) if suspected else np.zeros(0, np.int32)


def _is_worth_testing(subject: Assessed) -> bool:
    return not subject.whole and subject.n_exchanges >= MIN_CAMPAIGN_EXCHANGES


def _acts_as_one(subject: Assessed, threshold: float) -> bool:
    """Whether accounts act as one while they present themselves as strangers.

    Where no identity is known, concealment cannot be shown: different accounts in the log are all that is known.
    """
    return _acts_alike(subject, threshold) and _hides(subject)


def _acts_alike(subject: Assessed, threshold: float) -> bool:
    """Whether two families at least say that accounts act as one, whatever they say of whose they are."""
    families: dict[str, float] = {}
    for evidence in subject.evidence:
        if _coordinates(evidence):
            families[evidence.family] = families.get(evidence.family, 0.0) + evidence.bits
    speaking = sum(bits >= FAMILY_SPEAKS_BITS for bits in families.values())
    return bool(speaking >= MIN_FAMILIES and sum(families.values()) >= threshold)


def _hides(subject: Assessed) -> bool:
    """Whether accounts present themselves as strangers, more or less, or nothing is known of who they are."""
    return subject.doubt < float("inf")


def _coordinates(evidence: Evidence) -> bool:
    return evidence.axis == "coordination" and evidence.name not in IDENTITY


def expected_false(subject: Assessed, verdict: str, limits: Thresholds) -> float:
    """False findings of this verdict, this strong, that honest traffic like this would give in 30 days."""
    per_30_days = DAYS_OF_PROMISE / min(max(limits.days, 1e-9), DAYS_OF_PROMISE)
    if verdict == "campaign":
        honest = limits.n_customers if subject.one_of_many else limits.n_honest
        theirs = OF_CUSTOMERS if limits.n_customers else 0.0
        part = theirs if subject.one_of_many else 1.0 - theirs
        return float(max(honest, 1.0) * 2.0 ** -strength(subject) * per_30_days / part)
    return float(limits.n_hypotheses * 2.0**-subject.coordination_bits * per_30_days)
