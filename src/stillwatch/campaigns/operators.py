"""Operators: which findings may be run by the same hands, as graded hypotheses in bits, and never as a name.

Two findings are compared on what strangers do not share: payments, domains, exits, programs and hours of sign-up of
their accounts (infrastructure); fixed parts of their moulds and their items (text); hours, pauses, models and pace
(time). How alike they are is compared with how alike each is to honest parties of the same traffic, one by one: all
accounts of a group may be one customer's of the same bank, hoster or tool, and then a hundred of them are one
coincidence and no more. Of both ways round the smaller counts, of each family the best piece; families add up; what it
takes to have compared so many pairs of their kind is taken off.

A proxy is nobody's hand. Where two campaigns run on one network that others use too, or one of them on accounts that
carry much besides, what their accounts share is the proxy's, and is left out: only what they ask, and when, counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import duckdb
import msgspec
import numpy as np
import numpy.typing as npt

from stillwatch.campaigns.assess import Assessed
from stillwatch.campaigns.calibration import rank_bits
from stillwatch.campaigns.cells import Cells
from stillwatch.campaigns.finding import Findings, Operator, OperatorCluster, OperatorPiece
from stillwatch.campaigns.habits import FAMILY, NAMES, Floats, Habits, alike, read_habits
from stillwatch.links.kinds import GROUPS
from stillwatch.networks.group import Scorer
from stillwatch.profiles.index import Ints

INFRASTRUCTURE = {
    "payment": "payment instruments",
    "email": "e-mail domains",
    "address": "addresses and network prefixes",
    "signup": "hours of sign-up",
    "client": "client software",
    "end-user": "end users",
}
"""Groups of kinds that say whose accounts they are, and what a person calls them."""

GUEST_SHARE = 0.7
"""Share of its accounts' exchanges below which a campaign may be a guest on somebody's proxy."""

APART = 0.1
"""Share of the accounts of the smaller of two campaigns that both may use, if each has accounts of its own."""

SHARE_LEAST = 0.05
ACCOUNTS_LEAST = 3
"""Of the accounts of each of two findings so many must share something with the other's: a few that were swept into the
wrong one are no tie."""

GROUP_MOST = 500
"""Accounts of a random group at most: larger groups' means hardly vary, and are taken to vary as much."""

TIED_BITS = 4.0
"""An account is tied by what one in sixteen others has, or fewer."""

N_HONEST = 511
"""Honest parties whose habits findings are compared with: a family weighs 9 bits at the most."""

N_STRANGERS = 1023
"""Honest parties whose infrastructure is: 10 bits at the most. Whoever sends once has a card and an exit."""

MOST_FINDINGS = 40
MOST_NETWORKS = 20
"""The strongest findings, and networks, that are compared: pairs grow with their square."""

TIME_MOST = 4.0
"""Bits that hours, models and pace weigh at the most: drivers' clocks are few kinds of clocks, and of those who drive
accounts at all, unlike the honest parties that are compared, one in sixteen is assumed to keep the same."""

PACE_MOST = 2.0
"""And pace at the most: limits are the same for everybody, and one driver in four is assumed to go at another's."""

TEXT_LEAST = 0.2
"""Share of the exchanges of each of two findings in which a piece of the other's texts must stand: whoever collects
training data draws on the same public lists now and then, which honest parties do not."""

SPEAKS_BITS = 2.0
"""What a family says by itself, so that it counts as one of two."""

GRADES = (("strong", 10.0, 2), ("moderate", 6.0, 2), ("weak", 3.0, 1))
"""Grade, bits that it takes once the pairs are paid for, and families that must speak."""

OPERATORS = 5
"""Which of a seed's streams of random numbers honest parties are drawn with."""

HABITS_OF = 100
"""Exchanges that an honest party has at least: fewer show no habits."""


@dataclass(frozen=True, slots=True)
class Party:
    """A finding as operators are told by. cells: rows of `Cells`; units: its accounts.

    network: number of the network that it is or runs on; -1 for a finding of the past.  whole: a network with all its
    traffic.  guest: its accounts carry much besides.  past: of a log of reviews.
    """

    finding_id: str
    cells: Ints
    units: npt.NDArray[np.int32]
    network: int
    whole: bool = False
    guest: bool = False
    past: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """Two findings that may be run by the same hands. bits: once the pairs that were compared are paid for."""

    one: Party
    other: Party
    grade: str
    bits: float
    pieces: list[OperatorPiece]
    left_out: str


def is_guest(cells: Cells, rows: Ints) -> bool:
    """Whether a campaign's accounts carry much traffic besides it."""
    units = np.unique(cells.unit[rows])
    return float(cells.n[rows].sum()) < GUEST_SHARE * float(cells.n[np.isin(cells.unit, units)].sum())


def found_parties(weighed: Sequence[tuple[object, str, str | None]], cells: Cells) -> list[Party]:
    """Campaigns and networks among what was tested, as operators are told by, in their order."""
    return [
        Party(
            finding_id=finding_id,
            cells=subject.cells,
            units=subject.units,
            network=subject.network_number,
            whole=subject.whole,
            guest=not subject.whole and is_guest(cells, subject.cells),
        )
        for subject, verdict, finding_id in weighed
        if isinstance(subject, Assessed) and finding_id is not None and verdict in ("campaign", "network")
    ]


def compare(
    connection: duckdb.DuckDBPyConnection,
    cells: Cells,
    scorer: Scorer,
    parties: Sequence[Party],
    suspects: npt.NDArray[np.integer],
    rng: np.random.Generator,
) -> list[Pair]:
    """The pairs of findings that reach a grade, the strongest first.

    suspects: units that are no honest parties. The connection holds `exchanges` and `keyed`.
    """
    networks = [one for one in parties if one.whole][:MOST_NETWORKS]
    parties = [one for one in parties if not one.whole][:MOST_FINDINGS] + networks
    asked = [(a, b) for a, b in combinations(range(len(parties)), 2) if _may_be_asked(parties[a], parties[b])]
    if not asked:
        return []
    honest = _honest(cells, suspects, parties, rng, HABITS_OF, N_HONEST)
    strangers = _honest(cells, suspects, parties, rng, 1, N_STRANGERS)
    rows = [cells_of(cells, int(unit)) for unit in honest]
    of = [(cells.key_hash[cells.key[r]], cells.unit[r]) for r in [*(party.cells for party in parties), *rows]]
    known = read_habits(connection, of, len(parties))
    mine, theirs = known[: len(parties)], known[len(parties) :]
    null = [alike(one, theirs) for one in mine]
    networks_in = [int(parties[a].whole) + int(parties[b].whole) for a, b in asked]
    logged = np.unique(scorer.links.group)
    asked_of = {"infrastructure": sum(GROUPS.index(name) in logged for name in INFRASTRUCTURE), **Counter(FAMILY)}
    pairs = []
    for (a, b), kind in zip(asked, networks_in, strict=True):
        price = float(np.log2(networks_in.count(kind)))
        pieces, left_out = _infrastructure(cells, scorer, parties[a], parties[b], strangers, rng)
        pieces += _habits(mine[a], mine[b], null[a], null[b])
        pair = _graded(parties[a], parties[b], pieces, asked_of, price, left_out)
        if pair is not None:
            pairs.append(pair)
    return sorted(pairs, key=lambda pair: (-pair.bits, pair.one.finding_id, pair.other.finding_id))


def with_operators(findings: Findings, pairs: Sequence[Pair]) -> Findings:
    """The findings, each with whom it may share an operator, and the clusters that moderate or strong ties connect."""
    of: dict[str, list[Operator]] = {}
    for pair in pairs:
        for one, other in ((pair.one, pair.other), (pair.other, pair.one)):
            of.setdefault(one.finding_id, []).append(
                Operator(
                    findings=[other.finding_id],
                    bits=round(pair.bits, 3),
                    sentence=_sentence(pair, past=other.past),
                    grade=pair.grade,
                    pieces=pair.pieces,
                )
            )
    told = [msgspec.structs.replace(one, operators=of.get(one.finding_id, [])) for one in findings.findings]
    clusters = _clusters([pair for pair in pairs if pair.grade != "weak"])
    return msgspec.structs.replace(findings, findings=told, operators=clusters)


def cells_of(cells: Cells, unit: int) -> Ints:
    """Rows of one unit."""
    return np.flatnonzero(cells.unit == unit)


def _may_be_asked(one: Party, other: Party) -> bool:
    """Not of a campaign and the network that it runs on, nor of a past finding and what is the same accounts."""
    if one.past and other.past:
        return False
    if one.past or other.past:
        common = len(np.intersect1d(one.units, other.units))
        return 2 * common < max(min(len(one.units), len(other.units)), 1)
    return one.network != other.network or not (one.whole or other.whole)


def _honest(
    cells: Cells,
    suspects: npt.NDArray[np.integer],
    parties: Sequence[Party],
    rng: np.random.Generator,
    least: int,
    most: int,
) -> npt.NDArray[np.int32]:
    """At most so many honest parties with so many exchanges at the least, at random, sorted."""
    volume = np.bincount(cells.unit, cells.n)
    able = np.flatnonzero(volume >= least)
    able = np.setdiff1d(able, np.concatenate([suspects, *(party.units for party in parties)]))
    return np.sort(rng.permutation(able)[:most]).astype(np.int32)


def _infrastructure(
    cells: Cells,
    scorer: Scorer,
    one: Party,
    other: Party,
    honest: npt.NDArray[np.int32],
    rng: np.random.Generator,
) -> tuple[list[OperatorPiece], str]:
    """What the accounts of two findings share, and why it was left out where it was.

    Accounts of both are left aside: what they share with themselves says nothing.
    """
    if one.guest or other.guest:
        return [], "the accounts carry other traffic besides, and what they share may be a proxy's"
    if one.network == other.network and not _is_a_fleet(cells, one, other):
        return [], "both run on one network, and what its accounts share may be a proxy's"
    mine = np.setdiff1d(one.units, other.units).astype(np.int32)
    theirs = np.setdiff1d(other.units, one.units).astype(np.int32)
    if len(mine) < ACCOUNTS_LEAST or len(theirs) < ACCOUNTS_LEAST or len(honest) == 0:
        return [], ""
    to, null_to = _shared_with(scorer, mine, theirs, honest)
    back, null_back = _shared_with(scorer, theirs, mine, honest)
    out = []
    for name, label in INFRASTRUCTURE.items():
        group = GROUPS.index(name)
        tied = [bits[:, group] >= TIED_BITS for bits in (to, back)]
        if any(t.mean() < SHARE_LEAST or t.sum() < ACCOUNTS_LEAST for t in tied):
            continue
        bits = min(
            _against(to[:, group], null_to[:, group], rng),
            _against(back[:, group], null_back[:, group], rng),
        )
        share = float(min(t.mean() for t in tied))
        usual = float(max((null_to[:, group] >= TIED_BITS).mean(), (null_back[:, group] >= TIED_BITS).mean()))
        out.append(OperatorPiece(family="infrastructure", name=label, bits=bits, observed=share, expected=usual))
    return out, ""


def _shared_with(
    scorer: Scorer, mine: npt.NDArray[np.int32], theirs: npt.NDArray[np.int32], honest: npt.NDArray[np.int32]
) -> tuple[Floats, Floats]:
    """(n, n_groups) of accounts of another finding, and of honest parties: bits of the rarest thing shared with `mine`.

    Rare among everybody but the two findings: what a finding's own accounts share is no hub. Of who shows many values
    of a kind, one is no wonder.
    """
    links = scorer.links
    inside = np.zeros(links.n_indicators)
    found, n, _ = scorer.shared(mine, least=1)
    inside[found] = n
    beside = np.zeros(links.n_indicators)
    found, n, _ = scorer.shared(theirs, least=1)
    beside[found] = n
    rest = links.n_units - len(mine) - len(theirs) + 1.0
    bits = np.where(inside > 0, np.log2(rest / np.maximum(links.degree() - inside - beside + 1.0, 1.0)), 0.0)
    # A stranger is one of those who have the value elsewhere, and is not counted for himself.
    alone = np.where(inside > 0, np.log2(rest / np.maximum(links.degree() - inside - beside, 1.0)), 0.0)
    return _best(scorer, theirs, bits), _best(scorer, honest, alone)


def _best(scorer: Scorer, units: npt.NDArray[np.int32], bits: Floats) -> Floats:
    """(n, n_groups) the largest of some bits of indicators that each unit shows, by group of kinds."""
    links = scorer.links
    starts, ends = links.unit_offsets[units], links.unit_offsets[units + 1]
    row = np.repeat(np.arange(len(units)), ends - starts)
    at = np.repeat(starts - np.concatenate([[0], np.cumsum(ends - starts)[:-1]]), ends - starts) + np.arange(len(row))
    indicator = links.unit_indicators[at]
    group = links.group[indicator]
    out = np.zeros((len(units), len(GROUPS)))
    np.maximum.at(out, (row, group), bits[indicator] - links.log_values[units[row], group])
    return out


def _against(bits: Floats, null: Floats, rng: np.random.Generator) -> float:
    """Bits of a group's mean: against honest parties one by one, and against random groups of them of its size.

    One by one, since all of a group may use one service; in groups, since among many somebody always does.
    """
    mean = float(bits.mean())
    groups = null[rng.integers(0, len(null), (N_STRANGERS, min(len(bits), GROUP_MOST)))].mean(axis=1)
    return min(rank_bits(mean, null), rank_bits(mean, groups))


def _is_a_fleet(cells: Cells, one: Party, other: Party) -> bool:
    """Whether two campaigns of one network have accounts of their own each, on which nothing else runs.

    A proxy mixes its customers over its accounts. Nothing tells a proxy that gives each of two customers accounts of
    his own, and has no others, from one operator: infrastructure alone is never more than a weak tie.
    """
    common = len(np.intersect1d(one.units, other.units))
    if common > APART * min(len(one.units), len(other.units)):
        return False
    units = np.union1d(one.units, other.units)
    mine = float(cells.n[np.union1d(one.cells, other.cells)].sum())
    return mine >= GUEST_SHARE * float(cells.n[np.isin(cells.unit, units)].sum())


def _habits(one: Habits, other: Habits, null_one: Floats, null_other: Floats) -> list[OperatorPiece]:
    """How alike what two findings ask is, and when they ask it."""
    to, back = alike(one, [other])[0], alike(other, [one])[0]
    out = []
    for at, (name, family) in enumerate(zip(NAMES, FAMILY, strict=True)):
        if np.isnan(to[at]) or np.isnan(back[at]) or (name != "pace" and min(to[at], back[at]) <= 0.0):
            continue
        if family == "text" and min(to[at], back[at]) < TEXT_LEAST:
            continue
        bits = min(rank_bits(float(to[at]), null_one[:, at]), rank_bits(float(back[at]), null_other[:, at]))
        bits = min(bits, PACE_MOST if name == "pace" else TIME_MOST) if family == "time" else bits
        usual = np.concatenate([null_one[:, at], null_other[:, at]])
        expected = float(np.nanmedian(usual)) if np.isfinite(usual).any() else 0.0
        observed = float(min(to[at], back[at]))
        out.append(OperatorPiece(family=family, name=name, bits=bits, observed=observed, expected=expected))
    return out


def _graded(
    one: Party,
    other: Party,
    pieces: list[OperatorPiece],
    asked_of: Mapping[str, int],
    price: float,
    left_out: str,
) -> Pair | None:
    """A pair with its grade; None where it reaches none.

    Of each family the best piece counts, less what it takes to have asked for so many. asked_of: family -> how many.
    """
    best: dict[str, OperatorPiece] = {}
    for family in dict.fromkeys(piece.family for piece in pieces):
        mine = [piece for piece in pieces if piece.family == family]
        piece = max(mine, key=lambda piece: piece.bits)
        bits = piece.bits - float(np.log2(asked_of[family]))
        if bits > 0:
            best[family] = msgspec.structs.replace(piece, bits=bits)
    bits = sum(piece.bits for piece in best.values()) - price
    speaking = sum(piece.bits >= SPEAKS_BITS for piece in best.values())
    for grade, takes, families in GRADES:
        if bits >= takes and speaking >= families:
            counted = [
                msgspec.structs.replace(
                    piece,
                    bits=round(piece.bits, 3),
                    observed=round(piece.observed, 4),
                    expected=round(piece.expected, 4),
                )
                for piece in sorted(best.values(), key=lambda piece: (-piece.bits, piece.name))
            ]
            return Pair(one, other, grade, bits, counted, left_out)
    return None


def _sentence(pair: Pair, *, past: bool) -> str:
    what = ", ".join(f"{piece.name} ({piece.bits:.1f} bits)" for piece in pair.pieces)
    earlier = ", a finding of the past" if past else ""
    said = f"{pair.grade}{earlier}: they are alike in {what}, more than honest parties are with either of them"
    return f"{said}. Not counted: {pair.left_out}" if pair.left_out else said


def _clusters(pairs: Sequence[Pair]) -> list[OperatorCluster]:
    """Findings that hang together, each group with its weakest link."""
    label: dict[str, str] = {}
    for pair in pairs:
        ids = (pair.one.finding_id, pair.other.finding_id)
        for one in ids:
            label.setdefault(one, one)
        old, new = max(label[one] for one in ids), min(label[one] for one in ids)
        label = {one: new if of == old else of for one, of in label.items()}
    out = []
    for number, name in enumerate(sorted(set(label.values())), 1):
        members = sorted(one for one, of in label.items() if of == name)
        links = [pair for pair in pairs if pair.one.finding_id in members]
        weakest = min(links, key=lambda pair: pair.bits)
        out.append(
            OperatorCluster(
                name=f"O{number}",
                findings=members,
                bits=round(weakest.bits, 3),
                grade=weakest.grade,
                sentence=f"{len(members)} findings that may be run by the same hands; the weakest of the "
                f"{len(links)} ties between them is {weakest.grade}, {weakest.bits:.1f} bits",
            )
        )
    return out
