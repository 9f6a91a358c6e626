"""Words for a report: what hashes stand for, as far as it may be shown, and examples of templates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.fingerprint.addresses import ip_prefix_texts
from stillwatch.fingerprint.names import lookup
from stillwatch.links.addresses import service_label
from stillwatch.links.kinds import KINDS
from stillwatch.links.links import Links
from stillwatch.templates.examples import Sample, masked_example

NAMED = {
    "payment": "payment",
    "email-domain": "email_domain",
    "prefix": "ip_prefix",
    "client-fingerprint": "client_fingerprint",
    "client": "client",
}
"""Kinds of indicators whose values have names -> the column of names."""

REGISTERED = {
    "registry-payment": ("payment", "payment_id"),
    "registry-email": ("email", "email_domain"),
    "signup-prefix": ("signup_prefix", "signup_ip"),
}

SAMPLES = 24
"""Texts that an example is made from at most, each of another account."""


def labels(connection: duckdb.DuckDBPyConnection, names: Path, links: Links) -> dict[tuple[str, int], str]:
    """(kind, hash) -> the text to show, for the values that links share and for all models."""
    out: dict[tuple[str, int], str] = {}
    models = (
        connection.sql("select distinct model from fingerprint order by model").to_arrow_table()["model"].to_numpy()
    )
    for value, text in lookup(names, "model", models).items():
        out["model", value] = text
    for number, kind in enumerate(KINDS):
        values = np.unique(links.value[links.kind == number])
        if kind.group == "address":
            out |= {(kind.name, v): label for v in values.tolist() if (label := service_label(v)) is not None}
        if kind.name in NAMED:
            for value, text in lookup(names, NAMED[kind.name], values).items():
                out[kind.name, value] = masked(text) if kind.name == "payment" else text
        elif kind.name in REGISTERED:
            column, shown = REGISTERED[kind.name]
            connection.register("shared_values", pa.table({"value": values}))
            rows = connection.execute(
                f"select {column}, min({shown}) from registry semi join shared_values on {column} = value "
                f"where {shown} is not null group by {column}"
            ).fetchall()
            connection.unregister("shared_values")
            for value, text in rows:
                if (kind.name, int(value)) in out:
                    continue
                out[kind.name, int(value)] = registered_label(shown, text)
        elif kind.name == "signup-hour":
            for value in values.tolist():
                out[kind.name, value] = datetime.fromtimestamp(value * 3600, UTC).strftime("%Y-%m-%d %H:00 UTC")
        elif kind.name == "template":
            for value in values.tolist():
                out[kind.name, value] = f"{value & (2**64 - 1):016x}"
    return out


def registered_label(column: str, text: str) -> str:
    """A value of the registry as it may be shown: of an address only its network, of a payment only its ends."""
    if column == "signup_ip":
        return ip_prefix_texts(pa.array([text]))[0].as_py() or text
    return masked(text) if column == "payment_id" else text


def masked(text: str) -> str:
    """An id of which only the ends can be read."""
    return text if len(text) < 8 else f"{text[:3]}…{text[-4:]}"


def examples(
    connection: duckdb.DuckDBPyConnection, sample: Path, templates: Iterable[int], min_accounts: int
) -> dict[int, str]:
    """Template -> its text with the slots marked, for those of which enough accounts' texts were sampled.

    sample: the table of `spool.SAMPLE`; the connection holds `exchanges` and `exchange_template`.
    """
    wanted = sorted(set(templates))
    texts = pq.read_table(sample)
    if not wanted or texts.num_rows == 0:
        return {}
    connection.register("sampled", texts)
    rows = connection.execute(
        """
        select t.template, e.unit, s.system, s.prompt
        from sampled s join exchange_template t using (position) join exchanges e using (position)
        where t.template in (select unnest(?::bigint[]))
        qualify row_number() over (partition by t.template, e.unit order by e.exchange) = 1
            and dense_rank() over (partition by t.template order by e.unit) <= ?
        order by t.template, e.unit
        """,
        [wanted, SAMPLES],
    ).fetchall()
    connection.unregister("sampled")
    by_template: dict[int, list[Sample]] = {}
    for template, unit, system, prompt in rows:
        by_template.setdefault(int(template), []).append(Sample(int(unit), system, prompt))
    out = {}
    for template, samples in by_template.items():
        text = masked_example(samples, min_accounts=min_accounts)
        if text is not None:
            out[template] = text
    return out


def example_sources(
    connection: duckdb.DuckDBPyConnection, sample: Path, templates: Iterable[int]
) -> dict[int, list[int]]:
    """Template -> hashes of the accounts whose sampled texts were poured from it, sorted; as for `examples`."""
    connection.register("sampled", pq.read_table(sample, columns=["position"]))
    rows = connection.execute(
        """
        select t.template, e.account
        from sampled join exchange_template t using (position) join exchanges e using (position)
        where t.template in (select unnest(?::bigint[])) group by all order by all
        """,
        [sorted(set(templates))],
    ).fetchall()
    connection.unregister("sampled")
    out: dict[int, list[int]] = {}
    for template, account in rows:
        out.setdefault(int(template), []).append(int(account))
    return out
