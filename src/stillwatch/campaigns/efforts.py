"""Efforts: streams of one network that serve one campaign become one.

A driver changes moulds, rewords them for parts of its accounts and deals out its work, so that one effort may fall into
streams that share neither hands nor hours. Streams that do not seem honest, each by itself, are one effort

- where they run on the same accounts far oftener than chance would have it: a proxy mixes its customers over all of its
  accounts, so two customers have as many accounts in common as any two random sets of them; or
- where the network carries hardly anything else: accounts that serve nobody besides are a driver's own fleet, no proxy.
  To a fleet's effort belong also those streams that are too small to seem anything, if they keep to parts of it; or
- where each of them is a campaign by itself, they begin and end on the same days, and one uses the accounts of the
  other as if one hand dealt both out: who rents a part of a proxy has accounts and days of his own; or
- where hardly anything else goes through the network, and its streams ask for training data one like the other: of so
  many customers of a proxy only some would, whatever one or two of them are after (`of_one_purpose`). So a campaign in
  a dozen languages, each with a mould that is small by itself, is one.

Two operators on one proxy stay two.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincc, gammaln, logsumexp

from stillwatch.campaigns.assess import Assessed, Assessment
from stillwatch.campaigns.cells import Cells
from stillwatch.campaigns.dealing import KEPT_TO
from stillwatch.campaigns.measures import joined
from stillwatch.campaigns.streams import Stream
from stillwatch.campaigns.verdicts import Thresholds, acting_as_one, collects_data, promising, strength
from stillwatch.networks.search import Network
from stillwatch.profiles.index import Ints

Floats = npt.NDArray[np.float64]

SAME_ACCOUNTS = 1.5
CHANCE = 1e-6
"""Streams run on the same accounts where they have half again as many in common as chance gives, and chance hardly
ever does."""

FLEET_SHARE = 0.7
"""Share of a network's exchanges that such streams are, all together, from which its accounts are a driver's fleet."""

SAME_FLEET = 0.8
"""Of the accounts of a fleet's smaller stream at least this share is in the larger."""

SAME_DEALING = 0.85
"""Of the accounts that a stream would use if it were dealt out as another one is, it uses at least this share; and at
least this share of it goes to the other's accounts."""

SAME_DAY_US = 86_400_000_000
OF_ITS_TIME = 0.1
"""Streams of one driver begin, and end, within a day of each other, and within a tenth of the time of the shorter."""

MIN_PURPOSE_EXCHANGES = 50
"""Exchanges of a stream that is asked what it is after."""

OPERATORS = 2
"""Streams that are left out of account, those that say most: an operator beside customers is no purpose of them all."""

PURPOSE_BITS = 8.0
MOSTLY_BITS = 2.0
"""Streams have one purpose where their bits together are so many, and the usual stream asks for what one customer in
four asks for at most."""


def join_efforts(assessment: Assessment, limits: Thresholds) -> Assessment:
    """The assessment with the streams of each effort joined, where the whole is as strong as its strongest part.

    limits: of the streams by themselves; only those that do not seem honest are joined.
    """
    cells = assessment.bench.cells
    found: dict[int, list[int]] = {}
    for at, worth in enumerate(promising(assessment.subjects, limits)):
        if worth:
            found.setdefault(assessment.subjects[at].network_number, []).append(at)
    groups = [group for mine in found.values() for group in _efforts(assessment, mine, limits)]
    done = {_number(assessment, group) for group in groups}
    groups += [group for group in _of_one_purpose(assessment, limits) if _number(assessment, group) not in done]
    plan: list[tuple[int, Network, Stream | None]] = []
    for group in groups:
        first = assessment.subjects[group[0]]
        plan.append((first.network_number, first.network, _joined(cells, [assessment.subjects[at] for at in group])))
    if not plan:
        return assessment
    wholes, measures = assessment.bench.weigh(plan, len(assessment.candidates.units))
    parts: set[int] = set()
    joined_up = []
    for group, whole in zip(groups, wholes, strict=True):
        best = max(strength(assessment.subjects[at]) for at in group)
        if strength(whole) >= min(best, limits.takes(whole)):
            parts.update(group)
            joined_up.append(whole)
    kept = [subject for at, subject in enumerate(assessment.subjects) if at not in parts]
    return Assessment([*kept, *joined_up], joined(assessment.candidates, measures), assessment.bench)


def _efforts(assessment: Assessment, found: Sequence[int], limits: Thresholds) -> list[list[int]]:
    """Streams of one network that are one effort, two at least in each. found: the promising ones."""
    cells, subjects = assessment.bench.cells, assessment.subjects
    members = subjects[found[0]].network.members
    of_network = int(cells.n[np.isin(cells.unit, members)].sum())
    fleet = sum(subjects[at].n_exchanges for at in found) >= FLEET_SHARE * of_network
    label = {at: at for at in found}
    for one, other in combinations(found, 2):
        both = subjects[one], subjects[other]
        if (
            _same_accounts(cells, *both)
            or (fleet and _same_fleet(both[0].units, both[1].units))
            or (all(collects_data(subject, limits) for subject in both) and _same_driver(cells, *both))
        ):
            old, new = label[other], label[one]
            label = {at: new if now == old else now for at, now in label.items()}
    groups = [[at for at in found if label[at] == number] for number in dict.fromkeys(label.values())]
    groups = [_with_the_rest(assessment, group) if fleet else group for group in groups]
    return [group for group in groups if len(group) > 1]


def _number(assessment: Assessment, group: Sequence[int]) -> int:
    return assessment.subjects[group[0]].network_number


def _of_one_purpose(assessment: Assessment, limits: Thresholds) -> list[list[int]]:
    """The streams of each network that acts as one and whose streams have one purpose, where no two are joined yet."""
    subjects = assessment.subjects
    out = []
    for network, acts in zip(subjects, acting_as_one(subjects, limits), strict=True):
        if not acts or not network.whole:
            continue
        mine = [
            at
            for at, one in enumerate(subjects)
            if one.network_number == network.network_number
            and not one.whole
            and one.n_exchanges >= MIN_PURPOSE_EXCHANGES
        ]
        share = sum(subjects[at].n_exchanges for at in mine) / max(network.n_exchanges, 1)
        if share >= FLEET_SHARE and of_one_purpose([subjects[at].asked_bits for at in mine]):
            out.append([at for at in mine if subjects[at].asked_bits > 1.0])
    return out


def of_one_purpose(bits: Sequence[float]) -> bool:
    """Whether streams ask for training data too often to be as many customers.

    bits: of each, a rank among honest moulds; those of independent customers are exponential. The strongest are left
    out; the sum of the others is then one of exponentials that weigh less and less (Renyi), as good as gamma
    distributed with its mean and variance.
    Sources: Fisher, Statistical Methods for Research Workers, 21.1 (combination of independent tests); David and
    Nagaraja, Order Statistics, 2.5; Satterthwaite, Biometrics Bulletin 1946.
    """
    rest = np.sort(bits)[:-OPERATORS]
    if len(rest) < OPERATORS or float(np.median(rest)) < MOSTLY_BITS:
        return False
    weights = np.arange(len(rest), 0, -1) / np.arange(len(bits), OPERATORS, -1)
    mean, variance = float(weights.sum()), float((weights**2).sum())
    chance = float(gammaincc(mean**2 / variance, np.log(2.0) * float(rest.sum()) * mean / variance))
    return bool(-np.log2(max(chance, np.finfo(float).tiny)) >= PURPOSE_BITS)


def _with_the_rest(assessment: Assessment, group: list[int]) -> list[int]:
    """A fleet's effort and the streams of its accounts that seem nothing by themselves, but are not mixed over it."""
    subjects = assessment.subjects
    number = subjects[group[0]].network_number
    units = np.unique(np.concatenate([subjects[at].units for at in group]))
    rest = []
    for at, subject in enumerate(subjects):
        if at in group or subject.network_number != number or subject.stream is None:
            continue
        mixed = assessment.bench.dealings[number].of(subject.stream.keys) > KEPT_TO
        if not mixed and len(subject.units) <= len(units) and _same_fleet(subject.units, units):
            rest.append(at)
    return [*group, *rest]


def _same_accounts(cells: Cells, one: Assessed, other: Assessed) -> bool:
    """Whether two streams have far more accounts in common than two random sets of those that were there for both."""
    low = max(_first(cells, one.cells), _first(cells, other.cells))
    high = min(_last(cells, one.cells), _last(cells, other.cells))
    members = one.network.members
    n_units = int(cells.unit.max()) + 1
    first, last = np.full(n_units, np.iinfo(np.int64).max), np.zeros(n_units, np.int64)
    np.minimum.at(first, cells.unit, cells.first_at)
    np.maximum.at(last, cells.unit, cells.last_at)
    there = members[(first[members] <= high) & (last[members] >= low)]
    mine, theirs = np.intersect1d(one.units, there), np.intersect1d(other.units, there)
    common, expected = len(np.intersect1d(mine, theirs)), len(mine) * len(theirs) / max(len(there), 1)
    chance = _by_chance(common, len(there), len(mine), len(theirs))
    return bool(common >= SAME_ACCOUNTS * expected and chance < CHANCE)


def _same_driver(cells: Cells, one: Assessed, other: Assessed) -> bool:
    """Whether two streams are there on the same days, and dealt out to accounts alike."""
    begin, end = (np.array([edge(cells, s.cells) for s in (one, other)]) for edge in (_first, _last))
    near = min(SAME_DAY_US, OF_ITS_TIME * float((end - begin).min()))
    if max(np.ptp(begin), np.ptp(end)) > near:
        return False
    n_units = int(cells.unit.max()) + 1
    mine, theirs = (
        np.bincount(cells.unit[s.cells], cells.n_trajectories[s.cells], n_units).astype(np.float64)
        for s in (one, other)
    )
    return dealt_alike(mine, theirs)


def dealt_alike(one: Floats, other: Floats) -> bool:
    """Whether the smaller of two streams uses the accounts of the larger as it would if one hand dealt both out.

    Shapes: (n_units,) trajectories of each on every account.
    """
    small, large = sorted((one, other), key=lambda sent: float(sent.sum()))
    shared = (small > 0) & (large > 0)
    share = np.minimum(large / large.sum(), 1.0 - np.finfo(float).eps)
    expected = float(-np.expm1(small.sum() * np.log1p(-share)).sum())
    within = float(small[shared].sum() / small.sum())
    return within >= SAME_DEALING and int(shared.sum()) >= SAME_DEALING * expected


def _by_chance(common: int, everybody: int, mine: int, theirs: int) -> float:
    """Chance that so many or more are among both, if one of the two is drawn at random: a hypergeometric tail."""
    k = np.arange(max(common, mine + theirs - everybody, 0), min(mine, theirs) + 1).astype(np.float64)
    if len(k) == 0:
        return 0.0

    def ways(n: int, of: Floats) -> Floats:
        out: Floats = gammaln(n + 1.0) - gammaln(of + 1.0) - gammaln(n - of + 1.0)
        return out

    logs = ways(mine, k) + ways(everybody - mine, theirs - k) - ways(everybody, np.array(float(theirs)))
    return float(np.exp(min(logsumexp(logs), 0.0)))


def _same_fleet(one: npt.NDArray[np.int32], other: npt.NDArray[np.int32]) -> bool:
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common >= SAME_FLEET * min(len(one), len(other))


def _first(cells: Cells, rows: Ints) -> int:
    return int(np.quantile(cells.first_at[rows], 0.05))


def _last(cells: Cells, rows: Ints) -> int:
    return int(np.quantile(cells.last_at[rows], 0.95))


def _joined(cells: Cells, parts: Sequence[Assessed]) -> Stream:
    """One stream of several: every key with its bits, and whoever had one of their moulds before."""
    streams = [part.stream for part in parts if part.stream is not None]
    keys, at = np.unique(np.concatenate([stream.keys for stream in streams]), return_index=True)
    rows = np.unique(np.concatenate([stream.cells for stream in streams]))
    imitated = np.unique(np.concatenate([stream.imitated for stream in streams])).astype(np.int32)
    return Stream(
        keys=keys,
        cells=rows[~np.isin(cells.unit[rows], imitated)],
        bits=np.concatenate([stream.bits for stream in streams])[at],
        parts=np.zeros(len(keys), np.int64),
        imitated=imitated,
    )
