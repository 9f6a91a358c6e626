"""The account registry: the second feed, read as of a moment, joined to logs by account or by key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch import schema
from stillwatch.errors import InputError, MissingColumn, MissingSource
from stillwatch.sources.columns import Faults, adapt, from_rows
from stillwatch.sources.csv_records import as_table, csv_records, read_header
from stillwatch.sources.documents import Piece, decode, element_pieces, layout, line_blocks, line_pieces
from stillwatch.sources.lake_files import Projection
from stillwatch.sources.places import Place, expand, registry_beside
from stillwatch.sources.quarantine import Quarantine
from stillwatch.sources.streams import Opened, open_place, why_not
from stillwatch.sources.tables import row_text
from stillwatch.sources.validation import ID_BYTES, IDS

FILLED = ("org_id", "payment_id", "email_domain")
"""Columns of an exchange that the registry fills where the log has none."""


def open_registry(
    path: str | None,
    logs: Sequence[str],
    *,
    as_of: datetime,
    quarantine: Quarantine,
    say: Callable[[str], None],
) -> pa.Table | None:
    """The registry that was named, or the one beside a world's logs, which is said; None where there is none.

    Raises: InputError where it cannot be read.
    """
    if path is None:
        beside = registry_beside(logs)
        if beside is None:
            return None
        say(f"{beside}: taken as the account registry")
        path = str(beside)
    table = read_accounts(path, as_of=as_of, quarantine=quarantine)
    for sentence in contradictions(table):
        say(f"{path}: {sentence}")
    return table


def read_accounts(path: str, *, as_of: datetime, quarantine: Quarantine) -> pa.Table:
    """The registry as `schema.ACCOUNT`: the rows that held at a moment, sorted by account and key.

    A closure later than that moment is not known yet, and is left out. Rows that cannot be read go to quarantine.
    Raises: MissingSource or InputError where the whole file cannot be read; MissingColumn without `account_id`.
    """
    table = pa.Table.from_batches(list(_batches(path, as_of, quarantine)), schema=schema.ACCOUNT)
    at = pa.scalar(as_of, schema.TIME)
    started = pc.less_equal(table["valid_from"], at).fill_null(True)
    not_ended = pc.greater(table["valid_to"], at).fill_null(True)
    table = table.filter(pc.and_(started, not_ended))
    known = pc.less_equal(table["closed_at"], at).fill_null(True)
    for name in ("closed_at", "closed_reason"):
        index = table.schema.get_field_index(name)
        column = pc.if_else(known, table[name], pa.scalar(None, table.schema.field(index).type))
        table = table.set_column(index, schema.ACCOUNT.field(name), column)
    if not table.num_rows:
        raise InputError("no row of the registry held at the time of the scan", source=path)
    order = [(name, "ascending") for name in ("account_id", "api_key_id", "valid_from", "org_id", "payment_id")]
    return table.sort_by(order).cast(schema.ACCOUNT).combine_chunks()


def contradictions(table: pa.Table) -> list[str]:
    """What a registry says twice or in two ways, and what is made of it, a sentence each."""
    sentences = []
    n_twice = table.num_rows - table.group_by(table.column_names).aggregate([]).num_rows
    if n_twice:
        sentences.append(f"{n_twice:,} rows stand there twice, and count once")
    n_shared = len(_shared_keys(table))
    if n_shared:
        sentences.append(f"{n_shared:,} keys belong to several accounts, and join none")
    owners = table.select(["account_id", "org_id"]).filter(pc.is_valid(table["org_id"]))
    per_account = owners.group_by("account_id").aggregate([("org_id", "count_distinct")])["org_id_count_distinct"]
    n_split = pc.sum(pc.greater(per_account, 1)).as_py() or 0
    if n_split:
        sentences.append(f"{n_split:,} accounts have several organisations at once; the one that began last is taken")
    return sentences


def _shared_keys(table: pa.Table) -> set[str]:
    keys = table.select(["account_id", "api_key_id"]).filter(pc.is_valid(table["api_key_id"]))
    owners = keys.group_by("api_key_id").aggregate([("account_id", "count_distinct")])
    return set(owners["api_key_id"].filter(pc.greater(owners["account_id_count_distinct"], 1)).to_pylist())


class Registry:
    """A registry made ready for joins: rows found by account or by key in one look each.

    An account with several rows is joined with the values that began last. A key of several accounts joins none: it
    would bind strangers together.
    """

    def __init__(self, table: pa.Table) -> None:
        # Sorting keeps the order of equals: account and key.
        table = table.sort_by([("valid_from", "descending")]).combine_chunks()
        self.columns = {name: _one_array(table[name]) for name in ("account_id", *FILLED)}
        self.by_account: dict[str, int] = {}
        accounts = table["account_id"].to_pylist()
        for row, account in enumerate(accounts):
            self.by_account.setdefault(account, row)
        first = np.array([self.by_account[account] for account in accounts], np.int64)
        # An account with several keys has several rows: the first that has a value stands for the account, and is
        # found by the account's first row, -1 for none. One row more is nobody's.
        self.best = {name: np.full(len(accounts) + 1, -1, np.int64) for name in FILLED}
        for name in FILLED:
            filled = np.flatnonzero(pc.is_valid(self.columns[name]).to_numpy(zero_copy_only=False))
            self.best[name][first[filled[::-1]]] = filled[::-1]
        self.by_key: dict[str, int] = {}
        shared = _shared_keys(table)
        for account, key in zip(accounts, table["api_key_id"].to_pylist(), strict=True):
            if key is not None and key not in shared:
                self.by_key.setdefault(key, self.by_account[account])


def fill_from_registry(batch: pa.RecordBatch, registry: Registry | pa.Table) -> pa.RecordBatch:
    """The batch with `org_id`, `payment_id` and `email_domain` from the registry where the log has none.

    Found by `account_id`, else by `api_key_id`. Where the log knows only the key, so that the key stands as the
    account, `account_id` becomes the registry's account. Cost: a look per distinct account and key of the batch.
    """
    if isinstance(registry, pa.Table):
        registry = Registry(registry)
    account = batch.column("account_id").dictionary_encode()
    names = account.dictionary.to_pylist()
    # Distinct accounts of the batch -> first rows of accounts of the registry, -1 for none.
    known = [registry.by_account.get(name, registry.by_key.get(name, -1)) for name in names]
    owners = np.array(known, np.int64)[account.indices.to_numpy(zero_copy_only=False)]
    key = batch.column("api_key_id")
    if key.null_count < len(key):
        coded = key.dictionary_encode()
        found = [registry.by_key.get(name, -1) for name in coded.dictionary.to_pylist()]
        indices = coded.indices.fill_null(len(found)).to_numpy(zero_copy_only=False)
        owners = np.where(owners < 0, np.array([*found, -1], np.int64)[indices], owners)
    if any(row >= 0 and name not in registry.by_account for name, row in zip(names, known, strict=True)):
        rows = pa.array(known, pa.int64(), mask=np.array(known) < 0)
        dictionary = pc.coalesce(registry.columns["account_id"].take(rows), account.dictionary)
        renamed = pa.DictionaryArray.from_arrays(account.indices, dictionary).cast(pa.string())
        batch = _set(batch, "account_id", renamed)
    for name in FILLED:
        column = batch.column(name)
        if not column.null_count:
            continue
        best = registry.best[name][owners]
        theirs = registry.columns[name].take(pa.array(best, pa.int64(), mask=best < 0))
        batch = _set(batch, name, theirs if column.null_count == len(column) else pc.coalesce(column, theirs))
    return batch


def _set(batch: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    index = batch.schema.get_field_index(name)
    return batch.set_column(index, batch.schema.field(index), column)


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, column.type)


def _batches(path: str, as_of: datetime, quarantine: Quarantine) -> Iterator[pa.RecordBatch]:
    for place in expand([path], lambda text: None):
        try:
            opened = open_place(place)
        except OSError as error:
            raise MissingSource(f"the registry cannot be read: {why_not(error)}", source=place.name) from None
        try:
            if opened.kind in ("empty", "unknown"):
                raise InputError(f"the registry {opened.reason}", source=place.name)
            try:
                for first, batch, faults in _tables(place, opened, quarantine):
                    faults = {**faults, **_find_faults(batch, faults)}
                    for row, reason in sorted(faults.items()):
                        quarantine.add(place.name, first[row], reason, row_text(batch, row))
                    keep = np.ones(batch.num_rows, bool)
                    keep[list(faults)] = False
                    yield batch.filter(pa.array(keep))
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                raise InputError(f"the registry is cut off or damaged: {error}", source=place.name) from None
        finally:
            opened.close()


def _tables(place: Place, opened: Opened, quarantine: Quarantine) -> Iterator[tuple[list[int], pa.RecordBatch, Faults]]:
    """Line numbers, batch and faults of each piece of the file."""
    if opened.file is not None:
        row = 1
        parquet = pq.ParquetFile(opened.file, arrow_extensions_enabled=True)
        projection = Projection(place.lake, parquet.schema_arrow, place.name)
        _require_account(place, projection.columns)
        wanted = [name for name in projection.columns if name in schema.ACCOUNT.names]
        for stored in parquet.iter_batches(columns=projection.stored(wanted)):
            rows_read = np.arange(row, row + stored.num_rows, dtype=np.int64)
            batch, kept = projection.project(stored, rows_read, wanted)
            yield kept.tolist(), *adapt(batch, schema.ACCOUNT)
            row += stored.num_rows
        return
    stream = opened.stream
    if stream is None:
        return
    if opened.kind == "csv":
        header = read_header(stream.head)
        _require_account(place, header.columns)
        for records in csv_records(stream.read, header):
            if records.error is not None:
                quarantine.add(place.name, int(records.lines[0]), records.error, records.data[:400])
            else:
                table = as_table(records, header).combine_chunks()
                yield records.lines.tolist(), *adapt(table.to_batches()[0], schema.ACCOUNT)
        return
    pieces: Iterator[Piece]
    if layout(stream.head) == "lines":
        pieces = (piece for block in line_blocks(stream.read) for piece in line_pieces(*block))
    else:
        pieces = element_pieces(stream.read)
    lines, rows = [], []
    for piece in pieces:
        reason = piece.error
        if reason is None:
            try:
                document = decode(piece.data)
            except ValueError as error:
                reason = str(error)
            else:
                if isinstance(document, dict):
                    lines.append(piece.line)
                    rows.append(document)
                else:
                    reason = "is no JSON object"
        if reason is not None:
            quarantine.add(place.name, piece.line, reason, piece.data[:400])
        if len(rows) >= 65_536:
            yield lines, *from_rows(rows, schema.ACCOUNT)
            lines, rows = [], []
    if rows:
        _require_account(place, rows[0])
        yield lines, *from_rows(rows, schema.ACCOUNT)


def _require_account(place: Place, columns: Sequence[str] | dict[str, object]) -> None:
    if {"exchange_id", "requested_at"} & set(columns):
        raise InputError(
            "is a log, and no account registry: it has exchanges",
            source=place.name,
            hint="--accounts wants a row an account (docs/tables.md); logs are named without an option",
        )
    if "account_id" not in columns:
        raise MissingColumn(
            "the registry has no column account_id",
            source=place.name,
            hint=f"its columns may be {', '.join(schema.ACCOUNT.names)}",
        )


def _find_faults(batch: pa.RecordBatch, faults: Faults) -> Faults:
    found: Faults = {}
    for row in np.flatnonzero(
        pc.equal(pc.binary_length(batch.column("account_id")), 0).fill_null(True).to_numpy(False)
    ):
        found.setdefault(int(row), "lacks account_id")
    for name in IDS:
        if name in batch.schema.names:
            column = batch.column(name)
            for row in np.flatnonzero(
                pc.or_(pc.greater(pc.binary_length(column), ID_BYTES), pc.match_substring(column, "\0"))
                .fill_null(False)
                .to_numpy(zero_copy_only=False)
            ):
                found.setdefault(int(row), f"{name} is longer than 1,024 bytes, or holds a NUL byte")
    return {row: reason for row, reason in found.items() if row not in faults}
