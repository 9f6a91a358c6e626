"""Findings and their tables, from assessed groups: ids, claims, accounts, exchanges, and what runs on which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch import schema
from stillwatch.campaigns.assess import Assessed, Assessment
from stillwatch.campaigns.cells import Cells
from stillwatch.campaigns.evidence.targets import named_targets
from stillwatch.campaigns.finding import UNNAMED, Finding, Findings, TemplateExample, TestedGroup
from stillwatch.campaigns.harvest import Harvest, Harvests
from stillwatch.campaigns.measures import Floats, Measures
from stillwatch.campaigns.pictures import Everybody, make_pictures, tell
from stillwatch.campaigns.registry import measured_evidence
from stillwatch.campaigns.roles import CARRYING, Role, members, roles
from stillwatch.campaigns.verdicts import Thresholds, expected_false
from stillwatch.links.links import Links
from stillwatch.networks.group import Scorer
from stillwatch.profiles.index import AccountIndex, Ints

ATLAS_OF_CAMPAIGN = ("AML.T0024.002", "AML.T0021")
ATLAS_OF_NETWORK = ("AML.T0008.005", "AML.T0021")

FIRST_EXCHANGES = 8
"""Earliest exchanges that a finding's id is made from."""

MOST_FIRST = FIRST_EXCHANGES * 4**5
"""And those that it is made from at the most, where other findings begin with the same ones."""


@dataclass(frozen=True, slots=True)
class Tables:
    """What a scan writes, but for the picture and the method.

    weighed: every group that was tested, its verdict, and its finding's id where it is one.
    """

    findings: Findings
    accounts: pa.Table
    exchanges: pa.Table
    links: pa.Table
    verdicts: pa.Table
    weighed: list[tuple[Assessed | Harvest, str, str | None]]


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that findings are written from.

    volume: (n_accounts,) exchanges.  labels: (kind, hash) -> text.  remarks: row of a subject in the measures -> what
    is to be said of its finding.
    """

    connection: duckdb.DuckDBPyConnection
    cells: Cells
    links: Links
    index: AccountIndex
    volume: Ints
    labels: dict[tuple[str, int], str]
    limits: Thresholds
    missing: list[str]
    remarks: Mapping[int, list[str]] = field(default_factory=dict)


class _Book:
    """The findings' tables while they are written, campaigns before the networks that they run on."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.findings: list[Finding] = []
        self.tested: list[TestedGroup] = []
        self.weighed: list[tuple[Assessed | Harvest, str, str | None]] = []
        self.accounts: dict[str, list[object]] = {name: [] for name in schema.FINDING_ACCOUNTS.names}
        self.exchanges: list[tuple[str, pa.Table, dict[int, float]]] = []
        self.links: list[tuple[str, str]] = []
        self.best = np.zeros((context.index.n_units, 2))
        self.said = np.full(context.index.n_accounts, "clear", dtype=object)

    @property
    def ids(self) -> set[str]:
        """Ids of the findings so far."""
        return {finding.finding_id for finding in self.findings}

    def weigh(self, subject: Assessed | Harvest, verdict: str, finding_id: str | None) -> None:
        """Note a tested group, and its bits for its accounts."""
        units = subject.units
        self.weighed.append((subject, verdict, finding_id))
        self.best[units] = np.maximum(self.best[units], (subject.coordination_bits, subject.extraction_bits))
        self.tested.append(
            TestedGroup(
                coordination_bits=round(subject.coordination_bits, 3),
                extraction_bits=round(subject.extraction_bits, 3),
                margin_bits=round(subject.margin_bits, 3),
                needed_bits=_bar(subject, verdict, self.context.limits).strength,
                doubt_bits=_doubt(subject),
                small_part=isinstance(subject, Assessed) and subject.one_of_many,
                accounts=len(units),
                exchanges=subject.n_exchanges,
                verdict=verdict,
                finding_id=finding_id,
            )
        )

    def enter(self, finding: Finding, part: Sequence[Role]) -> None:
        """Note a finding and who has which part in it."""
        self.findings.append(finding)
        for role in part:
            self.accounts["finding_id"].append(finding.finding_id)
            self.accounts["account_id"].append(self.context.index.names[role.account])
            self.accounts["role"].append(role.role)
            self.accounts["bits"].append(round(role.bits, 3))
            if role.role in ("driver", "carrier") and self.said[role.account] != "campaign":
                self.said[role.account] = finding.verdict

    def tables(self) -> Tables:
        """The whole."""
        links = {"campaign_id": [c for c, _ in self.links], "network_id": [n for _, n in self.links]}
        return Tables(
            findings=Findings(schema_version=schema.FINDINGS_VERSION, findings=self.findings, tested=self.tested),
            accounts=_sorted(pa.table(self.accounts, schema.FINDING_ACCOUNTS), ("finding_id", "account_id")),
            exchanges=_exchanges(self.exchanges),
            links=_sorted(pa.table(links, schema.FINDING_LINKS), ("campaign_id", "network_id")),
            verdicts=_verdicts(self.context, self.best, self.said),
            weighed=self.weighed,
        )


def make_tables(
    assessment: Assessment, verdicts: Sequence[str], harvests: Harvests, context: Context, examples: dict[int, str]
) -> Tables:
    """The findings of an assessment and their tables: campaigns, then networks, then harvests, each by its bits.

    verdicts: one a subject. A network that carries campaigns is a finding of its own, beside them.
    """
    scorer, measures, honest = Scorer.of(context.links), assessment.candidates, assessment.bench.singles
    book = _Book(context)
    judged = list(zip(verdicts, assessment.subjects, strict=True))
    order = sorted(judged, key=lambda one: -(one[1].coordination_bits + one[1].extraction_bits))
    told = [subject.network.members for verdict, subject in judged if verdict != "clear"]
    told += [harvest.units for harvest in harvests.tested if harvest.found]
    everybody = tell(context.connection, np.unique(np.concatenate(told)) if told else np.zeros(0, np.int32))
    found = [subject.cells for verdict, subject in judged if verdict == "campaign"]
    campaigns = np.concatenate(found) if found else np.zeros(0, np.int64)
    carried: dict[int, list[str]] = {}
    drivers: dict[int, set[int]] = {}
    imitated: dict[int, set[int]] = {}
    for verdict, subject in order:
        if verdict != "campaign":
            continue
        part = roles(context.connection, subject, context.cells, scorer, campaigns)
        finding = _finding(verdict, subject, part, measures, honest, context, everybody, scorer, examples, book.ids)
        book.enter(finding, part)
        book.weigh(subject, verdict, finding.finding_id)
        picked = _picked(context.connection)
        book.exchanges.append((finding.finding_id, picked, _probabilities(subject, context.cells)))
        carried.setdefault(subject.network_number, []).append(finding.finding_id)
        drivers.setdefault(subject.network_number, set()).update(r.account for r in part if r.role == "driver")
        if subject.stream is not None:
            imitated.setdefault(subject.network_number, set()).update(subject.stream.imitated.tolist())
    for verdict, subject in order:
        number = subject.network_number
        if verdict == "network" and subject.whole:
            theirs, before = drivers.get(number, set()), imitated.get(number, set())
            part = [
                replace(role, role="driver" if role.account in theirs else "adjacent" if unit in before else role.role)
                for role, unit in members(context.connection, subject, scorer)
            ]
            finding = _finding(verdict, subject, part, measures, honest, context, everybody, scorer, examples, book.ids)
            book.enter(finding, part)
            book.weigh(subject, verdict, finding.finding_id)
            book.links += [(campaign, finding.finding_id) for campaign in carried.get(number, [])]
        elif verdict != "campaign":
            book.weigh(subject, verdict, None)
    for harvest in harvests.tested:
        if not harvest.found:
            book.weigh(harvest, "clear", None)
            continue
        part = [
            Role(int(code), "driver", harvest.extraction_bits)
            for code in np.flatnonzero(np.isin(context.index.unit, harvest.units))
        ]
        finding = _finding(
            "harvest", harvest, part, harvest.measures, honest, context, everybody, scorer, examples, book.ids
        )
        book.enter(finding, part)
        book.weigh(harvest, "harvest", finding.finding_id)
        picked = _picked(context.connection)
        book.exchanges.append((finding.finding_id, picked, dict.fromkeys(picked["key"].unique().to_pylist(), 1.0)))
    return book.tables()


def _finding(
    kind: str,
    subject: Assessed | Harvest,
    part: Sequence[Role],
    measures: Measures,
    honest: Measures,
    context: Context,
    everybody: Everybody,
    scorer: Scorer,
    examples: dict[int, str],
    taken: set[str],
) -> Finding:
    """The finding; the table `picked` is left with its exchanges. taken: ids of the findings before it."""
    connection, cells = context.connection, context.cells
    rows, units = subject.cells, subject.units if isinstance(subject, Harvest) else subject.network.members
    connection.register("picked_cells", pa.table({"key": cells.key_hash[cells.key[rows]], "unit": cells.unit[rows]}))
    connection.execute(
        "create or replace temp table picked as select t.* from told t semi join picked_cells p "
        "on t.key = p.key and t.unit = p.unit"
    )
    connection.unregister("picked_cells")
    connection.register("member_units", pa.table({"unit": units.astype(np.int64)}))
    connection.execute("create or replace temp table picked_units as select unit from member_units")
    connection.unregister("member_units")
    facts = connection.execute(
        """
        select count(*), min(us), max(us), coalesce(sum(output_tokens), -1), count(output_tokens),
            count(distinct trajectory)
        from picked
        """
    ).fetchall()[0]
    network_total = connection.execute("select count(*) from told join picked_units using (unit)").fetchall()[0]
    n, first, last, tokens, n_tokens, trajectories = (int(x) for x in facts)
    earliest = connection.sql(_EARLIEST).to_arrow_table()
    finding_id = finding_id_of(kind, earliest["exchange_id"], taken)
    n_accounts = sum(role.role in CARRYING for role in part)
    load = np.bincount(np.unique(cells.unit[rows], return_inverse=True)[1], cells.n[rows]).astype(np.int64)
    shares = named_targets(measures, subject.row, honest)
    bar = _bar(subject, kind, context.limits)
    return Finding(
        finding_id=finding_id,
        verdict=kind,
        coordination_bits=round(subject.coordination_bits, 3),
        extraction_bits=round(subject.extraction_bits, 3),
        margin_bits=round(subject.margin_bits, 3),
        needed_bits=bar.strength,
        doubt_bits=_doubt(subject) or 0.0,
        strangers=None if isinstance(subject, Harvest) or np.isnan(subject.strangers) else round(subject.strangers, 4),
        small_part=isinstance(subject, Assessed) and subject.one_of_many,
        needed_coordination_bits=bar.coordination,
        expected_false=subject.expected_false
        if isinstance(subject, Harvest)
        else expected_false(subject, kind, context.limits),
        claim=_claim(
            kind,
            n_accounts,
            n,
            first,
            last,
            shares,
            _verified(subject, context.index),
            any(e.name == UNNAMED for e in subject.evidence),
        ),
        accounts=n_accounts,
        exchanges=n,
        trajectories=trajectories,
        tokens_out=tokens if n_tokens else None,
        network_share=round(n / max(int(network_total[0]), 1), 4),
        first_at=_iso(first),
        last_at=_iso(last),
        targets=shares,
        evidence=subject.evidence,
        explanations=subject.explanations,
        templates=_templates(rows, cells, examples),
        atlas=_atlas(kind, subject),
        reviews=[] if isinstance(subject, Harvest) else context.remarks.get(subject.row, []),
        missing=context.missing,
        pictures=make_pictures(connection, everybody, scorer, units, load, context.labels),
    )


@dataclass(frozen=True, slots=True)
class _Bar:
    """What a group had to reach, in bits: None where it is not asked."""

    coordination: float | None
    strength: float | None


def _bar(subject: Assessed | Harvest, verdict: str, limits: Thresholds) -> _Bar:
    if isinstance(subject, Harvest):
        return _Bar(None, round(subject.needed, 3))
    coordination, needed = limits.taken(subject, verdict)
    return _Bar(round(coordination, 3), None if subject.whole else round(needed, 3))


def _doubt(subject: Assessed | Harvest) -> float | None:
    """Bits that were taken off; None where accounts do not hide that they belong together."""
    taken_off = 0.0 if isinstance(subject, Harvest) else subject.doubt
    return round(taken_off, 3) if np.isfinite(taken_off) else None


_EARLIEST = f"""
    with few as (
        select position, us from picked
        where us <= (select max(us) from (select us from picked order by us limit {MOST_FIRST}))
    )
    select i.exchange_id from exchange_ids i join few using (position) order by few.us, i.exchange_id limit {MOST_FIRST}
"""


def _picked(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """Exchanges of the finding that is in the table `picked`, as (position, exchange_id, key), in the order of ids."""
    return connection.sql(
        "select position, i.exchange_id, p.key from exchange_ids i join picked p using (position) order by exchange_id"
    ).to_arrow_table()


def _templates(rows: Ints, cells: Cells, examples: dict[int, str]) -> list[TemplateExample]:
    """The stream's keys, largest first; those that are templates carry an example where one may be shown."""
    keys, inverse = np.unique(cells.key[rows], return_inverse=True)
    count = np.bincount(inverse, cells.n[rows])
    accounts = np.bincount(inverse)
    out = []
    for at in np.argsort(-count, kind="stable"):
        if not cells.is_template[keys[at]]:
            continue
        template = int(cells.key_hash[keys[at]])
        out.append(
            TemplateExample(
                id=f"{template & (2**64 - 1):016x}",
                count=int(count[at]),
                accounts=int(accounts[at]),
                example=examples.get(template),
            )
        )
        if len(out) == 12:
            break
    return out


def _atlas(kind: str, subject: Assessed | Harvest) -> list[str]:
    if isinstance(subject, Harvest):
        return []
    known = measured_evidence()
    named = {known[e.name].atlas for e in subject.evidence if e.name in known and e.bits > 0}
    always = ATLAS_OF_CAMPAIGN if kind == "campaign" else ATLAS_OF_NETWORK
    return sorted({*always, *(a for a in named if a and kind == "campaign")})


def _verified(subject: Assessed | Harvest, index: AccountIndex) -> bool | None:
    """Whether the registry calls a harvest's accounts verified; None where it does not say, and of other findings."""
    if not isinstance(subject, Harvest):
        return None
    said = index.verified[np.isin(index.unit, subject.units)]
    return None if (said < 0).all() else bool((said != 0).all())


def _claim(
    kind: str,
    accounts: int,
    n: int,
    first: int,
    last: int,
    shares: dict[str, float],
    verified: bool | None,
    unnamed: bool,
) -> str:
    days = max((last - first) / 86_400e6, 0.0)
    span = f"{days:.0f} days" if days >= 2 else f"{days * 24:.0f} hours"
    if kind == "campaign":
        after = f", after {' and '.join(sorted(shares, key=lambda s: -shares[s])[:2])}" if shares else ""
        who = f"{accounts:,} accounts that present themselves as unrelated act as one"
        return f"{who} and collected {n:,} answers in {span}{after}."
    if kind == "harvest":
        who = "One account" if accounts == 1 else f"One party, with {accounts:,} accounts that show whose they are,"
        after = f", after {' and '.join(sorted(shares, key=lambda s: -shares[s])[:2])}" if shares else ""
        if unnamed:
            return (
                f"{accounts:,} accounts that act as one collected {n:,} answers in {span} as one collects training "
                f"data{after}. The log names no payment, domain or organisation of theirs: if they are one customer's, "
                "it is a matter of terms; if they pretend to be many customers', it is a campaign. A registry tells."
            )
        said = {
            True: "The registry calls it verified",
            False: "The registry calls it unverified",
            None: "The registry does not say whether it is verified",
        }[verified]
        return (
            f"{who} collected {n:,} answers in {span} as one collects training data{after}. It hides nothing: a matter "
            f"of terms, not of fraud. {said}; whether its contract allows this stands in the contract alone."
        )
    who = f"{accounts:,} accounts that present themselves as unrelated act as one over {span}"
    return f"{who}. Whoever they serve, acting as one is no accusation by itself."


def finding_id_of(kind: str, exchange_ids: pa.ChunkedArray, taken: set[str]) -> str:
    """A finding's id, from its earliest exchanges; from more of them where another finding begins with the same ones.

    Networks may share accounts, and with them their earliest exchanges.
    """
    n = FIRST_EXCHANGES
    while True:
        first = exchange_ids[:n].to_pylist()
        beyond = [str(n)] if n > len(first) and n > FIRST_EXCHANGES else []
        digest = blake2b("\n".join([kind, *first, *beyond]).encode(), digest_size=6).hexdigest()
        found = f"{kind[:1].upper()}-{digest}"
        if found not in taken:
            return found
        n *= 4


def _probabilities(subject: Assessed, cells: Cells) -> dict[int, float]:
    """Key -> probability that an exchange under it is the driver's: one less the share that others' use explains."""
    stream = subject.stream
    if stream is None:
        return {}
    return {
        int(cells.key_hash[key]): round(1.0 - 2.0 ** -float(bits), 4)
        for key, bits in zip(stream.keys, stream.bits, strict=True)
    }


def _exchanges(picked: list[tuple[str, pa.Table, dict[int, float]]]) -> pa.Table:
    """Exchanges of campaigns; one that two campaigns claim stays with the stronger, which stands before.

    The columns are of `schema.FINDING_EXCHANGES`, with names of findings and streams as dictionaries: they are as many
    rows as campaigns have exchanges. `picked` is empty afterwards, so that nothing is held twice.
    """
    seen = np.zeros(0, np.int64)
    pieces = {}
    picked.reverse()
    while picked:
        finding_id, table, probability = picked.pop()
        position = table["position"].to_numpy()
        new = ~np.isin(position, seen)
        seen = np.concatenate([seen, position[new]])
        keys, which = np.unique(table["key"].to_numpy()[new], return_inverse=True)
        streams = pa.array([f"{finding_id}/{int(key) & (2**64 - 1):016x}" for key in keys], pa.string())
        chances = np.array([probability.get(int(key), 0.5) for key in keys], np.float64)
        ids = table["exchange_id"]
        columns = {
            "finding_id": pa.DictionaryArray.from_arrays(np.zeros(len(which), np.int32), pa.array([finding_id])),
            "exchange_id": ids if new.all() else ids.filter(pa.array(new)),
            "stream_id": pa.DictionaryArray.from_arrays(which.astype(np.int32), streams),
            "probability": chances[which],
        }
        pieces[finding_id] = pa.table(columns)
    tables = [pieces[name] for name in sorted(pieces)]
    return pa.concat_tables(tables) if tables else schema.FINDING_EXCHANGES.empty_table()


def _verdicts(context: Context, best: Floats, said: npt.NDArray[np.object_]) -> pa.Table:
    unit = context.index.unit
    table = pa.table(
        {
            "account_id": list(context.index.names),
            "verdict": [str(v) for v in said],
            "coordination_bits": np.round(best[unit, 0], 3),
            "extraction_bits": np.round(best[unit, 1], 3),
            "exchanges": context.volume,
        },
        schema.ACCOUNTS,
    )
    return _sorted(table, ("account_id",))


def _sorted(table: pa.Table, by: tuple[str, ...]) -> pa.Table:
    return table.sort_by([(name, "ascending") for name in by])


def _iso(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
