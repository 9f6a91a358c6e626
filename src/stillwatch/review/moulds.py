"""Links without declared moulds: that accounts share what is known to be shared says nothing of them."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from stillwatch.links.kinds import KINDS
from stillwatch.links.links import Links, assemble
from stillwatch.profiles.index import Ints

MOSTLY = 0.9
"""Share of a system prompt's exchanges that pour from the declared moulds, from which it is a part of them."""


def without_moulds(links: Links, connection: duckdb.DuckDBPyConnection, moulds: Ints) -> Links:
    """Links without the templates that are declared, without their families and their system prompts.

    The connection holds `exchanges`, `exchange_template` and `template`.
    """
    if len(moulds) == 0:
        return links
    connection.register("declared_moulds", pa.table({"template": moulds}))
    families = connection.sql(
        "select distinct family as value from template semi join declared_moulds using (template) order by value"
    ).to_arrow_table()
    systems = connection.sql(
        f"""
        select system_hash as value from exchanges left join exchange_template using (position)
        where system_hash is not null group by value
        having count(*) filter (template in (select template from declared_moulds)) >= {MOSTLY} * count(*)
        order by value
        """
    ).to_arrow_table()
    connection.unregister("declared_moulds")
    known = {
        "template": moulds,
        "family": families["value"].to_numpy(),
        "system": systems["value"].to_numpy(),
    }
    gone = np.zeros(links.n_indicators, bool)
    for number, kind in enumerate(KINDS):
        if kind.name in known:
            gone |= (links.kind == number) & np.isin(links.value, known[kind.name])
    unit = np.repeat(np.arange(links.n_units), np.diff(links.unit_offsets))
    indicator = links.unit_indicators.astype(np.int64)
    keep = ~gone[indicator]
    return assemble(
        unit[keep],
        links.kind[indicator[keep]].astype(np.int64),
        links.value[indicator[keep]],
        links.unit_counts[keep],
        links.n_units,
    )
