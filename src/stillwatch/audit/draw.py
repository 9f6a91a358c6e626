"""Drawing an audit's sample: so many of each stratum, at random, in random order, under names that say nothing."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from stillwatch.audit.facts import Facts
from stillwatch.audit.frame import STRATA
from stillwatch.errors import InputError, MissingSource

SHARES = {
    "campaigns": 0.25,
    "harvests": 0.05,
    "networks": 0.15,
    "near misses": 0.2,
    "clear groups": 0.1,
    "nobody's": 0.25,
}
"""How a sample is dealt to the strata: a quarter to the findings that accuse, the most to what was passed over."""

SEAL = (
    b"A sealed key of `stillwatch audit`. Open it after the answers are in: it says what the scan made of each item.\n"
)


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """What a reviewer's item is. entry, stratum: of `tested.parquet`.  accounts: how many."""

    item: str
    entry: str
    stratum: str
    verdict: str
    accounts: int
    exchanges: int
    finding_id: str | None = None


class Stratum(msgspec.Struct, frozen=True, kw_only=True):
    """How many entries a stratum has, and how many were drawn: each with probability drawn / of.

    sizes: accounts of every entry that is listed, largest first; of nobody's none, each is one party.
    """

    name: str
    of: int
    drawn: int
    sizes: list[int]

    @property
    def probability(self) -> float:
        """With which each of its entries was drawn."""
        return self.drawn / self.of if self.of else 0.0


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What the sealed key holds. scan: digest of the scan's `tested.parquet`."""

    scan: str
    seed: int
    strata: list[Stratum]
    items: list[Item]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sample: what a reviewer sees of each item, in random order, and the key."""

    facts: list[tuple[str, Facts]]
    key: Key


def draw(frame: pa.Table, digest: str, size: int, seed: int) -> Drawn:
    """A random sample of a frame (`schema.TESTED`), stratified, without repetition. digest: of the scan."""
    rng = np.random.default_rng([seed, int(digest[:12], 16)])
    rows = frame.to_pylist()
    by_stratum: dict[str, list[int]] = {name: [] for name in STRATA}
    for at, row in enumerate(rows):
        by_stratum[row["stratum"]].append(at)
    able = {name: [at for at in mine if rows[at]["facts"] is not None] for name, mine in by_stratum.items()}
    wanted = allocate({name: len(mine) for name, mine in able.items()}, size)
    taken = [at for name in STRATA for at in sorted(rng.permutation(able[name])[: wanted[name]].tolist())]
    strata = [
        Stratum(
            name=name,
            of=int(rows[mine[0]]["of"]),
            drawn=wanted[name],
            sizes=[] if name == STRATA[-1] else sorted((len(rows[at]["accounts"]) for at in mine), reverse=True),
        )
        for name, mine in by_stratum.items()
        if mine
    ]
    facts: list[tuple[str, Facts]] = []
    items: list[Item] = []
    for at in rng.permutation(taken).tolist():
        row = rows[at]
        name = blake2b(f"{digest}/{seed}/{row['entry']}".encode(), digest_size=5).hexdigest()
        facts.append((name, msgspec.json.decode(row["facts"], type=Facts)))
        items.append(
            Item(
                item=name,
                entry=row["entry"],
                stratum=row["stratum"],
                verdict=row["verdict"],
                accounts=len(row["accounts"]),
                exchanges=row["exchanges"],
                finding_id=row["finding_id"],
            )
        )
    return Drawn(facts, Key(scan=digest, seed=seed, strata=strata, items=items))


def allocate(able: Mapping[str, int], size: int) -> dict[str, int]:
    """How many to draw of each stratum: by `SHARES`, at most all; what is left over goes to those that have more."""
    out = {name: min(able.get(name, 0), round(share * size)) for name, share in SHARES.items()}
    # Whatever is there is looked at once at least, as far as the size goes.
    for name in SHARES:
        if able.get(name, 0) and not out[name] and sum(out.values()) < size:
            out[name] = 1
    while sum(out.values()) < size:
        open_ones = [name for name in SHARES if out[name] < able.get(name, 0)]
        if not open_ones:
            break
        least = min(open_ones, key=lambda name: (out[name] / SHARES[name], STRATA.index(name)))
        out[least] += 1
    while sum(out.values()) > size:
        most = max((name for name in SHARES if out[name]), key=lambda name: (out[name] / SHARES[name], name))
        out[most] -= 1
    return out


def sealed(key: Key) -> bytes:
    """A key as its file holds it: nothing that the eye reads by accident."""
    return SEAL + base64.encodebytes(zlib.compress(msgspec.json.encode(key), 9))


def opened(path: Path) -> Key:
    """The key of a file. Raises: MissingSource where it is not there; InputError where it is none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MissingSource(
            f"the sealed key cannot be read: {error.strerror}", source=str(path), hint="name it with --key"
        ) from error
    try:
        if not data.startswith(SEAL):
            raise ValueError("it begins otherwise")
        return msgspec.json.decode(zlib.decompress(base64.decodebytes(data[len(SEAL) :])), type=Key)
    except (ValueError, zlib.error, msgspec.DecodeError) as error:
        raise InputError(f"is no sealed key: {error}", source=str(path)) from error


def commitment(key: bytes) -> str:
    """A digest by which a sheet vouches that the key was there before the answers."""
    return blake2b(key, digest_size=16).hexdigest()
