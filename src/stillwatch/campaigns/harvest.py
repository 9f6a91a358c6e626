"""Harvest: one account, or one organisation, whose own traffic collects training data in the open.

Nobody is accused of fraud by it: the accounts say whose they are, and whether the terms allow it only a contract says.

A single account can be compared with nothing but accounts, and the rarest of n is rare by log2(n + 1) bits at the most:
what asking all n of them costs. So two facts are asked of it that honest customers show independently, but for a
dependence that is measured: *how much* it collected that nobody else had asked for, and *of what kind*. Each weighs no
more than the sample shows; together they are one number, after Brown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import chdtrc

from stillwatch.campaigns.assess import LIVES_ON_MOULDS, MIN_CAMPAIGN_EXCHANGES, Assessed, Assessment
from stillwatch.campaigns.calibration import rank_bits_of_all
from stillwatch.campaigns.cells import Cells
from stillwatch.campaigns.evidence.targets import MAKE_DATA, target_shares
from stillwatch.campaigns.finding import OPENLY_ONE, UNNAMED, Evidence, Explanation
from stillwatch.campaigns.measures import Floats, Measures, Measuring, chosen
from stillwatch.campaigns.nulls import LIVES_ON, MAX_OF_TEMPLATE, MAX_SINGLES, MIN_NULL_EXCHANGES
from stillwatch.campaigns.registry import measured_evidence
from stillwatch.campaigns.verdicts import DAYS_OF_PROMISE, LEAST_BITS, Thresholds, openly_one
from stillwatch.profiles.index import Ints

FALSE_HARVESTS = 0.1
"""Expected false `harvest` findings per 30 days: a budget of their own. They accuse nobody of fraud, but whoever is
asked what he does with his answers has been named."""

MIN_NULL_UNITS = 63
"""Honest accounts below which nothing is said: six bits, and no ground for a dependence."""

SPEAKS_BITS = 3.0
"""Each of the two facts must say so much by itself."""

ONE_WAY_BITS = 4.0
"""Whoever makes data wants several kinds of answers: of large applications that do one such thing for their own users,
grading or explaining, one in sixteen is assumed to look just as a harvest of that kind does."""

WAY_SHARE = 0.1
WAY_BITS = 2.0
"""A way of making data is one's own where a tenth of one's exchanges asks so, as of four honest accounts one does."""

AMOUNT = ("fresh-answers", "answers")
ASKED = ("long-answers", "reasoning-asked", "mould-and-slots")
"""Evidence that is asked of a harvest, as of a campaign's streams; `ways` besides."""

WAYS = "ways"

APPLICATION = "application"
EVALUATOR = "evaluator"
EXPLANATIONS = (APPLICATION, EVALUATOR)
"""Honest explanations that a harvest is weighed against."""

_FACTS = ("amount", "kind")


@dataclass(frozen=True, slots=True)
class Harvest:
    """A party that was put to the test of harvest. Shapes: units (n,); cells (k,) its rows in `Cells`.

    found: whether it is a finding.  needed: bits that it had to reach.  expected_false: findings this strong that
    honest traffic would give in 30 days.
    row: its own in `measures`.
    """

    units: npt.NDArray[np.int32]
    cells: Ints
    n_exchanges: int
    evidence: list[Evidence]
    explanations: list[Explanation]
    found: bool
    needed: float
    expected_false: float
    row: int
    measures: Measures

    @property
    def coordination_bits(self) -> float:
        """None: it is one party, and says so."""
        return 0.0

    @property
    def extraction_bits(self) -> float:
        """Sum of the evidence that it collects training data."""
        return sum(e.bits for e in self.evidence)

    @property
    def margin_bits(self) -> float:
        """Bits over the best honest explanation."""
        return self.explanations[0].margin_bits


@dataclass(frozen=True, slots=True)
class Harvests:
    """All parties that were tested, the strongest first. threshold: bits that a finding takes."""

    tested: list[Harvest]
    threshold: float
    n_null: int


def find_harvests(assessment: Assessment, verdicts: Sequence[str], limits: Thresholds, days: float) -> Harvests:
    """Parties that collect training data in the open, tested against all customers by themselves.

    Most are units; accounts that act as one and do not hide it, such as those of an organisation that nobody verified,
    are one party.   verdicts: on the assessment's subjects: members of what was found are not tested.
    Null: whole units outside all networks, as for campaigns; of those that live on one template a few.
    """
    bench = assessment.bench
    cells = bench.cells
    volume = np.bincount(cells.unit, cells.n).astype(np.int64)
    found = [s.network.members for s, verdict in zip(assessment.subjects, verdicts, strict=True) if verdict != "clear"]
    large = np.flatnonzero(volume >= MIN_CAMPAIGN_EXCHANGES)
    parties = _openly_one(assessment, verdicts, limits)
    parties += _by_themselves(cells, large[~np.isin(large, np.concatenate(found))] if found else large)
    honest = _honest(assessment, volume)
    share = min(days, DAYS_OF_PROMISE) / DAYS_OF_PROMISE
    threshold = max(LEAST_BITS, float(np.log2(max(len(parties), 1) / (FALSE_HARVESTS * share))))
    if len(honest) < MIN_NULL_UNITS or not parties:
        return Harvests([], threshold, len(honest))
    measured = _measured(bench.connection, bench.measuring, [*parties, *_by_themselves(cells, honest)])
    is_party = np.arange(len(parties) + len(honest)) < len(parties)
    mine, null = measured.only(is_party), measured.only(~is_party)
    everybody = _weigh(mine, null)
    shares, usual = target_shares(mine.measures), target_shares(null.measures)
    on_moulds = null.measures.mould >= LIVES_ON_MOULDS
    against = {
        APPLICATION: _weigh(mine, null.only(on_moulds)) if on_moulds.sum() >= MIN_NULL_UNITS else everybody,
        EVALUATOR: _weigh(mine.nobody_elses(), null.nobody_elses()),
    }
    tested = []
    for row, party in enumerate(parties):
        asked = _asked(shares, usual, row)
        explanations = [_explanation(name, mine, weighed, row, asked) for name, weighed in against.items()]
        explanations.sort(key=lambda one: (one.margin_bits, one.name))
        strength = min(float(everybody.bits[row]), explanations[0].margin_bits)
        speaks = bool((everybody.facts[:, row] >= SPEAKS_BITS).all())
        tested.append(
            Harvest(
                units=party.units,
                cells=party.cells,
                n_exchanges=int(cells.n[party.cells].sum()),
                evidence=[*party.evidence, *everybody.pieces(row)],
                explanations=explanations,
                found=speaks and strength >= threshold,
                needed=threshold,
                expected_false=len(parties) * 2.0**-strength / share,
                row=row,
                measures=mine.measures,
            )
        )
    return Harvests(sorted(_told_once(tested), key=lambda h: -h.extraction_bits), threshold, len(honest))


@dataclass(frozen=True, slots=True)
class _Party:
    """Who is tested. Shapes: units (n,); cells (k,) rows in `Cells`. evidence: that many accounts are one party."""

    units: npt.NDArray[np.int32]
    cells: Ints
    evidence: list[Evidence]


def _by_themselves(cells: Cells, units: Ints) -> list[_Party]:
    """Units (n,) in ascending order, each a party with all of its cells."""
    order = np.argsort(cells.unit, kind="stable")
    bounds = np.searchsorted(cells.unit[order], np.stack([units, units + 1]))
    return [
        _Party(np.array([unit], np.int32), order[start:stop], [])
        for unit, start, stop in zip(units.tolist(), *bounds.tolist(), strict=True)
    ]


def _openly_one(assessment: Assessment, verdicts: Sequence[str], limits: Thresholds) -> list[_Party]:
    """Accounts that act as one and show whose they are, no strangers to each other, so no campaign: a party a network.

    What they collect in several streams they collect together, as an account does that has several moulds.
    """
    open_ = openly_one(assessment.subjects, limits)
    mine: dict[int, list[Assessed]] = {}
    for subject, verdict, is_open in zip(assessment.subjects, verdicts, open_, strict=True):
        if is_open and verdict == "clear":
            mine.setdefault(subject.network_number, []).append(subject)
    return [
        _Party(
            np.unique(np.concatenate([stream.units for stream in streams])),
            np.unique(np.concatenate([stream.cells for stream in streams])),
            [_openness(max(stream.strangers for stream in streams))],
        )
        for streams in mine.values()
    ]


def _told_once(tested: Sequence[Harvest]) -> list[Harvest]:
    """The same without the parties whose units are all in a larger one that was found."""
    kept: list[Harvest] = []
    told = np.zeros(0, np.int32)
    for one in sorted(tested, key=lambda h: (-h.n_exchanges, h.row)):
        if np.isin(one.units, told).all():
            continue
        kept.append(one)
        if one.found:
            told = np.union1d(told, one.units)
    return kept


def _openness(strangers: float) -> Evidence:
    """What is said of accounts that act as one and do not hide it: no bits, since it says nothing of what they do."""
    sentence = (
        f"they act as one, and {1.0 - strangers:.0%} of the pairs among them have a payment or a domain in common: "
        "they show that they are one party"
        if np.isfinite(strangers)
        else "they act as one, and the log names no payment, domain or organisation of theirs: whether they are one "
        "party in the open, or pretend to be many, it does not tell"
    )
    return Evidence(
        family="identity",
        axis="coordination",
        name=OPENLY_ONE if np.isfinite(strangers) else UNNAMED,
        bits=0.0,
        observed=1.0 - strangers if np.isfinite(strangers) else 0.0,
        expected=1.0,
        sentence=sentence,
    )


def _honest(assessment: Assessment, volume: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Units of the null: outside all networks, not living on the keys of their streams, a few of each template.

    Neither a popular tool's users nor a campaign that was not found may be the null.
    """
    cells = assessment.bench.cells
    keys = [s.stream.keys for s in assessment.subjects if s.stream is not None]
    mine = np.isin(cells.key, np.concatenate(keys)) if keys else np.zeros(len(cells.key), bool)
    on_streams = np.bincount(cells.unit[mine], cells.n[mine], len(volume)) / np.maximum(volume, 1.0)
    fit = (volume >= MIN_NULL_EXCHANGES) & (on_streams < LIVES_ON)
    for subject in assessment.subjects:
        fit[subject.network.members] = False
    main = np.flatnonzero(cells.is_template[cells.key] & (cells.n * 2 > volume[cells.unit]) & fit[cells.unit])
    main = main[np.argsort(cells.key[main], kind="stable")]
    first = np.searchsorted(cells.key[main], cells.key[main])
    fit[cells.unit[main[np.arange(len(main)) - first >= MAX_OF_TEMPLATE]]] = False
    units = np.flatnonzero(fit)
    return units[:: max(1, len(units) // MAX_SINGLES)]


@dataclass(frozen=True, slots=True)
class _Measured:
    """Measures of whole units, and of each the share of its prompts that no other unit sent. Shape: own (n,)."""

    measures: Measures
    own: Floats

    def only(self, rows: npt.NDArray[np.bool_]) -> _Measured:
        return _Measured(chosen(self.measures, rows), self.own[rows])

    def nobody_elses(self) -> _Measured:
        """The same where only prompts count that no other unit sent."""
        return _Measured(replace(self.measures, distinct=self.measures.distinct * self.own), self.own)


@dataclass(frozen=True, slots=True)
class _Weighed:
    """Units against a null. Shapes: bits (n,); facts (2, n) bits of amount and kind; surprise (n_evidence, n)."""

    bits: Floats
    facts: Floats
    surprise: Floats
    numbers: Floats
    usual: Floats
    names: list[str]

    def pieces(self, row: int) -> list[Evidence]:
        """The bits of a unit, dealt to its facts and to the evidence in them in proportion to their surprise."""
        out = []
        for fact, name in enumerate(_FACTS):
            at = [k for k, one in enumerate(self.names) if (one in AMOUNT) == (name == "amount")]
            said = float(self.surprise[at, row].sum())
            share = float(self.facts[fact, row] / max(self.facts[:, row].sum(), 1e-9))
            for k in at:
                bits = float(self.bits[row]) * share * float(self.surprise[k, row]) / max(said, 1e-9)
                if bits > 0:
                    out.append(_piece(self.names[k], bits, float(self.numbers[k, row]), float(self.usual[k])))
        return sorted(out, key=lambda e: (-e.bits, e.name))


def _weigh(mine: _Measured, null: _Measured) -> _Weighed:
    """Bits of units against a null: each of the two facts by its rank, and both together.

    Source: Brown, A method for combining non-independent, one-sided tests of significance, Biometrics 1975, with the
    covariance of two correlated normals; Spearman's correlation of the null's own bits stands for theirs.
    Assumes: among honest accounts the two facts hang together no more closely far out than they do in the middle.
    """
    names = [*AMOUNT, *ASKED, WAYS]
    known = measured_evidence()
    numbers, samples, surprise, usual = [], [], [], []
    for name in names:
        if name == WAYS:
            number, sample = ways(mine.measures, null.measures), ways(null.measures, null.measures)
        else:
            number, sample = (known[name].number(one.measures, null.measures) for one in (mine, null))
        numbers.append(number)
        samples.append(_surprise(sample, sample))
        surprise.append(_surprise(number, sample))
        usual.append(float(np.nanmedian(sample)) if np.isfinite(sample).any() else float("nan"))
    raw, own = np.stack(surprise), np.stack(samples)
    facts, nulls = [], []
    for amount in (True, False):
        rows = [k for k, name in enumerate(names) if (name in AMOUNT) == amount]
        total = own[rows].sum(axis=0)
        facts.append(rank_bits_of_all(raw[rows].sum(axis=0), total))
        nulls.append(rank_bits_of_all(total, total))
    both = np.stack(facts)
    dependence = rank_correlation(nulls[0], nulls[1])
    bits = together_bits(both, max(dependence, 0.0) if np.isfinite(dependence) else 1.0)
    return _Weighed(bits, both, raw, np.stack(numbers), np.array(usual), names)


def together_bits(bits: Floats, correlation: float) -> Floats:
    """Bits of two facts together, each a rank among honest numbers. Shapes: bits (2, n); result (n,).

    Fisher's sum of logarithms, as a chi-square whose variance has the covariance of two normals that correlate so:
    3.263 r + 0.710 r^2 + 0.027 r^3.   Source: Brown 1975, and Kost and McDermott 2002 for the polynomial.
    """
    statistic = 2.0 * np.log(2.0) * bits.sum(axis=0)
    covariance = 3.263 * correlation + 0.710 * correlation**2 + 0.027 * correlation**3
    variance = 8.0 + 2.0 * covariance
    chance = chdtrc(32.0 / variance, statistic * 8.0 / variance)
    out: Floats = -np.log2(np.maximum(chance, np.finfo(float).tiny))
    return np.maximum(out, 0.0)


def rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's, equal numbers sharing their mean rank; NaN where all of one are equal. Shapes: (n,) both."""
    ranks = []
    for values in (one, other):
        _, which, count = np.unique(values, return_inverse=True, return_counts=True)
        ranks.append((np.cumsum(count) - (count - 1) / 2.0)[which])
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _surprise(values: Floats, null: Floats) -> Floats:
    """Bits beyond the usual half."""
    return np.maximum(rank_bits_of_all(values, null) - 1.0, 0.0)


def _asked(shares: Mapping[str, Floats], usual: Mapping[str, Floats], row: int) -> list[str]:
    """The ways of making data that a unit is known by: a tenth of its exchanges, and rare among honest accounts."""
    return [
        name
        for name in MAKE_DATA
        if shares[name][row] >= WAY_SHARE and rank_bits_of_all(shares[name][row : row + 1], usual[name])[0] >= WAY_BITS
    ]


def ways(measures: Measures, null: Measures) -> Floats:
    """Bits of the ways of making data, each as rare as its share is among honest accounts, added up."""
    shares, usual = target_shares(measures), target_shares(null)
    rare: Floats = np.sum([_surprise(shares[name], usual[name]) for name in MAKE_DATA], axis=0)
    return rare


def _piece(name: str, bits: float, observed: float, expected: float) -> Evidence:
    if name == WAYS:
        return Evidence(
            family="text",
            axis="extraction",
            name=WAYS,
            bits=bits,
            observed=observed,
            expected=expected,
            sentence="what it asks for makes training data (reasoning, grades, rewriting, sets of instructions), in "
            f"shares that come to {observed:.1f} bits of rarity among honest customers; an ordinary one's come to "
            f"{expected:.1f}",
        )
    known = measured_evidence()[name]
    seen, usual = known.shown(observed), known.shown(expected)
    return Evidence(
        family=known.family,
        axis=known.axis,
        name=name,
        bits=bits,
        observed=seen,
        expected=usual,
        sentence=known.said(seen, usual),
    )


def _explanation(name: str, mine: _Measured, weighed: _Weighed, row: int, asked: Sequence[str]) -> Explanation:
    """An honest explanation of one unit. asked: the ways of making data that it is known by."""
    bits = float(weighed.bits[row])
    rare = f"only one in {2.0**bits:,.0f} collects as much of such a kind"
    others = 1.0 - float(mine.own[row])
    if name == APPLICATION:
        said = "one application that answers its own users, or works off a list"
        against = [f"of the applications that honest accounts run, {rare}"]
        fits = ["most of its prompts follow templates, as every application's do"]
        if len(asked) < 2:
            bits -= ONE_WAY_BITS
            fits.insert(0, f"it asks for {asked[0] if asked else 'none of the ways of making data'} alone, as one does")
        else:
            against.append(f"it asks for {' and for '.join(asked)}, and an application does one thing")
    else:
        said = "somebody who runs public benchmarks"
        against = [f"where only prompts count that nobody else sent, {rare} among honest accounts"]
        fits = [f"{others:.0%} of its prompts were sent by somebody else too"] if others > 0.005 else []
    return Explanation(
        name=name,
        margin_bits=round(bits, 3),
        for_=[f"{said} would show this too: {one}" for one in fits],
        against=against,
    )


def _measured(connection: duckdb.DuckDBPyConnection, measuring: Measuring, parties: Sequence[_Party]) -> _Measured:
    return _Measured(measuring.measure([one.cells for one in parties]), _nobody_elses(connection, parties))


def _nobody_elses(connection: duckdb.DuckDBPyConnection, parties: Sequence[_Party]) -> Floats:
    """Share of each party's distinct prompts that nobody else sent; 1 without text. Shape: (n,).

    The connection holds what was counted (`counts.count_traffic`).
    """
    at = np.repeat(np.arange(len(parties)), [len(one.units) for one in parties])
    units = np.concatenate([one.units for one in parties]).astype(np.int64)
    connection.register("asked_units", pa.table({"unit": units, "at": at}))
    table = connection.sql(
        """
        with shared as (select distinct prompt_hash, unit from again),
        senders as (select prompt_hash, count(*) as units from shared group by prompt_hash),
        theirs as (
            select a.at, s.prompt_hash, count(*) as units from shared s join asked_units a using (unit) group by all
        ), counted as (
            select t.at, count(*) filter (s.units > t.units) as common, count(*) as prompts
            from theirs t join senders s using (prompt_hash) group by t.at
            union all
            select a.at, 0, sum(o.n) from once o join asked_units a using (unit) group by a.at
        )
        select c.at, sum(c.common)::double / sum(c.prompts) as common from counted c group by c.at order by c.at
        """
    ).to_arrow_table()
    connection.unregister("asked_units")
    out = np.ones(len(parties))
    out[table["at"].to_numpy()] = 1.0 - table["common"].to_numpy()
    return out
