"""From networks to verdicts: streams, evidence on both axes, honest explanations, and what passes the promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt

from stillwatch.campaigns.calibration import rank_bits
from stillwatch.campaigns.cells import Cells, CellsOfUnits
from stillwatch.campaigns.concealment import NAMED, Faces, Places, common_places, concealment, doubt, scatter
from stillwatch.campaigns.dealing import KEPT_TO, Dealing, dealing
from stillwatch.campaigns.explanations import OVERLAP, Place, twice, weigh_explanations
from stillwatch.campaigns.finding import Evidence, Explanation
from stillwatch.campaigns.location import counted_once
from stillwatch.campaigns.measures import Measures, Measuring, chosen, joined, per_account
from stillwatch.campaigns.nulls import bags_of, moulds_of, references_of, singles_of, suspects_of
from stillwatch.campaigns.registry import MeasuredEvidence, measured_evidence
from stillwatch.campaigns.rest import at_night
from stillwatch.campaigns.score import Score
from stillwatch.campaigns.sharing import Sharing, apart_evidence, sharing_evidence, weigh_sharing
from stillwatch.campaigns.streams import Stream, split_streams
from stillwatch.links.links import Links
from stillwatch.networks.group import Scorer
from stillwatch.networks.null import Strata
from stillwatch.networks.search import Network
from stillwatch.networks.split import parts_without
from stillwatch.profiles.index import Ints, rows_of

MIN_CAMPAIGN_EXCHANGES = 1000
"""Fewer answers are no training set; they are not put to the test, and spend nothing of the promise."""

AMOUNT = frozenset({"fresh-answers", "answers"})
"""Evidence of how much was collected; all other extraction evidence is of what was."""

KIND = "kind"
AMOUNTS = "amount"
KIND_COUNTS = 0.5
"""A rare kind of answers counts half of what a rare amount does: every campaign takes all that it can get, but many ask
for what others ask for too. Of single accounts, which are compared with people, both count alike."""

LIVES_ON_MOULDS = 0.5
"""Share of its exchanges under templates from which an honest unit is an application."""


@dataclass(frozen=True, slots=True)
class Assessed:
    """A network, or one campaign in it, with everything that speaks for and against it.

    strangers: share of pairs of its accounts that no identity joins; NaN where none is known.
    unnamed: whether the log does not tell whose accounts are: hardly a payment or domain, and no organisation.
    one_of_many: whether it is a small part of a network that carries much besides, as each of many customers is.
    asked_bits: of what it asks for, against single moulds of honest accounts.
    row: its row in the candidates' measures.
    """

    network_number: int
    network: Network
    stream: Stream | None
    cells: Ints
    units: npt.NDArray[np.int32]
    evidence: list[Evidence]
    explanations: list[Explanation]
    sharing: Sharing
    strangers: float
    n_exchanges: int
    row: int
    one_of_many: bool = False
    asked_bits: float = 0.0
    unnamed: bool = False

    @property
    def doubt(self) -> float:
        """Bits taken off for how openly its accounts belong together, or for not knowing it; infinite where openly."""
        return doubt(self.strangers, self.unnamed)

    @property
    def whole(self) -> bool:
        """Whether it is a network with all its traffic, and no stream in one."""
        return self.stream is None

    @property
    def coordination_bits(self) -> float:
        """Sum of the evidence that its accounts act as one."""
        return sum(e.bits for e in self.evidence if e.axis == "coordination")

    @property
    def extraction_bits(self) -> float:
        """Sum of the evidence that it collects training data."""
        return sum(e.bits for e in self.evidence if e.axis == "extraction")

    @property
    def margin_bits(self) -> float:
        """Bits over the best honest explanation."""
        return self.explanations[0].margin_bits


@dataclass(frozen=True, slots=True)
class Assessment:
    """All subjects, and the measures that they were compared with."""

    subjects: list[Assessed]
    candidates: Measures
    bench: Bench


@dataclass(frozen=True, slots=True)
class Bench:
    """What every subject is weighed with: the traffic, and the honest groups that it is compared with.

    strata: units by volume.  Shapes: account_unit (n_accounts,) the unit of each account; by_unit (n_accounts,) the
    accounts in the order of their units.   dealings: of each network.
    """

    connection: duckdb.DuckDBPyConnection
    cells: Cells
    of_units: CellsOfUnits
    measuring: Measuring
    links: Links
    scorer: Scorer
    strata: Strata
    faces: Faces
    places: Places
    account_unit: Ints
    by_unit: Ints
    rng: np.random.Generator
    references: Measures
    singles: Measures
    moulds: Measures
    bags: Measures
    dealings: Sequence[Dealing]
    unnamed: bool = False

    def weigh(self, plan: Sequence[tuple[int, Network, Stream | None]], first: int) -> tuple[list[Assessed], Measures]:
        """Networks, and streams in them, weighed; their rows in the measures are numbered from `first`."""
        cells = self.cells
        groups = _of_plan(self.of_units, plan)
        candidates = self.measuring.measure(groups)
        coordination, extraction = _scores(candidates, self.references, self.singles)
        made_by = _made_by(candidates, self.references, self.singles, self.moulds)
        sorted_unit = self.account_unit[self.by_unit]
        night = at_night(self.connection, cells, groups)
        subjects = []
        for row, (number, network, stream) in enumerate(plan):
            units = np.unique(cells.unit[groups[row]]).astype(np.int32)
            n_exchanges = int(cells.n[groups[row]].sum())
            # What cannot be a finding by itself is weighed roughly; what it is joined to is weighed anew.
            exact = stream is None or n_exchanges >= MIN_CAMPAIGN_EXCHANGES
            sharing = weigh_sharing(self.scorer, self.links, units, self.strata, self.rng, exact=exact)
            accounts = np.sort(self.by_unit[rows_of(sorted_unit, units)])
            parts = parts_without(self.scorer, units, "text")[np.searchsorted(units, self.account_unit[accounts])]
            hidden, concealed = concealment(self.faces, accounts, parts)
            measured = [piece for score in (*coordination, extraction) for piece in score.pieces(row)]
            placed = counted_once([*measured, *scatter(self.places, accounts)])
            evidence = _combine([*sharing_evidence(sharing), *placed, *concealed])
            dealt = self.dealings[number]
            place = _place(cells, self.of_units, network.members, groups[row], stream, candidates, row, dealt)
            place = replace(place, common=common_places(self.places, accounts))
            place = replace(place, owners=sharing.in_parties, kept=sharing.kept_bits)
            narrow = rank_bits(float(candidates.focus[row]), self.bags.focus)
            together = float(2.0 ** candidates.sync[row])
            place = replace(place, narrow=narrow, night=float(night[row]), together=together)
            subjects.append(
                Assessed(
                    network_number=number,
                    network=network,
                    stream=stream,
                    cells=groups[row],
                    units=units,
                    evidence=evidence,
                    explanations=weigh_explanations(
                        evidence,
                        made_by[row],
                        place,
                        apart_evidence(sharing),
                    ),
                    sharing=sharing,
                    strangers=hidden,
                    n_exchanges=n_exchanges,
                    row=first + row,
                    one_of_many=stream is not None and place.one_of_many,
                    asked_bits=made_by[row]["customers"],
                    unnamed=self.unnamed,
                )
            )
        return subjects, candidates


def assess(
    connection: duckdb.DuckDBPyConnection,
    cells: Cells,
    links: Links,
    networks: Sequence[Network],
    volume: npt.NDArray[np.int64],
    faces: Faces,
    places: Places,
    account_unit: Ints,
    rng: np.random.Generator,
    past: npt.NDArray[np.int64] | None = None,
    folder: Path | None = None,
) -> Assessment:
    """Every network and every stream in it, weighed.

    Shapes: volume (n_units,) exchanges; account_unit (n_accounts,) the unit of each account.  past: units of findings
    that were confirmed in earlier scans: no honest sample.  folder: where counts go that are as long as the traffic; in
    memory where None.
    """
    scorer = Scorer.of(links)
    of_units = CellsOfUnits.of(cells)
    declared = np.bincount(account_unit, minlength=links.n_units) > 1
    split = split_streams(connection, cells, scorer, [network.members for network in networks], declared)
    suspects = suspects_of(cells, networks, split)
    if past is not None:
        suspects = np.union1d(suspects, past)
    null = [references_of(cells, suspects), singles_of(cells, suspects), moulds_of(cells, suspects)]
    null.append(bags_of(null[1], rng))
    plan: list[tuple[int, Network, Stream | None]] = []
    for number, (network, streams) in enumerate(zip(networks, split, strict=True)):
        plan += [(number, network, None), *((number, network, stream) for stream in streams)]
    measuring = Measuring(connection, cells, folder)
    # All at once, with what the search for harvests asks for later: it takes hardly longer than one of them.
    large = np.flatnonzero(of_units.n >= MIN_CAMPAIGN_EXCHANGES).astype(np.int32)
    wholes = [of_units.rows(large[at : at + 1]) for at in range(len(large))]
    measuring.measure([*(group for groups in null for group in groups), *_of_plan(of_units, plan), *wholes])
    bench = Bench(
        connection=connection,
        cells=cells,
        of_units=of_units,
        measuring=measuring,
        links=links,
        scorer=scorer,
        strata=Strata.by(volume, _regions(connection, links.n_units)),
        faces=faces,
        places=places,
        account_unit=account_unit,
        by_unit=np.argsort(account_unit, kind="stable"),
        rng=rng,
        references=measuring.measure(null[0]),
        singles=measuring.measure(null[1]),
        moulds=measuring.measure(null[2]),
        bags=measuring.measure(null[3]),
        dealings=[dealing(cells, n.members, streams) for n, streams in zip(networks, split, strict=True)],
        unnamed=float(np.mean(faces.known)) < NAMED and not declared.any(),
    )
    subjects, candidates = bench.weigh(plan, 0)
    return Assessment(subjects, candidates, bench)


def _regions(connection: duckdb.DuckDBPyConnection, n_units: int) -> Ints:
    """(n_units,) the country from which each unit sends most, as a number; 0 where none is known.

    It is no evidence: whoever is compared is compared with others of the same one. The connection holds `keyed`.
    """
    table = connection.sql(
        """
        select unit, arg_max(country, (n, country)) as country from (
            select unit, country, count(*) as n from keyed where country is not null group by all
        ) group by unit
        """
    ).to_arrow_table()
    out = np.zeros(n_units, np.int64)
    out[table["unit"].to_numpy()] = table["country"].to_numpy()
    return out


def _of_plan(of_units: CellsOfUnits, plan: Sequence[tuple[int, Network, Stream | None]]) -> list[Ints]:
    """The cells of each network, or stream, of a plan."""
    return [of_units.rows(network.members) if stream is None else stream.cells for _, network, stream in plan]


def _place(
    cells: Cells,
    of_units: CellsOfUnits,
    members: npt.NDArray[np.int32],
    rows: Ints,
    stream: Stream | None,
    measures: Measures,
    row: int,
    dealt: Dealing,
) -> Place:
    """Where some cells stand in their network. Shapes: rows (k,) of `cells`; row: theirs in the measures."""
    within = float(of_units.n[members].sum())
    n = float(cells.n[rows].sum())
    units = np.unique(cells.unit[rows])
    spread = dealt.of(np.unique(cells.key[rows]))
    # What keeps to a part of the accounts is held together by that: the proxy does not deal it out as all else.
    largest = n if stream is None or spread <= KEPT_TO else _largest_part(cells, rows, stream)
    return Place(
        of_accounts=n / float(of_units.n[units].sum()),
        of_network=largest / within,
        spread=spread,
        outside=float(measures.outside[row]),
        overlap=float(measures.overlap[row]),
    )


def _largest_part(cells: Cells, rows: Ints, stream: Stream) -> float:
    """Exchanges of the largest of a stream's parts. Shapes: rows (k,) of `cells`."""
    part = np.unique(stream.parts, return_inverse=True)[1]
    return float(np.bincount(part[np.searchsorted(stream.keys, cells.key[rows])], cells.n[rows]).max())


def _scores(candidates: Measures, references: Measures, singles: Measures) -> tuple[list[Score], Score]:
    """One score a family of coordination, and one for all of extraction.

    Extraction has two groups: how much was collected, and what.
    """
    families: dict[str, list[MeasuredEvidence]] = {}
    for one in measured_evidence().values():
        if one.axis == "coordination":
            families.setdefault(one.family, []).append(one)
    coordination = [Score.of(one, [f] * len(one), candidates, references, {}) for f, one in families.items()]
    return coordination, _extraction(candidates, joined(singles, references))


def _extraction(
    candidates: Measures, null: Measures, *, of: tuple[str, ...] = (AMOUNTS, KIND), kind: float = KIND_COUNTS
) -> Score:
    evidence = [one for one in measured_evidence().values() if one.axis == "extraction" and _group(one) in of]
    return Score.of(evidence, [_group(one) for one in evidence], candidates, null, {KIND: kind})


def _group(one: MeasuredEvidence) -> str:
    return AMOUNTS if one.name in AMOUNT else KIND


def _made_by(candidates: Measures, references: Measures, singles: Measures, moulds: Measures) -> list[dict[str, float]]:
    """Extraction against what honest explanations say the stream is: one application, or people by themselves.

    A customer of many is compared with single moulds: a network's traffic is taken apart by mould before it is tested,
    and a mould that asks for one thing only is nothing rare, where an account with several of them would be.

    What users of one tool ask for is the tool's, one fact of all of them, so the kind is compared with that of other
    groups that use one mould (with single units where there is no such group); how much each asks is his own.

    Applications are honest units that live on moulds; where the log has no text, nothing tells them from people.
    """
    on_moulds = singles.mould >= LIVES_ON_MOULDS
    applications = chosen(singles, on_moulds) if on_moulds.any() else singles
    each = per_account(candidates)
    made = {
        "applications": _extraction(candidates, applications),
        "customers": _extraction(candidates, moulds if len(moulds.units) else applications, of=(KIND,)),
        "people": _extraction(each, singles, kind=1.0),
    }
    amount = _extraction(each, singles, of=(AMOUNTS,))
    kind = _extraction(candidates, references if len(references.units) else singles, of=(KIND,))
    out = []
    for row in range(len(candidates.units)):
        bits = {name: score.bits(row) for name, score in made.items()}
        out.append(bits | {"users": min(bits["people"], amount.bits(row) + KIND_COUNTS * kind.bits(row))})
    return out


def _combine(evidence: list[Evidence]) -> list[Evidence]:
    """Evidence whose bits add up: where a coordination family is both shared and measured, the better counts.

    The other says the same fact again; a negative entry takes it out of the sum.
    """
    overlaps = [
        Evidence(
            family=family,
            axis="coordination",
            name=OVERLAP,
            bits=-bits,
            observed=bits,
            expected=0.0,
            sentence=f"evidence of the {family} family sees one fact twice, as what the accounts share and as what "
            "they do: the weaker of the two is taken out again",
        )
        for family, bits in twice(evidence).items()
    ]
    return sorted([*evidence, *overlaps], key=lambda e: (e.axis, -e.bits, e.name))
