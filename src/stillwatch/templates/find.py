"""Templates of a scan: fingerprints in, the tables `template` and `exchange_template` out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch.engine.database import database
from stillwatch.engine.parts import part_path, read_parts, write_table
from stillwatch.errors import OutputError
from stillwatch.schema import EXCHANGE_TEMPLATE, TEMPLATE
from stillwatch.templates import kernels, mould_kernels
from stillwatch.templates.anchors import Ints, Pours, gather_pours, pours_of
from stillwatch.templates.moulds import LEAST_POURS, Fixed, choose, families, find_moulds, fixed_texts

CONSTANT_WORDS = 8
"""A shorter prompt that many send word for word is a turn of phrase."""

CONSTANT_ACCOUNTS, CONSTANT_EXCHANGES = 3, 10
"""A whole prompt is a template, its slots empty, when so many accounts send it, or it is sent so often."""

_CONSTANT_NAME = 0x2545F4914F6CDD1D

_POURED = pa.schema(
    [
        ("position", pa.int64()),
        ("account", pa.int64()),
        ("requested_at", pa.int64()),
        ("prompt_hash", pa.int64()),
        ("words", pa.int64()),
        ("template", pa.int64()),
        ("family", pa.int64()),
        ("by_system", pa.bool_()),
        ("share", pa.int16()),
    ]
)

_CONSTANTS = f"""
create temp table constants as
select prompt_hash, xor(prompt_hash, {_CONSTANT_NAME}) as template from poured
where (template is null or by_system) and words >= {CONSTANT_WORDS} and prompt_hash is not null
group by prompt_hash
having count(distinct account) >= {CONSTANT_ACCOUNTS}
    or (count(*) >= {CONSTANT_EXCHANGES} and count(template) = 0)
"""

_ASSIGNED = """
create view assigned as
select position, account, requested_at, p.prompt_hash, coalesce(c.template, p.template) as template,
    coalesce(c.template, p.family) as family, case when c.template is null then share else 1000 end as share
from poured p left join constants c on p.prompt_hash = c.prompt_hash and (p.template is null or p.by_system)
where c.template is not null or p.template is not null
"""

_TEMPLATES = """
select template, min(family) as family, count(*) as n_exchanges, count(distinct account) as n_accounts,
    min(requested_at) as first_at, max(requested_at) as last_at,
    count(distinct prompt_hash) as n_distinct, count(prompt_hash) as n_prompts
from assigned group by template order by template
"""

_SHARES = "select template, share, count(*) as n from assigned group by template, share order by template, share"


def find_templates(fingerprints: Path, out: Path, *, memory_mb: int, threads: int) -> None:
    """Write `template.parquet` and `exchange_template.parquet` of the fingerprints into a folder.

    An exchange is in at most one template; one whose prompt shows no mould is in none. The same fingerprints give the
    same tables, whatever their order, parts and the threads.
    Raises: OutputError where the folder cannot be written.
    Cost: n log n in exchanges; memory as `anchors.gather_pours` says, and `memory_mb` for the sums.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=".") as folder:
            _find(fingerprints, out, Path(folder), memory_mb, threads)
    except (OSError, duckdb.IOException) as error:
        raise OutputError(
            f"cannot write: {error}", source=str(out), hint="free some space or choose another --out"
        ) from error


def _find(fingerprints: Path, out: Path, scratch: Path, memory_mb: int, threads: int) -> None:
    pours = gather_pours(fingerprints, scratch, LEAST_POURS, memory_mb=memory_mb)
    moulds = find_moulds(pours, threads=threads)
    chosen = choose(pours, moulds, threads=threads)
    used, templates = np.unique(chosen[chosen >= 0], return_inverse=True)
    of_pour = np.full(pours.n, -1, np.int32)
    of_pour[chosen >= 0] = templates
    sizes = np.bincount(templates, minlength=len(used)).astype(np.int64)
    fixed = fixed_texts(pours, of_pour, sizes, threads=threads)
    name = moulds.name[used]
    family = name[families(pours, fixed, sizes)]
    for number, table in enumerate(_poured(fingerprints, pours, of_pour, fixed, name, family)):
        write_table(table, part_path(scratch, number))
    del pours, moulds
    with database(scratch, memory_mb=memory_mb, threads=threads) as connection:
        path = str(scratch / "part-*.parquet").replace("'", "''")
        if any(scratch.glob("part-*.parquet")):
            connection.execute(f"create view poured as select * from read_parquet('{path}')")
        else:
            connection.register("poured", _POURED.empty_table())
        connection.execute(_CONSTANTS)
        connection.execute(_ASSIGNED)
        write_table(_template_table(connection), out / "template.parquet")
        _write_assigned(connection, out / "exchange_template.parquet")


def _poured(
    fingerprints: Path, pours: Pours, of_pour: npt.NDArray[np.int32], fixed: Fixed, name: Ints, family: Ints
) -> Iterator[pa.Table]:
    """Each part's exchanges with their template, its family, and the share of the text that is the template's."""
    # one more pour and one more template, both nobody's, are what -1 points at
    n = len(name)
    owner = np.repeat(np.arange(n), np.diff(fixed.starts))
    kinds = pours.kind[fixed.anchors]
    by_system = np.bincount(owner[kinds == kernels.SYSTEM], minlength=n + 1) > 0
    by_prompt = np.bincount(owner[kinds != kernels.SYSTEM], minlength=n + 1) > 0
    shares = np.zeros(pours.n + 1, np.int16)
    mould_kernels.mould_shares(
        of_pour, pours.start, pours.count, pours.anchors, pours.kind, pours.n_kept, fixed.starts, fixed.anchors, shares
    )
    of_pour, name, family = np.append(of_pour, -1), np.append(name, 0), np.append(family, 0)
    columns = (
        "position", "account", "requested_at", "prompt_hash", "prompt_words", "system_hash", "prompt_bytes",
        "system_bytes",
    )  # fmt: skip
    for part in read_parts(fingerprints, columns):
        pour = pours_of(part, pours.index)
        template = of_pour[pour]
        share = shares[pour].astype(np.int64)
        prompt_bytes = pc.fill_null(part["prompt_bytes"], 0).to_numpy()
        system_bytes = pc.fill_null(part["system_bytes"], 0).to_numpy()
        whole = prompt_bytes + system_bytes
        with_system = (1000 * system_bytes + share * prompt_bytes) // np.maximum(whole, 1)
        share = np.where(by_system[template] & (whole > 0), with_system, share)
        yield pa.table(
            {
                "position": part["position"],
                "account": part["account"],
                "requested_at": pc.cast(part["requested_at"], pa.int64()),
                "prompt_hash": part["prompt_hash"],
                "words": part["prompt_words"],
                "template": pa.array(name[template], pa.int64(), mask=template < 0),
                "family": pa.array(family[template], pa.int64(), mask=template < 0),
                "by_system": (template >= 0) & ~by_prompt[template],
                "share": share.astype(np.int16),
            },
            schema=_POURED,
        )


def _template_table(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    rows = connection.sql(_TEMPLATES).to_arrow_table()
    counts = connection.sql(_SHARES).to_arrow_table()
    template, share, n = (counts[c].to_numpy().astype(np.int64) for c in ("template", "share", "n"))
    cumulated = np.cumsum(n)
    number = np.searchsorted(rows["template"].to_numpy(), template)
    total = rows["n_exchanges"].to_numpy().astype(np.int64)
    before = np.concatenate([[0], np.cumsum(total)])[:-1]
    # the median of a group: the first share at which half of its exchanges are reached
    reached = 2 * (cumulated - before[number]) >= total[number] if len(n) else np.zeros(0, bool)
    _, first = np.unique(number[reached], return_index=True)
    median = share[reached][first] / 1000
    distinct = rows["n_distinct"].to_numpy() / np.maximum(rows["n_prompts"].to_numpy(), 1)
    stamps = {c: pc.cast(rows[c], TEMPLATE.field(c).type) for c in ("first_at", "last_at")}
    columns = {c: rows[c] for c in ("template", "family", "n_exchanges", "n_accounts")} | stamps
    columns |= {"fixed_share": pa.array(median, pa.float64()), "distinct_share": pa.array(distinct, pa.float64())}
    return pa.table({field.name: columns[field.name] for field in TEMPLATE}, schema=TEMPLATE)


def _write_assigned(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    rows = connection.sql("select position, template from assigned order by position").to_arrow_reader(1 << 20)
    partial = path.with_name(f".{path.name}.partial")
    with pq.ParquetWriter(partial, EXCHANGE_TEMPLATE, compression="zstd", compression_level=1) as writer:
        for batch in rows:
            writer.write_batch(batch.cast(EXCHANGE_TEMPLATE))
    partial.replace(path)
