"""An entry of a world's cast, played: its exchanges put aside on disk, its accounts in two files.

Each entry has its own dice, so entries may be played in any order, in several processes, and give the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from stillwatch import schema
from stillwatch.traffic_range.accounts import Accounts
from stillwatch.traffic_range.addresses import AddressPlan
from stillwatch.traffic_range.days import Days, Shelf
from stillwatch.traffic_range.population import populations
from stillwatch.traffic_range.stage import Stage
from stillwatch.traffic_range.texts.invented import GRAMMAR
from stillwatch.traffic_range.texts.languages import LANGUAGES
from stillwatch.traffic_range.texts.source import Texts
from stillwatch.traffic_range.worlds import Cast, World

ACCOUNTS = pa.schema(
    [
        ("account_id", pa.string()),
        ("kind", pa.string()),
        ("language", pa.string()),
        ("zone", pa.int64()),
        ("vpn", pa.bool_()),
        ("network", pa.string()),
        ("campaign", pa.string()),
        ("role", pa.string()),
    ]
)
"""What is known of accounts. kind: null for those that another entry opened."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is written of a world.

    scale: factor on accounts.  sample: share of exchanges.  without: missing columns.  texts: where they come from.
    plain_above: free bytes of the disk above which exchanges are put aside as they are.
    """

    world: World
    seed: int
    scale: float = 1.0
    sample: float = 1.0
    without: tuple[str, ...] = ()
    texts: Texts = GRAMMAR
    plain_above: int = 0


@dataclass(slots=True)
class Played:
    """An entry on disk. registry, known: files of accounts; n_accounts: theirs.  labels, populations: exchanges of."""

    shelf: Shelf
    registry: Path | None
    known: Path
    n_accounts: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    populations: Counter[str] = field(default_factory=Counter)


def play(recipe: Recipe, place: int, folder: Path) -> Played:
    """Play the entry at a place of the cast, into a folder of its own."""
    cast = recipe.world.cast[place]
    stage = stage_of(recipe, cast)
    days = Days(folder, recipe.world.calendar, recipe.plain_above)
    # Accounts that run on another entry's network are in the registry already.
    registry = None if cast.on else folder / "registry.arrow"
    known, dice = folder / "known.arrow", stage.rng("sample")
    n_accounts, labels, of = 0, Counter[str](), Counter[str]()
    with ExitStack() as stack:
        truth = stack.enter_context(pa.ipc.new_file(str(known), ACCOUNTS))
        opened = stack.enter_context(pa.ipc.new_file(str(registry), schema.ACCOUNT)) if registry else None
        for accounts, blocks in populations()[cast.population].play(stage):
            if opened is not None:
                opened.write_table(accounts.registry())
            truth.write_table(_known(accounts, cast))
            n_accounts += len(accounts)
            for block in blocks:
                part = _left(block, recipe, dice)
                days.put(part, days.n / max(n_accounts, 1) * stage.n)
                for name, counter in (("label", labels), ("population", of)):
                    for one in part[name].value_counts().to_pylist():
                        counter[one["values"]] += one["counts"]
    return Played(days.close(), registry, known, n_accounts, labels, of)


def stage_of(recipe: Recipe, cast: Cast) -> Stage:
    """The stage of an entry, with that of its host where it has one."""
    world, seed, scale = recipe.world, recipe.seed, recipe.scale
    host = stage_of(recipe, world.entry(cast.on)) if cast.on else None
    n = max(cast.least, round(cast.accounts * scale))
    return Stage(
        cast.called,
        n if host is None else min(n, host.n),
        seed,
        world.calendar,
        AddressPlan(),
        cast.options,
        kind=cast.population,
        dials=cast.dials,
        targets=cast.campaign.targets if cast.campaign else (),
        host=host,
        texts=recipe.texts,
    )


def _left(block: pa.Table, recipe: Recipe, dice: np.random.Generator) -> pa.Table:
    """What is left of a block that is sampled, and cut of columns."""
    if recipe.sample < 1:
        block = block.filter(pa.array(dice.random(len(block)) < recipe.sample))
    for name in recipe.without:
        place = block.schema.get_field_index(name)
        block = block.set_column(place, block.schema.field(place), pa.nulls(len(block), block.schema.types[place]))
    return block


def _known(accounts: Accounts, cast: Cast) -> pa.Table:
    columns = {
        "account_id": accounts.account_id,
        "kind": pa.nulls(len(accounts), pa.string()) if cast.on else accounts.kind,
        "language": pa.array(LANGUAGES).take(pa.array(accounts.language)),
        "zone": np.clip(np.round(accounts.zone), -11, 12).astype(np.int64),
        "vpn": accounts.addresses.through_vpn(),
        "network": accounts.network,
        "campaign": accounts.campaign,
        "role": accounts.role,
    }
    return pa.table(columns, schema=ACCOUNTS)


def in_buckets(files: list[Path], most: int = 100_000) -> Iterator[pa.Table]:
    """The accounts of files in parts of rising ids, each part in memory at once; within a part in no order.

    Assumes: ids are `acc_` and random hexadecimal digits.
    """
    tables = [pa.ipc.open_file(pa.memory_map(str(path))).read_all() for path in files]
    n, digits = sum(len(table) for table in tables), 0
    while n > most * 16**digits:
        digits += 1
    for bucket in range(16**digits):
        prefix = f"acc_{bucket:0{digits}x}" if digits else ""
        yield pa.concat_tables([one.filter(pa.compute.starts_with(one["account_id"], prefix)) for one in tables])
