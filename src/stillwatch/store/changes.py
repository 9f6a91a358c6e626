"""What became of the findings since the last scan of a store: new, grown, merged, split, moved, gone quiet, lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.campaigns.finding import Finding
from stillwatch.campaigns.findings import Tables
from stillwatch.campaigns.roles import CARRYING
from stillwatch.fingerprint.hashing import hash_strings
from stillwatch.profiles.index import Ints
from stillwatch.report.history import EVENTS, STATUSES, Event, Remembered
from stillwatch.report.text import count, listed
from stillwatch.schema import FINDING_EXCHANGES
from stillwatch.store.identity import Body, Lineage, new_id, trace
from stillwatch.store.members import ACCOUNTS, EXCHANGES, Members

QUIET = timedelta(days=2)
"""Without an exchange for so long, up to the last one in the store, a finding has gone quiet: no night is so long."""

MOVED_EXCHANGES = 20
"""New exchanges that it takes to say that a finding moved; more than half of them must have gone the same way."""


@dataclass(frozen=True, slots=True)
class Followed:
    """A scan's tables under the ids that the store has published, and what it remembers of findings from now on."""

    tables: Tables
    findings: list[Remembered]
    members: Members


def follow(
    tables: Tables,
    past: Sequence[Remembered],
    members: Members,
    connection: duckdb.DuckDBPyConnection,
    labels: Mapping[tuple[str, int], str],
    platforms: Mapping[int, str],
) -> Followed:
    """The findings of a scan as those of the scans before, where they are the same, and what became of all.

    Campaigns and harvests are told again by their exchanges, networks by their accounts, and what was lost by the
    accounts that carried it.  labels: ("model", hash) -> its name.  platforms: hash -> its name.
    The connection holds the view `fingerprint`, of all exchanges in the store.
    """
    here = connection.sql("select max(epoch_us(requested_at)) from fingerprint").fetchall()[0][0]
    at = _iso(int(here))
    accounts = _accounts_of(tables.accounts)
    tables = replace(tables, exchanges=tables.exchanges.cast(FINDING_EXCHANGES))
    exchanges = _exchanges_of(tables.exchanges)
    still = _still_there(connection, members.exchanges)
    before, theirs = _exchanges_of(still), _accounts_of(members.accounts)
    active = [one for one in past if one.active]
    lost = [one for one in past if one.status == "lost"]
    found = tables.findings.findings
    now = [_body(one.finding_id, one.verdict, exchanges, accounts) for one in found]
    lines = trace(now, [_body(one.finding_id, one.verdict, before, theirs) for one in active])
    again = [i for i, line in enumerate(lines) if line.kept is None and line.split_from is None]
    revived = trace(
        [Body(now[i].finding_id, now[i].kind, accounts.get(now[i].finding_id, _NONE)) for i in again],
        [Body(one.finding_id, one.verdict, theirs.get(one.finding_id, _NONE)) for one in lost],
    )
    returned = {i: line.kept for i, line in zip(again, revived, strict=True) if line.kept is not None}
    ids = _published(found, lines, returned, {one.finding_id for one in past})
    known = {one.finding_id: one for one in past}
    renamed = _renamed(tables, ids, {one.finding_id: one.expected_false for one in active})
    fresh = {
        one.finding_id: np.setdiff1d(exchanges.get(one.finding_id, _NONE), before.get(ids[one.finding_id], _NONE))
        for one in found
    }
    ways = _ways(connection, exchanges, fresh, labels, platforms)
    networks: dict[str, list[str]] = {}
    for row in renamed.links.to_pylist():
        networks.setdefault(row["campaign_id"], []).append(row["network_id"])
    out = []
    for i, (finding, named, line) in enumerate(zip(found, renamed.findings.findings, lines, strict=True)):
        mine = ids[finding.finding_id]
        who = accounts.get(finding.finding_id, _NONE)
        old = known[mine] if i in returned or line.kept is not None else None
        out.append(
            _told(
                named,
                finding.finding_id,
                old,
                line,
                at,
                new_exchanges=_new_exchanges(finding, old, fresh[finding.finding_id]),
                new_accounts=len(np.setdiff1d(who, theirs.get(mine, _NONE))) if old else len(who),
                way=ways.get(finding.finding_id, (None, None)),
                networks=sorted(networks.get(mine, [])),
                returned=i in returned,
            )
        )
    became = {gone: one.finding_id for one in reversed(out) for gone in one.merged}
    here_now = {one.finding_id for one in out}
    out += [_left(one, became.get(one.finding_id), at) for one in past if one.finding_id not in here_now]
    gone = pa.array(sorted({one.finding_id for one in past} - here_now), pa.string())
    kept = members.accounts.filter(pc.is_in(members.accounts["finding_id"], gone))
    return Followed(
        tables=renamed,
        findings=out,
        members=Members(
            accounts=_sorted(pa.concat_tables([renamed.accounts.select(ACCOUNTS.names).cast(ACCOUNTS), kept])),
            exchanges=_sorted(
                pa.table(
                    [renamed.exchanges["finding_id"], hash_strings(renamed.exchanges["exchange_id"])], schema=EXCHANGES
                )
            ),
        ),
    )


_NONE: Ints = np.zeros(0, np.int64)


def _body(finding_id: str, kind: str, exchanges: Mapping[str, Ints], accounts: Mapping[str, Ints]) -> Body:
    return Body(finding_id, kind, (accounts if kind == "network" else exchanges).get(finding_id, _NONE))


def _accounts_of(table: pa.Table) -> dict[str, Ints]:
    """Finding -> hashes of the accounts that carry it."""
    table = table.filter(pc.is_in(table["role"], pa.array(CARRYING)))
    return _by_finding(table["finding_id"], hash_strings(table["account_id"]).to_numpy())


def _exchanges_of(table: pa.Table) -> dict[str, Ints]:
    """Finding -> hashes of its exchanges."""
    if "exchange" in table.column_names:
        return _by_finding(table["finding_id"], table["exchange"].to_numpy())
    return _by_finding(table["finding_id"], hash_strings(table["exchange_id"]).to_numpy())


def _by_finding(names: pa.ChunkedArray, hashes: Ints) -> dict[str, Ints]:
    coded = names.combine_chunks().dictionary_encode()
    coded = coded if isinstance(coded, pa.DictionaryArray) else coded.combine_chunks()
    number = coded.indices.to_numpy()
    return {
        name: np.unique(hashes[number == at]).astype(np.int64) for at, name in enumerate(coded.dictionary.to_pylist())
    }


def _still_there(connection: duckdb.DuckDBPyConnection, past: pa.Table) -> pa.Table:
    """Of the exchanges of past findings those that the store still holds."""
    connection.register("past_exchanges", past)
    table = connection.sql("select p.* from past_exchanges p semi join fingerprint using (exchange)").to_arrow_table()
    connection.unregister("past_exchanges")
    return table


def _published(
    found: Sequence[Finding], lines: Sequence[Lineage], returned: Mapping[int, str], taken: set[str]
) -> dict[str, str]:
    """The id of a scan without a store -> the id under which the finding is published."""
    out = {}
    for i, (finding, line) in enumerate(zip(found, lines, strict=True)):
        kept = line.kept or returned.get(i)
        if kept is not None:
            out[finding.finding_id] = kept
    for finding in found:
        if finding.finding_id not in out:
            out[finding.finding_id] = new_id(finding.finding_id, taken | set(out.values()))
    return out


def _renamed(tables: Tables, ids: Mapping[str, str], published: Mapping[str, float]) -> Tables:
    """The tables under the published ids. What goes on was tested when it was published, and is as doubtful as then.

    published: id -> false findings this strong that were to be expected then.
    """

    def column(values: pa.ChunkedArray) -> pa.Array:
        coded = values.combine_chunks().dictionary_encode()
        coded = coded if isinstance(coded, pa.DictionaryArray) else coded.combine_chunks()
        names = pa.array([ids[one] for one in coded.dictionary.to_pylist()], pa.string())
        return pa.DictionaryArray.from_arrays(coded.indices, names).cast(pa.string())

    def put(table: pa.Table, **columns: pa.Array) -> pa.Table:
        for name, values in columns.items():
            at = table.schema.get_field_index(name)
            table = table.set_column(at, table.schema.field(at), values)
        return table.sort_by([(name, "ascending") for name in table.column_names[:2]])

    findings = [
        msgspec.structs.replace(
            one,
            finding_id=ids[one.finding_id],
            expected_false=min(one.expected_false, published.get(ids[one.finding_id], one.expected_false)),
            operators=[
                msgspec.structs.replace(who, findings=[ids.get(name, name) for name in who.findings])
                for who in one.operators
            ],
        )
        for one in tables.findings.findings
    ]
    tested = [
        one if one.finding_id is None else msgspec.structs.replace(one, finding_id=ids[one.finding_id])
        for one in tables.findings.tested
    ]
    finding = column(tables.exchanges["finding_id"])
    streams = pc.replace_substring_regex(tables.exchanges["stream_id"], r"^[^/]*/", "").combine_chunks()
    return replace(
        tables,
        findings=msgspec.structs.replace(tables.findings, findings=findings, tested=tested),
        accounts=put(tables.accounts, finding_id=column(tables.accounts["finding_id"])),
        exchanges=put(
            tables.exchanges,
            finding_id=finding,
            stream_id=pc.binary_join_element_wise(finding, streams, "/"),
        ),
        links=put(
            tables.links,
            campaign_id=column(tables.links["campaign_id"]),
            network_id=column(tables.links["network_id"]),
        ),
        weighed=[(group, verdict, None if one is None else ids[one]) for group, verdict, one in tables.weighed],
    )


def _ways(
    connection: duckdb.DuckDBPyConnection,
    exchanges: Mapping[str, Ints],
    fresh: Mapping[str, Ints],
    labels: Mapping[tuple[str, int], str],
    platforms: Mapping[int, str],
) -> dict[str, tuple[str | None, str | None]]:
    """Finding -> model and platform of more than half of its new exchanges; None where there is none, or too few."""
    names = sorted(exchanges)
    sets = [fresh[name] for name in names]
    if not names:
        return {}
    number = np.repeat(np.arange(len(names)), [len(one) for one in sets])
    connection.register("fresh", pa.table({"finding": number, "exchange": np.concatenate(sets)}))
    out: dict[str, list[str | None]] = {name: [None, None] for name in names}
    for which, column in enumerate(("model", "platform")):
        rows = connection.sql(
            f"""
            select finding, {column}, count(*) as n, sum(count(*)) over (partition by finding) as whole
            from fresh join fingerprint using (exchange) group by finding, {column}
            qualify n * 2 > whole and whole >= {MOVED_EXCHANGES} and {column} is not null order by finding
            """
        ).fetchall()
        for finding, value, _, _ in rows:
            said = labels.get(("model", value)) if which == 0 else platforms.get(value)
            out[names[finding]][which] = said
    connection.unregister("fresh")
    return {name: (model, platform) for name, (model, platform) in out.items()}


def _new_exchanges(finding: Finding, old: Remembered | None, fresh: Ints) -> int:
    if old is None:
        return finding.exchanges
    return max(0, finding.exchanges - old.exchanges) if finding.verdict == "network" else len(fresh)


def _told(
    finding: Finding,
    at_once_id: str,
    old: Remembered | None,
    line: Lineage,
    at: str,
    *,
    new_exchanges: int,
    new_accounts: int,
    way: tuple[str | None, str | None],
    networks: list[str],
    returned: bool,
) -> Remembered:
    """What became of a finding that was found."""
    model, platform = way
    said: list[tuple[str, str]] = []
    if old is None and line.split_from is None:
        said.append(("new", f"Found for the first time: {count(finding.exchanges, 'exchange')}."))
    if returned:
        last = "" if old is None else f"; before, it was last found at {old.last_found}"
        said.append(("returned", f"Found again{last}."))
    if line.merged:
        said.append(("merged", f"{listed(list(line.merged), 4)} went into it."))
    if line.split_from is not None:
        said.append(("split", f"It was a part of {line.split_from}, the rest of which goes on under that id."))
    if old is not None:
        moves = [
            f"from {what} {was} to {now}"
            for what, was, now in (("model", old.model, model), ("platform", old.platform, platform))
            if was is not None and now is not None and was != now
        ]
        if old.networks and networks and not set(old.networks) & set(networks):
            moves.append(f"from network {listed(old.networks, 3)} to {listed(networks, 3)}")
        if moves:
            said.append(("moved", f"It moved {', and '.join(moves)}."))
    if _moment(at) - _moment(finding.last_at) >= QUIET:
        said.append(("quiet", f"Nothing has come since {finding.last_at}."))
    if old is not None and not returned and (new_exchanges or new_accounts):
        parts = [count(new_exchanges, "exchange")] if new_exchanges else []
        parts += [count(new_accounts, "account")] if new_accounts else []
        said.append(("grown", f"Grown by {' and '.join(parts)}."))
    if not said:
        said.append(("steady", "As in the scan before."))
    said.sort(key=lambda one: list(STATUSES).index(one[0]))
    was_quiet = old is not None and old.status == "quiet"
    events = [] if old is None else list(old.events)
    events += [Event(at, what, text) for what, text in said if what in EVENTS and not (what == "quiet" and was_quiet)]
    return Remembered(
        finding_id=finding.finding_id,
        verdict=finding.verdict,
        status=said[0][0],
        sentence=" ".join(text for _, text in said),
        at_once_id=at_once_id,
        first_found=at if old is None else old.first_found,
        last_found=at,
        first_at=finding.first_at,
        last_at=finding.last_at,
        accounts=finding.accounts,
        exchanges=finding.exchanges,
        expected_false=finding.expected_false,
        new_exchanges=new_exchanges,
        new_accounts=new_accounts,
        networks=networks,
        model=model or (old.model if old else None),
        platform=platform or (old.platform if old else None),
        merged=list(line.merged),
        came_from=line.split_from if old is None else old.came_from,
        events=events,
    )


def _left(one: Remembered, became: str | None, at: str) -> Remembered:
    """What became of a past finding that is none of those that were found."""
    if became is None and not one.active:
        return msgspec.structs.replace(one, new_exchanges=0, new_accounts=0)
    if became is not None:
        status, sentence = "merged", f"It went into {became}."
    else:
        status, sentence = "lost", "What the store holds of it no longer makes it a finding."
    return msgspec.structs.replace(
        one,
        status=status,
        sentence=sentence,
        new_exchanges=0,
        new_accounts=0,
        merged=[],
        became=became,
        events=[*one.events, Event(at, status, sentence)],
    )


def _sorted(table: pa.Table) -> pa.Table:
    return table.sort_by([(name, "ascending") for name in table.column_names]).combine_chunks()


def _moment(iso: str) -> datetime:
    return datetime.fromisoformat(iso)


def _iso(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
