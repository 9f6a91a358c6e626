"""What links and campaigns query: views over the tables on disk, the registry by unit, and who is one unit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.engine.queries import Queries
from stillwatch.fingerprint.addresses import ip_prefix
from stillwatch.fingerprint.hashing import hash_strings
from stillwatch.links.addresses import shared_prefix
from stillwatch.profiles.index import AccountIndex, Ints, index_accounts
from stillwatch.scan.addresses import SIGNUP_ASN, SIGNUP_KINDS

_REGISTRY_HASHES = ("unit", "account", "payment", "email", "signup_prefix", "signup_hour", "country")
_REGISTRY_TEXTS = ("payment_id", "email_domain", "signup_ip")


def open_views(connection: Queries, work: Path, registry: pa.Table | None, names: pa.Table) -> AccountIndex:
    """Make the views `fingerprint`, `exchanges`, `template`, `exchange_template`, `exchange_ids` and `registry`.

    names: account hash and account id, sorted by hash.  Returns who is who.
    """
    for view, files in {
        "fingerprint": "fingerprint/part-*.parquet",
        "exchange_ids": "exchange_ids/part-*.parquet",
        "template": "templates/template.parquet",
        "exchange_template": "templates/exchange_template.parquet",
    }.items():
        path = str(work.absolute() / files).replace("'", "''")
        connection.execute(f"create view {view} as select * from read_parquet('{path}')")
    hashes = names["hash"].to_numpy().astype(np.int64)
    by_org = connection.sql(
        "select account, min(org) as org from fingerprint where org is not null group by account order by account"
    ).to_arrow_table()
    org, has_org = np.zeros(len(hashes), np.int64), np.zeros(len(hashes), bool)
    at = np.searchsorted(hashes, by_org["account"].to_numpy())
    org[at], has_org[at] = by_org["org"].to_numpy(), True
    verified = np.full(len(hashes), -1, np.int8)
    rows: pa.Table | None = None
    place: Ints = np.zeros(0, np.int64)
    if registry is not None:
        account = hash_column(registry["account_id"])
        place = np.searchsorted(hashes, account)
        known = (place < len(hashes)) & (hashes[np.minimum(place, len(hashes) - 1)] == account)
        rows, place = registry.filter(pa.array(known)), place[known]
        verified[place] = pc.fill_null(pc.cast(rows["verified"], pa.int8()), pa.scalar(-1, pa.int8())).to_numpy()
        named = pc.fill_null(rows["org_id"], "").to_numpy(zero_copy_only=False) != ""
        org[place[named]] = hash_column(rows["org_id"].filter(pa.array(named)))
        has_org[place[named]] = True
    index = index_accounts(hashes, names["text"].to_pylist(), org, has_org, verified)
    units = pa.table({"account": hashes, "unit": index.unit, "code": np.arange(len(hashes))})
    connection.register("account_unit", units)
    connection.execute(
        "create view exchanges as select f.*, u.unit from fingerprint f join account_unit u using (account)"
    )
    connection.register("registry", registry_view(rows, place, index))
    return index


def registry_view(rows: pa.Table | None, place: Ints, index: AccountIndex) -> pa.Table:
    """What is asked of the registry, by unit: payment, e-mail domain, prefix and hour of sign-up, as text and hash.

    place: (n_rows,) which account of the index a row is.
    """
    if rows is None:
        kinds = dict.fromkeys((*_REGISTRY_HASHES, "created_us", "closed_us"), pa.int64())
        kinds |= dict.fromkeys(_REGISTRY_TEXTS, pa.string())
        return pa.table({name: pa.array([], kind) for name, kind in kinds.items()})
    created = pc.cast(rows["created_at"], pa.int64())
    # What is no address ("unknown") has no prefix, and is shared by strangers.
    prefix = ip_prefix(rows["signup_ip"].combine_chunks())
    if SIGNUP_KINDS in rows.column_names:
        prefix = shared_prefix(prefix, rows[SIGNUP_ASN].combine_chunks(), rows[SIGNUP_KINDS].combine_chunks())
    addresses = pc.if_else(pc.is_valid(prefix), rows["signup_ip"].combine_chunks(), pa.scalar(None, pa.string()))
    return pa.table(
        {
            "unit": index.unit[place],
            "account": index.hashes[place],
            "payment_id": rows["payment_id"],
            "payment": hash_column(rows["payment_id"]),
            "email_domain": rows["email_domain"],
            "email": hash_column(rows["email_domain"]),
            "signup_ip": addresses,
            "signup_prefix": prefix,
            "country": hash_column(rows["signup_country"]),
            "created_us": created,
            "signup_hour": pc.divide(created, pa.scalar(3_600_000_000, pa.int64())),
            "closed_us": pc.cast(rows["closed_at"], pa.int64()),
        }
    )


def hash_column(column: pa.ChunkedArray) -> Ints:
    """Hashes of a text column; 0 where there is no value."""
    hashes: Ints = pc.fill_null(hash_strings(column), 0).to_numpy(zero_copy_only=False)
    return hashes
